"""The joint likelihood of two comparisons by one annotator, as a mixture of latent classes.

Annotators belong to classes that nobody labelled. Class l has the share q_l and a table of rewards
R_l for every prompt, and one annotator prefers y to z and y' to z' with probability
``J(y, z; y', z') = sum_l q_l sigma(R_l[y] - R_l[z]) sigma(R_l[y'] - R_l[z'])``. From J comes how
much annotators disagree, which the corrected loss needs. Everything here is numpy and scipy.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError
from .table import Comparisons, places

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
Rule = Literal["best", "one standard error"]

MEMORY = 20
"""Past steps that the acceleration of EM remembers."""
SHORT = 25
"""Iterations after which only the best start goes on."""


@dataclass(frozen=True, eq=False)
class ClassMixture:
    """A fitted mixture of Bradley-Terry models.

    Classes come in no order, and their shares alone say little: with two comparisons each, quite
    different shares explain the same data. What is pinned down is J.

    Attributes
    ----------
    shares : ndarray, shape (L,)
        Share q of each class.
    rewards : ndarray, shape (n_prompts, L, n_options)
        Rewards R of each class, with mean 0 over the options.
    log_likelihood : float
        Mean over annotators of the log-probability of all their labels.
    residual : float
        The largest derivative of the penalised log-likelihood, per annotator, by any reward or
        logit of a share.
    iterations : int
        Of the start that was kept.
    n_annotators : int
    ridge : float
        Precision of the rewards' prior.
    """

    shares: Floats
    rewards: Floats
    log_likelihood: float
    residual: float
    iterations: int
    n_annotators: int
    ridge: float

    @property
    def n_classes(self) -> int:
        """Number of classes, L."""
        return len(self.shares)

    def joint(
        self, prompt: ArrayLike, y: ArrayLike, z: ArrayLike, y2: ArrayLike, z2: ArrayLike
    ) -> Floats:
        """Return J: how likely one annotator prefers y to z and y2 to z2.

        Parameters
        ----------
        prompt, y, z, y2, z2 : array_like of int
            Numbers or arrays that broadcast with each other.
        """
        twice = self._wins(prompt, y, z) * self._wins(prompt, y2, z2)
        return np.asarray(twice @ self.shares)

    def moments(
        self, prompt: ArrayLike, first: ArrayLike, second: ArrayLike
    ) -> tuple[Floats, Floats, Floats]:
        """Return ``a = E[p^2]``, ``b = E[p (1 - p)]`` and ``c = E[(1 - p)^2]`` of pairs.

        p is an annotator's probability to prefer the first to the second. They are the three
        fields of `losses.JointMoments`, and ``a + 2 b + c`` is 1.
        """
        p = self._wins(prompt, first, second)
        a, b, c = (np.asarray(m @ self.shares) for m in (p * p, p * (1.0 - p), (1.0 - p) ** 2))
        return a, b, c

    def variance(
        self,
        prompt: ArrayLike,
        first: ArrayLike,
        second: ArrayLike,
        s: ArrayLike | None = None,
    ) -> Floats:
        """Return how much annotators differ: the variance of p, or of the reward gap.

        Parameters
        ----------
        prompt, first, second : array_like of int
        s : array_like, optional
            A policy's ``sigma(h(first) - h(second))``. With it the variance of p is divided by
            ``[s (1 - s)]^2``: form F1 of the corrected loss's V.
        """
        p = self._wins(prompt, first, second)
        spread = np.asarray((p - (p @ self.shares)[..., None]) ** 2 @ self.shares)
        if s is None:
            return spread
        slope = np.asarray(s, dtype=np.float64)
        return np.asarray(spread / (slope * (1.0 - slope)) ** 2)

    def mean_rewards(self) -> Floats:
        """Return the classes' average reward, shape (n_prompts, n_options).

        The rewards of the indirect approach without types: fit the mixture, then average.
        """
        return np.asarray(np.einsum("l,xlk->xk", self.shares, self.rewards))

    def log_likelihood_of(self, annotations: Comparisons) -> Floats:
        """Return the log-probability of each annotator's labels, in the order of their numbers.

        Raises
        ------
        InputError
            If an annotator has one comparison, or prompts or options are others than the fit's.
        """
        _validate.instance("annotations", annotations, Comparisons, "Comparisons")
        rows = _Comparisons.of(annotations)
        if (rows.n_prompts, rows.n_options) != self.rewards[:, 0].shape:
            must = "of the prompts and options of the fit"
            got = f"{rows.n_prompts} prompts of {rows.n_options} options"
            raise _validate.complaint("annotations", must, got)
        tables = np.moveaxis(self.rewards, 1, 2).reshape(-1, self.n_classes)
        with np.errstate(divide="ignore"):
            log_shares = np.log(self.shares)
        return _mixed(rows.chances(rows.gaps(tables), log_shares))[0][rows.pattern]

    def _wins(self, prompt: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
        """Return each class's probability to prefer the first, on a last axis."""
        X, _, K = self.rewards.shape
        x = places("prompt", prompt, X)
        y, z = places("first", first, K), places("second", second, K)
        return _sigmoid(self.rewards[x, :, y] - self.rewards[x, :, z])


