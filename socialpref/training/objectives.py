"""What is minimised: losses of batches, and comparisons as the tensors that a loss sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .. import _validate
from ..comparisons.counts import Cells
from ..comparisons.table import places
from ..limits.corrected import VarianceForm
from ..population import Population
from .losses import JointMoments, agreement, check_correction, corrected_dpo

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


class Batch(NamedTuple):
    """Comparisons as a loss sees them: tensors of one shape, whose last axis is the comparison.

    Attributes
    ----------
    wins, losses : Tensor
        The share of the comparisons that the first won, and the second; of panels, with one
        voice.
    weight : Tensor
        How many comparisons there are of each.
    n_labels : int or None
        Labels in each comparison; None where that is not known.
    joint : JointMoments or None
        The joint likelihood of each pair, where it is known.
    annotator, annotator_type : Tensor or None
        Who compared, and of which type they are, as numbers; -1 where it is not known.
    lengths : tuple of Tensor, or None
        Of texts: how many tokens of the first and of the second are scored.
    pseudo_label, pseudo_weight : Tensor or None
        What the margin should be, by labels of known types, and how much that counts: see
        `socialpref.estimators.pseudo_labels`.
    """

    wins: Tensor
    losses: Tensor
    weight: Tensor
    n_labels: int | None
    joint: JointMoments | None
    annotator: Tensor | None = None
    annotator_type: Tensor | None = None
    lengths: tuple[Tensor, Tensor] | None = None
    pseudo_label: Tensor | None = None
    pseudo_weight: Tensor | None = None


Objective = Callable[[Tensor, Batch], Tensor]
"""From margins, and what was said of them, to the mean loss."""


class JointLikelihood(Protocol):
    """A source of the probabilities of one annotator's two answers on a pair."""

    def moments(
        self, prompt: Integers, first: Integers, second: Integers
    ) -> tuple[Floats, Floats, Floats]:
        """Return ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of each pair."""
        ...


@dataclass(frozen=True, eq=False)
class TrueJoint:
    """The joint likelihood of known populations, one for each prompt.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import TrueJoint
    >>> wins, splits, losses = TrueJoint((mediocre_winner(),)).moments([0], [1], [0])
    >>> (wins + 2 * splits + losses).round(9)
    array([1.])
    """

    populations: Sequence[Population]

    def __post_init__(self) -> None:
        must = "Populations with the same number of options, one for each prompt"
        _validate.instance("populations", self.populations, Sequence, must)
        for one in self.populations:
            _validate.instance("populations", one, Population, must)
        if len({one.n_options for one in self.populations}) != 1:
            raise _validate.complaint("populations", must, "others, or none")

    def moments(
        self, prompt: ArrayLike, first: ArrayLike, second: ArrayLike
    ) -> tuple[Floats, Floats, Floats]:
        """Return ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of each pair."""
        K = self.populations[0].n_options
        x = places("prompt", prompt, len(self.populations))
        y, z = places("first", first, K), places("second", second, K)
        preferences = np.stack([one.pairwise() for one in self.populations])
        mean, rest = preferences[x, y, z], preferences[x, z, y]
        square = np.stack([one.pairwise_twice() for one in self.populations])
        wins, losses = square[x, y, z], square[x, z, y]
        # The rarer side's is exact, too, where preferences are near to 0 and 1.
        return wins, np.where(mean <= rest, mean - wins, rest - losses), losses


def dpo(margin: Tensor, batch: Batch) -> Tensor:
    """Return DPO's loss of a batch of single labels.

    Wins and losses are taken as they are: 1 less the share of wins would lose a rare loss.
    """
    _check_single(batch)
    return agreement(margin, batch.wins, batch.losses, 1, batch.weight)


