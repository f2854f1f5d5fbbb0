"""What a structure of preference data identifies, and what a label is worth."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import InputError
from ..links import Logistic
from ..population import Population, check_population
from .answers import Model, rank_modulo
from .structures import MOST_QUESTIONS, Answers, PairWeights, Structure, described, parts_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
NOISE = 1e-12
"""Eigenvalues of the information below this, relative to the largest, are taken for 0."""
TIED = 1e-9
"""Average rewards that are less apart, relative to their range, are tied."""
MOST_NUMBERS = 20_000_000
"""Types times parameters times questions: what takes about a minute."""
LARGEST_GAP = 300.0
"""Reward gaps, over the temperature, up to which all odds are floats."""
RAREST = 1e-9
"""The share of a type that nobody has in a draw: the bounds are continuous from there on."""
IDENTIFIED = 1e-6
"""How far, relative to its length, a direction may stick out of what is identified."""


@dataclass(frozen=True, eq=False)
class Information:
    """What a structure identifies of a population, and how exact its labels make the answers.

    Attributes
    ----------
    structure : Structure, or mapping of Structure to float
        A mapping has the part of the labels that each structure gets.
    prompts : tuple of Population
        The population at each prompt. K is the number of options of all of them together.
    rank, n_parameters : int
        Of the Jacobian of the answers' probabilities at generic parameters, exactly, and how many
        parameters there are: rewards, shares where they are unknown, and further unknown numbers.
    rank_here : int
        The same at these populations, in floats.
    gap : float
        The smallest singular value that counts over the largest that does not; inf if all count.
        Each parameter is in units of what its information would be alone, so that rare types
        count as others do.
    labels : float
        Labels that one annotator or panel gives; of a mixture the mean over annotators.
    matrix : ndarray, shape (n_parameters, n_parameters)
        The Fisher information per label.
    slopes : ndarray, shape (K, n_parameters)
        The derivatives by the parameters of the average rewards, less that of the prompt's first
        option.
    gap_variances : ndarray, shape (K, K)
        V of each average-reward gap: from n labels its standard error is at least ``sqrt(V / n)``
        (the efficiency bound). inf where the gap is not identified, as between options of
        different prompts; 0 on the diagonal.
    unidentified : tuple of str
        What is open here, in words; empty if all is identified.
    local_only : bool
        Whether a full rank says nothing about parameters that are not near: anonymous pairs of
        more than one type, and votes of types with unequal shares.
    sampling_error : float
        Where there are too many questions to list, a sample of them stands for all: the relative
        standard error of `variance_per_label` by that, from two halves; 0 if all were listed.
    asked : Asked
        The questions, and which parameters are unknown.
    """

    structure: Structure | Mapping[Structure, float]
    prompts: tuple[Population, ...]
    rank: int
    n_parameters: int
    rank_here: int
    gap: float
    labels: float
    matrix: Floats
    slopes: Floats
    gap_variances: Floats
    unidentified: tuple[str, ...]
    local_only: bool
    sampling_error: float
    asked: "Asked"

    @property
    def identified(self) -> bool:
        """Whether types and shares are identified, at generic parameters and here."""
        return self.rank == self.n_parameters == self.rank_here

    @property
    def n_types(self) -> int:
        """How many types there are, the same at all prompts."""
        return self.prompts[0].n_types

    @property
    def pairs(self) -> tuple[Integers, Integers]:
        """The first and the second options of all pairs at the same prompt."""
        everything = PairWeights.of([one.n_options for one in self.prompts])
        return everything.first, everything.second

    @property
    def variance_per_label(self) -> float:
        """The mean of `gap_variances` over pairs of options at the same prompt."""
        return float(self.gap_variances[self.pairs].mean())

    @property
    def variance_per_annotator(self) -> float:
        """The same, for the number of annotators or panels in place of labels."""
        return self.variance_per_label / self.labels

    def error(self, n_labels: float) -> float:
        """Return the root mean square error of gaps that n labels reach at best."""
        n_labels = _validate.number("n_labels", n_labels, 0.0, above=True)
        return math.sqrt(self.variance_per_label / n_labels)

    def sign_error(self, a: int | str, b: int | str, n_labels: float, *, prompt: int = 0) -> float:
        """Return how likely the sign of a gap is wrong, with n labels, at best.

        Parameters
        ----------
        a, b : int or str
            Options.
        n_labels : float
        prompt : int
            The place of their prompt.
        """
        n_labels = _validate.number("n_labels", n_labels, 0.0, above=True)
        prompt = _validate.integer("prompt", prompt, 0, len(self.prompts) - 1)
        start, means = list(self._by_prompt())[prompt]
        y, z = self.prompts[prompt].index(a), self.prompts[prompt].index(b)
        return float(
            _wrong(abs(means[y] - means[z]), self.gap_variances[start + y, start + z], n_labels)
        )

    def mean_sign_error(self, n_labels: float) -> float:
        """Return `sign_error` averaged over the pairs of options whose average rewards differ."""
        n_labels = _validate.number("n_labels", n_labels, 0.0, above=True)
        means = np.concatenate([own for _, own in self._by_prompt()])
        y, z = self.pairs
        gaps = np.abs(means[y] - means[z])
        apart = gaps > TIED * max(1.0, float(np.ptp(means)))
        if not apart.any():
            return 0.0
        return float(_wrong(gaps, self.gap_variances[y, z], n_labels)[apart].mean())

    def winner_error(self, n_labels: float) -> float:
        """Return how likely another option than a best one looks best, with n labels, at best.

        By the normal distribution of all gaps. Options that are tied with the best one count as
        best, too. The mean over prompts.
        """
        n_labels = _validate.number("n_labels", n_labels, 0.0, above=True)
        errors = []
        for start, means in self._by_prompt():
            here = slice(start, start + len(means))
            errors.append(_wrong_winner(means, self.gap_variances[here, here] / n_labels))
        return float(np.mean(errors))

    def _by_prompt(self) -> Iterator[tuple[int, Floats]]:
        """Yield the place of each prompt's first option, and its average rewards."""
        start = 0
        for one in self.prompts:
            yield start, one.mean_rewards()
            start += one.n_options

    def at(self, population: Population | Sequence[Population]) -> "Information":
        """Return the same for other populations of as many types and options, such as draws.

        Parameters
        ----------
        population : Population or sequence of Population
            As for `information`. A type that nobody has counts as a rare one.
        """
        prompts = checked_prompts(population)
        sizes = [[one.n_options for one in each] for each in (prompts, self.prompts)]
        if prompts[0].n_types != self.n_types or sizes[0] != sizes[1]:
            must = "of as many types and options"
            got = f"{prompts[0].n_types} and {sizes[0]}"
            raise _validate.complaint("population", must, got)
        return _found(prompts, self.structure, self.asked, self.rank)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per pair of options: option, other, gap, variance.

        If there are several prompts, the column prompt has their places.
        """
        import pandas as pd

        means = np.concatenate([own for _, own in self._by_prompt()])
        names = np.array([name for one in self.prompts for name in one.options], dtype=object)
        prompt = np.repeat(np.arange(len(self.prompts)), [one.n_options for one in self.prompts])
        y, z = self.pairs
        frame = pd.DataFrame(
            {
                "option": names[y],
                "other": names[z],
                "gap": means[y] - means[z],
                "variance": self.gap_variances[y, z],
            }
        )
        if len(self.prompts) > 1:
            frame.insert(0, "prompt", prompt[y])
        return frame

    def describe(self) -> str:
        """Return what is identified, and at what price, in words."""
        name = described(self.structure)
        if self.identified:
            words = f"{name}: types and shares are identified ({self.rank} parameters)"
            if self.local_only:
                words += ", next to the truth only: types far from it may fit as well"
        else:
            words = (
                f"{name}: not identified, rank {self.rank_here} of {self.n_parameters}; open: "
                f"{', '.join(self.unidentified)}"
            )
        price = self.variance_per_label
        worth = f"variance {price:.4g} per label" if np.isfinite(price) else "some gaps are open"
        return f"{words}; average-reward gaps: {worth}."


def _wrong(gaps: Floats, variances: Floats, n_labels: float) -> Floats:
    """Return how likely estimates of gaps have the wrong sign; a half if they are not identified.

    So does the gap of an option and itself.
    """
    from scipy.special import ndtr

    known = np.isfinite(variances) & (variances > 0.0)
    errors = np.sqrt(np.where(known, variances, 1.0) / n_labels)
    return np.where(known, ndtr(-gaps / errors), 0.5)


def _wrong_winner(means: Floats, variances: Floats) -> float:
    """Return how likely no option with the largest mean has the largest estimate.

    Parameters
    ----------
    means : ndarray, shape (K,)
    variances : ndarray, shape (K, K)
        Of the gaps between estimates.
    """
    from scipy.stats import multivariate_normal

    best = np.flatnonzero(means >= means.max() - TIED * max(1.0, float(np.ptp(means))))
    if len(best) == len(means):
        return 0.0
    if not np.isfinite(variances).all():
        return 1.0
    right = 0.0
    for one in best:
        others = np.delete(np.arange(len(means)), one)
        own = variances[one, others]
        spread = (own[:, None] + own - variances[np.ix_(others, others)]) / 2.0
        normal = multivariate_normal(cov=spread, allow_singular=True, seed=0)
        right += float(normal.cdf(means[one] - means[others]))
    return min(1.0, max(0.0, 1.0 - right))


def information(
    population: Population | Sequence[Population],
    structure: Structure | Mapping[Structure, float],
    *,
    sampling: ArrayLike | Sequence[ArrayLike] | None = None,
    know_shares: bool | None = None,
    seed: int = 0,
) -> Information:
    """Return what a structure of data identifies of a population, and what a label is worth.

    Parameters
    ----------
    population : Population or sequence of Population
        With the logistic link. A sequence has one for each prompt, of the same types with the
        same shares: annotators are asked about any of the prompts, each equally often, and linked
        comparisons of one annotator can be of different prompts.
    structure : Structure, or mapping of Structure to float
        Such as ``Linked(2)``; or several, each with its part of the labels.
    sampling : array_like, shape (K,), or a sequence of such, optional
        From which both options of a comparison are drawn, at each prompt; comparisons of an
        option with itself are left out. Uniform if omitted. Rankings are of all sets of k
        options, each equally often, whatever it is.
    know_shares : bool, optional
        Whether the shares of the types are known. What the structure says if omitted: of a
        mixture, whether one of its structures says so.
    seed : int
        Of the random parameters in the prime field, and of questions where there are too many to
        list.

    Returns
    -------
    Information

    Raises
    ------
    InputError
        If an argument is out of its range, the link is not logistic, the populations of prompts
        differ in types, shares or temperature, or the problem is too large.

    Notes
    -----
    The rank at generic parameters is that of the Jacobian at random parameters modulo a prime
    near 2^31: it is never too large, and too small with probability below 1e-6. Full rank means
    that parameters are identified next to the truth; elsewhere others may fit as well, above all
    under anonymous pairs.

    References
    ----------
    Rothenberg (1971), "Identification in parametric models"; van der Vaart (1998), *Asymptotic
    Statistics*, chapter 8, for the bound.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner, ring
    >>> from socialpref.theory import Linked, Panel, information
    >>> round(information(mediocre_winner(), Panel()).variance_per_label, 4)
    30.0765
    >>> information(mediocre_winner(), Linked(2)).identified
    False

    Three types at two prompts with three options each: links between prompts identify what links
    at one prompt do not.

    >>> from socialpref import Population
    >>> other = Population([[0, 1, 2], [2, 0, 1], [0, 0, 3]])
    >>> information([mediocre_winner(), other], Linked(2)).identified
    True
    """
    prompts = checked_prompts(population)
    parts, seed = parts_of(structure), _validate.integer("seed", seed)
    n_types, sizes = prompts[0].n_types, tuple(one.n_options for one in prompts)
    pairs = PairWeights.of(sizes, samplings(sampling, prompts))
    _validate.instance("know_shares", know_shares, (bool, type(None)), "True, False or None")
    if know_shares is None:
        know_shares = any(one.knows_shares for one in parts)
    extra = [one.nuisance(n_types) for one in parts]
    shares_unknown = any(one.uses_shares for one in parts) and not know_shares
    unknown = [np.ones(n_types * (sum(sizes) - len(sizes)), bool)]
    unknown += [np.full(n_types - 1, shares_unknown), np.ones(sum(map(len, extra)), bool)]
    kept = np.concatenate(unknown)
    if n_types * len(kept) * min(len(pairs.first), MOST_QUESTIONS) > MOST_NUMBERS:
        must = "of fewer options or prompts: this many parameters take too long"
        raise _validate.complaint("population", must, f"{len(kept):,} parameters")
    if shares_unknown and not prompts[0].shares.all():
        must = "of positive shares where they are unknown: leave out types that nobody has"
        raise _validate.complaint("population", must, "0 among its shares")
    asked = Asked(parts, pairs, extra, kept, seed)
    return _found(prompts, structure, asked, asked.rank(n_types, sizes))


@dataclass(frozen=True, eq=False)
class Asked:
    """Structures with their parts of the labels, and what is not known.

    Attributes
    ----------
    parts : dict of Structure to float
    pairs : PairWeights
    extra : list of ndarray
        Each structure's further unknown numbers.
    kept : ndarray of bool
        Which parameters are unknown: rewards, shares unless known or not used, and `extra`.
    seed : int
    """

    parts: dict[Structure, float]
    pairs: PairWeights
    extra: list[Floats]
    kept: Bools
    seed: int

    def answers(self, model: Model) -> list[Answers]:
        """Return the answers under each structure, which sees its own further numbers only."""
        rng, found, start = np.random.default_rng(self.seed), [], 0
        for one, own in zip(self.parts, self.extra, strict=True):
            nuisance = model.nuisance[start : start + len(own)]
            found.append(one.answers(replace(model, nuisance=nuisance), self.pairs, rng))
            start += len(own)
        return found

    def rank(self, n_types: int, sizes: tuple[int, ...]) -> int:
        """Return the rank of the answers' Jacobian at generic parameters."""
        rng, n_extra = np.random.default_rng(self.seed), sum(map(len, self.extra))
        field = Model.generic(n_types, sizes, n_extra, rng)
        rows = [one.chances.slope for one in self.answers(field)]
        return rank_modulo(np.concatenate(rows).astype(np.int64)[:, self.kept])

    def costs(self, n_types: int) -> list[float]:
        """Return how many annotators, or panels, of each structure there are for a label."""
        return [part / one.labels(n_types) for one, part in self.parts.items()]


