"""Policies for the worst-off type: MaxMin, and min-max regret."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError
from ..population import Population
from .design import pair_design
from .limit import ROUNDING, Floats, ImplicitRewards, Limit, is_right, limit_of, setting
from .method import Information, Method

BARRIERS = 10.0 ** -np.arange(1, 15)
MAX_STEPS = 100
GOAL = 1e-14


@dataclass(frozen=True)
class MaxMin(Method):
    """The policy that is best for the type that gains least.

    It maximises ``min_u (pi . r_u - c_u) - beta KL(pi, reference)``. Preferences identify a
    type's rewards up to a constant, so **the constants c are a choice that no data can make**, and
    the policy hangs on them.

    Parameters
    ----------
    c : "zero", "reference", "best", float or sequence of float
        What each type's reward is measured from: 0, as the rewards are written; what the
        reference gives the type; the type's best option, which makes it min-max regret; or a
        number for all types or for each.

    Raises
    ------
    InputError
        If `c` is none of these.

    References
    ----------
    Chakraborty et al. (2024), "MaxMin-RLHF", arXiv 2402.08925.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import MaxMin
    >>> for c in ("zero", "reference", "best"):
    ...     print(c, MaxMin(c).limit(mediocre_winner()).policy.round(6))
    zero [0.154281 0.691438 0.154281]
    reference [0.333333 0.333333 0.333333]
    best [0.422319 0.155362 0.422319]
    """

    name: ClassVar[str] = "maxmin"
    information: ClassVar[Information] = "typed"
    guarantee: ClassVar[str] = "the best of the worst type's reward, measured from constants c"

    c: str | float | Sequence[float]

    def __post_init__(self) -> None:
        if isinstance(self.c, str):
            _validate.choice("c", self.c, ("zero", "reference", "best"))
        elif not isinstance(self.c, Sequence | np.ndarray):
            object.__setattr__(self, "c", _validate.number("c", self.c))
        else:
            given = _validate.real_array("c", self.c, 1)
            object.__setattr__(self, "c", tuple(given.tolist()))

    def constants(self, population: Population, reference: Floats) -> Floats:
        """Return c as numbers, shape (T,)."""
        if self.c == "zero":
            return np.zeros(population.n_types)
        if self.c == "reference":
            return np.asarray(population.rewards @ reference)
        if self.c == "best":
            return population.rewards.max(axis=1)
        given = np.asarray(self.c, dtype=np.float64)
        if given.ndim and len(given) != population.n_types:
            must = f"a number, or {population.n_types}, one for each type"
            raise _validate.complaint("c", must, _validate.shown(self.c))
        return np.broadcast_to(given, population.n_types)

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return the policy, with the constants in `Limit.note`."""
        pair_design(population, sampling)  # a design that compares too little is refused
        beta, base = setting(population, beta, reference)
        there = population.shares > 0.0
        constants = self.constants(population, base)
        found = _worst_off(population.rewards[there], constants[there], beta, base, self.name)
        listed = ", ".join(f"{c:.4g}" for c in constants)
        note = f"measured from c = ({listed}), which preferences do not identify"
        return replace(limit_of(self.name, found, population, beta, base), note=note)


@dataclass(frozen=True)
class MinMaxRegret(MaxMin):
    """The policy whose largest regret of a type is smallest: MaxMin from each type's best option.

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import MinMaxRegret
    >>> MinMaxRegret().limit(two_camps()).policy.round(6)
    array([0.263947, 0.059474, 0.676579])
    """

    name: ClassVar[str] = "min-max-regret"
    guarantee: ClassVar[str] = "the least regret of the type that regrets most"

    c: str | float | Sequence[float] = "best"


def _worst_off(
    rewards: Floats, constants: Floats, beta: float, base: Floats, method: str
) -> ImplicitRewards:
    """Return the rewards ``w . r`` at the weights w of types that minimise the dual.

    The dual is ``beta log sum reference exp(w . r / beta) - w . c`` over distributions w. A
    logarithmic barrier leads to the types that count; Newton's method on those ends it.
    """
    n_types = len(rewards)
    shifted = rewards - rewards.mean(axis=1, keepdims=True)
    levels = constants - rewards.mean(axis=1)

    def policy(w: Floats) -> Floats:
        logits = np.log(base) + w @ shifted / beta
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def newton(w: Floats, active: Floats, barrier: float) -> tuple[Floats, Floats]:
        """Return the step of the active weights, and what every type gains."""
        pi = policy(w)
        gains = shifted @ pi - levels
        some = shifted[active]
        spread = (some * pi) @ some.T - np.outer(some @ pi, some @ pi)
        n = len(some)
        system = np.zeros((n + 1, n + 1))
        system[:n, :n] = spread / beta + np.diag(barrier / w[active] ** 2)
        system[:n, n] = system[n, :n] = 1.0
        right = np.append(barrier / w[active] - gains[active], 0.0)
        step = np.zeros(n_types)
        step[active] = np.linalg.lstsq(system, right, rcond=None)[0][:n]
        return step, gains

    w = np.full(n_types, 1.0 / n_types)
    everyone = np.ones(n_types, dtype=bool)
    scale = max(1.0, float(np.abs(shifted).max()))
    iterations = 0
    for barrier in BARRIERS * scale:
        for _ in range(MAX_STEPS):
            step, _ = newton(w, everyone, barrier)
            iterations += 1
            falling = step < 0.0
            longest = float((-w[falling] / step[falling]).min()) if falling.any() else np.inf
            w = w + min(1.0, 0.9 * longest) * step
            if np.abs(step / w).max() < 1e-3:
                break
    active = w > np.sqrt(BARRIERS[-1])
    w = np.where(active, w, 0.0)
    w /= w.sum()
    for _ in range(MAX_STEPS):
        step, gains = newton(w, active, 0.0)
        w = w + step
        iterations += 1
        error = float(np.abs(step @ shifted).max())
        if error <= GOAL * scale:
            break
    error += ROUNDING * scale * n_types
    worst = gains[active].mean()
    optimal = w.min() > -1e-9 and gains.min() > worst - 1e-9 * scale
    found = w @ shifted
    if not optimal or not is_right(found, error):
        raise ConvergenceError(f"{method}: rewards are known to {error:.2e} only")
    return ImplicitRewards(found, error, iterations)