def fit_latent_classes(
    annotations: Comparisons,
    n_classes: int,
    *,
    ridge: float = 0.5,
    n_starts: int = 10,
    seed: int | np.random.Generator = 0,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    progress: bool = False,
) -> ClassMixture:
    """Fit a mixture of Bradley-Terry models to linked comparisons.

    Parameters
    ----------
    annotations : Comparisons
        With annotators, each of at least two comparisons, at one prompt or at several.
        Comparisons of an option with itself say nothing and are left out.
    n_classes : int
        Number of classes, L >= 1. One is a Bradley-Terry fit.
    ridge : float
        Precision of a Gaussian prior of every reward around 0, positive; 0.5 is a standard
        deviation of 1.4. Without it an option that a class always prefers has no finite reward.
    n_starts : int
        Random starts; the best after a few iterations is fitted to the end.
    seed : int or Generator
        Of the starts.
    tolerance : float
        The largest residual to accept.
    max_iterations : int
    progress : bool
        Show a progress bar.

    Returns
    -------
    ClassMixture
        A local maximum of the penalised likelihood, the best of those tried.

    Raises
    ------
    InputError
        If an argument is out of its range, annotators are unknown or one has one comparison.
    ConvergenceError
        If the residual is still above the tolerance after `max_iterations`.

    Notes
    -----
    EM with the M-step replaced by one Newton step (Lange), and accelerated: a limited-memory
    quasi-Newton method whose initial matrix, in every iteration, is the inverse information of
    the complete data (Jamshidian and Jennrich). Steps are halved until the penalised
    log-likelihood rises, so it never falls. The shares' prior counts one annotator more in each
    class (Dirichlet), so that none of them empties.

    References
    ----------
    arXiv 2502.16320, section 5. Dempster, Laird and Rubin (1977), J. R. Stat. Soc. B 39; Lange
    (1995), "A gradient algorithm locally equivalent to the EM algorithm", J. R. Stat. Soc. B 57;
    Jamshidian and Jennrich (1997), "Acceleration of the EM algorithm by using quasi-Newton
    methods", J. R. Stat. Soc. B 59.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import simulate
    >>> from socialpref.comparisons import fit_latent_classes
    >>> crowd = mediocre_winner()
    >>> fit = fit_latent_classes(simulate(crowd, 400_000, "linked"), 3)
    >>> fit.joint(0, 1, 0, 1, 0).round(2), crowd.pairwise_twice()[1, 0].round(2)
    (np.float64(0.4), np.float64(0.4))
    """
    _validate.instance("annotations", annotations, Comparisons, "Comparisons")
    n_classes = _validate.integer("n_classes", n_classes, 1)
    n_starts = _validate.integer("n_starts", n_starts, 1)
    max_iterations = _validate.integer("max_iterations", max_iterations, 1)
    ridge = _validate.number("ridge", ridge, 0.0, above=True)
    tolerance = _validate.number("tolerance", tolerance, 0.0, above=True)
    rng = _validate.seed("seed", seed)
    likelihood = _Likelihood(_Comparisons.of(annotations), ridge)
    pooled = _Ascent(likelihood, likelihood.start(1, None)).run(tolerance, max_iterations)
    best = pooled
    if n_classes > 1:
        short = min(SHORT, max_iterations)
        rewards, _ = likelihood.split(pooled.point.parameters)
        starts = [likelihood.start(n_classes, rng, rewards) for _ in range(n_starts)]
        runs = [_Ascent(likelihood, start).run(tolerance, short) for start in starts]
        best = max(runs, key=lambda run: run.point.value)
        best.run(tolerance, max_iterations, progress=progress)
    if best.residual > tolerance:
        raise ConvergenceError(
            f"latent classes: residual {best.residual:.2e} after {best.iterations} iterations, "
            f"tolerance {tolerance:.2e}"
        )
    return likelihood.result(best)


