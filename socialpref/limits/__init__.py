"""What each alignment method converges to, exactly.

With unlimited data a method minimises its expected loss over implicit rewards h, one for each
option; the policy is ``pi(y) ∝ reference(y) exp(h(y) / beta)``. Comparisons are drawn from a
sampling distribution d (both options independently) or from a symmetric pair design W. The losses
take preferences for Bradley-Terry ones with temperature 1, whatever the population's link.
Every limit can be asked of one population or of a sequence, one for each prompt.
"""

from .agreement import AgreementOnly, agreement_rate
from .chi_po import ChiPO
from .corrected import CorrectedDPO, VarianceForm
from .design import pair_design
from .dpo import DPO
from .hinge import Hinge
from .ipo import IPO
from .limit import ImplicitRewards, Limit
from .max_min import MaxMin, MinMaxRegret
from .method import Information, Method, Order
from .nash import NashLearning, NoisyLottery
from .noisy import ConservativeDPO, RobustDPO
from .on_policy import OnPolicyDPO
from .optimal import Optimal, optimal_policy
from .orthogonal import Orthogonal
from .policy_metrics import Metrics, metrics
from .sign import SignOrder, sign_estimator
from .simpo import SimPO
from .typed import LatentClasses, RewardAveraging
from .votes import VoteCountLikelihood

__all__ = [
    "DPO",
    "IPO",
    "AgreementOnly",
    "ChiPO",
    "ConservativeDPO",
    "CorrectedDPO",
    "Hinge",
    "ImplicitRewards",
    "Information",
    "LatentClasses",
    "Limit",
    "MaxMin",
    "Method",
    "Metrics",
    "MinMaxRegret",
    "NashLearning",
    "NoisyLottery",
    "OnPolicyDPO",
    "Optimal",
    "Order",
    "Orthogonal",
    "RewardAveraging",
    "RobustDPO",
    "SignOrder",
    "SimPO",
    "VarianceForm",
    "VoteCountLikelihood",
    "agreement_rate",
    "metrics",
    "optimal_policy",
    "pair_design",
    "sign_estimator",
]
