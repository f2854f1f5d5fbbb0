"""Fits of methods to labels of types: the average rewards with their errors."""

import warnings
from functools import singledispatch

import numpy as np

from .. import _validate
from ..bradley_terry.arguments import checked_prior
from ..bradley_terry.fit import BradleyTerryFit, fit_bradley_terry
from ..errors import ConvergenceError
from ..limits.agreement import AgreementOnly
from ..limits.dpo import DPO
from ..limits.method import Method
from ..limits.orthogonal import Orthogonal
from ..limits.typed import RewardAveraging
from ..limits.votes import VoteCountLikelihood
from .lapses import agreement_likelihood, climb, lapsing_likelihood
from .orthogonal import pseudo_labels
from .panels import Panels
from .result import Estimate, Floats, gap_variances
from .sandwich import by_cluster, inverse, laplacian, pulls
from .votes import fit_votes, votes_of

MOST_MOVED = 0.5
"""Standard errors by which errors of the heads may move a gap without a warning."""


def estimate(
    method: Method,
    panels: Panels,
    *,
    prior: float | None = None,
    seed: int | np.random.Generator = 0,
) -> Estimate:
    """Return the average rewards that a method estimates, with their covariance.

    Parameters
    ----------
    method : Method
        `RewardAveraging`, `Orthogonal`, `VoteCountLikelihood`, `AgreementOnly` or `DPO`. Latent
        classes of annotators of unknown type are fitted by
        `socialpref.comparisons.fit_latent_classes`.
    panels : Panels
        The agreement-only loss and vote counts use complete panels only, and need equal shares.
    prior : float, optional
        The precision of a normal prior of each reward that is fitted, as for `fit_bradley_terry`:
        of the types, of the votes' types, or of DPO. With it every set of labels has a fit.
    seed : int or Generator
        Of the folds, and of random starts.

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        If an argument is out of its range, the method has no fit here, or the labels do not suffice
        for one without a prior.
    ConvergenceError
        If a fit does not converge.

    Notes
    -----
    With a rate of lapses the likelihoods of type models need not be concave: the maximum is that
    which a search from the Bradley-Terry fits comes to.

    Errors by annotator, where annotators are known, are those of type models and of the orthogonal
    loss; the other methods take panels for independent. Type models without annotators have the
    errors of their likelihoods; pseudo-labels have those of White's sandwich, of panels.

    The errors of the orthogonal loss are those of many labels: they leave out what errors of the
    heads, squared, do to the gaps. Where that may be more than half a standard error there is a
    warning. With 100 panels of the worked populations intervals of 95 % hold the truth in 77 to
    97 % of the cases (docs/simulations.md).

    Examples
    --------
    >>> from socialpref import AgreementOnly, RewardAveraging
    >>> from socialpref.estimators import draw_panels, estimate
    >>> from socialpref.examples import mediocre_winner
    >>> panels = draw_panels(mediocre_winner(), 20_000, seed=1)
    >>> for method in (AgreementOnly(), RewardAveraging()):
    ...     found = estimate(method, panels)
    ...     print(method.name, found.gaps[0, 1].round(2), found.gap_errors[0, 1].round(3))
    agreement 0.18 0.028
    reward-averaging 0.17 0.02
    """
    _validate.instance("method", method, Method, "a method, such as RewardAveraging()")
    _validate.instance("panels", panels, Panels, "Panels")
    rng = _validate.seed("seed", seed)
    return fit.dispatch(type(method))(method, panels, checked_prior(prior), rng)


@singledispatch
def fit(method: Method, panels: Panels, prior: float, rng: np.random.Generator) -> Estimate:
    """Return the fit of a method: the function that fits are registered with."""
    raise _validate.complaint(
        "method", "one whose fit to panels is registered", _validate.shown(method)
    )


