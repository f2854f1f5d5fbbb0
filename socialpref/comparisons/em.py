"""The latent-class likelihood and its maximum: expectation-maximisation (EM), accelerated."""

from collections import deque
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..links import log_logistic
from .people import People, available_options
from .table import Comparisons

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

SHORT = 25
"""Iterations after which starts are compared."""

MEMORY = 20
"""Past steps that the acceleration of EM remembers."""

LONG = 400
"""Iterations that a start gets at most to show that it comes to the best one's maximum."""

AGREE = 0.01
"""Starts agree if their penalised log-likelihoods, of all labels together, are this near."""

ENOUGH = 1e-5
"""Residual, per annotator, of the latent classes of draws."""

STEPS = 1000
"""Iterations of each of these fits at most."""

LARGEST_BLOCK = 200
"""Up to this many options a prompt's information is inverted whole; beyond, its diagonal is."""

LARGEST_BLOCKS = 1 << 24
"""Entries of all prompts' blocks together, for one class, beyond which diagonals are taken."""


def mixed(chances: Floats) -> tuple[Floats, Floats]:
    """Return the log of the sum of exponentials over the last axis, and each one's part of it.

    The axis is short, and numpy is slow to reduce such ones; columns one after another are not.
    """
    top = reduce(np.maximum, np.moveaxis(chances, -1, 0))
    parts = np.exp(chances - top[..., None])
    total = parts @ np.ones(chances.shape[-1])
    parts /= total[..., None]
    return np.asarray(np.log(total) + top), parts


def centred(tables: Floats, available: NDArray[np.bool_], axis: int) -> Floats:
    """Return rewards with mean 0 over the options that are there, and 0 for the others."""
    there = np.where(available, tables, 0.0)
    sizes = np.maximum(1, available.sum(axis=axis, keepdims=True))
    return np.where(available, there - there.sum(axis=axis, keepdims=True) / sizes, 0.0)


class Design(Protocol):
    """What the reward gaps of the cells are made of: they are linear in a class's parameters."""

    @property
    def size(self) -> int:
        """How many parameters a class has."""

    def gaps(self, tables: Floats) -> Floats:
        """Return winner's less loser's reward in each cell, from parameters of shape (size, L)."""

    def pull(self, pushes: Floats) -> Floats:
        """Return what pushes on the gaps come to for the parameters."""

    def solved(self, pull: Floats, curvature: Floats, ridge: float) -> Floats:
        """Return each class's information, or its diagonal, solved for a force."""

    def noise(self, rng: np.random.Generator, n_classes: int) -> Floats:
        """Return random parameters, to start from."""


@dataclass(frozen=True, eq=False)
class OptionDesign:
    """Each option of each prompt has a reward. A cell is a prompt, a winner and a loser."""

    prompt: Integers
    winner: Integers
    loser: Integers
    available: NDArray[np.bool_]
    """Which options each prompt has, shape (prompts, options)."""

    @property
    def size(self) -> int:
        """Prompts times options."""
        return self.available.size

    @cached_property
    def _contrast(self) -> Any:
        """Sparse, shape (size, cells): 1 at a cell's winner, -1 at its loser."""
        from scipy.sparse import csr_array

        cells, base = np.arange(len(self.prompt)), self.prompt * self.available.shape[1]
        shape = (len(cells), self.size)
        ahead = csr_array((np.ones(len(cells)), (cells, base + self.winner)), shape)
        behind = csr_array((np.ones(len(cells)), (cells, base + self.loser)), shape)
        return (ahead - behind).T.tocsr()

    def gaps(self, tables: Floats) -> Floats:
        """Return winner's less loser's reward, from tables of shape (prompts * options, L)."""
        base = self.prompt * self.available.shape[1]
        return np.asarray(tables[base + self.winner] - tables[base + self.loser])

    def pull(self, pushes: Floats) -> Floats:
        """Return the sums of the pushes on each option."""
        return np.asarray(self._contrast @ pushes)

    def solved(self, pull: Floats, curvature: Floats, ridge: float) -> Floats:
        """Solve one block for each prompt, or only its diagonal if blocks are large."""
        n_prompts, options = self.available.shape
        if options > LARGEST_BLOCK or self.size * options > LARGEST_BLOCKS:
            return np.asarray(pull / (np.abs(self._contrast) @ curvature + ridge))
        n_classes = pull.shape[1]
        cells = np.zeros((n_prompts * options * options, n_classes))
        cells[(self.prompt * options + self.winner) * options + self.loser] = curvature
        blocks = np.moveaxis(cells.reshape(n_prompts, options, options, -1), -1, 1)
        blocks = -blocks - np.swapaxes(blocks, -1, -2)
        diagonal = np.arange(options)
        blocks[..., diagonal, diagonal] = ridge - blocks.sum(axis=-1)
        steps = np.linalg.solve(
            blocks, np.moveaxis(pull.reshape(n_prompts, options, -1), -1, 1)[..., None]
        )
        return np.asarray(np.moveaxis(steps[..., 0], 1, -1).reshape(-1, n_classes))

    def noise(self, rng: np.random.Generator, n_classes: int) -> Floats:
        """Return random rewards with mean 0 at each prompt."""
        noise = rng.normal(size=(*self.available.shape, n_classes))
        return centred(noise, self.available[..., None], 1).reshape(-1, n_classes)


