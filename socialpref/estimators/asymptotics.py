"""The variances that estimators come to with many panels: exactly, from all outcomes."""

from functools import singledispatch
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import InputError
from ..limits.agreement import AgreementOnly, panel_labels
from ..limits.dpo import DPO
from ..limits.method import Method
from ..limits.orthogonal import Orthogonal
from ..limits.typed import LatentClasses, RewardAveraging
from ..limits.votes import VoteCountLikelihood
from ..links import Logistic
from ..population import Population
from ..theory.identified import checked_prompts, information
from ..theory.structures import Linked, VoteCounts
from .panels import Floats, Integers, outcome_chances, pairs_of
from .result import gap_variances
from .sandwich import inverse, laplacian


class Setting(NamedTuple):
    """What is asked, of whom: the pairs, how often each is asked, and each type's answers.

    Attributes
    ----------
    population : Population
        In units of the temperature.
    pairs : ndarray of int, shape (P, 2)
    weights : ndarray, shape (P,)
    sampling : array_like or None
        From which they come.
    chances : ndarray, shape (T,)
        How likely each type answers; 1 in full panels.
    """

    population: Population
    pairs: Integers
    weights: Floats
    sampling: ArrayLike | None
    chances: Floats

    @property
    def chances_of_labels(self) -> tuple[Floats, Floats]:
        """How likely each type prefers the first of each pair, (P, T), and the second."""
        gaps = self.gaps(self.population.rewards.T)
        return _logistic(gaps), _logistic(-gaps)

    def gaps(self, rewards: Floats) -> Floats:
        """Return the gap of each pair, of rewards whose first axis is of options."""
        return np.asarray(rewards[self.pairs[:, 0]] - rewards[self.pairs[:, 1]])

    def variances(self, curvature: Floats, spread: Floats, labels: float) -> Floats:
        """Return the sandwich's V of all gaps, per label.

        Parameters
        ----------
        curvature, spread : ndarray, shape (P,)
            The expected second derivative of the loss of a row, by its gap, and the variance of
            the first.
        labels : float
            Labels of a row.
        """
        size = self.population.n_options
        bread = inverse(laplacian(self.pairs, self.weights * curvature, size))
        meat = laplacian(self.pairs, self.weights * spread, size)
        return labels * gap_variances(bread @ meat @ bread)


def asymptotic_variance(
    method: Method,
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    answer_probability: ArrayLike | None = None,
) -> Floats:
    """Return V of all gaps that a method estimates: with n labels the variances are V / n.

    Labels come from panels with one of each type, whose shares are known. V is about the method's
    own limit: that of DPO is small, and its limit is wrong.

    Parameters
    ----------
    method : Method
        `RewardAveraging` (the efficiency bound), `Orthogonal`, `VoteCountLikelihood`,
        `AgreementOnly` or `DPO`; of `LatentClasses`, from two linked comparisons of each annotator,
        the bound for as many classes as there are types.
    population : Population
        With the logistic link.
    sampling : array_like, shape (K,) or (K, K), optional
        As for `DPO.limit`; pairs of an option with itself are left out.
    answer_probability : array_like, shape (T,), optional
        How likely each type answers, for type models and the orthogonal loss: partial panels or,
        if the probabilities sum to 1, single labels. Full panels if omitted.

    Returns
    -------
    ndarray, shape (K, K)
        inf where a gap is not identified, 0 on the diagonal.

    Raises
    ------
    InputError
        If an argument is out of its range, or the method has no such variance.

    Examples
    --------
    >>> from socialpref import AgreementOnly, RewardAveraging
    >>> from socialpref.estimators import asymptotic_variance
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import Orthogonal
    >>> for method in (RewardAveraging(), Orthogonal(), AgreementOnly()):
    ...     V = asymptotic_variance(method, mediocre_winner())
    ...     print(method.name, V[[0, 0, 1], [1, 2, 2]].mean().round(4))
    reward-averaging 30.0765
    orthogonal 32.7976
    agreement 56.6623
    """
    _validate.instance("method", method, Method, "a method, such as RewardAveraging()")
    (population,) = checked_prompts([population])
    temperature = population.link.temperature  # type: ignore[attr-defined]
    pairs, weights = pairs_of(population, sampling)
    chances = np.ones(population.n_types)
    if answer_probability is not None:
        _validate.instance(
            "method", method, (RewardAveraging, Orthogonal), "for full panels where types are many"
        )
        chances = _validate.real_array("answer_probability", answer_probability, 1)
        if chances.shape != (population.n_types,) or chances.min() <= 0 or chances.max() > 1:
            must = f"{population.n_types} probabilities above 0"
            raise _validate.complaint(
                "answer_probability", must, _validate.shown(answer_probability)
            )
    scaled = Population(
        population.rewards / temperature, population.shares, options=population.options
    )
    setting = Setting(scaled, pairs, weights, sampling, chances)
    return temperature**2 * variance.dispatch(type(method))(method, setting)


