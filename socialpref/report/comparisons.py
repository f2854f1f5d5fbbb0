"""The report of an audit of comparisons, a page of the same family as that of a survey study."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, _validate
from ..audit import Audit, disclose
from .parts import (
    METHOD,
    card,
    cards,
    definitions,
    figure,
    listed,
    page,
    paragraphs,
    table,
    write_page,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..comparisons.features import FeatureAudit

FLIPS = {
    "flip_distance": "Ranking flipped by what is compared",
    "winner_flip_distance": "Winner flipped by what is compared",
    "share_flip_distance": "Ranking flipped by who counts",
}
HEADS = {
    "n": "comparisons",
    "wins": "won",
    "se_naive": "naive error",
    "se_clustered": "error by annotator",
    "rank_low": "rank from",
    "rank_high": "rank to",
    "nbc": "NBC",
}
"""Headings of columns whose names say too little."""
ROWS = 200
"""So many rows of a table are shown; the files of the command hold all."""


def write_comparisons_report(
    audit: Audit,
    path: str | Path,
    *,
    features: "FeatureAudit | None" = None,
    figures: "Sequence[Figure]" = (),
) -> None:
    """Write the report of an audit of comparisons, one HTML file that needs no network.

    Parameters
    ----------
    audit : Audit
    path : str or Path
        The file. Its folder is made if need be; a file of that name is replaced, at once and
        only by a complete one.
    features : FeatureAudit, optional
        What annotators prefer in terms of features.
    figures : sequence of Figure
        Figures to show, such as those of `socialpref.plots.comparisons.audit_figures`. Their
        titles say what they show, also to readers who do not see them.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    file = _validate.path("path", path)
    write_page(file, render_comparisons_report(audit, features=features, figures=figures))


def findings_in_words(audit: Audit, features: "FeatureAudit | None" = None) -> list[str]:
    """Return the findings as paragraphs, those on features among them.

    Texts have rewards through their features only. So where these were looked at, they take the
    place of what is said of single options, and of the advice to look at features.

    Parameters
    ----------
    audit : Audit
    features : FeatureAudit, optional
    """
    said = audit.describe().split("\n\n")
    if features is None:
        return said
    return [*(said[:1] if audit.texts else said), *features.describe().splitlines()]


def render_comparisons_report(
    audit: Audit,
    *,
    features: "FeatureAudit | None" = None,
    figures: "Sequence[Figure]" = (),
) -> str:
    """Return the report of an audit of comparisons as the text of an HTML page.

    Parameters
    ----------
    audit : Audit
    features : FeatureAudit, optional
        What annotators prefer in terms of features.
    figures : sequence of Figure
        As for `write_comparisons_report`.
    """
    _validate.instance("audit", audit, Audit, "an Audit")
    facts = audit.summary()
    people = facts["n_annotators"]
    by = "by people who are not known" if people is None else f"by {people:,} annotators"
    what = f"{facts['n_comparisons']:,} comparisons of {facts['n_options']:,} options {by}"
    frames = {}
    if not audit.texts:
        frames = {
            "Options": audit.options_frame().sort_values("reward", ascending=False),
            "Pairs": audit.pairs_frame(),
            "Types": audit.types_frame(),
            "What each method would learn": audit.methods_frame(),
        }
    if features is not None:
        frames |= {"Features": features.to_frame(), "Features by type": features.types_frame()}
    return page(
        "comparisons.html",
        {},
        title="Whose preferences are these?",
        kicker="Comparisons",
        heading="Whose preferences are these, and what would a model learn?",
        lede=f"This report is on {what}: what training on them teaches, whether annotators "
        "differ, and what changes the order of the options.",
        cite=f"Audit of {what}, computed with socialpref {__version__}. Method: {METHOD}.",
        finding=paragraphs(findings_in_words(audit, features)),
        headline=cards(_cards(audit, facts)) if features is None or not audit.texts else "",
        disclosure=definitions(disclose(audit).rows()),
        figures="\n".join(map(figure, figures)),
        tables="\n".join(_section(name, frame) for name, frame in frames.items() if len(frame)),
        settings=definitions((name, _shown(value)) for name, value in facts["settings"].items()),
        left_out=listed([f"{why}: {n:,g}" for why, n in facts["dropped"].items()], "of few rows")
        or "<p>Nothing.</p>",
    )


def _cards(audit: Audit, facts: dict[str, Any]) -> list[str]:
    p = facts["heterogeneity_p_value"]
    found = [
        card(
            "Do annotators differ?",
            "not known" if p is None else f"p = {p:.3g}",
            facts["heterogeneity_reason"] or "p-value against one taste for all",
        )
    ]
    if audit.texts:
        return found
    # One taste for all has no flips; whether there is one is another question.
    unknown = len(facts["types"]) == 1 and audit.differ is not False
    for key, label in FLIPS.items():
        if unknown:
            found.append(card(label, "not known", "no types of annotators are known"))
            continue
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
        + table(
            [HEADS.get(name, name.replace("_", " ")) for name in map(str, frame.columns)],
            rows,
            words=[i for i, kind in enumerate(frame.dtypes) if kind.kind not in "iuf"],
        )
        + (more if len(frame) > ROWS else "")
        + "</section>"
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "\u2013"
        if math.isinf(value):
            return "never" if value > 0 else "\u2212\u221e"
        return f"{value:,.4g}"
    return "\u2013" if value is None else f"{value}"
