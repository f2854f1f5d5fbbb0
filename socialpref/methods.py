"""One table of the alignment methods: what each needs, what it converges to, how it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .limits.agreement import agreement_limit
from .limits.corrected import corrected_dpo_limit
from .limits.dpo import dpo_limit
from .limits.limit import Limit
from .limits.typed import reward_averaging_limit

Information = Literal["anonymous", "linked", "typed", "panel"]
Order = Literal["NBC", "average reward"]


@dataclass(frozen=True)
class Method:
    """An alignment method.

    Attributes
    ----------
    name : str
    information : str
        What its annotations must tell: nothing about the annotator ("anonymous"), which
        comparisons one annotator made ("linked"), of which type the annotator is ("typed"), or a
        label of every type for each pair ("panel").
    limit : callable or None
        From a population, and the keywords `sampling`, `beta` and `reference`, to what the method
        converges to; None where it is not known exactly.
    loss : str
        Its function in `socialpref.training.losses`.
    order : str or None
        Whose order its limit follows, for every population with equal shares, the logistic link
        and comparisons drawn from a distribution; None where theory promises none.
    guarantee : str
        In words.
    verified_at : mapping
        Options of the limit, and of training, at which the two are compared; the defaults if
        empty.
    """

    name: str
    information: Information
    limit: Callable[..., Limit] | None
    loss: str
    order: Order | None
    guarantee: str
    verified_at: Mapping[str, Any] = field(default_factory=dict, hash=False)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "dpo", "anonymous", dpo_limit, "bradley_terry", "NBC",
            "orders as normalized Borda count, which depends on the sampling",
        ),
        Method(
            "corrected-dpo", "linked", corrected_dpo_limit, "corrected_dpo", None,
            "removes the first-order error of small disagreement", {"alpha": 0.5},
        ),
        Method(
            "agreement", "panel", agreement_limit, "agreement", "average reward",
            "the optimal policy, for equal shares; discards every disagreement",
        ),
        Method(
            "reward-averaging", "typed", reward_averaging_limit, "bradley_terry", "average reward",
            "the optimal policy, from one reward model per type",
        ),
        Method(
            "latent-classes", "linked", None, "bradley_terry", "average reward",
            "the optimal policy as far as linked comparisons identify the mixture",
        ),
    )
}  # fmt: skip
"""The methods, by name."""
