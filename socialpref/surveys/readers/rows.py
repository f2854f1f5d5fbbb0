"""Rows of respondents: a table with one row per respondent becomes questions."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ...errors import InputError
from ...inference import Design, ReplicateWeights
from ..missing import LEFT_OUT, MissingAnswers, warn_of
from ..question import Dropped, Question
from ..respondents import Respondents
from ..survey import Survey, check_frame
from .answers import MAX_OPTIONS, Answers, Rule
from .batteries import Item, items_of
from .codebook import Codebook
from .designs import DesignColumns, numbers

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Labels = Mapping[Any, str]

MAX_GROUPS = 1000
"""Columns that make more groups than this are identifiers."""


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
    missing: MissingAnswers = MissingAnswers(),  # noqa: B008 - immutable
    codebook: Codebook | None = None,
    batteries: Mapping[str, Sequence[str]] | None = None,
    name: str = "rows",
    citation: str = "",
    source: str = "",
) -> Survey:
    r"""Build a survey from a table with one row per respondent.

    Missing answers never count: empty cells, values that are declared missing, and labels that
    say "refused", "don't know" or "not asked" (`MissingAnswers`). Rows without a group or
    without a weight do not count either. Every question says in `dropped` how many answers
    went for which reason: with those that count they add up to all that the column holds.
    A warning names codes that look like missing answers but have no labels.

    Parameters
    ----------
    frame : DataFrame
        Answers as codes (or labels), one column per question.
    groups : sequence of str
        The columns that tell the groups apart. Several are crossed: ``"Rep/Lean + White"``.
        Rows where one is missing, or its label says so, are dropped.
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
    missing : MissingAnswers
        Which answers do not count.
    codebook : Codebook, optional
        Labels, texts, declared missing values and scales in one; see `read_codebook`.
        `value_labels` and `texts` count before it.
    batteries : mapping, optional
        Columns that are one question, "select all that apply": for the question's key its
        columns, one for each item, or one column of text with the marked items between
        semicolons. The items are the options, and their choice shares stand to each other as
        the shares of those asked who marked them. The columns are no questions by themselves.
    name, citation : str
        As for `Survey`.
    source : str
        As for `Question`; it also names the rows, which questions of one sample share.

    Returns
    -------
    Survey
        Options are those that somebody chose, in the order of their codes. Columns that cannot
        be questions are in `skipped`, with the reason. `sample_shares` of a question are the
        groups' shares of all rows that count, those not asked included.

    Raises
    ------
    InputError
        If a column, a label of `drop_groups` or a code of `missing` does not exist, weights are
        negative or all zero, no row has a group and a weight, or no column can be a question.

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
    labels = _by_column("value_labels", value_labels, Mapping)
    book = Codebook(labels, _by_column("texts", texts, str))
    if codebook is not None:
        _validate.instance("codebook", codebook, Codebook, "a Codebook")
        book = codebook.with_more(book)
    rows = read_rows(
        frame,
        groups=groups,
        weight=weight,
        questions=questions,
        book=book,
        design=design,
        drop_groups=drop_groups,
        missing=missing,
        batteries=batteries,
        name=name,
        source=source,
    )
    check_known(drop_groups, rows.group_labels)
    missing.check_used(rows.words)
    warn_of(rows.suspicious, rows.suspicious_groups)
    return survey_of(name, rows.questions, citation, rows.skipped, weight=weight or "")


class Rows(NamedTuple):
    """What became of a table of rows.

    Attributes
    ----------
    questions : list of Question
    skipped : list of Dropped
        Columns that are not questions.
    group_labels : list of str
        Every group there was, before and after crossing, dropped ones included.
    words : dict
        For each question the codes and labels that there were, dropped ones included.
    suspicious : dict
        For each question its codes without labels that look like missing answers.
    suspicious_groups : dict
        The same for each column of groups.
    """

    questions: list[Question]
    skipped: list[Dropped]
    group_labels: list[str]
    words: dict[str, set[str]]
    suspicious: dict[str, list[str]]
    suspicious_groups: dict[str, list[str]]


