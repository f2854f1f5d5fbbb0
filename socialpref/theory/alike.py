"""Populations that give the same answers: a linear program over shares, and a search for types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..links import Logistic, reach_of
from ..population import Population
from .answers import Model
from .structures import Mixed, PairWeights

Floats = NDArray[np.float64]
SAME = 1e-9
"""Answers of two populations that differ by no more than this are the same."""
EMPTY = 1e-12
"""Smaller shares are a solver's zeros."""
DEPENDENT = 1e-12
"""Combinations of answers that vary less over types, relative to the largest, are constant."""
MOST_ANSWERS, MOST_SEARCHED = 5000, 100
"""Of more answers, to all questions together, programs take minutes; the second is where types are
looked for."""
PRICES = tuple(10.0**k for k in range(6))
"""What a deviation from the answers costs, relative to the bound; ever more, where it is worth
it."""
CLOSE, ROUGH = 1e-7, 1e-4
"""An end is found when no type moves it by more than this part of the bound; the second is for
ends whose answers deviate."""
MISSED = 1e-10
"""Deviations are none if they are smaller."""
TINY = np.finfo(float).tiny
N_ROUNDS, N_STARTS, N_LAST, N_STEPS = 25, 24, 200, 10
"""Rounds at each price; starts of the search in a round and in the last one; its steps."""
N_GRID = 2048
STEP = 1e-6
"""Of numerical derivatives, in angles and in reward gaps relative to 1."""


class AnswersByType:
    """How likely types give each answer, as coordinates in an orthonormal basis.

    Answers depend on each other: those to one question sum to 1. So few combinations of them
    have all that they tell.

    Parameters
    ----------
    structures : sequence of Mixed
    source : Population
        Its link and number of options.
    reach : float
        The largest reward gap of a type.
    rng : numpy.random.Generator
    most : int
        More answers than these are refused.
    """

    def __init__(
        self,
        structures: Sequence[Mixed],
        source: Population,
        reach: float,
        rng: np.random.Generator,
        most: int = MOST_ANSWERS,
    ) -> None:
        self.structures, self.link = structures, source.link
        self.pairs = PairWeights.of([source.n_options])
        few = self.chances(source.rewards[:1])
        if few.shape[1] > most:
            must = f"of questions with at most {most:,} answers together"
            raise _validate.complaint("structure", must, f"{few.shape[1]:,}")
        some = reach * (rng.random((few.shape[1] + 100, source.n_options)) - 0.5)
        _, sizes, ways = np.linalg.svd(self.chances(some), full_matrices=False)
        self.basis = ways[sizes > DEPENDENT * sizes[0]].T

    def _wins(self, types: Floats) -> tuple[Floats, Floats]:
        """Return the probabilities of each pair's first option, and derivatives, of any link."""
        gaps = types[:, self.pairs.first] - types[:, self.pairs.second]
        furthest = reach_of(self.link)
        above, below = np.minimum(gaps + STEP, furthest), np.maximum(gaps - STEP, -furthest)
        slope = (self.link(above) - self.link(below)) / (above - below)
        options = np.eye(types.shape[1])
        ways = options[self.pairs.first] - options[self.pairs.second]
        return self.link(gaps), slope[:, :, None] * ways

    def _parts(self, types: Floats) -> tuple[Floats, Floats]:
        if not isinstance(self.link, Logistic):
            return self._wins(types)
        model, rng = Model.of_types(types / self.link.temperature), np.random.default_rng(0)
        values, slopes = [], []
        for one in self.structures:
            found = one.by_type(model, self.pairs, rng)
            if found.sampled:
                raise _validate.complaint("structure", "of fewer questions", one.describe())
            values += [part.value for part in found.parts[1:]]  # what is left is one less these
            slopes += [part.slope for part in found.parts[1:]]
        return np.concatenate(values, axis=1), (
            np.concatenate(slopes, axis=1) / self.link.temperature
        )

    def chances(self, types: Floats) -> Floats:
        """Return the probabilities of all answers but one to each question, (types, answers)."""
        return self._parts(types)[0]

    def values(self, types: Floats) -> Floats:
        """Return the coordinates of types, (types, coordinates)."""
        return self.chances(types) @ self.basis

    def apart(self, first: Population, second: Population) -> float:
        """Return the largest difference between the probabilities of two populations' answers."""
        ours, theirs = (one.shares @ self.chances(one.rewards) for one in (first, second))
        return float(np.abs(ours - theirs).max())

    def priced(self, types: Floats, prices: Floats) -> tuple[Floats, Floats]:
        """Return the value of types' answers at prices of the coordinates, and its slopes."""
        values, slopes = self._parts(types)
        weights = self.basis @ prices
        return values @ weights, np.einsum("tak,a->tk", slopes, weights)


