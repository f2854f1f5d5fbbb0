"""What the agreement-only loss converges to, and how many panels it can use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError, InputError
from ..links import logistic_temperature
from ..population import Population
from .debiased import fit_debiased
from .design import pair_design
from .fits import exact_rewards, fit_log_odds, log_link
from .limit import ROUNDING, Floats, ImplicitRewards, is_right
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
    lapse : float
        The rate g of lapses that the loss corrects for, in [0, 1/2): see `LogisticWithLapses`.
        A panel of labels x, each 0 or 1, then weighs ``prod(x - g)`` as one that prefers the first
        option, and ``prod(1 - g - x)`` as one that prefers the second. So disagreements count.

    Raises
    ------
    InputError
        If an argument is out of its range; from `limit`, if the loss has no minimum, as when types
        have preferences nearer to 0 and 1 than the assumed lapses.

    Notes
    -----
    There must be one annotator of each type in every panel. Panels whose members are drawn from
    the population agree as DPO's comparisons do, however large they are: to keep the pairs on
    which annotators agree is no correction.

    With a lapse rate the limit is right only if the rate is. The weights of some panels are
    negative, and few panels may leave the loss without a minimum. It is inefficient, too: reward
    models of the types whose likelihood has the lapses need fewer labels.

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
    lapse: float = 0.0

    def __post_init__(self) -> None:
        lapse = _validate.number("lapse", self.lapse, 0.0, 0.5, below=True)
        object.__setattr__(self, "lapse", lapse)
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
        temperature = logistic_temperature(population.link, self.lapse)
        n = labels.sum()
        if temperature is not None:
            return exact_rewards(population, labels / n @ population.rewards, temperature)
        if self.lapse:
            fit = _without_lapses(population, labels, weights, self.lapse)
        else:
            fit = fit_log_odds(log_unanimous(population, labels), weights)
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


def _without_lapses(
    population: Population, labels: Floats, weights: Floats, lapse: float
) -> ImplicitRewards:
    """Return the fit to unanimous panels as they would be without lapses of a rate."""
    gaps = population.rewards[:, :, None] - population.rewards[:, None, :]
    chances = population.link(gaps[labels > 0])
    counts = labels[labels > 0, None, None]
    excess = chances - lapse
    if (excess > 0.0).all():
        fit = fit_log_odds((counts * np.log(excess)).sum(axis=0), weights)
        # What the subtraction rounds off comes back in the log-odds.
        lost = ROUNDING * float((counts * chances / excess).sum(axis=0).max())
        fit = ImplicitRewards(fit.rewards, fit.error + len(weights) * lost, fit.iterations)
        if not is_right(fit.rewards, fit.error):
            raise ConvergenceError(f"at lapse {lapse:g} rewards are known to {fit.error:.2e} only")
        return fit
    wins = (excess**counts).prod(axis=0)
    total = wins + wins.T
    if (total <= 0.0).any():
        raise InputError(
            f"'lapse' must be near what the annotators have; got {lapse:g}, at which the panels of "
            "some pair count negatively."
        )
    return fit_debiased(wins / total, weights * total, "lapse", lapse)
