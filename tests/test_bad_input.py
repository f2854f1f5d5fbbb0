"""Bad input of every kind, to every public function: refused by the argument's name.

`CALLS` holds for each function a call that works and the kind of each argument; `BAD` holds for
each kind what is none. Every function is called with every bad value of every argument. What looks
odd but has a right answer is at the end.
"""

import datetime
import decimal
import inspect
import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import socialpref as sp
import socialpref.plots.checks
import socialpref.plots.hh
import socialpref.plots.theory
import socialpref.plots.training
from socialpref import (
    InputError,
    Logistic,
    Population,
    explorer,
    limits,
    plots,
    report,
    rules,
    surveys,
    theory,
)
from socialpref.cli import main
from socialpref.errors import DataError
from socialpref.examples import ring
from socialpref.flips import TotalVariation, Wasserstein, greedy_distances, pair_flip_distances
from socialpref.report.words import flip_words
from socialpref.surveys.registry import where

CROWD = Population([[4.0, 1.0, 0.0], [0.0, 1.5, 0.0], [0.0, 1.0, 4.0]], options=["A", "M", "B"])
CAMPS = Population([[0, -1, -2], [0, -2, 4]], options=["A", "B", "C"])
MASKED = np.ma.masked_greater([0.2, 0.3, 0.5], 0.4)
ELSEWHERE = pd.Series([0.2, 0.3, 0.5], index=["A", "M", "elsewhere"])


