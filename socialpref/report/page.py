"""The report of a survey study: what can be read of it without the script."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, _validate
from ..surveys.assumptions import assumptions
from ..surveys.protocol import Protocol
from ..surveys.shares import describe_shares
from ..surveys.studies import Study
from ..surveys.survey import UNKNOWN, check_frame
from .content import SMALL, plain, report_content, small_groups
from .parts import (
    LISTED,
    METHOD,
    card,
    cards,
    definitions,
    listed,
    page,
    paragraphs,
    table,
    write_page,
)
from .words import counted, joined

if TYPE_CHECKING:
    import pandas as pd

SCRIPTS = ("question.js", "report.js")
"""After what all reports share, in one scope of the page."""

SETTINGS = {
    "smoothing": "Added to every answer share (smoothing)",
    "margin": "Margin by which an option must get ahead",
    "floor": "Least share of draws of every option (floor)",
    "share_margin": "The margin of flips by who counts",
    "share_floor": "Least share of every group in such flips",
    "group_shares": "Shares of the groups",
    "min_options": "Least number of options of a question",
    "min_respondents_per_option": "Least respondents per option, on average",
    "link": "Preference link",
    "base": "Base: how options are drawn before any change",
    "n_replicates": "number of replicates",
}
VARIED = {
    "setting": "Setting",
    "n_flippable": "flipped by what is compared",
    "median_distance": "their median",
    "n_winner_flippable": "winners flipped so",
    "n_share_flippable": "flipped by who counts",
    "median_share_distance": "their median",
    "n_other_order": "another order",
    "n_other_winner": "another winner",
}
"""The columns of a table of sensitivity that are shown."""
MORE = "named with the questions"
UNKNOWN_DESIGN = (
    "The design of the sample is not known. The intervals take its respondents as drawn one by one "
    "at random; people drawn in clusters tell less, and their intervals are wider."
)


def write_report(
    study: Study, path: str | Path, *, sensitivity: Mapping[str, "pd.DataFrame"] | None = None
) -> None:
    """Write the report of a study, one HTML file that needs no network.

    Parameters
    ----------
    study : Study
    path : str or Path
        The file. Its folder is made if need be; a file of that name is replaced, at once and
        only by a complete one.
    sensitivity : mapping of str to DataFrame, optional
        By the name of what was varied, tables of `surveys.sensitivity`.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.report import write_report
    >>> from socialpref.surveys import read_starter, study
    >>> with TemporaryDirectory() as folder:
    ...     write_report(study(read_starter("country")), Path(folder) / "report.html")
    """
    file = _validate.path("path", path)
    write_page(file, render_report(study, sensitivity=sensitivity))


def render_report(study: Study, *, sensitivity: Mapping[str, "pd.DataFrame"] | None = None) -> str:
    """Return the report of a study as the text of an HTML page.

    Parameters
    ----------
    study : Study
    sensitivity : mapping of str to DataFrame, optional
        By the name of what was varied, tables of `surveys.sensitivity`.

    Returns
    -------
    str
        The headline figures, assumptions, settings and sources are in the page as text; the
        figures, the table and the questions' details are drawn by its script from one block of
        JSON.
    """
    _validate.instance("study", study, Study, "a Study")
    tables = _checked(sensitivity)
    facts = study.summary()
    content = report_content(study)
    content["sensitivity"] = {
        aspect: plain(frame.to_dict("records")) for aspect, frame in tables.items()
    }
    return page(
        "survey.html",
        content,
        title=f"Fragility of rankings: {facts['survey']}",
        kicker="Survey study",
        heading=f"{facts['survey']}: how fragile are its rankings?",
        lede=(
            "Preference learning ranks answers by how often they win comparisons, so the ranking "
            "depends on which comparisons are made, and on who counts how much. With respondents "
            f"{_types(study)}, this report estimates for each question the smallest change of the "
            "mix of comparisons, and of the groups' shares, that changes the ranking. Nobody's "
            "opinion changes."
        ),
        cite=_citation(study, facts),
        terms=facts["citation"],
        scripts=SCRIPTS,
        headline="\n".join(_headlines(study)),
        intervals=paragraphs(_about_intervals(study, facts)),
        assumptions=_assumptions(study, tables),
        sensitivity=_sensitivity(tables),
        settings=definitions(_settings(study, facts)),
        origin=definitions(_origin(facts)),
        left_out=_left_out(study),
    )


def _checked(sensitivity: object) -> dict[str, "pd.DataFrame"]:
    if sensitivity is None:
        return {}
    must = "a mapping from names to tables of sensitivity"
    _validate.instance("sensitivity", sensitivity, Mapping, must)
    assert isinstance(sensitivity, Mapping)
    for name, frame in sensitivity.items():
        _validate.instance("sensitivity", name, str, must)
        check_frame(frame, "sensitivity")
        wanted = {*VARIED, "is_reference", "n_questions", "n_examined"}
        if lacking := wanted - set(frame.columns):
            raise _validate.complaint(
                "sensitivity", f"tables with a column {min(lacking)!r}", "none"
            )
    return dict(sensitivity)


def _types(study: Study) -> str:
    groupings = sorted({result.question.grouping for result in study.results} - {""})
    if not groupings:
        return "in groups"
    if len(groupings) > LISTED:
        return f"grouped in {len(groupings)} ways"
    return f"grouped by {joined(groupings, 'or')}"


def _citation(study: Study, facts: dict[str, Any]) -> str:
    source = f" Data: {facts['citation'].rstrip('.')}." if facts["citation"] else ""
    return (
        f"{facts['survey']}: fragility of its rankings, respondents {_types(study)}. Computed with "
        f"socialpref {__version__}.{source} Method: {METHOD}, section 7.1."
    )


# --- The headline -------------------------------------------------------------------


def _headlines(study: Study) -> list[str]:
    """Return the headline figures, of each part where there are parts."""
    if not study.parts:
        return [_headline(study)]
    return [
        f"<h3>{escape(name[0].upper() + name[1:])}</h3>\n{_headline(part)}"
        for name, part in study.parts.items()
    ]


def _headline(study: Study) -> str:
    facts = study.headline()
    asked, least = facts["n_questions"], study.protocol.min_options
    flippable, by_shares = facts["n_flippable"], facts["n_share_flippable"]
    found = [
        card(
            "Questions examined",
            f"{facts['n_examined']}",
            f"of {asked} with at least {least} options; {facts['n_on_scale']} on a scale",
        )
    ]
    if facts["share_flippable"] is not None:
        found.append(
            card(
                "Flipped by what is compared",
                f"{facts['share_flippable']:.1%}",
                f"{flippable} of {counted(asked, 'question')}; {_winners(facts)}",
                _between(facts, "share_flippable", "{:.1%}"),
            )
        )
    if (median := facts["median_distance"]) is not None:
        found.append(
            card(
                "Their median distance",
                f"{median:.3f}",
                f"among the {flippable}: {100 * median:.0f} of 100 draws change",
                _between(facts, "median_distance", "{:.3f}"),
            )
        )
    found.append(
        card(
            "Flipped by who counts",
            f"{by_shares}",
            f"of {counted(asked, 'question')}, if groups have other shares",
            _between(facts, "n_share_flippable", "{:.0f}"),
        )
    )
    if (median := facts["median_share_distance"]) is not None:
        found.append(
            card(
                "Their median distance",
                f"{median:.3f}",
                f"among the {by_shares}: {100 * median:.1f} of 100 people change groups",
                _between(facts, "median_share_distance", "{:.3f}"),
            )
        )
    found.append(
        card(
            "Average reward disagrees",
            f"{facts['n_order_mismatch']}",
            "NBC and average reward order the options differently",
        )
    )
    return cards(found)


def _winners(facts: dict[str, Any]) -> str:
    swaps = facts["n_flippable_neighbours"]
    return f"{facts['n_winner_flippable']} with another winner, {swaps} swap neighbours on a scale"


def _between(facts: dict[str, Any], name: str, form: str) -> str | None:
    interval = facts.get(f"{name}_interval")
    return None if interval is None else " to ".join(map(form.format, interval))


def _about_intervals(study: Study, facts: dict[str, Any]) -> list[str]:
    """Say what the intervals are, or why there are none."""
    texts = []
    errors = [r.finding.uncertainty for r in study.results if r.finding and r.finding.uncertainty]
    shares_only = sum(result.question.counts is None for result in study.results)
    if errors:
        methods = ", ".join(sorted({error.method for error in errors}))
        sizes = sorted({error.n_replicates for error in errors})
        numbers = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        texts.append(
            f"Intervals: {errors[0].level:.0%}, from {numbers} replicates of the survey "
            f"({methods})."
        )
        if UNKNOWN in facts["design"]:
            texts.append(UNKNOWN_DESIGN)
    elif not shares_only:
        texts.append(
            "Sampling error is not in these figures. For intervals add --bootstrap 1000 to the "
            "command, or in Python study(survey, bootstrap=Bootstrap(1000))."
        )
    if shares_only:
        which = {1: "One question gives", len(study.results): "The survey gives"}
        texts.append(
            f"{which.get(shares_only, f'{shares_only} questions give')} shares of answers without "
            "numbers of respondents, so their sampling error is not known."
        )
    if facts["n_with_ties"]:
        texts.append(f"Rankings with ties: {facts['n_with_ties']}. A tie never counts as a flip.")
    if small := sum(bool(small_groups(result.question)) for result in study.results):
        texts.append(
            f"{counted(small, 'question')} with a group of fewer than {SMALL} people: rewards of "
            "so few are uncertain. The table marks them."
        )
    return texts


# --- What the figures rest on ---------------------------------------------------------


def _assumptions(study: Study, tables: Mapping[str, "pd.DataFrame"]) -> str:
    """Return the assumptions in words, and how the headline moves under others."""
    protocol = study.protocol
    kinds = dict.fromkeys(describe_shares(result.question) for result in study.results)
    weight = study.survey.weight or "none"
    words = (
        f"Answers become rewards by their logarithm, with {protocol.smoothing} added to every "
        f"share; people answer comparisons by the link {protocol.link!r}; comparisons are drawn "
        f"from the base {_setting(protocol.base)}. The groups' shares are {'; '.join(kinds)}. "
        f"Respondents are {_types(study)}; weight: {weight}; design of the sample: "
        f"{study.survey.design}."
    )
    after = (
        "Rankings that can be flipped under other settings, each changed on its own; in brackets "
        "the median distance. These are estimates without intervals."
    )
    grouping = (
        "The grouping moves them, too: see the sensitivity to groups below."
        if "groups" in tables
        else "Another grouping of the respondents would move them, too; it is not computed here."
    )
    return paragraphs([words, f"{after} {grouping}"]) + "".join(
        _moved(name, part) for name, part in (study.parts or {"": study}).items()
    )


def _moved(name: str, study: Study) -> str:
    """Return the table of how a part's headline moves under other settings."""
    examined = sum(result.finding is not None for result in study.results)
    rows = [
        (
            f"{one.aspect} {one.setting}".strip(),
            _number(one.n_flippable, examined, one.median_distance),
            _number(one.n_share_flippable, examined, one.median_share_distance),
        )
        for one in assumptions(study).itertuples()
    ]
    title = f"<h3>{escape(name[0].upper() + name[1:])}</h3>" if name else ""
    return title + table(("Setting", "by what is compared", "by who counts"), rows, marked=(0,))


