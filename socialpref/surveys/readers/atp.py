"""Pew's American Trends Panel: SPSS files of its waves become one survey."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ... import _validate
from ..._tables import reading
from ...errors import DataError, InputError
from ..missing import MissingAnswers, warn_of
from ..question import Dropped, Question
from ..survey import Survey
from .codebook import read_labelled
from .opinionqa import PEW_CITATION
from .rows import Rows, check_known, listed, read_rows, survey_of

if TYPE_CHECKING:
    pass

UNWEIGHTED = "none"

_NO_QUESTION = re.compile(
    r"F_.*|WEIGHT_.*|QKEY"
    r"|(INTERVIEW_START|INTERVIEW_END|DEVICE_TYPE|SVYMODE|LANG|FORM|XTABLET|SAMPLE"
    r"|XRAND_.*|DOV_.*)_W\d+",
    re.IGNORECASE,
)
"""Variables of the panel's profile (F_), of the survey's conduct, and derived ones (DOV_)."""

_WAVE = re.compile(r"_W(\d+)$", re.IGNORECASE)


def read_atp(
    path: str | Path,
    groups: Sequence[str] = ("F_PARTYSUM_FINAL",),
    weight: str | None = None,
    drop_groups: Sequence[str] = (),
    missing: MissingAnswers = MissingAnswers(),  # noqa: B008 - immutable
) -> Survey:
    """Read waves of Pew's American Trends Panel from its SPSS files.

    Every variable is a question except the panel's profile (``F_...``), weights
    (``WEIGHT_...``), ``QKEY`` and those about the survey's conduct, such as
    ``INTERVIEW_START_W...``, ``DEVICE_TYPE_W...``, ``LANG_W...``, ``FORM_W...`` or
    ``DOV_..._W...``. Missing and user-missing values, code 99 and refused answers do not count.
    "Don't know" does, as in the published protocol, unless `missing` says otherwise. The group
    "DK/Refused/No lean" (code 9) stays in, too; `drop_groups` leaves it out.

    Parameters
    ----------
    path : str or Path
        A ``.sav`` file, or a folder with such files in it or below it, one per wave.
    groups : sequence of str
        The variables that tell the groups apart; several are crossed.
    weight : str, optional
        The variable with the weights, ``"none"`` for no weights; each wave's own,
        ``WEIGHT_W...``, if omitted.
    drop_groups : sequence of str
        Labels of groups to leave out.
    missing : MissingAnswers
        Which answers do not count.

    Returns
    -------
    Survey
        In the order of the waves. Waves that lack a variable of the groups are in `skipped`.
        So is a variable that a file repeats from an earlier wave, if that wave is there as
        well. Panellists take part in many waves, and the waves are treated as separate samples
        all the same. The published script takes the groups' shares of a whole wave, those who
        were not asked a question included: these are each question's `sample_shares`.

    Raises
    ------
    DataError
        If there is no such file, one is damaged or no SPSS file or lacks its weight, all lack
        a group variable, or two are of the same wave.
    InputError
        If no group has a label of `drop_groups`.

    References
    ----------
    arXiv 2502.16320, section 7.1, for the choice of variables and groups.

    Examples
    --------
    A wave of three respondents, made up here:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> import pyreadstat
    >>> from socialpref.surveys import read_atp
    >>> wave = pd.DataFrame({
    ...     "EVCAR_W128": [1.0, 2.0, 2.0],
    ...     "F_PARTYSUM_FINAL": [1.0, 2.0, 2.0],
    ...     "WEIGHT_W128": [0.8, 1.0, 1.5],
    ... })
    >>> parties = {1.0: "Rep/Lean Rep", 2.0: "Dem/Lean Dem", 9.0: "DK/Refused/No lean"}
    >>> with TemporaryDirectory() as folder:
    ...     pyreadstat.write_sav(
    ...         wave, Path(folder, "ATP W128.sav"),
    ...         variable_value_labels={"F_PARTYSUM_FINAL": parties},
    ...     )
    ...     survey = read_atp(folder)
    >>> survey["EVCAR_W128"].groups, survey["EVCAR_W128"].counts
    (('Rep/Lean Rep', 'Dem/Lean Dem'), array([[0.8, 0. ],
           [0. , 2.5]]))
    """
    waves: dict[int, _Wave] = {}
    folder, by = _validate.path("path", path), listed(groups, "groups")
    if weight is not None:
        _validate.instance("weight", weight, str, "the name of a variable")
    lacking: list[Dropped] = []
    for file in _files(folder):
        wave = _read_wave(file, by, weight, drop_groups, missing)
        if isinstance(wave, Dropped):
            lacking.append(wave)
            continue
        if wave.number in waves:
            other = waves[wave.number].file
            raise DataError(f"{file}: wave {wave.number} has been read from {other} already")
        waves[wave.number] = wave
    if not waves:
        raise DataError(f"{lacking[0].name}: {lacking[0].reason}")
    check_known(drop_groups, [x for wave in waves.values() for x in wave.rows.group_labels])
    found = [waves[number] for number in sorted(waves)]
    missing.check_used({key: words for w in found for key, words in w.rows.words.items()})
    warn_of({key: codes for w in found for key, codes in w.rows.suspicious.items()})
    questions, skipped = _merged(found)
    name = f"American Trends Panel by {' + '.join(by)}"
    with reading(folder):
        return survey_of(
            name,
            questions,
            PEW_CITATION,
            [*skipped, *lacking],
            path=str(folder),
            weight="WEIGHT_Wxx, each wave's own" if weight is None else weight,
        )


@dataclass(frozen=True)
class _Wave:
    number: int
    file: Path
    rows: Rows


def _files(path: Path) -> list[Path]:
    """Return the .sav files that a path stands for."""
    with reading(path):
        path.stat()  # says what is wrong with a path that cannot be read
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        # Archives packed on a Mac hold hidden companions of each file.
        if file.suffix.lower() == ".sav" and not file.name.startswith(".") and file.is_file()
    )
    if not found:
        raise DataError(f"{path}: there is no .sav file in this folder or below it")
    return found


def _read_wave(
    file: Path,
    by: Sequence[str],
    weight: str | None,
    drop_groups: Sequence[str],
    missing: MissingAnswers,
) -> _Wave | Dropped:
    """Return a wave, or why it is skipped."""
    with reading(file):
        frame, book = read_labelled(file)
        number = _wave_number(frame.columns)
        if lost := [name for name in by if name not in frame.columns]:
            reason = f"there must be a column {lost[0]!r}; there is none"
            return Dropped("file", str(file), reason, float(len(frame)))
        weight = f"WEIGHT_W{number}" if weight is None else weight
        needless = [
            name
            for name in frame.columns
            if _NO_QUESTION.fullmatch(name) and name not in by and name != weight
        ]
        rows = read_rows(
            frame.drop(columns=needless),
            groups=by,
            weight=None if weight == UNWEIGHTED else weight,
            book=book,
            drop_groups=drop_groups,
            missing=missing,
            pew=True,
            source=f"Pew Research Center, American Trends Panel, wave {number}",
        )
    return _Wave(number, file, rows)


def _wave_number(names: Iterable[str]) -> int:
    """Return the wave that most variables are of; the later one if two share them equally."""
    times = Counter(int(found[1]) for name in names if (found := _WAVE.search(name)))
    if not times:
        raise InputError("no variable's name ends in the number of a wave, such as _W128")
    return max(times, key=lambda wave: (times[wave], wave))


def _merged(waves: Iterable[_Wave]) -> tuple[list[Question], list[Dropped]]:
    """Return the questions of all waves, each once, and what was skipped."""
    questions: dict[str, Question] = {}
    skipped: list[Dropped] = []
    for wave in waves:
        for question in wave.rows.questions:
            key, first = question.key, questions.setdefault(question.key, question)
            if first is not question:
                reason = f"read before: {first.source}"
                skipped.append(Dropped("variable", key, reason, question.n_respondents))
        skipped += wave.rows.skipped
    return list(questions.values()), skipped
