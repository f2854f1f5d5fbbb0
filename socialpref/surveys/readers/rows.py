"""Rows of respondents: a table with one row per respondent becomes questions."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ...errors import InputError
from ...inference import Design, ReplicateWeights
from ..question import Dropped, Question
from ..respondents import Respondents
from ..survey import Survey, check_frame
from .designs import DesignColumns, numbers

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Labels = Mapping[Any, str]

REFUSED = 99
"""Pew's code of a refused answer."""
MAX_OPTIONS = 30
"""A column with more distinct values is a measurement or an identifier, not a question."""
MAX_GROUPS = 1000
"""Columns that make more groups than this are identifiers."""


def _saying(*answers: str) -> re.Pattern[str]:
    """Return a pattern of labels that consist of such an answer, or of several: DK/Refused."""
    words = "|".join(answers)
    return re.compile(
        rf"(^|[/,;(\[-]|\bor\b)\s*({words})( to (answer|say))?\s*(\bor\b|[/,;()\[\].-]|$)",
        re.IGNORECASE,
    )


_REFUSALS = "refused", "no answer"
_REFUSED = _saying(*_REFUSALS)
_NO_ANSWER = _saying(
    *_REFUSALS, "dk", "don['\N{RIGHT SINGLE QUOTATION MARK}]t know", "(other )?missing"
)


def survey_from_rows(
    frame: "pd.DataFrame",
    *,
    groups: Sequence[str],
    weight: str | None = None,
    questions: Sequence[str] | None = None,
    value_labels: Mapping[str, Labels] | None = None,
    texts: Mapping[str, str] | None = None,
    design: DesignColumns | None = None,
    drop_groups: Sequence[str] = (),
    name: str = "rows",
    citation: str = "",
    source: str = "",
) -> Survey:
    r"""Build a survey from a table with one row per respondent.

    Missing values never count. Refused answers (code 99, or a label that says "refused" or "no
    answer") are dropped, as are rows without a group or without a weight. Every question says
    in `dropped` how many answers went for which reason: with those that count they add up to
    all that the column holds.

    Parameters
    ----------
    frame : DataFrame
        Answers as codes (or labels), one column per question.
    groups : sequence of str
        The columns that tell the groups apart. Several are crossed: ``"Rep/Lean + White"``.
        Rows where one is missing or has code 99 are dropped.
    weight : str, optional
        Column of the survey weights. Rows with a missing or zero weight are dropped.
    questions : sequence of str, optional
        The columns to use. All that are not groups or weights if omitted. A column of text
        that has no value labels is used only if it is named here.
    value_labels : mapping, optional
        For each column the label of each code. Codes without one are their own label.
    texts : mapping of str to str, optional
        What is asked, by column.
    design : DesignColumns, optional
        The columns of strata and primary units, or of the survey's own replicate weights.
    drop_groups : sequence of str, optional
        Labels of groups to leave out, before or after crossing.
    name, citation : str
        As for `Survey`.
    source : str
        As for `Question`; it also names the rows, which questions of one sample share.

    Returns
    -------
    Survey
        Options are those that somebody chose, in the order of their codes. Columns that cannot
        be questions are in `skipped`, with the reason.

    Raises
    ------
    InputError
        If a column or a label of `drop_groups` does not exist, weights are negative or all
        zero, no row has a group and a weight, or no column can be a question.

    Examples
    --------
    >>> import pandas as pd
    >>> from socialpref.surveys import survey_from_rows
    >>> rows = pd.DataFrame({
    ...     "party": ["Dem", "Dem", "Dem", "Rep", "Rep", None],
    ...     "weight": [1.0, 1.0, 2.0, 1.5, 0.5, 1.0],
    ...     "Q1": [1, 2, 99, 2, 2, 1],
    ... })
    >>> labels = {"Q1": {1: "yes", 2: "no", 99: "Refused"}}
    >>> survey = survey_from_rows(rows, groups=["party"], weight="weight", value_labels=labels)
    >>> survey["Q1"].options, survey["Q1"].counts
    (('yes', 'no'), array([[1., 1.],
           [0., 2.]]))
    >>> print(*survey["Q1"].dropped, sep="\n")
    group 'party' (missing; 1 answers)
    option 'Refused' (refused; 1 answers)
    """
    rows = read_rows(
        frame,
        groups=groups,
        weight=weight,
        questions=questions,
        value_labels=value_labels,
        texts=texts,
        design=design,
        drop_groups=drop_groups,
        name=name,
        source=source,
    )
    check_known(drop_groups, rows.group_labels)
    return survey_of(name, rows.questions, citation, rows.skipped)


