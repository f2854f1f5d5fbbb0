"""The constants of the survey study."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..links import Link, Logistic, check_link
from .question import SHARES, Question

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Protocol:
    """The constants of the study; the defaults are the published protocol's.

    Attributes
    ----------
    smoothing : float or "jeffreys"
        Added to every answer share before the logarithm; see `Question.population`.
    margin, floor : float
        Of flips by the sampling distribution; see `flip`.
    share_margin, share_floor : float
        Of flips by the shares of the groups. The published protocol has no such flips.
    min_options : int
        Questions with fewer options do not count.
    min_respondents_per_option : float
        Questions with fewer respondents, on average, count but are not examined.
    link : Link
        How reward gaps become preference probabilities.
    base : "uniform", "answers" or mapping
        The sampling distribution d0 that flips start from: uniform, each option as often as it
        was answered, or for each question's key a mapping from options to shares of the draws.
    group_shares : None, "observed", "equal", "wave" or mapping
        How much each group counts: as each question says (None), as often as it answered, every
        group the same, its share of the whole sample (the published protocol's), or for each
        question's key a mapping from groups to shares; the key ``""`` stands for all questions
        that have none of their own. See `Question.with_shares`.
    """

    smoothing: float | str = 1e-15
    margin: float = 1e-5
    floor: float = 1e-5
    min_options: int = 3
    min_respondents_per_option: float = 100.0
    link: Link = Logistic()  # noqa: RUF009 - immutable
    base: str | Mapping[str, Mapping[str, float]] = "uniform"
    group_shares: str | Mapping[str, Mapping[str, float]] | None = None
    share_margin: float = 0.0
    share_floor: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.smoothing, str) or self.smoothing != "jeffreys":
            _validate.number("smoothing", self.smoothing, 0.0)
        must = "'uniform', 'answers' or a mapping from questions to shares"
        if isinstance(self.base, Mapping):
            for shares in self.base.values():
                _validate.instance("base", shares, Mapping, must)
        elif not isinstance(self.base, str) or self.base not in ("uniform", "answers"):
            raise _validate.complaint("base", must, _validate.shown(self.base))
        must = "'observed', 'equal', 'wave' or a mapping from questions to shares of groups"
        if isinstance(self.group_shares, Mapping):
            for groups in self.group_shares.values():
                _validate.instance("group_shares", groups, Mapping, must)
        elif self.group_shares is not None:
            _validate.instance("group_shares", self.group_shares, str, must)
            _validate.choice("group_shares", self.group_shares, SHARES)
        _validate.number("share_margin", self.share_margin, 0.0, 1.0)
        _validate.number("share_floor", self.share_floor, 0.0, 1.0)
        _validate.number("margin", self.margin, 0.0, 1.0)
        _validate.number("floor", self.floor, 0.0, 1.0)
        _validate.integer("min_options", self.min_options, 2)
        _validate.number("min_respondents_per_option", self.min_respondents_per_option, 0.0)
        check_link(self.link, 1.0)

    def counted(self, question: Question) -> Question:
        """Return a question with the shares of its groups that the protocol asks for.

        Raises
        ------
        InputError
            If `group_shares` does not give every group of the question a share.
        """
        if self.group_shares is None:
            return question
        if isinstance(self.group_shares, str):
            return question.with_shares(self.group_shares)
        shares = self.group_shares.get(question.key, self.group_shares.get("", {}))
        return question.with_shares(shares)

    def base_of(self, question: Question, choices: Floats, groups: Floats) -> Floats:
        """Return the base distribution of a question with given answers.

        Parameters
        ----------
        question : Question
        choices : ndarray, shape (..., G, K)
        groups : ndarray, shape (..., G)

        Returns
        -------
        ndarray, shape (K,) or (..., K)

        Raises
        ------
        InputError
            If `base` does not give the question a distribution over its options.
        """
        if self.base == "uniform":
            return np.full(question.n_options, 1.0 / question.n_options)
        if self.base == "answers":
            return np.einsum("...g,...gk->...k", groups, choices)
        assert not isinstance(self.base, str)  # __post_init__ has seen to it
        shares = self.base.get(question.key, {})
        if set(shares) != set(question.options):
            must = f"shares of {', '.join(map(repr, question.options))} for {question.key}"
            raise _validate.complaint("base", must, ", ".join(map(repr, shares)) or "none")
        name = f"base of {question.key}"
        values = [shares[option] for option in question.options]
        return _validate.distribution(name, values, question.n_options)