@dataclass(frozen=True, eq=False)
class ClassChoice:
    """How many classes annotators who were left out speak for.

    Attributes
    ----------
    candidates : tuple of int
        Numbers of classes.
    log_likelihood : ndarray, shape (candidates,)
        Mean over annotators of the log-probability of all their labels, by the fit to the folds
        that they are not in.
    standard_error : ndarray, shape (candidates,)
        Of that mean, for annotators drawn anew; the fits are taken as they are.
    shortfall, shortfall_error : ndarray, shape (candidates,)
        How much less the mean is than the best one's, and the standard error of the difference,
        annotator by annotator.
    chosen : int
    fit : ClassMixture
        To all annotators, with the chosen number.
    """

    candidates: tuple[int, ...]
    log_likelihood: Floats
    standard_error: Floats
    shortfall: Floats
    shortfall_error: Floats
    chosen: int
    fit: ClassMixture


def choose_classes(
    annotations: Comparisons,
    candidates: Sequence[int] = (1, 2, 3, 4, 5, 6),
    *,
    folds: int = 5,
    rule: Rule = "best",
    ridge: float = 0.5,
    n_starts: int = 3,
    seed: int = 0,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    progress: bool = False,
) -> ClassChoice:
    """Choose the number of classes by cross-validation over annotators.

    Parameters
    ----------
    annotations : Comparisons
        As for `fit_latent_classes`.
    candidates : sequence of int
        Numbers of classes to try.
    folds : int
        Annotators are dealt into so many; at least 2.
    rule : {"best", "one standard error"}
        The number with the highest held-out log-likelihood; or the smallest that falls short of
        it by no more than one standard error of the difference.
    ridge, n_starts, tolerance, max_iterations
        As for `fit_latent_classes`.
    seed : int
        Of the folds and of every fit's starts.
    progress : bool
        Show a progress bar.

    Returns
    -------
    ClassChoice

    Raises
    ------
    InputError
        If an argument is out of its range, or as for `fit_latent_classes`.
    ConvergenceError
        As for `fit_latent_classes`.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.training import simulate
    >>> from socialpref.comparisons import choose_classes
    >>> camps = Population([[0, -1, -2], [0, -2, 4]])
    >>> rows = simulate(camps, 4000, "linked", comparisons=8)
    >>> choose_classes(rows, (1, 2, 3), rule="one standard error").chosen
    2
    """
    from tqdm import tqdm

    _validate.instance("annotations", annotations, Comparisons, "Comparisons")
    must = "distinct numbers of classes"
    _validate.instance("candidates", candidates, Sequence, must)
    numbers = tuple(_validate.integer("candidates", n, 1) for n in candidates)
    if not numbers or len(set(numbers)) < len(numbers):
        raise _validate.complaint("candidates", must, _validate.shown(candidates))
    _validate.choice("rule", rule, ("best", "one standard error"))
    seed = _validate.integer("seed", seed)
    who, n_annotators = annotations.annotators()
    folds = _validate.integer("folds", folds, 2, n_annotators)

    def fit(rows: Comparisons, n_classes: int) -> ClassMixture:
        return fit_latent_classes(
            rows,
            n_classes,
            ridge=ridge,
            n_starts=n_starts,
            seed=seed,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )

    dealt = np.random.default_rng(seed).permutation(n_annotators) % folds
    values = np.empty((len(numbers), n_annotators))
    with tqdm(total=len(numbers) * folds, unit="fit", disable=not progress) as bar:
        for i, n_classes in enumerate(numbers):
            for fold in range(folds):
                out = dealt == fold
                kept = fit(annotations.take(~out[who]), n_classes)
                values[i, out] = kept.log_likelihood_of(annotations.take(out[who]))
                bar.update()
    means = values.mean(axis=1)
    behind = values[means.argmax()] - values
    shortfall, shortfall_error = behind.mean(axis=1), _standard_error(behind)
    enough = shortfall <= (shortfall_error if rule == "one standard error" else 0.0)
    chosen = min(n for n, good in zip(numbers, enough, strict=True) if good)
    return ClassChoice(
        candidates=numbers,
        log_likelihood=means,
        standard_error=_standard_error(values),
        shortfall=shortfall,
        shortfall_error=shortfall_error,
        chosen=chosen,
        fit=fit(annotations, chosen),
    )


