"""Surveys: questions from one source, and tidy tables of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import InputError
from .missing import MissingAnswers, suspicious, warn_of
from .question import Dropped, Question

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

UNKNOWN = "not known"
"""The design of counts, and of respondents without strata, units or replicate weights."""


@dataclass(frozen=True, eq=False)
class Survey:
    """Questions from one source.

    Attributes
    ----------
    name : str
        What the survey is called.
    questions : tuple of Question
        With distinct keys.
    citation : str
        How to cite the source, with what must be said along with it.
    skipped : tuple of Dropped
        What of the source did not become a question, and why.
    path : str
        The file or folder that it was read from; empty if there is none.
    weight : str
        The column of the survey weights; empty if there is none.

    Raises
    ------
    InputError
        If it has no questions, or two with the same key.
    """

    name: str
    questions: tuple[Question, ...]
    citation: str = ""
    skipped: tuple[Dropped, ...] = ()
    path: str = ""
    weight: str = ""
    _index: dict[str, Question] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _validate.instance("name", self.name, str, "a string")
        _validate.instance("questions", self.questions, (tuple, list), "a tuple of questions")
        for question in self.questions:
            _validate.instance("questions", question, Question, "a tuple of questions")
        object.__setattr__(self, "questions", tuple(self.questions))
        if not self.questions:
            raise InputError(f"'questions' of {self.name} must not be empty.")
        keys = [question.key for question in self.questions]
        _validate.labels("keys of the questions", keys, len(keys))
        object.__setattr__(self, "_index", dict(zip(keys, self.questions, strict=True)))

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, key: str) -> Question:
        if not isinstance(key, str) or key not in self._index:
            raise _validate.complaint("question", f"a key of {self.name}", _validate.shown(key))
        return self._index[key]

    @property
    def design(self) -> str:
        """How the respondents were drawn, as far as the source tells; else `UNKNOWN`."""
        kinds = Counter(map(_design_of, self))
        if len(kinds) == 1:
            return next(iter(kinds))
        return "; ".join(f"{kind} ({number} questions)" for kind, number in kinds.most_common())

    def to_frame(self) -> "pd.DataFrame":
        """Return the survey as a tidy table, one row per question, group and option.

        Returns
        -------
        DataFrame
            Columns ``question, group, option, count``, or ``share`` in place of ``count`` where
            only shares are known; ``n`` where ``count`` is a sum of weights; ``group_share`` where
            the groups' shares are not those of the counts; then ``ordinal, text, grouping``
            and ``source``.
        """
        import pandas as pd

        return pd.concat([_frame(question) for question in self], ignore_index=True)

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame",
        *,
        groups: str = "group",
        name: str = "table",
        citation: str = "",
        missing: MissingAnswers = MissingAnswers(),  # noqa: B008 - immutable
        pew: bool = False,
    ) -> "Survey":
        """Build a survey from a tidy table.

        Parameters
        ----------
        frame : DataFrame
            One row per question, group and option, in columns ``question``, `groups`,
            ``option`` and ``count`` (or ``share``, or ``percent``). Combinations that have no
            row count as 0. Where ``n`` is the number of respondents of a row's group, or
            ``n_question`` that of all groups of a question, counts may be sums of weights, and
            shares have a sampling error. ``group_share`` is the share of the row's group, by
            default in proportion to the counts, or to ``n``, or else equal. Percentages may sum
            to 99 to 101, ``*`` is a quarter of a per cent and a dash none. ``ordinal, text,
            grouping, source, part`` are used if present.
        groups : str
            Name of the column that holds the groups.
        name, citation : str
            As for `Survey`.
        missing : MissingAnswers
            Which answers do not count.
        pew : bool
            Whether the rules of Pew's published protocol hold, as in `read_atp`.

        Raises
        ------
        InputError
            If a column is missing, holds something else than it must, or a row is repeated.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref.surveys import Survey
        >>> rows = [("Q1", "Dem", "yes", 70), ("Q1", "Dem", "no", 30), ("Q1", "Rep", "no", 50)]
        >>> frame = pd.DataFrame(rows, columns=["question", "group", "option", "count"])
        >>> Survey.from_frame(frame)["Q1"].counts
        array([[70., 30.],
               [ 0., 50.]])
        """
        check_frame(frame)
        _validate.instance("groups", groups, str, "the name of a column")
        _validate.instance("missing", missing, MissingAnswers, "MissingAnswers")
        value = next((name for name in VALUES if name in frame.columns), "share")
        needed = ["question", groups, "option", value]
        if lost := [column for column in needed if column not in frame.columns]:
            columns = ", ".join(map(repr, frame.columns))
            raise InputError(f"the table must have a column {lost[0]!r}; it has {columns}.")
        if not len(frame):
            raise InputError("the table must have at least one row; it has none.")
        whole = [
            _question(str(key), rows, groups)
            for key, rows in frame.groupby("question", sort=False, dropna=False)
        ]
        missing.check_used({question.key: question.options for question in whole})
        warn_of(
            {q.key: suspicious(q.options, [False] * q.n_options) for q in whole},
        )
        counted = [_counted(question, missing, pew) for question in whole]
        skipped = tuple(result for result in counted if isinstance(result, Dropped))
        questions = tuple(result for result in counted if isinstance(result, Question))
        if skipped and not questions:
            raise InputError(f"nothing in {name} can be a question ({skipped[0]})")
        return cls(name, questions, citation, skipped)


VALUES = "count", "percent", "share"
"""Columns that say how many chose an option, the first that there is before the others."""
NONE = frozenset({"-", "\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}"})
WHOLE = {"percent": 100.0, "share": 1.0}
"""What the numbers of a group add up to."""
ROUNDING = 0.01
"""How far, as a share of the whole, they may be from that."""
STAR = 0.0025
"""What * stands for among percentages: more than none and less than half a per cent."""


def _design_of(question: Question) -> str:
    answers = question.respondents
    if answers is not None and answers.replicates is not None:
        return f"{answers.replicates.weights.shape[1]} replicate weights"
    if answers is not None and answers.design is not None:
        design = answers.design
        return f"{len(design.names)} strata, {len(design.strata)} primary units"
    return UNKNOWN


def check_frame(frame: object, name: str = "frame") -> None:
    """Refuse a value that is not a DataFrame with distinct names of columns."""
    import pandas as pd

    _validate.instance(name, frame, pd.DataFrame, "a DataFrame")
    assert isinstance(frame, pd.DataFrame)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"columns must have distinct names; {twice!r} is there twice")


def _frame(question: Question) -> "pd.DataFrame":
    import pandas as pd

    n_groups, n_options = question.choice_shares.shape
    columns: dict[str, Any] = {
        "question": question.key,
        "group": np.repeat(question.groups, n_options),
        "option": np.tile(question.options, n_groups),
    }
    if question.counts is not None:
        columns["count"] = question.counts.ravel()
        assert question.sizes is not None
        sums = question.counts.sum(axis=1)
        if (question.sizes != sums).any() or (question.counts % 1 != 0).any():
            columns["n"] = np.repeat(question.sizes, n_options)
    else:
        columns["share"] = question.choice_shares.ravel()
    if question.counts is None or question.shares_are != "observed":
        columns["group_share"] = np.repeat(question.group_shares, n_options)
    columns["ordinal"] = np.tile(question.ordinals or [np.nan] * n_options, n_groups)
    for name in ("text", "grouping", "source"):
        columns[name] = getattr(question, name)
    return pd.DataFrame(columns)


def _question(key: str, rows: "pd.DataFrame", groups: str) -> Question:
    import pandas as pd

    for column in ("question", groups, "option"):
        if rows[column].isna().any():
            raise InputError(f"column {column!r} must not be empty; it is in a row of {key}.")
    g, names = pd.factorize(rows[groups].astype(str))
    o, options = pd.factorize(rows["option"].astype(str))
    if len(set(zip(g, o, strict=True))) < len(rows):
        raise InputError(f"rows of {key} must differ in group or option; one is repeated.")
    # A table of several questions may know counts of some and shares of others.
    known = [name for name in VALUES if name in rows]
    value = next((name for name in known if rows[name].notna().any()), known[0])
    stars = np.zeros(len(names))
    if value == "percent":
        numbers, is_star = _percentages(key, rows)
        np.add.at(stars, g, is_star)
    else:
        numbers = _numbers(key, rows, value)
    if np.isnan(numbers).any():
        raise InputError(f"column {value!r} must hold numbers; it is empty in a row of {key}.")
    table = np.zeros((len(names), len(options)))
    table[g, o] = numbers
    more: dict[str, Any] = {
        name: str(rows[name].iloc[0])
        for name in ("text", "grouping", "source", "part")
        if name in rows and not pd.isna(rows[name].iloc[0])
    }
    more.setdefault("grouping", groups)
    if "ordinal" in rows and rows["ordinal"].notna().any():
        more["ordinals"] = _one_for_each(key, rows, "ordinal", o, options)
    weights = None
    if "group_share" in rows and rows["group_share"].notna().any():
        weights = _one_for_each(key, rows, "group_share", g, names)
    if value == "count":
        question = Question.from_counts(key, table, names, options, **more)
        n = _sizes(key, rows, g, names, table.sum(axis=1))
    else:
        table = _normalised(key, value, table, names, stars)
        n = _sizes(key, rows, g, names, weights)
        shares = n / n.sum() if weights is None and n is not None else weights
        question = Question.from_shares(key, table, names, options, group_shares=shares, **more)
        if n is None:
            return question
        here = [list(names).index(name) for name in question.groups]
        more["dropped"] = question.dropped
        counts = n[here, None] * question.choice_shares
        question = Question.from_counts(key, counts, question.groups, options, **more)
    if n is not None:
        sizes = n[[list(names).index(name) for name in question.groups]]
        question = replace(question, sizes=sizes, effective_sizes=sizes)
    if weights is None:
        return question
    return question.with_shares(dict(zip(names, weights.tolist(), strict=True)))


def _percentages(key: str, rows: "pd.DataFrame") -> tuple[Floats, NDArray[np.bool_]]:
    """Return percentages as floats, and which of them are given as a star only."""
    texts = rows["percent"].astype(str).str.strip().str.removesuffix("%").str.strip()
    stars = (texts == "*").to_numpy()
    plain = (
        texts.mask(rows["percent"].isna())
        .mask(texts.isin(NONE), "0")
        .mask(stars, str(100.0 * STAR))
    )
    return _numbers(key, rows.assign(percent=plain), "percent"), stars


def _normalised(key: str, value: str, table: Floats, names: Sequence[str], stars: Floats) -> Floats:
    """Return percentages or shares by group as shares that sum to 1, or say which do not."""
    whole = WHOLE[value]
    sums = table.sum(axis=1) / whole
    # Whatever is under half a per cent can be off by a quarter.
    wrong = np.abs(sums - 1.0) > ROUNDING + STAR * stars + _validate.SUM_TOLERANCE
    if wrong.any():
        got = f"{sums[wrong][0] * whole:g} for {names[int(wrong.argmax())]!r}"
        must = f"numbers that add up to {0.99 * whole:g} to {1.01 * whole:g}"
        raise _validate.complaint(f"{value} of {key}", must, got)
    shares: Floats = table / whole / sums[:, None]
    return shares


def _sizes(
    key: str,
    rows: "pd.DataFrame",
    g: NDArray[np.intp],
    names: Sequence[str],
    weights: Floats | None,
) -> Floats | None:
    """Return the number of respondents of each group, None if it is not known of all."""
    if "n" in rows and rows["n"].notna().any():
        n = _one_for_each(key, rows, "n", g, names)
    elif "n_question" in rows and rows["n_question"].notna().any():
        if weights is None:
            raise InputError(f"n_question of {key} needs a column 'group_share' beside it.")
        same = np.zeros(len(rows), dtype=np.intp)
        n = weights / weights.sum() * _one_for_each(key, rows, "n_question", same, [key])
    else:
        return None
    if np.isnan(n).any():
        return None
    if (n < 0).any() or not n.sum():
        raise _validate.complaint(f"n of {key}", "numbers of respondents", f"{n.min():g}")
    return n


def _counted(question: Question, missing: MissingAnswers, pew: bool) -> Question | Dropped:
    """Return a question without missing answers, or why nothing is left of it."""
    answered = question
    kept = [name for name in question.groups if not missing.group_reason(name, name, pew=pew)]
    if not kept:
        return Dropped("variable", question.key, "nobody answered it", question.n_respondents)
    for name in question.groups:
        if reason := missing.group_reason(name, name, pew=pew):
            answered = answered.without(groups=[name], reason=reason)
    reasons = missing.reasons(question.key, question.options, question.options, pew=pew)
    if reasons.count(None) < 2:
        reason = "fewer than two options are answers"
        return Dropped("variable", question.key, reason, question.n_respondents)
    for label, why in zip(question.options, reasons, strict=True):
        if why is not None:
            answered = answered.without(options=[label], reason=why)
    told = tuple(lost for lost in answered.dropped if lost.respondents or lost in question.dropped)
    answered = replace(answered, dropped=told)
    before, after = question.choice_shares.sum(axis=0), answered.choice_shares.sum(axis=0)
    gone = [
        label
        for label, some in zip(answered.options, after, strict=True)
        if not some and before[question.options.index(label)]
    ]
    return answered.without(options=gone, reason="nobody chose it")


def _numbers(key: str, rows: "pd.DataFrame", column: str) -> Floats:
    """Return a column as floats, NaN where it is empty."""
    import pandas as pd

    filled = rows[column].notna().to_numpy()
    try:
        numbers = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=np.float64)
    except OverflowError:
        numbers = np.full(len(rows), np.inf)
    if (wrong := filled & ~np.isfinite(numbers)).any():
        got = repr(rows[column].to_numpy()[wrong][0])
        shown = got if len(got) <= 40 else f"{got[:40]}..."
        raise InputError(f"column {column!r} must hold numbers; got {shown} in a row of {key}.")
    return numbers


def _one_for_each(
    key: str, rows: "pd.DataFrame", column: str, codes: NDArray[np.intp], labels: Sequence[str]
) -> Floats:
    """Return the one number that a column has for each label, NaN where it has none."""
    numbers = _numbers(key, rows, column)
    result = np.full(len(labels), np.nan)
    for i, label in enumerate(labels):
        found = np.unique(numbers[(codes == i) & ~np.isnan(numbers)])
        if len(found) > 1:
            raise InputError(
                f"column {column!r} must say one thing of {label!r} in {key}; "
                f"it says {found[0]:g} and {found[1]:g}."
            )
        if len(found):
            result[i] = found[0]
    return result