def _found(
    prompts: tuple[Population, ...],
    structure: Structure | Mapping[Structure, float],
    asked: Asked,
    rank: int,
) -> Information:
    """Return the information at some populations."""
    sizes, kept = tuple(one.n_options for one in prompts), asked.kept
    temperature = prompts[0].link.temperature  # type: ignore[attr-defined]
    shares = np.maximum(prompts[0].shares, RAREST)
    at = Model.at([Population(one.rewards / temperature, shares / shares.sum()) for one in prompts],
                  np.concatenate(asked.extra))  # fmt: skip
    found, costs = asked.answers(at), asked.costs(prompts[0].n_types)
    slopes = temperature * _mean_slopes(asked.parts, at)[:, kept]
    bounds = _Bounds.of(found, costs, kept)
    return Information(
        structure=structure,
        prompts=prompts,
        rank=rank,
        n_parameters=int(kept.sum()),
        rank_here=int(bounds.counts.sum()),
        gap=bounds.gap,
        labels=1.0 / sum(costs),
        matrix=bounds.matrix,
        slopes=slopes,
        gap_variances=bounds.gap_variances(slopes, sizes),
        unidentified=_open(bounds, kept, prompts),
        local_only=all(one.local_only(prompts[0].shares) for one in asked.parts),
        sampling_error=_sampling_error(found, costs, kept, slopes, sizes),
        asked=asked,
    )


