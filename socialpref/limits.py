"""What each alignment method converges to, exactly.

With unlimited data a method minimises its expected loss over implicit rewards h, one for each
alternative; the policy is ``pi(y) ∝ reference(y) exp(h(y) / beta)``. Comparisons are drawn from a
sampling distribution d (both candidates independently) or from a symmetric pair design W. The
losses take preferences for Bradley-Terry ones with temperature 1, whatever the population's link.
Every limit can be asked of one population or of a sequence, one for each prompt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, Protocol, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .bradley_terry.pairs import LogPairs
from .bradley_terry.solver import Maximum, maximise
from .errors import ConvergenceError, InputError
from .links import Link, Logistic, Probit
from .population import Population

Floats = NDArray[np.float64]
VarianceForm = Literal["F1", "F2", "F3"]

TOLERANCE = 1e-8
"""The largest error of a reward of a limit that is returned, beside the largest reward or 1."""
GOAL = 1e-13
"""Newton steps go on until they are as small as this, where rounding allows it."""
ROUNDING = 8 * float(np.finfo(float).eps)
"""Relative rounding error of a sum of rewards, with some room."""
SYMMETRY = 1e-6
"""How far the two weights of a pair in a design may be apart, relative to them."""
POLICY_TOLERANCE = 1e-6
"""The largest relative error of a policy that is returned."""
SMALLEST = 1e-290
"""Preferences smaller than this are computed by their logarithms."""
MOST_STEPS = 1000
"""Most steps in which alpha grows from 0."""
MOST_LABELS = 10**15
"""Most labels of one type in a panel: as floats they are still exact."""
EDGE = 1e-15
"""A corrected likelihood closer than this to 0 or 1 counts as out of range."""
FLAT = 1e-13
"""Curvatures of the corrected loss are taken to be at least this part of the largest."""
ROUNDINGS = (1e-1, 1e-2, 1e-3, 1e-4)
"""How far from the clamp its corner is rounded, as parts of it, where a minimum lies on it."""


@dataclass(frozen=True, eq=False)
class Limit:
    """A policy that a method converges to, with the evidence.

    Attributes
    ----------
    policy : ndarray, shape (K,)
    rewards : ndarray, shape (K,)
        The implicit rewards ``beta log(policy / reference)``, centred.
    residual : float
        How far a reward can be from the exact limit: the largest entry of Newton's step there,
        plus what rounding can add; rounding alone where the limit is a formula.
    iterations : int
        Newton steps; 0 where the limit is a formula.
    method : str
        Whose limit it is.
    others : tuple of ndarray
        Implicit rewards of other local minima that were found, for losses that are not convex.
    rounding : float
        How far from the clamp its corner is rounded; 0 if the minimum is not on a corner.
    """

    policy: Floats
    rewards: Floats
    residual: float
    iterations: int
    method: str
    others: tuple[Floats, ...] = ()
    rounding: float = 0.0


P = ParamSpec("P")


class _PerPrompt(Protocol[P]):
    """The limit of one population, or of each of several: a contextual problem's prompts."""

    @overload
    def __call__(self, population: Population, *args: P.args, **options: P.kwargs) -> Limit: ...
    @overload
    def __call__(
        self, population: Sequence[Population], *args: P.args, **options: P.kwargs
    ) -> tuple[Limit, ...]: ...


def _per_prompt(limit: Callable[Concatenate[Population, P], Limit]) -> _PerPrompt[P]:
    """Let a limit be asked of a sequence of populations, one for each prompt."""

    @wraps(limit)
    def each(
        population: Population | Sequence[Population], *args: P.args, **options: P.kwargs
    ) -> Limit | tuple[Limit, ...]:
        if isinstance(population, Population):
            return limit(population, *args, **options)
        must = "a Population or a sequence of them"
        _validate.instance("population", population, Sequence, must)
        for one in population:
            _validate.instance("population", one, Population, must)
        return tuple(limit(one, *args, **options) for one in population)

    return cast("_PerPrompt[P]", each)


