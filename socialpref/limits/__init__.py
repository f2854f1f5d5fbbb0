"""What each alignment method converges to, exactly.

With unlimited data a method minimises its expected loss over implicit rewards h, one for each
option; the policy is ``pi(y) ∝ reference(y) exp(h(y) / beta)``. Comparisons are drawn from a
sampling distribution d (both options independently) or from a symmetric pair design W. The losses
take preferences for Bradley-Terry ones with temperature 1, whatever the population's link.
Every limit can be asked of one population or of a sequence, one for each prompt.
"""

from .agreement import agreement_limit, agreement_rate
from .corrected import VarianceForm, corrected_dpo_limit
from .design import pair_design
from .dpo import dpo_limit
from .limit import Limit, total_variation
from .optimal import optimal_policy
from .typed import reward_averaging_limit

__all__ = [
    "Limit",
    "VarianceForm",
    "agreement_limit",
    "agreement_rate",
    "corrected_dpo_limit",
    "dpo_limit",
    "optimal_policy",
    "pair_design",
    "reward_averaging_limit",
    "total_variation",
]
