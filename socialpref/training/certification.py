"""What a loss of your own converges to."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .. import _validate
from ..comparisons.simulation import expected_cells
from ..errors import ConvergenceError, InputError
from ..limits.limit import total_variation
from ..limits.optimal import optimal_policy
from ..methods import METHODS
from ..population import Population
from ..rules import nbc
from .exact import Fit, fit_exact
from .objectives import Batch
from .verification import EXACT, Floats, Integers, same_order

SAME = 1e-9
"""The largest total variation at which a loss of your own has the same limit as a method."""


MOST_TYPES = 12
"""A panel of so many has 4,096 outcomes."""


FAR = (1e1, 1e2, 1e3, 1e6, 1e12)
"""How far from a minimum the loss is looked at."""


UserLoss = Callable[[Tensor, Tensor], Tensor]
"""From margins (n,) and labels, (n,) or (n, T), to the losses (n,)."""


@dataclass(frozen=True, eq=False)
class Certification:
    """What a loss converges to on one population, among what is known.

    Another population can tell otherwise: limits and orders that differ in general can be the
    same on one.

    Attributes
    ----------
    policy, rewards : ndarray, shape (K,)
        At the lowest minimum that was found.
    residual : float
        The largest derivative there.
    distances : dict of str to float
        Total variation to each known limit on this population, nearest first.
    orders : tuple of str
        Those of "NBC" and "average reward" that order the options of this population as the
        policy does.
    reverses : tuple of str
        Those whose order of the options of this population the policy turns round.
    against_all : bool
        Whether the loss turns the order of one population round whose types all agree. Then its
        sign is likely to be wrong.
    """

    policy: Floats
    rewards: Floats
    residual: float
    distances: dict[str, float]
    orders: tuple[str, ...]
    reverses: tuple[str, ...]
    against_all: bool

    @property
    def converges_to(self) -> tuple[str, ...]:
        """Names of the limits that it equals on this population."""
        return tuple(name for name, distance in self.distances.items() if distance <= SAME)

    @property
    def consistent(self) -> bool:
        """Whether it converges to the optimal policy on this population."""
        return "optimal policy" in self.converges_to

    def describe(self) -> str:
        """Return what was found, in one sentence."""
        nearest, distance = next(iter(self.distances.items()))
        found = (
            f"equals {', '.join(self.converges_to)}"
            if self.converges_to
            else f"equals none of the known limits, nearest {nearest} at total variation "
            f"{distance:.2g}"
        )
        if self.against_all:
            turned = f"reverses {' and '.join(self.reverses)}, and " if self.reverses else ""
            order = f"{turned}orders against all types where they agree (is its sign right?)"
        elif self.orders:
            order = f"orders as {' and '.join(self.orders)}"
        elif np.ptp(self.rewards) <= EXACT:
            order = "gives all options the same reward"
        else:
            order = "orders neither as NBC nor as average reward"
        return f"On this population: {found}; {order}."


def certify(
    loss: UserLoss,
    population: Population,
    information: Literal["anonymous", "panel"] = "anonymous",
    *,
    tolerance: float = 1e-9,
) -> Certification:
    """Find what a loss converges to on a population, by training on its expectation.

    Parameters
    ----------
    loss : callable
        From margins, shape (n,), and labels to the losses of each, shape (n,), in torch. A label
        is 1 if the first is preferred and 0 if not; in panels a row has one for each type. Both
        orientations of every pair occur.
    population : Population
        With equal shares, for panels, and at most 12 types.
    information : {"anonymous", "panel"}
    tolerance : float
        The largest derivative to accept.

    Returns
    -------
    Certification
        Of this population: what holds on it need not hold on others.

    Raises
    ------
    InputError
        If the loss raises an error, does not return one real number for each margin, or does not
        depend on them, or the types are too many.
    ConvergenceError
        If the loss has no minimum, or none that training finds, as on a kink; if it is lower far
        from the minimum that was found; or if it is not finite.

    Examples
    --------
    A panel loss with `1 - h` in place of `-h` does not learn the average reward:

    >>> from torch.nn.functional import logsigmoid
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import certify
    >>> def right(h, labels):
    ...     y, z = labels.all(1), ~labels.any(1)
    ...     return -(y * logsigmoid(3 * h) + z * logsigmoid(-3 * h))
    >>> def slip(h, labels):
    ...     y, z = labels.all(1), ~labels.any(1)
    ...     return -(y * logsigmoid(3 * h) + z * logsigmoid(3 * (1 - h)))
    >>> certify(right, mediocre_winner(), "panel").converges_to
    ('optimal policy', 'agreement', 'reward-averaging')
    >>> print(certify(slip, mediocre_winner(), "panel").describe())
    On this population: equals none of the known limits, nearest optimal policy at total ...
    """
    if not callable(loss):
        raise _validate.complaint("loss", "a function", _validate.shown(loss))
    _validate.instance("population", population, Population, "a Population")
    _validate.choice("information", information, ("anonymous", "panel"))
    fit = _minimum(loss, population, information, tolerance)
    policy, rewards = fit.policy[0], fit.rewards[0]
    targets = {"optimal policy": optimal_policy(population).policy}
    for method in METHODS:
        if method.identified:
            with suppress(ConvergenceError, InputError):  # no such limit here: nothing to compare
                targets[method.name] = method.limit(population).policy
    distances = {name: total_variation(policy, target) for name, target in targets.items()}
    known = {"NBC": nbc(population), "average reward": population.mean_rewards()}
    level = np.ptp(rewards) <= EXACT
    return Certification(
        policy=policy,
        rewards=rewards,
        residual=fit.residual,
        # Limits that coincide stay in the table's order.
        distances=dict(sorted(distances.items(), key=lambda item: round(item[1], 9))),
        orders=tuple(name for name, scores in known.items() if same_order(rewards, scores)),
        reverses=tuple(
            name for name, scores in known.items() if not level and same_order(-rewards, scores)
        ),
        against_all=_against_all(loss, population, information, tolerance),
    )


def _against_all(
    loss: UserLoss, population: Population, information: str, tolerance: float
) -> bool:
    """Return whether a loss reverses the order of types that agree, where it has a minimum."""
    agreed = Population(np.tile([1.0, 0.0, -0.7], (population.n_types, 1)), link=population.link)
    with suppress(ConvergenceError):
        fit = _minimum(loss, agreed, information, tolerance)
        return same_order(-fit.rewards[0], agreed.rewards[0])
    return False


def _minimum(loss: UserLoss, population: Population, information: str, tolerance: float) -> Fit:
    """Train a loss on its expectation; the lowest of the minima from two starts."""
    cells = expected_cells(population, information)  # type: ignore[arg-type]
    y, z = (
        np.concatenate(pair) for pair in ((cells.first, cells.second), (cells.second, cells.first))
    )
    weight = np.tile(cells.total / cells.total.sum() / 2.0, 2)
    outcomes = list(_outcomes(population, y, z, information))

    def expected(margin: Tensor) -> Tensor:
        total = margin.new_zeros(())
        for chance, label in outcomes:
            values = _values(loss, margin, label.expand(len(margin), *label.shape))
            total = total + (torch.as_tensor(weight * chance) * values).sum()
        return total

    def objective(margin: Tensor, _: Batch) -> Tensor:
        total = expected(margin)
        if not total.requires_grad:
            raise _validate.complaint("loss", "a function of the margins", "one that is not")
        return total

    both = cells._replace(
        prompt=np.tile(cells.prompt, 2), first=y, second=z, total=weight,
        wins=np.zeros(len(y)), losses=np.zeros(len(y)),
    )  # fmt: skip
    starts = (np.zeros((1, population.n_options)), population.mean_rewards()[None, :])
    fits = [fit_exact(both, objective, start=start, tolerance=tolerance) for start in starts]
    best = min(fits, key=lambda fit: fit.loss)
    _check_far(lambda rewards: float(expected(torch.as_tensor(rewards[y] - rewards[z]))), best)
    return best


def _values(loss: UserLoss, margin: Tensor, label: Tensor) -> Tensor:
    """Return the losses of some margins, if a user's loss gives one real number for each."""
    must = f"a function of margins and labels that gives reals of shape {tuple(margin.shape)}"
    try:
        values = loss(margin, label)
    except Exception as error:
        raise _validate.complaint("loss", must, _validate.shown(error)) from error
    if not isinstance(values, Tensor):
        raise _validate.complaint("loss", must, _validate.shown(values))
    if values.is_complex():
        raise _validate.complaint("loss", must, "complex numbers")
    if values.shape != margin.shape:
        raise _validate.complaint("loss", must, f"shape {tuple(values.shape)}")
    return values


