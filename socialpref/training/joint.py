"""The joint likelihood of two comparisons by one annotator, as a mixture of latent classes.

Annotators belong to classes that nobody labelled. Class l has the share q_l and a table of rewards
R_l for every prompt, and one annotator prefers y to z and y' to z' with probability
``J(y, z; y', z') = sum_l q_l sigma(R_l[y] - R_l[z]) sigma(R_l[y'] - R_l[z'])``. From J comes how much
annotators disagree, which the corrected loss needs. Everything here is numpy and scipy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError
from .annotations import Annotations

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
Rule = Literal["best", "one standard error"]

MEMORY = 20
"""Past steps that the acceleration of EM remembers."""
SHORT = 25
"""Iterations after which only the best start goes on."""


@dataclass(frozen=True, eq=False)
class LatentClasses:
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
        Precision of the prior.
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

    def log_likelihood_of(self, annotations: Annotations) -> Floats:
        """Return the log-probability of each annotator's labels, in the order of their numbers.

        Raises
        ------
        InputError
            If an annotator has one comparison, or prompts or options are others than the fit's.
        """
        rows = _Comparisons.of(annotations)
        if (rows.n_prompts, rows.n_options) != self.rewards[:, 0].shape:
            must = "of the prompts and options of the fit"
            got = f"{rows.n_prompts} prompts of {rows.n_options} options"
            raise _validate.complaint("annotations", must, got)
        tables = np.moveaxis(self.rewards, 1, 2).reshape(-1, self.n_classes)
        return np.asarray(rows.of_classes(tables, np.log(self.shares))[1][rows.pattern])

    def _wins(self, prompt: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
        """Return each class's probability to prefer the first, on a last axis."""
        places = []
        for name, values, size in (
            ("prompt", prompt, len(self.rewards)),
            ("first", first, self.rewards.shape[2]),
            ("second", second, self.rewards.shape[2]),
        ):
            numbers = np.asarray(values)
            if numbers.dtype.kind not in "iu":
                raise _validate.complaint(name, "integers", f"an array of {numbers.dtype}")
            if numbers.size and (numbers.min() < 0 or numbers.max() >= size):
                raise _validate.complaint(name, f"in 0..{size - 1}", "others")
            places.append(numbers)
        x, y, z = places
        return _sigmoid(self.rewards[x, :, y] - self.rewards[x, :, z])


def fit_latent_classes(
    annotations: Annotations,
    n_classes: int,
    *,
    ridge: float = 0.1,
    n_starts: int = 5,
    seed: int | np.random.Generator = 0,
    tolerance: float = 1e-7,
    max_iterations: int = 2000,
    progress: bool = False,
) -> LatentClasses:
    """Fit a mixture of Bradley-Terry models to linked comparisons.

    Parameters
    ----------
    annotations : Annotations
        With annotators, each of at least two comparisons, at one prompt or at several.
        Comparisons of an option with itself say nothing and are left out.
    n_classes : int
        Number of classes, L >= 1. One is a Bradley-Terry fit.
    ridge : float
        Precision of a Gaussian prior of every reward around 0, positive; 0.1 is a standard
        deviation of 3.2. Without it an option that a class always prefers has no finite reward.
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
    LatentClasses
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
    log-likelihood rises, so it never falls.

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
    >>> from socialpref.training.joint import fit_latent_classes
    >>> crowd = mediocre_winner()
    >>> fit = fit_latent_classes(simulate(crowd, 400_000, "linked"), 3, ridge=1e-3)
    >>> fit.joint(0, 1, 0, 1, 2).round(2), (crowd.pairwise_twice()[1, 0]).round(2)
    (np.float64(0.2...), np.float64(0.3...))
    """
    if not isinstance(n_classes, int | np.integer) or n_classes < 1:
        raise _validate.complaint("n_classes", "a positive integer", repr(n_classes))
    if not isinstance(n_starts, int | np.integer) or n_starts < 1:
        raise _validate.complaint("n_starts", "a positive integer", repr(n_starts))
    if not isinstance(max_iterations, int | np.integer) or max_iterations < 1:
        raise _validate.complaint("max_iterations", "a positive integer", repr(max_iterations))
    _validate.number("ridge", ridge, 0.0, above=True)
    _validate.number("tolerance", tolerance, 0.0, above=True)
    likelihood = _Likelihood(_Comparisons.of(annotations), float(ridge))
    rng = np.random.default_rng(seed)
    pooled = _Ascent(likelihood, likelihood.start(1, None)).run(tolerance, max_iterations)
    if n_classes == 1:
        runs = [pooled]
    else:
        starts = [likelihood.start(int(n_classes), rng, pooled.point.rewards) for _ in range(n_starts)]
        runs = [_Ascent(likelihood, start) for start in starts]
        if n_starts > 1:
            for run in runs:
                run.run(tolerance, SHORT)
    best = max(runs, key=lambda run: run.point.value)
    best.run(tolerance, max_iterations)
    if best.residual > tolerance:
        raise ConvergenceError(
            f"latent classes: residual {best.residual:.2e} after {best.iterations} iterations, "
            f"tolerance {tolerance:.2e}"
        )
    return likelihood.result(best)
