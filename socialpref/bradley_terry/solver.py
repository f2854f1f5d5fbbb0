"""The one Bradley–Terry solver: the maximum of ``sum wins log s(x) + losses log s(-x)``.

Here s is the logistic function and x = h_low - h_high a pair's gap of rewards. A prior takes
``prior / 2 * sum h^2`` off. Newton's method in floats comes first. Where that is inexact, because
some pairs count too little beside others, Newton's method goes on in logarithms, with a solver of
linear systems in which nothing cancels.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConvergenceError
from .elimination import eliminate
from .pairs import Floats, Graph, LogPairs, Pairs

BLOCK = 1 << 13
"""Pairs handled at once: what they need stays in cache."""

FORCING = 1e-2
"""How exactly conjugate gradients solve for a Newton step, relative to the force, at first."""

TIGHTEST = 1e-5
"""How exactly at most."""

CG_STEPS = 1000
"""Steps of conjugate gradients after which a Newton step is given up."""

ROUNDING = 8 * float(np.finfo(float).eps)
"""Relative rounding error of a force, with some room."""

SAFE = 1.0
"""A step that changes no gap by more needs no line search: curvatures change too little."""

NEAR = 0.5
"""Newton's steps in logarithms change no gap by more: far from the maximum they are about 1."""

LONGEST = 5.0
"""The largest change of a gap that one step makes."""

ALMOST = 1e-6
"""Steps in floats that are as small as this are compared with what rounding does to them."""

HALVINGS = 60
"""How often a line search halves a step."""

LARGEST_GAP = 600.0
"""Beyond this gap floats are left for logarithms."""

MIXING = 1e-6
"""Floats are trusted where pairs this strong, beside the others of an option, link all options."""

CAREFUL_OPTIONS = 1000
"""Up to this many options Newton's method goes on in logarithms."""

PLAIN_STEPS = 15
"""Steps in floats before it does, where there are few options."""

LARGEST_DISPLACEMENT = 650.0
"""Logarithm of the largest force beside its curvature that floats hold."""

STILL = 1e-9
"""Pairs whose gap changes less than this, beside the others, are not looked at in a line search."""

ROUGH = 0.1
"""The largest step that is left before the next, when weights are scaled."""

MAX_ITERATIONS = 200

HARMLESS = 8.0
"""Logarithms of weights this far apart need no scaling down."""


class Maximum(NamedTuple):
    """Rewards of mean 0, a bound on their errors, and the Newton steps taken."""

    rewards: Floats
    error: float
    iterations: int


def maximise(
    pairs: Pairs | LogPairs,
    size: int,
    *,
    tolerance: float,
    goal: float | None = None,
    max_iterations: int = MAX_ITERATIONS,
    prior: float = 0.0,
) -> Maximum:
    """Return the rewards of the maximum, which must exist.

    No reward is farther from it than ``tolerance * max(1, |h|)``. Steps go on until they are
    below `goal`, by default the tolerance, or rounding allows no more.

    Raises
    ------
    ConvergenceError
        If that is not reached.
    """
    floats = pairs if isinstance(pairs, Pairs) else pairs.floats()
    goal = tolerance if goal is None else goal
    found, trusted = Maximum(np.zeros(size), np.inf, 0), False
    if floats is not None:
        found, trusted = _newton(Likelihood(floats, size, prior), goal, max_iterations)
    if not (trusted and _is_right(found, tolerance)) and size <= CAREFUL_OPTIONS:
        logs = pairs if isinstance(pairs, LogPairs) else pairs.logs()
        with np.errstate(all="ignore"):  # logarithms of 0, and numbers that a check refuses
            found = _log_newton(logs, found, prior, goal, max_iterations)
    elif not trusted:
        found = found._replace(error=np.inf)
    return _checked(found, tolerance)


