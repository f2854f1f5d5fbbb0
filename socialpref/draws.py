"""Draws of an estimated population: its replicates, as arrays.

What comes from data is an estimate. Whoever knows how the data were collected draws the
population again, and everything that is computed of a population is computed of its draws: the
spread of the results is their sampling error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .links import Link, Logistic, check_link, check_values, preferences

Floats = NDArray[np.float64]

EVERY = slice(None)

LARGEST = 1e300
"""The largest reward: twice as much, a gap, and its sums are still finite."""


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
    types, options : sequence of str, optional
        Labels of the types and of the options.

    Raises
    ------
    InputError
        If an argument has the wrong shape, is not finite, or shares are not distributions.

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
    types: tuple[str, ...]
    options: tuple[str, ...]

    def __init__(
        self,
        rewards: ArrayLike,
        shares: ArrayLike | None = None,
        *,
        samples: bool = True,
        link: Link = Logistic(),  # noqa: B008 - immutable
        types: Sequence[str] | None = None,
        options: Sequence[str] | None = None,
    ) -> None:
        table = _validate.real_array("rewards", rewards, 3)
        n_draws, n_types, n_options = table.shape
        if n_draws < 1 or n_types < 1 or n_options < 2:
            must = "of shape (draws, types, options), at least 1, 1 and 2"
            raise _validate.complaint("rewards", must, f"shape {table.shape}")
        check_size(table)
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
        check_link(link, float(np.ptp(table, axis=2).max()))
        table.flags.writeable = weights.flags.writeable = False
        values = {
            "rewards": table,
            "shares": weights,
            "samples": samples,
            "link": link,
            "types": _validate.labels("types", types, n_types, "type"),
            "options": _validate.labels("options", options, n_options, "option"),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def n_options(self) -> int:
        """K, the number of options."""
        return self.rewards.shape[2]

    def pairwise(self, rows: slice = EVERY) -> Floats:
        """Return preferences P, shape (R, K, K), as `Population.pairwise` does, of some draws."""
        matrices = preferences(self.rewards[rows], self.shares[rows], self.link)
        return check_values(matrices, matrices.shape)

    def mean_rewards(self) -> Floats:
        """Return each draw's average reward of every option, shape (R, K)."""
        return np.einsum("rt,rtk->rk", self.shares, self.rewards)

    def sampling(self, sampling: ArrayLike | None = None) -> Floats:
        """Return a checked sampling distribution of all draws, (K,), or one of each, (R, K).

        Parameters
        ----------
        sampling : array_like, shape (K,) or (R, K), optional
            Uniform if omitted.

        Raises
        ------
        InputError
            If it is not a distribution over the options, or not one for each draw.
        """
        must = f"of shape ({self.n_options},) or ({len(self)}, {self.n_options})"
        if sampling is not None:
            sampling = _validate.aligned("sampling", sampling, self.options)
            sampling = _validate.any_array("sampling", sampling, f"an array {must}")
        if sampling is None or sampling.ndim < 2:
            return _validate.distribution("sampling", sampling, self.n_options)
        bases = _validate.real_array("sampling", sampling, 2)
        if bases.shape != (len(self), self.n_options):
            raise _validate.complaint("sampling", must, f"shape {bases.shape}")
        _validate.check_shares("sampling", bases)
        return np.asarray(bases / bases.sum(axis=1, keepdims=True))


def check_size(rewards: Floats) -> None:
    """Refuse rewards whose gaps or sums may be infinite."""
    if (largest := np.abs(rewards).max()) > LARGEST:
        raise _validate.complaint("rewards", f"at most {LARGEST:g} in size", f"{largest:g}")