def checked_prompts(population: object) -> tuple[Population, ...]:
    """Return the population at each prompt, all of the same types."""
    if isinstance(population, Population):
        population = [population]
    _validate.instance("population", population, Sequence, "a Population, or one for each prompt")
    assert isinstance(population, Sequence)
    if not len(population):
        raise _validate.complaint("population", "a Population, or one for each prompt", "none")
    prompts = tuple(population)
    for one in prompts:
        check_population(one)
        if type(one.link) is not Logistic:
            raise InputError("'population' must have the logistic link for its information.")
        spread = float(np.ptp(one.rewards, axis=1).max()) / one.link.temperature
        if spread > LARGEST_GAP:
            must = f"of reward gaps of at most {LARGEST_GAP:g} times the temperature"
            raise _validate.complaint("population", must, f"{spread:.4g}")
        if one.n_types != prompts[0].n_types or (one.shares != prompts[0].shares).any():
            raise InputError("'population' must have the same types and shares at all prompts.")
        if one.link != prompts[0].link:
            raise InputError("'population' must have the same temperature at all prompts.")
    return prompts


def samplings(sampling: Any, prompts: tuple[Population, ...]) -> list[Floats] | None:
    """Return the sampling distribution at each prompt; None if all are uniform."""
    if sampling is None:
        return None
    each = list(sampling) if isinstance(sampling, list | tuple | np.ndarray) else [sampling]
    if len(prompts) == 1 and all(isinstance(own, Real) for own in each):
        each = [sampling]
    if len(each) != len(prompts):
        must = f"a distribution for each of the {len(prompts)} prompts"
        raise _validate.complaint("sampling", must, f"{len(each)}")
    return [
        _validate.distribution("sampling", own, one.n_options, one.options)
        for own, one in zip(each, prompts, strict=True)
    ]