@fit.register
def _type_models(
    method: RewardAveraging, panels: Panels, prior: float, rng: np.random.Generator
) -> Estimate:
    shares = _shares(method, panels)
    used = np.flatnonzero(shares).tolist()
    types = np.zeros((panels.n_types, panels.size))
    covariance = np.zeros((panels.size, panels.size))
    for u in used:
        if method.lapse:
            types[u], own = _lapsing_model(panels, u, prior, method.lapse)
        else:
            one = _type_model(panels, u, prior)
            types[u], own = one.rewards, one.covariance(clustered=panels.annotators is not None)
        covariance += shares[u] ** 2 * own
    return Estimate(
        method.name,
        shares @ types,
        covariance + _by_shares(method, panels, types),
        panels.names,
        panels.n_labels,
        types,
    )


@fit.register
def _orthogonal(
    method: Orthogonal, panels: Panels, prior: float, rng: np.random.Generator
) -> Estimate:
    """Fit heads on the other folds, and the gaps to the pseudo-labels of each."""
    shares = _shares(method, panels)
    folds = _folds(panels, method.n_folds, rng)
    chances = panels.counts @ panels.answered / panels.counts.sum()
    heads = np.zeros((method.n_folds, panels.n_types, panels.size))
    noise = np.zeros((method.n_folds, *panels.labels.shape))
    first, second = panels.pairs.T
    for fold, inside in enumerate(folds.T):
        for u in np.flatnonzero(shares).tolist():
            head = _type_model(panels, u, prior, panels.counts - inside)
            heads[fold, u] = head.rewards
            noise[fold, :, u] = gap_variances(head.covariance())[first, second]
    gaps = np.moveaxis(heads[:, :, first] - heads[:, :, second], 1, 2)  # (folds, rows, T)
    found = [
        pseudo_labels(panels.labels, one, shares=shares, answer_probability=chances) for one in gaps
    ]
    values, precision = (np.array(part) for part in zip(*found, strict=True))
    weights = precision if method.weighted else np.ones_like(values)
    counted = folds.T * weights
    bread = inverse(laplacian(panels.pairs, counted.sum(axis=0), panels.size), prior)
    rewards = bread @ pulls(panels.pairs, (counted * values).sum(axis=0), panels.size)
    left = values - (rewards[first] - rewards[second])
    meat = _spread(panels, (folds.T * (weights * left) ** 2).sum(axis=0))
    if panels.annotators is not None:
        meat = _orthogonal_by_annotator(panels, shares, chances, gaps, counted, left)
    types = heads.mean(axis=0)
    estimate = Estimate(
        method.name,
        rewards,
        bread @ meat @ bread + _by_shares(method, panels, types),
        panels.names,
        panels.n_labels,
        types,
    )
    # To the second order, what the heads' errors leave in the mean of a pseudo-label.
    left_over = -0.5 * (np.tanh(gaps / 2.0) * noise) @ shares
    moved = bread @ pulls(panels.pairs, (counted * left_over).sum(axis=0), panels.size)
    if (np.abs(np.subtract.outer(moved, moved)) > MOST_MOVED * estimate.gap_errors).any():
        warnings.warn(
            "the labels are few: errors of the heads, squared, may move some gap by more than "
            f"{MOST_MOVED:g} of its standard error, and intervals may hold the truth too seldom",
            stacklevel=3,
        )
    return estimate


@fit.register
def _votes(
    method: VoteCountLikelihood, panels: Panels, prior: float, rng: np.random.Generator
) -> Estimate:
    _check_equal(panels)
    labels, pairs, counts = panels.with_votes()
    votes = votes_of(labels, pairs, counts, panels.size)
    pooled = _pooled(panels, prior or 1.0)
    found = fit_votes(votes, panels.n_types, pooled, prior, method.n_starts, rng)
    return Estimate(
        method.name,
        found.types.mean(axis=0),
        found.covariance,
        panels.names,
        float(counts.sum()) * panels.n_types,
        found.types,
        method.n_starts,
        found.n_agreeing,
        found.spread,
    )