def read_rows(
    frame: "pd.DataFrame",
    *,
    groups: Sequence[str],
    weight: str | None,
    questions: Sequence[str] | None = None,
    book: Codebook,
    design: DesignColumns | None = None,
    drop_groups: Sequence[str] = (),
    missing: MissingAnswers,
    batteries: Mapping[str, Sequence[str]] | None = None,
    pew: bool = False,
    name: str = "rows",
    source: str = "",
) -> Rows:
    """Do `survey_from_rows`'s work for one of several tables; what must exist is not checked."""
    check_frame(frame)
    _validate.instance("missing", missing, MissingAnswers, "MissingAnswers")
    by = listed(groups, "groups")
    if not by:
        raise _validate.complaint("groups", "at least one column", "none")
    if weight is not None:
        _validate.instance("weight", weight, str, "the name of a column")
    batteries = {} if batteries is None else batteries
    _validate.instance("batteries", batteries, Mapping, "a mapping from questions to columns")
    together = {str(key): listed(columns, "batteries") for key, columns in batteries.items()}
    items = [column for columns in together.values() for column in columns]
    columns = DesignColumns() if design is None else design
    _validate.instance("design", columns, DesignColumns, "DesignColumns or None")
    used = [*by, *([] if weight is None else [weight])]
    named = listed(() if questions is None else questions, "questions")
    _check_columns(frame, [*used, *named, *items, *columns.strata, *columns.units])
    apart = {*used, *columns.named(frame, used)}
    if both := [column for column in [*named, *items] if column in apart]:
        raise InputError(
            f"{both[0]!r} cannot be a question: it holds groups, weights or the sample's design"
        )
    rule = Rule(book, missing, pew)
    people = _people(frame, by, weight, columns, rule, listed(drop_groups, "drop_groups"))
    if together and (people.design is not None or people.replicates is not None):
        raise InputError(
            f"{next(iter(together))!r} is a battery of items, whose intervals cannot follow the "
            "sampling design; study batteries without strata, primary units and replicate weights"
        )
    rows = Rows([], [], people.group_labels, {}, {}, people.suspicious)
    results: list[Question | Dropped] = []
    asked = [c for c in frame.columns if c not in apart] if questions is None else named
    for column in [c for c in asked if c not in items]:
        key = str(column)
        answers = Answers.of(frame[column], column, book, text=column in named)
        reasons = answers.reasons(key, rule)
        about = _about(book, by, source, key)
        rows.words[key] = {*answers.labels, *answers.printed}
        rows.suspicious[key] = answers.suspicious(reasons)
        results.append(_question(key, answers, reasons, people, about, sample=source or name))
    for key, parts in together.items():
        marks = items_of(key, [frame[part] for part in parts], rule)
        results.append(_battery(key, marks, people, _about(book, by, source, key)))
    for result in results:
        if isinstance(result, Question):
            rows.questions.append(result)
        else:
            rows.skipped.append(result)
            rows.suspicious.pop(result.name, None)
    return rows


def _about(book: Codebook, by: Sequence[str], source: str, key: str) -> dict[str, Any]:
    return {"grouping": " + ".join(by), "source": source, "text": book.texts.get(key) or ""}