class _Shares(NamedTuple):
    """Shares of types, the prices of answers and of a share, and what the program is worth."""

    shares: Floats
    prices: Floats
    worth: float


@dataclass(frozen=True, eq=False)
class End:
    """How far a gap can be pushed, by populations with the same answers.

    Attributes
    ----------
    population : Population
        With the same answers, and the largest gap found.
    most : float
        No population has a larger gap, if the search found the type with the largest surplus.
    n_types : int
        The number of types that shares were chosen over.
    """

    population: Population
    most: float
    n_types: int


class SharesProgram:
    """Shares over types that reproduce a population's answers and push a gap to one side.

    Parameters
    ----------
    source : Population
    pair : tuple of int
    direction : float
        1 pushes the average-reward gap of the pair up, -1 down.
    answers : AnswersByType
    reach : float
        The largest reward gap of a type.
    """

    def __init__(
        self,
        source: Population,
        pair: tuple[int, int],
        direction: float,
        answers: AnswersByType,
        reach: float,
    ) -> None:
        self.source, self.pair, self.direction = source, pair, direction
        self.answers, self.reach = answers, reach
        self.target = source.shares @ answers.values(source.rewards)
        self.way = np.zeros(source.n_options)
        self.way[list(pair)] = direction, -direction

    def over(self, types: Floats) -> End:
        """Return the end over the given types only, with the dual's bound on it."""
        found = self.solve(types, self.answers.values(types), np.inf)
        # Whatever the prices, no shares reach more than their value and the best surplus.
        surplus = types @ self.way - self.answers.values(types) @ found.prices
        most = float(found.prices @ self.target + surplus.max())
        return End(self.population(types, found.shares), most, len(types))

    def over_all(self, types: Floats, rng: np.random.Generator) -> End:
        """Return the end over all types, from some to begin with: those that lack are looked for.

        At the program's prices, types whose gap exceeds the price of their answers come in, until
        there are none. Deviations from the answers have a price, too: where all types that fit
        must lie on a surface, other prices are unbounded without.
        """
        from scipy.stats import qmc

        grid = self.reach * (qmc.Sobol(len(self.way), seed=rng).random(N_GRID) - 0.5)
        most, done = np.inf, False
        for price in PRICES:
            try:
                types, found, outer = self._refined(types, price * self.reach, grid, rng)
            except ConvergenceError:
                if not np.isfinite(most):
                    raise
                break  # prices too high for the solver: what was found before stands
            most = min(most, outer)
            alone = most - self.source.mean_rewards() @ self.way < ROUGH * self.reach
            fits = self._fits(found, self.answers.values(types))
            done = fits and outer - found.worth < ROUGH * self.reach
            if alone or done:
                break
        if done:
            return End(self.population(types, found.shares), most, len(types))
        try:
            found = self.solve(types, self.answers.values(types), np.inf)
            best = self.population(types, found.shares)
        except ConvergenceError:
            best = self.source  # types too much alike: the end that is known
        return End(best, most, len(types))

    def _fits(self, found: _Shares, values: Floats) -> bool:
        """Return whether shares give the population's answers."""
        return bool(np.abs(found.shares @ values - self.target).max() < MISSED)

    def _refined(
        self, types: Floats, price: float, grid: Floats, rng: np.random.Generator
    ) -> tuple[Floats, _Shares, float]:
        """Return more types, the shares of all, and the gap that no population exceeds.

        The program's own prices jump from round to round. So types are looked for halfway between
        them and the best ones so far, unless these find nothing that is new.
        """
        values, grid_values = self.answers.values(types), self.answers.values(grid)
        best, least, halfway, last = np.zeros(0), np.inf, False, False
        for step in range(N_ROUNDS + 1):
            found = self.solve(types, values, price)
            close = self.reach * (CLOSE if self._fits(found, values) else ROUGH)
            last = step == N_ROUNDS or least <= found.worth + close
            prices = (found.prices + best) / 2.0 if halfway else found.prices
            prices = best if last else prices
            used = types[found.shares > EMPTY]
            near = used + 1e-3 * self.reach * rng.normal(size=used.shape)
            n_starts = N_LAST if last else N_STARTS
            tops = np.argsort(grid_values @ prices - grid @ self.way)[:n_starts]
            some = grid[np.append(tops, rng.permutation(len(grid))[:n_starts])]
            better, surplus = self._climbed(np.vstack([near, some]), prices)
            most = float(prices @ self.target + surplus.max())
            if last:
                least = most
                if step == N_ROUNDS or least <= found.worth + close:
                    break
            elif most < least:
                best, least = prices, most
            better_values = self.answers.values(better)
            surplus = better @ self.way - better_values @ found.prices
            new = surplus + found.prices @ self.target > found.worth + 0.1 * close
            halfway = not halfway or bool(new.any())
            chosen = _distinct(better[new], 1e-5 * self.reach)
            types = np.vstack([types, chosen])
            if len(chosen):
                values = np.vstack([values, self.answers.values(chosen)])
        return types, found, least

    def _climbed(self, types: Floats, prices: Floats) -> tuple[Floats, Floats]:
        """Return types near the given ones with the largest surplus, and their surpluses.

        By Newton's method with the absolute values of the Hessian's eigenvalues, in angles whose
        sines are rewards, so that the bound on rewards holds by itself.
        """
        half, n_types = self.reach / 2.0, len(types)
        turns = STEP * np.vstack([np.zeros(len(self.way)), np.eye(len(self.way))])

        def at(angles: Floats) -> tuple[Floats, Floats, Floats]:
            around = (turns[:, None] + angles).reshape(-1, len(self.way))
            rewards = half * np.sin(around)
            worth, slopes = self.answers.priced(rewards, prices)
            climb = ((self.way - slopes) * half * np.cos(around)).reshape(len(turns), n_types, -1)
            bends = np.moveaxis(climb[1:] - climb[0], 0, 1) / STEP
            values = rewards[:n_types] @ self.way - worth[:n_types]
            return values, climb[0], (bends + bends.transpose(0, 2, 1)) / 2.0

        angles = np.arcsin(np.clip(types / half, -1.0, 1.0))
        values, climb, bends = at(angles)
        damping = np.full(n_types, 1e-3)
        for _ in range(N_STEPS):
            sizes, ways = np.linalg.eigh(bends)
            sizes = np.abs(sizes)
            sizes += (damping[:, None] + EMPTY) * sizes.max(axis=1, keepdims=True) + TINY
            along = np.einsum("tij,ti->tj", ways, climb) / sizes
            moved = angles + np.clip(np.einsum("tij,tj->ti", ways, along), -0.5, 0.5)
            there = at(moved)
            better = there[0] >= values
            angles[better], values[better] = moved[better], there[0][better]
            climb[better], bends[better] = there[1][better], there[2][better]
            damping = np.where(better, damping / 5.0, np.minimum(10.0 * damping, 10.0))
        return half * np.sin(angles), values

    def solve(self, types: Floats, values: Floats, price: float) -> _Shares:
        """Return the best shares of the given types, whose answers have the given coordinates.

        Deviations from the population's answers cost the price; with an infinite one there are
        none.
        """
        from scipy.optimize import linprog

        system = np.vstack([values.T, np.ones(len(types))])
        costs = -(types @ self.way)
        if np.isfinite(price):
            signs = np.vstack([np.eye(len(system) - 1), np.zeros(len(system) - 1)])
            system = np.hstack([system, signs, -signs])
            costs = np.append(costs, np.full(2 * len(signs) - 2, price))
        for method, tolerance in (("highs", 1e-10), ("highs", 1e-7), ("highs-ipm", 1e-7)):
            found = linprog(
                costs,
                A_eq=system,
                b_eq=np.append(self.target, 1.0),
                method=method,
                options={f"{kind}_feasibility_tolerance": tolerance for kind in ("primal", "dual")},
            )
            if found.status == 0:
                break
        else:
            raise ConvergenceError(f"average-reward bounds: {found.message}")
        return _Shares(found.x[: len(types)], -found.eqlin.marginals[:-1], -float(found.fun))

    def repaired(self, rows: Floats, solution: Floats) -> Floats:
        """Return the shares less a solver's zeros and, where possible, its tolerance."""
        used = np.flatnonzero(solution > EMPTY)
        system = np.vstack([rows[used].T, np.ones(len(used))])
        missing = np.append(self.target, 1.0) - system @ solution[used]
        mended = solution[used] + np.linalg.lstsq(system, missing, rcond=None)[0]
        result = np.zeros_like(solution)
        result[used] = mended if (mended > 0.0).all() else solution[used]
        return np.asarray(result / result.sum())

    def population(self, types: Floats, solution: Floats) -> Population:
        """Return the types in use as a population, of whose answers there is proof."""
        source = self.source
        shares = self.repaired(self.answers.values(types), solution)
        used = shares > 0.0
        found = Population(types[used], shares[used], link=source.link, options=source.options)
        if (residual := self.answers.apart(source, found)) > SAME:
            raise ConvergenceError(
                f"average-reward bounds: answers are missed by {residual:.2e}, more than {SAME:g}"
            )
        # By a solver's tolerance the end can lie inside of where it began.
        inside = (found.mean_rewards() - source.mean_rewards()) @ self.way < 0.0
        return source if inside else found


def _distinct(types: Floats, apart: float) -> Floats:
    """Return one of the types that are alike, whatever the zero of their rewards."""
    places = np.round((types - types.mean(axis=1, keepdims=True)) / apart)
    return types[np.unique(places, axis=0, return_index=True)[1]]