def _mean_slopes(parts: Mapping[Structure, float], model: Model) -> Floats:
    """Return the derivatives of all average rewards, shape (K, P)."""
    shares = next(iter(parts)).overall(model)
    rewards, odds = np.log(model.odds.value), model.odds.value[:, :, None]
    means = np.einsum("tp,tk->kp", shares.slope, rewards)
    return np.asarray(means + np.einsum("t,tkp->kp", shares.value, model.odds.slope / odds))


@dataclass(frozen=True, eq=False)
class _Bounds:
    """The information per label, and the eigenvalues that count of it with a diagonal of 1."""

    matrix: Floats
    scale: Floats
    values: Floats
    vectors: Floats
    counts: Bools

    @classmethod
    def of(cls, found: list[Answers], costs: list[float], kept: Bools) -> "_Bounds":
        """Return those of several structures, each weighted by annotators per label."""
        total = np.zeros((len(kept), len(kept)))
        for one, cost in zip(found, costs, strict=True):
            chances = np.asarray(one.chances.value, dtype=np.float64)
            slopes = np.asarray(one.chances.slope, dtype=np.float64)
            seen = chances > 0.0
            weights = cost * one.weights[seen] / chances[seen]
            total += (slopes[seen] * weights[:, None]).T @ slopes[seen]
        matrix = total[np.ix_(kept, kept)]
        own = np.sqrt(np.diag(matrix))
        scale = np.where(own > 0.0, own, 1.0)
        values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
        return cls(matrix, scale, values, vectors, values > NOISE * values.max())

    @property
    def gap(self) -> float:
        """The smallest singular value that counts over the largest that does not."""
        if self.counts.all():
            return math.inf
        dropped = max(float(self.values[~self.counts].max()), np.finfo(float).tiny)
        return math.sqrt(float(self.values[self.counts].min()) / dropped)

    def outside(self, ways: Floats) -> Bools:
        """Return which directions, on the last axis, stick out of what is identified."""
        scaled, span = ways / self.scale, self.vectors[:, self.counts]
        rest = scaled - (scaled @ span) @ span.T
        lengths = [np.sqrt((each**2).sum(axis=-1)) for each in (rest, scaled)]
        return np.asarray(lengths[0] > IDENTIFIED * lengths[1])

    def variances(self, ways: Floats) -> Floats:
        """Return the bounds of linear functions of the parameters; inf if not identified."""
        inside = (ways / self.scale) @ self.vectors[:, self.counts]
        found = (inside**2 / self.values[self.counts]).sum(axis=-1)
        return np.where(self.outside(ways), np.inf, found)

    def gap_variances(self, slopes: Floats, sizes: tuple[int, ...]) -> Floats:
        """Return the bounds of the gaps between all options; inf between those of two prompts."""
        found, start = np.full((len(slopes), len(slopes)), np.inf), 0
        for size in sizes:
            here = slice(start, start + size)
            found[here, here] = self.variances(slopes[here, None] - slopes[None, here])
            start += size
        return found


