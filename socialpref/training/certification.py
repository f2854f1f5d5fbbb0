"""Verdicts on a loss of one's own: whose order it learns, on many populations.

One population proves little: limits and orders that differ in general can be the same on one. A
loss is looked at on worked and on random populations, and each order that it has on all of them
is then put to a search for a counterexample.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..divergences import total_variation
from ..errors import ConvergenceError, InputError
from ..examples import mediocre_winner, two_camps
from ..limits.method import Method
from ..links import Logistic
from ..methods import METHODS, Entry, entries
from ..population import Population, check_population
from ..rules import nbc
from .descent import Minima, descend
from .expectation import ASKS, SEES, Asks, Expectation, Sees, Setting, UserLoss

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
OrderName = Literal["NBC", "average reward"]
ORDERS: tuple[OrderName, ...] = ("NBC", "average reward")
SIZES = (3, 4, 5)
"""Numbers of options of random populations."""
CLEAR = 1e-6
"""Scores that are less apart are tied."""
SAME = 1e-6
"""The largest total variation at which a loss has the same limit as a method."""
KINKED = 100
"""Populations of the search for a loss with kinks, which takes long."""


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
    def example(self) -> str:
        """The counterexample as an expression that can be pasted; empty if there is none."""
        return "" if self.counterexample is None else written(self.counterexample)

    def describe(self) -> str:
        """Return the verdict in words, with a counterexample that can be pasted."""
        words = f"order {self.order}: held on {self.held} of {self.looked}"
        if self.reversed == self.looked and self.looked:
            words = f"order {self.order}: reversed on {self.reversed} of {self.looked}"
        return f"{words}; counterexample: {self.example}" if self.example else words


@dataclass(frozen=True, eq=False)
class OwnPopulation:
    """What a loss learns on the population that was asked about.

    Attributes
    ----------
    policy, rewards : ndarray, shape (K,)
        At the lowest minimum that was found.
    error : float
        The largest entry of Newton's step there; for a kink, how far to its sides was looked.
    others : tuple of ndarray
        Rewards at other minima.
    orders, reverses : tuple of str
        Of "NBC" and "average reward", those that the policy has, and those it turns round.
    distances : dict of str to float
        Total variation to the limits of all methods, nearest first.
    """

    policy: Floats
    rewards: Floats
    error: float
    others: tuple[Floats, ...]
    orders: tuple[str, ...]
    reverses: tuple[str, ...]
    distances: dict[str, float]


@dataclass(frozen=True, eq=False)
class Certification:
    """What a loss converges to, with the evidence.

    Attributes
    ----------
    n_populations : int
        Populations of the first look.
    without_minimum : int
        How many of them leave the loss without a minimum: rewards run away.
    not_found : int
        How many have no minimum that training finds.
    several_minima : int
        How many have several local minima, or a level stretch of them.
    kinked : int
        How many have the minimum on a kink.
    orders_on_all : tuple of OrderVerdict
        One for each order, with the search for a counterexample included.
    converges_to : tuple of str
        Methods that have the same limit on all populations of the first look.
    proportional_to : dict of str to float
        Methods whose rewards are the loss's divided by the number, on all of them.
    own : OwnPopulation or None
        Of the population that was asked about, if it has a minimum there.
    asked_own : bool
        Whether a population was asked about.
    """

    n_populations: int
    without_minimum: int
    not_found: int
    several_minima: int
    kinked: int
    orders_on_all: tuple[OrderVerdict, ...]
    converges_to: tuple[str, ...]
    proportional_to: dict[str, float]
    own: OwnPopulation | None
    asked_own: bool

    @property
    def has_minimum(self) -> bool:
        """Whether a minimum was found on every population."""
        return not self.without_minimum and not self.not_found

    @property
    def order(self) -> OrderName | None:
        """The order that it had on every population, of the search, too; None if it had none."""
        held = [v.order for v in self.orders_on_all if v.looked and v.held == v.looked]
        return held[0] if len(held) == 1 and self.has_minimum else None

    @property
    def consistent(self) -> bool:
        """Whether it converges to the optimal policy on all populations."""
        return "optimal" in self.converges_to

    def _of_own(self) -> OwnPopulation:
        if self.own is None:
            why = "the loss has no minimum on it" if self.asked_own else "none was given"
            raise InputError(f"'population' must be one on which the loss has a minimum: {why}.")
        return self.own

    @property
    def policy(self) -> Floats:
        """The policy on the given population, shape (K,)."""
        return self._of_own().policy

    @property
    def rewards(self) -> Floats:
        """The rewards on the given population, shape (K,)."""
        return self._of_own().rewards

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders that the policy has on the given population."""
        return self._of_own().orders

    @property
    def reverses(self) -> tuple[str, ...]:
        """The orders that the policy turns round on the given population."""
        return self._of_own().reverses

    @property
    def distances(self) -> dict[str, float]:
        """Total variation to each method's limit on the given population, nearest first."""
        return self._of_own().distances

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per order: order, held, reversed, populations, counterexample."""
        import pandas as pd

        return pd.DataFrame(
            {
                "order": [v.order for v in self.orders_on_all],
                "held": [v.held for v in self.orders_on_all],
                "reversed": [v.reversed for v in self.orders_on_all],
                "populations": [v.looked for v in self.orders_on_all],
                "counterexample": [v.example for v in self.orders_on_all],
            }
        )

    def describe(self) -> str:
        """Return the verdict, one statement a line."""
        lines = list(self._statements())
        if self.own is not None:
            nearest, distance = next(iter(self.own.distances.items()))
            order = " and ".join(self.own.orders) or "neither NBC nor average reward"
            lines.append(
                f"On the given population: the order of {order}; nearest limit {nearest}, at total "
                f"variation {distance:.2g}."
            )
        elif self.asked_own:
            lines.append("On the given population: no minimum.")
        return "\n".join(lines)

    def _statements(self) -> Iterator[str]:
        n = self.n_populations
        if self.without_minimum:
            yield f"It has no minimum on {self.without_minimum} of {n} populations: it runs away."
        if self.not_found:
            yield f"No minimum was found on {self.not_found} of {n} populations."
        if not any(v.looked for v in self.orders_on_all):
            return
        if self.converges_to:
            yield f"It converges to {', '.join(self.converges_to)} on all {n} populations."
        elif self.proportional_to:
            name, factor = next(iter(self.proportional_to.items()))
            yield f"Its rewards are those of {name} times {factor:.4g} on all {n} populations."
        else:
            yield f"It converges to none of the known limits on all {n} populations."
        for verdict in self.orders_on_all:
            yield verdict.describe()[:1].upper() + verdict.describe()[1:] + "."
        if any(v.looked and v.reversed == v.looked for v in self.orders_on_all):
            yield "It reverses an order everywhere: is its sign right?"
        if self.several_minima:
            yield f"On {self.several_minima} of {n} populations it has several minima."


def certify(
    loss: UserLoss,
    population: Population | None = None,
    information: Asks = "anonymous",
    *,
    sees: Sequence[Sees] = (),
    n_types: int | None = None,
    n_populations: int = 50,
    n_search: int = 2000,
    seed: int = 0,
) -> Certification:
    """Find what a loss converges to, by minimising its expectation on many populations.

    Parameters
    ----------
    loss : callable
        From margins, shape (n,), and labels to the losses, shape (n,), in torch. A label is 1 if
        the first is preferred and 0 if not. What `information` changes: in panels a label has one
        entry for each type; of typed labels the keyword ``annotator_type`` has the type's number; linked
        margins and labels have shape (n, 2), two comparisons by one annotator; of ballots there
        are no labels, and the argument has the rewards of all options, best first, shape (n, K).
        Both orientations of every pair occur.
    population : Population, optional
        One to look at besides, whose policy and orders are then told.
    information : {"anonymous", "linked", "typed", "panel", "ballots"}
        What a label tells.
    sees : sequence of {"logp", "length", "reference"}
        What else the loss is given, as keywords of shape (n, 2), for the first and the second:
        log-probabilities under the policy, lengths in tokens, log-probabilities under the
        reference. Margins are differences of log-ratios to the reference.
    n_types : int, optional
        Types of the random populations, for labels that tell them apart; the given population's,
        or 3, if omitted. Anonymous labels are of 2 to 4 types.
    n_populations, n_search : int
        Random populations of the first look, beside the worked ones, and of the search for a
        counterexample to each order that is left. Of a loss with kinks 100 are searched.
    seed : int
        Of the random populations.

    Returns
    -------
    Certification
        A loss without a minimum is a verdict and no error.

    Raises
    ------
    InputError
        If an argument is out of its range, or the loss raises an error, does not return one real
        number for each margin or does not depend on the margins.

    Notes
    -----
    Random populations have unequal shares (equal ones for panels), temperatures from 1/2 to 2,
    and any sampling distribution. Minima are found by Newton's method from several starts, which
    goes downhill and checks that no direction curves downwards; beside the lowest, other minima
    are counted. The evidence is numerical: an order that held on all is not proven to hold always.

    Examples
    --------
    >>> import torch
    >>> from socialpref.training import certify
    >>> def squares(margin, label):
    ...     return (margin * (2 * label - 1) - 0.5) ** 2
    >>> found = certify(squares, n_search=100)
    >>> found.converges_to, found.order
    (('ipo',), 'NBC')
    """
    if not callable(loss):
        raise _validate.complaint("loss", "a function", _validate.shown(loss))
    if population is not None:
        check_population(population)
    _validate.choice("information", information, ASKS)
    _validate.instance("sees", sees, (tuple, list), f"a tuple of {', '.join(SEES)}")
    for name in sees:
        _validate.choice("sees", name, SEES)
    n_populations = _validate.integer("n_populations", n_populations, 1)
    n_search = _validate.integer("n_search", n_search, 0)
    seed = _validate.integer("seed", seed)
    if n_types is None:
        n_types = 3 if population is None else population.n_types
    n_types = _validate.integer("n_types", n_types, 1)
    rng = np.random.default_rng(seed)
    kind = _Kind(loss, information, tuple(sees), n_types)
    first = [*_worked(kind), *_random(kind, n_populations, rng)]
    looked = _look(kind, first, n_starts=3)
    several = any(one.others for one in looked)
    own = None
    if population is not None:
        own = _look(kind, [_plain(population)], n_starts=6)[0]
    verdicts = [_verdict(order, looked) for order in ORDERS]
    claimed = any(v.looked and v.held == v.looked for v in verdicts)
    if n_search and claimed:
        n = min(n_search, KINKED) if any(one.kinked for one in looked) else n_search
        more = _look(kind, list(_random(kind, n, rng)), n_starts=3 if several else 1)
        verdicts = [
            _verdict(v.order, [*looked, *more]) if v.held == v.looked else v for v in verdicts
        ]
    minima = [one for one in looked if one.rewards is not None]
    factors = _factors(minima)
    return Certification(
        n_populations=len(looked),
        without_minimum=sum(one.away for one in looked),
        not_found=sum(one.rewards is None and not one.away for one in looked),
        several_minima=sum(one.flat or bool(one.others) for one in minima),
        kinked=sum(one.kinked for one in minima),
        orders_on_all=tuple(verdicts),
        converges_to=tuple(name for name, factor in factors.items() if factor == 1.0),
        proportional_to={name: factor for name, factor in factors.items() if factor != 1.0},
        own=None if own is None or own.rewards is None else _own(own),
        asked_own=population is not None,
    )


def written(setting: Setting) -> str:
    """Return a population as an expression that makes it, with its sampling if not uniform."""
    population = setting.population
    text = f"Population({[[float(r) for r in row] for row in population.rewards]}"
    if np.ptp(population.shares) > 0.0:
        text += f", {[float(s) for s in population.shares]}"
    if population.link != Logistic():
        text += f", link={population.link!r}"
    text += ")"
    if np.ptp(setting.sampling) > 0.0:
        text += f", sampling={[float(d) for d in setting.sampling]}"
    return text


# --- populations to look at -------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """What is the same for every population: the loss, and what it is given."""

    loss: UserLoss
    information: Asks
    sees: tuple[Sees, ...]
    n_types: int

    @property
    def told_apart(self) -> bool:
        """Whether labels tell types apart, so that all populations need the same number."""
        return self.information in ("typed", "panel")


@dataclass(frozen=True, eq=False)
class _Looked:
    """A setting, and where the loss ends on it."""

    setting: Setting
    rewards: Floats | None
    error: float
    away: bool
    flat: bool
    kinked: bool
    others: tuple[Floats, ...]

    @property
    def policy(self) -> Floats:
        assert self.rewards is not None
        weights = self.setting.reference * np.exp(self.rewards - self.rewards.max())
        return np.asarray(weights / weights.sum())


def _plain(population: Population) -> Setting:
    """Return a population under uniform sampling and reference, with options of one length."""
    size = population.n_options
    return Setting(population, np.full(size, 1 / size), np.full(size, 1 / size), np.ones(size))


def _worked(kind: _Kind) -> Iterator[Setting]:
    for population in (mediocre_winner(), two_camps()):
        if not kind.told_apart or population.n_types == kind.n_types:
            yield _plain(population)


def _random(kind: _Kind, n: int, rng: np.random.Generator) -> Iterator[Setting]:
    """Yield random populations without symmetry; every other one is sampled uniformly.

    All numbers are in hundredths, so that a counterexample can be written down.
    """
    for i in range(n):
        size = SIZES[i % len(SIZES)] if kind.information != "linked" else 3 + i % 2
        n_types = kind.n_types if kind.told_apart else int(rng.integers(2, 5))
        rewards = rng.uniform(-4.0, 4.0, (n_types, size)).round(2)
        shares = _hundredths(n_types, rng) if kind.information != "panel" else None
        link = Logistic(1.0 if kind.told_apart else float(rng.choice([0.5, 1.0, 2.0])))
        uniform = np.full(size, 1.0 / size)
        yield Setting(
            Population(rewards, shares, link=link),
            sampling=_hundredths(size, rng) if i % 4 > 1 else uniform,
            reference=_hundredths(size, rng) if "reference" in kind.sees else uniform,
            lengths=rng.integers(5, 60, size).astype(float) if "length" in kind.sees else uniform,
        )


def _hundredths(n: int, rng: np.random.Generator) -> Floats:
    """Return a random distribution in hundredths, each of at least 5."""
    return np.asarray((5 + rng.multinomial(100 - 5 * n, rng.dirichlet(np.ones(n)))) / 100.0)


def _look(kind: _Kind, settings: list[Setting], n_starts: int) -> list[_Looked]:
    """Return where the loss ends on every setting, from several starts."""
    found: list[_Looked | None] = [None] * len(settings)
    groups: dict[tuple[int, int], list[int]] = {}
    for i, one in enumerate(settings):
        key = one.population.n_options, one.population.n_types
        if kind.information in ("anonymous", "ballots"):
            key = key[0], 0
        groups.setdefault(key, []).append(i)
    for numbers in groups.values():
        group = [settings[i] for i in numbers]
        losses = Expectation(kind.loss, group, kind.information, kind.sees)
        runs = [descend(losses, start) for start in _starts(group, n_starts)]
        for place, i in enumerate(numbers):
            found[i] = _best(settings[i], runs, place)
    return [one for one in found if one is not None]


def _starts(group: list[Setting], n: int) -> Iterator[Floats]:
    """Yield rewards to start from: level ones, the average reward, and random ones."""
    shape = len(group), group[0].population.n_options
    rng = np.random.default_rng(len(group))
    means = np.array([one.population.mean_rewards() for one in group])
    yield from (np.zeros(shape), means, -means, *(3.0 * rng.normal(size=(3, *shape))))[:n]


def _best(setting: Setting, runs: list[Minima], place: int) -> _Looked:
    """Return the lowest of the minima that runs from several starts found, and the others."""
    ends = [(float(run.loss[place]), run.rewards[place], run) for run in runs if run.found[place]]
    fled = [float(run.loss[place]) for run in runs if run.away[place]]
    if not ends:
        return _Looked(setting, None, np.inf, bool(fled), False, False, ())
    value, rewards, run = min(ends, key=lambda end: end[0])
    # A loss that is lower where rewards run away has no minimum, whatever there is nearby.
    lower = [v for v in fled if not v >= value - 1e-9 * max(1.0, abs(value))]
    others: list[Floats] = []
    for _, other, _ in ends:
        if all(np.abs(other - one).max() > 1e-4 for one in (rewards, *others)):
            others.append(other)
    return _Looked(
        setting,
        None if lower else rewards,
        float(run.error[place]),
        bool(lower),
        bool(run.flat[place]),
        bool(run.kinked[place]),
        tuple(others),
    )


# --- verdicts ---------------------------------------------------------------------------


def _scores(order: str, setting: Setting) -> Floats:
    population = setting.population
    return nbc(population, setting.sampling) if order == "NBC" else population.mean_rewards()


def _signs(rewards: Floats, scores: Floats) -> NDArray[np.float64]:
    """Return, for pairs that scores tell apart, 1 if rewards agree, -1 if not, 0 if level."""
    y, z = np.triu_indices(len(scores), 1)
    gaps, wanted = rewards[y] - rewards[z], scores[y] - scores[z]
    clear = np.abs(wanted) > CLEAR
    return np.asarray((np.sign(gaps * (np.abs(gaps) > CLEAR)) * np.sign(wanted))[clear])


def _verdict(order: OrderName, looked: Sequence[_Looked]) -> OrderVerdict:
    """Count on how many populations a loss has an order, and find one where it has not."""
    held = reversed_ = 0
    against: list[Setting] = []
    minima = [one for one in looked if one.rewards is not None]
    for one in minima:
        assert one.rewards is not None
        signs = _signs(one.rewards, _scores(order, one.setting))
        held += bool((signs > 0).all())
        reversed_ += bool((signs < 0).all() and len(signs))
        if (signs <= 0).any():
            against.append(one.setting)
    size = [np.ptp(one.sampling) + one.population.rewards.size for one in against]
    example = against[int(np.argmin(size))] if against else None
    return OrderVerdict(order, held, reversed_, len(minima), example)


def _own(one: _Looked) -> OwnPopulation:
    assert one.rewards is not None
    signs = {order: _signs(one.rewards, _scores(order, one.setting)) for order in ORDERS}
    distances = {
        entry.written: total_variation(one.policy, policy)
        for entry in entries(METHODS)
        if (policy := _limit(entry.method, one.setting)) is not None
    }
    return OwnPopulation(
        policy=one.policy,
        rewards=one.rewards,
        error=one.error,
        others=one.others,
        orders=tuple(order for order in ORDERS if (signs[order] > 0).all()),
        reverses=tuple(order for order in ORDERS if len(signs[order]) and (signs[order] < 0).all()),
        distances=dict(sorted(distances.items(), key=lambda item: round(item[1], 9))),
    )


def _limit(method: Method, setting: Setting) -> Floats | None:
    """Return a method's limit on a setting, or None if it has none there."""
    reference = setting.reference if method.has_reference else None
    try:
        limit = method.limit(setting.population, sampling=setting.sampling, reference=reference)
        return limit.policy
    except (InputError, ConvergenceError):
        return None


