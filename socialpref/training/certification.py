"""Verdicts on a loss of one's own: whose order it learns, on many populations.

One population proves little: limits and orders that differ in general can be the same on one. A
loss is looked at on worked and on random populations, and each order that it has on all of them
is then put to a search for a counterexample.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import InputError
from ..limits.method import Method
from ..limits.optimal import Optimal
from ..population import Population, check_population
from .descent import ROUNDED
from .expectation import ASKS, SEES, Asks, Sees, UserLoss
from .looks import Kind, Looked, look, nearly_tied, plain, random, worked
from .verdicts import (
    CLEAR,
    ORDERS,
    LimitVerdict,
    OrderName,
    OrderVerdict,
    distances_of,
    factors_of,
    limit_verdict,
    signs,
    verdict_of,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
FIRST_STARTS, STARTS = 5, 8
"""From how many rewards a loss that is not convex starts: on populations of the first look and
of the search, and on the given one."""


@dataclass(frozen=True, eq=False)
class OwnPopulation:
    """What a loss learns on the population that was asked about.

    Attributes
    ----------
    policy, rewards : ndarray, shape (K,)
        At the lowest minimum that was found.
    error : float
        The largest entry of Newton's step there; on a kink, how far it is rounded off.
    others : tuple of ndarray
        Rewards at other minima.
    ranges : tuple of ndarray or None
        If minima are a whole stretch, the least and the greatest reward of each option among
        them; `rewards` lie between.
    orders, reverses : tuple of str
        Of "NBC" and "average reward", those that the policy has, and those it turns round.
    looked : Looked
        Where the loss ends.
    """

    policy: Floats
    rewards: Floats
    error: float
    others: tuple[Floats, ...]
    ranges: tuple[Floats, Floats] | None
    orders: tuple[str, ...]
    reverses: tuple[str, ...]
    looked: Looked = field(repr=False)

    @cached_property
    def distances(self) -> dict[str, float]:
        """Total variation to the limits of all methods, nearest first."""
        return distances_of(self.looked)


@dataclass(frozen=True, eq=False)
class Certification:
    """What a loss converges to, with the evidence.

    Attributes
    ----------
    n_populations, n_searched : int
        Populations of the first look, and of the search for a counterexample.
    without_minimum : int
        How many of both leave the loss without a minimum: rewards run away.
    not_found : int
        How many of both may have one, but none that was found.
    several_minima : int
        How many of the first look have several local minima, or a level stretch of them.
    kinked : int
        How many of the first look have the minimum on a kink.
    orders_on_all : tuple of OrderVerdict
        One for each order, with the search for a counterexample included.
    own : OwnPopulation or None
        Of the population that was asked about, if it has a minimum there.
    asked_own : bool
        Whether a population was asked about.
    looked : tuple of Looked
        The populations of the first look, and where the loss ends on them.
    """

    n_populations: int
    n_searched: int
    without_minimum: int
    not_found: int
    several_minima: int
    kinked: int
    orders_on_all: tuple[OrderVerdict, ...]
    own: OwnPopulation | None
    asked_own: bool
    looked: tuple[Looked, ...] = field(repr=False)

    @cached_property
    def _factors(self) -> dict[str, float]:
        return factors_of(self.looked)

    @property
    def converges_to(self) -> tuple[str, ...]:
        """Methods that have the same limit on all populations of the first look."""
        return tuple(name for name, factor in self._factors.items() if factor == 1.0)

    @property
    def proportional_to(self) -> dict[str, float]:
        """Methods whose rewards are the loss's divided by the number, on all of them."""
        return {name: factor for name, factor in self._factors.items() if factor != 1.0}

    @property
    def has_minimum(self) -> bool:
        """Whether a minimum was found on every population."""
        return not self.without_minimum and not self.not_found

    @property
    def order(self) -> OrderName | None:
        """The order that it had on every population, of the search, too; None if it had none."""
        held = [v.order for v in self.orders_on_all if v.always]
        return held[0] if len(held) == 1 and self.has_minimum else None

    @property
    def consistent(self) -> bool:
        """Whether it converges to the optimal policy on all populations."""
        return self.against(Optimal()).factor == 1.0

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

    def against(self, method: Method) -> LimitVerdict:
        """Return whether the loss has the limit of a method, with its options, up to a factor."""
        _validate.instance("method", method, Method, "a method")
        return limit_verdict(method, self.looked)

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
        return "\n".join([*self._of_all(), *self._of_the_given()])

    def _of_all(self) -> Iterator[str]:
        n, every = self.n_populations, self.n_populations + self.n_searched
        if self.without_minimum:
            away = f"{self.without_minimum} of {every} populations"
            yield f"It has no minimum on {away}: it runs away."
        if self.not_found:
            yield f"No minimum was found on {self.not_found} of {every} populations."
        if not any(v.looked for v in self.orders_on_all):
            return
        looked = f"on all {n} populations" if self.has_minimum else "wherever it has a minimum"
        exact = ", ".join(self.converges_to)
        if exact:
            yield f"It converges to {exact} {looked}."
        for name, factor in self.proportional_to.items():
            yield f"Its rewards are those of {name} times {factor:.6g} {looked}."
        if not exact and not self.proportional_to:
            yield "It converges to none of the known limits."
        for verdict in self.orders_on_all:
            text = verdict.describe()
            yield f"{text[0].upper()}{text[1:]}."
        if any(v.held == 0 and v.reversed >= 0.9 * v.looked > 0 for v in self.orders_on_all):
            yield "It turns an order round: is its sign right?"
        if all(np.abs(r).max() <= CLEAR for one in self.looked if (r := one.rewards) is not None):
            yield "All rewards are equal everywhere: does it use the labels?"
        if self.order is not None:
            yield f"Its order is that of {self.order}, as far as {every} populations show."
        if self.several_minima:
            yield f"It has several minima on {self.several_minima} of {n} populations."
        if self.kinked:
            yield (
                f"Its minimum is on a kink on {self.kinked} of {n} populations; kinks were rounded "
                f"off by {ROUNDED[-1]:.0e}."
            )

    def _of_the_given(self) -> Iterator[str]:
        if not self.asked_own:
            return
        if self.own is None:
            yield "On the given population: no minimum."
            return
        nearest, distance = next(iter(self.own.distances.items()))
        order = " and ".join(self.own.orders) or "neither NBC nor average reward"
        if self.own.reverses:
            order += f", the reverse of {' and '.join(self.own.reverses)}"
        yield (
            f"On the given population: the order of {order}; the nearest limit is {nearest}, at "
            f"total variation {round(distance, 9):.2g}."
        )
        if self.own.ranges is not None:
            low, high = (", ".join(f"{one:.6g}" for one in end) for end in self.own.ranges)
            yield f"There its minima are a stretch: rewards from {low} to {high}."
        if self.own.others:
            yield f"There it has {len(self.own.others)} other minima, where the loss is no lower."


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
        entry for each type; with typed labels the keyword ``annotator_type`` has the type's
        number; linked margins and labels have shape (n, 2), two comparisons by one annotator; of
        ballots there are no labels, and the argument has the rewards of all options, best first,
        shape (n, K).
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
        counterexample to each order that is left. There is no search if the loss has no minimum
        on most of the first look: no order could be its own.
    seed : int
        Of the random populations.

    Returns
    -------
    Certification
        A loss without a minimum is a verdict and no error.

    Raises
    ------
    InputError
        If an argument is out of its range, or the loss raises an error, does not return one
        finite number for each comparison, computes in less than float64, does not depend on the
        margins, or depends on the other comparisons of a batch.

    Notes
    -----
    Random populations have unequal shares (equal ones for panels), temperatures from 1/2 to 2,
    and any sampling distribution. Minima are found by Newton's method, which goes downhill and
    checks that no direction curves downwards: from one start if the loss is a convex function of
    margins, else from several; beside the lowest, other minima are counted. A minimum counts only
    if the loss is not lower far out. Kinks of a function of margins are rounded off, by 1e-8 in
    the end. The evidence is numerical: an order that held on all is not proven to hold always.

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
    kind = Kind(loss, information, tuple(sees), n_types)
    own = None
    if population is not None:
        own = look(kind, [plain(kind, population)], STARTS)[0]
    looked = look(kind, [*worked(kind), *random(kind, n_populations, rng)], FIRST_STARTS)
    verdicts = [verdict_of(order, looked) for order in ORDERS]
    more: list[Looked] = []
    claimed = [v.order for v in verdicts if v.always]
    if n_search and claimed and 2 * sum(one.rewards is not None for one in looked) > len(looked):
        drawn = list(random(kind, n_search, rng))
        near = nearly_tied(drawn[::2], claimed[0], rng)
        n_starts = FIRST_STARTS if any(one.others for one in looked) else 1
        more = look(kind, [*drawn[1::2], *near], n_starts)
        verdicts = [verdict_of(v.order, [*looked, *more]) if v.always else v for v in verdicts]
    return Certification(
        n_populations=len(looked),
        n_searched=len(more),
        without_minimum=sum(one.away for one in [*looked, *more]),
        not_found=sum(one.rewards is None and not one.away for one in [*looked, *more]),
        several_minima=sum(one.flat or bool(one.others) for one in looked),
        kinked=sum(one.kinked for one in looked),
        orders_on_all=tuple(verdicts),
        own=None if own is None else _own(own),
        asked_own=population is not None,
        looked=tuple(looked),
    )


def _own(one: Looked) -> OwnPopulation | None:
    """Return what is told of the given population, if the loss has a minimum there."""
    if one.rewards is None:
        return None
    found = {order: signs(one, order) for order in ORDERS}
    return OwnPopulation(
        policy=one.policy,
        rewards=one.rewards,
        error=one.error,
        others=one.others,
        ranges=one.ranges,
        orders=tuple(order for order in ORDERS if len(found[order]) and (found[order] > 0).all()),
        reverses=tuple(order for order in ORDERS if len(found[order]) and (found[order] < 0).all()),
        looked=one,
    )