@fit.register
def _agreement(
    method: AgreementOnly, panels: Panels, prior: float, rng: np.random.Generator
) -> Estimate:
    """Fit T times the rewards to unanimous panels."""
    if method.replicas is not None and set(method.replicas) != {1}:
        must = "without replicas: panels here have one label of each type"
        raise _validate.complaint("method", must, _validate.shown(method))
    _check_equal(panels)
    if method.lapse:
        return _corrected_agreement(method, panels, prior)
    labels, pairs, counts = panels.with_votes()
    all_first, all_second = labels.prod(axis=1), (1.0 - labels).prod(axis=1)
    first, second = np.concatenate([pairs, pairs[:, ::-1]]).T
    found = fit_bradley_terry(
        first,
        second,
        weights=np.concatenate([counts * all_first, counts * all_second]),
        n_options=panels.size,
        prior=prior,
    )
    T = panels.n_types
    return Estimate(
        method.name,
        found.rewards / T,
        found.covariance() / T**2,
        panels.names,
        float(counts.sum()) * T,
    )


def _corrected_agreement(method: AgreementOnly, panels: Panels, prior: float) -> Estimate:
    """Fit T times the rewards to all panels, by the weights that correct for lapses."""
    labels, pairs, counts = panels.with_votes()
    T, size = panels.n_types, panels.size
    one, none = ((side - method.lapse).prod(axis=1) for side in (labels, 1.0 - labels))
    if (np.triu(laplacian(pairs, counts * (one + none), size), 1) > 0.0).any():
        raise ConvergenceError(
            f"lapse {method.lapse:g}: the panels of some pair count negatively, and the loss need "
            "not have a minimum; it takes more panels, or a smaller lapse"
        )
    likelihood = agreement_likelihood(counts * one, counts * none)
    found, bread = climb(likelihood, pairs, np.zeros(size), prior)
    scores = agreement_likelihood(one, none)(found[pairs[:, 0]] - found[pairs[:, 1]]).scores
    meat = laplacian(pairs, counts * scores**2, size)
    return Estimate(
        method.name,
        found / T,
        bread @ meat @ bread / T**2,
        panels.names,
        float(counts.sum()) * T,
    )


@fit.register
def _dpo(method: DPO, panels: Panels, prior: float, rng: np.random.Generator) -> Estimate:
    """Fit all labels, whoever gave them; labels of a panel are not independent of each other."""
    found = _pooled(panels, prior)
    first, second = panels.pairs.T
    wins = 1.0 / (1.0 + np.exp(found[second] - found[first]))
    answered = panels.answered
    scores = np.where(answered, panels.labels - wins[:, None], 0.0).sum(axis=1)
    curvature = panels.counts * answered.sum(axis=1) * wins * (1.0 - wins)
    bread = inverse(laplacian(panels.pairs, curvature, panels.size), prior)
    meat = _spread(panels, panels.counts * scores**2)
    return Estimate(method.name, found, bread @ meat @ bread, panels.names, panels.n_labels)


# --- parts --------------------------------------------------------------------------------


def _shares(method: RewardAveraging | Orthogonal, panels: Panels) -> Floats:
    """Return the types' weights, and refuse types that never answer."""
    assert panels.shares is not None
    shares = method.weights(panels.shares)
    silent = (shares > 0.0) & ~panels.answered.any(axis=0)
    if silent.any():
        must = "of every type that has a share"
        raise _validate.complaint("labels", must, f"none of type {int(silent.argmax()) + 1}")
    return shares


def _by_shares(method: RewardAveraging | Orthogonal, panels: Panels, types: Floats) -> Floats:
    """Return what the error of estimated shares adds to the covariance of average rewards."""
    if method.shares is not None or panels.people is None:
        return np.zeros((panels.size, panels.size))
    assert panels.shares is not None
    return types.T @ panels.share_covariance(panels.shares) @ types


def _check_equal(panels: Panels) -> None:
    assert panels.shares is not None
    if np.ptp(panels.shares) > _validate.SUM_TOLERANCE:
        must = "equal for panels with one label of each type"
        raise _validate.complaint("shares", must, _validate.shown(panels.shares.tolist()))


