"""Whether training does what the theory says, for the table's methods and for a loss you bring."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import _validate
from ..errors import ConvergenceError, InputError
from ..examples import mediocre_winner, two_camps
from ..limits import optimal_policy, total_variation
from ..methods import METHODS
from ..population import Population
from ..rules import nbc
from .annotations import expected_cells, simulate
from .fit import fit_exact
from .learn import learn
from .objectives import Batch

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

EXACT = 1e-6
"""The largest total variation that counts as equal."""
SIZES = (3_000, 30_000, 300_000)
SLOPE, SLACK = -0.5, 0.1
"""Errors fall with the square root of the sample size; how far from it a fitted slope may be."""
ALPHA = 0.5
"""Of the corrected loss that is verified."""
MOST_TYPES = 12
"""A panel of so many has 4,096 outcomes."""


def populations() -> dict[str, Population]:
    """Return the populations to verify on: worked examples, and two drawn at random.

    Types have equal shares, so that every method's guarantee holds.

    Examples
    --------
    >>> from socialpref.training import populations
    >>> list(populations())
    ['mediocre winner', 'two camps', 'random, 3 types', 'random, 4 types']
    """
    rng = np.random.default_rng(0)
    return {
        "mediocre winner": mediocre_winner(),
        "two camps": two_camps(),
        "random, 3 types": Population(rng.normal(size=(3, 5))),
        "random, 4 types": Population(0.7 * rng.normal(size=(4, 6))),
    }


@dataclass(frozen=True)
class Verification:
    """One method on one population: what it learned against what theory says.

    Attributes
    ----------
    method, population : str
    exact : float
        Total variation between training on the expectation and the exact limit.
    residual : float
        The largest derivative where that training ended.
    sizes : tuple of int
        Numbers of annotations.
    errors : tuple of tuple of float
        For each size, the total variation to the limit of every seed.
    order : str or None
        Whose order theory promises.
    ordered : bool
        Whether the trained policy follows that order; True if none is promised.
    """

    method: str
    population: str
    exact: float
    residual: float
    sizes: tuple[int, ...]
    errors: tuple[tuple[float, ...], ...]
    order: str | None
    ordered: bool

    @cached_property
    def means(self) -> Floats:
        """The mean error at each size."""
        return np.array([np.mean(errors) for errors in self.errors])

    @cached_property
    def slope(self) -> float:
        """How the logarithm of the mean error falls with that of the sample size."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.means), 1)[0])

    @cached_property
    def slope_error(self) -> float:
        """The slope's standard error, from the spread between seeds."""
        x = np.log(self.sizes) - np.log(self.sizes).mean()
        relative = [np.var(e, ddof=1) / len(e) / np.mean(e) ** 2 for e in self.errors]
        return float(np.sqrt(((x / (x @ x)) ** 2) @ relative))

    @property
    def passed(self) -> bool:
        """Whether all three statements hold; a slope up to two standard errors outside counts."""
        off = abs(self.slope - SLOPE) - 2.0 * self.slope_error
        return self.exact <= EXACT and off <= SLACK and self.ordered


@dataclass(frozen=True, eq=False)
class Report:
    """What `verify` found."""

    results: tuple[Verification, ...]

    @property
    def passed(self) -> bool:
        """Whether everything passed."""
        return all(result.passed for result in self.results)

    def table(self) -> "pd.DataFrame":
        """Return a row for each method and population."""
        import pandas as pd

        return pd.DataFrame(
            {
                "method": r.method,
                "population": r.population,
                "tv_exact": r.exact,
                **{f"tv_{n}": mean for n, mean in zip(r.sizes, r.means, strict=True)},
                "slope": r.slope,
                "slope_error": r.slope_error,
                "order": r.order or "none promised",
                "ordered": r.ordered,
                "passed": r.passed,
            }
            for r in self.results
        )


