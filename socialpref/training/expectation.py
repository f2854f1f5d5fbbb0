"""The expectation of a loss of one's own over what annotators of many populations say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import _validate
from ..errors import InputError
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

UserLoss = Callable[..., Tensor]
"""From margins and labels, and what else the loss sees, to one loss for each."""


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
        self.loss, self.sees, self.information = loss, tuple(sees), information
        self.size = settings[0].population.n_options
        y, z = np.nonzero(~np.eye(self.size, dtype=bool))
        d = np.array([one.sampling for one in settings])
        weight = d[:, y] * d[:, z]
        self.weight = torch.as_tensor(weight / weight.sum(axis=1, keepdims=True))
        self.first, self.second = torch.as_tensor(y), torch.as_tensor(z)
        self.reference = torch.as_tensor(np.log([one.reference for one in settings]))
        self.lengths = torch.as_tensor(np.array([one.lengths for one in settings]))
        populations = [one.population for one in settings]
        if information == "ballots":
            self.outcomes = _ballots(populations)
        elif information == "anonymous":
            wins = np.array([one.pairwise() for one in populations])
            self.outcomes = [
                (torch.as_tensor(wins[:, y, z]), torch.tensor(1.0, dtype=torch.float64), None),
                (torch.as_tensor(wins[:, z, y]), torch.tensor(0.0, dtype=torch.float64), None),
            ]
        else:
            chances = np.array([_each(one, y, z) for one in populations])
            shares = np.array([one.shares for one in populations])
            self.outcomes = _answers(chances, shares, information)

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the expected loss, shape (N,), of rewards of shape (N, K)."""
        if self.information == "ballots":
            return self._of_ballots(scores)
        margin, more = self.margins(scores), self._more(scores)
        if self.information == "linked":
            return self._of_links(margin, more)
        return self._of_pairs(margin, more).sum(dim=1)

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

    def _of_pairs(self, margin: Tensor, more: dict[str, Tensor]) -> Tensor:
        total = torch.zeros_like(margin)
        for chance, label, typed in self.outcomes:
            extra = {name: value.reshape(-1, 2) for name, value in more.items()}
            if typed is not None:
                extra["annotator_type"] = typed.expand(margin.numel())
            labels = label.expand(margin.numel(), *label.shape)
            values = self._values(margin.reshape(-1), labels, extra)
            total = total + self.weight * chance * values.reshape(margin.shape)
        return total

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


Outcome = tuple[Tensor, Tensor, Tensor | None]
"""How likely an outcome is, its label, and the annotator's type where it is told."""


def _each(population: Population, y: NDArray[np.int64], z: NDArray[np.int64]) -> Floats:
    """Return each type's probability to prefer y, and z: shape (2, T, pairs)."""
    gaps = population.rewards[:, y] - population.rewards[:, z]
    return np.array([population.link(gaps), population.link(-gaps)])


def _answers(each: Floats, shares: Floats, information: Asks) -> list[Outcome]:
    """Return the outcomes of comparisons; `each` has shape (N, 2, T, pairs)."""
    n_types = shares.shape[1]
    weights = shares[:, None, :, None]
    single = [(1.0, 0), (0.0, 1)]
    number = {value: torch.tensor(value, dtype=torch.float64) for value, _ in single}
    if information == "typed":
        return [
            (torch.as_tensor((weights * each)[:, side, u]), number[value], torch.tensor(u))
            for u in range(n_types)
            for value, side in single
        ]
    if information == "linked":
        return [
            (
                torch.as_tensor(np.einsum("nt,ntp,ntq->npq", shares, each[:, a], each[:, b])),
                torch.stack([number[one], number[other]]),
                None,
            )
            for (one, a), (other, b) in product(single, repeat=2)
        ]
    if n_types > MOST_TYPES:
        raise _validate.complaint("population", f"of at most {MOST_TYPES} types", n_types)
    outcomes: list[Outcome] = []
    for labels in product((0, 1), repeat=n_types):
        sides = 1 - np.array(labels)
        chance = each[:, sides, np.arange(n_types)].prod(axis=1)
        outcomes.append((torch.as_tensor(chance), torch.tensor(labels, dtype=torch.float64), None))
    return outcomes


def _ballots(populations: Sequence[Population]) -> list[Outcome]:
    """Return all rankings of the options, each type's drawn by Plackett and Luce's model."""
    size = populations[0].n_options
    if size > MOST_RANKED:
        raise _validate.complaint("population", f"of at most {MOST_RANKED} options", size)
    for one in populations:
        if type(one.link) is not Logistic:
            raise InputError("'population' must have the logistic link for ballots.")
    rewards = np.array([one.rewards / one.link.temperature for one in populations])  # type: ignore[attr-defined]
    shares = np.array([one.shares for one in populations])
    outcomes: list[Outcome] = []
    for order in permutations(range(size)):
        ranked = rewards[:, :, order]
        rest = np.logaddexp.accumulate(ranked[:, :, ::-1], axis=2)[:, :, ::-1]
        chance = (shares * np.exp((ranked - rest).sum(axis=2))).sum(axis=1)
        outcomes.append((torch.as_tensor(chance), torch.tensor(order), None))
    return outcomes
