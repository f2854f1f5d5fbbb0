"""Draws of an estimated population: the same people, asked again.

What comes from data is an estimate. Whoever knows how the data were collected draws the
population again, and everything that is computed of a population is computed of its draws: the
spread of the results is their sampling error.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .links import Link, Logistic, preferences

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, init=False)
class Draws:
    """R draws of a population of T types over K options.

    A `Draws` can stand where `nbc` and `average_reward` take a `Population`: they then return
    one row for each draw.

    Parameters
    ----------
    rewards : array_like, shape (R, T, K)
        Of each draw.
    shares : array_like, shape (R, T), optional
        Of each draw; equal shares if omitted.
    samples : bool
        Whether the draws are samples (bootstrap, posterior), so that their percentiles mean
        something. Jackknife and balanced replicates are not.
    link : Link
        How reward gaps become preference probabilities.
    options : sequence of str, optional
        Labels of the options.

    Raises
    ------
    InputError
        If an argument has the wrong shape, is not finite, or a draw's shares are no distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from socialpref import Draws, Interval, nbc
    >>> rng = np.random.default_rng(0)
    >>> draws = Draws(np.array([[0, -1, -2], [0, -2, 4]]) + rng.normal(0, 0.1, (1000, 2, 3)))
    >>> Interval.of(nbc(draws)[:, 0]).describe("{:.2f}")
    '0.57 to 0.60'
    """

    rewards: Floats
    shares: Floats
    samples: bool
    link: Link
    options: tuple[str, ...]

    def __init__(
        self,
        rewards: ArrayLike,
        shares: ArrayLike | None = None,
        *,
        samples: bool = True,
        link: Link = Logistic(),  # noqa: B008 - immutable
        options: "Sequence[str] | None" = None,
    ) -> None:
        table = _validate.real_array("rewards", rewards, 3)
        n_draws, n_types, n_options = table.shape
        if n_draws < 1 or n_types < 1 or n_options < 2:
            must = "of shape (draws, types, options), at least 1, 1 and 2"
            raise _validate.complaint("rewards", must, f"shape {table.shape}")
        if shares is None:
            weights = np.full((n_draws, n_types), 1.0 / n_types)
        else:
            weights = _validate.real_array("shares", shares, 2)
            if weights.shape != (n_draws, n_types):
                must = f"of shape ({n_draws}, {n_types})"
                raise _validate.complaint("shares", must, f"shape {weights.shape}")
            _validate.check_shares("shares", weights)
            weights /= weights.sum(axis=1, keepdims=True)
        _validate.instance("samples", samples, bool, "True or False")
        table.flags.writeable = weights.flags.writeable = False
        object.__setattr__(self, "rewards", table)
        object.__setattr__(self, "shares", weights)
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "link", link)
        object.__setattr__(
            self, "options", _validate.labels("options", options, n_options, "option")
        )

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def n_options(self) -> int:
        """K, the number of options."""
        return self.rewards.shape[2]

    @cached_property
    def _preferences(self) -> Floats:
        matrices = preferences(self.rewards, self.shares, self.link)
        matrices.flags.writeable = False
        return matrices

    def pairwise(self) -> Floats:
        """Return each draw's preferences P, shape (R, K, K), as `Population.pairwise` does."""
        return self._preferences

    def mean_rewards(self) -> Floats:
        """Return each draw's average reward of every option, shape (R, K)."""
        return np.einsum("rt,rtk->rk", self.shares, self.rewards)
