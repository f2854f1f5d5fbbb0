"""The expectation of a loss of one's own over what annotators of many populations say."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import _validate
from ..links import Logistic
from ..population import Population

Floats = NDArray[np.float64]
Asks = Literal["anonymous", "linked", "typed", "panel", "ballots"]
Sees = Literal["logp", "length", "reference"]
ASKS = ("anonymous", "linked", "typed", "panel", "ballots")
SEES = ("logp", "length", "reference")
MOST_TYPES = 12
"""A panel of so many has 4,096 outcomes."""
MOST_RANKED = 5
"""A ballot of so many options has 120 outcomes."""
ON_A_KINK = 1e-12
"""Margins this near to a kink are on it."""

UserLoss = Callable[..., Tensor]
"""From margins and labels, and what else the loss sees, to one loss for each."""


class Outcome(NamedTuple):
    """How likely an outcome is, (N, ...), its label, and the annotator's type where it is told."""

    chance: Tensor
    label: Tensor
    annotator_type: Tensor | None = None


class Kinks(NamedTuple):
    """Margins at which the loss of one outcome has a kink, and how much its slope jumps there."""

    places: Tensor
    jumps: Tensor


@dataclass(frozen=True, eq=False)
class Setting:
    """One population, and how its annotators are asked.

    Attributes
    ----------
    population : Population
    sampling : ndarray, shape (K,)
        From which both options of a comparison are drawn.
    reference : ndarray, shape (K,)
        The reference policy; rewards are log-ratios to it.
    lengths : ndarray, shape (K,)
        Of the options as texts, in tokens.
    """

    population: Population
    sampling: Floats
    reference: Floats
    lengths: Floats