def verify(
    methods: Sequence[str] | None = None,
    on: Mapping[str, Population] | None = None,
    *,
    sizes: Sequence[int] = SIZES,
    n_seeds: int = 8,
    progress: bool = False,
) -> Report:
    """Train every method whose limit is known, and compare with theory.

    Three statements: training on the expectation ends at the exact limit; training on samples
    nears it with the square root of their number; the policy has the order that theory promises.
    Corrected DPO is trained at alpha 0.5, with the true joint likelihood on the expectation, and
    with one learned from the sample, of as many classes as there are types, otherwise.

    Parameters
    ----------
    methods : sequence of str, optional
        Names in `socialpref.methods.METHODS`; all with a known limit if omitted.
    on : mapping of str to Population, optional
        `populations()` if omitted.
    sizes : sequence of int
        Numbers of annotations; at least two.
    n_seeds : int
        Samples of each size; at least two.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If an argument is out of range.
    ConvergenceError
        If a training does not converge.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import verify
    >>> report = verify(["dpo"], {"mediocre": mediocre_winner()}, sizes=[1000, 10_000])
    >>> report.passed
    True
    """
    known = [name for name, method in METHODS.items() if method.limit is not None]
    chosen = list(methods) if methods is not None else known
    for name in chosen:
        if name not in known:
            must = f"among {', '.join(map(repr, known))}"
            raise _validate.complaint("methods", must, repr(name))
    ns = tuple(int(n) for n in sizes)
    if len(set(ns)) < 2 or min(ns) < 100:
        raise _validate.complaint("sizes", "at least two numbers of at least 100", sizes)
    if n_seeds < 2:
        raise _validate.complaint("n_seeds", "at least 2", n_seeds)
    from tqdm import tqdm

    pairs = list(product(chosen, (populations() if on is None else on).items()))
    bar = tqdm(pairs, disable=not progress, unit="training")
    return Report(tuple(_verify(name, label, one, ns, n_seeds) for name, (label, one) in bar))


def _verify(
    name: str, label: str, population: Population, sizes: tuple[int, ...], n_seeds: int
) -> Verification:
    method = METHODS[name]
    assert method.limit is not None  # `verify` has seen to it
    special: dict[str, Any] = {"alpha": ALPHA} if name == "corrected-dpo" else {}
    target = method.limit(population, **special).policy
    exact = learn(name, population, tolerance=1e-10, **special)
    if special:
        special["n_classes"] = population.n_types
    errors = []
    for n in sizes:
        rows = (simulate(population, n, method.information, seed=s) for s in range(n_seeds))
        fits = (learn(name, row, **special) for row in rows)
        errors.append(tuple(total_variation(fit.policy[0], target) for fit in fits))
    promised = {"NBC": nbc(population), "average reward": population.mean_rewards()}
    ordered = method.order is None or _same_order(exact.rewards[0], promised[method.order])
    return Verification(
        name,
        label,
        total_variation(exact.policy[0], target),
        exact.residual,
        sizes,
        tuple(errors),
        method.order,
        ordered,
    )


def _same_order(learned: Floats, promised: Floats) -> bool:
    """Whether scores order alternatives alike; ties of either are ties to training's precision."""
    gaps = learned[:, None] - learned[None, :]
    wanted = promised[:, None] - promised[None, :]
    return bool(
        (np.sign(gaps * (abs(gaps) > EXACT)) == np.sign(wanted * (abs(wanted) > EXACT))).all()
    )


# --- a loss of one's own --------------------------------------------------------------

UserLoss = Callable[[Tensor, Tensor], Tensor]
"""From margins (n,) and labels, (n,) or (n, T), to the losses (n,)."""


