"""Whose order a loss has, and which method's limit, on the populations that were looked at."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..divergences import total_variation
from ..errors import ConvergenceError, InputError
from ..limits.method import Method
from ..limits.noisy import ConservativeDPO, RobustDPO
from ..limits.simpo import SimPO
from ..links import Logistic
from ..methods import METHODS, Entry, entries
from ..rules import nbc
from .expectation import Setting
from .looks import Looked

Floats = NDArray[np.float64]
OrderName = Literal["NBC", "average reward"]
ORDERS: tuple[OrderName, ...] = ("NBC", "average reward")
CLEAR = 1e-6
"""Scores that are less apart are tied."""
SAME = 1e-6
"""How far rewards may be from a method's, relative to the largest or to 1."""
FITTED: tuple[tuple[Callable[[float], Method], float, float], ...] = (
    (ConservativeDPO, 0.0, 0.499),
    (RobustDPO, 0.0, 0.4),
    (SimPO, -4.0, 4.0),
)
"""Methods with one option that is looked for, between two numbers."""


@dataclass(frozen=True, eq=False)
class OrderVerdict:
    """Whether a loss has one order.

    Attributes
    ----------
    order : "NBC" or "average reward"
    held, reversed, looked : int
        Populations on which the policy has the order, on which it has its reverse, and all on
        which the loss has a minimum.
    counterexample : Setting or None
        A population, and how its options are sampled, on which it has another order; the
        smallest that was found.
    """

    order: OrderName
    held: int
    reversed: int
    looked: int
    counterexample: Setting | None

    @property
    def always(self) -> bool:
        """Whether it held wherever there was a minimum."""
        return self.looked > 0 and self.held == self.looked

    @property
    def never(self) -> bool:
        """Whether it was reversed wherever there was a minimum."""
        return self.looked > 0 and self.reversed == self.looked

    @property
    def example(self) -> str:
        """The counterexample as an expression that can be pasted; empty if there is none."""
        return "" if self.counterexample is None else written(self.counterexample)

    def describe(self) -> str:
        """Return the verdict in words, with a counterexample that can be pasted."""
        if self.never:
            return f"reverses {self.order} on {self.reversed} of {self.looked}"
        words = f"order {self.order}: held on {self.held} of {self.looked}"
        return f"{words}; counterexample: {self.example}" if self.example else words


def written(setting: Setting) -> str:
    """Return a population as an expression that makes it, with what else is not uniform."""
    population = setting.population
    text = f"Population({[[float(r) for r in row] for row in population.rewards]}"
    if np.ptp(population.shares) > 0.0:
        text += f", {[float(s) for s in population.shares]}"
    if population.link != Logistic():
        text += f", link={population.link!r}"
    text += ")"
    for name in ("sampling", "reference", "lengths"):
        values = getattr(setting, name)
        if np.ptp(values) > 0.0:
            text += f", {name}={[float(value) for value in values]}"
    return text


def scores_of(order: str, setting: Setting) -> Floats:
    """Return the scores that have an order."""
    population = setting.population
    return nbc(population, setting.sampling) if order == "NBC" else population.mean_rewards()


def signs(one: Looked, order: str) -> Floats:
    """Return, for pairs that an order tells apart, 1 if rewards agree, -1 if not, 0 if level.

    A loss with a large beta of its own has small rewards, which are told apart as well.
    """
    assert one.rewards is not None
    scores = scores_of(order, one.setting)
    y, z = np.triu_indices(len(scores), 1)
    gaps, wanted = one.rewards[y] - one.rewards[z], scores[y] - scores[z]
    clear = np.abs(wanted) > CLEAR
    size = 1.0 if one.kinked else min(1.0, float(np.abs(one.rewards).max()))
    return np.asarray((np.sign(gaps * (np.abs(gaps) > CLEAR * size)) * np.sign(wanted))[clear])


def verdict_of(order: OrderName, looked: Sequence[Looked]) -> OrderVerdict:
    """Count on how many populations a loss has an order, and find one where it has not."""
    held = reversed_ = 0
    against: list[Setting] = []
    minima = [one for one in looked if one.rewards is not None]
    for one in minima:
        found = signs(one, order)
        held += bool((found > 0).all())
        reversed_ += bool((found < 0).all() and len(found))
        if (found <= 0).any():
            against.append(one.setting)
    example = min(against, key=_length) if against else None
    return OrderVerdict(order, held, reversed_, len(minima), example)


def _length(setting: Setting) -> int:
    return len(written(setting))


# --- known limits -----------------------------------------------------------------------