class Expectation:
    """The expected loss of scores, for N settings of the same numbers of types and options.

    Parameters
    ----------
    loss : callable
    settings : sequence of Setting
    information : str
        What a label tells: as for `certify`.
    sees : sequence of str
        What else the loss is given: as for `certify`.

    Raises
    ------
    InputError
        If there are too many types or options for the outcomes to be listed, or the link is not
        logistic for ballots.
    """

    def __init__(
        self, loss: UserLoss, settings: Sequence[Setting], information: Asks, sees: Sequence[Sees]
    ) -> None:
        self.loss, self.sees, self.information = _on_copies(loss), tuple(sees), information
        self.size = settings[0].population.n_options
        y, z = np.nonzero(~np.eye(self.size, dtype=bool))
        d = np.array([one.sampling for one in settings])
        weight = d[:, y] * d[:, z]
        self.weight = torch.as_tensor(weight / weight.sum(axis=1, keepdims=True))
        self.first, self.second = torch.as_tensor(y), torch.as_tensor(z)
        eye = torch.eye(self.size, dtype=torch.float64)
        self.way = eye[self.first] - eye[self.second]
        self.reference = torch.as_tensor(np.log([one.reference for one in settings]))
        self.lengths = torch.as_tensor(np.array([one.lengths for one in settings]))
        self.kinks: tuple[Kinks, ...] = ()
        self.rounded = 0.0
        populations = [one.population for one in settings]
        if information == "ballots":
            self.outcomes = _ballots(populations)
        elif information == "anonymous":
            wins = np.array([one.pairwise() for one in populations])
            self.outcomes = [
                Outcome(torch.as_tensor(wins[:, y, z]), torch.tensor(1.0, dtype=torch.float64)),
                Outcome(torch.as_tensor(wins[:, z, y]), torch.tensor(0.0, dtype=torch.float64)),
            ]
        elif information == "linked":
            self.outcomes = _links(populations, y, z)
        else:
            chances = np.array([_each(one, y, z) for one in populations])
            shares = np.array([one.shares for one in populations])
            self.outcomes = _answers(chances, shares, information)

    def take(self, rows: Tensor) -> "Expectation":
        """Return the expectation for some of the settings."""
        part = copy(self)
        part.weight, part.reference = self.weight[rows], self.reference[rows]
        part.lengths = self.lengths[rows]
        part.outcomes = [one._replace(chance=one.chance[rows]) for one in self.outcomes]
        return part

    def smoothed(self, kinks: tuple[Kinks, ...], rounded: float) -> "Expectation":
        """Return the expectation with kinks rounded off: ``|x|`` is ``sqrt(x^2 + rounded^2)``.

        Of a convex loss it is above by at most half the jumps' weighted sum times `rounded`.
        """
        part = copy(self)
        part.kinks, part.rounded = kinks, rounded
        return part

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the expected loss, shape (N,), of rewards of shape (N, K)."""
        if self.information == "ballots":
            return self._of_ballots(scores)
        margin, more = self.margins(scores), self._more(scores)
        if self.information == "linked":
            return self._of_links(margin, more)
        return self._of_pairs(margin, more).sum(dim=1)

    def check(self) -> None:
        """Refuse a loss that is not finite, rounds, ignores the margins, or mixes comparisons."""
        rng = np.random.default_rng(0)
        scores = torch.as_tensor(rng.normal(size=(2, self.size)) * [[1.0], [4.0]])
        mixes, rounds = False, True

        def with_fewer(*arguments: Tensor, **extra: Tensor) -> Tensor:
            nonlocal mixes, rounds
            values = self.loss(*arguments, **extra)
            if isinstance(values, Tensor) and values.ndim:
                rounds &= not values.is_complex() and bool((values == values.float()).all())
                n = len(values) // 3 + 1
                some = {name: value[:n] for name, value in extra.items()}
                fewer = self.loss(*(one[:n] for one in arguments), **some)
                mixes |= not torch.allclose(fewer, values[:n], rtol=1e-6, equal_nan=True)
            return values

        probe = self.take(torch.zeros(2, dtype=torch.int64))
        probe.loss = with_fewer
        leaf = scores.clone().requires_grad_()
        values = probe(leaf)
        if not values.isfinite().all():
            raise _validate.complaint(
                "loss", "finite", float(values.detach()[~values.isfinite()][0])
            )
        slope = None
        if values.requires_grad:
            slope = torch.autograd.grad(values.sum(), leaf, allow_unused=True)[0]
        if slope is None or not (slope - slope.mean(dim=1, keepdim=True)).any():
            raise _validate.complaint("loss", "a function of the margins", "one with slope 0")
        if rounds:
            must = "computed in float64, as margins are, for minima to be found"
            raise _validate.complaint("loss", must, "values of lower precision")
        if mixes:
            must = "a function of each comparison by itself"
            raise _validate.complaint("loss", must, "one that depends on the others")

    @property
    def is_of_margins(self) -> bool:
        """Whether the loss is a sum over pairs, of functions of their margins alone."""
        return not self.sees and self.information in ("anonymous", "typed", "panel")

    def margins(self, scores: Tensor) -> Tensor:
        """Return the margins of all ordered pairs, shape (N, pairs)."""
        return scores[:, self.first] - scores[:, self.second]

    def of_margins(self, margin: Tensor) -> Tensor:
        """Return each pair's part of the expected loss, shape (N, pairs)."""
        return self._of_pairs(margin, {})

    def of_outcome(self, i: int, margin: Tensor, more: dict[str, Tensor] | None = None) -> Tensor:
        """Return the loss of one outcome for margins of any number, shape (n,)."""
        _, label, typed = self.outcomes[i]
        extra = dict(more or {})
        if typed is not None:
            extra["annotator_type"] = typed.expand(margin.numel())
        return self._values(margin, label.expand(margin.numel(), *label.shape), extra)

    def _of_pairs(self, margin: Tensor, more: dict[str, Tensor]) -> Tensor:
        total = torch.zeros_like(margin)
        extra = {name: value.reshape(-1, 2) for name, value in more.items()}
        flat = margin.reshape(-1)
        for i, one in enumerate(self.outcomes):
            values = self._rounded(i, flat) if self.rounded else self.of_outcome(i, flat, extra)
            total = total + self.weight * one.chance * values.reshape(margin.shape)
        return total

    def _rounded(self, i: int, margin: Tensor) -> Tensor:
        """Return the loss of one outcome with its kinks rounded off."""
        places, jumps = self.kinks[i]
        for place in places:  # a margin on a kink is moved to its side
            on = (margin.detach() - place).abs() < ON_A_KINK
            margin = margin + torch.where(on, place + ON_A_KINK - margin.detach(), 0.0)
        values = self.of_outcome(i, margin)
        for place, jump in zip(places, jumps, strict=True):
            x = margin - place
            values = values + jump / 2.0 * (torch.sqrt(x**2 + self.rounded**2) - x.abs())
        return values

    def _more(self, scores: Tensor) -> dict[str, Tensor]:
        """Return what the loss sees beside margins, of both options: shape (N, pairs, 2)."""
        known = {
            "logp": torch.log_softmax(scores + self.reference, dim=1),
            "reference": self.reference,
            "length": self.lengths,
        }
        return {
            name: torch.stack([known[name][:, self.first], known[name][:, self.second]], dim=2)
            for name in self.sees
        }

    def _of_links(self, margin: Tensor, more: dict[str, Tensor]) -> Tensor:
        """Return the expected loss of two comparisons by one annotator."""
        n, pairs = margin.shape
        both = torch.stack(
            [
                margin[:, :, None].expand(n, pairs, pairs),
                margin[:, None, :].expand(n, pairs, pairs),
            ],
            dim=3,
        ).reshape(-1, 2)
        extra = {
            name: torch.stack(
                [
                    value[:, :, None, :].expand(n, pairs, pairs, 2),
                    value[:, None, :, :].expand(n, pairs, pairs, 2),
                ],
                dim=3,
            ).reshape(-1, 2, 2)
            for name, value in more.items()
        }
        weight = self.weight[:, :, None] * self.weight[:, None, :]
        total = margin.new_zeros(n)
        for chance, label, _ in self.outcomes:
            values = self._values(both, label.expand(len(both), 2), extra)
            total = total + (weight * chance * values.reshape(n, pairs, pairs)).sum(dim=(1, 2))
        return total

    def _of_ballots(self, scores: Tensor) -> Tensor:
        """Return the expected loss of whole rankings, whose scores come best first."""
        total = scores.new_zeros(len(scores))
        known = {
            "logp": torch.log_softmax(scores + self.reference, dim=1),
            "reference": self.reference,
            "length": self.lengths,
        }
        for chance, order, _ in self.outcomes:
            extra: dict[str, Tensor] = {name: known[name][:, order] for name in self.sees}
            total = total + chance * self._values(scores[:, order], order, extra)
        return total

    def _values(self, margin: Tensor, label: Tensor, extra: dict[str, Tensor]) -> Tensor:
        """Return the losses, if a user's loss gives one real number for each."""
        shape = margin.shape[:1]
        must = f"a function of margins and labels that gives reals of shape {tuple(shape)}"
        arguments = (margin,) if self.information == "ballots" else (margin, label)
        try:
            values = self.loss(*arguments, **extra)
        except Exception as error:
            raise _validate.complaint("loss", must, _validate.shown(error)) from error
        if not isinstance(values, Tensor):
            raise _validate.complaint("loss", must, _validate.shown(values))
        if values.is_complex():
            raise _validate.complaint("loss", must, "complex numbers")
        if values.shape != shape:
            raise _validate.complaint("loss", must, f"shape {tuple(values.shape)}")
        return values


