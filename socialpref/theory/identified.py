"""What a structure of preference data identifies, and what a label is worth."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import InputError
from ..links import Logistic
from ..population import Population, check_population
from .answers import Model, rank_modulo
from .structures import Answers, PairWeights, Structure

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
NOISE = 1e-12
"""Eigenvalues of the information below this, relative to the largest, are taken for 0."""
TIED = 1e-9
"""Average rewards that are less apart, relative to their range, are tied."""
IDENTIFIED = 1e-6
"""How far, relative to its length, a direction may stick out of what is identified."""


@dataclass(frozen=True, eq=False)
class Information:
    """What a structure identifies of a population, and how exact its labels make the answers.

    Attributes
    ----------
    structure : Structure, or mapping of Structure to float
        A mapping has the part of the labels that each structure gets.
    population : Population
    rank, n_parameters : int
        Of the Jacobian of the answers' probabilities at generic parameters, exactly, and how many
        parameters there are: rewards, shares where they are unknown, and further unknown numbers.
    rank_here : int
        The same at this population, in floats.
    gap : float
        The smallest singular value that counts over the largest that does not; inf if all count.
    labels : float
        Labels that one annotator or panel gives; of a mixture the mean over annotators.
    matrix : ndarray, shape (n_parameters, n_parameters)
        The Fisher information per label.
    gap_slopes : ndarray, shape (K, K, n_parameters)
        The derivatives of the average-reward gaps by the parameters.
    gap_variances : ndarray, shape (K, K)
        V of each average-reward gap: from n labels its standard error is at least ``sqrt(V / n)``
        (the efficiency bound). inf where the gap is not identified, 0 on the diagonal.
    unidentified : tuple of str
        What is open here, in words; empty if all is identified.
    local_only : bool
        Whether a full rank says nothing about parameters that are not near: anonymous pairs.
    sampling_error : float
        Where there are too many questions to list, a sample of them stands for all: the relative
        standard error of `variance_per_label` by that, from two halves; 0 if all were listed.
    """

    structure: Structure | Mapping[Structure, float]
    population: Population
    rank: int
    n_parameters: int
    rank_here: int
    gap: float
    labels: float
    matrix: Floats
    gap_slopes: Floats
    gap_variances: Floats
    unidentified: tuple[str, ...]
    local_only: bool
    sampling_error: float

    @property
    def identified(self) -> bool:
        """Whether types and shares are identified, at generic parameters and here."""
        return self.rank == self.n_parameters == self.rank_here

    @property
    def variance_per_label(self) -> float:
        """The mean of `gap_variances` over pairs of options."""
        y, z = np.triu_indices(len(self.gap_variances), 1)
        return float(self.gap_variances[y, z].mean())

    @property
    def variance_per_annotator(self) -> float:
        """The same, for the number of annotators or panels in place of labels."""
        return self.variance_per_label / self.labels

    def error(self, n_labels: float) -> float:
        """Return the root mean square error of gaps that n labels reach at best."""
        n_labels = _validate.number("n_labels", n_labels, 0.0, above=True)
        return math.sqrt(self.variance_per_label / n_labels)

    def sign_error(self, a: int | str, b: int | str, n_labels: float) -> float:
        """Return how likely the sign of a gap is wrong, with n labels, at best.

        Parameters
        ----------
        a, b : int or str
            Options.
        n_labels : float
        """
        from scipy.special import ndtr

        n_labels = _validate.number("n_labels", n_labels, 0.0, above=True)
        y, z = self.population.index(a), self.population.index(b)
        means = self.population.mean_rewards()
        variance = self.gap_variances[y, z]
        if y == z or not np.isfinite(variance):
            return 0.5
        return float(ndtr(-abs(means[y] - means[z]) * math.sqrt(n_labels / variance)))

    def winner_error(self, n_labels: float) -> float:
        """Return how likely another option than a best one looks best, with n labels, at best.

        By the normal distribution of all gaps to the best option; options that are tied with it
        count as best, too.
        """
        from scipy.stats import multivariate_normal

        n_labels = _validate.number("n_labels", n_labels, 0.0, above=True)
        means, V = self.population.mean_rewards(), self.gap_variances
        best = int(means.argmax())
        others = np.flatnonzero(means < means[best] - TIED * max(1.0, float(np.ptp(means))))
        if not len(others):
            return 0.0
        if not np.isfinite(V[best, others]).all():
            return 1.0
        spread = (V[best, others][:, None] + V[best, others] - V[np.ix_(others, others)]) / 2.0
        leads = means[best] - means[others]
        if len(others) == 1:
            return self.sign_error(best, int(others[0]), n_labels)
        normal = multivariate_normal(cov=spread / n_labels, allow_singular=True, seed=0)
        return float(min(1.0, max(0.0, 1.0 - normal.cdf(leads))))

    def mean_sign_error(self, n_labels: float) -> float:
        """Return `sign_error` averaged over the pairs of options whose average rewards differ."""
        means = self.population.mean_rewards()
        y, z = np.triu_indices(len(means), 1)
        apart = np.abs(means[y] - means[z]) > TIED * max(1.0, float(np.ptp(means)))
        if not apart.any():
            return 0.0
        pairs = zip(y[apart].tolist(), z[apart].tolist(), strict=True)
        return float(np.mean([self.sign_error(a, b, n_labels) for a, b in pairs]))

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per pair of options: option, other, gap, variance."""
        import pandas as pd

        y, z = np.triu_indices(len(self.gap_variances), 1)
        means, names = self.population.mean_rewards(), np.array(self.population.options)
        return pd.DataFrame(
            {
                "option": names[y],
                "other": names[z],
                "gap": means[y] - means[z],
                "variance": self.gap_variances[y, z],
            }
        )

    def describe(self) -> str:
        """Return what is identified, and at what price, in words."""
        name = described(self.structure)
        if self.identified:
            words = f"{name}: types and shares are identified ({self.rank} parameters)"
            if self.local_only:
                words += ", next to the truth only: fits from random starts end elsewhere"
        else:
            words = (
                f"{name}: not identified, rank {self.rank_here} of {self.n_parameters}; open: "
                f"{', '.join(self.unidentified)}"
            )
        price = self.variance_per_label
        worth = f"variance {price:.4g} per label" if np.isfinite(price) else "some gaps are open"
        return f"{words}; average-reward gaps: {worth}."


