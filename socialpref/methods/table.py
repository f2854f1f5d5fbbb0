"""The alignment methods, with their default options."""

from .. import _validate
from ..limits.agreement import AgreementOnly
from ..limits.chi_po import ChiPO
from ..limits.corrected import CorrectedDPO
from ..limits.dpo import DPO
from ..limits.hinge import Hinge
from ..limits.ipo import IPO
from ..limits.max_min import MaxMin, MinMaxRegret
from ..limits.method import Method
from ..limits.nash import NashLearning, NoisyLottery
from ..limits.noisy import ConservativeDPO, RobustDPO
from ..limits.on_policy import OnPolicyDPO
from ..limits.optimal import Optimal
from ..limits.orthogonal import Orthogonal
from ..limits.simpo import SimPO
from ..limits.typed import LatentClasses, RewardAveraging
from ..limits.votes import VoteCountLikelihood

METHODS: tuple[Method, ...] = (
    DPO(),
    CorrectedDPO(),
    AgreementOnly(),
    RewardAveraging(),
    LatentClasses(),
    Orthogonal(),
    VoteCountLikelihood(),
    ConservativeDPO(),
    RobustDPO(),
    IPO(),
    ChiPO(),
    SimPO(),
    Hinge(),
    OnPolicyDPO(),
    NashLearning(),
    NoisyLottery(),
    MaxMin("zero"),
    MaxMin("reference"),
    MaxMin("best"),
    MinMaxRegret(),
    Optimal(),
)
"""The methods. Tables, verification, certification and the command line go through them."""


def method_named(name: str, argument: str = "method") -> Method:
    """Return the method of a name, with its default options; `argument` is what errors name.

    Raises
    ------
    InputError
        If there is none of that name, or its options have no defaults.

    Examples
    --------
    >>> from socialpref.methods import method_named
    >>> method_named("dpo")
    DPO()
    """
    by_name: dict[str, list[Method]] = {}
    for method in METHODS:
        by_name.setdefault(method.name, []).append(method)
    found = by_name[_validate.choice(argument, name, by_name)]
    if len(found) > 1:
        must = "given as an object with its options, such as " + repr(found[0])
        raise _validate.complaint(argument, must, name)
    return found[0]