def total_variation(first: ArrayLike, second: ArrayLike) -> float:
    """Return half the L1 distance of two distributions.

    Raises
    ------
    InputError
        If they are not distributions over the same options.

    Examples
    --------
    >>> from socialpref import total_variation
    >>> total_variation([0.5, 0.5], [0.25, 0.75])
    0.25
    """
    one = _validate.real_array("first", first, 1)
    other = _validate.real_array("second", second, 1)
    one = _validate.distribution("first", one, len(one))
    other = _validate.distribution("second", other, len(one))
    return float(np.abs(one - other).sum() / 2)


@_per_prompt
def optimal_policy(
    population: Population, *, beta: float = 1.0, reference: ArrayLike | None = None
) -> Limit:
    """Return the best single policy: the KL-regularised optimum for the average reward.

    Parameters
    ----------
    population : Population
    beta : float
        Strength of the regularisation towards the reference; positive.
    reference : array_like, shape (K,), optional
        The reference policy, positive everywhere; uniform if omitted.

    Returns
    -------
    Limit
        ``policy ∝ reference exp(mean_rewards / beta)``, which also minimises the share-weighted
        divergence from the types' own optimal policies.

    Raises
    ------
    InputError
        If an argument is out of its range.
    ConvergenceError
        If beta is so small that rounding of the rewards decides between options.

    References
    ----------
    arXiv 2502.16320, section 3.

    Examples
    --------
    >>> from socialpref import Population, optimal_policy
    >>> optimal_policy(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """
    found = _exact(population, population.mean_rewards())
    return _limit("optimal policy", found, population, beta, reference)


@_per_prompt
def dpo_limit(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
) -> Limit:
    """Return what DPO converges to on anonymous comparisons.

    Its implicit rewards are the Bradley-Terry fit to the population's preferences:
    ``sum_z d(z) sigma(h(y) - h(z)) = NBC(y)`` for every y. They are ordered as NBC is, whatever
    the sampling distribution; with a pair design they need not be.

    Parameters
    ----------
    population : Population
    sampling : array_like, shape (K,) or (K, K), optional
        The sampling distribution, positive everywhere, or a symmetric matrix of weights of
        pairs; uniform if omitted.
    beta, reference
        As for `optimal_policy`.

    Returns
    -------
    Limit
        Its rewards are right to ``1e-8 * max(1, |h|)``. Of a single type with the logistic link
        they are the type's own, divided by the temperature.

    Raises
    ------
    InputError
        If an argument is out of its range, or the design leaves alternatives that cannot be
        compared.
    ConvergenceError
        If the rewards cannot be found as exactly as that, or beta is so small that their
        rounding decides between options.

    References
    ----------
    arXiv 2502.16320, section 4; Siththaranjan et al. (2024), arXiv 2312.08358.

    Examples
    --------
    DPO prefers the mediocre winner:

    >>> from socialpref import Population, dpo_limit
    >>> dpo_limit(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.31879, 0.36242, 0.31879])
    """
    return _limit("DPO", _dpo_rewards(population, sampling), population, beta, reference)


@_per_prompt
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
        found = _exact(
            population, labels / labels.sum() @ population.rewards, population.link.temperature
        )
    else:
        fit = _fit(_log_unanimous(population, labels), weights)
        found = Maximum(fit.rewards / labels.sum(), fit.error / labels.sum(), fit.iterations)
    return _limit("agreement-only", found, population, beta, reference)


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
    unanimous = np.exp(_log_unanimous(population, _labels_by_type(population, replicas)))
    return float(2.0 * (weights * unanimous).sum())


