"""The smallest model: a score for every length, and nothing else.

What is known about lengths is a population of `LIMIT` options, one for each length, so the exact
fits of `socialpref.training` apply. It is the ceiling of larger models, and with exact label
probabilities it shows what a loss gets wrong by itself, without label noise.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ... import _validate
from ...comparisons import Cells, Comparisons, fit_latent_classes
from ...estimators.orthogonal import PseudoLabels, pseudo_labels
from ...limits.agreement import AgreementOnly
from ...limits.corrected import CorrectedDPO
from ...limits.dpo import DPO
from ...limits.method import Method
from ...limits.orthogonal import Orthogonal
from ...population import Population
from ...training import JointLikelihood, TrueJoint, fit_exact
from ...training.objectives import Objective, agreement_only, corrected, dpo, orthogonal_loss
from ...training.orthogonal import to_pseudo_labels
from ..data import LIMIT, check_pairs
from ..preferences import cross_fitted_heads
from .arms import N_TYPES, Arm, Labels, check_arm, check_pseudo
from .rewards import TYPES, length_rewards, reward_gaps

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Numbers = NDArray[np.integer]

KNOT = 16
"""Tokens between the knots of the score, by default; it is linear between them."""
BIN = 32
"""Tokens in one bin of the joint likelihood."""
TOLERANCE = 1e-5
"""Largest derivative of a fitted loss."""
ROUNDING = 1e-3
"""How far the corner of the corrected loss's clamp is rounded: minima lie on it."""
RIDGE = 1e-3
"""Precision of the prior of each length's score: weak; makes fits to few labels finite."""


class LengthScore(nn.Module):
    """A policy over lengths 1 to `LIMIT`, whose score is continuous and piecewise linear."""

    basis: Tensor

    def __init__(self, knot: int = KNOT) -> None:
        super().__init__()
        knots = np.arange(0, LIMIT + knot, knot)
        hats = [np.interp(np.arange(1, LIMIT + 1), knots, row) for row in np.eye(len(knots))]
        self.register_buffer("basis", torch.tensor(np.stack(hats, axis=1)))
        self.weights = nn.Parameter(torch.zeros(len(knots), dtype=torch.float64))

    def forward(self, prompts: Tensor) -> Tensor:
        """Return the scores of all lengths, the same for every prompt."""
        return (self.basis @ self.weights).expand(len(prompts), -1)


def population() -> Population:
    """Return the population of the three types over texts of 1 to `LIMIT` tokens."""
    return Population(length_rewards(np.arange(1, LIMIT + 1)), types=TYPES)


def true_joint() -> JointLikelihood:
    """Return the annotators' true joint likelihood of lengths."""
    return TrueJoint((population(),))