class Hostile:
    """An object that refuses to become an array."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("no")

    def __repr__(self) -> str:
        return "Hostile()"


# --- what is none -----------------------------------------------------------------------

NO_NUMBER: dict[str, Any] = {
    "a string": "1",
    "bytes": b"1",
    "True": True,
    "a numpy boolean": np.True_,
    "NaN": math.nan,
    "a complex number": 1j,
    "a list": [1.0],
    "a 0-d array": np.array(1.0),
    "an array": np.array([1.0]),
    "a date": datetime.date(2020, 1, 1),
    "a numpy date": np.datetime64("2020-01-01"),
    "a decimal": decimal.Decimal(1),
    "a set": {1.0},
    "a dict": {},
    "an object": Hostile(),
    "masked": np.ma.masked,
    "missing": pd.NA,
    "minus infinity": -math.inf,
}
NONE = {"None": None}
NO_INTEGER = NO_NUMBER | {
    "1.0": 1.0,
    "a half": 0.5,
    "a numpy float": np.float64(2.0),
    "a fraction": Fraction(3, 2),
    "infinity": math.inf,
    "-1": -1,
}
NOT_POSITIVE = NO_NUMBER | {"0": 0.0, "-1": -1.0, "infinity": math.inf, "10**400": 10**400}
NOT_IN_UNIT = NO_NUMBER | {"-1": -1.0, "2": 2.0, "10**400": 10**400, "infinity": math.inf}

NO_ARRAY: dict[str, Any] = {
    "a string": "even",
    "strings": ["0.2", "0.3", "0.5"],
    "bytes": b"\x01\x02\x03",
    "a number": 0.5,
    "a 0-d array": np.array(0.5),
    "nothing": [],
    "ragged": [[0.2, 0.3], [0.5]],
    "NaN": [math.nan, 0.5, 0.5],
    "infinite": [math.inf, 0.0, 0.0],
    "huge": [10**400, 0, 0],
    "None inside": [None, 0.5, 0.5],
    "missing": pd.array([0.5, 0.5, None], dtype="Float64"),
    "complex": np.array([0.2, 0.3, 0.5]) + 0j,
    "dates": np.array(["2020-01-01"] * 3, dtype="datetime64[D]"),
    "durations": np.array([1, 2, 3], dtype="timedelta64[D]"),
    "masked": MASKED,
    "masked inside": [0.2, 0.3, np.ma.masked],
    "a set": {0.2, 0.3, 0.5},
    "a dict": {"A": 0.2, "M": 0.3, "B": 0.5},
    "a generator": (x for x in (0.2, 0.3, 0.5)),
    "an object": Hostile(),
    "objects": [object()] * 3,
    "records": np.zeros(3, dtype=[("a", float)]),
    "four axes": np.zeros((1, 1, 1, 3)),
}
NO_SHARES = NO_ARRAY | {
    "too few": [0.5, 0.5],
    "too many": [0.25] * 4,
    "a sum of 1.5": [0.5, 0.5, 0.5],
    "only zeros": [0.0, 0.0, 0.0],
    "negative": [1.5, -0.5, 0.0],
    "labels of others": ELSEWHERE,
    "labels of others after sorting": pd.Series([0.2, 0.3, 0.5], index=[2, 0, 1]),
    "a label twice": pd.Series([0.2, 0.3, 0.5], index=["A", "A", "B"]),
}
NO_MATRIX = NO_ARRAY | {
    "one axis": [0.2, 0.3, 0.5],
    "three axes": np.zeros((1, 2, 3)),
    "masked": np.ma.masked_greater([[0.2, 0.8], [0.5, 0.5]], 0.7),
    "masked rows": [MASKED, MASKED],
    "labelled rows": [ELSEWHERE, ELSEWHERE],
    "strings": [["1", "0"], ["0", "1"]],
    "no columns": np.zeros((2, 0)),
    "no rows": np.zeros((0, 3)),
    "a column of text": pd.DataFrame({"A": [1.0, 0.0], "B": ["x", "y"]}),
    "a column of dates": pd.DataFrame({"A": [1.0], "B": [pd.Timestamp("2020-01-01")]}),
    "a missing value": pd.DataFrame({"A": [1.0, None], "B": [0.0, 1.0]}),
}
NO_POPULATION: dict[str, Any] = {
    "None": None,
    "an array": np.eye(3),
    "lists": [[1.0, 0.0]],
    "a string": "crowd",
    "a number": 3,
    "the class": Population,
    "a DataFrame": pd.DataFrame(np.eye(3)),
    "an object": Hostile(),
}
NO_CHOICE: dict[str, Any] = {
    "None": None,
    "another string": "nope",
    "bytes": b"ordinal",
    "0": 0,
    "True": True,
    "a list": ["ordinal"],
    "an array": np.array(["ordinal", "noisy"]),
    "a dict": {},
    "an object": Hostile(),
}
NO_LABELS: dict[str, Any] = {
    "a string": "AMB",
    "bytes": b"AMB",
    "a number": 3,
    "integers": [0, 1, 2],
    "floats": [0.0, 1.0, 2.0],
    "booleans": [True, False, True],
    "bytes inside": [b"A", b"M", b"B"],
    "None inside": ["A", None, "B"],
    "NaN inside": ["A", math.nan, "B"],
    "lists": [["A"], ["M"], ["B"]],
    "a range": range(3),
    "one twice": ["A", "A", "B"],
    "a set": {"A", "M", "B"},
    "a dict": {"A": 0, "M": 1, "B": 2},
    "an array of numbers": np.arange(3),
    "an object": Hostile(),
}
NO_OPTION: dict[str, Any] = {
    "None": None,
    "out of range": 3,
    "negative": -1,
    "no such label": "nobody",
    "bytes": b"A",
    "1.0": 1.0,
    "True": True,
    "NaN": math.nan,
    "a list": [0],
    "an array": np.array([0]),
    "huge": 10**400,
    "complex": 1j,
    "an object": Hostile(),
}
NO_LINK: dict[str, Any] = {
    "None": None,
    "a string": "logistic",
    "a number": 1.0,
    "the class": Logistic,
    "NaN": lambda gap: np.full(np.shape(gap), math.nan),
    "above 1": lambda gap: 1.0 + np.asarray(gap),
    "infinite": lambda gap: np.full(np.shape(gap), math.inf),
    "constant": lambda gap: np.full(np.shape(gap), 0.5),
    "decreasing": lambda gap: 1.0 - Logistic()(gap),
    "not symmetric": lambda gap: Logistic()(gap) ** 2,
    "of another shape": lambda gap: Logistic()(np.ravel(gap)),
    "a scalar": lambda gap: 0.5,
    "lists": lambda gap: Logistic()(gap).tolist(),
    "complex": lambda gap: Logistic()(gap) + 0j,
    "nothing": lambda gap: None,
    "an error": lambda gap: gap.nothing,
    "of two arguments": lambda gap, other: gap,
}
NO_PATH: dict[str, Any] = {
    "None": None,
    "a number": 3,
    "bytes": b"file",
    "a list": ["file"],
    "an object": Hostile(),
}
NO_FILE = NO_PATH | {"missing": "no/such/file.csv", "a folder": ".", "a null byte": "a\0b"}
NO_FRAME: dict[str, Any] = {
    "None": None,
    "an array": np.eye(3),
    "a dict": {"question": ["Q"]},
    "a Series": pd.Series([1.0]),
    "no columns": pd.DataFrame(),
    "a column twice": pd.DataFrame(np.eye(2), columns=["question", "question"]),
}
NO_OBJECT: dict[str, Any] = {
    "None": None,
    "a string": "one",
    "a number": 3,
    "an array": np.eye(3),
    "an object": Hostile(),
}
NO_MAPPING = {"a string": "map", "a number": 3, "a list": [1], "an object": Hostile()}
NO_NAMES: dict[str, Any] = {
    "a number": 3,
    "numbers": [1, 2],
    "None inside": [None],
    "bytes": b"sex",
    "a column that is not there": ["nowhere"],
    "lists": [["sex"]],
    "an object": Hostile(),
}


def without(values: Mapping[str, Any], *what: str) -> dict[str, Any]:
    """Return bad values without some that are good here."""
    return {name: value for name, value in values.items() if name not in what}


class Call(NamedTuple):
    """A call that works, and what is none of its arguments.

    Attributes
    ----------
    function : callable
    good : mapping
        The arguments of a call that works.
    bad : mapping of str to mapping
        By the name of the argument.
    named : mapping of str to str
        What the message calls an argument, if not by its name.
    """

    function: Callable[..., Any]
    good: Mapping[str, Any]
    bad: Mapping[str, Mapping[str, Any]]
    named: Mapping[str, str] = {}


def of_population(function: Callable[..., Any], **bad: Mapping[str, Any]) -> Call:
    """Return the call of a function of a population whose other arguments may be omitted."""
    return Call(function, {"population": CROWD}, {"population": NO_POPULATION} | bad)


RULES: dict[str, Call] = {
    "nbc": of_population(sp.nbc, sampling=NO_SHARES),
    "average_reward": of_population(sp.average_reward),
    "borda": of_population(rules.borda, sampling=NO_SHARES),
    "plurality": of_population(rules.plurality),
    "copeland": of_population(rules.copeland, votes=NO_CHOICE),
    "maximin": of_population(rules.maximin, votes=NO_CHOICE),
    "maximal_lottery": of_population(rules.maximal_lottery, votes=NO_CHOICE),
    "nash_welfare": of_population(rules.nash_welfare),
    "egalitarian": of_population(rules.egalitarian),
    "compare_rules": of_population(sp.compare_rules),
    "ranking": Call(
        sp.ranking,
        {"scores": [1.0, 2.0, 3.0]},
        {
            "scores": without(NO_ARRAY, "infinite", "huge"),
            "tolerance": NOT_IN_UNIT | {"2": -2.0} | NONE,
        },
    ),
    "describe": Call(
        sp.ranking([1.0, 2.0, 3.0]).describe, {"options": ("A", "M", "B")}, {"options": NO_LABELS}
    ),
}

POPULATIONS: dict[str, Call] = {
    "Population": Call(
        Population,
        {"rewards": np.eye(3)},
        {
            "rewards": NO_MATRIX
            | {
                "one option": [[1.0], [2.0]],
                "too large": [[1e308, -1e308]],
                "a column twice": pd.DataFrame(np.eye(2), columns=["A", "A"]),
                "columns of numbers": pd.DataFrame(np.eye(2), columns=[2019, 2020]),
            },
            "shares": NO_SHARES,
            "link": NO_LINK,
            "types": NO_LABELS | {"too few": ["A"]},
            "options": NO_LABELS | {"too few": ["A"]},
        },
        {"columns of numbers": "options", "a column twice": "options"},
    ),
    "Population of labels": Call(
        Population,
        {
            "rewards": pd.DataFrame(np.eye(3), columns=list("AMB"), index=list("uvw")),
            "options": list("BMA"),
        },
        {"options": NO_LABELS, "shares": {"labels of options": ELSEWHERE}},
    ),
    "from_choice_shares": Call(
        Population.from_choice_shares,
        {"choice_shares": [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.1, 0.1, 0.8]]},
        {
            "choice_shares": NO_MATRIX
            | {
                "negative": [[1.5, -0.5]],
                "a sum of 0.9": [[0.6, 0.3]],
                "one option": [[1.0], [1.0]],
            },
            "shares": NO_SHARES,
            "smoothing": NO_NUMBER | NONE | {"-1": -1.0, "infinity": math.inf},
            "link": NO_LINK,
            "types": NO_LABELS,
            "options": NO_LABELS,
        },
        {},
    ),
    "index": Call(CROWD.index, {"option": "A"}, {"option": NO_OPTION}),
    "Logistic": Call(Logistic, {}, {"temperature": NOT_POSITIVE | NONE}),
    "Probit": Call(sp.Probit, {}, {"temperature": NOT_POSITIVE | NONE}),
    "Logistic of a gap": Call(
        Logistic(),
        {"gap": 1.0},
        {"gap": without(NO_ARRAY, "a number", "a 0-d array", "nothing", "infinite", "four axes")},
    ),
    "ring": Call(ring, {}, {"size": NO_INTEGER | NONE | {"0": 0, "6": 6}}),
}

THEORY: dict[str, Call] = {
    "at_temperature": Call(
        theory.at_temperature,
        {"population": CROWD, "temperature": 2.0},
        {"population": NO_POPULATION, "temperature": NOT_POSITIVE | NONE},
    ),
    "nbc_by_temperature": Call(
        theory.nbc_by_temperature,
        {"population": CROWD, "temperatures": [1.0, 2.0]},
        {
            "population": NO_POPULATION,
            "temperatures": without(NO_ARRAY, "nothing") | {"0": [0.0, 1.0], "negative": [-1.0]},
            "sampling": NO_SHARES,
        },
    ),
    "crossing_temperatures": Call(
        theory.crossing_temperatures,
        {"population": CROWD, "a": "A", "b": "M"},
        {
            "population": NO_POPULATION,
            "a": NO_OPTION,
            "b": NO_OPTION | {"the same": "A"},
            "sampling": NO_SHARES,
            "low": NOT_POSITIVE | NONE,
            "high": NOT_POSITIVE | NONE | {"below low": 0.01},
        },
        {"a": "option", "b": "option|b"},
    ),
    "average_reward_bounds": Call(
        theory.average_reward_bounds,
        {"population": CAMPS, "a": "A", "b": "B"},
        {
            "population": NO_POPULATION,
            "a": NO_OPTION,
            "b": NO_OPTION | {"the same": "A"},
            "dictionary": without(NO_MATRIX, "no rows") | {"too narrow": [[1.0, 0.0]]},
            "bound": NO_NUMBER | {"too small": 1.0, "infinity": math.inf},
            "seed": NO_INTEGER | NONE,
        },
        {"a": "option", "b": "option|b"},
    ),
    "anonymous_twin": Call(
        theory.anonymous_twin,
        {"population": CAMPS},
        {
            "population": NO_POPULATION,
            "bound": NO_NUMBER | {"too small": 1.0, "infinity": math.inf},
            "seed": NO_INTEGER | NONE,
        },
    ),
    "bradley_terry_misfit": of_population(theory.bradley_terry_misfit),
    "open_pairs": Call(
        theory.open_pairs,
        {"population": CROWD, "top": 2},
        {"population": NO_POPULATION, "top": NO_INTEGER | NONE | {"1": 1}, "bound": NOT_POSITIVE},
    ),
    "dpo_bias_bound": Call(theory.dpo_bias_bound, {"bound": 1.0}, {"bound": NOT_POSITIVE | NONE}),
    "identified_up_to": Call(
        theory.identified_up_to,
        {"probability": 0.6},
        {"probability": NOT_POSITIVE | NONE | {"1": 1.0}},
    ),
    "usable_outcomes": Call(
        theory.usable_outcomes,
        {"n_types": 3},
        {
            "n_types": NO_INTEGER | NONE | {"0": 0, "11": 11, "10**400": 10**400},
            "mean_gap": NO_NUMBER | NONE | {"101": 101.0, "infinity": math.inf},
            "n_points": NO_INTEGER | {"7": 7},
            "seed": NO_INTEGER | NONE,
        },
    ),
    "error_orders": Call(
        theory.error_orders,
        {"mean_rewards": [0, 1, 2], "deviations": [[2, 0, -1], [0, 0, 1], [-2, 0, 1]]},
        {
            "mean_rewards": without(NO_ARRAY, "nothing") | NONE,
            "deviations": NO_MATRIX | NONE,
            "scales": NO_ARRAY | NONE | {"one": [0.1], "increasing": [0.1, 0.2], "0": [0.1, 0.0]},
            "shares": NO_SHARES,
        },
    ),
}

SURVEY = surveys.read_starter("country")
COUNTS = [[60.0, 30.0, 10.0], [20.0, 20.0, 60.0], [10.0, 10.0, 10.0]]
NEGATIVE = {"negative": [[-1.0, 2.0, 3.0]] * 3}
THREE = {"groups": ["u", "v", "w"], "options": ["A", "M", "B"]}
ROWS = pd.DataFrame({"sex": ["f", "m", "f", "m"], "w": [1.0, 1.0, 2.0, 1.0], "Q": [1, 2, 2, 1]})
TABLE = pd.DataFrame(
    [("Q", "f", "yes", 3), ("Q", "f", "no", 4)], columns=["question", "group", "option", "count"]
)
PROTOCOL = surveys.Protocol()
RESPONDENTS: dict[str, Any] = {
    "groups": np.array([0, 1, 2, 0]),
    "options": np.array([0, 1, 2, 1]),
    "weights": np.ones(4),
}
ANSWERS = surveys.Respondents(**RESPONDENTS)

SURVEYS: dict[str, Call] = {
    "from_counts": Call(
        surveys.Question.from_counts,
        {"key": "Q", "counts": COUNTS, **THREE},
        {
            "key": NO_OBJECT | {"a string": b"Q"},
            "counts": NO_MATRIX
            | NEGATIVE
            | {"labels of others": pd.DataFrame(np.eye(3), index=list("uvz"))},
            "groups": NO_LABELS | NONE,
            "options": NO_LABELS | NONE,
            "ordinals": {"too few": [1.0], "strings": ["1", "2", "3"], "a string": "123"},
            "text": {"a number": 3, "None": None},
        },
        {"no columns": "counts|options", "no rows": "groups|counts"},
    ),
    "from_shares": Call(
        surveys.Question.from_shares,
        {"key": "Q", "choice_shares": np.full((3, 3), 1 / 3), **THREE},
        {
            "key": NO_OBJECT | {"a string": b"Q"},
            "choice_shares": NO_MATRIX | NEGATIVE,
            "groups": NO_LABELS | NONE,
            "options": NO_LABELS | NONE,
            "group_shares": NO_SHARES,
        },
        {"no columns": "choice_shares|options", "no rows": "groups|choice_shares"},
    ),
    "from_respondents": Call(
        surveys.Question.from_respondents,
        {"key": "Q", "respondents": ANSWERS, **THREE},
        {
            "key": NO_OBJECT | {"a string": b"Q"},
            "respondents": NO_OBJECT
            | {
                "positions too large": surveys.Respondents(
                    **RESPONDENTS | {"groups": np.array([0, 1, 3, 0])}
                ),
                "negative weights": surveys.Respondents(**RESPONDENTS | {"weights": -np.ones(4)}),
                "NaN weights": surveys.Respondents(
                    **RESPONDENTS | {"weights": np.full(4, math.nan)}
                ),
            },
            "groups": NO_LABELS | NONE,
            "options": NO_LABELS | NONE,
        },
    ),
    "Respondents": Call(
        surveys.Respondents,
        RESPONDENTS,
        {
            "groups": NO_OBJECT | {"floats": np.zeros(4), "masked": MASKED, "a list": [0, 1, 2, 0]},
            "options": NO_OBJECT | {"too few": np.array([0, 1])},
            "weights": NO_OBJECT | {"too few": np.ones(3), "strings": np.array(list("1111"))},
            "design": {"a number": 3, "a string": "psu"},
            "replicates": {"an array": np.ones((4, 2))},
            "sample": {"None": None, "a number": 3},
        },
        {"floats": "groups", "masked": "groups"},
    ),
    "without": Call(
        SURVEY["ENTRY_2005"].without,
        {"reason": "why"},
        {"groups": NO_LABELS, "options": NO_LABELS, "reason": NO_OBJECT | {"a string": b"why"}},
    ),
    "Question.population": Call(
        SURVEY["ENTRY_2005"].population,
        {},
        {"smoothing": NO_NUMBER | NONE | {"-1": -1.0, "infinity": math.inf}, "link": NO_LINK},
    ),
    "Survey": Call(
        surveys.Survey,
        {"name": "one", "questions": tuple(SURVEY)},
        {
            "name": NO_OBJECT | {"a string": b"one"},
            "questions": NO_OBJECT | {"none": (), "one twice": tuple(SURVEY) * 2, "names": ("Q",)},
        },
    ),
    "Survey by key": Call(
        SURVEY.__getitem__,
        {"key": "ENTRY_2005"},
        {"key": NO_OBJECT | {"0": 0, "a list": ["Q"]}},
        {"key": "question"},
    ),
    "from_frame": Call(
        surveys.Survey.from_frame,
        {"frame": TABLE},
        {"frame": NO_FRAME, "groups": NO_OBJECT | {"a list": ["group"]}},
        {"no columns": "column", "a column twice": "columns", "groups": "groups|column"},
    ),
    "survey_from_rows": Call(
        surveys.survey_from_rows,
        {"frame": ROWS, "groups": ["sex"]},
        {
            "frame": NO_FRAME,
            "groups": NO_NAMES | NONE | {"none": []},
            "weight": {"a number": 3, "a list": ["w"], "text": "sex", "not there": "nowhere"},
            "questions": NO_NAMES | {"one twice": ["Q", "Q"]},
            "value_labels": NO_MAPPING | {"of a list": {"Q": ["yes", "no"]}},
            "texts": NO_MAPPING | {"of a number": {"Q": 3}},
            "design": {"a number": 3, "names": ["psu"]},
            "drop_groups": NO_NAMES | NONE,
        },
        {
            "no columns": "column",
            "a column twice": "columns",
            "a column that is not there": "column|drop_groups",
            "text": "sex",
            "not there": "column",
        },
    ),
    "Protocol": Call(
        surveys.Protocol,
        {},
        {
            "smoothing": NO_NUMBER
            | NONE
            | {"-1": -1.0, "infinity": math.inf, "another": "laplace"},
            "margin": NOT_IN_UNIT | NONE,
            "floor": NOT_IN_UNIT | NONE,
            "min_options": NO_INTEGER | NONE | {"1": 1},
            "min_respondents_per_option": NO_NUMBER | NONE | {"-1": -1.0},
            "link": NO_LINK,
            "base": NO_CHOICE | {"a dict": {"Q": [0.5, 0.5]}},
        },
    ),
    "Bootstrap": Call(
        surveys.Bootstrap,
        {},
        {
            "n_replicates": NO_INTEGER | NONE | {"1": 1, "1e3": 1e3, "10**20": 10**20},
            "seed": NO_INTEGER | NONE,
            "method": NO_CHOICE,
            "level": NOT_IN_UNIT | NONE | {"0": 0.0, "1": 1.0},
        },
    ),
    "study": Call(
        surveys.study,
        {"survey": SURVEY},
        {
            "survey": NO_OBJECT,
            "protocol": NO_OBJECT,
            "bootstrap": without(NO_OBJECT, "None"),
            "n_jobs": without(NO_INTEGER, "-1") | {"0": 0, "-2": -2, "10**400": 10**400},
            "keep": without(NO_PATH, "None"),
        },
    ),
    "replicate": Call(
        surveys.replicate,
        {
            "question": SURVEY["ENTRY_2005"],
            "protocol": PROTOCOL,
            "bootstrap": surveys.Bootstrap(2),
        },
        {"question": NO_OBJECT, "protocol": NO_OBJECT, "bootstrap": NO_OBJECT},
    ),
    "sensitivity": Call(
        surveys.sensitivity,
        {"variants": {"one": (SURVEY, PROTOCOL)}},
        {
            "variants": NO_OBJECT | {"none": {}, "of others": {"one": (PROTOCOL, SURVEY)}},
            "reference": {"another": "two", "a number": 1, "a list": ["one"]},
        },
    ),
    "smoothing_variants": Call(
        surveys.smoothing_variants,
        {"survey": SURVEY, "protocol": PROTOCOL},
        {"survey": NO_OBJECT, "protocol": NO_OBJECT},
    ),
    "temperature_variants": Call(
        surveys.temperature_variants,
        {"survey": SURVEY, "protocol": PROTOCOL},
        {"survey": NO_OBJECT, "protocol": NO_OBJECT},
    ),
    "base_variants": Call(
        surveys.base_variants,
        {"survey": SURVEY, "protocol": PROTOCOL},
        {"survey": NO_OBJECT, "protocol": NO_OBJECT},
    ),
    "grouping_variants": Call(
        surveys.grouping_variants,
        {"surveys": {"one": SURVEY}, "protocol": PROTOCOL},
        {"surveys": NO_OBJECT, "protocol": NO_OBJECT},
    ),
    "read_starter": Call(surveys.read_starter, {}, {"groups": without(NO_CHOICE, "None")}),
}

NO_LIST = without(NO_NAMES, "a column that is not there") | NONE
TABLES = {"a DataFrame": pd.DataFrame({"Q": ["x", "y"]})}

FILES: dict[str, Call] = {
    "read_table": Call(surveys.read_table, {}, {"path": NO_FILE}),
    "read_opinionqa": Call(
        surveys.read_opinionqa, {"path": "."}, {"path": NO_FILE, "groups": NO_CHOICE}
    ),
    "read_globalopinionqa": Call(surveys.read_globalopinionqa, {}, {"path": NO_FILE}),
    "read_respondents": Call(
        surveys.read_respondents,
        {"path": "no/such.csv", "groups": ["sex"]},
        {
            "path": NO_FILE,
            "groups": NO_LIST,
            "questions": without(NO_LIST, "None") | TABLES | {"numbers of an array": np.eye(3)},
            "where": NO_MAPPING | TABLES | {"an array": np.eye(3), "text": "", "0": 0},
        },
    ),
    "read_ratings": Call(
        surveys.read_ratings,
        {"path": "no/such.csv", "groups": ["sex"], "item": "book", "rating": "stars"},
        {
            "path": NO_FILE,
            "groups": NO_LIST,
            "item": without(NO_OBJECT, "a string"),
            "rating": without(NO_OBJECT, "a string"),
        },
    ),
    "read_atp": Call(
        surveys.read_atp,
        {"path": "no/such.sav"},
        {"path": NO_FILE, "groups": NO_LIST, "weight": {"a number": 3}},
    ),
    "read_base": Call(surveys.read_base, {}, {"path": NO_FILE}),
    "data set": Call(where, {}, {"name": NO_CHOICE}),
}

NO_PAIR_DESIGN = without(NO_SHARES, "labels of others after sorting") | {
    "not symmetric": [[0.0, 0.5, 0.0], [0.3, 0.0, 0.2], [0.0, 0.0, 0.0]],
    "of another shape": np.full((2, 2), 0.25),
    "a negative pair": [[0.0, -0.5, 0.5], [-0.5, 0.0, 0.5], [0.5, 0.5, 0.0]],
}
NO_REFERENCE = NO_SHARES | {"0 somewhere": [0.5, 0.5, 0.0]}
NO_REPLICAS: dict[str, Any] = {
    "a string": "111",
    "a number": 3,
    "strings": ["1", "1", "1"],
    "floats": [1.0, 1.0, 1.0],
    "booleans": [True, True, True],
    "None inside": [1, None, 1],
    "too few": [1, 1],
    "negative": [1, -1, 1],
    "zeros": [0, 0, 0],
    "NaN": [1, math.nan, 1],
    "ragged": [[1], [1, 2], 1],
    "masked": np.ma.masked_equal([1, 2, 3], 3),
    "a dict": {"u": 1, "v": 1, "w": 1},
    "an object": Hostile(),
}
POLICY = {"beta": NOT_POSITIVE | NONE, "reference": NO_REFERENCE}
NO_POPULATIONS = NO_POPULATION | {"one of several": [CROWD, np.eye(3)]}

LIMITS: dict[str, Call] = {
    "optimal_policy": of_population(sp.optimal_policy, **POLICY),
    **{
        f"limit of {method.name}": of_population(method.limit, sampling=NO_PAIR_DESIGN, **POLICY)
        for method in sp.METHODS
    },
    "AgreementOnly": of_population(
        lambda population, replicas=None: sp.AgreementOnly(replicas).limit(population),
        replicas=NO_REPLICAS,
    ),
    "CorrectedDPO": Call(
        sp.CorrectedDPO,
        {},
        {
            "alpha": NO_NUMBER | NONE | {"infinity": math.inf},
            "form": NO_CHOICE,
            "clamp": NO_NUMBER | NONE | {"-1": -1.0},
            "n_starts": NO_INTEGER | NONE,
        },
    ),
    "RewardAveraging": of_population(
        lambda population, shares=None: sp.RewardAveraging(shares).limit(population),
        shares=without(NO_SHARES, "labels of others after sorting"),
    ),
    "LatentClasses": Call(sp.LatentClasses, {}, {"n_classes": NO_INTEGER | NONE | {"0": 0}}),
    "agreement_rate": of_population(
        limits.agreement_rate, sampling=NO_PAIR_DESIGN, replicas=NO_REPLICAS
    ),
    "limits of several": Call(
        sp.DPO().limit, {"population": [CROWD, CROWD]}, {"population": NO_POPULATIONS}
    ),
    "total_variation": Call(
        sp.total_variation,
        {"first": [0.2, 0.3, 0.5], "second": [0.5, 0.5, 0.0]},
        {"first": NO_SHARES | NONE, "second": NO_SHARES | NONE},
        {"too few": "first|second", "too many": "first|second"},
    ),
    "bradley_terry_misfit of a sampling": of_population(
        theory.bradley_terry_misfit, sampling=NO_PAIR_DESIGN
    ),
    "error_orders of a sampling": Call(
        theory.error_orders, dict(THEORY["error_orders"].good), {"sampling": NO_PAIR_DESIGN}
    ),
    "fit_bradley_terry": Call(
        sp.fit_bradley_terry,
        {"first": [0, 1, 2], "second": [1, 2, 0]},
        {
            "first": without(NO_ARRAY, "a number", "a 0-d array")
            | {"halves": [0.5, 1.0, 2.0], "negative": [-1, 1, 2], "too few": [0, 1]},
            "second": without(NO_ARRAY, "a number", "a 0-d array")
            | {"halves": [0.5, 1.0, 2.0], "itself": [0, 2, 0]},
            "outcomes": without(NO_ARRAY, "a number", "a 0-d array")
            | {"2": 2.0, "-1": [-1.0, 1.0, 1.0], "too few": [1.0, 0.5]},
            "weights": without(NO_ARRAY, "a number", "a 0-d array")
            | {"negative": [-1.0, 1.0, 1.0], "only zeros": [0.0, 0.0, 0.0]},
            "n_options": NO_INTEGER | {"too few": 2, "1": 1},
            "tolerance": without(NOT_POSITIVE, "0") | NONE,
            "max_iterations": NO_INTEGER | NONE | {"0": 0},
        },
        {
            "too few": "first|second|outcomes|n_options",
            "itself": "first|second",
        },
    ),
}

LEAST = {"margin": NOT_IN_UNIT | NONE, "floor": NOT_IN_UNIT | NONE | {"too much": 0.4}}
NO_ANY_ARRAY = without(NO_ARRAY, "a number", "a 0-d array", "nothing", "four axes")
NO_TARGET: dict[str, Any] = {
    "a number": 3,
    "a string": "winner",
    "a class": sp.Winner,
    "options": ["A", "M"],
    "tuples": [("C", "A")],
    "of nobody": [sp.Pair("A", over="nobody")],
    "of floats": [sp.Pair(0, over=1.0)],  # type: ignore[arg-type]
    "of booleans": [sp.Pair(False, over=True)],
    "of itself": [sp.Pair("A", over="A")],
    "another target": [sp.Winner()],
    "no pairs": [],
    "an object": Hostile(),
}
NO_MEMBERS: dict[str, Any] = {
    "None": None,
    "a number": 3,
    "nobody": ["nobody"],
    "nothing": [],
    "one twice": ["A", "A"],
    "floats": [0.0, 1.0],
    "booleans": [False, True],
    "out of range": [3],
    "an object": Hostile(),
}


def flip_to(target: Callable[..., Any]) -> Callable[..., Any]:
    """Return the flip of a population to a target, whose own arguments are then the flip's."""
    own = inspect.signature(target).parameters

    def flipped(population: Any, **arguments: Any) -> Any:
        mine = {name: arguments.pop(name) for name in own if name in arguments}
        return sp.flip(population, target(**mine), **arguments)

    return flipped


