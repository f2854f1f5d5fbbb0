"""What each alignment method converges to, exactly.

With unlimited data a method minimises its expected loss over implicit rewards h, one for each
option; the policy is ``pi(y) ∝ reference(y) exp(h(y) / beta)``. Comparisons are drawn from a
sampling distribution d (both options independently) or from a symmetric pair design W. The losses
take preferences for Bradley-Terry ones with temperature 1, whatever the population's link.
Every limit can be asked of one population or of a sequence, one for each prompt.
"""

from .agreement import AgreementOnly, agreement_rate
from .corrected import CorrectedDPO, VarianceForm
from .design import pair_design
from .dpo import DPO
from .limit import ImplicitRewards, Limit
from .method import Information, Method, Order
from .optimal import optimal_policy
from .typed import LatentClasses, RewardAveraging

__all__ = [
    "DPO",
    "AgreementOnly",
    "CorrectedDPO",
    "ImplicitRewards",
    "Information",
    "LatentClasses",
    "Limit",
    "Method",
    "Order",
    "RewardAveraging",
    "VarianceForm",
    "agreement_rate",
    "optimal_policy",
    "pair_design",
]