class Rows(NamedTuple):
    """What became of a table of rows.

    Attributes
    ----------
    questions : list of Question
    skipped : list of Dropped
        Columns that are not questions.
    group_labels : list of str
        Every group there was, before and after crossing, dropped ones included.
    """

    questions: list[Question]
    skipped: list[Dropped]
    group_labels: list[str]


def read_rows(
    frame: "pd.DataFrame",
    *,
    groups: Sequence[str],
    weight: str | None,
    questions: Sequence[str] | None = None,
    value_labels: Mapping[str, Labels] | None = None,
    texts: Mapping[str, str] | None = None,
    design: DesignColumns | None = None,
    drop_groups: Sequence[str] = (),
    name: str = "rows",
    source: str = "",
) -> Rows:
    """Do `survey_from_rows`'s work for one of several tables; drop_groups are not checked."""
    check_frame(frame)
    labels = _by_column("value_labels", value_labels, Mapping)
    texts = _by_column("texts", texts, str)
    by = listed(groups, "groups")
    if not by:
        raise _validate.complaint("groups", "at least one column", "none")
    if weight is not None:
        _validate.instance("weight", weight, str, "the name of a column")
    columns = DesignColumns() if design is None else design
    _validate.instance("design", columns, DesignColumns, "DesignColumns or None")
    used = [*by, *([] if weight is None else [weight])]
    named = listed(() if questions is None else questions, "questions")
    _check_columns(frame, [*used, *named, *columns.strata, *columns.units])
    apart = {*used, *columns.named(frame, used)}
    people = _people(frame, by, weight, columns, labels, listed(drop_groups, "drop_groups"))
    about = {"grouping": " + ".join(by), "source": source}
    rows = Rows([], [], people.group_labels)
    asked = [c for c in frame.columns if c not in apart] if questions is None else named
    for column in asked:
        answers = _Answers.of(frame[column], labels.get(column, {}), text=column in named)
        about["text"] = texts.get(column) or ""
        result = _question(str(column), answers, people, about, sample=source or name)
        if isinstance(result, Question):
            rows.questions.append(result)
        else:
            rows.skipped.append(result)
    return rows


def survey_of(
    name: str, questions: Sequence[Question], citation: str, skipped: Sequence[Dropped]
) -> Survey:
    """Return the survey of some questions, or say why there are none."""
    if not questions:
        why = "; ".join(f"{lost.name!r}: {lost.reason}" for lost in skipped[:3])
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        raise InputError(f"nothing in {name} can be a question ({why or 'it is empty'}{more})")
    return Survey(name, tuple(questions), citation, tuple(skipped))


def check_known(drop_groups: Sequence[str], labels: Iterable[str]) -> None:
    """Refuse labels of groups to drop that no group has."""
    known = list(dict.fromkeys(labels))
    for label in listed(drop_groups, "drop_groups"):
        if label not in known:
            must = f"among the groups {', '.join(map(repr, known[:12]))}"
            raise _validate.complaint("drop_groups", must, repr(label))


def listed(names: Sequence[str], argument: str) -> list[str]:
    """Return one name, or the several of an argument, as a list."""
    return [names] if isinstance(names, str) else list(_validate.labels(argument, names))


def _by_column(name: str, values: Mapping[str, Any] | None, kind: type) -> Mapping[str, Any]:
    """Return a mapping from columns to something; empty if there is none."""
    if values is None:
        return {}
    must = f"a mapping from columns to {'strings' if kind is str else 'mappings'}"
    _validate.instance(name, values, Mapping, must)
    for value in values.values():
        _validate.instance(name, value, (kind, type(None)), must)  # SPSS files lack some texts
    return values


def _check_columns(frame: "pd.DataFrame", columns: Iterable[str]) -> None:
    for column in columns:
        if column not in frame.columns:
            raise InputError(f"there must be a column {column!r}; there is none")


# --- who counts -----------------------------------------------------------------------