def maximise_ahead(
    pairs: LogPairs, size: int, *, ahead: float, tolerance: float, goal: float
) -> Maximum:
    """Return the maximum of ``sum wins log s(x - ahead) + losses log s(-x - ahead)``.

    In logarithms from the first; arguments and errors as for `maximise`.
    """
    start = Maximum(np.zeros(size), np.inf, 0)
    with np.errstate(all="ignore"):  # as in `maximise`
        found = _log_newton(pairs, start, 0.0, goal, MAX_ITERATIONS, ahead)
    return _checked(found, tolerance)


def _checked(found: Maximum, tolerance: float) -> Maximum:
    if not _is_right(found, tolerance):
        raise ConvergenceError(
            f"Bradley-Terry fit: rewards are known only to {found.error:.2e} after "
            f"{found.iterations} Newton steps, tolerance {tolerance:.2e}"
        )
    return found


def _is_right(found: Maximum, tolerance: float) -> bool:
    return found.error <= tolerance * max(1.0, float(np.abs(found.rewards).max()))


# --- in floats ------------------------------------------------------------------------


class _Point(NamedTuple):
    """Some rewards, the force on each option, and each pair's second derivative.

    The force is the gradient of the likelihood.
    """

    rewards: Floats
    force: Floats
    curvature: Floats


class Likelihood:
    """The likelihood in floats."""

    def __init__(self, pairs: Pairs, size: int, prior: float = 0.0) -> None:
        self.pairs, self.prior = pairs, prior
        self.graph = Graph(pairs.low, pairs.high, size)
        self.games = pairs.wins + pairs.losses

    def start(self) -> Floats:
        """Guess the rewards from each option's share of wins.

        Opponents whose rewards vary flatten the log-odds of winning: by sqrt(1 + 0.346 variance)
        if they are normal.
        """
        games = sum(self.graph.sums(self.games)) + self.prior
        # Shares of 0 and 1 are drawn in by 1 per cent.
        ahead = self._nodes(0.5 * (self.pairs.wins - self.pairs.losses)) / (0.51 * games)
        odds = np.log((1.0 + ahead) / (1.0 - ahead))
        odds -= odds.mean()
        return np.asarray(odds * np.sqrt(1.0 + 0.346 * odds.var()))

    def at(self, rewards: Floats) -> _Point:
        """Evaluate at rewards that are at most `LARGEST_GAP` apart."""
        push, curvature = np.empty_like(self.games), np.empty_like(self.games)
        for part, gap in self._gaps(rewards):
            odds = np.exp(-gap)
            chance = 1.0 / (1.0 + odds)  # s(x)
            risk = odds * chance  # s(-x)
            np.multiply(self.games[part] * chance, risk, out=curvature[part])
            wins, losses = self.pairs.wins[part], self.pairs.losses[part]
            np.subtract(wins * risk, losses * chance, out=push[part])
        return _Point(rewards, self._nodes(push) - self.prior * rewards, curvature)

    def rounding(self, rewards: Floats) -> Floats:
        """Return a bound on the rounding error of each option's force."""
        most = float(np.abs(rewards).max())
        terms = np.empty_like(self.games)
        for part, gap in self._gaps(rewards):
            odds = np.exp(-gap)
            chance = 1.0 / (1.0 + odds)
            up, down = self.pairs.wins[part] * odds * chance, self.pairs.losses[part] * chance
            # A gap is off by a part of the rewards, and a force by its derivative times that.
            terms[part] = up * (1.0 + most * chance) + down * (1.0 + most * odds * chance)
        return np.asarray(ROUNDING * (np.add(*self.graph.sums(terms)) + self.prior * most))

    def value(self, rewards: Floats) -> float:
        """Return the log-likelihood, without the prior."""
        total = 0.0
        for part, gap in self._gaps(rewards):
            more = np.log1p(np.exp(-np.abs(gap)))
            total += float(self.pairs.wins[part] @ np.minimum(gap, 0.0))
            total -= float(self.pairs.losses[part] @ np.maximum(gap, 0.0))
            total -= float(self.games[part] @ more)
        return total

    def _gaps(self, rewards: Floats) -> Iterator[tuple[slice, Floats]]:
        """Yield blocks of pairs and their gaps."""
        for start in range(0, len(self.games), BLOCK):
            part = slice(start, start + BLOCK)
            yield part, rewards.take(self.pairs.low[part]) - rewards.take(self.pairs.high[part])

    def _nodes(self, push: Floats) -> Floats:
        """Return the sum of the pushes on each option: low is pushed up, high down."""
        up, down = self.graph.sums(push)
        return np.asarray(up - down)


