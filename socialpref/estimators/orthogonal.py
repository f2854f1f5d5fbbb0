"""The orthogonal loss: labels of every type, corrected for what is known of the types' rewards."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from .panels import answers

Floats = NDArray[np.float64]
LARGEST_HEAD = 300.0
"""Reward gaps of heads up to which the pseudo-labels and their weights are floats."""


class PseudoLabels(NamedTuple):
    """What a regression of reward gaps on pairs of options takes for the answers.

    Attributes
    ----------
    values : ndarray, shape (n,)
        Y, whose mean at a pair is the average-reward gap of the first option over the second.
    weights : ndarray, shape (n,)
        The inverse of the variance of Y where the heads are right. The orthogonal loss is
        ``sum weights (h - values)^2``, h the reward gap of the policy.
    """

    values: Floats
    weights: Floats


def pseudo_labels(
    labels: ArrayLike,
    heads: ArrayLike,
    *,
    shares: ArrayLike | None = None,
    answer_probability: ArrayLike | None = None,
) -> PseudoLabels:
    """Return the pseudo-labels of the orthogonal loss, from the labels of known types.

    Parameters
    ----------
    labels : array_like, shape (n, T)
        The label of each type for each pair of options: 1 if it prefers the first, 0 if the
        second, in between for a tie or a soft label; NaN where the type gave none.
    heads : array_like, shape (n, T)
        The reward gaps of each type, the first option over the second, by models that were fitted
        to *other* labels (cross-fitting), at most 300 in size.
    shares : array_like, shape (T,), optional
        The share of each type; equal if omitted.
    answer_probability : array_like, shape (T,) or (n, T), optional
        How likely each type answers. If omitted, the part of the rows in which it did: 1 in full
        panels, and the shares among the annotators where each pair has one label. It must not
        depend on what the answer would be.

    Returns
    -------
    PseudoLabels

    Raises
    ------
    InputError
        If an argument is out of its range, a type with a share never answers, or one answers
        that should not have.

    Notes
    -----
    With D the gaps of the heads, x the labels, R_u 1 where type u answered and 0 elsewhere, e the
    probabilities of an answer and w the shares,
    ``Y = sum_u w_u [D_u + (R_u / e_u) (x_u - s(D_u)) / s'(D_u)]``. Errors of the heads enter the
    mean of Y squared, so that heads which converge slowly do little harm. The weight is
    ``1 / sum_u w_u^2 / (e_u s'(D_u))``.

    References
    ----------
    Chernozhukov et al. (2018), "Double/debiased machine learning for treatment and structural
    parameters", Econometrics Journal 21, for orthogonality and cross-fitting.

    Examples
    --------
    Two types who disagree, and heads that know nothing: each label is worth 2.

    >>> from socialpref.estimators import pseudo_labels
    >>> pseudo_labels([[1, 0], [1, 1]], [[0, 0], [0, 0]])
    PseudoLabels(values=array([0., 2.]), weights=array([0.5, 0.5]))

    The second type gave no answer to the second pair; the first is asked of everybody:

    >>> found = pseudo_labels([[1, 0], [1, float("nan")]], [[1, -1], [1, -1]])
    >>> found.values.round(3)
    array([-0.684,  0.684])
    """
    x = answers("labels", labels)
    gaps = _validate.real_array("heads", heads, 2)
    if gaps.shape != x.shape:
        raise _validate.complaint("heads", f"of shape {x.shape}, as 'labels'", gaps.shape)
    if np.abs(gaps).max() > LARGEST_HEAD:
        largest = f"{np.abs(gaps).max():g}"
        raise _validate.complaint("heads", f"at most {LARGEST_HEAD:g} in size", largest)
    w = _validate.distribution("shares", shares, x.shape[1])
    e = _chances(x, answer_probability, w)
    counted = w > 0.0
    x, gaps, w, e = x[:, counted], gaps[:, counted], w[counted], e[:, counted]
    # (x - s) / s' is 1 / s for x = 1 and -1 / (1 - s) for x = 0, and linear between them.
    surprise = x * (1.0 + np.exp(-gaps)) - (1.0 - x) * (1.0 + np.exp(gaps))
    values = (gaps + np.where(np.isnan(x), 0.0, surprise) / e) @ w
    variances = (2.0 + 2.0 * np.cosh(gaps)) / e @ w**2
    return PseudoLabels(values, 1.0 / variances)


def _chances(x: Floats, given: ArrayLike | None, shares: Floats) -> Floats:
    """Return the probabilities of answers, (n, T), positive where a type has a share."""
    name, answered = "answer_probability", ~np.isnan(x)
    if given is None:
        part = answered.mean(axis=0)
        if (part[shares > 0.0] == 0.0).any():
            silent = int(np.flatnonzero((part == 0.0) & (shares > 0.0))[0])
            must = "of every type that has a share"
            raise _validate.complaint("labels", must, f"none of type {silent + 1}")
        return np.broadcast_to(part, x.shape)
    must = f"probabilities of shape ({x.shape[1]},) or {x.shape}"
    e = _validate.any_array(name, given, must)
    if e.shape not in (x.shape[1:], x.shape):
        raise _validate.complaint(name, must, f"shape {e.shape}")
    if not ((e >= 0.0) & (e <= 1.0)).all():
        raise _validate.complaint(name, must, "other numbers")
    e = np.broadcast_to(e, x.shape)
    if (e == 0.0)[:, shares > 0.0].any() or (e == 0.0)[answered].any():
        raise _validate.complaint(name, "positive where a type has a share or answers", "0")
    return e
