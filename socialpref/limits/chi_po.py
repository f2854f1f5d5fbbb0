"""What chi-PO converges to: DPO's rewards through another regulariser."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..population import Population
from .fits import bradley_terry_rewards
from .limit import Floats, Limit, limit_at, setting
from .method import Information, Method, Order


@dataclass(frozen=True)
class ChiPO(Method):
    """DPO's loss with ``phi(pi / reference)`` for the log-ratio, ``phi(z) = z + log z``.

    The limit solves ``phi(pi / reference) = h / beta + c`` with DPO's rewards h; c makes the
    probabilities sum to 1. Large ratios cost more than in DPO, so the policy stays closer to the
    reference.

    References
    ----------
    Huang et al. (2024), "Correcting the mythos of KL-regularization", arXiv 2407.13399.

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import ChiPO
    >>> ChiPO().limit(two_camps()).policy.round(6)
    array([0.392258, 0.233651, 0.374091])
    """

    name: ClassVar[str] = "chi-po"
    information: ClassVar[Information] = "anonymous"
    order: ClassVar[Order | None] = "NBC"
    guarantee: ClassVar[str] = "orders as NBC (ratios to the reference)"

    def policy(self, logits: Floats, reference: Floats) -> Floats:
        """Return the policy with ``phi(pi / reference) = logits + c``."""
        from scipy.optimize import brentq
        from scipy.special import wrightomega  # z + log z = x at z = wrightomega(x)

        def excess(c: float) -> float:
            return float(reference @ wrightomega(logits + c)) - 1.0

        # Some ratio is at least 1 and some is at most 1.
        c = brentq(excess, 1.0 - logits.max(), 1.0 - logits.min(), xtol=1e-15, rtol=1e-15)
        policy = reference * wrightomega(logits + c)
        return np.asarray(policy / policy.sum())

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return the policy whose regularised ratios are DPO's rewards."""
        found = bradley_terry_rewards(population, sampling)
        beta, base = setting(population, beta, reference)
        policy = self.policy(found.rewards / beta, base)
        return limit_at(self.name, policy, 2.0 * found.error, population, beta, base)