def _standard_error(values: Floats) -> Floats:
    """Return the standard errors of the means over the last axis."""
    return np.asarray(values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1]))


# --- the likelihood -------------------------------------------------------------------


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(np.exp(_log_sigmoid(x)))


def _mixed(chances: Floats) -> tuple[Floats, Floats]:
    """Return the log of the sum of exponentials over the last axis, and each one's part of it.

    The axis is short, and numpy is slow to reduce such ones; columns one after another are not.
    """
    top = reduce(np.maximum, np.moveaxis(chances, -1, 0))
    parts = np.exp(chances - top[..., None])
    total = parts @ np.ones(chances.shape[-1])
    parts /= total[..., None]
    return np.asarray(np.log(total) + top), parts


def _log_sigmoid(x: Floats) -> Floats:
    return np.asarray(np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x))))


@dataclass(frozen=True, eq=False)
class _Comparisons:
    """Linked comparisons, as how often each annotator saw which option win against which.

    Annotators who saw the same are one pattern. A cell is a prompt, a winner and a loser.
    """

    counts: Any
    """Sparse, shape (patterns, cells)."""
    weight: Floats
    """Annotators of each pattern."""
    pattern: Integers
    """Each annotator's."""
    prompt: Integers
    winner: Integers
    loser: Integers
    n_prompts: int
    n_options: int

    @classmethod
    def of(cls, rows: Comparisons) -> "_Comparisons":
        from scipy.sparse import csr_array

        who, n_annotators = rows.annotators()
        apart = rows.first != rows.second
        if not apart.any():
            raise _validate.complaint(
                "second", "another alternative than 'first'", "the same always"
            )
        x, y, z = (c[apart].astype(np.int64) for c in (rows.prompt, rows.first, rows.second))
        first_won = rows.label[apart] == 1
        winner, loser = np.where(first_won, y, z), np.where(first_won, z, y)
        keys = (x * rows.n_options + winner) * rows.n_options + loser
        cells, cell = np.unique(keys, return_inverse=True)
        counts = csr_array(
            (np.ones(len(cell), np.int64), (who[apart], cell)), (n_annotators, len(cells))
        )
        # Rows are told apart by a random sum of 64 bits: two different ones agree with a chance
        # of 5e-20.
        marks = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, len(cells))
        _, place, pattern, weight = np.unique(
            counts @ marks, return_index=True, return_inverse=True, return_counts=True
        )
        return cls(
            counts=counts[place].astype(np.float64),
            weight=weight.astype(np.float64),
            pattern=pattern,
            prompt=cells // rows.n_options**2,
            winner=cells // rows.n_options % rows.n_options,
            loser=cells % rows.n_options,
            n_prompts=rows.n_prompts,
            n_options=rows.n_options,
        )

    def chances(self, gaps: Floats, log_shares: Floats) -> Floats:
        """Return the log-probability of each class together with each pattern."""
        return np.asarray(self.counts @ _log_sigmoid(gaps) + log_shares)

    def gaps(self, tables: Floats) -> Floats:
        """Return winner's less loser's reward, from tables of shape (prompts * options, L)."""
        base = self.prompt * self.n_options
        return np.asarray(tables[base + self.winner] - tables[base + self.loser])


class _Point(NamedTuple):
    """The log-likelihood at some parameters, with what the next step needs."""

    parameters: Floats
    log_likelihood: float
    value: float
    """With the priors."""
    gradient: Floats
    curvature: Floats
    """What each cell and class adds to the information about a reward gap."""
    shares: Floats


