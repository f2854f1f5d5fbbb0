"""Minima of the expected losses of many settings at once, and what they are like."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .expectation import Expectation
from .shape import Shape

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_STEPS = 150
HALVINGS = 40
LONGEST = 2.0
"""How far the first step moves a reward at most; the limit doubles where it is reached."""
FAR = 1e9
"""Rewards that are still moving so far out run away."""
ACCURACY = 1e-8
"""The length of a Newton step at a minimum, relative to the largest reward or 1."""
LEVEL = 1e-14
"""Losses are the same if they differ by less, relative to the larger or to 1."""
FALLS, FLAT = 1e-9, 1e-13
"""Curvature below minus the one is negative, and below the other none; relative to the largest."""
KICK = 0.3
"""How far rewards are moved off a saddle."""
ROUNDED = tuple(10.0**-i for i in range(9))
"""How far kinks are rounded off, ever less."""
RAY = tuple(16.0**i for i in range(4, 12))
"""How far out it is looked whether the loss is lower there than at a minimum."""


@dataclass(frozen=True, eq=False)
class Minima:
    """Where the losses of N settings end, each from one start.

    Attributes
    ----------
    rewards : ndarray, shape (N, K)
        Centred.
    loss : ndarray, shape (N,)
    error : ndarray, shape (N,)
        The largest entry of Newton's step there; on a kink, how far it is rounded off.
    found : ndarray of bool, shape (N,)
        Whether it is a minimum: Newton's step is short, and no direction curves downwards.
    away : ndarray of bool, shape (N,)
        Whether the loss is lower, or as low, infinitely far out.
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


@dataclass(eq=False)
class _Ends:
    """Where Newton's method ended."""

    scores: Tensor
    error: Tensor
    found: Tensor
    flat: Tensor


def descend(losses: Expectation, start: Floats, shape: Shape | None = None) -> Minima:
    """Return where Newton's method ends, made to go downhill, for all settings at once.

    Kinks of a loss of margins, which its shape tells, are rounded off, ever less; then the loss
    itself is tried from there.

    Parameters
    ----------
    losses : Expectation
    start : ndarray, shape (N, K)
    shape : Shape, optional
        Of a loss that is a function of margins.
    """
    scores = torch.as_tensor(start - start.mean(axis=1, keepdims=True))
    if shape is not None and shape.has_kinks:
        ends, kinked = _on_kinks(losses, scores, shape)
    else:
        ends, kinked = newton(losses, scores), torch.zeros(len(scores), dtype=torch.bool)
    found = ends.found
    scores = ends.scores - ends.scores.mean(dim=1, keepdim=True)
    with torch.no_grad():
        value = losses(scores)
    away = torch.zeros_like(found)
    if shape is None or not shape.convex or not found.all():
        # A minimum must be lower than what is far out by more than rounding hides.
        far = _farthest(losses, scores)
        # On a level stretch that goes on to there, it is nowhere lower.
        noise = torch.where(ends.flat, -LEVEL, 1e-9) * value.abs().clamp(min=1.0)
        away = torch.where(found, far < value - noise, ~(far > value + 4e-16 * value.abs()))
        if shape is not None and shape.convex:
            away &= ~found
    arrays = (scores, value, ends.error, found & ~away, away, ends.flat & found, kinked)
    return Minima(*(array.detach().numpy() for array in arrays))


def _on_kinks(losses: Expectation, scores: Tensor, shape: Shape) -> tuple[_Ends, Tensor]:
    """Return where the loss with its kinks rounded off ends, and whether that is on a kink.

    What does not end on a kink goes on with the loss itself.
    """
    for reach in ROUNDED:
        accuracy = max(reach / 100.0, ACCURACY)
        ends = newton(losses.smoothed(shape.kinks, reach), scores, accuracy)
        scores = ends.scores
    kinked = ends.found & torch.as_tensor(shape.on_kinks(scores).any(axis=1))
    ends.error[kinked] = ROUNDED[-1]
    if not kinked.all():
        rest = (~kinked).nonzero()[:, 0]
        smooth = newton(losses.take(rest), scores[rest])
        ends.scores[rest], ends.error[rest] = smooth.scores, smooth.error
        ends.found[rest], ends.flat[rest] = smooth.found, smooth.flat
    return ends, kinked