@dataclass(frozen=True, eq=False)
class FeatureDesign:
    """Rewards are linear in features. A cell is a comparison and its winner."""

    differences: Floats
    """How much more of each feature the winner has, shape (cells, features)."""

    @property
    def size(self) -> int:
        """How many features there are."""
        return self.differences.shape[1]

    def gaps(self, tables: Floats) -> Floats:
        """Return winner's less loser's reward, from coefficients of shape (features, L)."""
        return np.asarray(self.differences @ tables)

    def pull(self, pushes: Floats) -> Floats:
        """Return the sums of the pushes on each coefficient."""
        return np.asarray(self.differences.T @ pushes)

    def solved(self, pull: Floats, curvature: Floats, ridge: float) -> Floats:
        """Solve one system for each class."""
        there = self.differences
        prior = ridge * np.eye(self.size)
        systems = [there.T @ (part[:, None] * there) + prior for part in curvature.T]
        return np.linalg.solve(np.array(systems), pull.T[..., None])[..., 0].T

    def noise(self, rng: np.random.Generator, n_classes: int) -> Floats:
        """Return random coefficients."""
        return rng.normal(size=(self.size, n_classes))


@dataclass(frozen=True, eq=False)
class Linked:
    """Linked comparisons, as how often each annotator saw which cell of a design.

    Annotators who saw the same are one pattern. In a cell one side won against the other.
    """

    counts: Any
    """Sparse, shape (patterns, cells); a tie is half a win for each."""
    weight: Floats
    """Annotators of each pattern, by their weights, which have mean 1."""
    pattern: Integers
    """Each annotator's."""
    annotator_weight: Floats
    """How much each annotator counts; the mean is 1."""
    design: OptionDesign | FeatureDesign

    @classmethod
    def of(cls, rows: Comparisons, scales: Floats | None = None) -> "Linked":
        """Count linked comparisons; those of an option with itself are left out.

        With `scales`, one for each feature, rewards are linear in the features over their scales.

        Raises
        ------
        InputError
            If annotators are unknown, or nothing else is left.
        """
        from scipy.sparse import csr_array

        people, K = People.of(rows), rows.n_options
        apart = rows.first != rows.second
        if not apart.any():
            raise _validate.complaint("second", "another option than 'first'", "the same always")
        x, y, z = (c[apart].astype(np.int64) for c in (rows.prompt, rows.first, rows.second))
        won = rows.label[apart]
        if scales is None:
            keys = np.append((x * K + y) * K + z, (x * K + z) * K + y)
        else:
            keys = np.arange(2 * len(x))
        seen = np.append(won, 1.0 - won) * np.tile(people.multiple[apart], 2)
        who = np.tile(people.who[apart], 2)[seen > 0.0]
        cells, cell = np.unique(keys[seen > 0.0], return_inverse=True)
        counts = csr_array((seen[seen > 0.0], (who, cell)), (people.size, len(cells)))
        counts.sum_duplicates()
        # Rows are told apart by a random sum of 64 bits, over numbers that stand for the counts:
        # two different ones agree with a chance of 5e-20.
        numbers = np.unique(counts.data, return_inverse=True)[1] + 1
        coded = csr_array((numbers, counts.indices, counts.indptr), counts.shape)
        marks = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, len(cells))
        _, place, pattern = np.unique(coded @ marks, return_index=True, return_inverse=True)
        design: OptionDesign | FeatureDesign
        if scales is None:
            sides = cells // K**2, cells // K % K, cells % K
            design = OptionDesign(*sides, available_options(rows))
        else:
            assert rows.differences is not None
            ahead = rows.differences[apart] / scales
            design = FeatureDesign(np.append(ahead, -ahead, axis=0)[cells])
        return cls(
            counts=counts[place],
            weight=np.bincount(pattern, people.weight).astype(np.float64),
            pattern=pattern,
            annotator_weight=people.weight,
            design=design,
        )

    def times(self, often: Floats) -> Self:
        """Return the same comparisons with each annotator counted so many times."""
        weight = np.bincount(self.pattern, self.annotator_weight * often, len(self.weight))
        return replace(self, weight=weight.astype(np.float64))

    @property
    def n_annotators(self) -> int:
        """How many annotators there are, whatever their weights."""
        return len(self.pattern)

    @property
    def n_labels(self) -> Floats:
        """How many labels annotators of each pattern gave."""
        return np.asarray(self.counts @ np.ones(self.counts.shape[1]))

    @property
    def is_linked(self) -> bool:
        """Whether some annotator compared twice."""
        return bool((self.n_labels > 1.0).any())

    def chances(self, gaps: Floats, log_shares: Floats) -> Floats:
        """Return the log-probability of each class together with each pattern."""
        return np.asarray(self.counts @ log_logistic(gaps) + log_shares)

    def together(self, tables: Floats, log_shares: Floats) -> tuple[Floats, Floats]:
        """Return each pattern's log-probability, and how likely it is of each class."""
        return mixed(self.chances(self.design.gaps(tables), log_shares))