@dataclass(frozen=True, eq=False)
class BinnedJoint:
    """A joint likelihood of bins of lengths, asked about lengths.

    Attributes
    ----------
    bins : JointLikelihood
    """

    bins: JointLikelihood

    def moments(
        self, prompt: Numbers, first: Numbers, second: Numbers
    ) -> tuple[Floats, Floats, Floats]:
        """Return ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of each pair of lengths - 1."""
        return self.bins.moments(prompt, np.asarray(first) // BIN, np.asarray(second) // BIN)


def learn_joint(labels: Labels, lengths: Integers, n_classes: int, seed: int = 0) -> BinnedJoint:
    """Learn the joint likelihood of lengths from linked comparisons.

    Parameters
    ----------
    labels : Labels
        Of the linked arm.
    lengths : ndarray of int, shape (n, 2)
        Of the corpus's pairs.
    n_classes : int
        Latent classes of annotators, each with a reward for every bin of `BIN` tokens.
    seed : int
        Of the fit's random starts.

    Raises
    ------
    InputError
        If annotators are unknown.
    ConvergenceError
        If the fit does not converge.
    """
    rows = _binned(labels, lengths, "annotator")
    return BinnedJoint(fit_latent_classes(rows, n_classes, seed=seed))


def learn_pseudo_labels(labels: Labels, lengths: Integers, seed: int | None) -> PseudoLabels:
    """Return the pseudo-labels of labels of known types, with equal shares.

    Parameters
    ----------
    labels : Labels
        Of the orthogonal arm.
    lengths : ndarray of int, shape (n, 2)
        Of the corpus's pairs.
    seed : int or None
        Of the parts of the labels for cross-fitting: each type's rewards of bins of `BIN` tokens
        are fitted to the other parts. None takes the types' true rewards.

    Raises
    ------
    InputError
        If types are unknown, or a type has only one label.
    """
    lengths = _lengths_of(labels, lengths)
    if not len(labels) or labels.annotator_type.min() < 0:
        raise _validate.complaint("annotator_type", "known, for pseudo-labels", "-1, or no label")
    heads = np.zeros((len(labels), N_TYPES))
    if seed is None:
        heads = reward_gaps(lengths[labels.pair]).T
    else:
        rows = _binned(labels, lengths, "annotator_type")
        apart = rows.first != rows.second
        heads[apart] = cross_fitted_heads(rows.take(apart), N_TYPES, seed)
    said = np.full(heads.shape, np.nan)
    said[np.arange(len(labels)), labels.annotator_type] = labels.wins
    return pseudo_labels(said, heads, answer_probability=np.full(N_TYPES, 1.0 / N_TYPES))


def _binned(labels: Labels, lengths: Integers, who: str) -> Comparisons:
    """Return labels as comparisons of bins of lengths, with the column `who`."""
    first, second = ((_lengths_of(labels, lengths)[labels.pair] - 1) // BIN).T
    nothing, people = np.zeros(len(labels), dtype=np.int64), {who: getattr(labels, who)}
    return Comparisons(nothing, first, second, labels.wins, 1, LIMIT // BIN, **people)


def _lengths_of(labels: Labels, lengths: Integers) -> Integers:
    """Return the lengths of the pairs, cut as texts are, once the labels are known to be theirs."""
    _validate.instance("labels", labels, Labels, "Labels")
    checked = np.minimum(check_pairs(lengths), LIMIT)
    labels.check_within(len(checked))
    return checked


def objective(arm: Arm, alpha: float = 1.0, rounding: float = 0.0) -> Objective:
    """Return the loss of an arm, of margins and a `Batch`; `rounding` as for `corrected`."""
    losses: dict[type[Method], Objective] = {
        DPO: dpo,
        CorrectedDPO: corrected(alpha, rounding=rounding),
        AgreementOnly: agreement_only,
        Orthogonal: orthogonal_loss,
    }
    return losses[arm.method]


def n_labels(arm: Arm) -> int:
    """Return how many labels each of the arm's labels stands for: by how much margins grow."""
    return N_TYPES if arm.method.information == "panel" else 1


def fit_score(
    arm: Arm,
    labels: Labels,
    lengths: Integers,
    *,
    joint: JointLikelihood | None = None,
    pseudo: PseudoLabels | None = None,
    alpha: float = 1.0,
    knot: int = KNOT,
) -> Floats:
    """Return the score of every length from 1 to `LIMIT`, learned from labels.

    Parameters
    ----------
    arm : Arm
    labels : Labels
        Sampled by `annotate` or expected by `expect`.
    lengths : ndarray of int, shape (n, 2)
        Of the corpus's pairs.
    joint : JointLikelihood, optional
        For the corrected loss.
    pseudo : PseudoLabels, optional
        For the orthogonal loss, of each label: see `learn_pseudo_labels`.
    alpha : float
        Strength of the correction.
    knot : int
        Tokens between the knots of the score; 1 leaves every length a score of its own.

    Raises
    ------
    ConvergenceError
        If the fit does not converge.
    """
    check_arm(arm)
    _validate.number("alpha", alpha, 0.0)
    lengths = _lengths_of(labels, lengths)
    scores = []
    for part in labels.by_model(arm):
        cells, score = _cells(arm, part, lengths), LengthScore(knot)
        if arm.method.information == "linked":  # not convex: go on from DPO's solution
            _fit(score, cells, dpo, None)
        loss = objective(arm, alpha, ROUNDING)
        if arm.needs_heads and pseudo is not None:
            loss = _to_pseudo_labels(part, lengths, pseudo)
        _fit(score, cells, loss, joint)
        scores.append(score)
    return np.mean([(score.basis @ score.weights).detach().numpy() for score in scores], axis=0)


def _fit(score: LengthScore, cells: Cells, loss: Objective, joint: JointLikelihood | None) -> None:
    """Train a score, from its present values, to the minimum of its loss."""
    fit_exact(
        cells,
        loss,
        policy=score,
        joint=joint,
        n_prompts=1,
        n_options=LIMIT,
        ridge=RIDGE,
        tolerance=TOLERANCE,
    )


def _to_pseudo_labels(labels: Labels, lengths: Integers, pseudo: PseudoLabels) -> Objective:
    """Return the orthogonal loss of labels that are added up by pair, as `_cells` does."""
    check_pseudo(pseudo, labels)
    pairs, at, counts = np.unique(labels.pair, return_inverse=True, return_counts=True)
    total = np.bincount(at, pseudo.weights)
    values = np.bincount(at, pseudo.weights * pseudo.values) / total
    open_ = lengths[pairs, 0] != lengths[pairs, 1]
    return to_pseudo_labels(values[open_], (total / counts)[open_])


def _cells(arm: Arm, labels: Labels, lengths: Integers) -> Cells:
    """Add the labels up by pair; texts of one length tell nothing."""
    pairs, at = np.unique(labels.pair, return_inverse=True)
    wins, losses = (np.bincount(at, values) for values in (labels.wins, labels.losses))
    total = np.bincount(at).astype(float)
    first, second = lengths[pairs].T - 1
    open_ = first != second
    return Cells(
        np.zeros(open_.sum(), dtype=np.int64),
        first[open_],
        second[open_],
        wins[open_],
        losses[open_],
        total[open_],
        n_labels(arm),
    )