@singledispatch
def variance(method: Method, setting: Setting) -> Floats:
    """Return V of a method: the function that variances are registered with."""
    raise _validate.complaint(
        "method", "one whose asymptotic variance is registered", _validate.shown(method)
    )


@variance.register
def _type_models(method: RewardAveraging, setting: Setting) -> Floats:
    """Sum the inverse informations of the types, which are fitted apart."""
    size, shares = setting.population.n_options, method.weights(setting.population.shares)
    total = np.zeros((size, size))
    wins, losses = setting.chances_of_labels
    for share, chance, slopes in zip(shares, setting.chances, (wins * losses).T, strict=True):
        curvature = chance * setting.weights * slopes
        total += share**2 * inverse(laplacian(setting.pairs, curvature, size))
    return setting.chances.sum() * gap_variances(total)


@variance.register
def _orthogonal(method: Orthogonal, setting: Setting) -> Floats:
    """Heads do not matter to the first order: pseudo-labels vary as under the true ones."""
    shares = method.weights(setting.population.shares)
    wins, losses = setting.chances_of_labels
    spread = (shares**2 / setting.chances / (wins * losses)).sum(axis=1)
    weights = 1.0 / spread if method.weighted else np.ones_like(spread)
    return setting.variances(weights, weights**2 * spread, float(setting.chances.sum()))


@variance.register
def _votes(method: VoteCountLikelihood, setting: Setting) -> Floats:
    method.implicit_rewards(setting.population, setting.sampling)  # unequal shares are refused
    return _bound(setting, VoteCounts())


@variance.register
def _classes(method: LatentClasses, setting: Setting) -> Floats:
    if method.n_classes != setting.population.n_types:
        must = f"the number of types, {setting.population.n_types}, for the bound"
        raise _validate.complaint("n_classes", must, method.n_classes)
    if setting.population.n_options == 2:
        must = "of three options or more, so that an annotator can compare two pairs"
        raise _validate.complaint("population", must, "two")
    return _bound(setting, Linked(2))


def _bound(setting: Setting, structure: Linked | VoteCounts) -> Floats:
    """Return the efficiency bound of a structure."""
    given = None if setting.sampling is None else np.asarray(setting.sampling)
    if given is not None and given.ndim == 2:
        raise InputError("'sampling' must be a distribution for this method; got a matrix.")
    return information(setting.population, structure, sampling=given).gap_variances


@variance.register
def _agreement(method: AgreementOnly, setting: Setting) -> Floats:
    """T times the gap is fitted to unanimous panels, by their likelihood."""
    if method.lapse:
        raise _validate.complaint("method", "without lapses", _validate.shown(method))
    method.implicit_rewards(setting.population, setting.sampling)  # unequal shares are refused
    labels = panel_labels(setting.population, method.replicas)
    (wins, losses), n = setting.chances_of_labels, float(labels.sum())
    unanimous = (wins**labels).prod(axis=1) + (losses**labels).prod(axis=1)
    odds = setting.gaps(labels @ setting.population.rewards)
    slope = _logistic(odds) * _logistic(-odds)
    return setting.variances(n**2 * unanimous * slope, n**2 * unanimous * slope, n)


@variance.register
def _dpo(method: DPO, setting: Setting) -> Floats:
    """All labels of a panel count, which are off from DPO's own preference together."""
    equal = Population(setting.population.rewards)  # one label of each type
    limit = method.implicit_rewards(equal, _design(setting)).rewards
    own, other = _logistic(setting.gaps(limit)), _logistic(-setting.gaps(limit))
    patterns = np.array(list(product((0.0, 1.0), repeat=equal.n_types)))
    scores = patterns.sum(axis=1) - equal.n_types * own[:, None]
    spread = (outcome_chances(equal, setting.pairs, patterns) * scores**2).sum(axis=1)
    return setting.variances(equal.n_types * own * other, spread, float(equal.n_types))


def _logistic(gaps: Floats) -> Floats:
    return np.asarray(Logistic()(gaps))


def _design(setting: Setting) -> Floats:
    """Return the pairs as a symmetric design."""
    size = setting.population.n_options
    design = np.zeros((size, size))
    design[tuple(setting.pairs.T)] = setting.weights
    return design + design.T