def distances_of(one: Looked) -> dict[str, float]:
    """Return the total variation to the limits of all methods that have one, nearest first."""
    found = {
        entry.written: total_variation(one.policy, policy)
        for entry in entries(METHODS)
        if (policy := _limit(entry.method, one.setting)) is not None
    }
    return dict(sorted(found.items(), key=lambda item: round(item[1], 9)))


@dataclass(frozen=True, eq=False)
class LimitVerdict:
    """Whether a loss has the limit of a method.

    Attributes
    ----------
    factor : float or None
        By what the method's rewards are multiplied, on every population that was looked at; None
        if the rewards are no multiple of them. A loss with a `beta` of its own has 1 / beta.
    counterexample : Setting or None
        The first population that shows another limit, if one does.
    """

    factor: float | None
    counterexample: Setting | None


def factors_of(looked: Sequence[Looked]) -> dict[str, float]:
    """Return the methods whose rewards the loss multiplies by one number everywhere; 1 is exact.

    Only populations with one minimum can show that. If no method has the limit with its default
    options, options are looked for.
    """
    found = {}
    for entry in entries(METHODS):
        factor = limit_verdict(entry.method, looked).factor
        if factor is None:
            continue
        of_options = None if factor == 1.0 else entry.method.divided(_short(1.0 / factor))
        if of_options is not None:
            entry, factor = entries((of_options,))[0], 1.0
        found[entry.written] = factor
    minima = [one for one in looked if one.unique]
    if minima and not found:
        for entry in _with_options(minima):
            factor = limit_verdict(entry.method, looked).factor
            if factor is not None:
                found[entry.written] = factor
    return found


def _with_options(minima: Sequence[Looked]) -> Iterator[Entry]:
    """Yield methods with the option that comes nearest to the rewards on one population."""
    from scipy.optimize import minimize_scalar

    one = max(minima, key=lambda each: each.setting.population.n_options)
    for make, low, high in FITTED:

        def apart(option: float, make: Callable[[float], Method] = make) -> float:
            theirs = _rewards(make(option), one.setting)
            return 1e3 if theirs is None else _multiple(one, theirs)[1]

        grid = np.linspace(low, high, 9)
        near = int(np.argmin([apart(float(option)) for option in grid]))
        bounds = grid[max(near - 1, 0)], grid[min(near + 1, 8)]
        best = minimize_scalar(apart, bounds=bounds, method="bounded", options={"xatol": 1e-9})
        if best.fun <= 100.0 * SAME:
            yield entries((make(_short(best.x)),))[0]


def _short(number: float) -> float:
    """Return a number to six digits."""
    return float(f"{number:.6g}")


def _limit(method: Method, setting: Setting) -> Floats | None:
    """Return a method's limit on a setting, or None if it has none there."""
    reference = setting.reference if method.has_reference else None
    try:
        limit = method.limit(setting.population, sampling=setting.sampling, reference=reference)
    except (InputError, ConvergenceError):
        return None
    return None if limit.ranges is not None else limit.policy


def _rewards(method: Method, setting: Setting) -> Floats | None:
    """Return a method's centred rewards, or None if there are none or not all are finite."""
    policy = _limit(method, setting)
    if policy is None or not policy.all():
        return None
    rewards = np.log(policy / setting.reference)
    return np.asarray(rewards - rewards.mean())


def _multiple(one: Looked, theirs: Floats) -> tuple[float, float]:
    """Return which multiple of a method's rewards comes nearest, and how far off it is."""
    assert one.rewards is not None
    square = float(theirs @ theirs)
    factor = float(one.rewards @ theirs) / square if square > 0.0 else 0.0
    return factor, float(np.abs(one.rewards - factor * theirs).max())


def limit_verdict(method: Method, looked: Sequence[Looked]) -> LimitVerdict:
    """Return whether a loss has the limit of a method, up to one factor.

    It must have no minimum where the method has none.
    """
    factors: list[float] = []
    minima = [one for one in looked if one.unique]
    for one in minima:
        theirs = _rewards(method, one.setting)
        if theirs is None:
            continue
        assert one.rewards is not None
        factor, off = _multiple(one, theirs)
        size = float(np.abs(one.rewards).max())
        close = (SAME + 10.0 * one.error) * max(1.0, size)
        largest = float(np.abs(theirs).max())
        other = bool(factors) and abs(factor - factors[0]) * largest > 2.0 * close
        if off > close or min(size, largest) <= CLEAR or other:
            return LimitVerdict(None, one.setting)
        factors.append(factor)
    if not factors or 2 * len(factors) < len(minima):
        return LimitVerdict(None, None)
    for one in looked:
        if one.away and _limit(method, one.setting) is not None:
            return LimitVerdict(None, one.setting)
    factor = float(np.median(factors))
    return LimitVerdict(1.0 if abs(factor - 1.0) <= 1e-4 else factor, None)
