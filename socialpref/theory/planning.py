"""What to collect: structures of preference data compared for a budget, and the best mixture."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..inference import Interval
from ..population import Population
from .identified import Information, checked_prompts, information, samplings
from .structures import (
    Linked,
    Pairs,
    PairWeights,
    Panel,
    Ranking,
    Repeated,
    Structure,
    Typed,
    VoteCounts,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Goal = Literal["gap", "sign", "winner"]
GOALS: dict[Goal, str] = {
    "gap": "root mean square error of average-reward gaps",
    "sign": "probability of a wrong sign of an average-reward gap",
    "winner": "probability of a wrong winner",
}
"""What can be learned, and what its error is."""
STRUCTURES: tuple[Structure, ...] = (
    *(Pairs(), Linked(2), Linked(3), Linked(5, repeats=True), Repeated(3), Repeated(5)),
    *(Ranking(3), Typed(), Typed(shares="known"), Typed(0.8), Typed(0.8, m=2)),
    *(Panel(), VoteCounts()),
)
"""What is compared if nothing else is asked for."""
DESIGN_GAP = 1e-4
"""The largest relative gap of the best mixture's proof."""
LEAST = 1e-4
"""Parts of a mixture below this are none."""
MOST_LABELS = 1e15


@dataclass(frozen=True, eq=False)
class Offer:
    """What a structure, or a mixture of structures, reaches for the budget.

    Attributes
    ----------
    information : Information
    n_labels, n_annotators : float
        That the budget pays for.
    error : float
        What the goal measures, at the budget: the root mean square error of average-reward gaps,
        or the probability of a wrong sign, averaged over pairs, or of a wrong winner. inf or 1 if
        something is not identified.
    labels_needed : float
        For the goal's error; inf if it cannot be reached.
    recommendable : bool
        Whether types are identified, and not only next to the truth.
    in_draws : ndarray
        `error` in each of the population's draws; empty without draws.
    """

    information: Information
    n_labels: float
    n_annotators: float
    error: float
    labels_needed: float
    recommendable: bool
    in_draws: Floats

    def interval(self, level: float = 0.95) -> Interval | None:
        """Return the interval of `error` over the population's draws; None without draws."""
        return Interval.of(self.in_draws, level) if len(self.in_draws) else None


