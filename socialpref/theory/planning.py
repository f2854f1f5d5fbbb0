"""What to collect: structures of preference data compared for a budget, and the best mixture."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError, InputError
from ..population import Population, check_population
from .identified import Information, information
from .structures import Linked, Pairs, Panel, Ranking, Repeated, Structure, Typed, VoteCounts

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
    """

    information: Information
    n_labels: float
    n_annotators: float
    error: float
    labels_needed: float
    recommendable: bool


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
    best_in_draws : dict of Structure to float
        How often each structure has the smallest error, over the population's draws; empty
        without draws.
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
    best_in_draws: dict[Structure, float]

    @property
    def best(self) -> Offer | None:
        """The structure with the smallest error among those that can be recommended."""
        fit = [offer for offer in self.offers if offer.recommendable]
        return min(fit, key=lambda offer: offer.error, default=None)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per structure, and one for the mixture."""
        import pandas as pd

        from .identified import described

        rows: list[dict[str, Any]] = []
        for offer in (*self.offers, *([] if self.mixture is None else [self.mixture])):
            known = offer.information
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
                }
            )
        return pd.DataFrame(rows)

    def describe(self) -> str:
        """Return the recommendation in words, with what it rests on."""
        from .identified import described

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
            f"{self.budget:,.0f}: {measure} {best.error:.3g}."
        ]
        if math.isfinite(best.labels_needed):
            lines.append(f"An error of {self.wanted:g} needs {best.labels_needed:,.0f} labels.")
        if self.mixture is not None:
            of = "" if self.know_shares else ", of structures that need not know the shares"
            lines.append(
                f"Best mixture for gaps{of}: {described(self.mixture.information.structure)}: "
                f"{measure} {self.mixture.error:.3g}."
            )
        if self.best_in_draws:
            share = self.best_in_draws.get(_only(best.information), 0.0)
            often = max(self.best_in_draws, key=lambda one: self.best_in_draws[one])
            lines.append(
                f"The best single structure is the best one in {share:.0%} of the population's "
                f"draws; most often best: {often.describe()} ({self.best_in_draws[often]:.0%})."
            )
        return "\n".join(lines)


def plan(
    population: Population,
    budget: float,
    *,
    cost_annotator: float = 0.0,
    cost_label: float = 1.0,
    goal: Goal = "gap",
    error: float = 0.05,
    structures: Sequence[Structure] = STRUCTURES,
    know_shares: bool = False,
    sampling: ArrayLike | None = None,
    seed: int = 0,
) -> Plan:
    """Compare structures of preference data for a budget, before anything is collected.

    Parameters
    ----------
    population : Population
        What is assumed of the annotators. With draws, the comparison is made for each, too.
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
        What can be asked. Those that the population is too small for are left out.
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
    check_population(population)
    budget = _validate.number("budget", budget, 0.0, above=True)
    cost_annotator = _validate.number("cost_annotator", cost_annotator, 0.0)
    cost_label = _validate.number("cost_label", cost_label, 0.0)
    if cost_annotator + cost_label == 0.0:
        raise _validate.complaint("cost_label", "positive where annotators cost nothing", 0)
    _validate.choice("goal", goal, GOALS)
    error = _validate.number("error", error, 0.0, above=True)
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
    asked = _possible(structures, population, free)

    def price(structure: Structure) -> float:
        n_types = population.n_types
        return cost_annotator * structure.annotators(n_types) + cost_label * structure.labels(
            n_types
        )

    def offer(known: Information, cost: float) -> Offer:
        """Return what is reached at some cost per label."""
        labels = budget / cost
        reached, needed = _reached(known, goal, labels), _needed(known, goal, error)
        good = known.identified and not known.local_only
        return Offer(
            known, labels, labels / known.labels * _annotators(known), reached, needed, good
        )

    offers = tuple(
        offer(known, price(one) / one.labels(population.n_types)) for one, known in asked.items()
    )
    fit = [one for one, known in asked.items() if known.identified and not known.local_only]
    mixture, gap = None, 0.0
    mixed = [one for one in fit if one.can_mix and (know_shares or not one.knows_shares)]
    if mixed:
        parts, gap = _best_mixture(mixed, population, price, free)
        known = information(population, parts, **free)
        cost = sum(
            part * price(one) / one.labels(population.n_types) for one, part in parts.items()
        )
        mixture = offer(known, cost)
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
        best_in_draws=_best_in_draws(fit, population, price, budget, goal, free),
    )


def _possible(
    structures: Sequence[Structure], population: Population, free: dict[str, Any]
) -> dict[Structure, Information]:
    """Return the information of the structures that the population's size allows."""
    found: dict[Structure, Information] = {}
    for one in structures:
        try:
            found[one] = information(population, one, **free)
        except InputError:
            if len(structures) == 1:
                raise
    if not found:
        raise _validate.complaint("structures", "possible for the population", "none that is")
    return found


def _only(known: Information) -> Structure:
    """Return the structure of an information that is of one."""
    assert isinstance(known.structure, Structure)
    return known.structure


def _annotators(known: Information) -> float:
    """Return annotators per annotator or panel: of a panel the number of types."""
    n_types = known.n_types
    if isinstance(known.structure, Structure):
        return known.structure.annotators(n_types)
    total = sum(known.structure.values())
    return known.labels * sum(
        part / total * one.annotators(n_types) / one.labels(n_types)
        for one, part in known.structure.items()
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
        return known.variance_per_label / error**2
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
    structures: Sequence[Structure],
    population: Population,
    price: Callable[[Structure], float],
    free: dict[str, Any],
) -> tuple[dict[Structure, float], float]:
    """Return parts of the labels with the least mean variance of gaps per cost, and the gap.

    The variance is convex in the parts x of the budget: ``tr(G' M(x)^-1 G)`` with the information
    ``M(x) = sum x_s M_s``. At x it exceeds its minimum by no more than ``max_s d_s - d``, where
    ``d_s = tr(G' M^-1 M_s M^-1 G)``.
    """
    import cvxpy as cp

    parts = [information(population, one, **free) for one in structures]
    costs = np.array([price(one) / one.labels(population.n_types) for one in structures])
    y, z = parts[0].pairs
    ways = (parts[0].slopes[y] - parts[0].slopes[z]).T / math.sqrt(len(y))
    each = [known.matrix / cost for known, cost in zip(parts, costs, strict=True)]
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


def _best_in_draws(
    structures: Sequence[Structure],
    population: Population,
    price: Callable[[Structure], float],
    budget: float,
    goal: Goal,
    free: dict[str, Any],
) -> dict[Structure, float]:
    """Return how often each structure is the best over the population's draws."""
    if population.draws is None or not structures:
        return {}
    wins = dict.fromkeys(structures, 0.0)
    drawn = population.drawn()
    for one in drawn:
        errors = {
            structure: _reached(
                information(one, structure, **free),
                goal,
                budget * structure.labels(one.n_types) / price(structure),
            )
            for structure in structures
        }
        wins[min(errors, key=lambda structure: errors[structure])] += 1.0 / len(drawn)
    return wins