def _sampling_error(
    found: list[Answers], costs: list[float], kept: Bools, slopes: Floats, sizes: tuple[int, ...]
) -> float:
    """Return the relative standard error that a sample of questions leaves, from two halves."""
    if not any(one.sampled for one in found):
        return 0.0
    everything, halves = PairWeights.of(sizes), []
    for half in (0, 1):
        some = [_half(one, half) if one.sampled else one for one in found]
        variances = _Bounds.of(some, costs, kept).gap_variances(slopes, sizes)
        halves.append(float(variances[everything.first, everything.second].mean()))
    if not np.isfinite(halves).all():
        return math.inf
    return abs(halves[0] - halves[1]) / sum(halves)


def _half(answers: Answers, half: int) -> Answers:
    """Return every other question of a sample, with twice the weight."""
    chosen = np.arange(len(answers.weights)) % 2 == half
    return Answers(answers.chances[chosen], 2.0 * answers.weights[chosen], sampled=True)


def _open(bounds: _Bounds, kept: Bools, prompts: tuple[Population, ...]) -> tuple[str, ...]:
    """Return what is not identified here, in words."""
    out = np.zeros(len(kept), dtype=bool)
    out[kept] = bounds.outside(np.eye(int(kept.sum())))
    names, n_types = prompts[0].types, prompts[0].n_types
    n_rewards = n_types * sum(one.n_options - 1 for one in prompts)
    rewards = out[:n_rewards].reshape(n_types, -1)
    shares = out[n_rewards : n_rewards + n_types - 1]
    words = []
    if rewards.any():
        parts = np.split(rewards, np.cumsum([one.n_options - 1 for one in prompts])[:-1], axis=1)
        at = [f"{x + 1}" for x, part in enumerate(parts) if part.any()]
        where = "" if len(at) == len(prompts) else f" at prompt {_listed(at)}"
        kinds = [names[u] for u in np.flatnonzero(rewards.any(axis=1))]
        words.append(f"the rewards of {_listed(kinds)}{where}")
    if shares.any():
        kinds = [names[u] for u in [*np.flatnonzero(shares), n_types - 1]]
        words.append(f"the shares of {_listed(kinds)}")
    if out[n_rewards + n_types - 1 :].any():
        words.append("how reports or groups mix the types")
    return tuple(words)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