def survey_of(
    name: str,
    questions: Sequence[Question],
    citation: str,
    skipped: Sequence[Dropped],
    **origin: str,
) -> Survey:
    """Return the survey of some questions, or say why there are none."""
    if not questions:
        why = "; ".join(f"{lost.name!r}: {lost.reason}" for lost in skipped[:3])
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        raise InputError(f"nothing in {name} can be a question ({why or 'it is empty'}{more})")
    return Survey(name, tuple(questions), citation, tuple(skipped), **origin)


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
    suspicious : dict
        For each column its codes without labels that look like missing answers.
    """

    groups: NDArray[np.int16]
    names: tuple[str, ...]
    weights: Floats
    design: Design | None
    replicates: ReplicateWeights | None
    lost: tuple[Dropped, ...]
    reason: NDArray[np.int16]
    group_labels: list[str]
    suspicious: dict[str, list[str]]

    def lost_of(self, given: NDArray[np.bool_]) -> list[Dropped]:
        """Return what went of given answers with those who do not count."""
        numbers = np.bincount(self.reason[given], minlength=len(self.lost) + 1)[1:]
        return [
            replace(loss, respondents=float(number))
            for loss, number in zip(self.lost, numbers, strict=True)
            if number
        ]

    def shares_of(self, names: Sequence[str]) -> Floats:
        """Return the shares of some groups in the weights of all who count."""
        counted = self.groups >= 0
        weights = np.bincount(self.groups[counted], self.weights[counted])
        known = weights[[self.names.index(name) for name in names]]
        return _frozen(known / known.sum())


def _people(
    frame: "pd.DataFrame",
    groups: Sequence[str],
    weight: str | None,
    design: DesignColumns,
    rule: Rule,
    drop_groups: Sequence[str],
) -> _People:
    weights = np.ones(len(frame)) if weight is None else _numbers(frame, weight)
    parts = [Answers.of(frame[column], column, rule.book, text=True) for column in groups]
    cells, names = _crossed(parts)
    if len(names) > MAX_GROUPS:
        must = f"columns that make at most {MAX_GROUPS} groups"
        raise _validate.complaint("groups", must, f"{len(names)} from {' + '.join(groups)}")
    losses = [
        (Dropped("respondents", weight or "", "weight missing", 0.0), np.isnan(weights)),
        (Dropped("respondents", weight or "", "weight 0", 0.0), weights == 0.0),
        *_group_losses(groups, parts, cells, names, rule, drop_groups),
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
    labels, drawn = tuple(names[i] for i in here), design.design(frame, counts)
    if drawn is not None:
        _warn_of_single_units(drawn, positions, labels)
    return _People(
        groups=positions,
        names=labels,
        weights=weights,
        design=drawn,
        replicates=design.replicates(frame, counts, weights, others),
        lost=tuple(lost for lost, _ in losses),
        reason=reason,
        group_labels=[*(label for part in parts for label in part.labels), *names],
        suspicious={
            column: part.suspicious([None if x not in drop_groups else x for x in part.labels])
            for column, part in zip(groups, parts, strict=True)
        },
    )


def _warn_of_single_units(design: Design, groups: NDArray[np.int16], names: Sequence[str]) -> None:
    """Warn of groups whose people are all of one primary unit, which shows no variance."""
    pairs = np.unique(np.stack([groups, design.units])[:, groups >= 0], axis=1)
    alone = np.bincount(pairs[0], minlength=len(names)) == 1
    if alone.any():
        shown = ", ".join(repr(name) for name, one in zip(names, alone, strict=True) if one)
        warnings.warn(
            f"all people of {shown} are of one primary unit, which shows no variance; intervals "
            "take the answers of such a group as certain",
            stacklevel=2,
        )


def _group_losses(
    columns: Sequence[str],
    parts: Sequence[Answers],
    cells: NDArray[np.intp],
    names: Sequence[str],
    rule: Rule,
    drop_groups: Sequence[str],
) -> Iterator[tuple[Dropped, NDArray[np.bool_]]]:
    """Give what is dropped for its group, and its rows."""
    for column, part in zip(columns, parts, strict=True):
        yield Dropped("group", column, "missing", 0.0), part.codes < 0
        for position, (value, label) in enumerate(zip(part.values, part.labels, strict=True)):
            reason = rule.missing.group_reason(
                value, label, declared=part.declared[position], pew=rule.pew
            )
            if reason or label in drop_groups:
                yield Dropped("group", label, reason or LEFT_OUT, 0.0), part.codes == position
    for position, name in enumerate(names):
        if name in drop_groups:
            yield Dropped("group", name, LEFT_OUT, 0.0), cells == position


def _crossed(parts: Sequence[Answers]) -> tuple[NDArray[np.intp], list[str]]:
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


def _question(
    key: str,
    answers: Answers,
    reasons: Sequence[str | None],
    people: _People,
    about: Mapping[str, Any],
    sample: str,
) -> Question | Dropped:
    """Return the question, or why there is none."""
    given = answers.codes >= 0
    numbers = np.bincount(
        answers.codes[given & (people.reason == 0)], minlength=len(answers.values)
    )
    kept = [i for i, reason in enumerate(reasons) if reason is None]
    if fault := answers.fault or _fault(numbers[kept]):
        return Dropped("variable", key, fault, float(given.sum()))
    position = np.full(len(numbers) + 1, -1, dtype=np.int16)
    position[kept] = np.arange(len(kept))
    dropped = people.lost_of(given) + [
        Dropped("option", answers.labels[i], reason, float(numbers[i]))
        for i, reason in enumerate(reasons)
        if reason is not None and numbers[i]
    ]
    respondents = Respondents(
        groups=people.groups,
        options=position[answers.codes],
        weights=people.weights,
        design=people.design,
        replicates=people.replicates,
        sample=sample,
    )
    question = Question.from_respondents(
        key,
        respondents,
        people.names,
        [answers.labels[i] for i in kept],
        dropped=dropped,
        ordinals=answers.places(kept),
        **about,
    )
    return replace(question, sample_shares=people.shares_of(question.groups))


def _fault(numbers: NDArray[np.intp]) -> str:
    """Return why answers with these numbers of respondents make no question, if they do not."""
    if not numbers.any():
        return "nobody answered it"
    if len(numbers) > MAX_OPTIONS:
        return f"more than {MAX_OPTIONS} distinct values"
    return "fewer than two options were chosen" if (numbers > 0).sum() < 2 else ""


def _effective_marks(items: Sequence[Item], rows: NDArray[np.bool_], weights: Floats) -> float:
    """Return the number of single answers whose shares are no more certain than those of marks.

    It is 1 over the largest variance that a contrast of the logarithms of the items' shares has,
    relative to its variance by one answer; and at most every mark is an answer of its own.
    """
    marked = np.column_stack([item.marked[rows] & item.asked[rows] for item in items])
    asked = np.column_stack([item.asked[rows] for item in items])
    put = weights @ asked
    shares = weights @ marked / put
    moves = weights[:, None] * (marked - shares * asked) / (shares * put)
    root = np.sqrt(shares / shares.sum())
    scaled = moves * root
    scaled -= np.outer(scaled @ root, root)
    largest = float(np.linalg.eigvalsh(scaled.T @ scaled)[-1])
    most = float(weights.sum() ** 2 / (weights**2).sum() * shares.sum())
    return most if largest * most <= 1.0 else 1.0 / largest


def _battery(
    key: str,
    items: Sequence[Item],
    people: _People,
    about: Mapping[str, Any],
) -> Question | Dropped:
    """Return the question whose options are the items of a battery, or why there is none.

    A group's choice shares are in proportion to the shares of those asked who marked each item.
    """
    counted = people.reason == 0
    given = np.any([item.given for item in items], axis=0)
    asked = np.any([item.asked for item in items], axis=0) & counted
    if not asked.any():
        return Dropped("variable", key, "nobody answered it", float(given.sum()))
    here = np.unique(people.groups[asked])
    shares = np.zeros((len(here), len(items)))
    weights, sizes, effective = np.zeros((3, len(here)))
    for g, group in enumerate(here):
        rows = asked & (people.groups == group)
        weights[g], sizes[g] = people.weights[rows].sum(), rows.sum()
        for k, item in enumerate(items):
            put = rows & item.asked
            if not put.any():
                reason = f"item {item.label!r} was not put to group {people.names[group]!r}"
                return Dropped("variable", key, reason, float(given.sum()))
            shares[g, k] = people.weights[put & item.marked].sum() / people.weights[put].sum()
        there = [item for item, share in zip(items, shares[g], strict=True) if share]
        if there:
            effective[g] = _effective_marks(there, rows, people.weights[rows])
    marks, chosen = shares.sum(axis=1), shares.sum(axis=0) > 0
    some = marks > 0
    if chosen.sum() < 2:
        return Dropped("variable", key, "fewer than two items were marked", float(given.sum()))
    dropped = people.lost_of(given)
    if unasked := float((given & counted & ~asked).sum()):
        dropped.append(Dropped("respondents", key, "no item answered", unasked))
    for group, size in zip(here[~some], sizes[~some], strict=True):
        dropped.append(Dropped("group", people.names[group], "marked nothing", float(size)))
    for item, marked in zip(items, chosen, strict=True):
        if not marked:
            dropped.append(Dropped("option", item.label, "nobody chose it", 0.0))
    question = Question.from_counts(
        key,
        (shares[some] * (weights[some] / marks[some])[:, None])[:, chosen],
        [people.names[group] for group in here[some]],
        [item.label for item, marked in zip(items, chosen, strict=True) if marked],
        dropped=dropped,
        **about,
    )
    return replace(
        question,
        sizes=sizes[some],
        effective_sizes=effective[some],
        sample_shares=people.shares_of(question.groups),
    )