class _Likelihood:
    """sum over annotators of log J, plus sum over classes of log q, less ridge / 2 sum R^2.

    Parameters are one vector: rewards of shape (prompts * options, L), then the L logits of the
    shares.
    """

    def __init__(self, rows: _Comparisons, ridge: float) -> None:
        from scipy.sparse import csr_array

        self.rows, self.ridge = rows, ridge
        self.n_annotators = float(rows.weight.sum())
        self.n_tables = rows.n_prompts * rows.n_options
        cells, base = np.arange(len(rows.prompt)), rows.prompt * rows.n_options
        shape = (len(cells), self.n_tables)
        ahead = csr_array((np.ones(len(cells)), (cells, base + rows.winner)), shape)
        behind = csr_array((np.ones(len(cells)), (cells, base + rows.loser)), shape)
        self.contrast = (ahead - behind).T.tocsr()
        self.seen_by_cell = rows.counts.T.tocsr().multiply(rows.weight).tocsr()

    def split(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Return rewards and logits."""
        n_classes = len(parameters) // (self.n_tables + 1)
        return parameters[:-n_classes].reshape(-1, n_classes), parameters[-n_classes:]

    def at(self, parameters: Floats) -> _Point:
        """Take the E-step; value and gradient follow from each pattern's chances of the classes."""
        rewards, logits = self.split(parameters)
        log_sum, shares = _mixed(logits)
        gaps = self.rows.gaps(rewards)
        total, chances = _mixed(self.rows.chances(gaps, logits - log_sum))
        seen = self.seen_by_cell @ chances
        wrong = _sigmoid(-gaps)
        pull = self.contrast @ (seen * wrong) - self.ridge * rewards
        log_likelihood = float(self.rows.weight @ total)
        prior = (logits - log_sum).sum() - 0.5 * self.ridge * (rewards**2).sum()
        lean = self.rows.weight @ chances + 1.0 - (self.n_annotators + len(logits)) * shares
        return _Point(
            parameters=parameters,
            log_likelihood=log_likelihood,
            value=log_likelihood + float(prior),
            gradient=np.append(pull.ravel(), lean),
            curvature=seen * wrong * (1.0 - wrong),
            shares=shares,
        )

    def newton(self, point: _Point, force: Floats) -> Floats:
        """Take the M-step: solve the information of the complete data for `force`."""
        rows = self.rows
        pull, lean = self.split(force)
        options, n_classes = rows.n_options, len(lean)
        cells = np.zeros((rows.n_prompts * options * options, n_classes))
        cells[(rows.prompt * options + rows.winner) * options + rows.loser] = point.curvature
        blocks = np.moveaxis(cells.reshape(rows.n_prompts, options, options, -1), -1, 1)
        blocks = -blocks - np.swapaxes(blocks, -1, -2)
        diagonal = np.arange(options)
        blocks[..., diagonal, diagonal] = self.ridge - blocks.sum(axis=-1)
        steps = np.linalg.solve(
            blocks, np.moveaxis(pull.reshape(rows.n_prompts, options, -1), -1, 1)[..., None]
        )
        moved = np.moveaxis(steps[..., 0], 1, -1).reshape(-1, n_classes)
        return np.append(moved.ravel(), lean / (self.n_annotators * point.shares + 1.0))

    def start(
        self, n_classes: int, rng: np.random.Generator | None, pooled: Floats | None = None
    ) -> Floats:
        """Return where to begin: the pooled rewards plus noise, equal shares."""
        tables = np.zeros((self.n_tables, n_classes))
        if rng is not None:
            noise = rng.normal(size=(self.rows.n_prompts, self.rows.n_options, n_classes))
            noise -= noise.mean(axis=1, keepdims=True)
            tables = noise.reshape(tables.shape)
        if pooled is not None:
            tables = tables + pooled
        return np.append(tables.ravel(), np.zeros(n_classes))

    def residual(self, point: _Point) -> float:
        """Return the largest derivative, per annotator."""
        return float(np.abs(point.gradient).max()) / self.n_annotators

    def result(self, run: "_Ascent") -> ClassMixture:
        """Return the fit that a run came to."""
        rows, point = self.rows, run.point
        rewards, _ = self.split(point.parameters)
        tables = np.moveaxis(rewards.reshape(rows.n_prompts, rows.n_options, -1), 2, 1)
        return ClassMixture(
            shares=point.shares,
            rewards=tables - tables.mean(axis=2, keepdims=True),
            log_likelihood=point.log_likelihood / self.n_annotators,
            residual=self.residual(point),
            iterations=run.iterations,
            n_annotators=int(self.n_annotators),
            ridge=self.ridge,
        )


class _Ascent:
    """Accelerated EM from one start; it can be taken up again where it stopped."""

    def __init__(self, likelihood: _Likelihood, start: Floats) -> None:
        self.likelihood = likelihood
        self.point = likelihood.at(start)
        self.iterations = 0
        self.values = [self.point.value]
        self._past: deque[tuple[Floats, Floats]] = deque(maxlen=MEMORY)

    @property
    def residual(self) -> float:
        """The largest derivative, per annotator."""
        return self.likelihood.residual(self.point)

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

    def _climb(self, move: Floats) -> _Point | None:
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