def information(
    population: Population,
    structure: Structure | Mapping[Structure, float],
    *,
    sampling: ArrayLike | None = None,
    know_shares: bool | None = None,
    seed: int = 0,
) -> Information:
    """Return what a structure of data identifies of a population, and what a label is worth.

    Parameters
    ----------
    population : Population
        With the logistic link. Of one prompt: several are asked about one by one.
    structure : Structure, or mapping of Structure to float
        Such as ``Linked(2)``; or several, each with its part of the labels.
    sampling : array_like, shape (K,), optional
        From which both options of a comparison are drawn; comparisons of an option with itself
        are left out. Uniform if omitted.
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
        If an argument is out of its range, or the link is not logistic.

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
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.theory import Linked, Panel, information
    >>> round(information(mediocre_winner(), Panel()).variance_per_label, 4)
    30.0765
    >>> information(mediocre_winner(), Linked(2)).identified
    False
    """
    check_population(population)
    if type(population.link) is not Logistic:
        raise InputError("'population' must have the logistic link for its information.")
    parts = _parts(structure)
    rng = _validate.seed("seed", seed)
    size, n_types = population.n_options, population.n_types
    d = None
    if sampling is not None:
        d = _validate.distribution("sampling", sampling, size, population.options)
    pairs = PairWeights.of(size, d)
    if know_shares is None:
        know_shares = any(one.knows_shares for one in parts)
    extra = [one.nuisance(n_types) for one in parts]
    kept = _kept(parts, population, know_shares, sum(map(len, extra)))
    temperature = population.link.temperature
    at = Model.at(Population(population.rewards / temperature, population.shares),
                  np.concatenate(extra))  # fmt: skip
    field = Model.generic(n_types, size, sum(map(len, extra)), rng)
    rows = [one.chances.slope for one in _answers(parts, field, extra, pairs, rng)]
    generic = rank_modulo(np.concatenate(rows).astype(np.int64)[:, kept])
    found = _answers(parts, at, extra, pairs, rng)
    costs = [part / one.labels(n_types) for one, part in parts.items()]
    gaps = temperature * _gap_slopes(parts, at)[:, :, kept]
    bounds = _Bounds.of(found, costs, kept)
    variances = bounds.variances(gaps)
    return Information(
        structure=structure,
        population=population,
        rank=generic,
        n_parameters=int(kept.sum()),
        rank_here=int(bounds.counts.sum()),
        gap=bounds.gap,
        labels=1.0 / sum(costs),
        matrix=bounds.matrix,
        gap_slopes=gaps,
        gap_variances=variances,
        unidentified=_open(bounds, kept, population),
        local_only=all(one.local_only for one in parts),
        sampling_error=_sampling_error(found, costs, kept, gaps),
    )


def described(structure: Structure | Mapping[Structure, float]) -> str:
    """Return a structure or a mixture in words."""
    if isinstance(structure, Structure):
        return structure.describe()
    return " + ".join(f"{part:.0%} {one.describe()}" for one, part in structure.items())


def _parts(structure: object) -> dict[Structure, float]:
    """Return the structures and their parts of the labels."""
    if isinstance(structure, Structure):
        return {structure: 1.0}
    must = "a structure, such as Linked(2), or a mapping of structures to parts of the labels"
    _validate.instance("structure", structure, Mapping, must)
    assert isinstance(structure, Mapping)
    for one in structure:
        _validate.instance("structure", one, Structure, must)
    parts = np.array([_validate.number("structure", part, 0.0) for part in structure.values()])
    if not parts.any():
        raise _validate.complaint("structure", must, "no parts")
    shares = parts / parts.sum()
    return {one: float(part) for one, part in zip(structure, shares, strict=True) if part}