class Laplacian:
    """Minus the Hessian: the Laplacian of the graph whose edges weigh `curvature`, plus prior."""

    def __init__(self, graph: Graph, curvature: Floats, prior: float = 0.0) -> None:
        self._graph, self._curvature, self._prior = graph, curvature, prior
        self.diagonal: Floats = np.add(*graph.sums(curvature)) + prior

    def _held(self) -> Floats:
        """Return the matrix with the heaviest option held at 0.

        On vectors that sum to 0 a prior is the same as pairs of all options that weigh prior / n.
        It then does not matter how small it is beside other pairs.
        """
        upper = self._graph.dense(self._curvature)
        matrix = -upper - upper.T
        matrix.flat[:: len(matrix) + 1] = self.diagonal
        matrix -= self._prior / len(matrix)
        matrix[self._heaviest] = matrix[:, self._heaviest] = 0.0
        matrix[self._heaviest, self._heaviest] = self.diagonal[self._heaviest]
        return np.asarray(matrix)

    def solve(self, force: Floats, relative: float = 1e-12) -> Floats | None:
        """Return the vector that is mapped to `force`; None if that fails.

        Forces sum to 0, and it is known up to a constant. Of few options the heaviest is held at
        0, and its force ignored.
        """
        if self._graph.is_small:
            return self._by_elimination(force)
        return self._by_conjugate_gradients(force, relative)

    @cached_property
    def _factor(self) -> Any:
        """Cholesky's factor, in the two parts that lapack returns."""
        from scipy.linalg.lapack import dpotrf

        # The transpose, which is equal, lies as Fortran wants it.
        return dpotrf(self._held().T, overwrite_a=True, clean=False)

    @cached_property
    def _heaviest(self) -> int:
        return int(self.diagonal.argmax())

    def centred_inverse(self) -> Floats:
        """Return the pseudo-inverse on vectors that sum to 0, from Cholesky's factor.

        Raises
        ------
        ConvergenceError
            If floats do not tell the matrix from a singular one.
        """
        from scipy.linalg.lapack import dpotrf, dpotri

        scale = 1.0 / np.sqrt(self.diagonal)
        matrix = self._held()
        matrix *= scale
        matrix *= scale[:, None]
        factor, failed = dpotrf(matrix.T, overwrite_a=True)
        if failed:
            raise ConvergenceError(
                "Bradley-Terry fit: no standard errors, because the information is singular in "
                "floats"
            )
        upper = dpotri(factor, overwrite_c=True)[0]
        scale[self._heaviest] = 0.0  # it has no variance
        upper *= scale
        upper *= scale[:, None]
        inverse = np.triu(upper, 1)
        inverse += np.triu(upper).T
        means = inverse.mean(axis=1)
        inverse -= means
        inverse -= means[:, None]
        inverse += means.mean()
        return np.asarray(inverse)

    def _by_elimination(self, force: Floats) -> Floats | None:
        from scipy.linalg.lapack import dpotrs

        factor, failed = self._factor
        if failed:
            return None
        right = force.copy()
        right[self._heaviest] = 0.0
        return np.asarray(dpotrs(factor, right, overwrite_b=True)[0])

    def _by_conjugate_gradients(self, force: Floats, relative: float) -> Floats | None:
        """Scale to a diagonal of 1: Jacobi's preconditioner, and all options count alike."""
        from scipy.sparse.linalg import LinearOperator, cg

        scale = 1.0 / np.sqrt(self.diagonal)
        upper = self._graph.upper(self._curvature)
        lower = upper.T

        def product(vector: Floats) -> Floats:
            scaled = scale * vector
            return vector - scale * (upper @ scaled + lower @ scaled)

        operator = LinearOperator((len(scale), len(scale)), matvec=product, dtype=np.float64)
        rounding = ROUNDING * float(np.sqrt(self.diagonal.sum()))
        found, failed = cg(operator, scale * force, rtol=relative, atol=rounding, maxiter=CG_STEPS)
        return None if failed else np.asarray(scale * found)

    def bound(self, forces: Floats) -> float:
        """Return how much forces of at most these sizes move an option.

        The inverse, with an option held, has no negative entries: it maps bounds of forces to
        bounds of steps. Of many options none is held, and this is an estimate.
        """
        if self._graph.is_small:
            found = self._by_elimination(forces)
            return np.inf if found is None else float(found.max() + found.mean())
        size = float(forces.max())
        found = self._by_conjugate_gradients((forces - forces.mean()) / size, FORCING)
        if found is None:
            return np.inf
        return size * float(np.ptp(found)) + float((forces / self.diagonal).max())

    def mixes(self) -> bool:
        """Whether strong pairs lead from every option to the heaviest, or to the prior.

        A pair is strong for an option if it is at least `MIXING` of its diagonal. If they do not,
        some options hang together so much that floats lose what links them with the others.
        """
        limit = MIXING * self.diagonal
        if not self._prior and self._curvature.min() >= limit.max():
            return True
        roots = self._prior >= limit
        roots[self._heaviest] = True
        low, high = (
            self._curvature * (self._curvature >= limit[ends])
            for ends in (self._graph.low, self._graph.high)
        )
        return self._graph.all_reach(roots, low, high, len(limit))


