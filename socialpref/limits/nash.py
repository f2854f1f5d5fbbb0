"""Solutions of the preference game: Nash learning, and the maximal lottery."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError
from ..population import Population
from ..rules import maximal_lottery
from .design import pair_design
from .limit import ROUNDING, Floats, ImplicitRewards, Limit, is_right, limit_at, limit_of, setting
from .method import Information, Method

MAX_STEPS = 100
GOAL = 1e-14
HALVINGS = 60
FALL = 0.5
"""The part of the regularisation that the next step has."""


@dataclass(frozen=True)
class NashLearning(Method):
    """Nash learning from human feedback: the equilibrium of the regularised preference game.

    Two policies meet; each is paid how often its option is preferred, less ``tau beta`` times
    the divergence from the reference. The equilibrium is unique: ``pi ∝ reference exp(P pi /
    (tau beta))``. It does not depend on how comparisons are sampled.

    Parameters
    ----------
    tau : float
        Positive; rewards are ``P pi / tau``.

    Raises
    ------
    InputError
        If `tau` is out of its range.

    References
    ----------
    Munos et al. (2024), "Nash learning from human feedback", arXiv 2312.00886.

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import NashLearning
    >>> NashLearning(tau=0.1).limit(two_camps()).policy.round(6)
    array([0.383754, 0.062067, 0.554179])
    """

    name: ClassVar[str] = "nash"
    information: ClassVar[Information] = "anonymous"
    guarantee: ClassVar[str] = "no other policy is preferred to it more than half the time, as far "
    "as the regularisation allows; needs no sampling distribution"

    tau: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", _validate.number("tau", self.tau, 0.0, above=True))

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return the equilibrium."""
        pair_design(population, sampling)  # a design that compares too little is refused
        beta, base = setting(population, beta, reference)
        found = self._equilibrium(population.pairwise(), beta, base)
        return limit_of(self.name, found, population, beta, base)

    def _equilibrium(self, wins: Floats, beta: float, base: Floats) -> ImplicitRewards:
        """Return the rewards ``P pi / tau``, followed while the regularisation falls to its value.

        Large regularisation leaves the reference, from where Newton's method finds the way. It
        finds ``P pi``, whose size does not depend on tau.
        """
        leads = wins - 0.5
        h = np.zeros(len(base))
        goal = self.tau * beta
        strength = max(goal, float(np.abs(leads).max()))
        iterations = 0
        while True:
            strength = max(goal, strength * FALL)
            h, error, steps = _own_answer(h, leads, strength, base)
            iterations += steps
            if strength == goal:
                break
            # Where options are level, h / strength stays, elsewhere h does: along the tangent.
            slope = _slope(h, leads, strength, base)
            bend = np.linalg.solve(slope, (slope + np.eye(len(h))) @ h) / strength
            h = h + (max(goal, strength * FALL) - strength) * bend
        h, error = h / self.tau, error / self.tau
        if not is_right(h, error):
            raise ConvergenceError(f"{self.name}: rewards are known to {error:.2e} only")
        return ImplicitRewards(h, error, iterations)


def _policy(h: Floats, beta: float, base: Floats) -> Floats:
    logits = np.log(base) + h / beta
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def _slope(h: Floats, leads: Floats, beta: float, base: Floats) -> Floats:
    """Return the derivative of ``leads pi(h) - h``."""
    pi = _policy(h, beta, base)
    return np.asarray(leads @ (np.diag(pi) - np.outer(pi, pi)) / beta - np.eye(len(h)))


def _own_answer(h: Floats, leads: Floats, beta: float, base: Floats) -> tuple[Floats, float, int]:
    """Return rewards with ``h = leads pi(h)``, how far they can be off, and the Newton steps."""
    gap = leads @ _policy(h, beta, base) - h
    iteration = 0
    while iteration < MAX_STEPS:
        iteration += 1
        slope = _slope(h, leads, beta, base)
        step = np.linalg.solve(slope, -gap)
        error = float(np.abs(step).max())
        if error <= GOAL * max(1.0, float(np.abs(h).max())):
            break
        # The Newton direction lowers the gap for a while.
        for _ in range(HALVINGS):
            new = leads @ _policy(h + step, beta, base) - h - step
            if new @ new < gap @ gap:
                break
            step /= 2.0
        else:
            break  # rounding decides
        h, gap = h + step, new
    noise = ROUNDING * np.abs(np.linalg.inv(slope)).sum(axis=1).max() * np.abs(leads).max()
    return h, error + float(noise), iteration


@dataclass(frozen=True)
class NoisyLottery(Method):
    """The maximal lottery of the preferences: Nash learning without regularisation.

    If there are several, `Limit.ranges` has the range of every probability, and the policy is the
    one of largest entropy. Neither the sampling, nor beta, nor the reference matters.

    References
    ----------
    Fishburn (1984), "Probabilistic social choice based on simple voting comparisons".

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import NoisyLottery
    >>> NoisyLottery().limit(two_camps()).policy
    array([0., 0., 1.])
    """

    name: ClassVar[str] = "maximal-lottery"
    information: ClassVar[Information] = "anonymous"
    guarantee: ClassVar[str] = "no option is preferred to it more than half the time"

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return the lottery, with the range of every probability."""
        pair_design(population, sampling)  # a design that compares too little is refused
        beta, base = setting(population, beta, reference)
        found = maximal_lottery(population, votes="noisy")
        ranges = (found.low, found.high) if (found.high > found.low).any() else None
        return limit_at(
            self.name, found.probabilities, found.residual, population, beta, base, ranges=ranges
        )