FLIPS: dict[str, Call] = {
    "pair": Call(
        flip_to(sp.Pair),
        {"population": CAMPS, "option": "C", "over": "A"},
        {
            "population": NO_POPULATION,
            "option": NO_OPTION,
            "over": NO_OPTION | {"the same": "C"},
            "sampling": NO_SHARES,
            **LEAST,
        },
        {"over": "option|over"},
    ),
    "any change": of_population(sp.flip, sampling=NO_SHARES, **LEAST),
    "shares": Call(
        sp.flip,
        {"population": CAMPS, "over": "shares", "score": "nbc"},
        {
            "population": NO_POPULATION,
            "to": NO_TARGET,
            "over": NO_CHOICE,
            "score": NO_CHOICE,
            "divergence": NO_CHOICE,
            "sampling": NO_SHARES,
            **LEAST,
            "floor": LEAST["floor"] | {"too much": 0.6},
        },
        {"to": "to|option|over"},
    ),
    "winner": of_population(flip_to(sp.Winner), sampling=NO_SHARES, **LEAST),
    "top k": Call(
        flip_to(sp.TopK),
        {"population": CAMPS, "k": 1},
        {
            "population": NO_POPULATION,
            "k": NO_INTEGER | {"0": 0, "3": 3},
            "sampling": NO_SHARES,
            **LEAST,
        },
    ),
    "flip_distances": Call(
        sp.flip_distances,
        {"population": [CAMPS, CAMPS]},
        {
            "population": NO_POPULATION | {"one without draws": CAMPS, "an array": np.zeros(3)},
            "to": NO_TARGET
            | {"an arrangement": sp.Order([0, 1, 2]), "pairs": [sp.Pair(0, 1)]}
            | {f"top {name}": sp.TopK(k) for name, k in NO_INTEGER.items()},
            "over": NO_CHOICE,
            "score": NO_CHOICE,
            "sampling": NO_SHARES | {"one too few": [[0.2, 0.3, 0.5]]},
            **LEAST,
        },
        {"to": "to|option|over|k"},
    ),
    "flip_distances of draws": Call(
        sp.flip_distances,
        {"population": CAMPS.with_draws([CAMPS.rewards, CAMPS.rewards])},
        {"to": NO_TARGET, "sampling": NO_SHARES, **LEAST},
        {"to": "to|option|over"},
    ),
    "greedy_distances": Call(
        greedy_distances, {"gains": [0.1, -0.2, 0.3]}, {"gains": NO_ANY_ARRAY, **LEAST}
    ),
    "pair_flip_distances": Call(
        pair_flip_distances,
        {"pairwise": CAMPS.pairwise()},
        {"pairwise": without(NO_MATRIX, "three axes"), "sampling": NO_SHARES, **LEAST},
    ),
    "pairs": Call(
        sp.flip,
        {"population": CAMPS, "to": [sp.Pair("C", over="A")]},
        {
            "population": NO_POPULATION,
            "to": NO_TARGET,
            "sampling": NO_SHARES,
            "divergence": NO_CHOICE | {"a class": TotalVariation},
            "constraints": {"a string": "none", "a list": [1.0], "an object": Hostile()},
            **LEAST,
        },
        {"to": "to|option|over"},
    ),
    "order": Call(
        flip_to(sp.Order),
        {"population": CAMPS, "options": ["C", "A", "B"]},
        {
            "population": NO_POPULATION,
            "options": NO_MEMBERS | {"too few": ["A"]},
            "sampling": NO_SHARES,
            "divergence": NO_CHOICE,
            **LEAST,
        },
        {"options": "order|option"},
    ),
    "top set": Call(
        flip_to(sp.TopK),
        {"population": CAMPS, "members": ["A"]},
        {
            "population": NO_POPULATION,
            "members": NO_MEMBERS | {"all": ["A", "B", "C"]},
            "sampling": NO_SHARES,
            **LEAST,
        },
        {"members": "members|option|k"},
    ),
    "average-reward order": of_population(
        flip_to(sp.AverageRewardOrder), sampling=NO_SHARES, divergence=NO_CHOICE, **LEAST
    ),
    "Wasserstein": Call(
        Wasserstein,
        {"positions": [1.0, 2.0, 3.0]},
        {"positions": without(NO_ARRAY, "nothing") | NONE},
    ),
}

