"""Rewards that are linear in features: what DPO learns if it learns of nothing else."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ...bradley_terry.arguments import checked_prior
from ...bradley_terry.clusters import meat, scores_of
from ...bradley_terry.newton import Found, Step, climb
from ...errors import ConvergenceError, InputError
from ...links import log_logistic
from ..people import People
from ..table import Comparisons

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

TOLERANCE = 1e-9
"""The largest Newton step that is left, relative to the largest coefficient."""

STEPS = 60
"""Newton steps at most: without a maximum they go on for ever."""

DEPENDENT = 1e-12
"""Features are dependent if the mean square of a combination is so small, relatively."""

SEPARATED = 1e-7
"""Choices are separated if a combination is so much larger for what was chosen."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureFit:
    """Coefficients of features, fitted to comparisons, with their errors.

    Attributes
    ----------
    features : tuple of str
    coefficients : ndarray, shape (F,)
        How much more reward an option has that has one scale more of a feature.
    scales : ndarray, shape (F,)
        The root mean square of each feature's differences.
    naive, clustered : ndarray, shape (F, F)
        The covariance of the coefficients, taking all comparisons for independent, and allowing
        for annotators whose comparisons hang together; the second is None if it is not known who
        compared, or there is one annotator.
    log_likelihood : float
        The weighted sum of the labels' log-probabilities.
    residual : float
        The last Newton step.
    iterations : int
    prior : float
        Precision of the prior of each coefficient; 0 for none.
    n_comparisons : int
    n_annotators : int or None
    """

    features: tuple[str, ...]
    coefficients: Floats
    scales: Floats
    naive: Floats
    clustered: Floats | None
    log_likelihood: float
    residual: float
    iterations: int
    prior: float
    n_comparisons: int
    n_annotators: int | None

    def standard_errors(self, *, clustered: bool = False) -> Floats:
        """Return the standard error of each coefficient.

        Raises
        ------
        InputError
            If errors by annotator are asked for, and annotators are not known.
        """
        if clustered and self.clustered is None:
            raise InputError("'clustered' must be False, for annotators are not known.")
        covariance = self.clustered if clustered else self.naive
        assert covariance is not None
        return np.sqrt(np.diag(covariance))

    def design_effect(self) -> float | None:
        """Return the sum of the variances by annotator over that of the naive ones."""
        if self.clustered is None:
            return None
        return float(np.trace(self.clustered) / np.trace(self.naive))

    def to_frame(self) -> "pd.DataFrame":
        """Return one row for each feature.

        Returns
        -------
        pandas.DataFrame
            Columns ``feature, scale, coefficient, se_naive`` and, if annotators are known,
            ``se_clustered``.
        """
        import pandas as pd

        frame = pd.DataFrame(
            {
                "feature": self.features,
                "scale": self.scales,
                "coefficient": self.coefficients,
                "se_naive": self.standard_errors(),
            }
        )
        if self.clustered is not None:
            frame["se_clustered"] = self.standard_errors(clustered=True)
        return frame

    def describe(self) -> str:
        """Return the coefficients and their errors in a sentence."""
        by_annotator = self.clustered is not None
        errors = self.standard_errors(clustered=by_annotator)
        parts = ", ".join(
            f"{name} {value:+.3f} ({error:.3f})"
            for name, value, error in zip(self.features, self.coefficients, errors, strict=True)
        )
        how = f"by {self.n_annotators:,} annotators" if by_annotator else "of single comparisons"
        return f"Reward of one scale more of each feature (standard errors {how}): {parts}."


def fit_features(comparisons: Comparisons, *, prior: float | None = None) -> FeatureFit:
    """Fit rewards that are linear in the features of the options.

    This is the Bradley-Terry model, and so the reward that DPO learns, with a coefficient for
    each feature in place of a reward for each option: logistic regression on their differences.

    Parameters
    ----------
    comparisons : Comparisons
        With `differences`, as `Comparisons.from_frame` makes with `features`.
    prior : float, optional
        Precision of a normal prior of each coefficient; none if omitted.

    Returns
    -------
    FeatureFit

    Raises
    ------
    InputError
        If there are no features, a feature never differs, features depend on each other, or they
        tell each choice, so that no finite coefficients are best; a prior mends the last two.
    ConvergenceError
        If the maximum is not found.

    Examples
    --------
    >>> import pandas as pd
    >>> from socialpref import Comparisons
    >>> from socialpref.comparisons.features import fit_features
    >>> table = pd.DataFrame({"a": ["long text", "short", "a long one", "no"],
    ...                       "b": ["text", "shorter", "one", "none"],
    ...                       "choice": ["a", "a", "b", "a"]})
    >>> rows = Comparisons.from_frame(table, first="a", second="b", choice="choice",
    ...                               features=["length"])
    >>> rows.differences.ravel(), fit_features(rows).coefficients.round(3)
    (array([ 5., -2.,  7., -2.]), array([-0.712]))
    """
    differences, scales = scaled(comparisons)
    precision = checked_prior(prior)
    given = comparisons.weight
    weights = np.ones(len(comparisons)) if given is None else given
    labels = comparisons.label
    found = logistic(differences, labels, weights, precision, features_of(comparisons))
    gaps = differences @ found.at
    chances = np.exp(log_logistic(gaps))
    information = differences.T @ ((weights * chances * (1.0 - chances))[:, None] * differences)
    naive = np.asarray(np.linalg.inv(information + precision * np.eye(len(scales))), np.float64)
    people = None
    if comparisons.annotator is not None and comparisons.annotator.max() >= 0:
        people = People.of(comparisons)
    clustered = None
    if people is not None and people.size > 1:
        scores = _scores(people, (weights * (labels - chances))[:, None] * differences)
        clustered = np.asarray(naive @ meat(scores) @ naive)
    return FeatureFit(
        features=features_of(comparisons),
        coefficients=found.at,
        scales=scales,
        naive=naive,
        clustered=clustered,
        log_likelihood=_log_likelihood(gaps, labels, weights),
        residual=found.error,
        iterations=found.iterations,
        prior=precision,
        n_comparisons=len(comparisons),
        n_annotators=None if people is None else people.size,
    )