class Point(NamedTuple):
    """The log-likelihood at some parameters, with what the next step needs."""

    parameters: Floats
    log_likelihood: float
    value: float
    """With the priors."""
    gradient: Floats
    curvature: Floats
    """What each cell and class adds to the information about a reward gap."""
    shares: Floats


class Likelihood:
    """sum over annotators of log J, plus sum over classes of log q, less ridge / 2 sum R^2.

    Parameters are one vector: a design's, of shape (size, L), then the L logits of the shares.
    """

    def __init__(self, rows: Linked, ridge: float) -> None:
        self.rows, self.ridge = rows, ridge
        self.n_annotators = float(rows.weight.sum())
        self.seen_by_cell = rows.counts.T.tocsr().multiply(rows.weight).tocsr()

    def split(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Return rewards and logits."""
        n_classes = len(parameters) // (self.rows.design.size + 1)
        return parameters[:-n_classes].reshape(-1, n_classes), parameters[-n_classes:]

    def at(self, parameters: Floats) -> Point:
        """Take the E-step; value and gradient follow from each pattern's chances of the classes."""
        rewards, logits = self.split(parameters)
        log_sum, shares = mixed(logits)
        gaps = self.rows.design.gaps(rewards)
        total, chances = mixed(self.rows.chances(gaps, logits - log_sum))
        seen = self.seen_by_cell @ chances
        wrong = np.exp(log_logistic(-gaps))
        pull = self.rows.design.pull(seen * wrong) - self.ridge * rewards
        log_likelihood = float(self.rows.weight @ total)
        prior = (logits - log_sum).sum() - 0.5 * self.ridge * (rewards**2).sum()
        lean = self.rows.weight @ chances + 1.0 - (self.n_annotators + len(logits)) * shares
        return Point(
            parameters=parameters,
            log_likelihood=log_likelihood,
            value=log_likelihood + float(prior),
            gradient=np.append(pull.ravel(), lean),
            curvature=seen * wrong * (1.0 - wrong),
            shares=shares,
        )

    def newton(self, point: Point, force: Floats) -> Floats:
        """Take the M-step: solve the information of the complete data for `force`."""
        pull, lean = self.split(force)
        moved = self.rows.design.solved(pull, point.curvature, self.ridge)
        return np.append(moved.ravel(), lean / (self.n_annotators * point.shares + 1.0))

    def start(
        self, n_classes: int, rng: np.random.Generator | None, pooled: Floats | None = None
    ) -> Floats:
        """Return where to begin: the pooled rewards plus noise, equal shares."""
        tables = np.zeros((self.rows.design.size, n_classes))
        if rng is not None:
            tables = self.rows.design.noise(rng, n_classes)
        if pooled is not None:
            tables = tables + pooled
        return np.append(tables.ravel(), np.zeros(n_classes))

    def residual(self, point: Point) -> float:
        """Return the largest derivative, per annotator."""
        return float(np.abs(point.gradient).max()) / self.n_annotators


class Ascent:
    """Accelerated EM from one start; it can be taken up again where it stopped."""

    def __init__(self, likelihood: Likelihood, start: Floats) -> None:
        self.likelihood = likelihood
        self.point = likelihood.at(start)
        self.iterations = 0
        self.values = [self.point.value]
        self._past: deque[tuple[Floats, Floats]] = deque(maxlen=MEMORY)

    @property
    def residual(self) -> float:
        """The largest derivative, per annotator."""
        return self.likelihood.residual(self.point)

    def mean_gaps(self) -> Floats:
        """Return the gaps of the average reward in each cell."""
        tables, _ = self.likelihood.split(self.point.parameters)
        return self.likelihood.rows.design.gaps(tables @ self.point.shares[:, None])

    def run(self, tolerance: float, max_iterations: int, *, progress: bool = False) -> Self:
        """Go on until the residual is small, or for so many iterations in all."""
        from tqdm import tqdm

        bar = tqdm(disable=not progress, desc="latent classes", unit="iteration")
        while self.residual > tolerance and self.iterations < max_iterations:
            bar.set_postfix(residual=f"{self.residual:.1e}", refresh=False)
            bar.update()
            new = self._climb(self._direction())
            if new is None and self._past:  # what is remembered misleads; EM's step does not
                self._past.clear()
                new = self._climb(self._direction())
            if new is None:
                break
            step = new.parameters - self.point.parameters
            fall = self.point.gradient - new.gradient
            if step @ fall > 1e-12 * np.sqrt((step @ step) * (fall @ fall)):
                self._past.append((step, fall))
            self.point = new
            self.values.append(new.value)
            self.iterations += 1
        bar.close()
        return self

    def _direction(self) -> Floats:
        """Return the gradient times the inverse Hessian's estimate, by the two-loop recursion."""
        force, pulls = self.point.gradient.copy(), []
        for step, fall in reversed(self._past):
            pulls.append((step @ force) / (step @ fall))
            force -= pulls[-1] * fall
        move = self.likelihood.newton(self.point, force)
        for (step, fall), pull in zip(self._past, reversed(pulls), strict=True):
            move += step * (pull - (fall @ move) / (step @ fall))
        return move

    def _climb(self, move: Floats) -> Point | None:
        """Take the longest of the steps 1, 1/2, 1/4, ... that raises the value enough."""
        slope = float(self.point.gradient @ move)
        if not slope > 0.0:
            return None
        rounding = 1e-14 * abs(self.point.value)
        for halvings in range(30):
            length = 0.5**halvings
            new = self.likelihood.at(self.point.parameters + length * move)
            if new.value >= self.point.value + 1e-4 * length * slope - rounding:
                return new
        return None


def starts(
    likelihood: Likelihood,
    n_classes: int,
    n_starts: int,
    rng: np.random.Generator,
    tolerance: float,
    max_iterations: int,
) -> list[Ascent]:
    """Return runs from random starts around one class's rewards, after a few iterations."""
    pooled = Ascent(likelihood, likelihood.start(1, None)).run(tolerance, max_iterations)
    if n_classes == 1:
        return [pooled]
    rewards, _ = likelihood.split(pooled.point.parameters)
    begins = [likelihood.start(n_classes, rng, rewards) for _ in range(n_starts)]
    return [
        Ascent(likelihood, begin).run(tolerance, min(SHORT, max_iterations)) for begin in begins
    ]


class Maximum(NamedTuple):
    """The best maximum that was found.

    Attributes
    ----------
    tables : ndarray, shape (size, L)
        The parameters of each class.
    shares : ndarray, shape (L,)
    log_likelihood : float
        Per annotator.
    residual, iterations, n_starts, n_agreeing, spread
        As `ClassMixture` has them.
    """

    tables: Floats
    shares: Floats
    log_likelihood: float
    residual: float = 0.0
    iterations: int = 0
    n_starts: int = 1
    n_agreeing: int = 1
    spread: float = 0.0

    @classmethod
    def of(cls, run: Ascent) -> Self:
        """Return where a run ended."""
        likelihood, point = run.likelihood, run.point
        tables, _ = likelihood.split(point.parameters)
        value = point.log_likelihood / likelihood.n_annotators
        return cls(tables, point.shares, value, run.residual, run.iterations)


def maximum(
    likelihood: Likelihood,
    n_classes: int,
    n_starts: int,
    rng: np.random.Generator,
    tolerance: float,
    max_iterations: int,
    progress: bool,
) -> Maximum:
    """Return the best of the maxima that random starts come to.

    Raises
    ------
    ConvergenceError
        If it is not reached.
    """
    if likelihood.ridge == np.inf:  # classes that prefer nothing to anything
        rows = likelihood.rows
        labels = float(rows.weight @ rows.n_labels)
        shares = np.full(n_classes, 1.0 / n_classes)
        tables = np.zeros((rows.design.size, n_classes))
        return Maximum(tables, shares, -np.log(2.0) * labels / likelihood.n_annotators)
    runs = starts(likelihood, n_classes, n_starts, rng, tolerance, max_iterations)
    for run in runs:
        run.run(tolerance, min(LONG, max_iterations))
    best = max(runs, key=lambda run: run.point.value)
    best.run(tolerance, max_iterations, progress=progress)
    if best.residual > tolerance:
        raise ConvergenceError(
            f"latent classes: residual {best.residual:.2e} after {best.iterations} iterations, "
            f"tolerance {tolerance:.2e}"
        )
    agreeing = [run for run in runs if run.point.value > best.point.value - AGREE]
    apart = [np.abs(run.mean_gaps() - best.mean_gaps()).max() for run in agreeing]
    return Maximum.of(best)._replace(
        n_starts=len(runs), n_agreeing=len(agreeing), spread=float(max(apart))
    )


def redrawn(rows: Linked, ridge: float, times: Floats, begin: Floats) -> Maximum:
    """Return the maximum near an estimate, of annotators that are drawn so many times each.

    Classes are in the order of the estimate: the one in which the most annotators, by their
    memberships, stay in their class.

    Raises
    ------
    ConvergenceError
        If it is not reached.
    """
    from scipy.optimize import linear_sum_assignment

    likelihood = Likelihood(rows.times(times), ridge)
    run = Ascent(likelihood, begin).run(ENOUGH, STEPS)
    if run.residual > 10.0 * ENOUGH:
        raise ConvergenceError(
            f"latent classes of a draw: residual {run.residual:.2e} after {run.iterations} "
            "iterations"
        )
    parts = []
    for parameters in (begin, run.point.parameters):
        tables, logits = likelihood.split(parameters)
        parts.append(rows.together(tables, logits - mixed(logits)[0])[1])
    staying = parts[0].T @ (rows.weight[:, None] * parts[1])
    order = linear_sum_assignment(staying, maximize=True)[1]
    found = Maximum.of(run)
    return found._replace(tables=found.tables[:, order], shares=found.shares[order])
