"""Minima of the expected losses of many settings at once, and what they are like."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .expectation import Expectation

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_STEPS = 150
HALVINGS = 40
LONGEST = 2.0
"""How far one step moves a reward at most."""
FAR = 60.0
"""Rewards that are still moving so far out run away."""
OUT, LEVEL = 12.0, 1e-4
"""So do those that are stuck so far out where the loss has so little slope."""
ACCURACY = 1e-8
"""The length of a Newton step at a minimum, relative to the largest reward or 1."""
FLAT = 1e-7
"""Curvature below this, relative to the largest, is none."""
NOISE = 1e-15
"""What rounding leaves of a slope, over how far a kink is smoothed."""
KINKS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""How far to both sides of a margin a kink is smoothed, ever less."""


@dataclass(frozen=True, eq=False)
class Minima:
    """Where the losses of N settings end, each from one start.

    Attributes
    ----------
    rewards : ndarray, shape (N, K)
        Centred.
    loss : ndarray, shape (N,)
    error : ndarray, shape (N,)
        The largest entry of Newton's step there.
    found : ndarray of bool, shape (N,)
        Whether it is a minimum: Newton's step is short, and no direction curves downwards.
    away : ndarray of bool, shape (N,)
        Whether rewards run away.
    flat : ndarray of bool, shape (N,)
        Whether some direction beside the shift of all rewards does not curve upwards.
    kinked : ndarray of bool, shape (N,)
        Whether the minimum is where the loss has a kink.
    """

    rewards: Floats
    loss: Floats
    error: Floats
    found: Bools
    away: Bools
    flat: Bools
    kinked: Bools


def descend(losses: Expectation, start: Floats) -> Minima:
    """Return where Newton's method ends, made to go downhill, for all settings at once.

    Where the slope does not vanish and yet no step goes down there is a kink: the loss is then
    smoothed over ever shorter stretches of the margin. The slope of a loss averaged over margins
    within e is ``(l(m + e) - l(m - e)) / 2e``, so no smoothed loss has to be written. Of a convex
    loss the rewards found cost no more than e times its largest slope above the minimum.
    """
    scores = torch.as_tensor(start - start.mean(axis=1, keepdims=True))
    value, slope, curve = _derivatives(losses, scores)
    done = torch.zeros(len(scores), dtype=torch.bool)
    step = _newton(slope, curve)
    for _ in range(MAX_STEPS):
        size = scores.abs().amax(dim=1)
        done |= step.abs().amax(dim=1) <= ACCURACY * size.clamp(min=1.0)
        done |= ~torch.isfinite(value) | (size > FAR)
        if done.all():
            break
        step = torch.where(done[:, None], torch.zeros_like(step), step)
        step, better = _shortened(losses, scores, step, value, slope)
        done |= ~better
        scores = scores + step
        value, slope, curve = _derivatives(losses, scores)
        step = _newton(slope, curve)
    error, size = step.abs().amax(dim=1), scores.abs().amax(dim=1)
    found = error <= ACCURACY * size.clamp(min=1.0)
    level = slope.abs().amax(dim=1) <= LEVEL
    away = (size > FAR) | ~torch.isfinite(value) | (~found & level & (size > OUT))
    found &= ~away
    scores = torch.where(found[:, None], scores + step, scores)
    values = _curvatures(curve)
    falls = values[:, 0] < -FLAT * values[:, -1].abs().clamp(min=1e-12)
    flat = values[:, 1] <= FLAT * values[:, -1].abs().clamp(min=1e-12)
    found &= ~falls
    kinked = torch.zeros_like(found)
    stuck = ~found & ~away & ~falls
    if stuck.any() and losses.is_of_margins:
        smooth, ok = _smoothed(losses, scores, stuck)
        scores = torch.where((stuck & ok)[:, None], smooth, scores)
        found |= stuck & ok
        kinked = stuck & ok
        bent = _curvatures(_averaged(losses, scores, KINKS[-1])[1])
        flat = torch.where(kinked, bent[:, 1] <= FLAT * bent[:, -1], flat)
        error = torch.where(kinked, torch.full_like(error, KINKS[-1]), error)
        with torch.no_grad():
            value = losses(scores)
    scores = scores - scores.mean(dim=1, keepdim=True)
    arrays = (scores, value, error, found, away, flat & found, kinked)
    return Minima(*(array.detach().numpy() for array in arrays))