STUDY = surveys.study(SURVEY)
METHOD_TABLE = pd.DataFrame(
    {"population": "one", "method": "DPO", "model": "link", "limit": 0.1, "mean": 0.2}
    | {"interval": 0.1, "order": 0.9, "uniform": 0.3, "n": [10, 100], "temperature": [1.0, 2.0]}
    | {"n_classes": [1, 2], "name": "Q", "kind": "survey", "n_types": 3, "rate": 0.4, "cost": 8.0}
    | {"part": "limit", "value": 1.0, "options": 3, "of_dpo_low": 0.1, "of_dpo_median": 0.2}
    | {"of_dpo_high": 0.3, "learner": "table", "tv_limit": 0.1, "tv_mean_policy": 0.1}
    | {"tv_states": 0.1, "tv_mean_policy_sd": 0.0, "tv_states_sd": 0.0, "setting": "a"}
    | {"unit": "pairs", "arm": "linked", "budget": 5, "accuracy": 0.5, "accuracy_low": 0.4}
    | {"accuracy_high": 0.6, "share_flippable": 0.3, "median_distance": 0.2}
    | {"is_reference": [True, False], "n_questions": 10, "n_flippable": 3}
    | {"n_share_flippable": 5, "median_share_distance": 0.1}
)
"""Every column of the tables that figures are drawn from."""
TWICE = {"a column twice": "columns"}
CORRECTED = METHOD_TABLE.assign(method="corrected 1")


