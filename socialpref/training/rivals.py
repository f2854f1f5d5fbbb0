"""The trainings of the rivals of DPO whose losses are smooth functions of the margin."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import Tensor
from torch.nn.functional import softplus

from .. import _validate
from ..limits.chi_po import ChiPO
from ..limits.ipo import IPO
from ..limits.noisy import ConservativeDPO, RobustDPO
from ..limits.simpo import SimPO
from .exact import Fit
from .learning import Fitting, train
from .objectives import Batch, Objective


def margin_loss(loss: Callable[[Tensor], Tensor]) -> Objective:
    """Return the objective whose loss is a function of the winner's margin."""

    def objective(margin: Tensor, batch: Batch) -> Tensor:
        values = batch.wins * loss(margin) + batch.losses * loss(-margin)
        return (batch.weight * values).sum() / batch.weight.sum()

    return objective


@train.register
def _conservative(method: ConservativeDPO, fitting: Fitting) -> Fit:
    flipped = method.epsilon
    objective = margin_loss(lambda m: (1.0 - flipped) * softplus(-m) + flipped * softplus(m))
    return fitting.of(fitting.cells(method.information), objective)


@train.register
def _robust(method: RobustDPO, fitting: Fitting) -> Fit:
    flipped, kept = method.epsilon, 1.0 - 2.0 * method.epsilon
    objective = margin_loss(
        lambda m: ((1.0 - flipped) * softplus(-m) - flipped * softplus(m)) / kept
    )
    return fitting.of(fitting.cells(method.information), objective)


@train.register
def _ipo(method: IPO, fitting: Fitting) -> Fit:
    objective = margin_loss(lambda m: (m - 1.0 / (2.0 * method.tau)) ** 2)
    return fitting.of(fitting.cells(method.information), objective)


@train.register
def _simpo(method: SimPO, fitting: Fitting) -> Fit:
    if fitting.options["reference"] is not None:
        raise _validate.complaint("reference", "omitted for SimPO, which has none", "one")
    return fitting.of(
        fitting.cells(method.information), margin_loss(lambda m: softplus(method.gamma - m))
    )


@train.register
def _chi_po(method: ChiPO, fitting: Fitting) -> Fit:
    """Fit DPO's scores, and turn them into ratios to the reference as chi-PO does."""
    fit = fitting.of(fitting.cells(method.information))
    beta, (n_prompts, n_options) = fitting.options["beta"], fitting.size
    reference = fitting.options["reference"]
    base = np.full(n_options, 1.0 / n_options) if reference is None else np.asarray(reference)
    base = np.broadcast_to(base / base.sum(axis=-1, keepdims=True), (n_prompts, n_options))
    policy = np.array(
        [method.policy(rewards / beta, ref) for rewards, ref in zip(fit.rewards, base, strict=True)]
    )
    rewards = beta * np.log(policy / base)
    return replace(fit, policy=policy, rewards=rewards - rewards.mean(axis=1, keepdims=True))