@dataclass(frozen=True)
class _People:
    """The respondents: their groups and weights, and why some do not count.

    Attributes
    ----------
    groups : ndarray of int, shape (N,)
        Position in `names`; -1 for those who do not count.
    names : tuple of str
    weights : ndarray, shape (N,)
    design : Design or None
    replicates : ReplicateWeights or None
    lost : tuple of Dropped
        The reasons not to count.
    reason : ndarray of int, shape (N,)
        0 for those who count, i for those lost to ``lost[i - 1]``.
    group_labels : list of str
    """

    groups: NDArray[np.int16]
    names: tuple[str, ...]
    weights: Floats
    design: Design | None
    replicates: ReplicateWeights | None
    lost: tuple[Dropped, ...]
    reason: NDArray[np.int16]
    group_labels: list[str]


def _people(
    frame: "pd.DataFrame",
    groups: Sequence[str],
    weight: str | None,
    design: DesignColumns,
    labels: Mapping[str, Labels],
    drop_groups: Sequence[str],
) -> _People:
    weights = np.ones(len(frame)) if weight is None else _numbers(frame, weight)
    parts = [_Answers.of(frame[column], labels.get(column, {}), text=True) for column in groups]
    cells, names = _crossed(parts)
    if len(names) > MAX_GROUPS:
        must = f"columns that make at most {MAX_GROUPS} groups"
        raise _validate.complaint("groups", must, f"{len(names)} from {' + '.join(groups)}")
    losses = [
        (Dropped("respondents", weight or "", "weight missing", 0.0), np.isnan(weights)),
        (Dropped("respondents", weight or "", "weight 0", 0.0), weights == 0.0),
        *_group_losses(groups, parts, cells, names, drop_groups),
    ]
    reason = np.zeros(len(frame), dtype=np.int16)
    for number, (_, rows) in enumerate(losses, start=1):
        reason[(reason == 0) & rows] = number
    counts = reason == 0
    if not counts.any():
        what = "a group" if weight is None else "a group and a weight"
        raise InputError(f"some row must have {what} ({' + '.join(groups)}); none has")
    here, places = np.unique(cells[counts], return_inverse=True)
    positions = np.full(len(frame), -1, dtype=np.int16)
    positions[counts] = places
    weights = _frozen(np.where(counts, weights, 0.0))
    others = [*groups, *([] if weight is None else [weight])]
    return _People(
        groups=positions,
        names=tuple(names[i] for i in here),
        weights=weights,
        design=design.design(frame, counts),
        replicates=design.replicates(frame, counts, weights, others),
        lost=tuple(lost for lost, _ in losses),
        reason=reason,
        group_labels=[*(label for part in parts for label in part.labels), *names],
    )


def _group_losses(
    columns: Sequence[str],
    parts: "Sequence[_Answers]",
    cells: NDArray[np.intp],
    names: Sequence[str],
    drop_groups: Sequence[str],
) -> Iterator[tuple[Dropped, NDArray[np.bool_]]]:
    """Give what is dropped for its group, and its rows."""
    for column, part in zip(columns, parts, strict=True):
        yield Dropped("group", column, "missing", 0.0), part.codes < 0
        for position, (value, label) in enumerate(zip(part.values, part.labels, strict=True)):
            if _is_code(value, REFUSED):
                yield Dropped("group", label, "refused", 0.0), part.codes == position
            elif label in drop_groups:
                yield Dropped("group", label, "left out", 0.0), part.codes == position
    for position, name in enumerate(names):
        if name in drop_groups:
            yield Dropped("group", name, "left out", 0.0), cells == position


def _crossed(parts: "Sequence[_Answers]") -> tuple[NDArray[np.intp], list[str]]:
    """Return each row's combination of labels, -1 where one is missing, and their names."""
    present = np.all([part.codes >= 0 for part in parts], axis=0)
    cells = np.full(len(present), -1, dtype=np.intp)
    if not present.any():
        return cells, []
    shape = tuple(len(part.labels) for part in parts)
    flat = np.ravel_multi_index(tuple(part.codes[present] for part in parts), shape)
    found, cells[present] = np.unique(flat, return_inverse=True)
    columns = [
        [part.labels[i] for i in places]
        for part, places in zip(parts, np.unravel_index(found, shape), strict=True)
    ]
    return cells, [" + ".join(labels) for labels in zip(*columns, strict=True)]


def _numbers(frame: "pd.DataFrame", column: str) -> Floats:
    """Return a column of weights: non-negative, positive somewhere, NaN where missing."""
    values = numbers(frame, column)
    if np.isinf(values).any() or (values < 0).any():
        wrong = values[np.isinf(values) | (values < 0)][0]
        raise _validate.complaint(
            column, "finite and non-negative weights", f"{wrong:g} among them"
        )
    if not (values > 0).any():
        raise _validate.complaint(column, "weights that are positive somewhere", "none")
    return values