def spoilt(**columns: Any) -> dict[str, Any]:
    """Return what is no table to draw: other things, no rows, wrong columns."""
    wrong = {f"wrong {name}": METHOD_TABLE.assign(**{name: v}) for name, v in columns.items()}
    return NO_FRAME | {"no rows": METHOD_TABLE[:0]} | wrong


def of_table(function: Callable[..., Any], table: pd.DataFrame, **columns: Any) -> Call:
    """Return the call of a function that draws a table."""
    (first, *_) = inspect.signature(function).parameters
    return Call(function, {first: table}, {first: spoilt(**columns)}, TWICE)


FOUND = theory.crossing_temperatures(CROWD, "A", "M")
BOUNDS = theory.average_reward_bounds(CAMPS, "A", "B")
OUTCOMES = theory.usable_outcomes(2)
CIRCLE = np.full((1, 2, 4), 0.25)
NO_RESULTS = NO_OBJECT | {
    "an empty text": "",
    "nothing": [],
    "others": [1],
    "a class": [Population],
}
NO_NAMED_ARRAYS = NO_OBJECT | {
    "a list": [1.0],
    "nothing": {},
    "of texts": {"one": "a"},
    "of another shape": {"one": np.zeros((1, 2, 3))},
    "with NaN": {"one": np.full((1, 2, 4), math.nan)},
    "without rows": {"one": np.zeros((0, 2, 4))},
    "of numbers": {1: CIRCLE},
}

