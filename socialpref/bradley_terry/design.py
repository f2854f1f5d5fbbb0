"""Which pairs were shown how often, and what rests on it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..errors import InputError
from .fit import BradleyTerryFit, fit_bradley_terry
from .pairs import Floats, Integers, sums_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PairDesign:
    """The pairs that were shown, and the answers that other designs would have given.

    Attributes
    ----------
    first, second : ndarray of int, shape (pairs,)
        The pairs that were compared.
    games : ndarray, shape (pairs,)
        How often.
    n_pairs : int
        How many pairs of options there are.
    appearances : ndarray, shape (n,)
        Each option's share of the places in comparisons: the sampling distribution d of the
        product design that is nearest in this sense.
    from_uniform, from_product : float
        The total variation distances of the pairs' shares from those of a design in which all
        pairs are as frequent, and from those of two independent draws from d that differ.
    observed : ndarray, shape (n,)
        The rewards that DPO learns from the comparisons as they are.
    uniform : ndarray, shape (n,), or None
        Those that it would learn if all pairs were shown equally often, at the observed shares of
        wins; None if they cannot be told.
    product : ndarray, shape (n,), or None
        The normalized Borda count under product sampling from d, at the observed shares of wins:
        the order that DPO would have then.
    reason : str
        Why `uniform` (or both) are None; empty if they are not.
    discordant_uniform, discordant_product : int or None
        How many pairs of options the observed design's answer puts in the opposite order.
    options : tuple of str
    """

    first: Integers
    second: Integers
    games: Floats
    n_pairs: int
    appearances: Floats
    from_uniform: float
    from_product: float
    observed: Floats
    uniform: Floats | None
    product: Floats | None
    reason: str
    discordant_uniform: int | None
    discordant_product: int | None
    options: tuple[str, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of the options.

        The columns are option, appearances, observed, and uniform and nbc if they are known.

        Examples
        --------
        >>> from socialpref.bradley_terry import fit_bradley_terry, observed_design
        >>> fit = fit_bradley_terry([0, 0, 1], [1, 2, 2], [0.75, 0.45, 0.75], weights=[20, 20, 60],
        ...                         options=["a", "b", "c"])
        >>> observed_design(fit).to_frame().round(3)
          option  appearances  observed  uniform   nbc
        0      a          0.2     0.279    0.272  0.58
        1      b          0.4     0.218    0.000  0.55
        2      c          0.4    -0.497   -0.272  0.41
        """
        import pandas as pd

        frame = pd.DataFrame({"option": self.options, "appearances": self.appearances})
        columns = {"observed": self.observed, "uniform": self.uniform, "nbc": self.product}
        return frame.assign(**{k: v for k, v in columns.items() if v is not None})

    def describe(self) -> str:
        """Return how uneven the design is and what rests on it, in sentences.

        Examples
        --------
        >>> from socialpref.bradley_terry import fit_bradley_terry, observed_design
        >>> fit = fit_bradley_terry([0, 0, 1], [1, 2, 2], [0.6, 0.4, 0.7], weights=[20, 20, 60])
        >>> print(observed_design(fit).describe())
        3 of 3 pairs were compared, 20 to 60 times. The design is 0.267 from one in which all pairs
        are as frequent (total variation), and 0.100 from independent draws of two options. Under
        uniform pairs DPO would order 0 of 3 pairs of options otherwise, under independent draws 0.
        """
        said = (
            f"{len(self.games):,} of {self.n_pairs:,} pairs were compared, {self.games.min():g} to "
            f"{self.games.max():g} times. The design is {self.from_uniform:.3f} from one in which "
            f"all pairs are as frequent (total variation), and {self.from_product:.3f} from "
            "independent draws of two options."
        )
        if self.discordant_product is None:
            return f"{said} What other designs would give is not known: {self.reason}."
        if self.discordant_uniform is None:
            return (
                f"{said} What uniform pairs would give is not known: {self.reason}. Under "
                f"independent draws DPO would order {self.discordant_product:,} of "
                f"{self.n_pairs:,} pairs of options otherwise."
            )
        return (
            f"{said} Under uniform pairs DPO would order {self.discordant_uniform:,} of "
            f"{self.n_pairs:,} pairs of options otherwise, under independent draws "
            f"{self.discordant_product:,}."
        )


def observed_design(fit: BradleyTerryFit) -> PairDesign:
    """Return which pairs were shown how often, and what DPO would learn from other designs.

    DPO's order is that of the normalized Borda count only if the two options of a comparison are
    drawn independently. Real tables are seldom like that, and their design moves DPO's answer.

    Parameters
    ----------
    fit : BradleyTerryFit
        A fit to the comparisons.

    Returns
    -------
    PairDesign
        Its answers under other designs take the observed share of wins of each pair for its
        probability, so they need comparisons of all pairs, and are noisy where a pair was seldom
        compared.

    Examples
    --------
    >>> from socialpref.bradley_terry import fit_bradley_terry, observed_design
    >>> fit = fit_bradley_terry([0, 1, 1], [1, 2, 2], [0.6, 0.4, 0.7])
    >>> observed_design(fit).reason
    '1 of 3 pairs were never compared'
    """
    _validate.instance("fit", fit, BradleyTerryFit, "a BradleyTerryFit")
    size, games = len(fit.rewards), fit.wins + fit.losses
    n_pairs = size * (size - 1) // 2
    seen, met = games / games.sum(), len(games)
    places = sums_of(fit.low, games, size) + sums_of(fit.high, games, size)
    drawn = places / places.sum()
    by_product = 2.0 * drawn[fit.low] * drawn[fit.high] / (1.0 - drawn @ drawn)
    uniform = product = None
    reason = ""
    if met < n_pairs:
        reason = f"{n_pairs - met:,} of {n_pairs:,} pairs were never compared"
    else:
        share = fit.wins / games
        product = 0.5 * drawn
        product += sums_of(fit.low, share * drawn[fit.high], size)
        product += sums_of(fit.high, (1.0 - share) * drawn[fit.low], size)
        try:
            uniform = fit_bradley_terry(fit.low, fit.high, share, n_options=size).rewards
        except InputError:
            reason = "with the observed shares of wins no finite rewards exist"
    return PairDesign(
        first=fit.low,
        second=fit.high,
        games=games,
        n_pairs=n_pairs,
        appearances=drawn,
        from_uniform=_distance(seen, np.full(met, 1.0 / n_pairs)),
        from_product=_distance(seen, by_product),
        observed=fit.rewards,
        uniform=uniform,
        product=product,
        reason=reason,
        discordant_uniform=None if uniform is None else discordant(fit.rewards, uniform),
        discordant_product=None if product is None else discordant(fit.rewards, product),
        options=fit.options,
    )


def _distance(seen: Floats, other: Floats) -> float:
    """Return the total variation of two designs, the other of which may have further pairs."""
    return float(0.5 * (np.abs(seen - other).sum() + max(0.0, 1.0 - other.sum())))


def discordant(one: Floats, other: Floats) -> int:
    """Return how many pairs of options two scores put in opposite orders."""
    count = 0
    for y in range(len(one) - 1):
        count += int(((one[y + 1 :] - one[y]) * (other[y + 1 :] - other[y]) < 0.0).sum())
    return count
