"""The report of an audit of comparisons, a page of the same family as that of a survey study."""

import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, _validate
from ..audit import Audit
from .parts import METHOD, card, cards, definitions, listed, page, paragraphs, table, write_page

if TYPE_CHECKING:
    import pandas as pd

FLIPS = {
    "flip_distance": "Ranking flipped by what is compared",
    "winner_flip_distance": "Winner flipped by what is compared",
    "share_flip_distance": "Ranking flipped by who counts",
}
ROWS = 200
"""So many rows of a table are shown; the files of the command hold all."""


def write_comparisons_report(audit: Audit, path: str | Path) -> None:
    """Write the report of an audit of comparisons, one HTML file that needs no network.

    Parameters
    ----------
    audit : Audit
    path : str or Path
        The file. Its folder is made if need be; a file of that name is replaced, at once and
        only by a complete one.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    file = _validate.path("path", path)
    write_page(file, render_comparisons_report(audit))


def render_comparisons_report(audit: Audit) -> str:
    """Return the report of an audit of comparisons as the text of an HTML page.

    Parameters
    ----------
    audit : Audit
    """
    _validate.instance("audit", audit, Audit, "an Audit")
    facts = audit.summary()
    people = facts["n_annotators"]
    by = "by people who are not known" if people is None else f"by {people:,} annotators"
    what = f"{facts['n_comparisons']:,} comparisons of {facts['n_options']:,} options {by}"
    frames = {
        "Options": audit.options_frame(),
        "Pairs": audit.pairs_frame(),
        "Types": audit.types_frame(),
        "What each method would learn": audit.methods_frame(),
    }
    return page(
        "comparisons.html",
        {},
        title="Whose preferences are these?",
        kicker="Comparisons",
        heading="Whose preferences are these, and what would a model learn?",
        lede=f"This report is on {what}: what training on them teaches, whether annotators "
        "differ, and what changes the order of the options.",
        cite=f"Audit of {what}, computed with socialpref {__version__}. Method: {METHOD}.",
        finding=paragraphs(audit.describe().split("\n\n")),
        headline=cards(_cards(facts)),
        tables="\n".join(_section(name, frame) for name, frame in frames.items() if len(frame)),
        settings=definitions((name, _shown(value)) for name, value in facts["settings"].items()),
        left_out=listed([f"{why}: {n:,g}" for why, n in facts["dropped"].items()], "of few rows")
        or "<p>Nothing.</p>",
    )


def _cards(facts: dict[str, Any]) -> list[str]:
    p = facts["heterogeneity_p_value"]
    found = [
        card(
            "Do annotators differ?",
            "not known" if p is None else f"p = {p:.3g}",
            facts["heterogeneity_reason"] or "p-value against one taste for all",
        )
    ]
    for key, label in FLIPS.items():
        ends = facts.get(f"{key}_interval")
        between = None if ends is None else " to ".join(map(_distance, ends))
        found.append(
            card(label, _distance(facts[key]), "nearest as estimated, in total variation", between)
        )
    return found


def _distance(value: float | None) -> str:
    return "never" if value is None else f"{value:.3f}"


def _section(name: str, frame: "pd.DataFrame") -> str:
    rows = [[_shown(value) for value in row] for row in frame[:ROWS].itertuples(index=False)]
    more = f"<p class=quiet>The first {ROWS} of {len(frame):,} rows.</p>"
    return (
        f"<section><h2>{escape(name)}</h2>"
        + table([str(column).replace("_", " ") for column in frame.columns], rows)
        + (more if len(frame) > ROWS else "")
        + "</section>"
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "\u2013"
        return "never" if math.isinf(value) else f"{value:,.4g}"
    return "\u2013" if value is None else f"{value}"
