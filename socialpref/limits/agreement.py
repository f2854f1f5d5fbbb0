"""What the agreement-only loss converges to, and how many panels it can use."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..bradley_terry.solver import Maximum
from ..links import Logistic
from ..population import Population
from .design import pair_design
from .dpo import exact_rewards, fit_log_odds, log_link
from .limit import Floats, Limit, limit_of, per_prompt

MOST_LABELS = 10**15
"""Most labels of one type in a panel: as floats they are still exact."""


@per_prompt
def agreement_limit(
    population: Population,
    *,
    replicas: Sequence[int] | None = None,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
) -> Limit:
    """Return what the agreement-only loss converges to on panels with one label of each type.

    Only pairs on which all n labels agree are used, with the logit multiplied by n. With the
    logistic link the rewards are the average of the labels' rewards, divided by the temperature:
    for equal shares and temperature 1 the limit is the optimal policy.

    Parameters
    ----------
    population : Population
        With equal shares, unless `replicas` are given.
    replicas : sequence of int, optional
        How many labels each type gives. In proportion to the shares, they make the loss
        consistent for unequal shares.
    sampling, beta, reference
        As for `dpo_limit`.

    Returns
    -------
    Limit

    Raises
    ------
    InputError
        If shares are unequal and there are no replicas, or as for `dpo_limit`.
    ConvergenceError
        As for `dpo_limit`.

    References
    ----------
    arXiv 2502.16320, section 6.

    Examples
    --------
    >>> from socialpref import Population, agreement_limit
    >>> agreement_limit(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """
    if replicas is None and np.ptp(population.shares) > _validate.SUM_TOLERANCE:
        must = "given, in proportion to the shares, where types have unequal shares"
        raise _validate.complaint("replicas", must, "None")
    labels = _labels_by_type(population, replicas)
    weights = pair_design(population, sampling)
    if type(population.link) is Logistic:
        found = exact_rewards(
            population, labels / labels.sum() @ population.rewards, population.link.temperature
        )
    else:
        fit = fit_log_odds(log_unanimous(population, labels), weights)
        found = Maximum(fit.rewards / labels.sum(), fit.error / labels.sum(), fit.iterations)
    return limit_of("agreement-only", found, population, beta, reference)


def agreement_rate(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    replicas: Sequence[int] | None = None,
) -> float:
    """Return the share of panels whose labels all agree: those that the agreement-only loss uses.

    A panel has n labels of one pair, so each pair that the loss can use costs n labels over this
    rate. Pairs of an alternative with itself count as often as they are drawn, and teach nothing.

    Parameters
    ----------
    population : Population
    replicas : sequence of int, optional
        How many labels each type gives; one if omitted, whatever the shares.
    sampling
        As for `dpo_limit`.

    Returns
    -------
    float
        The mean over pairs of ``prod p + prod (1 - p)``, p the preference of each label's type.

    Raises
    ------
    InputError
        If an argument is out of its range.

    References
    ----------
    arXiv 2502.16320, section 6.

    Examples
    --------
    Panels of the ring environment mostly disagree:

    >>> from socialpref.examples import ring
    >>> from socialpref.limits import agreement_rate
    >>> round(agreement_rate(ring()[0]), 6)
    0.156133
    """
    weights = pair_design(population, sampling)
    unanimous = np.exp(log_unanimous(population, _labels_by_type(population, replicas)))
    return float(2.0 * (weights * unanimous).sum())


def _labels_by_type(population: Population, replicas: Sequence[int] | None) -> Floats:
    """Return how many labels each type gives in a panel."""
    if replicas is None:
        return np.ones(population.n_types)
    must = f"{population.n_types} numbers of labels, not all 0"
    replicas = _validate.aligned("replicas", replicas, population.types)
    _validate.instance("replicas", replicas, (Sequence, np.ndarray), must)
    counts = [] if isinstance(replicas, np.ndarray) and replicas.ndim != 1 else list(replicas)
    labels = [_validate.integer("replicas", count, 0, MOST_LABELS) for count in counts]
    if len(labels) != population.n_types or not any(labels):
        raise _validate.complaint("replicas", must, _validate.shown(replicas))
    return np.array(labels, dtype=np.float64)


def log_unanimous(population: Population, labels: Floats) -> Floats:
    """Return the log-probability, (K, K), that all labels prefer the first.

    In logarithms, or panels of decisive types would underflow.
    """
    total = np.zeros((population.n_options, population.n_options))
    for count, reward in zip(labels, population.rewards, strict=True):
        if count:
            total += count * log_link(population.link, reward[:, None] - reward[None, :])
    return total
