"""Bad input of every kind to the functions that need torch."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from socialpref import DPO, CorrectedDPO, LatentClasses, Population

from .test_bad_input import (
    CAMPS,
    CROWD,
    NO_ARRAY,
    NO_CHOICE,
    NO_FILE,
    NO_INTEGER,
    NO_NUMBER,
    NO_OBJECT,
    NO_PAIR_DESIGN,
    NO_POPULATIONS,
    NO_REFERENCE,
    NO_REPLICAS,
    NONE,
    NOT_IN_UNIT,
    NOT_POSITIVE,
    Call,
    Hostile,
    all_faults,
    without,
)

pytest.importorskip("torch")
import torch
from torch.nn.functional import softplus

from socialpref.comparisons import (
    Comparisons,
    agreement,
    choose_classes,
    class_evidence,
    cross_table,
    expected_cells,
    fit_latent_classes,
    heterogeneity,
    population_of,
    simulate,
)
from socialpref.llm import read_pairs
from socialpref.llm.experiments import (
    ARMS,
    Settings,
    accuracy,
    annotate,
    expect,
    length_rewards,
    mean_signs,
    reward_gaps,
    summary,
)
from socialpref.plots.verification import verification
from socialpref.training import (
    MLP,
    Tabular,
    certify,
    corrected,
    fit_exact,
    fit_minibatch,
    learn,
    verify,
)

NO_BETA = NOT_POSITIVE | NONE | {"1e-320": 1e-320, "1e-300": 1e-300, "1e-7": 1e-7, "1e300": 1e300}
AT_LEAST_0 = NO_NUMBER | NONE | {"-1": -1.0, "infinity": math.inf}
NO_DEVICE = NO_OBJECT | {
    "unknown": "abacus",
    "without numbers": "meta",
    "too many": "cuda:99",
    "another system's": "mps:7",
}
SIZE = NO_INTEGER | NONE | {"0": 0}
CELLS = expected_cells(CROWD)
LINKED = simulate(CAMPS, 60, "linked", seed=0)
TYPED_PEOPLE = replace(LINKED, annotator_type=np.arange(60) // 2 % 2)
ROWS = {
    "prompt": [0, 0, 0],
    "first": [0, 1, 2],
    "second": [1, 2, 0],
    "label": [1, 0, 1],
    "n_prompts": 1,
    "n_options": 3,
}
NO_COLUMN = without(NO_ARRAY, "a number", "a 0-d array") | {
    "halves": [0.5, 1.5, 1.0],
    "too few": [0, 1],
    "too large": [0, 1, 9],
    "negative": [0, 1, -5],
    "masked": np.ma.masked_equal([0, 1, 2], 2),
}
COLUMNS = "label|prompt|first|second|annotator|panel"
NO_LABEL = without(NO_COLUMN, "too large") | {"2": [0, 1, 2]}
LENGTHS = np.array([[40, 500], [260, 120], [300, 310]])
NO_LENGTHS: dict[str, Any] = {
    "None": None,
    "strings": [["40", "500"]],
    "zeros": np.zeros((3, 2), dtype=np.int64),
    "negative": -LENGTHS,
    "NaN": np.full((3, 2), math.nan),
    "complex": LENGTHS + 0j,
    "dates": LENGTHS.astype("datetime64[D]"),
    "masked": np.ma.masked_greater(LENGTHS, 400),
    "ragged": [[40, 500], [260]],
    "one axis": np.array([40, 500, 260]),
    "three columns": np.ones((2, 3), dtype=np.int64),
    "an object": Hostile(),
}

CALLS: dict[str, Call] = {
    "simulate": Call(
        simulate,
        {"population": CROWD, "n": 10},
        {
            "population": NO_POPULATIONS | {"other types": [CROWD, CAMPS]},
            "n": SIZE,
            "information": NO_CHOICE,
            "sampling": NO_PAIR_DESIGN,
            "seed": NO_INTEGER | NONE,
        },
    ),
    "simulate linked": Call(
        simulate,
        {"population": CROWD, "n": 10, "information": "linked"},
        {"comparisons": SIZE | {"1": 1}},
    ),
    "simulate panels": Call(
        simulate, {"population": CROWD, "n": 10, "information": "panel"}, {"replicas": NO_REPLICAS}
    ),
    "expected_cells": Call(
        expected_cells,
        {"population": CROWD},
        {"population": NO_POPULATIONS, "information": NO_CHOICE, "sampling": NO_PAIR_DESIGN},
    ),
    "Comparisons": Call(
        Comparisons,
        ROWS,
        {
            "prompt": NO_COLUMN | NONE,
            "first": NO_COLUMN | NONE,
            "second": NO_COLUMN | NONE,
            "label": NO_LABEL | NONE,
            "n_prompts": SIZE,
            "n_options": SIZE | {"1": 1},
            "annotator": without(NO_COLUMN, "too large", "negative"),
            "panel": without(NO_COLUMN, "too large", "negative"),
        },
        {
            "nothing": "label|prompt|first|second|annotator|panel",
            "too few": "label|prompt|first|second|annotator|panel",
        },
    ),
    "learn": Call(
        learn,
        {"method": DPO(), "data": CROWD},
        {
            "method": NO_OBJECT | {"a name": "dpo", "the class": DPO},
            "data": NO_OBJECT,
            "sampling": NO_PAIR_DESIGN,
            "beta": NO_BETA,
            "reference": NO_REFERENCE,
            "ridge": AT_LEAST_0,
            "tolerance": NOT_POSITIVE | NONE,
            "device": NO_DEVICE,
        },
        {"data": "data|population"},
    ),
    "learn latent classes": Call(
        learn,
        {"method": LatentClasses(1), "data": LINKED, "device": torch.device("cpu")},
        {
            "beta": NO_BETA,
            "ridge": AT_LEAST_0 | {"given": 1.0},
            "tolerance": NOT_POSITIVE | NONE | {"two": np.array([1e-9, 1.0]), "given": 1e-8},
            "device": NO_DEVICE,
        },
    ),
    "learn corrected": Call(
        learn,
        {"method": CorrectedDPO(alpha=0.5), "data": CROWD},
        {
            "joint": without(NO_OBJECT, "None"),
            "beta": NO_BETA,
            "method": {str(alpha): CorrectedDPO(alpha=alpha) for alpha in (1e3, 1e9, 1e300)},
        },
    ),
    "corrected": Call(
        corrected,
        {},
        {"form": NO_CHOICE, "clamp": NO_NUMBER | NONE | {"-1": -1.0}, "rounding": AT_LEAST_0},
    ),
    "fit_exact": Call(
        fit_exact,
        {"cells": CELLS},
        {
            "cells": NO_OBJECT,
            "n_prompts": NO_INTEGER | {"0": 0},
            "n_options": NO_INTEGER | {"0": 0, "too few": 2},
            "beta": NO_BETA,
            "reference": NO_REFERENCE,
            "ridge": AT_LEAST_0,
            "tolerance": NOT_POSITIVE | NONE,
            "max_iterations": SIZE,
            "device": NO_DEVICE,
        },
    ),
    "fit_minibatch": Call(
        fit_minibatch,
        {
            "policies": [Tabular(1, 3)],
            "cells": CELLS,
            "n_prompts": 1,
            "n_options": 3,
            "steps": 1,
            "batch_size": 4,
        },
        {
            "policies": NO_OBJECT | {"none": []},
            "cells": NO_OBJECT,
            "n_prompts": SIZE,
            "n_options": SIZE,
            "beta": NO_BETA,
            "reference": NO_REFERENCE,
            "steps": SIZE,
            "batch_size": SIZE,
            "learning_rate": NOT_POSITIVE | NONE,
            "seed": NO_INTEGER | NONE,
            "save_every": SIZE,
            "device": NO_DEVICE,
        },
    ),
    "fit_latent_classes": Call(
        fit_latent_classes,
        {"comparisons": LINKED, "n_classes": 1, "n_starts": 1},
        {
            "comparisons": NO_OBJECT,
            "n_classes": SIZE,
            "ridge": {k: v for k, v in (NOT_POSITIVE | NONE).items() if k != "infinity"},
            "n_starts": SIZE,
            "seed": NO_INTEGER | NONE,
            "tolerance": NOT_POSITIVE | NONE,
            "max_iterations": SIZE,
        },
    ),
    "choose_classes": Call(
        choose_classes,
        {"comparisons": LINKED, "candidates": (1,), "n_starts": 1, "folds": 2},
        {
            "comparisons": NO_OBJECT,
            "candidates": {
                "None": None,
                "a number": 3,
                "nothing": (),
                "floats": (1.0, 2.0),
                "booleans": (True,),
                "0": (0, 1),
                "strings": ("1",),
                "an object": Hostile(),
            },
            "folds": SIZE | {"1": 1},
            "rule": NO_CHOICE,
            "ridge": NOT_POSITIVE | {"infinity": math.inf},
            "shuffles": SIZE,
            "n_starts": SIZE,
            "most": SIZE | {"1": 1},
            "seed": NO_INTEGER | NONE,
            "tolerance": NOT_POSITIVE | NONE,
            "max_iterations": SIZE,
        },
        {"candidates": "candidates|n_classes"},
    ),
    "class_evidence": Call(
        class_evidence,
        {"comparisons": LINKED, "n_classes": 2, "folds": 2, "shuffles": 1},
        {
            "comparisons": NO_OBJECT,
            "n_classes": SIZE | {"1": 1},
            "folds": SIZE | {"1": 1},
            "shuffles": SIZE,
            "most": SIZE | {"1": 1},
            "seed": NO_INTEGER | NONE,
        },
    ),
    "heterogeneity": Call(
        heterogeneity,
        {"comparisons": LINKED, "replicates": 1},
        {
            "comparisons": NO_OBJECT,
            "replicates": SIZE,
            "most": SIZE | {"1": 1},
            "seed": NO_INTEGER | NONE,
        },
    ),
    "agreement": Call(
        agreement, {"comparisons": LINKED}, {"comparisons": NO_OBJECT, "symmetric": NO_OBJECT}
    ),
    "cross_table": Call(
        cross_table,
        {"fit": fit_latent_classes(TYPED_PEOPLE, 1), "comparisons": TYPED_PEOPLE, "replicates": 1},
        {
            "fit": NO_OBJECT,
            "comparisons": NO_OBJECT,
            "replicates": SIZE,
            "seed": NO_INTEGER | NONE,
        },
    ),
    "population_of": Call(
        population_of,
        {"comparisons": TYPED_PEOPLE},
        {
            "comparisons": NO_OBJECT,
            "types": NO_CHOICE,
            "prompt": NO_INTEGER | {"1": 1},
            "prior": NOT_POSITIVE,
            "bootstrap": NO_INTEGER | NONE,
            "seed": NO_INTEGER | NONE,
        },
    ),
    "certify": Call(
        certify,
        {
            "loss": lambda margin, label: softplus((1 - 2 * label) * margin),
            "population": CAMPS,
            "n_populations": 1,
            "n_search": 0,
        },
        {
            "loss": NO_OBJECT,
            "population": {"an array": np.eye(3), "the class": Population},
            "information": NO_CHOICE,
            "sees": {"a string": "logp", "another": ("prompt",)},
            "n_types": NO_INTEGER,
            "n_populations": NO_INTEGER | NONE,
            "n_search": NO_INTEGER | NONE,
            "seed": NO_INTEGER | NONE,
        },
    ),
    "verification": Call(
        verification,
        {"report": verify(["dpo"], {"camps": CAMPS}, sizes=(100, 200), n_seeds=2)},
        {"report": NO_OBJECT},
    ),
    "verify": Call(
        verify,
        {"methods": ["dpo"], "on": {"camps": CAMPS}, "sizes": (100, 200), "n_seeds": 2},
        {
            "methods": {"unknown": ["nope"], "a number": 3, "nothing": [], "numbers": [1]},
            "on": {
                "a number": 3,
                "an array": np.eye(3),
                "nothing": {},
                "of arrays": {"x": np.eye(3)},
            },
            "sizes": {
                "a number": 3,
                "negative": (-1,),
                "floats": (1.5,),
                "strings": ("30",),
                "nothing": (),
            },
            "n_seeds": SIZE,
        },
        {"methods": "methods?", "on": "on|populations?"},
    ),
    "Tabular": Call(
        Tabular, {"n_prompts": 1, "n_options": 3}, {"n_prompts": SIZE, "n_options": SIZE}
    ),
    "MLP": Call(
        MLP,
        {"n_prompts": 1, "n_options": 3},
        {
            "n_prompts": SIZE,
            "n_options": SIZE,
            "hidden": {"0": (0,), "floats": (1.5,), "a string": "15", "a number": 15},
            "seed": NO_INTEGER | NONE,
        },
    ),
    "length_rewards": Call(
        length_rewards,
        {"lengths": [64, 256]},
        {
            "lengths": without(
                NO_ARRAY, "a number", "a 0-d array", "infinite", "four axes", "nothing"
            )
            | {"0": 0, "negative": [-3.0]}
        },
    ),
    "reward_gaps": Call(reward_gaps, {"lengths": LENGTHS}, {"lengths": NO_LENGTHS}),
    "mean_signs": Call(mean_signs, {"lengths": LENGTHS}, {"lengths": NO_LENGTHS}),
    "expect": Call(
        expect,
        {"arm": ARMS["anonymous"], "lengths": LENGTHS},
        {"arm": NO_OBJECT, "lengths": NO_LENGTHS},
    ),
    "annotate": Call(
        annotate,
        {"arm": ARMS["anonymous"], "lengths": LENGTHS, "budget": 10, "seed": 0},
        {
            "arm": NO_OBJECT,
            "lengths": NO_LENGTHS,
            "budget": SIZE | {"1": 1},
            "seed": NO_INTEGER | NONE,
            "unit": NO_CHOICE,
        },
    ),
    "accuracy": Call(
        accuracy,
        {"margins": np.array([1.0, -1.0, 1.0]), "lengths": LENGTHS},
        {
            "margins": without(NO_ARRAY, "infinite", "huge") | {"too few": [1.0]},
            "lengths": NO_LENGTHS,
        },
        {"too few": "margins|lengths", "nothing": "margins|lengths"},
    ),
    "Settings": Call(
        Settings,
        {},
        {
            "arms": {"unknown": ("nope",), "nothing": (), "a number": 3, "numbers": (1,)},
            "budgets": {
                "negative": (-1,),
                "floats": (1.5,),
                "strings": ("10",),
                "nothing": (),
                "a number": 3,
            },
            "units": {"unknown": ("hours",), "nothing": (), "a number": 3},
            "seeds": SIZE,
            "held_out": NOT_IN_UNIT | NONE | {"1": 1.0},
            "test_pairs": NO_INTEGER | {"0": 0},
            "head": NO_CHOICE,
            "alpha": NO_NUMBER | NONE | {"-1": -1.0},
            "n_classes": SIZE,
            "beta": NOT_POSITIVE | NONE,
            "learning_rate": NOT_POSITIVE | NONE,
            "epochs": NOT_POSITIVE | NONE,
            "batch_size": SIZE,
            "save_steps": SIZE,
        },
        {"arms": "arms?"},
    ),
    "summary": Call(summary, {"outcomes": []}, {"level": NOT_IN_UNIT | NONE}),
    "read_pairs": Call(read_pairs, {}, {"source": without(NO_FILE, "missing", "a folder")}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_bad_input_is_refused_by_name(call: Call) -> None:
    assert not all_faults(call), all_faults(call)


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("summary", "read_pairs")])
def test_the_calls_that_are_spoilt_work(name: str) -> None:
    CALLS[name].function(**CALLS[name].good)
