"""DPO whose comparisons are drawn from the policy itself: fixed points, and rounds of it."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError
from ..population import Population
from .dpo import DPO
from .fits import SMALLEST, log_preferences
from .limit import ROUNDING, Floats, ImplicitRewards, Limit, is_right, limit_of, setting
from .method import Information, Method

GOAL = 1e-14
MAX_STEPS = 200
HALVINGS = 60
SLOW, ROUNDS, NEAR = 0.2, 2000, 1e-3
"""The part of a round that slow rounds take, how many there are, and where they have settled."""
SOLVED = 1e-12
"""How far from 0 rounding leaves the equations of a fixed point."""
SAME = 1e-6
"""Fixed points whose rewards are as close as this are one."""


@dataclass(frozen=True)
class OnPolicyDPO(Method):
    """DPO on comparisons that are drawn from its own policy.

    Its limit is a fixed point: a policy pi that is DPO's limit at the sampling distribution pi.
    One exists always; it is looked for from many starts, first from where slow rounds of DPO
    lead, beginning with `sampling`. `Limit.others` has the rewards of further ones that were
    found, and `Limit.note` says how many starts there were, and whether slow rounds settle. With
    `rounds` the policy is the one after so many rounds of DPO, each on comparisons drawn from the
    policy before; the first round draws them from `sampling`.

    Parameters
    ----------
    rounds : int, optional
        Rounds of DPO; the fixed point if omitted.
    n_starts : int
        Random starts, beside the end of slow rounds and each single option. With 0 the first fixed
        point that is found is the only one.

    Raises
    ------
    InputError
        If an option is out of its range; from `limit`, if `sampling` is a pair design.
    ConvergenceError
        From `limit`, if no fixed point is found.

    Notes
    -----
    Existence: rewards at the sampling distribution d solve ``sum_z d(z) [sigma(h(y) - h(z)) -
    P(y, z)] = 0`` for every y. Where preferences are strictly between 0 and 1 the solution is
    finite, unique and continuous in d on the whole simplex, its border included, so Brouwer's
    theorem applies to ``d -> reference exp(h / beta)``. Whether the fixed point is unique for
    every population is open: only one was found in each of some hundred random ones.

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import DPO, OnPolicyDPO
    >>> DPO().limit(two_camps(), beta=0.1).policy.round(4)
    array([0.7348, 0.    , 0.2652])
    >>> OnPolicyDPO().limit(two_camps(), beta=0.1).policy.round(4)
    array([0.1169, 0.0012, 0.8819])
    """

    name: ClassVar[str] = "on-policy-dpo"
    information: ClassVar[Information] = "anonymous"
    guarantee: ClassVar[str] = "orders as NBC at its own sampling: the policy's"

    rounds: int | None = None
    n_starts: int = 8

    def __post_init__(self) -> None:
        if self.rounds is not None:
            object.__setattr__(self, "rounds", _validate.integer("rounds", self.rounds, 1))
        object.__setattr__(self, "n_starts", _validate.integer("n_starts", self.n_starts, 0))

    def without_search(self) -> Self:
        """Return the method without other starts."""
        return replace(self, n_starts=0)

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return the fixed point, or the policy after some rounds."""
        beta, base = setting(population, beta, reference)
        size, names = population.n_options, population.options
        d = _validate.distribution("sampling", sampling, size, names)
        found = DPO().implicit_rewards(population, d)
        if self.rounds is not None:
            for _ in range(self.rounds - 1):
                d = _policy(found.rewards, beta, base)
                found = DPO().implicit_rewards(population, d)
            return limit_of(self.name, found, population, beta, base)
        wins, logs = population.pairwise(), log_preferences(population)
        leads = logs - logs.T
        rng = np.random.default_rng(0)
        reach = float(np.abs(leads).max())
        settled, slow = _slow_rounds(found.rewards, wins, beta, base)
        starts = [slow, *leads.T, *rng.normal(0.0, reach / 2.0, (self.n_starts, size))]
        points: list[tuple[Floats, float, int]] = []
        for tried, start in enumerate(starts, start=1):  # noqa: B007 - the number is used below
            point = _fixed_point(start, wins, beta, base)
            if point and all(np.abs(point[0] - other[0]).max() > SAME for other in points):
                points.append(point)
            if points and not self.n_starts:
                break
        if not points and (point := _followed(found.rewards, wins, beta, base)):
            points.append(point)
        if not points:
            raise ConvergenceError(f"{self.name}: no fixed point was found")
        h, error, iterations = points[0]
        others = [point[0] for point in points[1:]]
        note = f"{_counted(len(points), 'fixed point')} from {_counted(tried, 'start')}"
        if not settled:
            note += "; slow rounds do not settle"
        result = limit_of(
            self.name, ImplicitRewards(h, error, iterations, others), population, beta, base
        )
        return replace(result, note=note)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _policy(h: Floats, beta: float, base: Floats) -> Floats:
    logits = np.log(base) + h / beta
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def _equations(h: Floats, wins: Floats, pi: Floats) -> tuple[Floats, Floats]:
    """Return the terms of ``G(y)``, (K, K) by y and z, and their slopes in ``h(y)``."""
    fitted = np.exp(-np.logaddexp(0.0, -np.subtract.outer(h, h)))
    return (fitted - wins) * pi, fitted * fitted.T * pi