def features_of(comparisons: Comparisons) -> tuple[str, ...]:
    """Return the names of the features.

    Raises
    ------
    InputError
        If there are none.
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    if comparisons.features is None:
        must = "Comparisons with features (Comparisons.from_frame, features=...)"
        raise _validate.complaint("comparisons", must, "some without")
    return comparisons.features


def scaled(comparisons: Comparisons) -> tuple[Floats, Floats]:
    """Return the differences over their scales, and the scales.

    Raises
    ------
    InputError
        If there are no features, or one never differs.
    """
    names = features_of(comparisons)
    assert comparisons.differences is not None
    largest = np.abs(comparisons.differences).max(axis=0)
    if not largest.all():
        name = names[int(largest.argmin())]
        raise _validate.complaint("features", "different in some comparison", f"{name!r} never")
    parts = comparisons.differences / largest
    scales = largest * np.sqrt((parts**2).mean(axis=0))
    return comparisons.differences / scales, scales


def logistic(
    differences: Floats, labels: Floats, weights: Floats, prior: float, names: tuple[str, ...]
) -> Found:
    """Return the coefficients of the best logistic regression.

    Raises
    ------
    InputError
        If there is no single finite one.
    ConvergenceError
        If it is not found.
    """
    precision = prior * np.eye(differences.shape[1])
    if not prior:
        spread = np.linalg.eigvalsh(differences.T @ (weights[:, None] * differences))
        if spread[0] <= DEPENDENT * spread[-1]:
            raise InputError(
                "'features' must not depend on each other, or be given a prior; one of "
                f"{', '.join(names)} follows from the others."
            )

    def value(at: Floats) -> float:
        return _log_likelihood(differences @ at, labels, weights) - 0.5 * prior * float(at @ at)

    def step(at: Floats) -> Step:
        chances = np.exp(log_logistic(differences @ at))
        slope = differences.T @ (weights * (labels - chances)) - prior * at
        curvature = weights * chances * (1.0 - chances)
        information = differences.T @ (curvature[:, None] * differences) + precision
        change = np.asarray(np.linalg.solve(information, slope), np.float64)
        return Step(change, float(slope @ change))

    start = np.zeros(differences.shape[1])
    try:
        return climb(value, step, start, tolerance=TOLERANCE, max_iterations=STEPS, name="features")
    except (ConvergenceError, np.linalg.LinAlgError) as error:
        if not prior and _are_separated(differences, labels):
            raise InputError(
                "'features' must not tell each choice, or be given a prior; some combination of "
                f"{', '.join(names)} was never against what was chosen."
            ) from None
        raise ConvergenceError(f"the coefficients of features are not found: {error}") from None


def _are_separated(differences: Floats, labels: Floats) -> bool:
    """Return whether some combination of features is never less for what was chosen."""
    from scipy.optimize import linprog

    sure = (labels == 0.0) | (labels == 1.0)
    ahead = np.where(labels[sure] == 1.0, 1.0, -1.0)[:, None] * differences[sure]
    equal = differences[~sure]
    found = linprog(
        -ahead.sum(axis=0),
        A_ub=-ahead if len(ahead) else None,
        b_ub=np.zeros(len(ahead)) if len(ahead) else None,
        A_eq=equal if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=(-1.0, 1.0),
    )
    return found.status == 0 and -found.fun > SEPARATED


def _log_likelihood(gaps: Floats, labels: Floats, weights: Floats) -> float:
    """Return the weighted sum of the labels' log-probabilities."""
    return float(weights @ (labels * log_logistic(gaps) + (1.0 - labels) * log_logistic(-gaps)))


def _scores(people: People, each: Floats) -> Any:
    """Return the sums of the comparisons' scores by annotator, sparse."""
    size = each.shape[1]
    rows = np.repeat(people.who, size).astype(np.int64)
    columns = np.tile(np.arange(size), len(each)).astype(np.int64)
    return scores_of(rows, columns, each.ravel(), (people.size, size))
