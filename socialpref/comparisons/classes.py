"""The joint likelihood of two comparisons by one annotator, as a mixture of latent classes.

Annotators belong to classes that nobody labelled. Class l has the share q_l and a table of rewards
R_l for every prompt, and one annotator prefers y to z and y' to z' with probability
``J(y, z; y', z') = sum_l q_l sigma(R_l[y] - R_l[z]) sigma(R_l[y'] - R_l[z'])``. From J comes how
much annotators disagree, which the corrected loss needs. Everything here is numpy and scipy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..links import log_logistic
from .em import Ascent, Likelihood, Linked, mixed
from .table import Comparisons, places

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
Rule = Literal["best", "one standard error"]

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

    def log_likelihood_of(self, comparisons: Comparisons) -> Floats:
        """Return the log-probability of each annotator's labels, in the order of their numbers.

        Raises
        ------
        InputError
            If an annotator has one comparison, or prompts or options are others than the fit's.
        """
        _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
        rows = Linked.of(comparisons)
        if (rows.n_prompts, rows.n_options) != self.rewards[:, 0].shape:
            must = "of the prompts and options of the fit"
            got = f"{rows.n_prompts} prompts of {rows.n_options} options"
            raise _validate.complaint("comparisons", must, got)
        tables = np.moveaxis(self.rewards, 1, 2).reshape(-1, self.n_classes)
        with np.errstate(divide="ignore"):
            log_shares = np.log(self.shares)
        return mixed(rows.chances(rows.gaps(tables), log_shares))[0][rows.pattern]

    def _wins(self, prompt: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
        """Return each class's probability to prefer the first, on a last axis."""
        X, _, K = self.rewards.shape
        x = places("prompt", prompt, X)
        y, z = places("first", first, K), places("second", second, K)
        return np.asarray(np.exp(log_logistic(self.rewards[x, :, y] - self.rewards[x, :, z])))


def fit_latent_classes(
    comparisons: Comparisons,
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
    comparisons : Comparisons
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
    >>> from socialpref.comparisons import simulate
    >>> from socialpref.comparisons import fit_latent_classes
    >>> crowd = mediocre_winner()
    >>> fit = fit_latent_classes(simulate(crowd, 400_000, "linked"), 3)
    >>> fit.joint(0, 1, 0, 1, 0).round(2), crowd.pairwise_twice()[1, 0].round(2)
    (np.float64(0.4), np.float64(0.4))
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    n_classes = _validate.integer("n_classes", n_classes, 1)
    n_starts = _validate.integer("n_starts", n_starts, 1)
    max_iterations = _validate.integer("max_iterations", max_iterations, 1)
    ridge = _validate.number("ridge", ridge, 0.0, above=True)
    tolerance = _validate.number("tolerance", tolerance, 0.0, above=True)
    rng = _validate.seed("seed", seed)
    likelihood = Likelihood(Linked.of(comparisons), ridge)
    pooled = Ascent(likelihood, likelihood.start(1, None)).run(tolerance, max_iterations)
    best = pooled
    if n_classes > 1:
        short = min(SHORT, max_iterations)
        rewards, _ = likelihood.split(pooled.point.parameters)
        starts = [likelihood.start(n_classes, rng, rewards) for _ in range(n_starts)]
        runs = [Ascent(likelihood, start).run(tolerance, short) for start in starts]
        best = max(runs, key=lambda run: run.point.value)
        best.run(tolerance, max_iterations, progress=progress)
    if best.residual > tolerance:
        raise ConvergenceError(
            f"latent classes: residual {best.residual:.2e} after {best.iterations} iterations, "
            f"tolerance {tolerance:.2e}"
        )
    return _mixture_of(likelihood, best)


def _mixture_of(likelihood: Likelihood, run: Ascent) -> ClassMixture:
    """Return the mixture that a run came to."""
    rows, point = likelihood.rows, run.point
    rewards, _ = likelihood.split(point.parameters)
    tables = np.moveaxis(rewards.reshape(rows.n_prompts, rows.n_options, -1), 2, 1)
    return ClassMixture(
        shares=point.shares,
        rewards=tables - tables.mean(axis=2, keepdims=True),
        log_likelihood=point.log_likelihood / likelihood.n_annotators,
        residual=run.residual,
        iterations=run.iterations,
        n_annotators=int(likelihood.n_annotators),
        ridge=likelihood.ridge,
    )


@dataclass(frozen=True, eq=False)
class ClassChoice:
    """The number of classes that predicts left-out annotators best.

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
    comparisons: Comparisons,
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
    comparisons : Comparisons
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
    >>> from socialpref.comparisons import simulate
    >>> from socialpref.comparisons import choose_classes
    >>> camps = Population([[0, -1, -2], [0, -2, 4]])
    >>> rows = simulate(camps, 4000, "linked", comparisons=8)
    >>> choose_classes(rows, (1, 2, 3), rule="one standard error").chosen
    2
    """
    from tqdm import tqdm

    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    must = "distinct numbers of classes"
    _validate.instance("candidates", candidates, Sequence, must)
    numbers = tuple(_validate.integer("candidates", n, 1) for n in candidates)
    if not numbers or len(set(numbers)) < len(numbers):
        raise _validate.complaint("candidates", must, _validate.shown(candidates))
    _validate.choice("rule", rule, ("best", "one standard error"))
    seed = _validate.integer("seed", seed)
    who, n_annotators = comparisons.annotators()
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
                kept = fit(comparisons.take(~out[who]), n_classes)
                values[i, out] = kept.log_likelihood_of(comparisons.take(out[who]))
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
        fit=fit(comparisons, chosen),
    )


def _standard_error(values: Floats) -> Floats:
    """Return the standard errors of the means over the last axis."""
    return np.asarray(values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1]))
