"""Fits of methods to labels of types: the average rewards with their errors."""

from functools import singledispatch

import numpy as np

from .. import _validate
from ..bradley_terry.arguments import checked_prior
from ..bradley_terry.fit import BradleyTerryFit, fit_bradley_terry
from ..limits.agreement import AgreementOnly
from ..limits.dpo import DPO
from ..limits.method import Method
from ..limits.orthogonal import Orthogonal
from ..limits.typed import RewardAveraging
from ..limits.votes import VoteCountLikelihood
from .orthogonal import pseudo_labels
from .panels import Panels
from .result import Estimate, Floats
from .sandwich import by_cluster, inverse, laplacian, pulls
from .votes import fit_votes, votes_of


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
    Errors by annotator, where annotators are known, are those of type models and of the orthogonal
    loss; the other methods take panels for independent. Type models without annotators have the
    errors of their likelihoods; pseudo-labels have those of White's sandwich, of panels.

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
    fits = {u: _type_model(panels, u, prior) for u in used}
    clustered = panels.annotators is not None
    types = np.zeros((panels.n_types, panels.size))
    covariance = np.zeros((panels.size, panels.size))
    for u, one in fits.items():
        types[u] = one.rewards
        covariance += shares[u] ** 2 * one.covariance(clustered=clustered)
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
    for fold, inside in enumerate(folds.T):
        for u in np.flatnonzero(shares).tolist():
            heads[fold, u] = _type_model(panels, u, prior, panels.counts - inside).rewards
    first, second = panels.pairs.T
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
    return Estimate(
        method.name,
        rewards,
        bread @ meat @ bread + _by_shares(method, panels, types),
        panels.names,
        panels.n_labels,
        types,
    )


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
    if method.lapse or (method.replicas is not None and set(method.replicas) != {1}):
        must = "without lapses and replicas: panels here have one label of each type"
        raise _validate.complaint("method", must, _validate.shown(method))
    _check_equal(panels)
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
