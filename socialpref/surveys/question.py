"""Questions and surveys: how many of each group chose each option."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import InputError
from ..links import Link, Logistic
from ..population import Population

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dropped:
    """Something left out of a question, and why.

    Attributes
    ----------
    kind : str
        ``"group"`` or ``"option"``.
    name : str
        Its label.
    reason : str
        Why it was left out.
    respondents : float
        How many answers (or which share of them) went with it.
    """

    kind: str
    name: str
    reason: str
    respondents: float

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} ({self.reason}; {self.respondents:g} answers)"


@dataclass(frozen=True, eq=False, kw_only=True)
class Question:
    """The answers to one question by group of respondents.

    Make one with `Question.from_counts` or `Question.from_shares`.

    Attributes
    ----------
    key : str
        Its identifier in the survey.
    groups, options : tuple of str
        Labels of the G groups and K options.
    choice_shares : ndarray, shape (G, K)
        How often each group chooses each option; rows sum to 1.
    group_shares : ndarray, shape (G,)
        Share of each group; sums to 1.
    counts : ndarray of shape (G, K), or None
        Respondents (or weights) by group and option; None if only shares are known.
    text, grouping, source : str
        What is asked, what kind of group answers, and where the figures come from.
    ordinals : tuple of float
        Place of each option on its scale, NaN for options off the scale; empty if unknown.
    dropped : tuple of Dropped
        What was left out.
    """

    key: str
    groups: tuple[str, ...]
    options: tuple[str, ...]
    choice_shares: Floats
    group_shares: Floats
    counts: Floats | None = None
    text: str = ""
    grouping: str = ""
    source: str = ""
    ordinals: tuple[float, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @classmethod
    def from_counts(
        cls, key: str, counts: ArrayLike, groups: Sequence[str], options: Sequence[str], **more: Any
    ) -> Self:
        """Build a question from the number of respondents by group and option.

        Parameters
        ----------
        key : str
        counts : array_like, shape (G, K)
            Non-negative; need not be whole numbers (they may be sums of weights).
        groups, options : sequence of str
            Labels. Groups without respondents are dropped, and the result says so.
        **more
            ``text``, ``grouping``, ``source``, ``ordinals``, ``dropped``.

        Raises
        ------
        InputError
            If counts are negative, not finite or all zero, labels do not fit, or there are
            fewer than two options.

        Examples
        --------
        >>> from socialpref.surveys import Question
        >>> counts = [[60, 30, 10], [20, 20, 60]]
        >>> question = Question.from_counts("Q1", counts, ["Dem", "Rep"], ["A", "B", "C"])
        >>> question.n_respondents
        200.0
        >>> question.population().mean_rewards().round(3)
        array([ 0.231, -0.116, -0.116])
        """
        table = _validate.real_array(f"counts of {key}", counts, 2)
        if (table < 0).any():
            must = "non-negative"
            raise _validate.complaint(f"counts of {key}", must, f"{table.min():g} among its values")
        sizes = table.sum(axis=1)
        if not sizes.sum() > 0:
            raise _validate.complaint(f"counts of {key}", "positive somewhere", "only zeros")
        names = _validate.labels(f"groups of {key}", groups, len(table))
        here = sizes > 0
        dropped = (*more.pop("dropped", ()), *_no_respondents(names, here))
        return cls._checked(
            key=key,
            groups=tuple(name for name, kept in zip(names, here, strict=True) if kept),
            options=tuple(options),
            choice_shares=table[here] / sizes[here, None],
            group_shares=sizes[here] / sizes.sum(),
            counts=table[here],
            dropped=dropped,
            **more,
        )

    @classmethod
    def from_shares(
        cls,
        key: str,
        choice_shares: ArrayLike,
        groups: Sequence[str],
        options: Sequence[str],
        *,
        group_shares: ArrayLike | None = None,
        **more: Any,
    ) -> Self:
        """Build a question from the share of each option in each group.

        Parameters
        ----------
        key : str
        choice_shares : array_like, shape (G, K)
            Non-negative; every row sums to 1.
        groups, options : sequence of str
            Labels.
        group_shares : array_like, shape (G,), optional
            Share of each group. Equal shares if omitted. Groups of share 0 are dropped.
        **more
            As for `from_counts`.

        Raises
        ------
        InputError
            If a row is not a distribution, labels do not fit, or there are fewer than two
            options.
        """
        table = _validate.real_array(f"choice_shares of {key}", choice_shares, 2)
        _validate.check_shares(f"choice_shares of {key}", table)
        names = _validate.labels(f"groups of {key}", groups, len(table))
        weights = _validate.distribution(f"group_shares of {key}", group_shares, len(table))
        here = weights > 0
        dropped = (*more.pop("dropped", ()), *_no_respondents(names, here))
        return cls._checked(
            key=key,
            groups=tuple(name for name, kept in zip(names, here, strict=True) if kept),
            options=tuple(options),
            choice_shares=table[here] / table[here].sum(axis=1, keepdims=True),
            group_shares=weights[here],
            dropped=dropped,
            **more,
        )

    @classmethod
    def _checked(cls, **values: Any) -> Self:
        key, size = values["key"], values["choice_shares"].shape[1]
        if size < 2:
            raise _validate.complaint(f"options of {key}", "at least 2 labels", size)
        values["options"] = _validate.labels(f"options of {key}", values["options"], size)
        ordinals = values["ordinals"] = tuple(map(float, values.get("ordinals", ())))
        if ordinals and len(ordinals) != size:
            must = f"{size} numbers, one for each option"
            raise _validate.complaint(f"ordinals of {key}", must, len(ordinals))
        return cls(**values)

    @property
    def n_options(self) -> int:
        """Number of options, K."""
        return len(self.options)

    @property
    def n_respondents(self) -> float:
        """Number of respondents (or sum of weights); NaN if only shares are known."""
        return float("nan") if self.counts is None else float(self.counts.sum())

    def without(
        self, *, groups: Sequence[str] = (), options: Sequence[str] = (), reason: str
    ) -> "Question":
        """Return the question without some groups and options, which it records as dropped.

        Parameters
        ----------
        groups, options : sequence of str
            Labels to leave out; those that the question does not have are ignored.
        reason : str
            Why.

        Raises
        ------
        InputError
            If no group, or fewer than two options with answers, would remain.
        """
        table = (
            self.group_shares[:, None] * self.choice_shares if self.counts is None else self.counts
        )
        g = [i for i, name in enumerate(self.groups) if name not in groups]
        o = [i for i, name in enumerate(self.options) if name not in options]
        dropped = [
            Dropped("group", name, reason, float(table[i].sum()))
            for i, name in enumerate(self.groups)
            if name in groups
        ] + [
            Dropped("option", name, reason, float(table[:, i].sum()))
            for i, name in enumerate(self.options)
            if name in options
        ]
        if not dropped:
            return self
        rest = Question.from_counts(
            self.key,
            table[np.ix_(g, o)],
            [self.groups[i] for i in g],
            [self.options[i] for i in o],
            text=self.text,
            grouping=self.grouping,
            source=self.source,
            ordinals=[self.ordinals[i] for i in o] if self.ordinals else (),
            dropped=(*self.dropped, *dropped),
        )
        return rest if self.counts is not None else replace(rest, counts=None)

    def population(self, *, smoothing: float = 1e-15, link: Link = Logistic()) -> Population:  # noqa: B008
        """Return the population of the groups, by the Luce-Shepard rule.

        Parameters
        ----------
        smoothing, link
            As for `Population.from_choice_shares`.
        """
        return Population.from_choice_shares(
            self.choice_shares,
            self.group_shares,
            smoothing=smoothing,
            link=link,
            types=self.groups,
            options=self.options,
        )


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

    Raises
    ------
    InputError
        If it has no questions, or two with the same key.
    """

    name: str
    questions: tuple[Question, ...]
    citation: str = ""
    _index: dict[str, Question] = field(init=False, repr=False)

    def __post_init__(self) -> None:
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
        if key not in self._index:
            raise InputError(f"'question' must be a key of {self.name}; got {key!r}.")
        return self._index[key]

    def to_frame(self) -> "pd.DataFrame":
        """Return the survey as a tidy table, one row per question, group and option.

        Returns
        -------
        DataFrame
            Columns ``question, group, option, count``, or ``share`` and ``group_share`` in
            place of ``count`` where only shares are known, then ``ordinal, text, grouping,
            source``.
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
    ) -> "Survey":
        """Build a survey from a tidy table.

        Parameters
        ----------
        frame : DataFrame
            One row per question, group and option, in columns ``question``, `groups`,
            ``option`` and ``count`` (or ``share``, with ``group_share`` if groups differ in
            size). Combinations that have no row count as 0. ``ordinal, text, grouping,
            source`` are used if present.
        groups : str
            Name of the column that holds the groups.
        name, citation : str
            As for `Survey`.

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
        value = "count" if "count" in frame.columns else "share"
        needed = ["question", groups, "option", value]
        if missing := [column for column in needed if column not in frame.columns]:
            columns = ", ".join(map(repr, frame.columns))
            raise InputError(f"the table must have a column {missing[0]!r}; it has {columns}.")
        if not len(frame):
            raise InputError("the table must have at least one row; it has none.")
        questions = (
            _question(str(key), rows, groups, value)
            for key, rows in frame.groupby("question", sort=False, dropna=False)
        )
        return cls(name, tuple(questions), citation)