def _factors(minima: Sequence[_Looked]) -> dict[str, float]:
    """Return the methods whose rewards the loss multiplies by one number everywhere; 1 is exact."""
    found = {}
    for entry in entries(METHODS):
        factor = _factor(entry, [one for one in minima if not one.flat])
        if factor is not None:
            found[entry.written] = 1.0 if abs(factor - 1.0) <= 1e-4 else factor
    return found


def _factor(entry: Entry, minima: Sequence[_Looked]) -> float | None:
    """Return by what the method's rewards are multiplied on all populations, if by one number."""
    factors: list[float] = []
    missing = 0
    for one in minima:
        assert one.rewards is not None
        close = SAME + 10.0 * one.error
        policy = _limit(entry.method, one.setting)
        if policy is None or not policy.all():
            missing += 1
            if 2 * missing > len(minima):
                return None
            continue
        theirs = np.log(policy / one.setting.reference)
        theirs -= theirs.mean()
        scale = float(np.abs(theirs).max())
        if scale <= CLEAR:
            return None
        factor = float(one.rewards @ theirs / (theirs @ theirs))
        if np.abs(one.rewards - factor * theirs).max() > close * max(1.0, abs(factor) * scale):
            return None
        if factors and abs(factor - factors[0]) > close * max(1.0, abs(factor) / scale):
            return None
        factors.append(factor)
    return factors[0] if factors else None
