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
from typing import Concatenate, Literal, NamedTuple, ParamSpec, Protocol, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .errors import ConvergenceError, InputError
from .population import Population

Floats = NDArray[np.float64]
VarianceForm = Literal["F1", "F2", "F3"]

TOLERANCE = 1e-12
"""The largest stationarity residual of a limit that is returned."""
EDGE = 1e-15
"""A corrected likelihood closer than this to 0 or 1 counts as out of range."""
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
        The largest absolute stationarity residual: for DPO of
        ``sum_z d(z) (sigma(h(y) - h(z)) - P[y, z])``.
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
        return tuple(limit(one, *args, **options) for one in population)

    return cast("_PerPrompt[P]", each)


def total_variation(first: ArrayLike, second: ArrayLike) -> float:
    """Return half the L1 distance of two distributions.

    Examples
    --------
    >>> from socialpref import total_variation
    >>> total_variation([0.5, 0.5], [0.25, 0.75])
    0.25
    """
    return float(np.abs(np.asarray(first) - np.asarray(second)).sum() / 2)


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

    References
    ----------
    arXiv 2502.16320, section 3.

    Examples
    --------
    >>> from socialpref import Population, optimal_policy
    >>> optimal_policy(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """
    rewards = population.mean_rewards()
    return _limit("optimal policy", rewards, 0.0, 0, beta, reference)


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
        With a residual of at most 1e-12.

    Raises
    ------
    InputError
        If an argument is out of its range, or the design leaves alternatives that cannot be
        compared.
    ConvergenceError
        If Newton's method stops short of that residual.

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
    weights = pair_design(population, sampling)
    fit = _bradley_terry(weights, population.pairwise())
    return _limit("DPO", fit.rewards, fit.residual, fit.iterations, beta, reference)


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
    logistic link and equal shares that is consistent: the limit is the optimal policy.

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
    unanimous = _log_unanimous(population, labels)
    either = np.logaddexp(unanimous, unanimous.T)
    fit = _bradley_terry(weights * np.exp(either - either.max()), np.exp(unanimous - either))
    rewards = fit.rewards / labels.sum()
    return _limit("agreement-only", rewards, fit.residual, fit.iterations, beta, reference)


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
    unanimous = np.exp(_log_unanimous(population, _labels_by_type(population, replicas)))
    return float(2.0 * (pair_design(population, sampling) * unanimous).sum())


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
    weights = pair_design(population, sampling)
    fits = [
        _bradley_terry(weights, Population(reward[None, :], link=population.link).pairwise())
        for reward in population.rewards
    ]
    return _limit(
        "reward averaging",
        population.shares @ np.array([fit.rewards for fit in fits]),
        max(fit.residual for fit in fits),
        sum(fit.iterations for fit in fits),
        beta,
        reference,
    )


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
        If no stationary point with a residual of at most 1e-12 is reached.

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
    _validate.number("alpha", alpha, 0.0)
    if form not in _CORRECTIONS:
        must = f"one of {', '.join(map(repr, _CORRECTIONS))}"
        raise _validate.complaint("form", must, repr(form))
    bound = float(clamp)
    if not bound > 0.0:
        raise _validate.complaint("clamp", "positive", repr(clamp))
    weights, wins = pair_design(population, sampling), population.pairwise()
    loss = _CorrectedLoss(weights, wins, population.pairwise_twice(), _CORRECTIONS[form], bound)
    start = _bradley_terry(weights, wins).rewards
    rewards, iterations, rounding = start, 0, 0.0
    for step in np.linspace(0.0, alpha, 1 + max(1, int(np.ceil(4 * alpha))))[1:]:
        rewards, steps, residual, rounding = loss.settle(float(step), rewards)
        iterations += steps
    if residual > TOLERANCE:
        raise ConvergenceError(
            f"corrected DPO: the stationarity residual is {residual:.2e} at alpha {alpha:g}, more "
            f"than {TOLERANCE:g}"
        )
    rng = np.random.default_rng(0)
    spread = max(float(np.ptp(start)), 1.0)
    starts = [population.mean_rewards(), *rng.normal(0.0, spread, (n_starts, len(start)))]
    others: list[Floats] = []
    for begin in starts:
        found, _, left, _ = loss.settle(alpha, begin - begin.mean())
        if left <= TOLERANCE and all(
            np.abs(found - other).max() > 1e-6 for other in (rewards, *others)
        ):
            others.append(found)
    limit = _limit("corrected DPO", rewards, residual, iterations, beta, reference, others)
    return replace(limit, rounding=rounding)


# --- designs and policies -------------------------------------------------------------


def _labels_by_type(population: Population, replicas: Sequence[int] | None) -> Floats:
    """Return how many labels each type gives in a panel."""
    if replicas is None:
        return np.ones(population.n_types)
    labels = _validate.real_array("replicas", replicas, 1)
    if labels.shape != population.shares.shape or (labels < 0).any() or labels.sum() <= 0:
        must = f"{population.n_types} non-negative numbers of labels"
        raise _validate.complaint("replicas", must, replicas)
    return labels


def _log_unanimous(population: Population, labels: Floats) -> Floats:
    """Return the log-probability, (K, K), that all labels prefer the first.

    In logarithms, or panels of decisive types would underflow.
    """
    total = np.zeros((population.n_options, population.n_options))
    for count, reward in zip(labels, population.rewards, strict=True):
        with np.errstate(divide="ignore"):
            total += count * np.log(population.link(reward[:, None] - reward[None, :]))
    return total


def pair_design(population: Population, sampling: ArrayLike | None) -> Floats:
    """Return the weights of the pairs, (K, K), of which every alternative can be compared."""
    size = population.n_options
    must = f"a distribution over {size} alternatives or a symmetric ({size}, {size}) matrix"
    array = None if sampling is None else _validate.any_array("sampling", sampling, must)
    if array is None or array.ndim == 1:
        d = _validate.distribution("sampling", array, size)
        weights = np.outer(d, d)
    else:
        weights = _validate.real_array("sampling", array, 2)
        near = 1e-8 * np.abs(weights).max(initial=0.0)
        if weights.shape != (size, size) or not np.allclose(weights, weights.T, atol=near):
            raise _validate.complaint("sampling", must, f"shape {weights.shape}, or not symmetric")
        if (weights < 0).any() or not weights.any():
            raise _validate.complaint("sampling", "non-negative and not all zero", "other weights")
        weights = weights / weights.sum()
    reached = np.zeros(size, dtype=bool)
    reached[0] = True
    linked = weights > 0.0
    while (grown := reached | linked[reached].any(axis=0)).sum() > reached.sum():
        reached = grown
    if not reached.all():
        names = [", ".join(repr(population.options[y]) for y in np.flatnonzero(side)[:5])
                 for side in (reached, ~reached)]  # fmt: skip
        raise InputError(
            f"'sampling' must let all alternatives be compared, if through others; {names[0]} "
            f"are never compared with {names[1]}."
        )
    return weights


def _limit(
    method: str,
    rewards: Floats,
    residual: float,
    iterations: int,
    beta: float,
    reference: ArrayLike | None,
    others: Sequence[Floats] = (),
) -> Limit:
    _validate.number("beta", beta, 0.0, above=True)
    base = _validate.distribution("reference", reference, len(rewards))
    if base.min() <= 0.0:
        raise _validate.complaint("reference", "positive everywhere", f"{base.min():g}")
    centred = rewards - rewards.mean()
    logits = np.log(base) + centred / beta
    policy = np.exp(logits - logits.max())
    return Limit(
        policy=policy / policy.sum(),
        rewards=centred,
        residual=residual,
        iterations=iterations,
        method=method,
        others=tuple(others),
    )


# --- Bradley-Terry fits ---------------------------------------------------------------


class _Fit(NamedTuple):
    rewards: Floats
    residual: float
    iterations: int


def _bradley_terry(weights: Floats, wins: Floats, max_iterations: int = 100) -> _Fit:
    """Fit ``sigma(h(y) - h(z))`` to `wins` under `weights`, both (K, K), by Newton's method."""
    size = len(weights)
    mass = weights.sum(axis=1)
    rewards = np.zeros(size)
    loss = _cross_entropy(weights, wins, rewards)
    for iteration in range(max_iterations):
        model = _sigmoid(rewards[:, None] - rewards[None, :])
        gradient = (weights * (model - wins)).sum(axis=1)
        residual = float(np.abs(gradient / mass).max())
        if residual <= TOLERANCE:
            return _Fit(rewards, residual, iteration)
        curvature = weights * model * (1.0 - model)
        laplacian = np.diag(curvature.sum(axis=1)) - curvature
        # The constant vector, along which nothing changes, is given a curvature.
        step = np.linalg.solve(laplacian + curvature.sum() / size**2, -gradient)
        step -= step.mean()
        slope, length = float(gradient @ step), 1.0
        while length > 1e-10:
            trial = _cross_entropy(weights, wins, rewards + length * step)
            # Next to the minimum the loss is flat to rounding: then a full step is right.
            if trial <= loss + 1e-4 * length * slope or -slope < 1e-15:
                break
            length /= 2.0
        rewards = rewards + length * step
        loss = _cross_entropy(weights, wins, rewards)
    raise ConvergenceError(
        f"Bradley-Terry fit: the residual is {residual:.2e} after {max_iterations} iterations, "
        f"more than {TOLERANCE:g}"
    )


def _sigmoid(x: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _cross_entropy(weights: Floats, wins: Floats, rewards: Floats) -> float:
    gaps = rewards[:, None] - rewards[None, :]
    return float((weights * wins * np.logaddexp(0.0, -gaps)).sum())


# --- the first-order correction -------------------------------------------------------

Correction = Callable[[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]
"""From s = sigma(h), E p and E p^2: the correction sigma'' V / 2 and its derivatives in h."""


def _variance_correction(s: Floats, mean: Floats, square: Floats) -> tuple[Floats, Floats, Floats]:
    """F1 and F3: ``(1 - 2s) Var p / (2 s (1 - s))``."""
    half = np.maximum(square - mean**2, 0.0) / 2.0
    u, v = s * (1.0 - s), 1.0 - 2.0 * s
    return half * v / u, half * (-2.0 - v**2 / u), half * (4.0 * v + v**3 / u)


def _moment_correction(s: Floats, mean: Floats, square: Floats) -> tuple[Floats, Floats, Floats]:
    """F2: ``(1 - 2s) (E p^2 - s^2) / (2 s (2 - 3s))`` for s <= 1/2, mirrored above."""
    mirrored = s > 0.5
    t = np.where(mirrored, 1.0 - s, s)
    a = np.where(mirrored, 1.0 - 2.0 * mean + square, square)
    n, n1, n2 = (1.0 - 2.0 * t) * (a - t**2), 6.0 * t**2 - 2.0 * t - 2.0 * a, 12.0 * t - 2.0
    d, d1, d2 = t * (2.0 - 3.0 * t), 2.0 - 6.0 * t, -6.0
    f = n / d / 2.0
    f1 = (n1 - 2.0 * f * d1) / d / 2.0
    f2 = (n2 - 2.0 * f * d2 - 4.0 * f1 * d1) / d / 2.0
    u, v = s * (1.0 - s), 1.0 - 2.0 * t
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
        s = _sigmoid(rewards[:, None] - rewards[None, :])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
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
            u = s * (1.0 - s)
            q, q1 = s + alpha * shift, u + alpha * shift1
            q2 = u * (1.0 - 2.0 * s) + alpha * shift2
        return q, q1, q2

    def value(self, alpha: float, rewards: Floats) -> float:
        q = self.likelihood(alpha, rewards)[0]
        if ((q <= EDGE) | (q >= 1.0 - EDGE)).any():
            return np.inf
        return float(-(self.weights * self.wins * np.log(q)).sum())

    def derivatives(self, alpha: float, rewards: Floats) -> tuple[Floats, Floats]:
        """Return the gradient, (K,), and the Hessian, (K, K)."""
        q, q1, q2 = self.likelihood(alpha, rewards)
        spread, off = q * (1.0 - q), q - self.wins
        pull = self.weights * q1 * off / spread
        slope = self.weights * (
            (q2 * off + q1**2) / spread - off * (1.0 - 2.0 * q) * (q1 / spread) ** 2
        )
        np.fill_diagonal(pull, 0.0)
        np.fill_diagonal(slope, 0.0)
        return pull.sum(axis=1), np.diag(slope.sum(axis=1)) - slope

    def residual(self, alpha: float, rewards: Floats) -> float:
        gradient, _ = self.derivatives(alpha, rewards)
        return float(np.abs(gradient / self.weights.sum(axis=1)).max())

    def settle(self, alpha: float, rewards: Floats) -> tuple[Floats, int, float, float]:
        """Return a local minimum, the Newton steps, the residual and the rounding it needed."""
        found, iterations = self.minimise(alpha, rewards)
        residual = self.residual(alpha, found)
        if residual <= TOLERANCE or not np.isfinite(self.clamp):
            return found, iterations, residual, 0.0
        for width in ROUNDINGS:
            rounded = replace(self, rounding=width * self.clamp)
            found, steps = rounded.minimise(alpha, found)
            iterations += steps
        return found, iterations, rounded.residual(alpha, found), rounded.rounding

    def minimise(
        self, alpha: float, rewards: Floats, max_iterations: int = 500
    ) -> tuple[Floats, int]:
        """Return a local minimum near `rewards`: Newton's method, made to descend."""
        size = len(rewards)
        value = self.value(alpha, rewards)
        for iteration in range(max_iterations):
            if not np.isfinite(value):
                return rewards, iteration
            gradient, hessian = self.derivatives(alpha, rewards)
            if np.abs(gradient / self.weights.sum(axis=1)).max() <= TOLERANCE / 10.0:
                return rewards, iteration
            curvatures, vectors = np.linalg.eigh(hessian)
            # Where the loss curves down, or not at all, step as if it curved up as much.
            scale = np.maximum(np.abs(curvatures), 1e-8 * np.abs(curvatures).max())
            step = -vectors @ ((vectors.T @ gradient) / scale)
            step -= step.mean()
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