@dataclass(frozen=True)
class corrected:  # noqa: N801 - used as the functions beside it are
    """The objective of first-order corrected DPO.

    Parameters
    ----------
    alpha : float or Tensor
        Strength; a tensor of shape (models, 1) for several models at once.
    form, clamp, rounding
        As for `corrected_dpo`.
    """

    alpha: float | Tensor = 1.0
    form: VarianceForm = "F1"
    clamp: float = 0.1
    rounding: float = 0.0

    def __post_init__(self) -> None:
        check_correction(self.alpha, self.form, self.clamp, self.rounding)

    def __call__(self, margin: Tensor, batch: Batch) -> Tensor:
        """Return the loss of a batch, whose joint likelihood must be known."""
        if batch.joint is None:
            raise _validate.complaint("joint", "a joint likelihood for corrected DPO", "None")
        _check_single(batch)
        return corrected_dpo(margin, batch.wins, batch.joint, batch.weight, **vars(self))


def agreement_only(margin: Tensor, batch: Batch) -> Tensor:
    """Return the agreement-only loss of a batch of panels, whose size must be known."""
    if batch.n_labels is None:
        raise _validate.complaint("n_labels", "the number of labels in each panel", "None")
    return agreement(margin, batch.wins, batch.losses, batch.n_labels, batch.weight)


def orthogonal_loss(margin: Tensor, batch: Batch) -> Tensor:
    """Return the orthogonal loss of a batch: the squared distance of margins to pseudo-labels.

    Weights of pseudo-labels are not scaled to a sum of 1 in each batch, since that would favour
    batches of small weights. Their mean should be about 1.

    References
    ----------
    Chernozhukov et al. (2018), "Double/debiased machine learning for treatment and structural
    parameters", Econometrics Journal 21.

    Examples
    --------
    >>> import torch
    >>> from socialpref.training import Batch, orthogonal_loss
    >>> said = torch.tensor([1.0, 0.0])
    >>> batch = Batch(said, 1 - said, torch.ones(2), 1, None)
    >>> batch = batch._replace(
    ...     pseudo_label=torch.tensor([2.0, -1.0]), pseudo_weight=torch.tensor([0.5, 1.5])
    ... )
    >>> orthogonal_loss(torch.zeros(2), batch)
    tensor(1.7500)
    """
    if batch.pseudo_label is None or batch.pseudo_weight is None:
        must = "known, with 'pseudo_weight', for the orthogonal loss"
        raise _validate.complaint("pseudo_label", must, "None")
    _check_single(batch)
    squares = batch.pseudo_weight * (margin - batch.pseudo_label) ** 2
    return (batch.weight * squares).sum() / batch.weight.sum()


def _check_single(batch: Batch) -> None:
    if batch.n_labels not in (None, 1):
        must = "of single labels ('n_labels' 1, or not given), for this loss"
        raise _validate.complaint("cells", must, f"panels of {batch.n_labels}")


def tensors_of(
    cells: Cells,
    X: int,
    K: int,
    joint: JointLikelihood | None,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Batch]:
    """Return each comparison's two places among the (X K) scores, and its label."""
    limits = {"prompt": ("n_prompts", X), "first": ("n_options", K), "second": ("n_options", K)}
    for column, (name, size) in limits.items():
        most = int(getattr(cells, column).max())
        if most >= size:
            raise _validate.complaint(name, f"more than {most}, which is in 'cells'", size)
    shares = [cells.wins / cells.total, cells.losses / cells.total, cells.total]
    if joint is not None:
        if not hasattr(joint, "moments"):
            raise _validate.complaint("joint", "a joint likelihood", _validate.shown(joint))
        shares += joint.moments(cells.prompt, cells.first, cells.second)
    wins, losses, weight, *moments = (
        torch.as_tensor(np.asarray(values), dtype=dtype, device=device) for values in shares
    )
    first, second = (
        torch.as_tensor(cells.prompt * K + option, dtype=torch.int64, device=device)
        for option in (cells.first, cells.second)
    )
    known = JointMoments(*moments) if moments else None
    return first, second, Batch(wins, losses, weight, cells.n_labels, known)