@_per_prompt
def reward_averaging_limit(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
) -> Limit:
    """Return what one Bradley-Terry reward model per type, averaged, converges to.

    With the logistic link every model recovers its type's rewards, and the limit is the optimal
    policy. With another link each model is the best Bradley-Terry fit to its type.

    Parameters
    ----------
    population, sampling, beta, reference
        As for `dpo_limit`.

    Returns
    -------
    Limit
        Its residual is the largest of the models'.

    Raises
    ------
    InputError, ConvergenceError
        As for `dpo_limit`.

    Examples
    --------
    >>> from socialpref import Population, reward_averaging_limit
    >>> reward_averaging_limit(Population([[0, -1, -2], [0, -2, 4]])).rewards.round(6)
    array([ 0.166667, -1.333333,  1.166667])
    """
    if type(population.link) is Logistic:
        pair_design(population, sampling)  # a design that compares too little is refused
        found = _exact(population, population.mean_rewards(), population.link.temperature)
    else:
        types = [Population(reward[None, :], link=population.link) for reward in population.rewards]
        fits = [_dpo_rewards(one, sampling) for one in types]
        found = Maximum(
            population.shares @ np.array([fit.rewards for fit in fits]),
            max(fit.error for fit in fits),
            sum(fit.iterations for fit in fits),
        )
    return _limit("reward averaging", found, population, beta, reference)


@_per_prompt
def corrected_dpo_limit(
    population: Population,
    alpha: float = 1.0,
    *,
    form: VarianceForm = "F1",
    clamp: float = 0.1,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
    n_starts: int = 4,
) -> Limit:
    """Return what first-order corrected DPO converges to, given the true joint likelihood.

    The likelihood of a win is ``sigma(h) + alpha clip(sigma''(h) V / 2, -clamp, clamp)``, with the
    variance V of reward gaps between types estimated from linked comparisons. The loss is not
    convex. The minimum that is returned is the one that DPO's limit turns into as alpha grows
    from 0; `others` are further minima, reached from the average reward and from `n_starts`
    seeded random starts. There may be more.

    Parameters
    ----------
    population : Population
    alpha : float
        Strength of the correction; 0 is DPO, 1 the plain second-order term.
    form : {"F1", "F2", "F3"}
        How V comes from the joint likelihood: F1 ``max(Var p, 0) / [s (1 - s)]^2``; F2
        ``(E p^2 - s^2) / (s^2 (1 - s) (2 - 3 s))``, mirrored for s > 1/2; F3 as F1, with
        ``Var p`` from the likelihoods of two wins and of two losses (with the true joint
        likelihood the two are the same).
    clamp : float
        Bound of the correction before it is multiplied by alpha; inf for none.
    sampling, beta, reference
        As for `dpo_limit`.
    n_starts : int
        Random starts in the search for other minima.

    Returns
    -------
    Limit

    Raises
    ------
    InputError
        If `alpha` is negative, the form is unknown, or as for `dpo_limit`.
    ConvergenceError
        If no minimum is reached whose rewards are right to ``1e-8 * max(1, |h|)``. Likelihoods
        within 1e-15 of 0 and 1 are out of range.

    Notes
    -----
    Where the clamp begins the loss has a kink, and a minimum can lie on it. Such a one is found
    with the corner rounded by a parabola, narrower and narrower; `rounding` says how narrow at
    the end, and the residual is that of the rounded loss.

    References
    ----------
    arXiv 2502.16320, section 5.

    Examples
    --------
    >>> from socialpref import Population, corrected_dpo_limit
    >>> crowd = Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])
    >>> corrected_dpo_limit(crowd, 0.5).policy.round(4)
    array([0.3141, 0.3718, 0.3141])
    """
    alpha = _validate.number("alpha", alpha, 0.0)
    _validate.choice("form", form, _CORRECTIONS)
    clamp = _validate.number("clamp", clamp, 0.0, above=True, infinite=True)
    _validate.integer("n_starts", n_starts)
    loss = _CorrectedLoss(
        pair_design(population, sampling),
        population.pairwise(),
        population.pairwise_twice(),
        _CORRECTIONS[form],
        clamp,
    )
    start = _dpo_rewards(population, sampling).rewards
    rewards, iterations, error, rounding = start, 0, np.inf, 0.0
    steps_to_alpha = min(1 + int(np.ceil(4 * min(alpha, MOST_STEPS))), MOST_STEPS)
    for step in np.linspace(0.0, alpha, max(2, steps_to_alpha))[1:]:
        rewards, steps, error, rounding = loss.settle(float(step), rewards)
        iterations += steps
    if not _is_right(rewards, error):
        raise ConvergenceError(
            f"corrected DPO: rewards are known only to {error:.2e} at alpha {alpha:g}"
        )
    rng = np.random.default_rng(0)
    spread = max(float(np.ptp(start)), 1.0)
    starts = [population.mean_rewards(), *rng.normal(0.0, spread, (n_starts, len(start)))]
    others: list[Floats] = []
    for begin in starts:
        found, _, left, _ = loss.settle(alpha, begin - begin.mean())
        if _is_right(found, left) and all(
            np.abs(found - other).max() > 1e-6 for other in (rewards, *others)
        ):
            others.append(found)
    maximum = Maximum(rewards, error, iterations)
    limit = _limit("corrected DPO", maximum, population, beta, reference, others)
    return replace(limit, rounding=rounding)