def newton(losses: Expectation, start: Tensor, accuracy: float = ACCURACY) -> _Ends:
    """Return where Newton's method ends; each setting goes on until it has its minimum."""
    scores, n = start.clone(), len(start)
    rows, part = torch.arange(n), losses
    longest = torch.full((n,), LONGEST, dtype=scores.dtype)
    error = torch.full_like(longest, torch.inf)
    flat = torch.zeros(n, dtype=torch.bool)
    found = torch.zeros(n, dtype=torch.bool)
    for _ in range(MAX_STEPS):
        here = scores[rows]
        value, slope, curve = _derivatives(part, here)
        values, vectors = torch.linalg.eigh((curve + curve.mT) / 2.0)
        step = _step(slope, values, vectors)
        size = here.abs().amax(dim=1)
        largest = values.abs().amax(dim=1)
        error[rows] = step.abs().amax(dim=1)
        short = error[rows] <= accuracy * size.clamp(min=1.0)
        falls = values[:, 0] < -FALLS * largest
        upwards = values > FLAT * largest[:, None]
        flat[rows] = upwards.sum(dim=1) < values.shape[1] - 1
        found[rows] = short & ~falls
        scores[rows] = torch.where(found[rows][:, None], here + step, here)
        step = torch.where((short & falls)[:, None], KICK * vectors[:, :, 0], step)
        drop = (slope * step).sum(dim=1).abs()
        level = (drop <= 1e-17 * value.abs()) & (error[rows] > 1e-3)
        going = ~found[rows] & value.isfinite() & (size <= FAR) & ~level
        if not going.any():
            break
        if not going.all():
            rows = rows[going]
            part = losses.take(rows)
            value, slope, step = value[going], slope[going], step[going]
        moved, better, full = _shortened(part, scores[rows], step, value, slope, longest[rows])
        scores[rows] = scores[rows] + moved
        longest[rows] = torch.where(full, 2.0 * longest[rows], longest[rows])
        if not better.any():
            break
        if not better.all():
            rows = rows[better]
            part = losses.take(rows)
    return _Ends(scores, error, found, flat)


def _derivatives(losses: Expectation, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses, their slopes (N, K) and their curvatures (N, K, K)."""
    leaf = scores.detach().requires_grad_()
    if losses.is_of_margins:
        margin = losses.margins(leaf).detach().requires_grad_()
        each = losses.of_margins(margin)
        pull, bend = _twice(each.sum(), margin)
        way = losses.way
        return each.detach().sum(dim=1), pull @ way, torch.einsum("np,pk,pl->nkl", bend, way, way)
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


def _twice(total: Tensor, margin: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the second derivative of a sum of functions of one margin each."""
    none = torch.zeros_like(margin)
    first = torch.autograd.grad(total, margin, create_graph=True, allow_unused=True)[0]
    if first is None or not first.requires_grad:
        return none if first is None else torch.nan_to_num(first.detach()), none
    second = torch.autograd.grad(first.sum(), margin, allow_unused=True)[0]
    return torch.nan_to_num(first.detach()), none if second is None else torch.nan_to_num(second)


def _step(slope: Tensor, values: Tensor, vectors: Tensor) -> Tensor:
    """Return Newton's step with curvatures taken as positive."""
    size = values.abs()
    least = 1e-14 * size.amax(dim=1, keepdim=True).clamp(min=1e-250)
    parts = (vectors.mT @ slope[:, :, None])[:, :, 0] / torch.maximum(size, least)
    step = -(vectors @ parts[:, :, None])[:, :, 0]
    return step - step.mean(dim=1, keepdim=True)


def _shortened(
    losses: Expectation, scores: Tensor, step: Tensor, value: Tensor, slope: Tensor, most: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return steps halved until the loss falls, whether it does, and where `most` was reached."""
    length = step.abs().amax(dim=1)
    cut = length > most
    step = step * (most / torch.maximum(length, most))[:, None]
    noise = 4e-15 * value.abs()
    good, full = torch.zeros_like(cut), torch.zeros_like(cut)
    with torch.no_grad():
        for i in range(HALVINGS):
            new = losses(scores + step)
            fall = (slope * step).sum(dim=1)
            good |= (new <= value + 1e-4 * fall + noise) & torch.isfinite(new)
            if i == 0:
                full = good & cut
            if good.all():
                break
            step = torch.where(good[:, None], step, step / 2.0)
    return torch.where(good[:, None], step, torch.zeros_like(step)), good, full


def _farthest(losses: Expectation, scores: Tensor) -> Tensor:
    """Return the lowest loss that was found far out.

    It is looked along the rays that put some options above all others, which are the edges of the
    cones of rewards with one order, from 0 and from the scores, and along the order of the scores.
    Losses that are no longer numbers are left out.
    """
    size = scores.shape[1]
    sides = [side for side in product((0.0, 1.0), repeat=min(size, 6)) if 0 < sum(side) < len(side)]
    rays = torch.zeros(len(sides), size, dtype=scores.dtype)
    rays[:, : min(size, 6)] = torch.tensor(sides, dtype=scores.dtype)
    order = scores.argsort(dim=1).argsort(dim=1).to(scores.dtype)
    lowest = torch.full_like(scores[:, 0], torch.inf)
    with torch.no_grad():
        for far in RAY:
            there = [base + far * ray for ray in rays for base in (0.0 * scores, scores)]
            for place in (*there, far * order):
                value = losses(place)
                lowest = torch.minimum(lowest, torch.nan_to_num(value, nan=torch.inf))
    return lowest
