"""Whether training does what the theory says, for the methods of the table."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..comparisons.classes import fit_latent_classes
from ..comparisons.simulation import simulate
from ..comparisons.table import Comparisons
from ..divergences import total_variation
from ..errors import ConvergenceError
from ..examples import mediocre_winner, two_camps
from ..limits.method import Method
from ..methods import METHODS, entries, method_named
from ..population import Population
from ..rules import nbc
from .exact import Fit
from .learning import has_training, learn, needs_joint

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


Integers = NDArray[np.integer]


EXACT = 1e-6
"""The largest total variation from its limit that training may end at."""


SIZES = (3_000, 30_000, 300_000)
MAX_SIZE = 100_000_000
MAX_SEEDS = 1000


SLOPE, SLACK = -0.5, 0.1
"""Errors fall with the square root of the sample size; how far from it a fitted slope may be."""


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


VERIFIED = tuple(method for method in METHODS if method.identified and has_training(method))


@dataclass(frozen=True)
class Verification:
    """One method on one population: what it learned against what theory says.

    Attributes
    ----------
    method, population : str
        The method is written with the options that differ from their defaults.
    exact : float
        Total variation between training on the expectation and the exact limit.
    residual : float
        The largest derivative where that training ended.
    sizes : tuple of int
        Numbers of labels.
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
    methods: Sequence[Method | str] | None = None,
    on: Mapping[str, Population] | None = None,
    *,
    sizes: Sequence[int] = SIZES,
    n_seeds: int = 8,
    progress: bool = False,
) -> Report:
    """Train every method whose limit is known, and compare with theory.

    Three statements: training on the expectation ends at the exact limit; training on samples
    nears it with the square root of their number; the policy has the order that theory promises.
    Where a method needs the joint likelihood of linked comparisons, it is the true one on the
    expectation; on a sample it is learned, with as many classes as there are types.

    Parameters
    ----------
    methods : sequence of Method or str, optional
        Methods with their options, or names of `socialpref.methods.METHODS`; all whose comparisons
        always identify the limit if omitted.
    on : mapping of str to Population, optional
        `populations()` if omitted.
    sizes : sequence of int
        Numbers of labels; at least two, of at least 100.
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
    >>> from socialpref import DPO
    >>> report = verify([DPO()], {"mediocre": mediocre_winner()}, sizes=[1000, 10_000])
    >>> report.passed
    True
    """
    chosen = VERIFIED if methods is None else _methods(methods)
    ns = tuple(
        _validate.integer("sizes", n, 100, MAX_SIZE) for n in _sequence("sizes", sizes, "numbers")
    )
    if len(set(ns)) < 2:
        raise _validate.complaint("sizes", "at least two different numbers", _validate.shown(sizes))
    n_seeds = _validate.integer("n_seeds", n_seeds, 2, MAX_SEEDS)
    if on is not None:
        _validate.instance("on", on, Mapping, "a mapping of names to populations")
        for one in on.values():
            _validate.instance("on", one, Population, "a mapping of names to populations")
    if not chosen or on == {}:
        raise _validate.complaint("on" if chosen else "methods", "at least one", "none")
    from tqdm import tqdm

    pairs = list(product(chosen, (populations() if on is None else on).items()))
    for method, (label, one) in pairs:
        _errors(method, label, one, min(ns), n_seeds)
    bar = tqdm(pairs, disable=not progress, unit="training")
    return Report(tuple(_verify(method, label, one, ns, n_seeds) for method, (label, one) in bar))


def _methods(methods: Sequence[Method | str]) -> list[Method]:
    """Return the methods that were given, or named, if they can be verified."""
    chosen = []
    for given in _sequence("methods", methods, "methods, or their names"):
        one = method_named(given, "methods") if isinstance(given, str) else given
        _validate.instance("methods", one, Method, "methods, or their names")
        if not one.identified:
            must = "methods whose comparisons always identify their limit"
            raise _validate.complaint("methods", must, repr(one))
        chosen.append(one)
    return chosen


def _sequence(name: str, values: Any, must: str) -> Iterable[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise _validate.complaint(name, must, _validate.shown(values))
    return values


def _verify(
    method: Method, label: str, population: Population, sizes: tuple[int, ...], n_seeds: int
) -> Verification:
    target = method.limit(population).policy
    exact = learn(method, population, tolerance=1e-10)
    promised = {"NBC": nbc(population), "average reward": population.mean_rewards()}
    ordered = method.order is None or same_order(exact.rewards[0], promised[method.order])
    return Verification(
        entries((method,))[0].written,
        label,
        total_variation(exact.policy[0], target),
        exact.residual,
        sizes,
        tuple(_errors(method, label, population, n, n_seeds) for n in sizes),
        method.order,
        ordered,
    )


def _errors(
    method: Method, label: str, population: Population, n: int, n_seeds: int
) -> tuple[float, ...]:
    """Return how far policies that were trained on samples of a size are from the limit."""
    target, errors = method.limit(population).policy, []
    for seed in range(n_seeds):
        rows = simulate(population, n, method.information, seed=seed)
        try:
            fit = _learned(method, rows, population.n_types)
        except ConvergenceError as error:
            raise ConvergenceError(
                f"verify: {method.name} on {label!r} with {n} labels, seed {seed}: {error}"
            ) from None
        errors.append(total_variation(fit.policy[0], target))
    return tuple(errors)


def _learned(method: Method, rows: Comparisons, n_types: int) -> Fit:
    """Return what a method learns from a sample, knowing how many types there are."""
    if not needs_joint(method):
        return learn(method, rows)
    joint = fit_latent_classes(rows, n_types)
    with warnings.catch_warnings():  # here it is known that there are classes
        warnings.filterwarnings("ignore", "the latent classes")
        return learn(method, rows, joint=joint)


def same_order(learned: Floats, promised: Floats) -> bool:
    """Whether scores order options in the same way, with ties to training's precision."""
    gaps = learned[:, None] - learned[None, :]
    wanted = promised[:, None] - promised[None, :]
    return bool(
        (np.sign(gaps * (abs(gaps) > EXACT)) == np.sign(wanted * (abs(wanted) > EXACT))).all()
    )
