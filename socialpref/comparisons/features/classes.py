"""Latent classes whose rewards are linear in features, by the same EM as those of options."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ..choice import HeldOut, Rule, Shuffled, chosen
from ..classes import Evidence
from ..em import Likelihood, Linked, maximum
from ..people import MOST_ANNOTATORS
from ..shuffles import NoTastes
from ..table import Comparisons
from .fit import features_of, scaled

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureClasses:
    """A fitted mixture of classes with coefficients of features.

    Attributes
    ----------
    features : tuple of str
    scales : ndarray, shape (F,)
        The root mean square of each feature's differences.
    shares : ndarray, shape (L,)
        Share of each class.
    coefficients : ndarray, shape (L, F)
        How much more reward one scale more of a feature has, for each class.
    log_likelihood : float
        Mean over annotators of the log-probability of all their labels.
    residual, iterations, n_annotators, ridge, n_starts, n_agreeing, spread, evidence
        As `ClassMixture` has them.
    """

    features: tuple[str, ...]
    scales: Floats
    shares: Floats
    coefficients: Floats
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

    def memberships(self, comparisons: Comparisons) -> Floats:
        """Return how likely each annotator is of each class, shape (annotators, L).

        Raises
        ------
        InputError
            If annotators are unknown, or the features are others than the fit's.
        """
        self._check_same_features(comparisons)
        rows = Linked.of(comparisons, self.scales)
        with np.errstate(divide="ignore"):
            log_shares = np.log(self.shares)
        return rows.together(self.coefficients.T, log_shares)[1][rows.pattern]

    def gaps(self, comparisons: Comparisons) -> Floats:
        """Return how much more reward the first option of each row has for each class, (n, L).

        Raises
        ------
        InputError
            If the features are others than the fit's.
        """
        self._check_same_features(comparisons)
        assert comparisons.differences is not None
        return comparisons.differences / self.scales @ self.coefficients.T

    def _check_same_features(self, comparisons: Comparisons) -> None:
        names = features_of(comparisons)
        if names != self.features:
            must = f"of the features {', '.join(self.features)}"
            raise _validate.complaint("comparisons", must, ", ".join(names))


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureChoice(HeldOut):
    """The number of classes that predicts left-out annotators best.

    Attributes
    ----------
    fit : FeatureClasses
        With the chosen number, to the annotators that were looked at.
    """

    fit: FeatureClasses


def fit_feature_classes(
    comparisons: Comparisons,
    n_classes: int,
    *,
    ridge: float = 0.5,
    n_starts: int = 10,
    seed: int | np.random.Generator = 0,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    progress: bool = False,
) -> FeatureClasses:
    """Fit latent classes whose rewards are linear in the features of options.

    Parameters
    ----------
    comparisons : Comparisons
        With annotators, and with `differences` of features.
    n_classes : int
    ridge : float
        Precision of the prior of each coefficient of a feature over its scale.
    n_starts, seed, tolerance, max_iterations, progress
        As for `fit_latent_classes`.

    Raises
    ------
    InputError
        If an argument is out of its range, or there are no annotators or features.
    ConvergenceError
        As for `fit_latent_classes`.
    """
    names = features_of(comparisons)
    n_classes = _validate.integer("n_classes", n_classes, 1)
    n_starts = _validate.integer("n_starts", n_starts, 1)
    max_iterations = _validate.integer("max_iterations", max_iterations, 1)
    ridge = _validate.number("ridge", ridge, 0.0, above=True, infinite=True)
    tolerance = _validate.number("tolerance", tolerance, 0.0, above=True)
    rng = _validate.seed("seed", seed)
    scales = scaled(comparisons)[1]
    likelihood = Likelihood(Linked.of(comparisons, scales), ridge)
    found = maximum(likelihood, n_classes, n_starts, rng, tolerance, max_iterations, progress)
    return FeatureClasses(
        features=names,
        scales=scales,
        shares=found.shares,
        coefficients=found.tables.T,
        log_likelihood=found.log_likelihood,
        residual=found.residual,
        iterations=found.iterations,
        n_annotators=round(likelihood.n_annotators),
        ridge=ridge,
        n_starts=found.n_starts,
        n_agreeing=found.n_agreeing,
        spread=found.spread,
    )


def choose_feature_classes(
    comparisons: Comparisons,
    candidates: Sequence[int] = (1, 2, 3, 4, 5, 6),
    *,
    folds: int = 5,
    rule: Rule = "one standard error",
    ridge: float | None = None,
    shuffles: int = 3,
    n_starts: int = 3,
    most: int = MOST_ANNOTATORS,
    seed: int = 0,
    progress: bool = False,
) -> FeatureChoice:
    """Choose the number of classes with coefficients of features, by cross-validation.

    As `choose_classes` does: more than one class must beat one class, guessing, and shuffles.
    Where pairs hardly recur, the ids of annotators are shuffled among all comparisons.

    Parameters
    ----------
    comparisons : Comparisons
        With annotators, and with `differences` of features.
    candidates, folds, rule, ridge, shuffles, n_starts, most, seed, progress
        As for `choose_classes`.

    Raises
    ------
    InputError, ConvergenceError
        As for `choose_classes`.
    """
    scales = scaled(comparisons)[1]

    def shuffling(sample: Comparisons) -> tuple[str, Shuffled]:
        null = NoTastes.of(sample)
        if null.how == "permutation":
            rows = null.rows
            return null.how, lambda rng: Linked.of(replace(rows, label=null.labels(rng)), scales)
        return "ids", lambda rng: Linked.of(null.dealt(rng), scales)

    sample, found, n_classes, prior = chosen(
        comparisons,
        candidates,
        linked=lambda rows: Linked.of(rows, scales),
        shuffling=shuffling,
        folds=folds,
        rule=rule,
        ridge=ridge,
        shuffles=shuffles,
        n_starts=n_starts,
        most=most,
        seed=seed,
        progress=progress,
    )
    fit = fit_feature_classes(sample, n_classes, ridge=prior, seed=seed, progress=progress)
    if n_classes > 1:
        fit = replace(fit, evidence=found["evidence"])
    return FeatureChoice(**found, fit=fit)
