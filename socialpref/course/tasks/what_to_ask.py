"""Tasks of the notebook "What should I ask, and whom?"."""

from collections.abc import Iterator
from typing import Any

from ...examples import mediocre_winner
from ...theory import Linked, Panel, Repeated, Typed, information, plan
from ..answers import Case, same, same_function, task

LABEL = 0.1
FIVE = Linked(5, repeats=True)


@task
def error_of_a_budget(function: Any) -> None:
    """Check the error that a budget buys."""
    same_function(function, _offers())


def _offers() -> Iterator[Case]:
    structures = [Typed(), Repeated(3), FIVE]
    for budget, annotator, label in ((10_000, 1.0, LABEL), (500, 0.2, 0.3)):
        found = plan(
            mediocre_winner(),
            budget,
            cost_annotator=annotator,
            cost_label=label,
            structures=structures,
        )
        for offer in found.offers:
            each = round(offer.n_labels / offer.n_annotators)
            V = offer.information.variance_per_label
            words = f"for a budget of {budget} at {annotator:g} and {label:g}, {each} labels each"
            yield f"{words} and V = {V:.1f}", (budget, annotator, label, each, V), offer.error


@task
def price_of_an_annotator(answer: Any) -> None:
    """Check the cost of an annotator at which panels and five linked comparisons are level."""
    panel, linked = (information(mediocre_winner(), s).variance_per_label for s in (Panel(), FIVE))
    # panel * (c + LABEL) = linked * (c / 5 + LABEL)
    right = LABEL * (linked - panel) / (panel - linked / 5)
    mistakes = {"Labels cost something, too.": 0.0}
    otherwise = "Compare V times the cost of a label, of the one and of the other."
    same(answer, right, otherwise, mistakes=mistakes, tolerance=5e-3)
