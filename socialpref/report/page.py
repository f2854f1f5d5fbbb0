"""The page: a template, its style and script, and the parts that can be read without the script."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from .. import __version__, _validate
from .._files import results_folder
from ..surveys.protocol import Protocol
from ..surveys.studies import Study
from .content import report_content
from .words import counted, joined

LISTED = 12
"""So many things left out are listed; the rest are counted."""

STYLES = ("base.css", "report.css")
SCRIPTS = ("draw.js", "question.js", "report.js")
"""In this order in one scope of the page."""

SETTINGS = {
    "smoothing": "Added to every answer share (smoothing)",
    "margin": "Margin by which an option must get ahead",
    "floor": "Least share of draws of every option (floor)",
    "min_options": "Least number of options of a question",
    "min_respondents_per_option": "Least respondents per option, on average",
    "link": "Preference link",
    "base": "Base: how options are drawn before any change",
    "n_replicates": "number of replicates",
}


def write_report(study: Study, path: str | Path) -> None:
    """Write the report of a study, one HTML file that needs no network.

    Parameters
    ----------
    study : Study
    path : str or Path
        The file. Its folder is made if need be; a file of that name is replaced, at once and
        only by a complete one.

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
    file, text = _validate.path("path", path), render_report(study)
    with results_folder(file.parent) as folder:
        (folder / file.name).write_text(text, encoding="utf-8")


def render_report(study: Study) -> str:
    """Return the report of a study as the text of an HTML page.

    Parameters
    ----------
    study : Study

    Returns
    -------
    str
        The headline figures, settings and sources are in the page as text; the figures, the
        table and the questions' details are drawn by its script from one block of JSON.
    """
    _validate.instance("study", study, Study, "a Study")
    here = files(__package__)
    parts = {
        name: (here / name).read_text(encoding="utf-8")
        for name in ("template.html", *STYLES, *SCRIPTS)
    }
    facts = study.summary()
    return Template(parts["template.html"]).substitute(
        title=escape(f"Fragility of rankings: {facts['survey']}"),
        survey=escape(facts["survey"]),
        types=escape(_types(study)),
        css="\n".join(parts[name] for name in STYLES),
        js="\n".join(parts[name] for name in SCRIPTS),
        data=_json(report_content(study)),
        headline=_headline(study, facts),
        intervals=_paragraphs(_about_intervals(study, facts)),
        settings=_definitions(_settings(study, facts)),
        left_out=_left_out(study),
        citation=_paragraphs([facts["citation"]] if facts["citation"] else []),
        version=escape(__version__),
    )


def _json(content: dict[str, Any]) -> str:
    """Return JSON that cannot close the HTML element that holds it."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _types(study: Study) -> str:
    groupings = sorted({result.question.grouping for result in study.results} - {""})
    if not groupings:
        return "in groups"
    if len(groupings) > LISTED:
        return f"grouped in {len(groupings)} ways"
    return f"grouped by {joined(groupings, 'or')}"


# --- The headline -------------------------------------------------------------------


def _headline(study: Study, facts: dict[str, Any]) -> str:
    asked, least = facts["n_questions"], study.protocol.min_options
    flippable, winners = facts["n_flippable"], facts["n_winner_flippable"]
    cards = [
        _card(
            "Questions examined",
            f"{facts['n_examined']}",
            f"of {asked} with at least {least} options",
        )
    ]
    if facts["share_flippable"] is not None:
        interval = facts.get("share_flippable_interval")
        cards.append(
            _card(
                "Ranking can be flipped",
                f"{facts['share_flippable']:.1%}",
                f"{flippable} of {counted(asked, 'question')}",
                None if interval is None else "{:.1%} to {:.1%}".format(*interval),
            )
        )
    if (median := facts["median_distance"]) is not None:
        interval = facts.get("median_distance_interval")
        cards.append(
            _card(
                "Median flip distance",
                f"{median:.3f}",
                f"among the {flippable}: {100 * median:.0f} of 100 draws change",
                None if interval is None else "{:.3f} to {:.3f}".format(*interval),
            )
        )
    cards += [
        _card("Winner can be overtaken", f"{winners}", "some mix puts another option first"),
        _card(
            "Flipped by who counts",
            f"{facts['n_share_flippable']}",
            "other shares of the groups change the ranking",
        ),
        _card(
            "Average reward disagrees",
            f"{facts['n_order_mismatch']}",
            "NBC and average reward order the options differently",
        ),
    ]
    return "\n".join(cards)


def _card(label: str, value: str, note: str, interval: str | None = None) -> str:
    between = f'<dd class="interval">{escape(interval)}</dd>' if interval else ""
    return (
        f'<div class="card"><dt>{escape(label)}</dt><dd class="value">{escape(value)}</dd>'
        f'{between}<dd class="note">{escape(note)}</dd></div>'
    )


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
    return texts


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


def _left_out(study: Study) -> str:
    """Return what the study leaves out of the source, and why."""
    skipped = Counter(f"{item.kind}s: {item.reason}" for item in study.survey.skipped)
    unexamined = Counter(result.reason for result in study.results if result.finding is None)
    blocks = [
        ("Not made a question", _listed(_tally(skipped.most_common()))),
        ("Not examined", _listed(_tally(unexamined.most_common(), "question"))),
        ("Left out of questions", _listed(_dropped(study))),
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


def _listed(texts: Sequence[str]) -> str:
    shown = [*texts[:LISTED]]
    if len(texts) > LISTED:
        shown.append(f"and {len(texts) - LISTED} more, named with the questions")
    items = "".join(f"<li>{escape(text)}</li>" for text in shown)
    return f"<ul>{items}</ul>" if items else ""


def _definitions(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)


def _paragraphs(texts: Iterable[str]) -> str:
    return "\n".join(f"<p>{escape(text)}</p>" for text in texts)