def _on_copies(loss: UserLoss) -> UserLoss:
    """Return a loss that may change what it is given in place."""

    def on_copies(*arguments: Tensor, **extra: Tensor) -> Tensor:
        return loss(
            *(one.clone() for one in arguments), **{k: one.clone() for k, one in extra.items()}
        )

    return on_copies


def _each(population: Population, y: NDArray[np.int64], z: NDArray[np.int64]) -> Floats:
    """Return each type's probability to prefer y, and z: shape (2, T, pairs)."""
    gaps = population.rewards[:, y] - population.rewards[:, z]
    return np.array([population.link(gaps), population.link(-gaps)])


def _links(
    populations: Sequence[Population], y: NDArray[np.int64], z: NDArray[np.int64]
) -> list[Outcome]:
    """Return the outcomes of two comparisons by one annotator."""
    each = [_each(one, y, z) for one in populations]
    return [
        Outcome(
            torch.as_tensor(
                np.array(
                    [
                        np.einsum("t,tp,tq->pq", one.shares, chance[a], chance[b])
                        for one, chance in zip(populations, each, strict=True)
                    ]
                )
            ),
            torch.tensor([1.0 - a, 1.0 - b], dtype=torch.float64),
        )
        for a, b in product((0, 1), repeat=2)
    ]


def _answers(each: Floats, shares: Floats, information: Asks) -> list[Outcome]:
    """Return the outcomes of typed labels and of panels; `each` has shape (N, 2, T, pairs)."""
    n_types = shares.shape[1]
    if information == "typed":
        return [
            Outcome(
                torch.as_tensor(shares[:, None, u] * each[:, side, u]),
                torch.tensor(1.0 - side, dtype=torch.float64),
                torch.tensor(u),
            )
            for u, side in product(range(n_types), (0, 1))
        ]
    if n_types > MOST_TYPES:
        raise _validate.complaint("population", f"of at most {MOST_TYPES} types", n_types)
    return [
        Outcome(
            torch.as_tensor(each[:, 1 - np.array(labels), np.arange(n_types)].prod(axis=1)),
            torch.tensor(labels, dtype=torch.float64),
        )
        for labels in product((0, 1), repeat=n_types)
    ]


def _ballots(populations: Sequence[Population]) -> list[Outcome]:
    """Return all rankings of the options, each type's drawn by Plackett and Luce's model."""
    size = populations[0].n_options
    if size > MOST_RANKED:
        raise _validate.complaint("population", f"of at most {MOST_RANKED} options", size)
    return [
        Outcome(
            torch.as_tensor(np.array([_chance(one, order) for one in populations])),
            torch.tensor(order),
        )
        for order in permutations(range(size))
    ]


def _chance(population: Population, order: tuple[int, ...]) -> float:
    """Return the probability of a ranking, best first."""
    link = population.link
    if type(link) is not Logistic:
        raise _validate.complaint("population", "of the logistic link, for ballots", repr(link))
    ranked = population.rewards[:, order] / link.temperature
    rest = np.logaddexp.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
    return float(population.shares @ np.exp((ranked - rest).sum(axis=1)))
