"""Losses as pure functions of margins.

A margin is ``h(first) - h(second)``, the difference of two implicit rewards
``beta log(policy / reference)`` or of two outputs of a reward model. A label is the share of
labels that prefer the first: 1, 0, or what many of them average to. All losses are weighted
means over the batch, differentiable, and finite for finite margins, however large.
"""

from math import comb, exp, inf, log
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .. import _validate
from ..limits.corrected import EDGE, VarianceForm

FORMS: tuple[VarianceForm, ...] = ("F1", "F2", "F3")
Family = Literal["logit", "potential"]


class JointMoments(NamedTuple):
    """The joint likelihood of one pair, judged twice by the same annotator.

    Attributes
    ----------
    wins : Tensor
        ``a = E[p^2]``, that the first wins both times; p is an annotator's probability.
    splits : Tensor
        ``b = E[p (1 - p)]``, that it wins and then loses.
    losses : Tensor
        ``c = E[(1 - p)^2]``, that it loses both times.
    """

    wins: Tensor
    splits: Tensor
    losses: Tensor


def bradley_terry(margin: Tensor, label: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the negative log-likelihood of Bradley-Terry: DPO's loss, and a reward model's.

    Parameters
    ----------
    margin : Tensor, any shape
        ``h(first) - h(second)``: implicit rewards for DPO, a reward model's outputs for it.
    label : Tensor
        Share of labels that prefer the first, in [0, 1].
    weight : Tensor, optional
        Of each entry; equal if omitted.

    Returns
    -------
    Tensor
        ``mean(-label log sigma(h) - (1 - label) log sigma(-h))``.

    References
    ----------
    Rafailov et al. (2023), "Direct Preference Optimization"; arXiv 2502.16320, section 4.

    Examples
    --------
    >>> import torch
    >>> from socialpref.training.losses import bradley_terry
    >>> bradley_terry(torch.tensor([0.0, 1e4]), torch.tensor([1.0, 0.0]))
    tensor(5000.3467)
    """
    return _mean(-label * logsigmoid(margin) - (1.0 - label) * logsigmoid(-margin), weight)


def corrected_dpo(
    margin: Tensor,
    label: Tensor,
    joint: JointMoments,
    weight: Tensor | None = None,
    *,
    alpha: float | Tensor = 1.0,
    form: VarianceForm = "F1",
    clamp: float = 0.1,
    rounding: float = 0.0,
) -> Tensor:
    """Return first-order corrected DPO's loss.

    The likelihood of a win is ``q = sigma(h) + alpha clip(sigma''(h) V / 2, -clamp, clamp)``, with
    V from the joint likelihood and from ``s = sigma(h)``, through which gradients flow.

    Parameters
    ----------
    margin, label, weight
        As for `bradley_terry`.
    joint : JointMoments
        Constants, of the margins' shape.
    alpha : float or Tensor
        Strength of the correction; 0 is DPO. A tensor must broadcast with the margins.
    form : {"F1", "F2", "F3"}
        F1 ``max(a c - b^2, 0) / [s (1 - s)]^2``, where ``a c - b^2`` is ``a - (a + b)^2``, since
        ``a + 2 b + c`` is 1, and loses less to rounding;
        F2 ``(a - s^2) / (s^2 (1 - s) (2 - 3 s))``, mirrored for s > 1/2;
        F3 as F1, with ``a - (1 + a - c)^2 / 4``.
    clamp : float
        Bound of the correction before it is multiplied by alpha; inf for none.
    rounding : float
        The loss has a kink where the clamp begins, and a minimum can lie on it. This rounds the
        corner by a parabola, where the correction is less than `rounding` from its bound.

    Returns
    -------
    Tensor
        Where q leaves (0, 1), which large alpha can bring about, it is held 1e-15 above 0 or
        at 1, and gradients are 0.

    Raises
    ------
    InputError
        If `alpha` or `rounding` is negative, the form unknown or `clamp` not positive.

    References
    ----------
    arXiv 2502.16320, section 5.

    Examples
    --------
    Types that disagree (p = 0.9 and 0.2) pull the likelihood towards 1/2:

    >>> import torch
    >>> from socialpref.training.losses import JointMoments, corrected_dpo
    >>> p = torch.tensor([[0.9], [0.2]])
    >>> joint = JointMoments((p**2).mean(0), (p * (1 - p)).mean(0), ((1 - p) ** 2).mean(0))
    >>> corrected_dpo(torch.tensor([1.0]), torch.tensor([1.0]), joint)
    tensor(0.4604)
    """
    check_correction(alpha, form, clamp, rounding)
    # Further out the correction is at its clamp, or 0, and floats would overflow.
    far = 30.0 if margin.dtype == torch.float64 else 15.0
    s = torch.sigmoid(margin.clamp(-far, far))
    a, b, c = joint
    if form == "F2":
        mirrored = s > 0.5
        t = torch.where(mirrored, 1.0 - s, s)
        wins = torch.where(mirrored, c, a)
        bend = (1.0 - 2.0 * t) * (wins - t**2) / (2.0 * t * (2.0 - 3.0 * t))
        bend = torch.where(mirrored, -bend, bend)
    else:
        variance = a * c - b**2 if form == "F1" else a - (1.0 + a - c) ** 2 / 4.0
        bend = (1.0 - 2.0 * s) * variance.clamp(min=0.0) / (2.0 * s * (1.0 - s))
    shift = alpha * _clip(bend, clamp, rounding)
    # Where nothing is corrected DPO's own formula is exact at any margin.
    plain = (shift == 0.0) & (margin.abs() > far)
    win, lose = (
        torch.where(
            plain, logsigmoid(side), torch.log((torch.sigmoid(side) + bent).clamp(EDGE, 1.0))
        )
        for side, bent in ((margin, shift), (-margin, -shift))
    )
    return _mean(-label * win - (1.0 - label) * lose, weight)


def check_correction(alpha: float | Tensor, form: str, clamp: float, rounding: float) -> None:
    """Refuse settings of the correction that are out of range."""
    if not isinstance(alpha, Tensor):
        _validate.number("alpha", alpha, 0.0)
    elif not (alpha >= 0).all():
        raise _validate.complaint("alpha", "non-negative", f"{alpha.min():g}")
    _validate.choice("form", form, FORMS)
    _validate.number("clamp", clamp, 0.0, inf, above=True, infinite=True)
    _validate.number("rounding", rounding, 0.0)


def agreement(
    margin: Tensor,
    wins: Tensor,
    losses: Tensor,
    n_labels: int,
    weight: Tensor | None = None,
    *,
    family: Family = "logit",
) -> Tensor:
    """Return the agreement-only loss of panels with `n_labels` labels, one of each type.

    Only unanimous panels count; the mean is over all. Both families are consistent for equal
    shares: "logit" is DPO with the margin multiplied by `n_labels`; "potential" is
    ``-wins G(s) - losses G(1 - s)`` with ``G'(s) = 1 + ((1 - s) / s)^n_labels``.

    Parameters
    ----------
    margin, weight
        As for `bradley_terry`.
    wins, losses : Tensor
        Share of panels all of whose labels prefer the first, and the second: see `unanimous`.
    n_labels : int
        Labels in each panel, T >= 1.
    family : {"logit", "potential"}

    Returns
    -------
    Tensor
        The potential's exponential branch goes on as a straight line before it overflows.

    Raises
    ------
    InputError
        If `n_labels` is not a positive integer or the family is unknown.

    References
    ----------
    arXiv 2502.16320, section 6.

    Examples
    --------
    >>> import torch
    >>> from socialpref.training.losses import agreement, unanimous
    >>> wins, losses = unanimous(torch.tensor([[1, 1, 1], [1, 0, 1]]))
    >>> agreement(torch.tensor([0.5, 0.5]), wins, losses, 3)
    tensor(0.1007)
    """
    _validate.integer("n_labels", n_labels, 1)
    _validate.choice("family", family, ("logit", "potential"))
    if family == "logit":
        scaled = n_labels * margin
        return _mean(-wins * logsigmoid(scaled) - losses * logsigmoid(-scaled), weight)
    return _mean(
        -wins * _potential(margin, n_labels) - losses * _potential(-margin, n_labels), weight
    )


def unanimous(labels: Tensor, *, lapse: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return which panels (rows) unanimously prefer the first, and which the second.

    Parameters
    ----------
    labels : Tensor, shape (..., T)
        0 or 1, one for each type: not labels of annotators who are drawn from all.
    lapse : float
        The rate of lapses that is corrected for. Panels that disagree then count, too, some of
        them negatively: see `AgreementOnly`.

    Returns
    -------
    tuple of Tensor
        Two of shape (...), of 0 and 1 without lapses, in the default float type.

    Raises
    ------
    InputError
        If a label is neither 0 nor 1, a missing one (NaN) included, or the lapse not in [0, 1/2).

    Examples
    --------
    >>> import torch
    >>> from socialpref.training.losses import unanimous
    >>> unanimous(torch.tensor([[1, 1], [0, 1], [0, 0]]))
    (tensor([1., 0., 0.]), tensor([0., 0., 1.]))
    """
    wrong = (labels != 0) & (labels != 1)
    if wrong.any():
        must = "0 or 1 for every type of every panel"
        raise _validate.complaint("labels", must, f"{labels[wrong][0]:g} among them")
    dtype = labels.dtype if labels.is_floating_point() else torch.get_default_dtype()
    lapse = _validate.number("lapse", lapse, 0.0, 0.5, below=True)
    first = labels.to(dtype)
    return (first - lapse).prod(-1), (1.0 - lapse - first).prod(-1)


def margins(
    log_policy: tuple[Tensor, Tensor],
    log_reference: tuple[Tensor, Tensor] | None = None,
    beta: float = 1.0,
) -> Tensor:
    """Return ``beta [log pi(y)/ref(y) - log pi(z)/ref(z)]`` of candidates y (first) and z.

    Parameters
    ----------
    log_policy, log_reference : tuple of Tensor
        Log-probabilities of the first and of the second candidate; no reference is a uniform one.
    beta : float
        Positive.

    Raises
    ------
    InputError
        If `beta` is not positive.

    Examples
    --------
    >>> import torch
    >>> from socialpref.training.losses import margins
    >>> margins((torch.tensor(-1.0), torch.tensor(-2.0)), beta=0.1)
    tensor(0.1000)
    """
    _validate.number("beta", beta, 0.0, above=True)
    ahead = log_policy[0] - log_policy[1]
    if log_reference is not None:
        ahead = ahead - (log_reference[0] - log_reference[1])
    return beta * ahead


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return values.mean() if weight is None else (weight * values).sum() / weight.sum()


def _clip(values: Tensor, bound: float, rounding: float) -> Tensor:
    if not rounding:
        return values.clamp(-bound, bound)
    short = (bound + rounding - values.abs()).clamp(0.0, 2.0 * rounding)
    corner = values.sign() * (bound - short**2 / (4.0 * rounding))
    return torch.where(short < 2.0 * rounding, corner, values)


def _potential(margin: Tensor, n: int) -> Tensor:
    """Return G(sigma(h)), whose derivative in h is ``s (1 - s) (1 + exp(-n h))``.

    Integrated term by term of ``(1/s - 1)^n``; ``1/s`` is ``1 + exp(-h)``.
    """
    largest = torch.finfo(margin.dtype).max
    low = -0.5 * log(largest) / n
    inside = margin.clamp(min=low)
    s, inverse = torch.sigmoid(inside), 1.0 + torch.exp(-inside)
    total = (1.0 + (-1.0) ** n) * s - n * (-1.0) ** n * logsigmoid(inside)
    for k in range(2, n + 1):
        total = total + comb(n, k) * (-1.0) ** (n - k) * inverse ** (k - 1) / (1 - k)
    slope = (1.0 + exp(-n * low)) / (1.0 + exp(low)) / (1.0 + exp(-low))
    return total + slope * (margin - low).clamp(max=0.0)
