"""Questions: how many of each group chose each option."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import InputError
from ..links import Link, Logistic
from ..population import Population, luce_shepard_rewards
from .respondents import Respondents

Floats = NDArray[np.float64]
SHARES = ("observed", "equal", "wave")
"""Shares of groups that have a name."""


@dataclass(frozen=True)
class Dropped:
    """Something left out, and why.

    Attributes
    ----------
    kind : str
        ``"group"``, ``"option"`` or ``"respondents"``; ``"variable"`` for a whole column,
        ``"file"`` for a whole file.
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

    Make one with `Question.from_counts`, `Question.from_shares` or `Question.from_respondents`.

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
    shares_are : {"observed", "equal", "wave", "given"}
        Whether the groups' shares are those of the answers, equal, those of the whole sample, or
        told from outside. Only observed shares have a sampling error.
    counts : ndarray of shape (G, K), or None
        Respondents (or sums of weights) by group and option; None if only shares are known.
    sizes : ndarray of shape (G,), or None
        Number of respondents of each group, whatever their weights; None if unknown.
    effective_sizes : ndarray of shape (G,), or None
        Kish's effective sample size of each group, ``(sum w)^2 / sum w^2``: how many equally
        weighted respondents would be as informative.
    respondents : Respondents or None
        The answers one by one, if they are known.
    text, grouping, source : str
        What is asked, what kind of group answers, and where the figures come from.
    ordinals : tuple of float
        Place of each option on its scale, NaN for options off the scale; empty if unknown.
    part : str
        The part of the survey that the question belongs to, if results are to be told by part.
    dropped : tuple of Dropped
        What was left out.
    sample_shares : ndarray of shape (G,), or None
        Share of each group in the whole sample, those who were not asked or did not answer
        included; None if unknown.
    """

    key: str
    groups: tuple[str, ...]
    options: tuple[str, ...]
    choice_shares: Floats
    group_shares: Floats
    shares_are: str = "observed"
    counts: Floats | None = None
    sizes: Floats | None = None
    effective_sizes: Floats | None = None
    respondents: Respondents | None = None
    text: str = ""
    grouping: str = ""
    source: str = ""
    ordinals: tuple[float, ...] = ()
    part: str = ""
    dropped: tuple[Dropped, ...] = ()
    sample_shares: Floats | None = None

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
            ``text``, ``grouping``, ``source``, ``ordinals``, ``part``, ``dropped``.

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
        _validate.instance("key", key, str, "a string")
        names, answers = _labels(key, groups, options)
        counts = _validate.aligned(f"counts of {key}", counts, names, answers)
        table = _validate.real_array(f"counts of {key}", counts, 2)
        if (table < 0).any():
            must = "non-negative"
            raise _validate.complaint(f"counts of {key}", must, f"{table.min():g} among its values")
        with np.errstate(over="ignore"):
            sizes = table.sum(axis=1)
            total = sizes.sum()
        if not 0 < total < np.inf:
            must = "positive somewhere and of finite sum"
            got = f"a sum of {total:g}" if total else "only zeros"
            raise _validate.complaint(f"counts of {key}", must, got)
        _validate.labels(f"groups of {key}", names, len(table))
        here = sizes > 0
        dropped = (*more.pop("dropped", ()), *_no_respondents(names, here))
        return cls._checked(
            key=key,
            groups=tuple(name for name, kept in zip(names, here, strict=True) if kept),
            options=answers,
            choice_shares=table[here] / sizes[here, None],
            group_shares=sizes[here] / total,
            counts=table[here],
            sizes=sizes[here],
            effective_sizes=sizes[here],
            dropped=dropped,
            **more,
        )

    @classmethod
    def from_respondents(
        cls,
        key: str,
        respondents: Respondents,
        groups: Sequence[str],
        options: Sequence[str],
        **more: Any,
    ) -> Self:
        """Build a question from the answers one by one.

        Parameters
        ----------
        key : str
        respondents : Respondents
            Positions refer to `groups` and `options`.
        groups, options : sequence of str
            Labels. Groups without respondents and options that nobody chose are dropped, and
            the result says so.
        **more
            ``text``, ``grouping``, ``source``, ``part``, ``dropped``.

        Raises
        ------
        InputError
            If nobody answered, labels do not fit, or fewer than two options were chosen.

        References
        ----------
        Kish (1965), Survey Sampling, for the effective sample size.

        Examples
        --------
        >>> import numpy as np
        >>> from socialpref.surveys import Question, Respondents
        >>> answers = Respondents(
        ...     groups=np.array([0, 0, 1, 1]), options=np.array([0, 1, 1, 1]),
        ...     weights=np.array([1.0, 1.0, 1.0, 3.0]),
        ... )
        >>> question = Question.from_respondents("Q1", answers, ["Dem", "Rep"], ["yes", "no"])
        >>> question.counts, question.effective_sizes
        (array([[1., 1.],
               [0., 4.]]), array([2. , 1.6]))
        """
        _validate.instance("key", key, str, "a string")
        _validate.instance(f"respondents of {key}", respondents, Respondents, "Respondents")
        groups, options = _labels(key, groups, options)
        respondents.check_positions(f"respondents of {key}", len(groups), len(options))
        numbers = respondents.tabulate(len(groups), len(options), respondents.weights > 0)
        if not numbers.any():
            raise InputError(
                f"'respondents' of {key} must have an answer, a group and a weight; none has."
            )
        here, chosen = numbers.sum(axis=1) > 0, numbers.sum(axis=0) > 0
        unused = [name for name, some in zip(options, chosen, strict=True) if not some]
        g, o = np.flatnonzero(here).tolist(), np.flatnonzero(chosen).tolist()
        kept = respondents.relabel(g, len(groups), o, len(options))
        shape = len(g), len(o)
        more["dropped"] = (
            *more.get("dropped", ()),
            *_no_respondents(groups, here),
            *(Dropped("option", name, "nobody chose it", 0.0) for name in unused),
        )
        if ordinals := more.get("ordinals"):
            more["ordinals"] = [ordinals[i] for i in o]
        names = [groups[i] for i in g], [options[i] for i in o]
        counts = kept.tabulate(*shape, kept.weights)
        question = cls.from_counts(key, counts, *names, **more)
        sizes = kept.tabulate(*shape, kept.weights > 0).sum(axis=1)
        # In units of each group's largest weight, whose square neither over- nor underflows.
        counted, largest = kept.counted, np.zeros(len(g))
        np.maximum.at(largest, kept.groups[counted], kept.weights[counted])
        relative = np.zeros_like(kept.weights)
        relative[counted] = kept.weights[counted] / largest[kept.groups[counted]]
        squares = kept.tabulate(*shape, relative**2).sum(axis=1)
        return replace(
            question,
            sizes=sizes,
            effective_sizes=(counts.sum(axis=1) / largest) ** 2 / squares,
            respondents=kept,
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
        _validate.instance("key", key, str, "a string")
        names, answers = _labels(key, groups, options)
        choice_shares = _validate.aligned(f"choice_shares of {key}", choice_shares, names, answers)
        table = _validate.real_array(f"choice_shares of {key}", choice_shares, 2)
        _validate.check_shares(f"choice_shares of {key}", table)
        _validate.labels(f"groups of {key}", names, len(table))
        weights = _validate.distribution(f"group_shares of {key}", group_shares, len(table), names)
        here = weights > 0
        dropped = (*more.pop("dropped", ()), *_no_respondents(names, here))
        return cls._checked(
            key=key,
            groups=tuple(name for name, kept in zip(names, here, strict=True) if kept),
            options=answers,
            choice_shares=table[here] / table[here].sum(axis=1, keepdims=True),
            group_shares=weights[here],
            shares_are="equal" if group_shares is None else "observed",
            dropped=dropped,
            **more,
        )

    @classmethod
    def _checked(cls, **values: Any) -> Self:
        key, size = values["key"], values["choice_shares"].shape[1]
        if size < 2:
            raise _validate.complaint(f"options of {key}", "at least 2 labels", size)
        values["options"] = _validate.labels(f"options of {key}", values["options"], size)
        must = f"{size} numbers, one for each option"
        ordinals = _validate.any_array(f"ordinals of {key}", values.get("ordinals", ()), must)
        if ordinals.shape not in ((0,), (size,)):
            raise _validate.complaint(f"ordinals of {key}", must, f"shape {ordinals.shape}")
        values["ordinals"] = tuple(ordinals.tolist())
        for name in ("text", "grouping", "source", "part"):
            _validate.instance(f"{name} of {key}", values.get(name, ""), str, "a string")
        for array in values.values():
            if isinstance(array, np.ndarray):
                _read_only(array)
        return cls(**values)

    @property
    def n_options(self) -> int:
        """Number of options, K."""
        return len(self.options)

    @property
    def n_respondents(self) -> float:
        """Number of respondents, whatever their weights; NaN if only shares are known."""
        return float("nan") if self.sizes is None else float(self.sizes.sum())

    @property
    def n_effective(self) -> float:
        """Sum of the groups' effective sample sizes; NaN if only shares are known."""
        return float("nan") if self.effective_sizes is None else float(self.effective_sizes.sum())

    @property
    def is_weighted(self) -> bool:
        """Whether respondents are known to have different weights."""
        return self.respondents is not None and bool(np.ptp(self.respondents.weights))

    @property
    def scale(self) -> tuple[int, ...]:
        """Positions of the options on their scale, in its order; empty if they have none.

        Options are on a scale if at least three have places (`ordinals`) and all places differ.
        An option without a place, such as "not sure", is off it.
        """
        places = np.array(self.ordinals)
        known = np.flatnonzero(~np.isnan(places))
        if len(known) < 3 or len(np.unique(places[known])) < len(known):
            return ()
        return tuple(known[np.argsort(places[known])].tolist())

    def are_neighbours(self, pair: tuple[int, int] | None) -> bool:
        """Whether two options are next to each other on the question's scale.

        That they change places says less than other changes: "somewhat" and "very" do.

        Parameters
        ----------
        pair : tuple of int, or None
            Their positions; None, as of a flip that does not exist, is no pair.
        """
        if pair is None or not set(pair) <= set(self.scale):
            return False
        one, other = map(self.scale.index, pair)
        return abs(one - other) == 1

    def with_shares(self, shares: str | Mapping[str, float]) -> "Question":
        """Return the question with other shares of its groups.

        Parameters
        ----------
        shares : "observed", "equal", "wave" or mapping
            Those of the answers (weighted, where they have weights), the same for every group,
            those of the whole sample (`sample_shares`), or a number for each group, in proportion
            to its share. Numbers of groups that the
            question does not have are ignored. Where only shares are known, the observed ones are
            those that the question came with.

        Raises
        ------
        InputError
            If a group has no number, or one that is not positive and finite, or the shares of the
            whole sample are unknown.

        Examples
        --------
        >>> from socialpref.surveys import Question
        >>> counts = [[60, 30, 10], [60, 120, 120]]
        >>> question = Question.from_counts("Q1", counts, ["Dem", "Rep"], ["A", "B", "C"])
        >>> question.group_shares, question.with_shares("equal").group_shares
        (array([0.25, 0.75]), array([0.5, 0.5]))
        """
        if isinstance(shares, str):
            _validate.choice("shares", shares, SHARES)
            if shares == "observed" and self.counts is None:
                return self
            kind, values = shares, np.ones(len(self.groups))
            if shares == "observed" and self.counts is not None:
                values = self.counts.sum(axis=1)
            if shares == "wave":
                if self.sample_shares is None:
                    must = f"other than 'wave' for {self.key}: not all of its sample is known"
                    raise _validate.complaint("shares", must, "'wave'")
                values = self.sample_shares
        else:
            must = f"a positive number for each group of {self.key}"
            _validate.instance("shares", shares, Mapping, f"'observed', 'equal', 'wave' or {must}")
            if absent := [name for name in self.groups if name not in shares]:
                raise _validate.complaint("shares", must, f"none for {absent[0]!r}")
            kind = "given"
            values = np.array(
                [
                    _validate.number(f"share of {name}", shares[name], 0.0, above=True)
                    for name in self.groups
                ]
            )
        return replace(self, group_shares=_read_only(values / values.sum()), shares_are=kind)

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
            If no group with answers, or fewer than two options, would remain.
        """
        groups, options = _validate.labels("groups", groups), _validate.labels("options", options)
        _validate.instance("reason", reason, str, "a string")
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
            Dropped("option", name, reason, float(table[g, i].sum()))
            for i, name in enumerate(self.options)
            if name in options
        ]
        if not dropped:
            return self
        names = [self.groups[i] for i in g], [self.options[i] for i in o]
        about: dict[str, Any] = {
            "text": self.text,
            "grouping": self.grouping,
            "source": self.source,
            "part": self.part,
            "ordinals": [self.ordinals[i] for i in o] if self.ordinals else (),
            "dropped": (*self.dropped, *dropped),
        }
        if self.respondents is not None:
            kept = self.respondents.relabel(g, len(self.groups), o, len(self.options))
            rest = Question.from_respondents(self.key, kept, *names, **about)
        else:
            rest = Question.from_counts(self.key, table[np.ix_(g, o)], *names, **about)
        here = [self.groups.index(name) for name in rest.groups]
        if self.sample_shares is not None:
            shares = self.sample_shares[here]
            rest = replace(rest, sample_shares=shares / shares.sum())
        if self.counts is None:
            rest = replace(rest, counts=None, sizes=None, effective_sizes=None)
        elif self.respondents is None and self.sizes is not None:  # may be no sums of counts
            left = table[np.ix_(here, o)].sum(axis=1) / table[here].sum(axis=1)
            assert self.effective_sizes is not None
            sizes, effective = self.sizes[here] * left, self.effective_sizes[here] * left
            rest = replace(rest, sizes=sizes, effective_sizes=effective)
        if self.shares_are in ("equal", "wave"):
            return rest.with_shares(self.shares_are)
        if self.shares_are == "given":
            return rest.with_shares(dict(zip(self.groups, self.group_shares.tolist(), strict=True)))
        return rest

    def population(
        self,
        *,
        smoothing: float | str = 1e-15,
        link: Link = Logistic(),  # noqa: B008 - immutable
    ) -> Population:
        """Return the population of the groups, by the Luce-Shepard rule.

        Parameters
        ----------
        smoothing : float or "jeffreys"
            Added to every choice share, as by `Population.from_choice_shares`; or Jeffreys'
            rule, half a respondent added to every cell.
        link : Link
            As for `Population`.

        Raises
        ------
        InputError
            If smoothing is 0 where a cell is empty, or Jeffreys' where only shares are known.
        """
        shares = smoothed(self.choice_shares, self.effective_sizes, smoothing)
        return Population(
            luce_shepard_rewards(shares),
            self.group_shares,
            link=link,
            types=self.groups,
            options=self.options,
        )


def smoothed(choice_shares: Floats, sizes: Floats | None, smoothing: float | str) -> Floats:
    """Return choice shares (..., G, K) as the study takes their logarithms.

    A number is added as it is; Jeffreys' rule adds half a respondent to each cell.

    Parameters
    ----------
    choice_shares : ndarray, shape (..., G, K)
    sizes : ndarray of shape (G,), or None
        Effective size of each group; needed for Jeffreys' rule only.
    smoothing : float or "jeffreys"
    """
    if isinstance(smoothing, str) and smoothing == "jeffreys":
        if sizes is None:
            raise InputError(
                "'smoothing' must be a number where only shares are known; got 'jeffreys'."
            )
        n, size = sizes[:, None], choice_shares.shape[-1]
        return (choice_shares * n + 0.5) / (n + size / 2)
    return choice_shares + _validate.number("smoothing", smoothing, 0.0)


def _read_only(array: Floats) -> Floats:
    array.flags.writeable = False
    return array


def _labels(
    key: str, groups: Sequence[str], options: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (
        _validate.labels(f"groups of {key}", groups),
        _validate.labels(f"options of {key}", options),
    )


def _no_respondents(names: Iterable[str], here: Iterable[np.bool_]) -> list[Dropped]:
    return [
        Dropped("group", name, "no respondents", 0.0)
        for name, kept in zip(names, here, strict=True)
        if not kept
    ]
