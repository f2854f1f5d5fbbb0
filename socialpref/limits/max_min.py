"""Policies for the worst-off type: MaxMin, and min-max regret."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..population import Population
from .design import pair_design
from .limit import ROUNDING, Floats, ImplicitRewards, Limit, is_right, limit_of, setting
from .method import Information, Method

BARRIER = 1e-9
"""The last barrier, beside the largest reward."""
FALL = 10.0
"""The factors by which the barrier and beta fall."""
MAX_STEPS, HALVINGS = 100, 40
NEAR = 0.1
"""Relative steps of weights this small end the search at a barrier."""
GOAL = 1e-14
EDGE = 1e-9
"""How far below 0 rounding can leave a weight, and below the worst a gain."""


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
        listed = ", ".join(f"{c:.4g}" for c in np.where(np.abs(constants) < 1e-12, 0.0, constants))
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
    logarithmic barrier leads to the types that count, while beta falls to its value; Newton's
    method on those types ends it.
    """
    n_types = len(rewards)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    scale = float(np.abs(centred).max()) or 1.0
    dual = _Dual(centred, _differences(constants, rewards.mean(axis=1), scale), base)
    w = np.full(n_types, 1.0 / n_types)
    temperature, barrier, iterations = max(beta, scale), scale, 0
    while temperature > beta or barrier > BARRIER * scale:
        temperature = max(beta, temperature / FALL)
        barrier = max(barrier / FALL, BARRIER * scale)
        w, steps = _descend(dual, w, temperature, barrier)
        iterations += steps
    active = w > np.sqrt(BARRIER)
    for _ in range(2 * n_types + 2):
        w = np.where(active, w, 0.0)
        w /= w.sum()
        for _ in range(MAX_STEPS):
            step, gains = dual.newton(w, active, beta)
            w = w + step
            iterations += 1
            error = float(np.abs(step @ centred).max())
            if error <= GOAL * scale:
                break
        worst = gains[active].mean()
        if w.min() < -EDGE:
            active[w.argmin()] = False
        elif gains.min() < worst - EDGE * scale and not active[gains.argmin()]:
            active[gains.argmin()] = True
        else:
            break
        w = np.maximum(w, 0.0)
    error += ROUNDING * scale * n_types
    found = w @ centred
    optimal = w.min() >= -EDGE and gains.min() >= worst - EDGE * scale
    if not optimal or not is_right(found, error):
        raise ConvergenceError(f"{method}: which types count cannot be told from rounding")
    return ImplicitRewards(found, error, iterations)


def _differences(constants: Floats, means: Floats, scale: float) -> Floats:
    """Return the constants of centred rewards, 0 for the type that is measured from the highest.

    Only differences matter, and a type whose constant is lower by more than any two gains differ
    never counts: so constants can be of any size.
    """
    top = int(constants.argmax())
    with np.errstate(over="ignore"):
        apart = constants - constants[top]
    apart = apart - (means - means[top])
    return np.maximum(apart - apart.max(), -4.0 * scale)


@dataclass(frozen=True, eq=False)
class _Dual:
    """The dual function of weights w, with centred rewards and constants."""

    rewards: Floats
    constants: Floats
    base: Floats

    def policy(self, w: Floats, beta: float) -> tuple[Floats, float]:
        """Return the policy of the rewards ``w . r``, and the dual's value."""
        logits = np.log(self.base) + w @ self.rewards / beta
        top = logits.max()
        weights = np.exp(logits - top)
        total = weights.sum()
        return weights / total, float(beta * (top + np.log(total)) - w @ self.constants)

    def newton(
        self, w: Floats, active: NDArray[np.bool_], beta: float, barrier: float = 0.0
    ) -> tuple[Floats, Floats]:
        """Return the step of the active weights, which keeps their sum, and the types' gains."""
        pi = self.policy(w, beta)[0]
        gains = self.rewards @ pi - self.constants
        some = self.rewards[active]
        n, around = len(some), some - (some @ pi)[:, None]
        unit = w[active] if barrier else np.ones(n)  # relative steps, near a barrier
        system = np.zeros((n + 1, n + 1))
        system[:n, :n] = np.outer(unit, unit) * ((around * pi) @ around.T) / beta
        system[:n, :n] += barrier * np.eye(n)
        system[:n, n] = system[n, :n] = unit
        right = np.append(barrier - unit * gains[active], 0.0)
        step = np.zeros(len(w))
        # Without a barrier types that are alike leave their weights open.
        if barrier:
            found = np.linalg.solve(system, right)
        else:
            found = np.linalg.lstsq(system, right, rcond=None)[0]
        step[active] = unit * found[:n]
        return step, gains


def _descend(dual: _Dual, w: Floats, beta: float, barrier: float) -> tuple[Floats, int]:
    """Return weights near the minimum of the dual with a barrier, and the number of steps."""
    everyone = np.ones(len(w), dtype=bool)
    value = dual.policy(w, beta)[1] - barrier * np.log(w).sum()
    for steps in range(1, MAX_STEPS + 1):
        step, _ = dual.newton(w, everyone, beta, barrier)
        far = float(np.abs(step / w).max())
        step *= min(1.0, 0.9 / max(float((-step / w).max()), EDGE))
        for _ in range(HALVINGS):
            new = dual.policy(w + step, beta)[1] - barrier * np.log(w + step).sum()
            if new <= value:
                break
            step /= 2.0
        else:
            return w, steps  # rounding decides
        w, value = w + step, new
        if far < NEAR:
            break
    return w, steps
