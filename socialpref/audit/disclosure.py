"""Who was asked, what that identifies, what stays open, and what rests on a prior."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConvergenceError, InputError
from ..population import Population
from ..theory import (
    Information,
    Linked,
    Pairs,
    RewardBounds,
    Structure,
    Typed,
    average_reward_bounds,
    information,
)
from ..theory.structures import Mixed

if TYPE_CHECKING:
    from .result import Audit

MOST_LINKS = 3
"""So many comparisons of each annotator are looked at together, of those that there are."""
FEW_OPTIONS = 5
"""Up to so many options, the interval that is left open is computed."""
SMALL = 40
"""Up to so many options of all prompts together, prompts are looked at together."""
OFTEN = 0.1
"""If at least this part of comparisons is of a pair again, pairs were drawn with repeats."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Disclosure:
    """What a reader has to know before using what comparisons say.

    Attributes
    ----------
    asked, identified, left_open, prior : str
        In words: who was asked; what their answers identify if there are as many types as in the
        population that was fitted; the interval of the average-reward gap of the two best options
        over all populations with the same answers; and what rests on a prior or a model.
    information : Information or None
        What `identified` says; None if nothing was fitted, or it is too large.
    bounds : RewardBounds or None
        What `left_open` says; None if it was not computed.
    """

    asked: str
    identified: str
    left_open: str
    prior: str
    information: Information | None
    bounds: RewardBounds | None

    def rows(self) -> list[tuple[str, str]]:
        """Return the four parts with their names."""
        return [
            ("Who was asked", self.asked),
            ("What is identified", self.identified),
            ("What stays open", self.left_open),
            ("What rests on a prior or a model", self.prior),
        ]


def disclose(audit: "Audit") -> Disclosure:
    """Return the disclosure of an audit.

    Parameters
    ----------
    audit : Audit

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.audit import audit, disclose
    >>> from socialpref.comparisons import simulate
    >>> camps = Population([[0, -1, -2], [0, -2, 4]], [0.6, 0.4], options=["a", "b", "c"])
    >>> found = disclose(audit(simulate(camps, 4000, "linked", comparisons=8)))
    >>> print(found.asked)  # comparisons of an option with itself do not count
    500 annotators made 2,657 comparisons, half of them at least 5 each.
    """
    links = _links(audit)
    known, bounds, way = None, None, None
    if audit.prompts:
        structure = _structure(audit, links)
        prompts = _populations(audit)
        with suppress(InputError):  # too many options, or another link
            known = information(prompts, structure)
        if isinstance(structure, Mixed):
            bounds, way = _bounds(prompts[0], structure)
    return Disclosure(
        asked=_asked(audit, links),
        identified=_identified(known, audit),
        left_open=_left_open(bounds, way, audit),
        prior=_prior(audit),
        information=known,
        bounds=bounds,
    )


def _links(audit: "Audit") -> int:
    """Return how many comparisons half of the annotators made at least; 1 if they are unknown."""
    if audit.n_annotators is None:
        return 1
    who, size = audit.comparisons.annotators()
    return max(1, int(np.median(np.bincount(who, minlength=size))))


def _structure(audit: "Audit", links: int) -> Structure:
    """Return how the annotators were asked."""
    if audit.mixture is None and _typed(audit):
        return Typed()
    if links == 1:
        return Pairs()
    repeats = audit.repeats
    again = 0 if repeats is None else repeats.duplicates + repeats.contradictions
    often = again >= OFTEN * len(audit.comparisons)
    n_pairs = max(len(one.pairs.low) for one in audit.prompts)
    most = min(links, MOST_LINKS)
    return Linked(most, repeats=True) if often else Linked(min(most, n_pairs))


def _typed(audit: "Audit") -> bool:
    column = audit.comparisons.annotator_type
    return column is not None and bool(column.max() >= 0)


def _populations(audit: "Audit") -> list[Population]:
    """Return the populations of the prompts, that with the most comparisons first.

    Those of more prompts than are looked at together are left out.
    """
    by_size = sorted(audit.prompts, key=lambda one: -one.pairs.n_comparisons)
    populations = [one.population for one in by_size]
    return populations if sum(p.n_options for p in populations) <= SMALL else populations[:1]


