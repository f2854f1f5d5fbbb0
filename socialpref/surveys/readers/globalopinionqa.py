"""GlobalOpinionQA: shares of answers by country."""

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import _validate
from ..._tables import reading
from ...errors import InputError
from ..missing import MissingAnswers, printed
from ..question import Dropped, Question
from ..survey import Survey
from .answers import told_apart
from .rows import survey_of

GLOBALOPINIONQA_CITATION = (
    "GlobalOpinionQA (Durmus et al. 2023, arXiv 2306.16388), Anthropic/llm_global_opinions, "
    "CC BY-NC-SA 4.0; data: Pew Global Attitudes Survey and World Values Survey."
)


ROUNDING = 0.01
"""How far a country's published shares may be from summing to 1."""


def read_globalopinionqa(
    path: str | Path,
    missing: MissingAnswers = MissingAnswers(),  # noqa: B008 - immutable
) -> Survey:
    r"""Read GlobalOpinionQA: shares of answers by country to questions of Pew and the WVS.

    Answers such as "DK/Refused", "No answer" or "Missing" are dropped and the rest is rescaled;
    each question says which share went, on average over the countries. Countries that have no
    shares are dropped. Every country counts the same.

    There are shares only, no numbers of respondents. So there is no sampling error, no
    effective sample size and no weighting of countries by size, and the study examines every
    question however few people it was put to. Shares are rounded upstream: a share of 0 need
    not mean that nobody chose the option.

    Parameters
    ----------
    path : str or Path
        A ``.jsonl`` or ``.jsonl.gz`` file. Each line has ``question``, ``options`` and
        ``selections``: for each country the share of each option.
    missing : MissingAnswers
        Which answers do not count.

    Returns
    -------
    Survey
        Keys are ``G`` and the number of the line: ``G0001``, …. Lines that cannot be questions
        are in `skipped`, with the reason.

    Raises
    ------
    DataError
        If the file is missing, damaged or not of that form.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.surveys import read_globalopinionqa
    >>> line = '''{"question": "Good?", "options": ["Yes", "No", "DK/Refused"],
    ...     "selections": {"Mexico": [0.6, 0.2, 0.2], "India": [0.5, 0.5, 0.0]}}'''
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "global.jsonl")
    ...     _ = file.write_text(line.replace("\n", ""))
    ...     survey = read_globalopinionqa(file)
    >>> survey["G0001"].groups, survey["G0001"].choice_shares
    (('Mexico', 'India'), array([[0.75, 0.25],
           [0.5 , 0.5 ]]))
    """
    file = _validate.path("path", path)
    questions, skipped = [], []
    with reading(file):
        for number, record in _records(file):
            key = f"G{number:04}"
            try:
                questions.append(_global_question(key, record, missing))
            except InputError as error:
                skipped.append(Dropped("variable", key, str(error), 0.0))
        return survey_of(
            "GlobalOpinionQA", questions, GLOBALOPINIONQA_CITATION, skipped, path=str(file)
        )


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the objects of a file with one JSON object per line, and the line's number."""
    unpacked: Any = gzip.open if file.suffix == ".gz" else open
    with unpacked(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                raise InputError(f"line {number} is not JSON") from None
            if not isinstance(record, dict):
                raise InputError(f"line {number} is not a JSON object")
            if missing := {"question", "options", "selections"} - set(record):
                raise InputError(f"line {number} has no {min(missing)!r}")
            yield number, record


def _global_question(key: str, record: Mapping[str, Any], missing: MissingAnswers) -> Question:
    if not isinstance(record["options"], list) or not isinstance(record["selections"], dict):
        raise InputError("not a list of options and shares by country")
    options = [printed(option).strip() for option in record["options"]]
    reasons = missing.reasons(key, options, options)
    kept = [i for i, reason in enumerate(reasons) if reason is None]
    if len(kept) < 2:
        raise InputError("fewer than two options are answers")
    shares: dict[str, list[float]] = {}
    dropped = []
    for country, values in record["selections"].items():
        if fault := _fault(values, len(options), kept):
            dropped.append(Dropped("group", country, fault, 0.0))
        else:
            shares[country] = [value / math.fsum(values) for value in values]
    if not shares:
        raise InputError("no country has shares")
    table = np.array(list(shares.values()))
    dropped += [
        Dropped("option", options[i], reason, float(table[:, i].mean()))
        for i, reason in enumerate(reasons)
        if reason is not None
    ]
    labels = told_apart(options, [str(i + 1) for i in range(len(options))])
    rest = table[:, kept]
    return Question.from_shares(
        key,
        rest / rest.sum(axis=1, keepdims=True),
        list(shares),
        [labels[i] for i in kept],
        text=str(record["question"]),
        grouping="country",
        source="Pew Global Attitudes Survey or World Values Survey",
        dropped=dropped,
    )


def _fault(values: Any, size: int, kept: Sequence[int]) -> str:
    """Return why a country's shares cannot be used, if they cannot."""
    if not isinstance(values, list) or len(values) != size:
        return "not one share for each option"
    if not all(
        isinstance(value, int | float) and 0.0 <= value <= 1.0 + ROUNDING for value in values
    ):
        return "not shares"
    if not sum(values[i] for i in kept) > 0.0:
        return "no shares"
    return "" if abs(sum(values) - 1.0) <= ROUNDING else "shares do not sum to 1"