def _answers(
    parts: Mapping[Structure, float],
    model: Model,
    extra: list[Floats],
    pairs: PairWeights,
    rng: np.random.Generator,
) -> list[Answers]:
    """Return the answers under each structure, which sees its own further unknown numbers."""
    found, start = [], 0
    for one, own in zip(parts, extra, strict=True):
        nuisance = model.nuisance[start : start + len(own)]
        found.append(one.answers(replace(model, nuisance=nuisance), pairs, rng))
        start += len(own)
    return found


def _kept(
    parts: Mapping[Structure, float], population: Population, know_shares: bool, n_extra: int
) -> Bools:
    """Return which parameters are unknown: rewards, shares unless known or not used, and more."""
    n_rewards = population.n_types * (population.n_options - 1)
    used = any(one.uses_shares for one in parts)
    shares = np.full(population.n_types - 1, used and not know_shares)
    return np.concatenate([np.ones(n_rewards, bool), shares, np.ones(n_extra, bool)])


def _gap_slopes(parts: Mapping[Structure, float], model: Model) -> Floats:
    """Return the derivatives of all average-reward gaps, shape (K, K, P)."""
    shares = next(iter(parts)).overall(model)
    rewards, odds = np.log(model.odds.value), model.odds.value[:, :, None]
    means = np.einsum("tp,tk->kp", shares.slope, rewards)
    means += np.einsum("t,tkp->kp", shares.value, model.odds.slope / odds)
    return np.asarray(means[:, None] - means[None, :])


@dataclass(frozen=True, eq=False)
class _Bounds:
    """The information per label, its eigenvalues, and which of them count."""

    matrix: Floats
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
        values, vectors = np.linalg.eigh(matrix)
        return cls(matrix, values, vectors, values > NOISE * values.max())

    @property
    def gap(self) -> float:
        """The smallest singular value that counts over the largest that does not."""
        if self.counts.all():
            return math.inf
        dropped = max(float(self.values[~self.counts].max()), np.finfo(float).tiny)
        return math.sqrt(float(self.values[self.counts].min()) / dropped)

    def outside(self, ways: Floats) -> Floats:
        """Return how far directions, on the last axis, stick out of what is identified."""
        span = self.vectors[:, self.counts]
        rest = ways - (ways @ span) @ span.T
        return np.asarray(np.sqrt((rest**2).sum(axis=-1)))

    def variances(self, ways: Floats) -> Floats:
        """Return the bounds of linear functions of the parameters; inf if not identified."""
        span = self.vectors[:, self.counts]
        found = ((ways @ span) ** 2 / self.values[self.counts]).sum(axis=-1)
        length = np.sqrt((ways**2).sum(axis=-1))
        return np.where(self.outside(ways) > IDENTIFIED * length, np.inf, found)


def _sampling_error(found: list[Answers], costs: list[float], kept: Bools, gaps: Floats) -> float:
    """Return the relative standard error that a sample of questions leaves, from two halves."""
    if not any(one.sampled for one in found):
        return 0.0
    y, z = np.triu_indices(len(gaps), 1)
    halves = []
    for half in (0, 1):
        some = [_half(one, half) if one.sampled else one for one in found]
        halves.append(float(_Bounds.of(some, costs, kept).variances(gaps)[y, z].mean()))
    if not np.isfinite(halves).all():
        return math.inf
    return abs(halves[0] - halves[1]) / sum(halves)


def _half(answers: Answers, half: int) -> Answers:
    """Return every other question of a sample, with twice the weight."""
    chosen = np.arange(len(answers.weights)) % 2 == half
    return Answers(answers.chances[chosen], 2.0 * answers.weights[chosen], sampled=True)


def _open(bounds: _Bounds, kept: Bools, population: Population) -> tuple[str, ...]:
    """Return what is not identified here, in words."""
    out = np.zeros(len(kept), dtype=bool)
    out[kept] = bounds.outside(np.eye(int(kept.sum()))) > IDENTIFIED
    n_types, n_rewards = population.n_types, population.n_types * (population.n_options - 1)
    rewards = out[:n_rewards].reshape(n_types, -1).any(axis=1)
    shares = out[n_rewards : n_rewards + n_types - 1]
    words = []
    if rewards.any():
        words.append(f"the rewards of {_listed(population, np.flatnonzero(rewards))}")
    if shares.any():
        words.append(f"the shares of {_listed(population, [*np.flatnonzero(shares), n_types - 1])}")
    if out[n_rewards + n_types - 1 :].any():
        words.append("how reports or groups mix the types")
    return tuple(words)


def _listed(population: Population, types: Iterable[int]) -> str:
    *most, last = (population.types[u] for u in types)
    return f"{', '.join(most)} and {last}" if most else last