def _frozen(array: Floats) -> Floats:
    """Return an array that many questions will share, as read-only."""
    array.flags.writeable = False
    return array


# --- what they answered ---------------------------------------------------------------


@dataclass(frozen=True)
class _Answers:
    """A column as positions in its list of values.

    Attributes
    ----------
    codes : ndarray of int, shape (N,)
        Position of each row's value; -1 where it is missing.
    values : list
        The distinct values, in order.
    labels : tuple of str
        Their labels.
    fault : str
        Why the column cannot be a question; empty if it can.
    """

    codes: NDArray[np.intp]
    values: list[Any]
    labels: tuple[str, ...]
    fault: str = ""

    @classmethod
    def of(cls, column: "pd.Series[Any]", labels: Labels, *, text: bool) -> "_Answers":
        """Return the answers of a column; `text` says whether text may do without labels."""
        import pandas as pd

        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind not in _CODES:
            column = column.mask(column.astype(str).str.strip() == "")
            if not (text or labels):
                fault = "text without labels" if kind == "string" else f"{kind} values, not codes"
                return cls(np.where(column.isna(), -1, 0), [], (), fault)
        codes, found = pd.factorize(column, sort=True)
        values = list(found)
        plain = [printed(value) for value in values]
        named = [str(labels.get(value, "")).strip() for value in values]
        full = [name or code for name, code in zip(named, plain, strict=True)]
        fault = f"more than {MAX_OPTIONS} distinct values" if len(values) > MAX_OPTIONS else ""
        return cls(codes, values, told_apart(full, plain), fault)


_CODES = frozenset(
    {"integer", "floating", "mixed-integer-float", "boolean", "categorical", "empty"}
)
"""Kinds of columns, in pandas' words, whose values are codes."""


def _question(
    key: str, answers: _Answers, people: _People, about: Mapping[str, str], sample: str
) -> Question | Dropped:
    """Return the question, or why there is none."""
    given = answers.codes >= 0
    numbers = np.bincount(
        answers.codes[given & (people.reason == 0)], minlength=len(answers.values)
    )
    refused = np.array(
        [is_refused(v, t) for v, t in zip(answers.values, answers.labels, strict=True)], dtype=bool
    )
    if fault := answers.fault or _fault(numbers[~refused]):
        return Dropped("variable", key, fault, float(given.sum()))
    kept = np.flatnonzero(~refused)
    position = np.full(len(numbers) + 1, -1, dtype=np.int16)
    position[kept] = np.arange(len(kept))
    lost = np.bincount(people.reason[given], minlength=len(people.lost) + 1)[1:]
    dropped = [
        replace(loss, respondents=float(number))
        for loss, number in zip(people.lost, lost, strict=True)
        if number
    ] + [
        Dropped("option", answers.labels[i], "refused", float(numbers[i]))
        for i in np.flatnonzero(refused & (numbers > 0))
    ]
    respondents = Respondents(
        groups=people.groups,
        options=position[answers.codes],
        weights=people.weights,
        design=people.design,
        replicates=people.replicates,
        sample=sample,
    )
    options = [answers.labels[i] for i in kept]
    return Question.from_respondents(
        key, respondents, people.names, options, dropped=dropped, **about
    )


def _fault(numbers: NDArray[np.intp]) -> str:
    """Return why answers with these numbers of respondents make no question, if they do not."""
    if not numbers.any():
        return "nobody answered it"
    return "fewer than two options were chosen" if (numbers > 0).sum() < 2 else ""


def is_refused(value: Hashable, label: str) -> bool:
    """Return whether an answer is a refused one: by its code, or because its label says so."""
    return _is_code(value, REFUSED) or _REFUSED.search(label) is not None


def is_no_answer(label: str) -> bool:
    """Return whether a label says that there is no answer: refused, not known, missing."""
    return _NO_ANSWER.search(label) is not None


def _is_code(value: Hashable, code: int) -> bool:
    return not isinstance(value, str) and value == code


def printed(value: object) -> str:
    """Return a value as a label: ``"1"``, not ``"1.0"``."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def told_apart(labels: Sequence[str], codes: Sequence[str]) -> tuple[str, ...]:
    """Return labels that differ: equal ones are followed by their codes."""
    times = Counter(labels)
    return tuple(
        label if times[label] == 1 else f"{label} ({code})"
        for label, code in zip(labels, codes, strict=True)
    )
