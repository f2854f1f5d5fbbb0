"""The base class of alignment methods."""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike

from ..draws import Draws
from ..errors import ConvergenceError
from ..population import Population
from .limit import ImplicitRewards, Limit, limit_of, of_each

Information = Literal["anonymous", "linked", "typed", "panel"]
Order = Literal["NBC", "average reward"]


@dataclass(frozen=True)
class Method(ABC):
    """An alignment method with its options: a frozen dataclass, whose fields are the options.

    A subclass sets the attributes below and defines `implicit_rewards`, or `limit_of_one` where
    the policy is not ``reference exp(h / beta)``. Options are checked when an object is made. How
    a method is trained is registered in ``socialpref.training.learning``.

    Attributes
    ----------
    name : str
        Its name on the command line and in tables.
    information : {"anonymous", "linked", "typed", "panel"}
        What its comparisons must tell: nothing about the annotator ("anonymous"), which
        comparisons one annotator made ("linked"), the annotator's type ("typed"), or a label of
        every type for each pair ("panel").
    order : {"NBC", "average reward"} or None
        The order that its limit has for every population with equal shares, the logistic link
        and comparisons drawn from a distribution; None if theory promises none.
    guarantee : str
        What theory promises, in words.
    has_reference : bool
        Whether its policy is held near a reference policy.
    identified : bool
        Whether its comparisons always suffice to reach the limit. `verify` leaves out methods of
        which this is not true.
    """

    name: ClassVar[str]
    information: ClassVar[Information]
    order: ClassVar[Order | None] = None
    guarantee: ClassVar[str]
    has_reference: ClassVar[bool] = True
    identified: ClassVar[bool] = True

    def without_search(self) -> Self:
        """Return the method without the search for minima beside the one it returns.

        The policies are the same. Of many draws they are found faster. Most methods have no
        search.
        """
        return self

    def divided(self, by: float) -> "Method | None":
        """Return the method whose rewards are these, divided by a number, or None.

        Few methods have an option that does that.
        """
        return None

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the implicit rewards that the method ends at with unlimited data."""
        raise NotImplementedError(f"{type(self).__name__} must define its limit")

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return the limit of one population; arguments as for `limit`."""
        found = self.implicit_rewards(population, sampling)
        return limit_of(self.name, found, population, beta, reference)

    @overload
    def limit(
        self,
        population: Population,
        *,
        sampling: ArrayLike | None = ...,
        beta: float = ...,
        reference: ArrayLike | None = ...,
    ) -> Limit: ...
    @overload
    def limit(
        self,
        population: Draws | Sequence[Population],
        *,
        sampling: ArrayLike | None = ...,
        beta: float = ...,
        reference: ArrayLike | None = ...,
    ) -> tuple[Limit, ...]: ...

    def limit(
        self,
        population: Population | Draws | Sequence[Population],
        *,
        sampling: ArrayLike | None = None,
        beta: float = 1.0,
        reference: ArrayLike | None = None,
    ) -> Limit | tuple[Limit, ...]:
        """Return what the method converges to with unlimited data.

        Parameters
        ----------
        population : Population, Draws or sequence of Population
            A sequence has one population for each prompt. ``Draws`` are solved one by one: of six
            options about 0.1 ms each for a formula, 1 ms for `DPO`, 30 ms for `CorrectedDPO`.
        sampling : array_like, shape (K,) or (K, K), optional
            The sampling distribution, positive everywhere, or a symmetric matrix of weights of
            pairs; uniform if omitted.
        beta : float
            Strength of the regularisation towards the reference; positive.
        reference : array_like, shape (K,), optional
            The reference policy, positive everywhere; uniform if omitted.

        Returns
        -------
        Limit or tuple of Limit
            The rewards are right to ``1e-8 * max(1, |h|)``. A tuple, if draws or a
            sequence are given.

        Raises
        ------
        InputError
            If an argument is out of its range, or the design leaves options that cannot be
            compared.
        ConvergenceError
            If the rewards cannot be found as exactly as that, or beta is so small that their
            rounding decides between options, or numbers leave the range of floats.
        """

        def one(each: Population) -> Limit:
            try:
                with np.errstate(over="raise", divide="raise", invalid="raise"):
                    return self.limit_of_one(each, sampling, beta, reference)
            except (FloatingPointError, np.linalg.LinAlgError) as error:
                raise ConvergenceError(
                    f"{self.name}: cannot be computed in floating point ({error})"
                ) from None

        return of_each(one, population)
