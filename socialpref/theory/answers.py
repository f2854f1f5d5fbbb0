"""Probabilities of answers as functions of a population's parameters, with exact derivatives.

The parameters are the types' rewards (the first option's is 0) and their shares (the last is what
is left). The same formulas run in floats, at a given population, and in a prime field at a random
one, where ranks are exact: there ``x = exp(reward)`` is a parameter itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..population import Population

Array = NDArray[Any]
PRIME = 2_147_483_629
"""The largest prime below 2^31 for which products of two residues fit into 64 bits."""

BLOCK, HALF = 2**16, 2**15


@dataclass(frozen=True, eq=False)
class Numbers:
    """Values with their derivatives by P parameters, as floats or modulo a prime.

    Attributes
    ----------
    value : ndarray, shape S
    slope : ndarray, shape S + (P,)
    prime : int
        0 for floats.
    """

    value: Array
    slope: Array
    prime: int

    def _reduced(self, value: Array, slope: Array) -> Self:
        if self.prime:
            value, slope = value % self.prime, slope % self.prime
        return replace(self, value=value, slope=slope)

    def __getitem__(self, index: Any) -> Self:
        """Return some of the values; the index is of their own axes."""
        return replace(self, value=self.value[index], slope=self.slope[index])

    def __add__(self, other: Self) -> Self:
        return self._reduced(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other: Self) -> Self:
        mine, theirs = self.value[..., None], other.value[..., None]
        slopes = [self.slope * theirs, mine * other.slope]
        if self.prime:
            slopes = [slope % self.prime for slope in slopes]
        return self._reduced(self.value * other.value, slopes[0] + slopes[1])

    def inverse(self) -> Self:
        """Return one over the values."""
        value = self._power(self.prime - 2) if self.prime else 1.0 / self.value
        square = value * value
        if self.prime:
            square = square % self.prime
        return self._reduced(value, -square[..., None] * self.slope)

    def _power(self, exponent: int) -> Array:
        """Return the values to a power, modulo the prime."""
        result, base = np.ones_like(self.value), self.value
        while exponent:
            if exponent & 1:
                result = result * base % self.prime
            base = base * base % self.prime
            exponent >>= 1
        return result

    def less(self) -> Self:
        """Return one less the values."""
        return self._reduced(1 - self.value, -self.slope)

    def sum(self, axis: int) -> Self:
        """Return sums along an axis of the values."""
        return self._reduced(self.value.sum(axis=axis), self.slope.sum(axis=axis))


def product(factors: Sequence[Numbers]) -> Numbers:
    """Return the product of numbers whose shapes broadcast."""
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


@dataclass(frozen=True, eq=False)
class Model:
    """The parameters of T types over the K options of one or several prompts.

    Attributes
    ----------
    odds : Numbers, shape (T, K)
        ``exp(reward)``, the first option's of each prompt 1.
    shares : Numbers, shape (T,)
    nuisance : Numbers
        Further unknown numbers of a structure, such as a confusion matrix.
    sizes : tuple of int
        How many of the options each prompt has, one after the other.
    """

    odds: Numbers
    shares: Numbers
    nuisance: Numbers
    sizes: tuple[int, ...]

    @property
    def n_types(self) -> int:
        """T."""
        return len(self.shares.value)

    @property
    def starts(self) -> NDArray[np.int64]:
        """The places of the prompts' first options."""
        return np.cumsum([0, *self.sizes[:-1]])

    def wins(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Numbers:
        """Return each type's probability to prefer the first, shape (T, pairs)."""
        mine, theirs = self.odds[:, first], self.odds[:, second]
        return mine * (mine + theirs).inverse()

    def best_of(self, chosen: NDArray[np.int64], among: NDArray[np.int64]) -> Numbers:
        """Return each type's probability to choose an option, (T, Q), among some, (Q, k)."""
        total = self.odds[:, among].sum(axis=2)
        return self.odds[:, chosen] * total.inverse()

    @classmethod
    def at(cls, prompts: Sequence[Population], nuisance: NDArray[np.float64]) -> Self:
        """Return the model at the populations of some prompts, in floats.

        Their types and shares are the same; derivatives are by rewards.
        """
        rewards = np.hstack([one.rewards - one.rewards[:, :1] for one in prompts])
        sizes = tuple(one.n_options for one in prompts)
        return cls._of(np.exp(rewards), prompts[0].shares, nuisance, sizes, 0)

    @classmethod
    def of_types(cls, rewards: NDArray[np.float64]) -> Self:
        """Return the model of some types at one prompt, in floats.

        Derivatives are by each type's own K rewards: answers of one type depend on no others.
        """
        odds = np.exp(rewards - rewards.max(axis=1, keepdims=True))
        n_types, n_options = odds.shape
        none = np.zeros(0)
        return cls(
            Numbers(odds, odds[:, :, None] * np.eye(n_options), 0),
            Numbers(np.full(n_types, 1.0 / n_types), np.zeros((n_types, n_options)), 0),
            Numbers(none, np.zeros((0, n_options)), 0),
            (n_options,),
        )

    @classmethod
    def generic(
        cls, n_types: int, sizes: tuple[int, ...], n_nuisance: int, rng: np.random.Generator
    ) -> Self:
        """Return the model at random parameters modulo a prime; derivatives are by odds."""
        odds = rng.integers(2, PRIME, (n_types, sum(sizes)))
        odds[:, np.cumsum([0, *sizes[:-1]])] = 1
        shares = rng.integers(2, PRIME, n_types)
        shares[-1] = (1 - shares[:-1].sum()) % PRIME
        return cls._of(odds, shares, rng.integers(2, PRIME, n_nuisance), sizes, PRIME)

    @classmethod
    def _of(
        cls, odds: Array, shares: Array, nuisance: Array, sizes: tuple[int, ...], prime: int
    ) -> Self:
        n_types, n_options = odds.shape
        free = np.delete(np.arange(n_options), np.cumsum([0, *sizes[:-1]]))
        n_rewards = n_types * len(free)
        size = n_rewards + n_types - 1 + len(nuisance)
        kind = np.int64 if prime else np.float64
        by_odds = np.zeros((n_types, n_options, size), dtype=kind)
        for u in range(n_types):
            own = u * len(free) + np.arange(len(free))
            by_odds[u, free, own] = 1 if prime else odds[u, free]
        by_shares = np.zeros((n_types, size), dtype=kind)
        by_shares[:-1, n_rewards : n_rewards + n_types - 1] = np.eye(n_types - 1, dtype=kind)
        by_shares[-1, n_rewards : n_rewards + n_types - 1] = -1 % prime if prime else -1
        rest = np.zeros((len(nuisance), size), dtype=kind)
        rest[:, size - len(nuisance) :] = np.eye(len(nuisance), dtype=kind)
        return cls(
            Numbers(odds, by_odds, prime),
            Numbers(shares, by_shares, prime),
            Numbers(nuisance, rest, prime),
            sizes,
        )


def rank_modulo(matrix: NDArray[np.int64], prime: int = PRIME) -> int:
    """Return the rank of a matrix of residues modulo a prime, by elimination.

    Many rows are replaced by as many random combinations of them as there are columns, which have
    the same rank but for a chance of columns / prime.
    """
    rows = _combined(matrix % prime, prime)
    rank = 0
    for column in range(rows.shape[1]):
        found = np.flatnonzero(rows[rank:, column])
        if not len(found):
            continue
        pivot = rank + int(found[0])
        rows[[rank, pivot]] = rows[[pivot, rank]]
        inverse = pow(int(rows[rank, column]), prime - 2, prime)
        rows[rank] = rows[rank] * inverse % prime
        below = rows[rank + 1 :]
        below -= below[:, column, None] * rows[rank] % prime
        below %= prime
        rank += 1
        if rank == len(rows):
            break
    return rank


def _combined(rows: NDArray[np.int64], prime: int) -> NDArray[np.int64]:
    """Return random combinations of rows of residues, no more than there are columns."""
    size = rows.shape[1]
    if len(rows) <= size:
        return rows.copy()
    rng, total = np.random.default_rng(0), np.zeros((size, size), dtype=np.int64)
    for block in np.array_split(rows, -(-len(rows) // BLOCK)):
        for power in (
            1,
            HALF,
        ):  # factors below 2^30, in halves: the products' sums fit into 63 bits
            factors = rng.integers(0, HALF, (size, len(block)))
            total = (total + power * (factors @ block % prime)) % prime
    return total