def _slow_rounds(h: Floats, wins: Floats, beta: float, base: Floats) -> tuple[bool, Floats]:
    """Return whether slow rounds of DPO settle, and where they are then.

    Each takes a small part of Newton's step to DPO's limit on the present policy's comparisons.
    """
    part = SLOW * min(1.0, beta)
    for _ in range(ROUNDS):
        terms, bends = _equations(h, wins, _policy(h, beta, base))
        step = _step(np.diag(bends.sum(axis=1)) - bends, terms.sum(axis=1))
        if np.abs(step).max() <= NEAR * min(1.0, beta):
            return True, h
        h = h + part * step
    return False, h


def _followed(
    h: Floats, wins: Floats, beta: float, base: Floats
) -> tuple[Floats, float, int] | None:
    """Return a fixed point that is followed while beta falls to its value from a large one."""
    point: tuple[Floats, float, int] | None = (h, 0.0, 0)
    strength = max(beta, float(np.ptp(h)))
    while point and strength > beta:
        strength = max(beta, strength / 2.0)
        point = _fixed_point(point[0], wins, strength, base)
    return point


def _step(slope: Floats, gap: Floats) -> Floats:
    """Return Newton's step at a mean of 0; ``pi . gap`` is 0 always, so one equation is free."""
    system = np.vstack([slope, np.ones((1, len(gap)))])
    return np.linalg.lstsq(system, np.append(-gap, 0.0), rcond=None)[0]


def _fixed_point(
    start: Floats, wins: Floats, beta: float, base: Floats
) -> tuple[Floats, float, int] | None:
    """Return centred rewards that solve the equations of `OnPolicyDPO`, if a start leads to some.

    Newton's method on ``G(y) = sum_z pi(z) [sigma(h(y) - h(z)) - P(y, z)]``.
    """
    h = start - start.mean()
    iteration, error = 0, np.inf
    while iteration < MAX_STEPS:
        iteration += 1
        pi = _policy(h, beta, base)
        terms, bends = _equations(h, wins, pi)
        # An equation counts by its slope: of an option that hardly ever wins, all terms are small.
        scale = np.maximum(bends.sum(axis=1), SMALLEST)
        gap = terms.sum(axis=1)
        slope = np.diag(bends.sum(axis=1)) - bends + (terms - np.outer(gap, pi)) / beta
        slope, gap = slope / scale[:, None], gap / scale
        step = _step(slope, gap)
        error = float(np.abs(step).max())
        if error <= GOAL * max(1.0, float(np.abs(h).max())):
            break
        step *= min(1.0, 10.0 * beta / error)  # the policy does not jump
        for _ in range(HALVINGS):
            new = _equations(h + step, wins, _policy(h + step, beta, base))[0].sum(axis=1) / scale
            if np.abs(new).max() < np.abs(gap).max():
                break
            step /= 2.0
        else:
            break
        h = h + step - step.mean()
    inverse = np.linalg.pinv(np.vstack([slope, np.ones((1, len(h)))]))
    noise = ROUNDING * np.append((terms + 2.0 * pi * wins).sum(axis=1) / scale, 0.0)
    error += float((np.abs(inverse) @ noise).max())
    # Where the slopes have no inverse, steps end although the equations do not hold.
    solved = float(np.abs(gap).max()) <= SOLVED and is_right(h, error)
    return (h, error, iteration) if solved else None
