"""What the agreement-only loss converges to, and how many panels it can use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import InputError
from ..links import Logistic
from ..population import Population
from .design import pair_design
from .fits import exact_rewards, fit_log_odds, log_link
from .limit import Floats, ImplicitRewards
from .method import Information, Method, Order

MOST_LABELS = 10**15
"""Most labels of one type in a panel: as floats they are still exact."""


@dataclass(frozen=True)
class AgreementOnly(Method):
    """The agreement-only loss on panels with labels of every type.

    Only pairs on which all n labels agree are used, with the logit multiplied by n. With the
    logistic link the rewards of its limit are the average of the labels' rewards, divided by the
    temperature: for equal shares and temperature 1 the limit is the optimal policy.

    Parameters
    ----------
    replicas : sequence of int, optional
        How many labels each type gives, in the order of the types; one each if omitted, which
        needs equal shares. In proportion to the shares, they make the loss consistent for unequal
        shares.

    Raises
    ------
    InputError
        If `replicas` are not numbers of labels.

    References
    ----------
    arXiv 2502.16320, section 6.

    Examples
    --------
    >>> from socialpref import AgreementOnly, Population
    >>> AgreementOnly().limit(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """

    name: ClassVar[str] = "agreement"
    information: ClassVar[Information] = "panel"
    order: ClassVar[Order | None] = "average reward"
    guarantee: ClassVar[str] = "the optimal policy, for equal shares; discards every disagreement"

    replicas: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.replicas is not None:
            object.__setattr__(self, "replicas", _counts(self.replicas))

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the rewards of the labels, averaged, or the fit to unanimous panels."""
        weights = pair_design(population, sampling)
        if self.replicas is None and np.ptp(population.shares) > _validate.SUM_TOLERANCE:
            must = "given, in proportion to the shares, where types have unequal shares"
            raise _validate.complaint("replicas", must, "None")
        labels = panel_labels(population, self.replicas)
        if type(population.link) is Logistic:
            return exact_rewards(
                population, labels / labels.sum() @ population.rewards, population.link.temperature
            )
        fit = fit_log_odds(log_unanimous(population, labels), weights)
        n = labels.sum()
        return ImplicitRewards(fit.rewards / n, fit.error / n, fit.iterations)


def agreement_rate(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    replicas: Sequence[int] | None = None,
) -> float:
    """Return the share of panels whose labels all agree: those that the agreement-only loss uses.

    A panel has n labels of one pair, so each pair that the loss can use costs n labels over this
    rate. Pairs of an option with itself count as often as they are drawn, and teach nothing.

    Parameters
    ----------
    population : Population
    replicas : sequence of int, optional
        How many labels each type gives; one if omitted, whatever the shares.
    sampling
        As for `DPO.limit`.

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
    unanimous = np.exp(log_unanimous(population, panel_labels(population, replicas)))
    return float(2.0 * (weights * unanimous).sum())


def panel_labels(population: Population, replicas: Sequence[int] | None) -> Floats:
    """Return how many labels each type gives in a panel."""
    if replicas is None:
        return np.ones(population.n_types)
    counts = _counts(_validate.aligned("replicas", replicas, population.types))
    if len(counts) != population.n_types:
        must = f"a number of labels for each of {population.n_types} types"
        raise _validate.complaint("replicas", must, _validate.shown(replicas))
    return np.array(counts, dtype=np.float64)


def _counts(replicas: Sequence[int]) -> tuple[int, ...]:
    """Return numbers of labels of types that are in their order."""
    must = "a sequence of integers of at least 0, the number of labels of each type, not all 0"
    _validate.instance("replicas", replicas, (Sequence, np.ndarray), must)
    counts = [] if isinstance(replicas, np.ndarray) and replicas.ndim != 1 else list(replicas)
    try:
        labels = tuple(_validate.integer("replicas", count, 0, MOST_LABELS) for count in counts)
    except InputError:
        raise _validate.complaint("replicas", must, _validate.shown(replicas)) from None
    if not any(labels):
        raise _validate.complaint("replicas", must, _validate.shown(replicas))
    return labels


def log_unanimous(population: Population, labels: Floats) -> Floats:
    """Return the log-probability, (K, K), that all labels prefer the first.

    In logarithms, or panels of decisive types would underflow.
    """
    total = np.zeros((population.n_options, population.n_options))
    for count, reward in zip(labels, population.rewards, strict=True):
        if count:
            total += count * log_link(population.link, reward[:, None] - reward[None, :])
    return total
