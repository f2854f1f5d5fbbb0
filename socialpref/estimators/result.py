"""What an estimator returns: average rewards with their covariance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _validate

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Average rewards that a method estimates from labels of types.

    Attributes
    ----------
    method : str
    rewards : ndarray, shape (K,)
        With mean 0.
    covariance : ndarray, shape (K, K)
        Of their errors. It knows nothing of a method's bias: DPO's rewards are not average ones,
        however small their errors.
    options : tuple of str
    n_labels : float
        Labels that were used: of the agreement-only loss those of complete panels, also of panels
        that disagree.
    type_rewards : ndarray, shape (T, K), or None
        The rewards of the types, where the method fits them. Those of vote counts come in no
        order.
    n_starts, n_agreeing : int
        Random starts, and how many of them came to the maximum that was kept.
    spread : float
        How far apart, at most, the average rewards of the starts that agree are: far apart, the
        likelihood does not tell them.
    """

    method: str
    rewards: Floats
    covariance: Floats
    options: tuple[str, ...]
    n_labels: float
    type_rewards: Floats | None = None
    n_starts: int = 1
    n_agreeing: int = 1
    spread: float = 0.0

    @property
    def gaps(self) -> Floats:
        """The gaps of all pairs of options, shape (K, K): the row's reward less the column's."""
        return np.subtract.outer(self.rewards, self.rewards)

    @property
    def gap_errors(self) -> Floats:
        """The standard errors of the gaps, shape (K, K)."""
        return np.sqrt(np.maximum(gap_variances(self.covariance), 0.0))

    def gap_intervals(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends of intervals of all gaps, by the normal distribution.

        Parameters
        ----------
        level : float
            In (0, 1).
        """
        from scipy.special import ndtri

        level = _validate.number("level", level, 0.0, 1.0, above=True, below=True)
        reach = float(ndtri(0.5 + level / 2.0)) * self.gap_errors
        return self.gaps - reach, self.gaps + reach

    def to_frame(self, level: float = 0.95) -> "pd.DataFrame":
        """Return one row for each pair of options: option, other, gap, se, low, high.

        Examples
        --------
        >>> from socialpref import RewardAveraging
        >>> from socialpref.estimators import Panels, estimate
        >>> panels = Panels([[1, 0], [0, 1], [1, 1], [0, 0], [1, 1]], [[0, 1]] * 5)
        >>> estimate(RewardAveraging(), panels).to_frame().round(3)
             option     other    gap     se   low   high
        0  option 1  option 2  0.405  0.645 -0.86  1.671
        """
        import pandas as pd

        low, high = self.gap_intervals(level)
        y, z = np.triu_indices(len(self.rewards), 1)
        names = np.array(self.options)
        return pd.DataFrame(
            {
                "option": names[y],
                "other": names[z],
                "gap": self.gaps[y, z],
                "se": self.gap_errors[y, z],
                "low": low[y, z],
                "high": high[y, z],
            }
        )


def gap_variances(covariance: Floats) -> Floats:
    """Return the variances of the differences of all pairs, (K, K)."""
    own = np.diag(covariance)
    return np.asarray(own[:, None] + own[None, :] - covariance - covariance.T)