def _bounds(
    population: Population, structure: Structure
) -> tuple[RewardBounds | None, Structure | None]:
    """Return the interval of the average-reward gap of the two best options, and by which answers.

    Of fewer comparisons of each annotator where those together have too many answers.
    """
    if population.n_options > FEW_OPTIONS:
        return None, None
    first, second = np.argsort(-population.mean_rewards(), kind="stable")[:2]
    for way in (structure, Linked(2), Pairs()):
        with suppress(ConvergenceError, InputError):
            found = average_reward_bounds(population, int(first), int(second), structure=way)
            return found, way
    return None, None


def _asked(audit: "Audit", links: int) -> str:
    rows = audit.comparisons
    types = ""
    if _typed(audit):
        names = rows.types
        assert rows.annotator_type is not None
        number = len(np.unique(rows.annotator_type[rows.annotator_type >= 0]))
        types = f" Their types are known: {number}" + (
            "." if names is None or number > FEW_OPTIONS else f" ({', '.join(names)})."
        )
    if audit.n_annotators is None:
        return f"{len(rows):,} comparisons by people who are not known.{types}"
    return (
        f"{audit.n_annotators:,} annotators made {len(rows):,} comparisons, half of them at least "
        f"{links:,} each.{types}"
    )


def _identified(known: Information | None, audit: "Audit") -> str:
    if not audit.prompts:
        return "No rewards of single options: most options were compared once or twice."
    if known is None:
        return "Not computed: there are too many options."
    n_types = known.n_types
    if n_types == 1:
        return (
            "The rewards of one taste for all. Whether there are several tastes is another "
            "question; see what stays open."
        )
    assert isinstance(known.structure, Structure)
    how = known.structure.describe()
    at = f" at {len(known.prompts)} prompts" if len(known.prompts) > 1 else ""
    if not known.identified:
        open_ones = " and ".join(known.unidentified) or "types and shares"
        return (
            f"Not the {n_types} types: by {how}{at}, {known.rank_here} of "
            f"{known.n_parameters} parameters. Open are {open_ones}."
        )
    words = (
        f"The rewards and shares of {n_types} types, by {how}{at}: all "
        f"{known.n_parameters} parameters, if there are no more types."
    )
    if known.local_only:
        words += " But only next to the truth: types far from it may fit as well."
    return words


def _left_open(bounds: RewardBounds | None, way: Structure | None, audit: "Audit") -> str:
    if not audit.prompts:
        return "Everything about single options."
    if audit.mixture is None and _typed(audit):
        return (
            "Nothing beyond sampling error, if annotators of one type share one taste. Tastes "
            "within types stay open."
        )
    if bounds is None or way is None:
        return f"Not computed: there are more than {FEW_OPTIONS} options, or the solver stopped."
    options = max(audit.prompts, key=lambda one: one.pairs.n_comparisons).population.options
    a, b = (options[y] for y in bounds.pair)
    low, high = bounds.outer
    anybody = f"any number of types whose reward gaps are up to {bounds.bound:.3g}"
    if bounds.identified:
        return (
            f"Only sampling error: with {anybody}, the same answers to {way.describe()} go with no "
            f"other gap between {a} and {b} than {bounds.gap:.2f}, to {high - low:.1g}. That is by "
            f"{bounds.reason}."
        )
    said = (
        f"With {anybody}, the same answers to {way.describe()} go with average rewards of {a} that "
        f"are {bounds.lower:.2f} to {bounds.upper:.2f} above those of {b}; the fit says "
        f"{bounds.gap:.2f}."
    )
    if not bounds.sharp:
        said += f" Ruled out are only gaps below {low:.2f} and above {high:.2f}."
    sign = (
        "All put the same option first."
        if bounds.sign_identified
        else "So which of the two has the larger one is not settled."
    )
    return f"{said} {sign}"


def _prior(audit: "Audit") -> str:
    parts = ["That choices follow the logistic model of rewards."]
    mixture = audit.mixture
    if mixture is not None and mixture.n_classes > 1:
        chosen = "asked for" if audit.choice is None else "chosen on annotators who were left out"
        parts.append(
            f"That there are {mixture.n_classes} classes ({chosen}), with a normal prior of "
            f"precision {mixture.ridge:g} on their rewards."
        )
    if audit.settings["prior"] is not None:
        parts.append(f"All rewards have a normal prior of precision {audit.settings['prior']:g}.")
    if audit.n_weak:
        where = "prompt's" if audit.n_weak == 1 else "prompts'"
        parts.append(f"{audit.n_weak:,} {where} rewards have a weak prior, else infinite.")
    return " ".join(parts)