def _is_right(rewards: Floats, error: float) -> bool:
    return error <= TOLERANCE * max(1.0, float(np.abs(rewards).max()))


# --- designs and policies -------------------------------------------------------------


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


def _log_unanimous(population: Population, labels: Floats) -> Floats:
    """Return the log-probability, (K, K), that all labels prefer the first.

    In logarithms, or panels of decisive types would underflow.
    """
    total = np.zeros((population.n_options, population.n_options))
    for count, reward in zip(labels, population.rewards, strict=True):
        if count:
            total += count * _log_link(population.link, reward[:, None] - reward[None, :])
    return total


def _log_link(link: Link, gaps: Floats) -> Floats:
    """Return the logarithms of preferences; of the package's own links they do not underflow."""
    with np.errstate(divide="ignore", over="ignore"):
        if type(link) is Logistic:
            return -np.logaddexp(0.0, -gaps / link.temperature)
        if type(link) is Probit:
            from scipy.special import log_ndtr

            return np.asarray(log_ndtr(gaps / link.temperature))
        return np.log(link(gaps))


def _log_preferences(population: Population) -> Floats:
    """Return the logarithms, (K, K), of the population's preferences."""
    preferences = population.pairwise()
    if preferences.min() >= SMALLEST:
        return np.log(preferences)
    total = np.full(preferences.shape, -np.inf)
    for share, reward in zip(population.shares, population.rewards, strict=True):
        if share:
            gaps = reward[:, None] - reward[None, :]
            total = np.logaddexp(total, np.log(share) + _log_link(population.link, gaps))
    return total


def pair_design(population: Population, sampling: ArrayLike | None) -> Floats:
    """Return the weights of the pairs, (K, K), of which every alternative can be compared."""
    _validate.instance("population", population, Population, "a Population")
    size = population.n_options
    must = f"a distribution over {size} alternatives or a symmetric ({size}, {size}) matrix"
    array = None
    if sampling is not None:
        names = population.options
        array = _validate.any_array(
            "sampling", _validate.aligned("sampling", sampling, names, names), must
        )
    if array is None or array.ndim == 1:
        d = _validate.distribution("sampling", array, size)
        weights = np.outer(d, d)
    else:
        weights = _validate.real_array("sampling", array, 2)
        if weights.shape != (size, size):
            raise _validate.complaint("sampling", must, f"shape {weights.shape}")
        if (weights < 0).any() or not weights.any():
            raise _validate.complaint("sampling", "non-negative and not all zero", "other weights")
        weights /= weights.max()
        if not np.allclose(weights, weights.T, rtol=SYMMETRY, atol=0.0):
            raise _validate.complaint("sampling", must, "one that is not symmetric")
        weights = weights + weights.T
        weights /= weights.sum()
    reached = np.zeros(size, dtype=bool)
    reached[0] = True
    linked = weights > 0.0
    while (grown := reached | linked[reached].any(axis=0)).sum() > reached.sum():
        reached = grown
    if not reached.all():
        sides = [", ".join(repr(population.options[y]) for y in np.flatnonzero(side)[:5])
                 for side in (reached, ~reached)]  # fmt: skip
        raise InputError(
            f"'sampling' must let all alternatives be compared, if through others; {sides[0]} "
            f"are never compared with {sides[1]}."
        )
    return weights