def _number(number: int, total: int, median: float | None) -> str:
    middle = "" if median is None or math.isnan(median) else f" ({median:.3f})"
    return f"{number} of {total}{middle}"


def _sensitivity(tables: Mapping[str, "pd.DataFrame"]) -> str:
    """Return a section with a table for each setting that was varied, and room for its figure."""
    if not tables:
        return ""
    blocks = []
    for aspect, frame in tables.items():
        marked = [i for i, own in enumerate(frame["is_reference"]) if own]
        rows = [
            [_shown(value) for value in row] for row in frame[list(VARIED)].itertuples(index=False)
        ]
        blocks.append(
            f"<h3>{escape(aspect.capitalize())}</h3>"
            f'<figure class="dots" data-aspect="{escape(aspect)}"></figure>'
            + table(list(VARIED.values()), rows, marked=marked)
        )
    return (
        '<section aria-labelledby="sensitivity-title">'
        '<h2 id="sensitivity-title">What moves the headline</h2>' + "".join(blocks) + "</section>"
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "\u2013" if math.isnan(value) else f"{value:.3f}"
    return "\u2013" if value is None else f"{value}"


# --- Settings and what was left out ---------------------------------------------------


def _settings(study: Study, facts: dict[str, Any]) -> list[tuple[str, str]]:
    protocol, bootstrap, gap = study.protocol, study.bootstrap, facts["largest_certified_gap"]
    rows = [
        (SETTINGS.get(field.name, field.name), _setting(getattr(protocol, field.name)))
        for field in fields(Protocol)
    ]
    kinds = facts["group_shares"]
    used = "; ".join(f"{kind} ({number})" for kind, number in kinds.items())
    rows.append(("Shares of the groups (questions)", used))
    if bootstrap is not None:
        rows += [
            (
                f"Bootstrap: {SETTINGS.get(field.name, field.name)}",
                _setting(getattr(bootstrap, field.name)),
            )
            for field in fields(bootstrap)
        ]
    if gap is not None and math.isfinite(gap):
        proof = "exactly" if gap == 0 else f"to within {gap:.0e}"
        rows.append(("Every distance is proven", proof))
    return rows


def _setting(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if value is None:
        return "default"
    if isinstance(value, (str, int)):
        return str(value)
    if hasattr(value, "keys"):
        return "given for each question"
    return repr(value)


def _origin(facts: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("File", facts["path"] or "none: embedded in the package, or made in Python"),
        ("Group variable", ", ".join(facts["group_variables"]) or "not named"),
        ("Weight", facts["weight"] or "none"),
        ("Design of the sample", facts["design"]),
        ("Version", f"socialpref {facts['version']}"),
    ]


def _left_out(study: Study) -> str:
    """Return what the study leaves out of the source, and why."""
    skipped = Counter(f"{item.kind}s: {item.reason}" for item in study.survey.skipped)
    unexamined = Counter(result.reason for result in study.results if result.finding is None)
    blocks = [
        ("Not made a question", listed(_tally(skipped.most_common()), MORE)),
        ("Not examined", listed(_tally(unexamined.most_common(), "question"), MORE)),
        ("Left out of questions", listed(_dropped(study), MORE)),
    ]
    some = [f"<h3>{escape(title)}</h3>{items}" for title, items in blocks if items]
    return "\n".join(some) or "<p>Nothing.</p>"


def _tally(counts: Iterable[tuple[str, int]], unit: str = "") -> list[str]:
    return [
        f"{reason}: {f'{number} {unit}'.strip()}{'s' if unit and number > 1 else ''}"
        for reason, number in counts
    ]


def _dropped(study: Study) -> list[str]:
    """Say what was dropped within questions: in how many of them, with how many answers."""
    where: Counter[tuple[str, str, str]] = Counter()
    answers: Counter[tuple[str, str, str]] = Counter()
    for result in study.results:
        for item in result.question.dropped:
            what = (item.kind, item.name, item.reason)
            where[what] += 1
            if result.question.counts is not None:
                answers[what] += item.respondents  # type: ignore[assignment]
    return [
        f"{kind} “{name}” ({reason}): in {number} question{'s' if number > 1 else ''}"
        + (f", {answers[kind, name, reason]:,.0f} answers" if answers[kind, name, reason] else "")
        for (kind, name, reason), number in where.most_common()
    ]
