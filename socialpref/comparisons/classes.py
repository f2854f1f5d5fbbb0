"""The joint likelihood of two comparisons by one annotator, as a mixture of latent classes.

Annotators belong to classes that nobody labelled. Class l has the share q_l and a table of rewards
R_l for every prompt, and one annotator prefers y to z and y' to z' with probability
``J(y, z; y', z') = sum_l q_l sigma(R_l[y] - R_l[z]) sigma(R_l[y'] - R_l[z'])``. From J comes how
much annotators disagree, which the corrected loss needs. Everything here is numpy and scipy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..links import log_logistic
from .em import Likelihood, Linked, Maximum, OptionDesign, centred, maximum
from .table import Comparisons, places

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What annotators who were left out say about latent classes: nats per annotator.

    Attributes
    ----------
    gain, gain_error : float
        How much better the classes predict the labels of an annotator who was left out than one
        class does, and the standard error of this mean.
    shuffled_gains : tuple of float
        The same gain after annotators' labels were shuffled, so that nobody has tastes of their
        own.
    gain_over_guessing : float
        How much better they predict than probabilities of 1/2.
    """

    gain: float
    gain_error: float
    shuffled_gains: tuple[float, ...]
    gain_over_guessing: float

    @property
    def is_there(self) -> bool:
        """Whether the classes beat one class by two standard errors, every shuffle and guessing."""
        beats_chance = all(self.gain > gain for gain in self.shuffled_gains)
        return self.gain > 2.0 * self.gain_error and beats_chance and self.gain_over_guessing > 0.0


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
        Rewards R of each class, with mean 0 over the options of a prompt; 0 for options that it
        does not have.
    log_likelihood : float
        Mean over annotators of the log-probability of all their labels. A tie counts as half a
        win for each.
    residual : float
        The largest derivative of the penalised log-likelihood, per annotator, by any reward or
        logit of a share.
    iterations : int
        Of the start that was kept.
    n_annotators : int
    ridge : float
        Precision of the rewards' prior.
    n_starts, n_agreeing : int
        Random starts, and how many of them came to the maximum that was kept. If it is few, other
        seeds may find a better one.
    spread : float
        How far apart, at most, average-reward gaps of a compared pair are between the starts that
        agree and the one that was kept. If it is not small, the labels do not tell them.
    evidence : Evidence or None
        What held-out annotators say about the classes, where `choose_classes` asked them.
    """

    shares: Floats
    rewards: Floats
    log_likelihood: float
    residual: float
    iterations: int
    n_annotators: int
    ridge: float
    n_starts: int = 1
    n_agreeing: int = 1
    spread: float = 0.0
    evidence: Evidence | None = None

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
            If annotators are unknown, or prompts or options are others than the fit's.
        """
        return self._together(comparisons)[0]

    def memberships(self, comparisons: Comparisons) -> Floats:
        """Return how likely each annotator is of each class, given their labels.

        Returns
        -------
        ndarray, shape (annotators, L)
            In the order of the annotators' numbers; rows sum to 1.

        Raises
        ------
        InputError
            As for `log_likelihood_of`.

        Examples
        --------
        >>> from socialpref import Population
        >>> from socialpref.comparisons import fit_latent_classes, simulate
        >>> rows = simulate(Population([[3, 0], [-3, 0]]), 4000, "linked", comparisons=8)
        >>> fit = fit_latent_classes(rows, 2)
        >>> (fit.memberships(rows).max(axis=1) > 0.9).mean() > 0.95
        np.True_
        """
        return self._together(comparisons)[1]

    def gaps(self, comparisons: Comparisons) -> Floats:
        """Return how much more reward the first option of each row has for each class, (n, L).

        Raises
        ------
        InputError
            If prompts or options are others than the fit's.
        """
        self._check_same_options(comparisons)
        x, y, z = comparisons.prompt, comparisons.first, comparisons.second
        return self.rewards[x, :, y] - self.rewards[x, :, z]

    def rows_of(self, comparisons: Comparisons) -> Linked:
        """Return counted comparisons of the prompts and options of the fit."""
        self._check_same_options(comparisons)
        return Linked.of(comparisons)

    def _check_same_options(self, comparisons: Comparisons) -> None:
        _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
        if (comparisons.n_prompts, comparisons.n_options) != self.rewards[:, 0].shape:
            must = "of the prompts and options of the fit"
            got = f"{comparisons.n_prompts} prompts of {comparisons.n_options} options"
            raise _validate.complaint("comparisons", must, got)

    def tables(self) -> Floats:
        """Return the rewards with one row for each option of each prompt, one column a class."""
        return np.moveaxis(self.rewards, 1, 2).reshape(-1, self.n_classes)

    def _together(self, comparisons: Comparisons) -> tuple[Floats, Floats]:
        """Return each annotator's log-likelihood and chances of the classes."""
        rows = self.rows_of(comparisons)
        with np.errstate(divide="ignore"):
            log_shares = np.log(self.shares)
        total, chances = rows.together(self.tables(), log_shares)
        return total[rows.pattern], chances[rows.pattern]

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
        With annotators, at one prompt or at several. Those of one comparison tell about the
        shares of the classes, not about who agrees with whom. Comparisons of an option with
        itself and those of unknown annotators are left out. Ties count as half a win for each.
    n_classes : int
        Number of classes, L >= 1. One is a Bradley-Terry fit.
    ridge : float
        Precision of a Gaussian prior of every reward around 0, positive; 0.5 is a standard
        deviation of 1.4. Without it an option that a class always prefers has no finite reward.
        With infinity all rewards are 0: everybody guesses.
    n_starts : int
        Random starts; the best is kept, and how many came to the same maximum is told.
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
        If an argument is out of its range or annotators are unknown.
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
    ridge = _validate.number("ridge", ridge, 0.0, above=True, infinite=True)
    tolerance = _validate.number("tolerance", tolerance, 0.0, above=True)
    rng = _validate.seed("seed", seed)
    rows = Linked.of(comparisons)
    if n_classes > rows.n_annotators:
        must = f"at most {rows.n_annotators}, the number of annotators"
        raise _validate.complaint("n_classes", must, n_classes)
    likelihood = Likelihood(rows, ridge)
    found = maximum(likelihood, n_classes, n_starts, rng, tolerance, max_iterations, progress)
    return mixture_of(likelihood, found)


def mixture_of(likelihood: Likelihood, found: Maximum) -> ClassMixture:
    """Return the mixture at a maximum."""
    design = likelihood.rows.design
    assert isinstance(design, OptionDesign)
    n_prompts, n_options = design.available.shape
    tables = np.moveaxis(found.tables.reshape(n_prompts, n_options, -1), 2, 1)
    return ClassMixture(
        shares=found.shares,
        rewards=centred(tables, design.available[:, None], 2),
        log_likelihood=found.log_likelihood,
        residual=found.residual,
        iterations=found.iterations,
        n_annotators=round(likelihood.n_annotators),
        ridge=likelihood.ridge,
        n_starts=found.n_starts,
        n_agreeing=found.n_agreeing,
        spread=found.spread,
    )
