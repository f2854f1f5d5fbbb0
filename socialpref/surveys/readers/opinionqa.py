"""OpinionQA: counts of respondents by party, race and sex."""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np

from ... import _validate
from ..._tables import read_table_file, reading
from ...errors import InputError
from ..missing import PEW_REFUSED, REFUSED
from ..question import Question
from ..survey import Survey

PEW_CITATION = (
    "Pew Research Center's American Trends Panel. The opinions expressed herein, including any "
    "implications for policy, are those of the author and not of Pew Research Center."
)


OPINIONQA_CITATION = (
    "OpinionQA (Santurkar et al. 2023) as group counts by Meister et al. "
    "(github nicolemeister/benchmarking-distributional-alignment); data: " + PEW_CITATION
)


OPINIONQA_GROUPS = {"party": "POLPARTY", "race": "RACE", "sex": "SEX"}


NO_SCALE = {
    "MOVERURAL_W32", "MOVESUBURB_W32", "MOVEURBAN_W32", "NEIGHKIDS_W32",
    "GUNSAFETYKIDS_W26", "POLCHF1_W36", "PWMAN2_W49",
}  # fmt: skip
"""Questions whose options have different ordinals upstream, and no order."""


def read_opinionqa(path: str | Path, groups: str = "party") -> Survey:
    """Read OpinionQA's respondent counts from its files as they are upstream.

    The options are those of ``option_mapping`` in ``info.csv``; the counts are unweighted.
    Refused answers (code 99) and the group "Refused" are dropped, and each question says so.

    Parameters
    ----------
    path : str or Path
        The folder that holds ``info.csv`` and ``POLPARTY_data.json`` (or ``RACE``, ``SEX``).
    groups : {"party", "race", "sex"}
        Which types of people to tell apart. The upstream names work as well.

    Returns
    -------
    Survey

    Raises
    ------
    InputError
        If `groups` is none of these.
    DataError
        If a file is missing, truncated or not of that form.
    """
    names = OPINIONQA_GROUPS | {name: name for name in OPINIONQA_GROUPS.values()}
    folder = _validate.path("path", path)
    if not isinstance(groups, str) or groups not in names:
        must = f"one of {', '.join(map(repr, OPINIONQA_GROUPS))} for OpinionQA"
        raise _validate.complaint("groups", must, _validate.shown(groups))
    about, counts = folder / "info.csv", folder / f"{names[groups]}_data.json"
    with reading(about):
        info = read_table_file(about)
        if missing := {"key", "option_mapping", "option_ordinal"} - set(info.columns):
            raise InputError(f"the table must have a column {min(missing)!r}")
        described = {
            str(row.key): (
                ast.literal_eval(row.option_mapping),
                ast.literal_eval(row.option_ordinal),
            )
            for row in info.itertuples()
        }
    with reading(counts):
        answers = json.loads(counts.read_text(encoding="utf-8"))
        if not isinstance(answers, dict):
            raise InputError(f"it must hold a JSON object; it holds {type(answers).__name__}")
        grouping = next(
            name for name, upstream in OPINIONQA_GROUPS.items() if upstream == names[groups]
        )
        questions = tuple(
            _opinionqa_question(key, table, described, grouping) for key, table in answers.items()
        )
        return Survey(
            f"OpinionQA by {grouping}", questions, OPINIONQA_CITATION, path=str(counts.parent)
        )


def _opinionqa_question(
    key: str, table: dict[str, Any], described: dict[str, tuple[Any, Any]], grouping: str
) -> Question:
    if key not in described:
        raise InputError(f"question {key} is not described in info.csv")
    if not isinstance(table, dict):
        raise InputError(f"question {key} must hold a JSON object; it holds {type(table).__name__}")
    mapping, ordinals = described[key]
    options = list(mapping.values())
    groups = [name for name in table if name not in ("MC_options", "question_text")]
    if unknown := {option for name in groups for option in table[name]} - set(options):
        raise InputError(
            f"question {key} has an option {min(unknown)!r} that info.csv does not name"
        )
    # Only options on the scale have an ordinal; they come first.
    scale = [*ordinals, *[np.nan] * (len(options) - len(ordinals))] if key not in NO_SCALE else ()
    question = Question.from_counts(
        key,
        [[table[name].get(option, 0.0) for option in options] for name in groups],
        groups,
        options,
        text=str(table.get("question_text", "")),
        grouping=grouping,
        source="Pew Research Center, American Trends Panel, wave " + key.rpartition("_W")[2],
        ordinals=scale,
    )
    refused = [label for code, label in mapping.items() if code == PEW_REFUSED]
    return question.without(groups=["Refused"], options=refused, reason=REFUSED)