FIGURES: dict[str, Call] = {
    "save": Call(
        plots.save,
        {"figure": plots.flip_cdf(STUDY), "stem": os.devnull},
        {"figure": NO_OBJECT, "stem": NO_PATH},
    ),
    "flip_cdf": Call(plots.flip_cdf, {"study": STUDY}, {"study": NO_OBJECT}),
    "question_bars": Call(
        plots.question_bars, {"result": STUDY["ENTRY_2005"]}, {"result": NO_OBJECT}
    ),
    "sensitivity_dots": Call(
        plots.sensitivity_dots,
        {"table": METHOD_TABLE, "aspect": "one"},
        {
            "table": spoilt(share_flippable="x", median_distance=1j, is_reference=False),
            "aspect": without(NO_OBJECT, "a string"),
        },
        TWICE,
    ),
    "agreement_audit": of_table(plots.checks.agreement_audit, METHOD_TABLE, rate="x"),
    "noise_curves": Call(
        plots.checks.noise_curves,
        {"table": METHOD_TABLE, "n": 10},
        {"table": spoilt(method="PPO", temperature="hot"), "n": NO_INTEGER | NONE},
        TWICE,
    ),
    "sample_curves": of_table(plots.checks.sample_curves, METHOD_TABLE, method=3, n="many"),
    "class_curves": Call(
        plots.checks.class_curves,
        {"table": METHOD_TABLE, "true_classes": 3},
        {"table": spoilt(method="PPO", mean="x"), "true_classes": NO_INTEGER | NONE},
        TWICE,
    ),
    "link_dots": of_table(plots.checks.link_dots, METHOD_TABLE[:1], method="PPO", limit="x"),
    "bias_left": of_table(
        plots.checks.bias_left, CORRECTED, method="PPO", part="other", of_dpo_low="x"
    ),
    "accuracy_curves": of_table(plots.hh.accuracy_curves, METHOD_TABLE, arm="x", unit="days"),
    "accuracy_dots": of_table(plots.hh.accuracy_dots, METHOD_TABLE, arm=3, accuracy="x"),
    "distance_dots": of_table(
        plots.training.distance_dots, METHOD_TABLE, learner="tree", tv_limit="x"
    ),
    "offset_curves": Call(
        plots.training.offset_curves,
        {"policies": {"DPO": CIRCLE}, "best": CIRCLE[0, 0], "scores": CIRCLE[0, 0]},
        {
            "policies": NO_NAMED_ARRAYS | {"of one state": {"DPO": CIRCLE[:, :1]}},
            "best": without(NO_ARRAY, "nothing") | NONE,
            "scores": NO_ARRAY | NONE | {"too few": [1.0]},
        },
    ),
    "variance_scatter": Call(
        plots.training.variance_scatter,
        {"true": [1.0, 2.0], "estimates": {"one": [1.0, 2.0]}},
        {"true": NO_ARRAY | NONE | {"zeros": [0.0, 0.0]}, "estimates": NO_NAMED_ARRAYS},
    ),
    "method_bars": of_population(plots.theory.method_bars),
    "temperature_curves": Call(
        plots.theory.temperature_curves,
        {"population": CROWD, "crossings": FOUND},
        {"population": NO_POPULATION, "crossings": NO_OBJECT},
    ),
    "sampling_simplex": Call(
        plots.theory.sampling_simplex,
        {"population": CAMPS, "flip": sp.flip(CAMPS)},
        {
            "population": NO_POPULATION,
            "flip": NO_OBJECT
            | {"of shares": sp.flip(CAMPS, over="shares"), "of others": sp.flip(CROWD)},
        },
    ),
    "reward_intervals": Call(
        plots.theory.reward_intervals,
        {"found": {"one": [BOUNDS, theory.average_reward_bounds(CAMPS, "A", "B", bound=9.0)]}},
        {
            "found": NO_OBJECT
            | {"nothing": {}, "of a text": {"one": ""}, "of nothing": {"one": []}}
            | {"of numbers": {"one": [1.0]}}
        },
    ),
    "misfit_scatter": Call(
        plots.theory.misfit_scatter,
        {"population": CROWD, "misfit": theory.bradley_terry_misfit(CROWD)},
        {"population": NO_POPULATION, "misfit": NO_OBJECT},
    ),
    "outcome_spectra": Call(
        plots.theory.outcome_spectra, {"results": [OUTCOMES]}, {"results": NO_RESULTS}
    ),
    "error_lines": Call(
        plots.theory.error_lines,
        {"found": theory.error_orders(**THEORY["error_orders"].good)},
        {"found": NO_OBJECT},
    ),
    "render_report": Call(report.render_report, {"study": STUDY}, {"study": NO_OBJECT}),
    "write_report": Call(
        report.write_report,
        {"study": STUDY, "path": os.devnull},
        {"study": NO_OBJECT, "path": NO_PATH | {"True": True, "1.5": 1.5}},
    ),
    "flip_words": Call(
        flip_words,
        {"flip": sp.flip(CAMPS)},
        {"flip": NO_OBJECT, "subject": NO_CHOICE},
    ),
    "build the explorer": Call(
        explorer.build, {"path": os.devnull}, {"path": NO_PATH | {"True": True, "1.5": 1.5}}
    ),
    "Flip.describe": Call(
        sp.flip(CAMPS).describe, {}, {"threshold": NO_NUMBER | NONE | {"-1": -1.0}}
    ),
}
WRITING = {"save", "write_report", "build the explorer"}