def _check_far(loss: Callable[[Floats], float], fit: Fit) -> None:
    """Refuse a minimum than which the loss is lower far away, along a ray from it.

    The rays go up and down for each option, and for the rewards themselves.
    """
    rewards = fit.rewards[0]
    ways = np.vstack([np.eye(len(rewards)), rewards / max(float(np.abs(rewards).max()), EXACT)])
    for way, distance in product([*ways, *-ways], FAR):
        if loss(rewards + distance * way) < fit.loss - EXACT * max(1.0, abs(fit.loss)):
            raise ConvergenceError(
                f"certify: training ends at a minimum, but the loss is lower where rewards are "
                f"{distance:g} away; it has no minimum, or another"
            )


def _outcomes(
    population: Population, y: Integers, z: Integers, information: str
) -> Iterator[tuple[Floats, Tensor]]:
    """Yield the probability of each outcome for every pair, and the outcome's label."""
    if information == "anonymous":
        wins = population.pairwise()
        for label, chance in ((1.0, wins[y, z]), (0.0, wins[z, y])):
            yield chance, torch.tensor(label, dtype=torch.float64)
        return
    if population.n_types > MOST_TYPES:
        raise _validate.complaint(
            "population", f"of at most {MOST_TYPES} types", population.n_types
        )
    gaps = population.rewards[:, y] - population.rewards[:, z]
    each, other = population.link(gaps), population.link(-gaps)
    for labels in product((0, 1), repeat=population.n_types):
        voice = np.array(labels)[:, None]
        chance = np.where(voice == 1, each, other).prod(axis=0)
        yield chance, torch.tensor(labels, dtype=torch.float64)