def _type_model(
    panels: Panels, u: int, prior: float, counts: Floats | None = None
) -> BradleyTerryFit:
    """Return the Bradley-Terry fit to the labels of a type."""
    seen = panels.answered[:, u]
    first, second = panels.pairs[seen].T
    return fit_bradley_terry(
        first,
        second,
        panels.labels[seen, u],
        weights=(panels.counts if counts is None else counts)[seen],
        n_options=panels.size,
        cluster=None if panels.annotators is None else panels.annotators[seen, u],
        prior=prior,
    )


def _lapsing_model(panels: Panels, u: int, prior: float, lapse: float) -> tuple[Floats, Floats]:
    """Return a type's rewards with their covariance, by the likelihood that has the lapses."""
    seen = panels.answered[:, u]
    pairs = panels.pairs[seen]
    likelihood = lapsing_likelihood(panels.labels[seen, u], panels.counts[seen], lapse)
    start = _type_model(panels, u, prior or 1.0).rewards
    rewards, bread = climb(likelihood, pairs, start, prior)
    if panels.annotators is None:
        return rewards, bread
    scores = likelihood(rewards[pairs[:, 0]] - rewards[pairs[:, 1]]).scores
    meat = by_cluster(panels.annotators[seen, u], pairs, scores, panels.size)
    return rewards, bread @ meat @ bread


def _pooled(panels: Panels, prior: float) -> Floats:
    """Return the Bradley-Terry fit to all labels."""
    row, kind = np.nonzero(panels.answered)
    first, second = panels.pairs[row].T
    return fit_bradley_terry(
        first,
        second,
        panels.labels[row, kind],
        weights=panels.counts[row],
        n_options=panels.size,
        prior=prior,
    ).rewards


def _folds(panels: Panels, n_folds: int, rng: np.random.Generator) -> Floats:
    """Return how many panels of each row are in each fold, shape (n, folds).

    Rows that stand for whole numbers of panels are split; others go to one fold.
    """
    counts = panels.counts
    whole = counts.round()
    if (whole == counts).all():
        return rng.multinomial(whole.astype(np.int64), np.full(n_folds, 1.0 / n_folds)).astype(
            np.float64
        )
    place = rng.permutation(np.arange(len(counts)) % n_folds)
    return counts[:, None] * (place[:, None] == np.arange(n_folds))


def _spread(panels: Panels, squares: Floats) -> Floats:
    """Return the meat of a sandwich of independent panels, from the sums of squared scores."""
    n, free = float(panels.counts.sum()), panels.size - 1
    return laplacian(panels.pairs, squares, panels.size) * n / max(n - free, 1.0)


def _orthogonal_by_annotator(
    panels: Panels,
    shares: Floats,
    chances: Floats,
    gaps: Floats,
    counted: Floats,
    left: Floats,
) -> Floats:
    """Return the meat by annotator: each label's surprise is its annotator's.

    What else a pseudo-label is off by comes from the heads, and counts as one more cluster for
    each row.
    """
    answered = panels.answered
    x = np.where(answered, panels.labels, 0.0)
    surprise = x * (1.0 + np.exp(-gaps)) - (1.0 - x) * (1.0 + np.exp(gaps))
    rate = np.divide(shares, chances, out=np.zeros_like(shares), where=shares > 0.0)
    own = np.where(answered, surprise * rate, 0.0)  # (folds, rows, T)
    scores = (counted[:, :, None] * own).sum(axis=0)
    rest = (counted * left).sum(axis=0) - scores.sum(axis=1)
    assert panels.annotators is not None
    row, kind = np.nonzero(answered)
    who = panels.annotators[row, kind]
    alone = int(panels.annotators.max()) + 1 + np.arange(len(rest))
    return by_cluster(
        np.concatenate([who, alone]),
        np.concatenate([panels.pairs[row], panels.pairs]),
        np.concatenate([scores[row, kind], rest]),
        panels.size,
    )
