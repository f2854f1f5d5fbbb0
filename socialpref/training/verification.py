"""Whether training does what the theory says, for the table's methods and for a loss you bring."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from ..methods import METHODS, Method
from ..population import Population
from ..rules import nbc
from .annotations import expected_cells, simulate
from .fit import Fit, fit_exact
from .learn import learn, options_of
from .objectives import Batch

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

EXACT = 1e-6
"""The largest total variation from its limit that training may end at."""
SAME = 1e-9
"""The largest total variation at which a loss of one's own has the same limit as a method."""
SIZES = (3_000, 30_000, 300_000)
SLOPE, SLACK = -0.5, 0.1
"""Errors fall with the square root of the sample size; how far from it a fitted slope may be."""
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
    Corrected DPO is trained at alpha 0.5, with the true joint likelihood on the expectation. On a
    sample it is learned, with as many classes as there are types.

    Parameters
    ----------
    methods : sequence of str, optional
        Names in `socialpref.methods.METHODS`; all with a known limit if omitted.
    on : mapping of str to Population, optional
        `populations()` if omitted.
    sizes : sequence of int
        Numbers of annotations; at least two, of at least 100.
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
        If a training does not converge. Samples can be too small to have a finite optimum; the
        smallest are tried before anything else.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import verify
    >>> report = verify(["dpo"], {"mediocre": mediocre_winner()}, sizes=[1000, 10_000])
    >>> report.passed
    True
    """
    known = [name for name, method in METHODS.items() if method.limit is not None]
    chosen = known if methods is None else list(_sequence("methods", methods, "names of methods"))
    for name in chosen:
        _validate.choice("methods", name, known)
    ns = tuple(_validate.integer("sizes", n, 100) for n in _sequence("sizes", sizes, "numbers"))
    if len(set(ns)) < 2:
        raise _validate.complaint("sizes", "at least two different numbers", _validate.shown(sizes))
    n_seeds = _validate.integer("n_seeds", n_seeds, 2)
    if on is not None:
        _validate.instance("on", on, Mapping, "a mapping of names to populations")
        for one in on.values():
            _validate.instance("on", one, Population, "a mapping of names to populations")
    if not chosen or on == {}:
        raise _validate.complaint("on" if chosen else "methods", "at least one", "none")
    from tqdm import tqdm

    pairs = list(product(chosen, (populations() if on is None else on).items()))
    for name, (label, one) in pairs:
        _errors(METHODS[name], label, one, min(ns), n_seeds)
    bar = tqdm(pairs, disable=not progress, unit="training")
    return Report(
        tuple(_verify(METHODS[name], label, one, ns, n_seeds) for name, (label, one) in bar)
    )


def _sequence(name: str, values: Any, must: str) -> Iterable[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise _validate.complaint(name, must, _validate.shown(values))
    return values


def _verify(
    method: Method, label: str, population: Population, sizes: tuple[int, ...], n_seeds: int
) -> Verification:
    target = _target(method, population)
    exact = learn(method.name, population, tolerance=1e-10, **method.verified_at)
    promised = {"NBC": nbc(population), "average reward": population.mean_rewards()}
    ordered = method.order is None or _same_order(exact.rewards[0], promised[method.order])
    return Verification(
        method.name,
        label,
        total_variation(exact.policy[0], target),
        exact.residual,
        sizes,
        tuple(_errors(method, label, population, n, n_seeds) for n in sizes),
        method.order,
        ordered,
    )


def _target(method: Method, population: Population) -> Floats:
    assert method.limit is not None  # `verify` has seen to it
    return method.limit(population, **method.verified_at).policy


def _errors(
    method: Method, label: str, population: Population, n: int, n_seeds: int
) -> tuple[float, ...]:
    """Return how far policies that were trained on samples of a size are from the limit."""
    options = dict(method.verified_at)
    if "n_classes" in options_of(method):
        options["n_classes"] = population.n_types
    target, errors = _target(method, population), []
    for seed in range(n_seeds):
        rows = simulate(population, n, method.information, seed=seed)
        try:
            fit = learn(method.name, rows, **options)
        except ConvergenceError as error:
            raise ConvergenceError(
                f"verify: {method.name} on {label!r} with {n} annotations, seed {seed}: {error}"
            ) from None
        errors.append(total_variation(fit.policy[0], target))
    return tuple(errors)


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
        Those of "NBC" and "average reward" that order the alternatives of this population as the
        policy does.
    reverses : tuple of str
        Those whose order of the alternatives of this population the policy turns round.
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
            order = "gives all alternatives the same reward"
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
        If the loss does not return one value for each margin, or does not depend on them, or the
        types are too many.
    ConvergenceError
        If the loss has no minimum, or none that training finds, as on a kink; or if it is not
        finite.

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
    for name, method in METHODS.items():
        if method.limit is not None:
            with suppress(ConvergenceError, InputError):  # no such limit here: nothing to compare
                targets[name] = method.limit(population).policy
    distances = {name: total_variation(policy, target) for name, target in targets.items()}
    known = {"NBC": nbc(population), "average reward": population.mean_rewards()}
    level = np.ptp(rewards) <= EXACT
    return Certification(
        policy=policy,
        rewards=rewards,
        residual=fit.residual,
        # Limits that coincide stay in the table's order.
        distances=dict(sorted(distances.items(), key=lambda item: round(item[1], 9))),
        orders=tuple(name for name, scores in known.items() if _same_order(rewards, scores)),
        reverses=tuple(
            name for name, scores in known.items() if not level and _same_order(-rewards, scores)
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
        return _same_order(-fit.rewards[0], agreed.rewards[0])
    return False


def _minimum(loss: UserLoss, population: Population, information: str, tolerance: float) -> Fit:
    """Train a loss on its expectation; the lowest of the minima from two starts."""
    cells = expected_cells(population, information)  # type: ignore[arg-type]
    y, z = (
        np.concatenate(pair) for pair in ((cells.first, cells.second), (cells.second, cells.first))
    )
    weight = np.tile(cells.total / cells.total.sum() / 2.0, 2)
    outcomes = list(_outcomes(population, y, z, information))

    def objective(margin: Tensor, _: Batch) -> Tensor:
        total = margin.new_zeros(())
        for chance, label in outcomes:
            values = loss(margin, label.expand(len(margin), *label.shape))
            if (
                not isinstance(values, Tensor)
                or values.shape != margin.shape
                or values.is_complex()
            ):
                got = f"{tuple(values.shape)}" if isinstance(values, Tensor) else type(values)
                must = f"a function that returns real numbers of shape {tuple(margin.shape)}"
                raise _validate.complaint("loss", must, got)
            total = total + (torch.as_tensor(weight * chance) * values).sum()
        if not total.requires_grad:
            raise _validate.complaint("loss", "a function of the margins", "one that is not")
        return total

    both = cells._replace(
        prompt=np.tile(cells.prompt, 2), first=y, second=z, total=weight,
        wins=np.zeros(len(y)), losses=np.zeros(len(y)),
    )  # fmt: skip
    starts = (np.zeros((1, population.n_options)), population.mean_rewards()[None, :])
    fits = [fit_exact(both, objective, start=start, tolerance=tolerance) for start in starts]
    return min(fits, key=lambda fit: fit.loss)


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