CALLS = RULES | POPULATIONS | THEORY | SURVEYS | FILES | LIMITS | FLIPS | FIGURES


def faults(call: Call, argument: str, what: str, value: Any) -> str:
    """Return what is wrong with how a function refuses a bad value; nothing if it does it well."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = call.function(**{**call.good, argument: value})
    except (InputError, DataError) as error:
        named = call.named.get(what, call.named.get(argument, argument))
        in_file = isinstance(error, DataError) and isinstance(value, str)
        pattern = re.escape(str(Path(value))) if in_file else rf"\b({named})\b"
        fine = re.search(pattern, str(error)) and "\n" not in str(error)
        return "" if fine else f"{what}: the message does not name it: {error}"
    except Exception as error:
        return f"{what}: {error!r}"
    return f"{what}: accepted; returns {type(found).__name__}"


def all_faults(call: Call) -> str:
    """Return all that is wrong with how a function refuses its bad values, a line for each."""
    return "\n".join(
        f"{argument}, {fault}"
        for argument, values in call.bad.items()
        for what, value in values.items()
        if (fault := faults(call, argument, what, value))
    )


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_bad_input_is_refused_by_name(call: Call) -> None:
    assert not all_faults(call), all_faults(call)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [name for name in CALLS if name not in {*FILES, *WRITING}])
def test_the_calls_that_are_spoilt_work(name: str) -> None:
    CALLS[name].function(**CALLS[name].good)


def test_there_are_many_kinds() -> None:
    assert sum(len(values) for call in CALLS.values() for values in call.bad.values()) > 2000


# --- what looks odd and has a right answer ------------------------------------------------

TABLED = pd.DataFrame(CROWD.rewards, index=["u", "v", "w"], columns=["A", "M", "B"])
SHARES = [0.5, 0.3, 0.2]
PLAIN = Population(CROWD.rewards, SHARES, types=["u", "v", "w"], options=["A", "M", "B"])

ODD: dict[str, tuple[Any, Any]] = {
    "integers": (lambda: sp.nbc(Population([[4, 1, 0]])), sp.nbc(Population([[4.0, 1.0, 0.0]]))),
    "fractions": (
        lambda: sp.average_reward(Population(np.array([[Fraction(1, 2), 1]]))),
        [0.5, 1.0],
    ),
    "float32": (lambda: sp.average_reward(Population(np.ones((1, 2), np.float32))), [1.0, 1.0]),
    "a tuple": (lambda: sp.nbc(CROWD, (0.5, 0.5, 0)), sp.nbc(CROWD, [0.5, 0.5, 0])),
    "nothing masked": (
        lambda: sp.nbc(CROWD, np.ma.array([0.5, 0.5, 0])),
        sp.nbc(CROWD, [0.5, 0.5, 0]),
    ),
    "a column without labels": (
        lambda: sp.nbc(CROWD, pd.Series([0.5, 0.5, 0])),
        sp.nbc(CROWD, [0.5, 0.5, 0]),
    ),
    "labels in another order": (
        lambda: sp.nbc(CROWD, pd.Series([0.0, 0.5, 0.5], index=["B", "M", "A"])),
        sp.nbc(CROWD, [0.5, 0.5, 0]),
    ),
    "a table": (lambda: sp.nbc(Population(TABLED, SHARES)), sp.nbc(PLAIN)),
    "a table's labels": (
        lambda: Population(TABLED).types + Population(TABLED).options,
        ("u", "v", "w", "A", "M", "B"),
    ),
    "a table in another order": (
        lambda: (
            Population(
                TABLED.iloc[::-1, [1, 0, 2]], SHARES, types=["u", "v", "w"], options=["A", "M", "B"]
            ).rewards
        ),
        CROWD.rewards,
    ),
    "shares of types in another order": (
        lambda: sp.nbc(Population(TABLED, pd.Series(SHARES[::-1], index=["w", "v", "u"]))),
        sp.nbc(PLAIN),
    ),
    "choice shares by label": (
        lambda: Population.from_choice_shares(
            pd.DataFrame({"A": [0.5, 0.25], "B": [0.5, 0.75]}, index=["u", "v"]), options=["B", "A"]
        ).rewards[1],
        [math.log(3) / 2, -math.log(3) / 2],
    ),
    "counts by label": (
        lambda: (
            surveys.Question.from_counts(
                "Q",
                pd.DataFrame({"no": [1, 2], "yes": [3, 4]}, index=["b", "a"]),
                ["a", "b"],
                ["yes", "no"],
            ).counts
        ),
        [[4, 2], [3, 1]],
    ),
    "a numpy integer": (lambda: CROWD.index(np.int64(2)), 2),  # type: ignore[arg-type]
    "a numpy string": (lambda: CROWD.index(np.str_("B")), 2),
    "a generator as a seed": (
        lambda: theory.usable_outcomes(2, seed=np.random.default_rng(3)).singular_values,  # type: ignore[arg-type]
        theory.usable_outcomes(2, seed=3).singular_values,
    ),
    "no temperature to speak of": (
        lambda: sp.nbc(theory.at_temperature(CROWD, 1e-320)),
        rules.borda(CROWD),
    ),
    "heat": (lambda: sp.nbc(theory.at_temperature(CROWD, 1e300)), [0.5, 0.5, 0.5]),
    "large rewards": (lambda: sp.nbc(Population([[1e300, -1e300]])), [0.75, 0.25]),
    "a cold probit": (
        lambda: sp.nbc(Population(CROWD.rewards, link=sp.Probit(1e-320))),
        rules.borda(CROWD),
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", ODD)
def test_odd_input_has_its_right_answer(what: str) -> None:
    run, right = ODD[what]
    found = run()
    if isinstance(right, tuple):
        assert found == right
    else:
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-12)


# --- the command line ---------------------------------------------------------------------

COMMANDS = [
    "survey --jobs 0",
    "survey --jobs -2",
    "survey --jobs many",
    "survey --jobs 1.5",
    "survey --top -1",
    "survey --top ten",
    "survey --bootstrap -3",
    "survey --bootstrap 1",
    "survey --bootstrap 2.5",
    "survey --level 2",
    "survey --level 0",
    "survey --level nan",
    "survey --seed -1",
    "survey --seed 1.0",
    "survey --resample jackknife",
    "survey --replicate-scale 0",
    "survey --smoothing -1",
    "survey --smoothing laplace",
    "survey --smoothing nan",
    "survey --margin -1",
    "survey --margin nan",
    "survey --margin inf",
    "survey --floor 2",
    "survey --floor 0.5",
    "survey --temperature 0",
    "survey --temperature nan",
    "survey --base no/such/file.csv",
    "survey --base {folder}",
    "survey --min-respondents -1",
    "survey --question nowhere",
    "survey --sensitivity groups",
    "survey --sensitivity everything",
    "survey --source nowhere",
    "survey --groups nobody",
    "survey --path {folder}",
    "survey --source table",
    "survey --source table --path {folder}",
    "survey --source table --path no/such/file.csv",
    "survey --source table --path {binary}",
    "survey --source table --path {empty}",
    "survey --source opinionqa --path {folder}",
    "survey --source globalopinionqa --path {binary}",
    "survey --source respondents --path {binary} --groups sex",
    "survey --source respondents --path {folder} --groups sex --where sex",
    "survey --source ratings --path {binary} --groups sex",
    "survey --source atp --path {binary}",
    "survey --source atp --path {folder}",
    "survey --weight sex",
    "survey --out {empty}",
    "survey --nonsense",
    "data get nothing",
    "data where ..",
    "data",
    "explorer --out {folder}",
    "nonsense",
    "",
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("command", COMMANDS)
def test_bad_commands_take_one_line_and_exit_with_2(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 4)
    places = {name: str(tmp_path / name) for name in ("folder", "empty", "binary")}
    assert main([part.format(**places) for part in command.split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("socialpref: error: ")
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "socialpref-survey").exists()