def _limit(
    method: str,
    found: Maximum,
    population: Population,
    beta: float,
    reference: ArrayLike | None,
    others: Sequence[Floats] = (),
) -> Limit:
    rewards = found.rewards - found.rewards.mean()
    return Limit(
        policy=_policy(method, rewards, found.error, population, beta, reference),
        rewards=rewards,
        residual=float(found.error),
        iterations=found.iterations,
        method=method,
        others=tuple(others),
    )


def _policy(
    method: str,
    rewards: Floats,
    error: float,
    population: Population,
    beta: float,
    reference: ArrayLike | None,
) -> Floats:
    """Return the policy of rewards, if their error does not matter."""
    beta = _validate.number("beta", beta, 0.0, above=True)
    base = _validate.distribution("reference", reference, len(rewards), population.options)
    if base.min() <= 0.0:
        raise _validate.complaint("reference", "positive everywhere", f"{base.min():g}")
    below = rewards - rewards.max()
    with np.errstate(over="ignore"):  # as beta falls to 0, only the best options are left
        logits = np.log(base) + below / beta
        logits -= logits.max()
        # Options that are equal to the last digit are taken for equal.
        near = (below < 0.0) & ((below + 2.0 * error) / beta > np.log(POLICY_TOLERANCE))
    if near.any() and 2.0 * error > POLICY_TOLERANCE * beta:
        raise ConvergenceError(
            f"{method}: at beta {beta:g} the policy hangs on the last digits of the rewards, which "
            f"are known to {error:.2e}"
        )
    policy = np.exp(logits)
    return np.asarray(policy / policy.sum())


# --- rewards --------------------------------------------------------------------------


def _exact(population: Population, means: Floats, temperature: float = 1.0) -> Maximum:
    """Return means of the types' rewards, in units of the temperature."""
    with np.errstate(over="ignore"):
        rewards = (means - means.mean()) / temperature
        error = ROUNDING * float(np.abs(population.rewards).max()) / temperature
    if not np.isfinite(rewards).all():
        raise ConvergenceError(f"rewards divided by the temperature {temperature:g} overflow")
    return Maximum(rewards, error, 0)


def _dpo_rewards(population: Population, sampling: ArrayLike | None) -> Maximum:
    weights = pair_design(population, sampling)
    if population.n_types == 1 and type(population.link) is Logistic:
        return _exact(population, population.rewards[0], population.link.temperature)
    return _fit(_log_preferences(population), weights)


def _fit(log_wins: Floats, weights: Floats) -> Maximum:
    """Return the Bradley-Terry fit to how often, (K, K), each option wins against each other."""
    compared = (weights > 0.0) & ~np.eye(len(weights), dtype=bool)
    if not np.isfinite(log_wins[compared]).all():
        raise ConvergenceError(
            "Bradley-Terry fit: the link gives preferences of 0 or 1, and no finite rewards fit"
        )
    logs = np.full(weights.shape, -np.inf)
    logs[compared] = log_wins[compared] + np.log(weights[compared])
    pairs = LogPairs.of_matrix(logs - logs.max())
    return maximise(pairs, len(logs), tolerance=TOLERANCE, goal=GOAL)


# --- the first-order correction -------------------------------------------------------