def _no_respondents(names: Iterable[str], here: NDArray[np.bool_]) -> list[Dropped]:
    return [
        Dropped("group", name, "no respondents", 0.0)
        for name, kept in zip(names, here, strict=True)
        if not kept
    ]


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
    else:
        columns["share"] = question.choice_shares.ravel()
        columns["group_share"] = np.repeat(question.group_shares, n_options)
    columns["ordinal"] = np.tile(question.ordinals or [np.nan] * n_options, n_groups)
    for name in ("text", "grouping", "source"):
        columns[name] = getattr(question, name)
    return pd.DataFrame(columns)


def _question(key: str, rows: "pd.DataFrame", groups: str, value: str) -> Question:
    import pandas as pd

    for column in ("question", groups, "option"):
        if rows[column].isna().any():
            raise InputError(f"column {column!r} must not be empty; it is in a row of {key}.")
    numbers = pd.to_numeric(rows[value], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        got = rows[value].to_numpy()[~np.isfinite(numbers)][0]
        raise InputError(f"column {value!r} must hold numbers; got {got!r} in a row of {key}.")
    g, names = pd.factorize(rows[groups].astype(str))
    o, options = pd.factorize(rows["option"].astype(str))
    table = np.zeros((len(names), len(options)))
    if len(set(zip(g, o, strict=True))) < len(rows):
        raise InputError(f"rows of {key} must differ in group or option; one is repeated.")
    table[g, o] = numbers
    more: dict[str, Any] = {
        name: str(rows[name].iloc[0])
        for name in ("text", "grouping", "source")
        if name in rows and not pd.isna(rows[name].iloc[0])
    }
    more.setdefault("grouping", groups)
    if "ordinal" in rows and rows["ordinal"].notna().any():
        ordinals = np.full(len(options), np.nan)
        ordinals[o] = pd.to_numeric(rows["ordinal"], errors="coerce").to_numpy(dtype=np.float64)
        more["ordinals"] = ordinals
    if value == "count":
        return Question.from_counts(key, table, names, options, **more)
    weights = None
    if "group_share" in rows:
        weights = np.zeros(len(names))
        weights[g] = pd.to_numeric(rows["group_share"], errors="coerce").to_numpy(dtype=np.float64)
    return Question.from_shares(key, table, names, options, group_shares=weights, **more)
