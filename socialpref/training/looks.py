"""The populations on which a loss is looked at, and where it ends on them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from .. import _validate
from ..examples import mediocre_winner, two_camps
from ..links import Logistic
from ..population import Population
from .descent import Minima, descend
from .expectation import Asks, Expectation, Sees, Setting, UserLoss
from .shape import Shape, shape_of

Floats = NDArray[np.float64]
SIZES = (3, 4, 5)
"""Numbers of options of random populations."""
ASIDE = 0.003
"""How far beside a tie an option's rewards are put."""
APART = 1e-4
"""Minima whose rewards are less apart are the same."""


@dataclass(frozen=True)
class Kind:
    """What is the same for every population: the loss, and what it is given."""

    loss: UserLoss
    information: Asks
    sees: tuple[Sees, ...]
    n_types: int

    @property
    def told_apart(self) -> bool:
        """Whether labels tell types apart, so that all populations need the same number."""
        return self.information in ("typed", "panel")


@dataclass(frozen=True, eq=False)
class Looked:
    """A setting, and where the loss ends on it.

    Attributes
    ----------
    setting : Setting
    rewards : ndarray or None
        At the lowest minimum that was found.
    error : float
        Of the rewards.
    away : bool
        Whether the loss has no minimum.
    flat, kinked : bool
        Whether the minimum is on a level stretch, and whether on a kink.
    others : tuple of ndarray
        Rewards at other minima.
    ranges : tuple of ndarray or None
        The least and the greatest reward of each option, if minima are a stretch.
    """

    setting: Setting
    rewards: Floats | None
    error: float = np.inf
    away: bool = False
    flat: bool = False
    kinked: bool = False
    others: tuple[Floats, ...] = ()
    ranges: tuple[Floats, Floats] | None = None

    @property
    def unique(self) -> bool:
        """Whether it has one minimum, as far as is known."""
        return self.rewards is not None and not self.flat and not self.others

    @property
    def policy(self) -> Floats:
        """The policy at the minimum."""
        assert self.rewards is not None
        weights = self.setting.reference * np.exp(self.rewards - self.rewards.max())
        return np.asarray(weights / weights.sum())


def plain(kind: Kind, population: Population) -> Setting:
    """Return a population under uniform sampling and reference, with options of one length."""
    if kind.information == "panel" and np.ptp(population.shares) > 0.0:
        must = "of types with equal shares for panels, which have a label of each"
        raise _validate.complaint("population", must, _validate.shown(population.shares))
    size = population.n_options
    return Setting(population, np.full(size, 1 / size), np.full(size, 1 / size), np.ones(size))


def worked(kind: Kind) -> Iterator[Setting]:
    """Yield the worked examples, if labels can be asked of so many types."""
    for population in (mediocre_winner(), two_camps()):
        if not kind.told_apart or population.n_types == kind.n_types:
            yield plain(kind, population)


def random(kind: Kind, n: int, rng: np.random.Generator) -> Iterator[Setting]:
    """Yield random populations without symmetry; every other two are sampled uniformly.

    All numbers are in hundredths, so that a counterexample can be written down.
    """
    for i in range(n):
        size = SIZES[i % len(SIZES)] if kind.information != "linked" else 3 + i % 2
        n_types = kind.n_types if kind.told_apart else int(rng.integers(2, 5))
        rewards = rng.uniform(-4.0, 4.0, (n_types, size)).round(2)
        shares = _hundredths(n_types, rng) if kind.information != "panel" else None
        link = Logistic(1.0 if kind.told_apart else float(rng.choice([0.5, 1.0, 2.0])))
        uniform = np.full(size, 1.0 / size)
        yield Setting(
            Population(rewards, shares, link=link),
            sampling=_hundredths(size, rng) if i % 4 > 1 else uniform,
            reference=_hundredths(size, rng) if "reference" in kind.sees else uniform,
            lengths=_lengths(size, rng) if "length" in kind.sees else np.ones(size),
        )


