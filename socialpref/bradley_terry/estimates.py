"""What all fits of rewards share: their errors, naive and by cluster, and intervals of ranks."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from ..errors import ConvergenceError, InputError
from .clusters import meat
from .pairs import Floats
from .ranks import RankIntervals, rank_intervals
from .solver import LARGEST_GAP, Laplacian

if TYPE_CHECKING:
    import pandas as pd

DENSE_ERRORS = 12_000
"""Up to this many options errors come from one dense inverse, of 1.2 GB at the most."""

RANKED = 5
"""Options that a description names."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RewardFit:
    """Rewards that were fitted to comparisons or ballots, with their errors.

    Attributes
    ----------
    rewards : ndarray, shape (n,)
        The rewards h, with mean 0.
    options : tuple of str
        Their labels.
    log_likelihood : float
        The weighted sum of the answers' log-probabilities under these rewards.
    residual : float
        How far a reward can be from its value at the maximum.
    iterations : int
        Newton steps.
    prior : float
        The precision of the prior of each reward; 0 for none.
    scores : sparse array, shape (G, n) or (G, n + 1), or None
        The derivatives of each cluster's log-likelihood, by the rewards, and by the logarithm of
        the tie parameter if there is one; None if no clusters were given.
    """

    rewards: Floats
    options: tuple[str, ...]
    log_likelihood: float
    residual: float
    iterations: int
    prior: float = 0.0
    scores: Any = None

    @property
    def n_clusters(self) -> int | None:
        """How many clusters have comparisons; None if none were given."""
        return None if self.scores is None else int((np.diff(self.scores.indptr) > 0).sum())

    def standard_errors(self, *, clustered: bool = False) -> Floats:
        """Return the standard error of each reward under the constraint that they sum to 0.

        The naive errors take all answers for independent. Those by cluster let the answers of
        one cluster (an annotator, a ballot) hang together as they like.

        Parameters
        ----------
        clustered : bool
            Whether to return the errors by cluster, for which the fit needs clusters.

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        InputError
            If errors by cluster are asked for, and no clusters were given.
        ConvergenceError
            If the information cannot be inverted in floats.

        Notes
        -----
        The naive errors are the square roots of the diagonal of the pseudo-inverse B of the
        observed information, to which a prior adds its precision. Weights count as repetitions:
        weights that do not count comparisons give errors on another scale. Errors by cluster are
        those of the sandwich ``G / (G - 1) B (sum_g s_g s_g') B``, where s_g is the sum of the
        scores of cluster g and G the number of clusters. They do not depend on the scale of the
        weights, and want some 30 clusters or more. The inverse is computed when it is first asked
        for, and kept. Above 12,000 options there is none, and each error takes conjugate
        gradients of its own, which is slow.

        Examples
        --------
        Every annotator gives the same answer twice, so half of the answers say nothing new:

        >>> from socialpref import fit_bradley_terry
        >>> fit = fit_bradley_terry([0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0],
        ...                         cluster=["ann", "ann", "ben", "ben", "cem", "cem"])
        >>> fit.standard_errors().round(3), fit.standard_errors(clustered=True).round(3)
        (array([0.433, 0.433]), array([0.75, 0.75]))
        """
        self._check(clustered)
        if len(self.rewards) <= DENSE_ERRORS:
            variances = np.diag(self.covariance(clustered=clustered))
            return np.sqrt(np.maximum(variances, 0.0))  # below 0 by rounding
        information, size = self._information(), len(self.rewards)
        variances = np.empty(size)
        for y in range(size):
            contrast = (np.arange(size) == y) - 1.0 / size
            variances[y] = self._variance(information, contrast, clustered)
        return np.sqrt(variances)

    def covariance(self, *, clustered: bool = False) -> Floats:
        """Return the covariance of the rewards, under the constraint that they sum to 0.

        Parameters
        ----------
        clustered : bool
            Whether answers of the same cluster may hang together.

        Returns
        -------
        ndarray, shape (n, n)
            It belongs to the fit: copy it before you change it.

        Raises
        ------
        InputError
            If there are more than 12,000 options, or no clusters where they are asked for.
        ConvergenceError
            If the information cannot be inverted in floats.

        Examples
        --------
        >>> from socialpref import fit_bradley_terry
        >>> fit_bradley_terry([0, 1, 1], [1, 0, 0]).covariance().round(3)
        array([[ 0.375, -0.375],
               [-0.375,  0.375]])
        """
        self._check(clustered)
        if len(self.rewards) > DENSE_ERRORS:
            raise InputError(
                f"A covariance is of at most {DENSE_ERRORS:,} options; got {len(self.rewards):,}."
            )
        return self._clustered if clustered else self._naive

    def standard_error_of_difference(self, i: int, j: int, *, clustered: bool = False) -> float:
        """Return the standard error of ``rewards[i] - rewards[j]``.

        Raises
        ------
        InputError
            If `i` or `j` is not an option, or no clusters were given where they are asked for.
        ConvergenceError
            If the information cannot be inverted in floats.
        """
        self._check(clustered)
        contrast = np.zeros(len(self.rewards))
        for name, option, sign in (("i", i, 1.0), ("j", j, -1.0)):
            contrast[_validate.integer(name, option, 0, len(contrast) - 1)] += sign
        return float(np.sqrt(self._variance(self._information(), contrast, clustered)))

    def design_effect(self) -> float:
        """Return the trace of the clustered covariance over that of the naive one.

        Above 1 the answers of a cluster say less than as many independent ones: annotators have
        tastes of their own. With a weak prior the naive errors of options that hardly occur are
        the prior's, and the design effect then says little.

        Examples
        --------
        >>> from socialpref import fit_bradley_terry
        >>> fit = fit_bradley_terry([0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0],
        ...                         cluster=["ann", "ann", "ben", "ben", "cem", "cem"])
        >>> round(fit.design_effect(), 6)  # twice G / (G - 1)
        3.0
        """
        clustered, naive = (self.standard_errors(clustered=by) for by in (True, False))
        return float((clustered**2).sum() / (naive**2).sum())

    def rank_intervals(
        self,
        *,
        level: float = 0.95,
        simultaneous: bool = False,
        clustered: bool | None = None,
        seed: int | np.random.Generator = 0,
    ) -> RankIntervals:
        """Return an interval of the rank of each option, or intervals that hold all together.

        Parameters
        ----------
        level : float
            The probability that an interval covers the true rank (or all do), in (0, 1).
        simultaneous : bool
            Whether all intervals are to hold at once; up to 1,000 options.
        clustered : bool, optional
            Whether to use errors by cluster; if omitted, where there are clusters.
        seed : int or numpy.random.Generator
            For the draws that simultaneous intervals need.

        Notes
        -----
        An option ranks behind those whose rewards are significantly larger, and before those
        whose rewards are significantly smaller. A single option's interval holds if none of its
        n - 1 comparisons with the others is decided wrongly: Bonferroni's critical value of n - 1
        two-sided tests. All intervals hold if no comparison of two options is decided wrongly:
        the critical value is the quantile of the largest of all differences over their errors,
        in 2,000 normal draws of the rewards' errors. With clusters t distributions of G - 1
        degrees of freedom take the place of normal ones.

        References
        ----------
        Mogstad, Romano, Shaikh and Wilhelm (2024), "Inference for ranks with applications to
        mobility across neighbourhoods and academic achievement across countries", Review of
        Economic Studies 91.

        Examples
        --------
        >>> from socialpref import fit_bradley_terry
        >>> fit = fit_bradley_terry([0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1],
        ...                         weights=[40, 45, 10, 30, 5, 20], options=["a", "b", "c"])
        >>> fit.rank_intervals().to_frame()
          option    reward  rank  rank_low  rank_high
        0      a  1.170190     1         1          1
        1      b -0.341714     2         2          3
        2      c -0.828475     3         2          3
        """
        by_cluster = self.scores is not None if clustered is None else clustered
        covariance = self.covariance(clustered=by_cluster)
        count = self.n_clusters if by_cluster else None
        return rank_intervals(
            self.rewards,
            covariance,
            options=self.options,
            level=level,
            simultaneous=simultaneous,
            degrees=None if count is None else count - 1,
            seed=seed,
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of the options with rewards, standard errors and intervals of ranks.

        The columns are option, reward, se_naive, se_clustered (if there are clusters), rank_low
        and rank_high (each option's own, at 95 %).

        Examples
        --------
        >>> from socialpref.bradley_terry import fit_plackett_luce
        >>> fit_plackett_luce([[0, 1], [1, 0], [1, 0]], options=["a", "b"]).to_frame().round(3)
          option  reward  se_naive  rank_low  rank_high
        0      a  -0.347     0.612         1          2
        1      b   0.347     0.612         1          2
        """
        import pandas as pd

        errors = {"se_naive": self.standard_errors()}
        if self.scores is not None:
            errors["se_clustered"] = self.standard_errors(clustered=True)
        ranks = self.rank_intervals()
        return pd.DataFrame(
            {
                "option": self.options,
                "reward": self.rewards,
                **errors,
                "rank_low": ranks.low,
                "rank_high": ranks.high,
            }
        )

    def describe(self) -> str:
        """Return the first options with their rewards and standard errors, in a sentence.

        Examples
        --------
        >>> from socialpref import fit_bradley_terry
        >>> print(fit_bradley_terry([0, 1, 1], [1, 0, 0], options=["a", "b"]).describe())
        Rewards of 2 options (standard errors, taking all answers for independent): 'b' 0.347
        (0.612), 'a' -0.347 (0.612).
        """
        clustered = self.scores is not None
        errors = self.standard_errors(clustered=clustered)
        order = np.argsort(-self.rewards, kind="stable")[:RANKED]
        named = ", ".join(
            f"{self.options[y]!r} {self.rewards[y]:.3f} ({errors[y]:.3f})" for y in order
        )
        how = "taking all answers for independent"
        if clustered:
            how = f"by {self.n_clusters:,} clusters"
        more = ", ..." if len(self.rewards) > RANKED else ""
        said = f"Rewards of {len(self.rewards):,} options (standard errors, {how}): {named}{more}."
        if clustered:
            said += f" The design effect is {self.design_effect():.2f}."
        return said

    # --- how errors are computed ----------------------------------------------------------

    def _information(self) -> Laplacian:
        """Return minus the Hessian of the log-likelihood by the rewards, checked for inversion."""
        if np.ptp(self.rewards) <= LARGEST_GAP:
            information = self._laplacian()
            if information.mixes():
                return information
        raise ConvergenceError(
            "standard errors are not known, because some options are linked to "
            "the others by next to no information"
        )

    def _laplacian(self) -> Laplacian:
        raise NotImplementedError

    @cached_property
    def _bread(self) -> Floats:
        """The derivative of the rewards by what is added to the scores."""
        return self._naive

    @cached_property
    def _naive(self) -> Floats:
        return self._information().centred_inverse()

    @cached_property
    def _clustered(self) -> Floats:
        return np.asarray(self._bread @ meat(self.scores) @ self._bread.T)

    def _check(self, clustered: bool) -> None:
        if clustered and self.scores is None:
            raise InputError("'clustered' must be False, for the fit was given no clusters.")

    def _variance(self, information: Laplacian, contrast: Floats, clustered: bool) -> float:
        """Return the variance of a contrast, whose entries sum to 0."""
        found = information.solve(contrast)
        if found is None:
            raise ConvergenceError("the system of a standard error is not solved")
        if not clustered:
            return float(contrast @ found)
        count = self.n_clusters
        assert count is not None
        moved = self.scores @ found
        return float(moved @ moved) * count / (count - 1.0)
