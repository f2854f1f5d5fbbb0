"""Bad arguments of `socialpref.llm`, each refused by name."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from socialpref.errors import InputError

pytest.importorskip("torch")
from socialpref.llm import Corpus, Pair, measure, open_models, read_pairs
from socialpref.llm.experiments import (
    ARMS,
    Labels,
    Settings,
    accuracy,
    annotate,
    audit,
    expect,
    fit_score,
    labelled_pairs,
    learn_joint,
    length_rewards,
    mean_signs,
    reward_gaps,
    run,
    summary,
)
from socialpref.llm.experiments.arms import find_arm

ARM = ARMS["anonymous"]
LENGTHS = np.array([[40, 500], [260, 120], [300, 310]])
CORPUS = Corpus((Pair("p", "a", "b"),) * 3, LENGTHS)
LABELS = annotate(ARM, LENGTHS, 4, 0)
LINKED = annotate(ARMS["linked"], LENGTHS, 4, 0)


def labels(**columns: Any) -> Labels:
    one = {"pair": [0], "wins": [1.0], "losses": [0.0], "annotator": [0], "annotator_type": [0]}
    arrays: dict[str, Any] = {name: np.array(value) for name, value in (one | columns).items()}
    return Labels(**arrays, n_asked=1, discarded=0.0)


def off_by(first: Any) -> Any:
    return np.array([[first, 100.0]])


with_options: Any = partial
ONE = (Pair("p", "a", "b"),)
BAD: list[tuple[Any, ...]] = [
    ("lengths", length_rewards, [100, 0]),
    ("lengths", length_rewards, [np.nan]),
    ("lengths", length_rewards, [np.inf]),
    ("lengths", length_rewards, ["100"]),
    ("lengths", length_rewards, np.ma.masked_array([1.0, 2.0], [True, False])),
    ("lengths", reward_gaps, np.array([1, 2])),
    ("lengths", reward_gaps, off_by(1.5)),
    ("lengths", mean_signs, np.ones((2, 3))),
    ("lengths", mean_signs, off_by(-1)),
    ("lengths", annotate, ARM, np.empty((0, 2)), 4, 0),
    ("lengths", annotate, ARM, off_by(0.5), 4, 0),
    ("lengths", expect, ARM, off_by(np.nan)),
    ("lengths", Corpus, ONE, LENGTHS),
    ("lengths", Corpus, ONE, np.array([[1, 513]])),
    ("lengths", accuracy, np.array([1.0]), off_by(0)),
    ("lengths", fit_score, ARM, LABELS, LENGTHS[:, :1]),
    ("arm", find_arm, "nobody"),
    ("arm", find_arm, ["anonymous"]),
    ("arm", annotate, "anonymous", LENGTHS, 4, 0),
    ("arm", expect, None, LENGTHS),
    ("arm", fit_score, "linked", LABELS, LENGTHS),
    ("arm", LABELS.by_model, "typed"),
    ("budget", annotate, ARM, LENGTHS, 4.0, 0),
    ("budget", annotate, ARM, LENGTHS, True, 0),
    ("budget", annotate, ARM, LENGTHS, -4, 0),
    ("budget", annotate, ARM, LENGTHS, 1, 0),
    ("budget", annotate, ARM, LENGTHS, "4", 0),
    ("seed", annotate, ARM, LENGTHS, 4, -1),
    ("seed", annotate, ARM, LENGTHS, 4, 0.0),
    ("seed", CORPUS.split, 0.4, None),
    ("unit", annotate, ARM, LENGTHS, 4, 0, ["pairs"]),
    *(("held_out", CORPUS.split, share, 0) for share in (0.0, 1.0, 0.01, "0.5", np.nan)),
    ("labels", with_options(labels, wins=[1.0, 0.0])),
    ("labels", fit_score, ARM, LENGTHS, LENGTHS),
    ("labels", learn_joint, None, LENGTHS, 2),
    ("pair", with_options(labels, pair=[0.0])),
    ("pair", fit_score, ARM, labels(pair=[3]), LENGTHS),
    ("pair", learn_joint, labels(pair=[-1]), LENGTHS, 2),
    ("wins and losses", with_options(labels, wins=[0.0])),
    ("wins and losses", with_options(labels, wins=[1.2])),
    ("wins and losses", with_options(labels, wins=[-0.5], losses=[1.0])),
    ("wins", with_options(labels, wins=[np.nan])),
    *(("alpha", with_options(fit_score, alpha=a), ARM, LABELS, LENGTHS) for a in (-1, "1", np.nan)),
    ("joint", fit_score, ARMS["linked"], LINKED, LENGTHS),
    ("n_classes", learn_joint, LINKED, LENGTHS, 0),
    ("n_classes", learn_joint, LINKED, LENGTHS, 1.5),
    ("source", read_pairs, 3),
    ("source", read_pairs, None),
    ("split", read_pairs, "a/b", 0),
    ("pairs", measure, ["ab"], len),
    ("tokenizer", measure, CORPUS.pairs, "gpt2"),
    ("corpus", audit, LENGTHS),
    ("corpus", run, LENGTHS, Settings()),
    ("settings", run, CORPUS, {}),
    ("models", run, CORPUS, Settings(), "small"),
    ("keep", with_options(run, keep="here"), CORPUS, Settings()),
    ("margins", accuracy, np.array([1.0]), LENGTHS),
    ("margins", accuracy, np.array([1.0, np.nan, 0.0]), LENGTHS),
    ("outcomes", summary, []),
    ("outcomes", summary, [1]),
    *(("level", summary, [], level) for level in (0.0, 1.0, "0.95")),
    ("name", open_models, None, []),
    ("texts", open_models, "small", "text"),
    ("texts", open_models, "small", 3),
    ("vocabulary", open_models, "small", ["a"], 257),
    ("vocabulary", open_models, "small", ["a"], 300.0),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case[0])
def test_bad_arguments_are_refused_by_name(case: tuple[Any, ...]) -> None:
    name, function, *arguments = case
    with pytest.raises(InputError, match=f"^'{name}' must be "):
        function(*arguments)


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "arms": ((), "anonymous", ("anon",), None),
        "budgets": ((), 1000, (1.5,), (-1,), ("10",)),
        "units": ((), ("days",), ["pairs"]),
        "seeds": (0, 1.0, True),
        "held_out": (0.0, 1.0, "0.2"),
        "test_pairs": (0, 2.5),
        "head": ("tail", None),
        "alpha": (-1.0, "1"),
        "n_classes": (0, 2.0),
        "reference": (1, "no"),
        "shifted": (0,),
        "beta": (0.0, float("nan")),
        "learning_rate": (0.0,),
        "epochs": (0.0,),
        "batch_size": (0, 8.0),
        "save_steps": (0,),
        "report_to": (None,),
    }.items(),
)
def test_settings_are_checked(name: str, values: tuple[Any, ...]) -> None:
    for value in values:
        given: dict[str, Any] = {name: value}
        with pytest.raises(InputError, match=f"^'{'arm' if value == ('anon',) else name}' must be"):
            Settings(**given)


def test_labels_of_other_pairs_make_no_data_set() -> None:
    pytest.importorskip("datasets")
    with pytest.raises(InputError, match="'pair' must be numbers in"):
        labelled_pairs(CORPUS, labels(pair=[3]))