def nearly_tied(
    settings: Iterable[Setting], order: str, rng: np.random.Generator
) -> Iterator[Setting]:
    """Yield settings with one option's rewards shifted, so that an order nearly ties two options.

    A policy that does not have the order has no reason to tie them there, too: such populations
    show other orders much more often than random ones.
    """
    for one in settings:
        y, z = rng.choice(one.population.n_options, 2, replace=False)
        tie = _tie(one, order, y, z)
        rewards = one.population.rewards.copy()
        rewards[:, y] += round(tie + rng.choice([-ASIDE, ASIDE]), 3)
        shares, link = one.population.shares, one.population.link
        yield replace(one, population=Population(rewards.round(3), shares, link=link))


def _tie(one: Setting, order: str, y: int, z: int) -> float:
    """Return by how much all types must reward option y more for the order to tie it with z."""
    shares, rewards, link = one.population.shares, one.population.rewards, one.population.link
    if order == "average reward":
        return float(shares @ (rewards[:, z] - rewards[:, y]))
    low, high = -40.0, 40.0  # the lead grows with the shift
    while high - low > 1e-5:
        middle = (low + high) / 2.0
        shifted = rewards.copy()
        shifted[:, y] += middle
        wins = link(shifted[:, [y, z]][:, :, None] - shifted[:, None, :])
        first, second = shares @ (wins @ one.sampling)
        low, high = (low, middle) if first > second else (middle, high)
    return low


def _lengths(n: int, rng: np.random.Generator) -> Floats:
    """Return random numbers of tokens."""
    return rng.integers(5, 60, n).astype(np.float64)


def _hundredths(n: int, rng: np.random.Generator) -> Floats:
    """Return a random distribution in hundredths, each of at least 5 if there are few."""
    least = 5 if n <= 10 else 0
    parts = least + rng.multinomial(100 - least * n, rng.dirichlet(np.ones(n)))
    return np.asarray(parts / 100.0)


def look(kind: Kind, settings: list[Setting], n_starts: int) -> list[Looked]:
    """Return where the loss ends on every setting.

    A loss that is a convex function of margins needs one start.
    """
    found: dict[int, Looked] = {}
    groups: dict[tuple[int, int], list[int]] = {}
    for i, one in enumerate(settings):
        n_types = one.population.n_types if kind.told_apart else 0
        groups.setdefault((one.population.n_options, n_types), []).append(i)
    for numbers in groups.values():
        group = [settings[i] for i in numbers]
        losses = Expectation(kind.loss, group, kind.information, kind.sees)
        losses.check()
        shape = shape_of(losses) if losses.is_of_margins else None
        starts = _starts(group, 1 if shape is not None and shape.convex else n_starts)
        again = torch.arange(len(group)).repeat(len(starts))
        minima = descend(losses.take(again), np.concatenate(starts), shape)
        for place, i in enumerate(numbers):
            runs = range(place, len(again), len(group))
            found[i] = _best(settings[i], minima, runs, shape)
    return [found[i] for i in range(len(settings))]


def _starts(group: list[Setting], n: int) -> list[Floats]:
    """Return rewards to start from: level ones, random ones and the average reward."""
    shape = len(group), group[0].population.n_options
    rng = np.random.default_rng(len(group))
    means = np.array([one.population.mean_rewards() for one in group])
    drawn = 3.0 * rng.normal(size=(max(n - 2, 1), *shape))
    return [np.zeros(shape), drawn[0], means, *drawn[1:]][:n]


def _best(setting: Setting, minima: Minima, runs: Sequence[int], shape: Shape | None) -> Looked:
    """Return the lowest of the minima that runs from several starts found, and the others."""
    ends = sorted((float(minima.loss[run]), run) for run in runs if minima.found[run])
    fled = [float(minima.loss[run]) for run in runs if minima.away[run]]
    if not ends or any(loss < ends[0][0] - 1e-9 for loss in fled):
        return Looked(setting, None, away=bool(fled))
    best = ends[0][1]
    rewards = minima.rewards[best]
    others: list[Floats] = []
    for _, run in ends[1:]:
        other = minima.rewards[run]
        if all(np.abs(other - one).max() > APART for one in (rewards, *others)):
            others.append(other)
    flat, ranges = bool(minima.flat[best]), None
    if flat and shape is not None and shape.convex:
        ranges = shape.ranges(rewards)
        flat = ranges is not None
    return Looked(
        setting,
        rewards,
        float(minima.error[best]),
        flat=flat,
        kinked=bool(minima.kinked[best]),
        others=tuple(others),
        ranges=ranges,
    )