@dataclass(frozen=True, eq=False)
class Certification:
    """What a loss converges to, among what is known.

    Attributes
    ----------
    policy, rewards : ndarray, shape (K,)
        At the lowest minimum that was found.
    residual : float
        The largest derivative there.
    distances : dict of str to float
        Total variation to each known limit, nearest first.
    orders : tuple of str
        Those of "NBC" and "average reward" that order the alternatives as the policy does.
    """

    policy: Floats
    rewards: Floats
    residual: float
    distances: dict[str, float]
    orders: tuple[str, ...]

    @property
    def converges_to(self) -> tuple[str, ...]:
        """Names of the limits that it equals; on a special population several can coincide."""
        return tuple(name for name, distance in self.distances.items() if distance <= EXACT)

    @property
    def consistent(self) -> bool:
        """Whether it converges to the optimal policy."""
        return "optimal policy" in self.converges_to

    def describe(self) -> str:
        """Return what was found in one sentence."""
        nearest, distance = next(iter(self.distances.items()))
        order = " and of ".join(self.orders) or "neither NBC nor average reward"
        if self.converges_to:
            found = f"converges to: {', '.join(self.converges_to)}"
        else:
            found = (
                f"FAILS: converges to no known limit; the nearest is {nearest}, at total "
                f"variation {distance:.4f}"
            )
        return f"{found}; its order is that of {order}."


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

    Raises
    ------
    InputError
        If the loss does not return one value for each margin, or the types are too many.
    ConvergenceError
        If the loss has no minimum that training finds, or is not finite.

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
    FAILS: converges to no known limit; the nearest is optimal policy, at total variation ...
    """
    if information not in ("anonymous", "panel"):
        must = "'anonymous' or 'panel'"
        raise _validate.complaint("information", must, repr(information))
    cells = expected_cells(population, information)
    y, z = (
        np.concatenate(pair) for pair in ((cells.first, cells.second), (cells.second, cells.first))
    )
    weight = np.tile(cells.total / cells.total.sum() / 2.0, 2)
    outcomes = list(_outcomes(population, y, z, information))

    def objective(margin: Tensor, _: Batch) -> Tensor:
        total = margin.new_zeros(())
        for chance, label in outcomes:
            values = loss(margin, label.expand(len(margin), *label.shape))
            if not isinstance(values, Tensor) or values.shape != margin.shape:
                got = f"{tuple(values.shape)}" if isinstance(values, Tensor) else type(values)
                must = f"a function that returns a tensor of shape {tuple(margin.shape)}"
                raise _validate.complaint("loss", must, got)
            total = total + (torch.as_tensor(weight * chance) * values).sum()
        return total

    both = cells._replace(
        prompt=np.tile(cells.prompt, 2), first=y, second=z, total=weight,
        wins=np.zeros(len(y)), losses=np.zeros(len(y)),
    )  # fmt: skip
    starts = (np.zeros((1, population.n_options)), population.mean_rewards()[None, :])
    fits = [fit_exact(both, objective, start=start, tolerance=tolerance) for start in starts]
    best = min(fits, key=lambda fit: fit.loss)
    targets = {"optimal policy": optimal_policy(population).policy}
    for name, method in METHODS.items():
        if method.limit is not None:
            with suppress(ConvergenceError, InputError):  # no such limit here: nothing to compare
                targets[name] = method.limit(population).policy
    distances = {name: total_variation(best.policy[0], policy) for name, policy in targets.items()}
    known = {"NBC": nbc(population), "average reward": population.mean_rewards()}
    return Certification(
        policy=best.policy[0],
        rewards=best.rewards[0],
        residual=best.residual,
        # Limits that coincide stay in the table's order.
        distances=dict(sorted(distances.items(), key=lambda item: round(item[1], 9))),
        orders=tuple(
            name for name, scores in known.items() if _same_order(best.rewards[0], scores)
        ),
    )


def _outcomes(
    population: Population, y: Integers, z: Integers, information: str
) -> Iterator[tuple[Floats, Tensor]]:
    """Yield the probability of each outcome for every pair, and the outcome's label."""
    if information == "anonymous":
        wins = population.pairwise()[y, z]
        for label, chance in ((1.0, wins), (0.0, 1.0 - wins)):
            yield chance, torch.tensor(label, dtype=torch.float64)
        return
    if population.n_types > MOST_TYPES:
        raise _validate.complaint(
            "population", f"of at most {MOST_TYPES} types", population.n_types
        )
    each = population.link(population.rewards[:, y] - population.rewards[:, z])
    for labels in product((0, 1), repeat=population.n_types):
        voice = np.array(labels)[:, None]
        chance = np.where(voice == 1, each, 1.0 - each).prod(axis=0)
        yield chance, torch.tensor(labels, dtype=torch.float64)
