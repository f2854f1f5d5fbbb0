"""Policies over finite sets: networks that give every option of a prompt a score.

A score is the logarithm of ``policy / reference`` up to a constant for each prompt, so that a
score of 0 everywhere is the reference policy, and ``beta`` times a score an implicit reward.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from .. import _validate


class Tabular(nn.Module):
    """A free score for every prompt and option; it begins as the reference policy.

    Parameters
    ----------
    n_prompts, n_options : int

    Raises
    ------
    InputError
        If a size is not positive.

    Examples
    --------
    >>> import torch
    >>> from socialpref.training import Tabular
    >>> Tabular(2, 3)(torch.tensor([1])).detach()
    tensor([[0., 0., 0.]], dtype=torch.float64)
    """

    def __init__(self, n_prompts: int, n_options: int) -> None:
        super().__init__()
        _check_sizes(n_prompts=n_prompts, n_options=n_options)
        self.scores = nn.Parameter(torch.zeros(n_prompts, n_options, dtype=torch.float64))

    def forward(self, prompts: Tensor) -> Tensor:
        """Return the scores of all options, shape (prompts, K)."""
        return self.scores[prompts]


class MLP(nn.Module):
    """A tanh network on one-hot prompts, as in the paper's ring environment.

    Parameters
    ----------
    n_prompts, n_options : int
    hidden : tuple of int
        Widths of the hidden layers.
    seed : int
        Of the initial weights, which are torch's default ones.

    Raises
    ------
    InputError
        If a size is not positive.

    References
    ----------
    arXiv 2502.16320, section 7.2.

    Examples
    --------
    >>> import torch
    >>> from socialpref.training import MLP
    >>> MLP(40, 40)(torch.tensor([3, 5])).shape
    torch.Size([2, 40])
    """

    def __init__(
        self, n_prompts: int, n_options: int, hidden: tuple[int, ...] = (15, 15), *, seed: int = 0
    ) -> None:
        super().__init__()
        _check_sizes(n_prompts=n_prompts, n_options=n_options)
        _validate.instance("hidden", hidden, (tuple, list), "a tuple of widths")
        _check_sizes(**{f"hidden[{i}]": width for i, width in enumerate(hidden)})
        seed = _validate.integer("seed", seed, 0, 2**64 - 1)
        self.n_prompts = n_prompts
        widths = (n_prompts, *hidden, n_options)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.ModuleList(
                nn.Linear(wide, narrow) for wide, narrow in pairwise(widths)
            )

    def forward(self, prompts: Tensor) -> Tensor:
        """Return the scores of all options, shape (prompts, K)."""
        weight = next(self.parameters())
        values = torch.eye(self.n_prompts, dtype=weight.dtype, device=weight.device)[prompts]
        for layer in self.layers[:-1]:
            values = torch.tanh(layer(values))
        return self.layers[-1](values)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        _validate.integer(name, size, 1)