@dataclass(frozen=True, eq=False)
class Plan:
    """Structures compared for a budget.

    Attributes
    ----------
    offers : tuple of Offer
        One for each structure, in the order given.
    mixture : Offer or None
        The mixture of structures with the smallest root mean square error of gaps; None if no
        structure that can be mixed identifies the types.
    mixture_gap : float
        By what part its variance can be above the smallest, proven.
    budget, cost_annotator, cost_label, wanted : float
        `wanted` is the goal's error.
    goal : "gap", "sign" or "winner"
    know_shares : bool
        Whether the shares of the types were taken as known for all structures.
    """

    offers: tuple[Offer, ...]
    mixture: Offer | None
    mixture_gap: float
    budget: float
    cost_annotator: float
    cost_label: float
    goal: Goal
    wanted: float
    know_shares: bool

    @property
    def best(self) -> Offer | None:
        """The structure with the smallest error among those that can be recommended."""
        fit = [offer for offer in self.offers if offer.recommendable]
        return min(fit, key=lambda offer: offer.error, default=None)

    @property
    def best_in_draws(self) -> dict[Structure, float]:
        """How often each structure that can be recommended has the smallest error in the draws.

        Empty without draws, or if none can be recommended.
        """
        fit = [offer for offer in self.offers if offer.recommendable and len(offer.in_draws)]
        if not fit:
            return {}
        first = np.argmin([offer.in_draws for offer in fit], axis=0)
        shares = np.bincount(first, minlength=len(fit)) / len(first)
        return {_only(offer.information): float(p) for offer, p in zip(fit, shares, strict=True)}

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per structure, and one for the mixture.

        With draws the columns `error_low`, `error_high` and `best_in_draws` say how sure it is.
        """
        import pandas as pd

        from .structures import described

        rows: list[dict[str, Any]] = []
        often = self.best_in_draws
        for offer in (*self.offers, *([] if self.mixture is None else [self.mixture])):
            known = offer.information
            between = offer.interval()
            unsure: dict[str, Any] = {}
            if between is not None:
                best = None if offer is self.mixture else often.get(_only(known), 0.0)
                unsure = {"error_low": between.low, "error_high": between.high,
                          "best_in_draws": best}  # fmt: skip
            rows.append(
                {
                    "structure": described(known.structure),
                    "identified": known.identified,
                    "rank": known.rank,
                    "parameters": known.n_parameters,
                    "variance_per_label": known.variance_per_label,
                    "annotators": offer.n_annotators,
                    "labels": offer.n_labels,
                    "error": offer.error,
                    "labels_needed": offer.labels_needed,
                    "recommendable": offer.recommendable,
                    **unsure,
                }
            )
        return pd.DataFrame(rows)

    def describe(self) -> str:
        """Return the recommendation in words, with what it rests on."""
        from .structures import described

        if self.best is None:
            return "None of the structures identifies the types: ask for more of each annotator."
        measure = {
            "gap": "a root mean square error of average-reward gaps of",
            "sign": "a wrong sign of an average-reward gap with probability",
            "winner": "a wrong winner with probability",
        }[self.goal]
        best = self.best
        lines = [
            f"Best single structure: {described(best.information.structure)}, "
            f"{best.n_annotators:,.0f} annotators and {best.n_labels:,.0f} labels for a budget of "
            f"{self.budget:,.0f}: {measure} {_between(best)}."
        ]
        if math.isfinite(best.labels_needed):
            lines.append(f"An error of {self.wanted:g} needs {best.labels_needed:,.0f} labels.")
        if _only(best.information).knows_shares and not self.know_shares:
            lines.append("It takes the shares of the types as known.")
        if self.mixture is not None:
            of = "" if self.know_shares else ", of structures that need not know the shares"
            lines.append(
                f"Best mixture for gaps{of}: {described(self.mixture.information.structure)}: "
                f"{measure} {_between(self.mixture)}."
            )
        shares = self.best_in_draws
        if shares:
            often, share = max(shares, key=shares.__getitem__), shares[_only(best.information)]
            more = "" if shares[often] == share else (
                f"; most often it is {often.describe()} ({shares[often]:.0%})"
            )  # fmt: skip
            lines.append(
                f"This structure is the best single one in {share:.0%} of the population's "
                f"{len(best.in_draws)} draws{more}."
            )
        return "\n".join(lines)


def _between(offer: Offer) -> str:
    """Return an error with its interval, if there are draws."""
    between = offer.interval()
    if between is None:
        return f"{offer.error:.3g}"
    return f"{offer.error:.3g} ({between.level:.0%} of the draws: {between.describe('{:.3g}')})"


def plan(
    population: Population | Sequence[Population],
    budget: float,
    *,
    cost_annotator: float = 0.0,
    cost_label: float = 1.0,
    goal: Goal = "gap",
    error: float = 0.05,
    structures: Sequence[Structure] = STRUCTURES,
    know_shares: bool = False,
    sampling: ArrayLike | Sequence[ArrayLike] | None = None,
    seed: int = 0,
) -> Plan:
    """Compare structures of preference data for a budget, before anything is collected.

    Parameters
    ----------
    population : Population or sequence of Population
        What is assumed of the annotators, as for `information`: a sequence has one for each
        prompt. With draws, the comparison is made for each, too.
    budget : float
        In units of the costs.
    cost_annotator, cost_label : float
        Of each annotator, and of each label.
    goal : {"gap", "sign", "winner"}
        What is to be learned: average-reward gaps, their signs, or the winner.
    error : float
        How exactly, for the number of labels that is needed: a root mean square error of gaps, or
        a probability.
    structures : sequence of Structure
        What can be asked. Those that need more pairs or options than there are are left out.
    know_shares : bool
        Whether the shares of the types are known from elsewhere, for all structures. If not, the
        mixture is of structures that need not know them.
    sampling
        As for `information`.
    seed : int
        As for `information`.

    Returns
    -------
    Plan
        All errors are efficiency bounds: what estimators reach with many labels, if the
        population is as assumed and preferences are of the logistic link. A structure that
        identifies types next to the truth only is never recommended.

    Raises
    ------
    InputError
        If an argument is out of its range.
    ConvergenceError
        If the best mixture cannot be proven.

    References
    ----------
    Pukelsheim (2006), *Optimal Design of Experiments*.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.theory import Linked, Panel, Repeated, plan
    >>> found = plan(mediocre_winner(), 10_000, structures=[Linked(2), Repeated(3), Panel()])
    >>> found.best.information.structure, round(found.best.error, 4)
    (Panel(), 0.0548)
    """
    prompts = checked_prompts(population)
    budget = _validate.number("budget", budget, 0.0, above=True)
    cost_annotator = _validate.number("cost_annotator", cost_annotator, 0.0)
    cost_label = _validate.number("cost_label", cost_label, 0.0)
    if cost_annotator + cost_label == 0.0:
        raise _validate.complaint("cost_label", "positive where annotators cost nothing", 0)
    _validate.choice("goal", goal, GOALS)
    most = math.inf if goal == "gap" else 1.0
    error = _validate.number("error", error, 0.0, most, above=True, below=True)
    must = "a sequence of structures, such as Linked(2)"
    _validate.instance("structures", structures, Sequence, must)
    for one in structures:
        _validate.instance("structures", one, Structure, must)
    if not structures:
        raise _validate.complaint("structures", must, "none")
    _validate.instance("know_shares", know_shares, bool, "True or False")
    free: dict[str, Any] = {"sampling": sampling, "seed": seed}
    if know_shares:
        free["know_shares"] = True
    sizes = [one.n_options for one in prompts]
    n_pairs = len(PairWeights.of(sizes, samplings(sampling, prompts)).first)
    asked = {
        one: information(prompts, one, **free)
        for one in structures
        if one.possible(n_pairs, min(sizes))
    }
    if not asked:
        raise _validate.complaint("structures", "possible for the population", "none that is")
    draws = _draws(prompts)
    n_types = prompts[0].n_types

    def price(structure: Structure) -> float:
        """Return what a label costs."""
        people = cost_annotator * structure.annotators(n_types)
        return people / structure.labels(n_types) + cost_label

    def offer(known: Information) -> Offer:
        labels = budget / sum(part * price(one) for one, part in known.asked.parts.items())
        return Offer(
            information=known,
            n_labels=labels,
            n_annotators=labels / known.labels * _annotators(known),
            error=_reached(known, goal, labels),
            labels_needed=_needed(known, goal, error),
            recommendable=known.identified and not known.local_only,
            in_draws=np.array([_reached(known.at(one), goal, labels) for one in draws]),
        )

    offers = tuple(map(offer, asked.values()))
    fit = [one.information for one in offers if one.recommendable]
    mixture, gap = None, 0.0
    mixed = {
        _only(known): known
        for known in fit
        if _only(known).can_mix and (know_shares or not _only(known).knows_shares)
    }
    if mixed:
        parts, gap = _best_mixture(mixed, price)
        mixture = offer(information(prompts, parts, **free))
    return Plan(
        offers=offers,
        mixture=mixture,
        mixture_gap=gap,
        budget=budget,
        cost_annotator=cost_annotator,
        cost_label=cost_label,
        goal=goal,
        wanted=error,
        know_shares=know_shares,
    )


def _draws(prompts: tuple[Population, ...]) -> list[tuple[Population, ...]]:
    """Return the populations at all prompts in each draw; none if some have no draws."""
    if any(one.draws is None for one in prompts):
        return []
    return list(zip(*(one.drawn() for one in prompts), strict=True))


def _only(known: Information) -> Structure:
    """Return the structure of an information that is of one."""
    assert isinstance(known.structure, Structure)
    return known.structure


def _annotators(known: Information) -> float:
    """Return annotators per annotator or panel: of a panel the number of types."""
    n_types = known.n_types
    return known.labels * sum(
        part * one.annotators(n_types) / one.labels(n_types)
        for one, part in known.asked.parts.items()
    )


def _reached(known: Information, goal: Goal, labels: float) -> float:
    """Return what the goal measures, with some labels."""
    measure: dict[str, Callable[[float], float]] = {
        "gap": known.error,
        "sign": known.mean_sign_error,
        "winner": known.winner_error,
    }
    return measure[goal](labels)


def _needed(known: Information, goal: Goal, error: float) -> float:
    """Return how many labels reach an error; inf if none do."""
    if goal == "gap":
        scale = math.sqrt(known.variance_per_label) / error
        return scale * scale
    low, high = 0.0, math.log(MOST_LABELS)
    if not _reached(known, goal, MOST_LABELS) <= error:
        return math.inf
    while high - low > 1e-6:
        middle = (low + high) / 2.0
        low, high = (
            (low, middle) if _reached(known, goal, math.exp(middle)) <= error else (middle, high)
        )
    return math.exp(high)


def _best_mixture(
    known: Mapping[Structure, Information], price: Callable[[Structure], float]
) -> tuple[dict[Structure, float], float]:
    """Return parts of the labels with the least mean variance of gaps per cost, and the gap.

    The variance is convex in the parts x of the budget: ``tr(G' M(x)^-1 G)`` with the information
    ``M(x) = sum x_s M_s``. At x it exceeds its minimum by no more than ``max_s d_s - d``, where
    ``d_s = tr(G' M^-1 M_s M^-1 G)``.
    """
    import cvxpy as cp

    structures, parts = list(known), list(known.values())
    costs = np.array(list(map(price, structures)))
    y, z = parts[0].pairs
    ways = (parts[0].slopes[y] - parts[0].slopes[z]).T / math.sqrt(len(y))
    each = [one.matrix / cost for one, cost in zip(parts, costs, strict=True)]
    units = np.sqrt(np.diag(sum(each)))  # of the parameters: rare types count as others do
    each = [matrix / np.outer(units, units) for matrix in each]
    left, size, _ = np.linalg.svd(ways / units[:, None], full_matrices=False)
    ways = (left * size)[:, size > 1e-12 * size[0]]  # fewer columns, of the same sums
    x = np.ones(len(structures))
    if len(structures) > 1:
        share = cp.Variable(len(structures), nonneg=True)
        scale = max(float(np.trace(matrix)) for matrix in each)
        total = sum(share[i] * (matrix / scale) for i, matrix in enumerate(each))
        problem = cp.Problem(cp.Minimize(cp.matrix_frac(ways, total)), [cp.sum(share) == 1])
        problem.solve(solver="CLARABEL")
        if share.value is None:
            raise ConvergenceError(f"best mixture: {problem.status}")
        x = np.where(share.value < LEAST, 0.0, share.value)
        x /= x.sum()
    inverse = np.linalg.inv(sum(part * matrix for part, matrix in zip(x, each, strict=True)))
    there = inverse @ ways
    value = float((ways * there).sum())
    slopes = [float((there * (matrix @ there)).sum()) for matrix in each]
    gap = (max(slopes) - value) / value
    if not gap <= max(DESIGN_GAP, 10.0 * LEAST):
        raise ConvergenceError(f"best mixture: its variance can be {gap:.2g} above the smallest")
    labels = x / costs  # parts of the budget become parts of the labels
    labels /= labels.sum()
    return {one: float(part) for one, part in zip(structures, labels, strict=True) if part}, max(
        0.0, gap
    )
