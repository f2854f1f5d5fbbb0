"""What first-order corrected DPO converges to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError
from ..links import Logistic
from ..population import Population
from .design import pair_design
from .fits import GOAL, bradley_terry_rewards
from .limit import ROUNDING, TOLERANCE, Floats, ImplicitRewards, is_right
from .method import Information, Method

VarianceForm = Literal["F1", "F2", "F3"]


MOST_STEPS = 1000
"""Most steps in which alpha grows from 0."""


EDGE = 1e-15
"""A corrected likelihood closer than this to 0 or 1 counts as out of range."""


FLAT = 1e-13
"""Curvatures of the corrected loss are taken to be at least this part of the largest."""


ROUNDINGS = (1e-1, 1e-2, 1e-3, 1e-4)
"""How far from the clamp its corner is rounded, as parts of it, where a minimum lies on it."""


@dataclass(frozen=True)
class CorrectedDPO(Method):
    """First-order corrected DPO on linked comparisons.

    The likelihood of a win is ``sigma(h) + alpha clip(sigma''(h) V / 2, -clamp, clamp)``, with the
    variance V of reward gaps between types estimated from linked comparisons. The loss is not
    convex. Its limit, given the true joint likelihood, is the minimum that DPO's limit turns into
    as alpha grows from 0. The limit's `others` are further minima, reached from the average reward
    and from `n_starts` seeded random starts. There may be more.

    Parameters
    ----------
    alpha : float
        Strength of the correction; 0 is DPO, 1 the plain second-order term.
    form : {"F1", "F2", "F3"}
        How V comes from the joint likelihood: F1 ``max(Var p, 0) / [s (1 - s)]^2``; F2
        ``(E p^2 - s^2) / (s^2 (1 - s) (2 - 3 s))``, mirrored for s > 1/2; F3 as F1, with
        ``Var p`` from the likelihoods of two wins and of two losses (with the true joint
        likelihood the two are the same).
    clamp : float
        Bound of the correction before it is multiplied by alpha; inf for none.
    n_starts : int
        Random starts in the search for other minima of the limit.

    Raises
    ------
    InputError
        If `alpha` is negative, the form is unknown, or another option is out of its range.

    Notes
    -----
    Where the clamp begins the loss has a kink, and a minimum can lie on it. To find such a
    minimum, the corner is replaced by a parabola, whose width is reduced in steps. The limit's
    `rounding` is the last width, and its residual is that of the rounded loss. Likelihoods within
    1e-15 of 0 and 1 are out of range.

    References
    ----------
    arXiv 2502.16320, section 5.

    Examples
    --------
    >>> from socialpref import CorrectedDPO, Population
    >>> crowd = Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])
    >>> CorrectedDPO(alpha=0.5).limit(crowd).policy.round(4)
    array([0.3141, 0.3718, 0.3141])
    """

    name: ClassVar[str] = "corrected-dpo"
    information: ClassVar[Information] = "linked"
    guarantee: ClassVar[str] = "removes the first-order error of small disagreement"

    alpha: float = 1.0
    form: VarianceForm = "F1"
    clamp: float = 0.1
    n_starts: int = 4

    def __post_init__(self) -> None:
        clamp = _validate.number("clamp", self.clamp, 0.0, above=True, infinite=True)
        object.__setattr__(self, "alpha", _validate.number("alpha", self.alpha, 0.0))
        _validate.choice("form", self.form, CORRECTIONS)
        object.__setattr__(self, "clamp", clamp)
        object.__setattr__(self, "n_starts", _validate.integer("n_starts", self.n_starts))

    def is_plain(self, population: Population) -> bool:
        """Return whether the limit is DPO's: alpha is 0, or all types have the same reward gaps.

        Then V is 0. In F2 it is 0 only where ``s = E p``, which rewards reach if the link is
        logistic; no likelihood fits better.
        """
        rewards = population.rewards[population.shares > 0.0]
        gaps = rewards - rewards[:, :1]
        exact = self.form != "F2" or type(population.link) is Logistic
        return self.alpha == 0.0 or (exact and bool((gaps == gaps[0]).all()))

    def without_search(self) -> Self:
        """Return the method without other starts."""
        return replace(self, n_starts=0)

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the minimum that DPO's becomes as alpha grows, and other minima."""
        plain = bradley_terry_rewards(population, sampling)
        if self.is_plain(population):
            return plain
        loss = CorrectedLoss(
            pair_design(population, sampling),
            population.pairwise(),
            population.pairwise_twice(),
            CORRECTIONS[self.form],
            self.clamp,
        )
        alpha, start = self.alpha, plain.rewards
        rewards, iterations, error, rounding = start, 0, np.inf, 0.0
        steps_to_alpha = min(1 + int(np.ceil(4 * min(alpha, MOST_STEPS))), MOST_STEPS)
        for step in np.linspace(0.0, alpha, max(2, steps_to_alpha))[1:]:
            rewards, steps, error, rounding = loss.settle(float(step), rewards)
            iterations += steps
        if not is_right(rewards, error):
            raise ConvergenceError(
                f"corrected DPO: rewards are known only to {error:.2e} at alpha {alpha:g}"
            )
        rng = np.random.default_rng(0)
        spread = max(float(np.ptp(start)), 1.0)
        starts = [population.mean_rewards(), *rng.normal(0.0, spread, (self.n_starts, len(start)))]
        others: list[Floats] = []
        for begin in starts:
            found, _, left, _ = loss.settle(alpha, begin - begin.mean())
            if is_right(found, left) and all(
                np.abs(found - other).max() > 1e-6 for other in (rewards, *others)
            ):
                others.append(found)
        return ImplicitRewards(rewards, error, iterations, others, rounding)