def _derivatives(losses: Expectation, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses, their slopes (N, K) and their curvatures (N, K, K)."""
    leaf = scores.detach().requires_grad_()
    value = losses(leaf)
    slope = torch.autograd.grad(value.sum(), leaf, create_graph=True)[0]
    rows = [
        torch.autograd.grad(slope[:, k].sum(), leaf, retain_graph=True, allow_unused=True)[0]
        if slope.requires_grad
        else None
        for k in range(scores.shape[1])
    ]
    curve = torch.stack([torch.zeros_like(leaf) if row is None else row for row in rows], dim=1)
    return value.detach(), torch.nan_to_num(slope.detach()), torch.nan_to_num(curve)


def _curvatures(curve: Tensor) -> Tensor:
    """Return the curvatures (N, K) in increasing order; that of the shift is among them, as 0."""
    return torch.linalg.eigvalsh((curve + curve.mT) / 2.0)


def _newton(slope: Tensor, curve: Tensor) -> Tensor:
    """Return Newton's step with curvatures taken as positive, no longer than `LONGEST`."""
    values, vectors = torch.linalg.eigh((curve + curve.mT) / 2.0)
    size = values.abs()
    least = 1e-14 * size.amax(dim=1, keepdim=True).clamp(min=1.0)
    parts = (vectors.mT @ slope[:, :, None])[:, :, 0] / torch.maximum(size, least)
    step = -(vectors @ parts[:, :, None])[:, :, 0]
    step = step - step.mean(dim=1, keepdim=True)
    longest = step.abs().amax(dim=1, keepdim=True)
    return step * (LONGEST / longest.clamp(min=LONGEST))


def _shortened(
    losses: Expectation, scores: Tensor, step: Tensor, value: Tensor, slope: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the steps, halved until the loss falls, and whether it does."""
    fall = (slope * step).sum(dim=1)
    still = step.abs().amax(dim=1) > 0.0
    better = torch.zeros_like(still)
    noise = 4e-16 * value.abs()
    with torch.no_grad():
        for _ in range(HALVINGS):
            new = losses(scores + step)
            good = (new <= value + 1e-4 * fall + noise) & torch.isfinite(new)
            better |= good
            if (good | ~still).all():
                break
            step = torch.where(good[:, None], step, step / 2.0)
    return torch.where(better[:, None], step, torch.zeros_like(step)), better | ~still


def _smoothed(losses: Expectation, scores: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Return minima of the smoothed losses, and whether they were found.

    Steps are halved until the slope along them is no longer steep: of a convex loss that is
    enough, and no value of the smoothed loss is needed.
    """
    ok = which.clone()
    far = torch.full_like(scores[:, 0], torch.inf)
    for reach in KINKS:
        for _ in range(MAX_STEPS):
            slope, curve = _averaged(losses, scores, reach)
            step = torch.where(which[:, None], _newton(slope, curve), torch.zeros_like(scores))
            for _ in range(HALVINGS):
                ahead = _averaged(losses, scores + step, reach, bent=False)[0]
                fall, rise = ((way * step).sum(dim=1) for way in (slope, ahead))
                steep = rise > 0.5 * fall.abs() + NOISE / reach * step.abs().amax(dim=1)
                if not steep.any():
                    break
                step = torch.where(steep[:, None], step / 2.0, step)
            scores = scores + step
            far = step.abs().amax(dim=1)
            if (far <= reach / 100.0).all():
                break
    return scores, ok & (far <= reach) & (scores.abs().amax(dim=1) <= FAR)


def _averaged(
    losses: Expectation, scores: Tensor, reach: float, *, bent: bool = True
) -> tuple[Tensor, Tensor]:
    """Return slopes and curvatures of the losses, each margin averaged within `reach`."""
    margin = losses.margins(scores)
    size = scores.shape[1]
    way = torch.eye(size, dtype=scores.dtype)[losses.first]
    way = way - torch.eye(size, dtype=scores.dtype)[losses.second]
    sides = [(margin + side).detach().requires_grad_(bent) for side in (reach, -reach)]
    values = [losses.of_margins(side) for side in sides]
    pull = (values[0] - values[1]).detach() / (2.0 * reach)
    if not bent:
        return pull @ way, scores.new_zeros(())
    slopes = [
        torch.autograd.grad(value.sum(), side)[0] for value, side in zip(values, sides, strict=True)
    ]
    bend = (slopes[0] - slopes[1]) / (2.0 * reach)
    return pull @ way, torch.einsum("np,pk,pl->nkl", bend, way, way)