def _newton(likelihood: Likelihood, goal: float, max_iterations: int) -> tuple[Maximum, bool]:
    """Go on until steps are as small as `goal`, or floats can do no more.

    Also say whether the linear systems, and with them the error, can be trusted.
    """
    point = likelihood.at(likelihood.start())
    best = Maximum(point.rewards, np.inf, 0)
    last = min(max_iterations, PLAIN_STEPS) if likelihood.graph.is_small else max_iterations
    moved = 1.0
    for iteration in range(last + 1):
        laplacian = Laplacian(likelihood.graph, point.curvature, likelihood.prior)
        found = laplacian.solve(point.force, min(FORCING, max(moved, TIGHTEST)))
        if found is None:
            break
        step = found - found.mean()
        moved, noise = float(np.abs(step).max()), 0.0
        if moved <= max(goal, ALMOST):
            noise = laplacian.bound(likelihood.rounding(point.rewards))
        if moved + noise < best.error:
            best = Maximum(point.rewards + step, moved + noise, iteration)
        if moved <= max(noise, goal):
            break
        following = _ascend(likelihood, point, step) if iteration < last else None
        if following is None:
            break
        point = following
    return best._replace(rewards=best.rewards - best.rewards.mean()), laplacian.mixes()


def _ascend(likelihood: Likelihood, point: _Point, step: Floats) -> _Point | None:
    """Take the longest of the steps 1, 1/2, 1/4, ... that does not go much too far.

    Along the step the slope falls, since the likelihood is concave. It may turn to half its size.
    """
    slope, reach = float(point.force @ step), float(np.ptp(step))
    length = min(1.0, LONGEST / reach) if reach > SAFE else 1.0
    for _ in range(HALVINGS):
        rewards = point.rewards + length * step
        if np.ptp(rewards) <= LARGEST_GAP:
            new = likelihood.at(rewards)
            if length * reach <= SAFE or new.force @ step >= -0.5 * slope:
                return new
        length /= 2.0
    return None