Correction = Callable[[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]
"""From s = sigma(h), E p and E p^2, each (K, K): sigma'' V / 2 and its derivatives in h.

1 - s is the transpose of s, without cancellation.
"""


def _variance_correction(s: Floats, mean: Floats, square: Floats) -> tuple[Floats, Floats, Floats]:
    """F1 and F3: ``(1 - 2s) Var p / (2 s (1 - s))``."""
    variance = square - mean**2
    # The rarer side's is exact, too, where preferences are near to 0 and 1.
    half = np.maximum(np.where(mean <= mean.T, variance, variance.T), 0.0) / 2.0
    u, v = s * s.T, s.T - s
    return half * v / u, half * (-2.0 - v**2 / u), half * (4.0 * v + v**3 / u)


def _moment_correction(s: Floats, mean: Floats, square: Floats) -> tuple[Floats, Floats, Floats]:
    """F2: ``(1 - 2s) (E p^2 - s^2) / (2 s (2 - 3s))`` for s <= 1/2, mirrored above."""
    mirrored = s > s.T
    t, a = np.where(mirrored, s.T, s), np.where(mirrored, square.T, square)
    n, n1, n2 = (1.0 - 2.0 * t) * (a - t**2), 6.0 * t**2 - 2.0 * t - 2.0 * a, 12.0 * t - 2.0
    d, d1, d2 = t * (2.0 - 3.0 * t), 2.0 - 6.0 * t, -6.0
    f = n / d / 2.0
    f1 = (n1 - 2.0 * f * d1) / d / 2.0
    f2 = (n2 - 2.0 * f * d2 - 4.0 * f1 * d1) / d / 2.0
    u, v = s * s.T, 1.0 - 2.0 * t
    sign = np.where(mirrored, -1.0, 1.0)
    return sign * f, f1 * u, sign * (f2 * u**2 + f1 * u * v)


_CORRECTIONS: dict[str, Correction] = {
    "F1": _variance_correction,
    "F2": _moment_correction,
    "F3": _variance_correction,
}


@dataclass(frozen=True, eq=False)
class _CorrectedLoss:
    """The expected corrected loss, ``-sum W P log q(h)``, with its derivatives."""

    weights: Floats
    wins: Floats
    squares: Floats
    correction: Correction
    clamp: float
    rounding: float = 0.0

    def likelihood(self, alpha: float, rewards: Floats) -> tuple[Floats, Floats, Floats]:
        """Return q of every pair, and its first two derivatives in the reward gap."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            s = 1.0 / (1.0 + np.exp(rewards[None, :] - rewards[:, None]))
            c, c1, c2 = self.correction(s, self.wins, self.squares)
            free = np.abs(c) < self.clamp - self.rounding
            shift = np.clip(np.nan_to_num(c), -self.clamp, self.clamp)
            shift1, shift2 = np.where(free, c1, 0.0), np.where(free, c2, 0.0)
            if self.rounding:
                short, sign = self.clamp + self.rounding - np.abs(c), np.sign(c)
                bent = ~free & (short > 0.0)
                slope = short / (2.0 * self.rounding)
                bend = c2 * slope - sign * c1**2 / (2.0 * self.rounding)
                shift = np.where(bent, sign * (self.clamp - self.rounding * slope**2), shift)
                shift1, shift2 = np.where(bent, c1 * slope, shift1), np.where(bent, bend, shift2)
            u = s * s.T
            q, q1 = s + alpha * shift, u + alpha * shift1
            q2 = u * (s.T - s) + alpha * shift2
        return q, q1, q2

    def value(self, alpha: float, rewards: Floats) -> float:
        q = self.likelihood(alpha, rewards)[0]
        if ((q <= EDGE) | (q >= 1.0 - EDGE)).any():
            return np.inf
        return float(-(self.weights * self.wins * np.log(q)).sum())

    def derivatives(self, alpha: float, rewards: Floats) -> tuple[Floats, Floats]:
        """Return the gradient, (K,), and the Hessian, (K, K)."""
        q, q1, q2 = self.likelihood(alpha, rewards)
        spread, off = q * q.T, q - self.wins
        off = np.where(q > q.T, -off.T, off)  # of the rarer side, without cancellation
        pull = self.weights * q1 * off / spread
        slope = self.weights * ((q2 * off + q1**2) / spread - off * (q.T - q) * (q1 / spread) ** 2)
        np.fill_diagonal(pull, 0.0)
        np.fill_diagonal(slope, 0.0)
        return pull.sum(axis=1), np.diag(slope.sum(axis=1)) - slope

    def error(self, alpha: float, rewards: Floats) -> float:
        """Return a bound on the error of a minimum's rewards; inf if it is none."""
        if not np.isfinite(self.value(alpha, rewards)):
            return np.inf
        gradient, hessian = self.derivatives(alpha, rewards)
        q, q1, _ = self.likelihood(alpha, rewards)
        rarer = np.minimum(np.maximum(q, self.wins), np.maximum(q.T, self.wins.T))
        terms = self.weights * np.abs(q1) * rarer / (q * q.T)
        rounding = ROUNDING * (1.0 + np.abs(rewards).max()) * terms.sum(axis=1)
        curvatures, vectors = np.linalg.eigh(_lifted(hessian))
        if curvatures.min() <= ROUNDING * curvatures.max():
            return np.inf
        inverse = (vectors / curvatures) @ vectors.T
        return float(np.abs(inverse @ gradient).max() + (np.abs(inverse) @ rounding).max())

    def settle(self, alpha: float, rewards: Floats) -> tuple[Floats, int, float, float]:
        """Return a local minimum, the Newton steps, its error and the rounding it needed."""
        found, iterations = self.minimise(alpha, rewards)
        error = self.error(alpha, found)
        if _is_right(found, error) or not np.isfinite(self.clamp):
            return found, iterations, error, 0.0
        for width in ROUNDINGS:
            rounded = replace(self, rounding=width * self.clamp)
            found, steps = rounded.minimise(alpha, found)
            iterations += steps
        return found, iterations, rounded.error(alpha, found), rounded.rounding

    def minimise(
        self, alpha: float, rewards: Floats, max_iterations: int = 500
    ) -> tuple[Floats, int]:
        """Return a local minimum near `rewards`: Newton's method, made to descend."""
        size = len(rewards)
        value, last = self.value(alpha, rewards), np.inf
        for iteration in range(max_iterations):
            if not np.isfinite(value):
                return rewards, iteration
            gradient, hessian = self.derivatives(alpha, rewards)
            curvatures, vectors = np.linalg.eigh(_lifted(hessian))
            # Where the loss curves down, or not at all, step as if it curved up as much.
            scale = np.maximum(np.abs(curvatures), FLAT * np.abs(curvatures).max())
            step = -vectors @ ((vectors.T @ gradient) / scale)
            step -= step.mean()
            moved = float(np.abs(step).max())
            if moved <= GOAL or last / 2.0 <= moved <= TOLERANCE:  # rounding allows no more
                return rewards, iteration
            last = moved
            step *= min(1.0, np.sqrt(size) * 2.0 / np.linalg.norm(step))
            slope, length = float(gradient @ step), 1.0
            while length > 1e-12:
                trial = self.value(alpha, rewards + length * step)
                if trial <= value + 1e-4 * length * slope or (-slope < 1e-15 and trial < np.inf):
                    break
                length /= 2.0
            else:
                return rewards, iteration  # on a kink: nothing descends
            rewards = rewards + length * step
            value = self.value(alpha, rewards)
        return rewards, max_iterations


def _lifted(hessian: Floats) -> Floats:
    """Give the constant vector, along which nothing changes, the mean curvature of the others."""
    return hessian + np.abs(np.diag(hessian)).sum() / len(hessian) ** 2