Correction = Callable[[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]
"""From s = sigma(h), E p and E p^2, each (K, K): sigma'' V / 2 and its derivatives in h.

1 - s is the transpose of s, without cancellation.
"""


def _variance_correction(s: Floats, mean: Floats, square: Floats) -> tuple[Floats, Floats, Floats]:
    """F1 and F3: ``(1 - 2s) Var p / (2 s (1 - s))``."""
    variance = square - mean**2
    # The rarer side's is exact, too, where preferences are near to 0 and 1.
    half = np.maximum(np.where(mean <= mean.T, variance, variance.T), 0.0) / 2.0
    u, v = s * s.T, s.T - s
    return half * v / u, half * (-2.0 - v**2 / u), half * (4.0 * v + v**3 / u)


def _moment_correction(s: Floats, mean: Floats, square: Floats) -> tuple[Floats, Floats, Floats]:
    """F2: ``(1 - 2s) (E p^2 - s^2) / (2 s (2 - 3s))`` for s <= 1/2, mirrored above."""
    mirrored = s > s.T
    t, a = np.where(mirrored, s.T, s), np.where(mirrored, square.T, square)
    n, n1, n2 = (1.0 - 2.0 * t) * (a - t**2), 6.0 * t**2 - 2.0 * t - 2.0 * a, 12.0 * t - 2.0
    d, d1, d2 = t * (2.0 - 3.0 * t), 2.0 - 6.0 * t, -6.0
    f = n / d / 2.0
    f1 = (n1 - 2.0 * f * d1) / d / 2.0
    f2 = (n2 - 2.0 * f * d2 - 4.0 * f1 * d1) / d / 2.0
    u, v = s * s.T, 1.0 - 2.0 * t
    sign = np.where(mirrored, -1.0, 1.0)
    return sign * f, f1 * u, sign * (f2 * u**2 + f1 * u * v)


CORRECTIONS: dict[str, Correction] = {
    "F1": _variance_correction,
    "F2": _moment_correction,
    "F3": _variance_correction,
}


@dataclass(frozen=True, eq=False)
class CorrectedLoss:
    """The expected corrected loss, ``-sum W P log q(h)``, with its derivatives."""

    weights: Floats
    wins: Floats
    squares: Floats
    correction: Correction
    clamp: float
    rounding: float = 0.0

    def likelihood(self, alpha: float, rewards: Floats) -> tuple[Floats, Floats, Floats]:
        """Return q of every pair, and its first two derivatives in the reward gap."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            s = 1.0 / (1.0 + np.exp(rewards[None, :] - rewards[:, None]))
            c, c1, c2 = self.correction(s, self.wins, self.squares)
            free = np.abs(c) < self.clamp - self.rounding
            shift = np.clip(np.nan_to_num(c), -self.clamp, self.clamp)
            shift1, shift2 = np.where(free, c1, 0.0), np.where(free, c2, 0.0)
            if self.rounding:
                short, sign = self.clamp + self.rounding - np.abs(c), np.sign(c)
                bent = ~free & (short > 0.0)
                slope = short / (2.0 * self.rounding)
                bend = c2 * slope - sign * c1**2 / (2.0 * self.rounding)
                shift = np.where(bent, sign * (self.clamp - self.rounding * slope**2), shift)
                shift1, shift2 = np.where(bent, c1 * slope, shift1), np.where(bent, bend, shift2)
            u = s * s.T
            q, q1 = s + alpha * shift, u + alpha * shift1
            q2 = u * (s.T - s) + alpha * shift2
        return q, q1, q2

    def value(self, alpha: float, rewards: Floats) -> float:
        """Return the loss; inf where a likelihood is out of range."""
        q = self.likelihood(alpha, rewards)[0]
        if ((q <= EDGE) | (q >= 1.0 - EDGE)).any():
            return np.inf
        return float(-(self.weights * self.wins * np.log(q)).sum())

    def derivatives(self, alpha: float, rewards: Floats) -> tuple[Floats, Floats]:
        """Return the gradient, (K,), and the Hessian, (K, K)."""
        q, q1, q2 = self.likelihood(alpha, rewards)
        spread, off = q * q.T, q - self.wins
        off = np.where(q > q.T, -off.T, off)  # of the rarer side, without cancellation
        with np.errstate(over="ignore", invalid="ignore"):
            pull = self.weights * q1 * off / spread
            bend = (q2 * off + q1**2) / spread - off * (q.T - q) * (q1 / spread) ** 2
            slope = self.weights * bend
        np.fill_diagonal(pull, 0.0)
        np.fill_diagonal(slope, 0.0)
        return pull.sum(axis=1), np.diag(slope.sum(axis=1)) - slope

    def error(self, alpha: float, rewards: Floats) -> float:
        """Return a bound on the error of a minimum's rewards; inf if they are no minimum."""
        if not np.isfinite(self.value(alpha, rewards)):
            return np.inf
        gradient, hessian = self.derivatives(alpha, rewards)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return np.inf
        q, q1, _ = self.likelihood(alpha, rewards)
        rarer = np.minimum(np.maximum(q, self.wins), np.maximum(q.T, self.wins.T))
        terms = self.weights * np.abs(q1) * rarer / (q * q.T)
        np.fill_diagonal(terms, 0.0)
        rounding = ROUNDING * (1.0 + np.abs(rewards).max()) * terms.sum(axis=1)
        curvatures, vectors = np.linalg.eigh(_lifted(hessian))
        if curvatures.min() <= ROUNDING * curvatures.max():
            return np.inf
        inverse = (vectors / curvatures) @ vectors.T
        return float(np.abs(inverse @ gradient).max() + (np.abs(inverse) @ rounding).max())

    def settle(self, alpha: float, rewards: Floats) -> tuple[Floats, int, float, float]:
        """Return a local minimum, the Newton steps, its error and the rounding it needed."""
        found, iterations = self.minimise(alpha, rewards)
        error = self.error(alpha, found)
        if is_right(found, error) or not np.isfinite(self.clamp):
            return found, iterations, error, 0.0
        for width in ROUNDINGS:
            rounded = replace(self, rounding=width * self.clamp)
            found, steps = rounded.minimise(alpha, found)
            iterations += steps
        return found, iterations, rounded.error(alpha, found), rounded.rounding

    def step(self, alpha: float, rewards: Floats) -> tuple[Floats, Floats]:
        """Return Newton's step, made to descend, and the gradient.

        The step is not finite where the loss has no curvature that floats hold.
        """
        gradient, hessian = self.derivatives(alpha, rewards)
        if not np.isfinite(hessian).all():
            return np.full(len(rewards), np.nan), gradient
        curvatures, vectors = np.linalg.eigh(_lifted(hessian))
        # Where the loss curves down, or not at all, step as if it curved up as much.
        scale = np.maximum(np.abs(curvatures), FLAT * np.abs(curvatures).max())
        with np.errstate(all="ignore"):
            step = -vectors @ ((vectors.T @ gradient) / scale)
            return step - step.mean(), gradient

    def minimise(
        self, alpha: float, rewards: Floats, max_iterations: int = 500
    ) -> tuple[Floats, int]:
        """Return a local minimum near `rewards`: Newton's method, made to descend."""
        size = len(rewards)
        value, last = self.value(alpha, rewards), np.inf
        for iteration in range(max_iterations):
            if not np.isfinite(value):
                return rewards, iteration
            step, gradient = self.step(alpha, rewards)
            if not np.isfinite(step).all():
                return rewards, iteration
            moved = float(np.abs(step).max())
            if moved <= GOAL or last / 2.0 <= moved <= TOLERANCE:  # rounding allows no more
                return rewards, iteration
            last = moved
            step *= min(1.0, np.sqrt(size) * 2.0 / np.linalg.norm(step))
            slope, length = float(gradient @ step), 1.0
            while length > 1e-12:
                trial = self.value(alpha, rewards + length * step)
                if trial <= value + 1e-4 * length * slope or (-slope < 1e-15 and trial < np.inf):
                    break
                length /= 2.0
            else:
                return rewards, iteration  # on a kink: nothing descends
            rewards = rewards + length * step
            value = self.value(alpha, rewards)
        return rewards, max_iterations


def _lifted(hessian: Floats) -> Floats:
    """Give the constant vector, along which nothing changes, the mean curvature of the others."""
    return hessian + np.abs(np.diag(hessian)).sum() / len(hessian) ** 2