# --- in logarithms --------------------------------------------------------------------


class _LogPoint(NamedTuple):
    """Some rewards, and for each pair how much its gap falls short of the pair's own best gap.

    Further the logarithms of each pair's force, of its second derivative, and of the sum of the
    two forces whose difference the first is.
    """

    rewards: Floats
    short: Floats
    force: Floats
    curvature: Floats
    traffic: Floats


class _LogLikelihood:
    """The likelihood in logarithms. A prior is a pair of each option with one more, held at 0.

    Winners count by how far they are more than `ahead` above losers.
    """

    def __init__(self, pairs: LogPairs, size: int, prior: float, ahead: float = 0.0) -> None:
        self.pairs, self.ahead = pairs, ahead
        self.log_prior = float(np.log(prior)) if prior else -np.inf
        self.best_gap = pairs.wins - pairs.losses
        self.games = np.logaddexp(pairs.wins, pairs.losses)
        held = np.arange(size) if prior else np.empty(0, dtype=np.intp)
        self.low = np.append(pairs.low, held)
        self.high = np.append(pairs.high, np.full_like(held, size))
        self.size = size + bool(prior)
        logs = np.abs(np.stack([pairs.wins, pairs.losses]))
        self.digits = np.append(np.where(np.isfinite(logs), logs, 0.0).max(axis=0), 0.0 * held)
        """How large numbers are whose rounding a pair's best gap has."""

    def at(self, rewards: Floats) -> _LogPoint:
        """Evaluate at any rewards."""
        gap = rewards[self.pairs.low] - rewards[self.pairs.high]
        wins, losses = self.pairs.wins, self.pairs.losses
        beyond, within = gap - self.ahead, gap + self.ahead
        up, down = wins - np.logaddexp(0.0, beyond), losses - np.logaddexp(0.0, -within)
        if self.ahead:
            short = up - down
            curvature = np.logaddexp(
                up - np.logaddexp(0.0, -beyond), down - np.logaddexp(0.0, within)
            )
        else:
            short = self.best_gap - gap
            curvature = self.games - np.logaddexp(0.0, -gap) - np.logaddexp(0.0, gap)
        force = np.maximum(up, down) + np.log(-np.expm1(-np.abs(short)))
        traffic = np.logaddexp(up, down)
        if self.log_prior > -np.inf:
            constant = np.full(len(rewards), self.log_prior)
            pull = constant + np.log(np.abs(rewards))
            short, force = np.append(short, -rewards), np.append(force, pull)
            curvature, traffic = np.append(curvature, constant), np.append(traffic, pull)
        return _LogPoint(rewards, short, force, curvature, traffic)

    def gaps(self, step: Floats) -> Floats:
        """Return how a step changes the gap of each pair."""
        step = np.append(step, 0.0)
        return step[self.low] - step[self.high]

    def newton_step(self, point: _LogPoint) -> tuple[Floats, float]:
        """Return Newton's step, and a bound on what rounding does to it."""
        # A constant force with next to no curvature is given some: it is right where others hold
        # the options, and rounding is seen to be too much where they do not.
        curvature = np.maximum(point.curvature, point.force - LARGEST_DISPLACEMENT)
        displacement = np.copysign(np.exp(point.force - curvature), point.short)
        size = np.abs(np.append(point.rewards, 0.0))
        digits = 1.0 + abs(self.ahead) + self.digits + size[self.low] + size[self.high]
        noise = ROUNDING * digits * np.exp(np.maximum(point.traffic - curvature, 0.0))
        step, bound = self._least_squares(curvature, displacement, noise)
        return step, float(bound.max() + bound.mean())

    def slope(self, point: _LogPoint, change: Floats) -> tuple[float, float]:
        """Return the slope along a step, as the logarithm of a scale and a factor.

        Changes of gaps that are nothing but rounding are left out: a strong pair would count.
        """
        size = np.abs(change)
        logs = np.where(size > STILL * size.max(), point.force + np.log(size), -np.inf)
        top = float(logs.max())
        return top, float((np.sign(point.short * change) * np.exp(logs - top)).sum())

    def ascend(self, point: _LogPoint, step: Floats) -> _LogPoint | None:
        """Take the longest of the steps 1, 1/2, 1/4, ... that does not go much too far."""
        reach = float(np.ptp(step))
        if reach <= NEAR:
            return self.at(point.rewards + step)
        change, length = self.gaps(step), min(1.0, LONGEST / reach)
        top, slope = self.slope(point, change)
        if not slope > 0.0:  # rounding hides it: a short step is safe
            return self.at(point.rewards + NEAR / reach * step)
        for _ in range(HALVINGS):
            new = self.at(point.rewards + length * step)
            scale, ahead = self.slope(new, change)
            if ahead >= 0.0 or np.log(-ahead) + scale <= np.log(0.5 * slope) + top:
                return new
            length /= 2.0
        return None

    def _least_squares(self, weights: Floats, wanted: Floats, errors: Floats) -> Floats:
        """Return, for each option, the step and its error."""
        matrix = np.full((self.size, self.size), -np.inf)
        matrix[self.low, self.high] = matrix[self.high, self.low] = weights
        gaps = np.zeros((2, self.size, self.size))
        gaps[:, self.low, self.high] = wanted, errors
        gaps[:, self.high, self.low] = -wanted, errors
        last = self.size - 1 if self.log_prior > -np.inf else None
        found = eliminate(matrix, gaps, last)
        if last is not None:
            return found[:, :last]
        found[0] -= found[0].mean()
        return found


