"""The shape of a loss as a function of one margin: whether it is convex, and its kinks."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .expectation import ON_A_KINK as BESIDE
from .expectation import Expectation, Kinks

Floats = NDArray[np.float64]

NEAR, CELL = 60.0, 0.02
"""How far out margins are looked at in short steps, and how short."""
FARTHER = 1e6
"""How far out they are looked at in longer ones."""
NOISE = 1e-12
"""What rounding does to a slope, relative to it or to 1."""
JUMP = 1e-6
"""The smallest jump of a slope that is a kink, relative to the slope or to 1."""
HALVINGS = 48
LEVEL = 1e-9
"""Slopes are the same if they differ by less."""
ON_A_KINK = 1e-5
"""Margins of a minimum that is so near to a kink are on it."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What a loss of margins looks like.

    Attributes
    ----------
    losses : Expectation
    convex : bool
        Whether the loss of every outcome is, as far as was looked: so every minimum is global.
    kinks : tuple of Kinks
        Of every outcome.
    """

    losses: Expectation
    convex: bool
    kinks: tuple[Kinks, ...]

    @property
    def has_kinks(self) -> bool:
        """Whether any outcome's loss has a kink."""
        return any(len(one.places) for one in self.kinks)

    def on_kinks(self, scores: Tensor) -> NDArray[np.bool_]:
        """Return which margins, shape (N, pairs), are on a kink."""
        margin = self.losses.margins(scores)
        on = torch.zeros_like(margin, dtype=torch.bool)
        for place in torch.cat([one.places for one in self.kinks]):
            on |= (margin - place).abs() <= ON_A_KINK
        return on.numpy()

    def ranges(self, rewards: Floats) -> tuple[Floats, Floats] | None:
        """Return the least and the greatest reward of each option among all minima.

        `rewards` lie inside of the minima of a convex loss. Between two minima every pair's loss
        is a straight line, so the minima are the rewards whose margins stay where the slopes are
        the same. None, if the minimum is the only one or rewards have no bounds.
        """
        from scipy.optimize import linprog

        scores = torch.as_tensor(rewards[None])
        margin, on = self.losses.margins(scores)[0], self.on_kinks(scores)[0]
        least, most = (self._level_until(margin, way).numpy() for way in (-1.0, 1.0))
        least, most = np.where(on, margin, least), np.where(on, margin, most)
        size = len(rewards)
        eye = np.eye(size)
        way = eye[self.losses.first.numpy()] - eye[self.losses.second.numpy()]
        ends = []
        for sign in (1.0, -1.0):
            found = [
                linprog(
                    sign * eye[k],
                    A_ub=np.vstack([way, -way]),
                    b_ub=np.concatenate([most + 1e-9, 1e-9 - least]),
                    A_eq=np.ones((1, size)),
                    b_eq=[0.0],
                    bounds=(None, None),
                )
                for k in range(size)
            ]
            if any(one.status != 0 for one in found):
                return None
            ends.append(np.array([sign * one.fun for one in found]))
        low, high = ends
        return (low, high) if (high - low).max() > ON_A_KINK else None

    def _level_until(self, margin: Tensor, way: float) -> Tensor:
        """Return how far margins can go one way until the slope of an outcome changes."""
        low, high = margin.clone(), margin + way * 2.0 * NEAR
        for _ in range(2 * HALVINGS):
            middle = (low + high) / 2.0
            same = torch.ones_like(margin, dtype=torch.bool)
            for i in range(len(self.losses.outcomes)):
                change = slope(self.losses, i, middle) - slope(self.losses, i, margin)
                same &= change.abs() <= LEVEL
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
        return low


def shape_of(losses: Expectation) -> Shape:
    """Return the shape of a loss of margins, as it is on a grid of them."""
    near = torch.arange(-NEAR, NEAR + CELL / 2.0, CELL, dtype=torch.float64) + CELL / np.pi
    out = torch.logspace(np.log10(NEAR + 1.0), np.log10(FARTHER), 100, dtype=torch.float64)
    grid = torch.cat([-out.flip(0), near, out])
    convex, kinks = True, []
    for i in range(len(losses.outcomes)):
        slopes, bends = _slopes_and_bends(losses, i, grid)
        change = slopes.diff()
        size = 1.0 + slopes[1:].abs()
        known = change.isfinite()
        convex &= bool((change >= -NOISE * size)[known].all())
        most = 2.0 * torch.maximum(bends[1:].abs(), bends[:-1].abs()) * grid.diff()
        kinks.append(_kinks(losses, i, grid, known & (change.abs() > most + JUMP * size)))
    return Shape(losses, convex, tuple(kinks))


def slope(losses: Expectation, i: int, margin: Tensor) -> Tensor:
    """Return the slope of the loss of an outcome."""
    leaf = margin.detach().clone().requires_grad_()
    values = losses.of_outcome(i, leaf)
    if not values.requires_grad:
        return torch.zeros_like(leaf)
    found = torch.autograd.grad(values.sum(), leaf, allow_unused=True)[0]
    return torch.zeros_like(leaf) if found is None else found


def _slopes_and_bends(losses: Expectation, i: int, margin: Tensor) -> tuple[Tensor, Tensor]:
    leaf = margin.clone().requires_grad_()
    values, none = losses.of_outcome(i, leaf), torch.zeros_like(margin)
    if not values.requires_grad:
        return none, none
    first = torch.autograd.grad(values.sum(), leaf, create_graph=True, allow_unused=True)[0]
    if first is None or not first.requires_grad:
        return none if first is None else first.detach(), none
    second = torch.autograd.grad(first.sum(), leaf, allow_unused=True)[0]
    return first.detach(), none if second is None else torch.nan_to_num(second)


def _kinks(losses: Expectation, i: int, grid: Tensor, cells: Tensor) -> Kinks:
    """Return the kinks in cells of the grid where the slope changes much."""
    left, right = grid[:-1][cells], grid[1:][cells]
    if not len(left):
        return Kinks(left, left)
    low, high = slope(losses, i, left), slope(losses, i, right)
    for _ in range(HALVINGS):
        middle = (left + right) / 2.0
        here = slope(losses, i, middle)
        before = (here - low).abs() >= (high - here).abs()
        left, low = torch.where(before, left, middle), torch.where(before, low, here)
        right, high = torch.where(before, middle, right), torch.where(before, here, high)
    place = (left + right) / 2.0
    beside = BESIDE * (1.0 + place.abs())  # on the kink the slope is any between the two
    low, high = slope(losses, i, place - beside), slope(losses, i, place + beside)
    jump = high - low
    real = jump.abs() > JUMP * (1.0 + low.abs())
    return Kinks(place[real], jump[real])
