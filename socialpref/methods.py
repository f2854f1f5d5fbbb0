"""The alignment methods, with their default options."""

from . import _validate
from .limits.agreement import AgreementOnly
from .limits.corrected import CorrectedDPO
from .limits.dpo import DPO
from .limits.method import Method
from .limits.typed import LatentClasses, RewardAveraging

METHODS: tuple[Method, ...] = (
    DPO(),
    CorrectedDPO(),
    AgreementOnly(),
    RewardAveraging(),
    LatentClasses(),
)
"""The methods. Tables, verification, certification and the command line go through them."""


def method_named(name: str, argument: str = "method") -> Method:
    """Return the method of a name, with its default options; `argument` is what errors name.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> from socialpref.methods import method_named
    >>> method_named("dpo")
    DPO()
    """
    by_name = {method.name: method for method in METHODS}
    return by_name[_validate.choice(argument, name, by_name)]