def _log_newton(
    pairs: LogPairs,
    start: Maximum,
    prior: float,
    goal: float,
    max_iterations: int,
    ahead: float = 0.0,
) -> Maximum:
    """Return the maximum of weights given by logarithms, from a start that may be near it.

    Rewards grow about in proportion to the logarithms. So from a start that is not near these are
    scaled down until they are harmless, and then doubled again and again, each time from double
    the rewards that were found before.
    """
    size = len(start.rewards)
    if start.error <= ROUGH:
        likelihood = _LogLikelihood(pairs, size, prior, ahead)
        found = _climb(likelihood, start._replace(error=np.inf), goal, max_iterations)
    else:
        logs = np.concatenate([pairs.wins, pairs.losses, [np.log(prior)]])
        spread = max(float(np.ptp(logs[np.isfinite(logs)])), HARMLESS)
        found = Maximum(np.zeros(size), np.inf, start.iterations)
        for halvings in range(int(np.ceil(np.log2(spread / HARMLESS))), -1, -1):
            scale = 0.5**halvings
            scaled = LogPairs(pairs.low, pairs.high, scale * pairs.wins, scale * pairs.losses)
            likelihood = _LogLikelihood(scaled, size, prior**scale if prior else 0.0, ahead)
            doubled = Maximum(2.0 * found.rewards, np.inf, found.iterations)
            found = _climb(likelihood, doubled, ROUGH if halvings else goal, max_iterations)
    return found._replace(rewards=found.rewards - found.rewards.mean())


def _climb(likelihood: _LogLikelihood, start: Maximum, goal: float, max_iterations: int) -> Maximum:
    """Go on until steps are as small as `goal`, or rounding allows no more."""
    point: _LogPoint | None = likelihood.at(start.rewards)
    best = start
    iteration = start.iterations
    while point is not None:
        step, noise = likelihood.newton_step(point)
        moved = float(np.abs(step).max())
        if moved + noise < best.error:
            rewards = point.rewards + step if moved <= NEAR else point.rewards
            best = Maximum(rewards, moved + noise, iteration)
        if moved <= max(noise, goal) or iteration >= max_iterations:
            break
        point = likelihood.ascend(point, step)
        iteration += 1
    return best
