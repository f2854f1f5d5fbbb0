"""What every report is made of: the page around it, and pieces of HTML.

A report is one file without a network: a frame with style and script inside, a block of JSON that
the script draws, and text that can be read without it.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from .. import __version__, _validate
from .._files import results_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LISTED = 12
"""So many things left out are listed; the rest are counted."""
STYLES = ("base.css", "report.css")
METHOD = (
    "A. Shirali, A. Nasr-Esfahany, A. Alomar, P. Mirtaheri, R. Abebe and A. Procaccia, "
    "Direct Alignment with Heterogeneous Preferences, arXiv:2502.16320"
)


def write_page(path: str | Path, text: str) -> None:
    """Write a page, at once and only if it is complete; its folder is made if need be."""
    file = _validate.path("path", path)
    with results_folder(file.parent) as folder:
        (folder / file.name).write_text(text, encoding="utf-8")


def page(
    body: str,
    content: dict[str, Any],
    *,
    title: str,
    kicker: str,
    heading: str,
    lede: str,
    cite: str,
    terms: str = "",
    scripts: Sequence[str] = (),
    **parts: str,
) -> str:
    """Return a report as the text of an HTML page.

    Parameters
    ----------
    body : str
        The file of the main part; its places are filled with `parts`, which are HTML.
    content : dict
        What the script draws.
    title, kicker, heading, lede, cite, terms : str
        Plain texts: the window's title, the words above the heading, the heading, the first
        paragraph, what to cite, and the terms of the source.
    scripts : sequence of str
        The page's own scripts, after those of all reports.
    """
    names = ("draw.js", "shared.js", *scripts)
    return Template(_read("frame.html")).substitute(
        title=escape(title),
        kicker=escape(kicker),
        heading=escape(heading),
        lede=escape(lede),
        css="\n".join(map(_read, STYLES)),
        js="\n".join(map(_read, names)),
        data=_json(content),
        main=Template(_read(body)).substitute(parts),
        citation=escape(cite),
        terms=paragraphs([terms] if terms else []),
        version=escape(__version__),
    )


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _json(content: dict[str, Any]) -> str:
    """Return JSON that cannot close the HTML element that holds it."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def card(label: str, value: str, note: str, interval: str | None = None) -> str:
    """Return a headline figure: what it is, its value and interval, and of what."""
    between = f'<dd class="interval">{escape(interval)}</dd>' if interval else ""
    return (
        f'<div class="card"><dt>{escape(label)}</dt><dd class="value">{escape(value)}</dd>'
        f'{between}<dd class="note">{escape(note)}</dd></div>'
    )


def cards(items: Iterable[str]) -> str:
    """Return headline figures as a row of cards."""
    return '<dl class="cards">\n' + "\n".join(items) + "\n</dl>"


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    marked: Sequence[int] = (),
    words: Sequence[int] = (),
) -> str:
    """Return a table whose first column names the rows; most other columns are numbers.

    Parameters
    ----------
    heads : sequence of str
    rows : iterable of sequences of str
    marked : sequence of int
        The rows to mark.
    words : sequence of int
        The columns that hold words.
    """
    kinds = ["" if i in words else ' class="number"' for i in range(len(heads))]
    head = "".join(
        f'<th scope="col"{kind if i else ""}>{escape(name)}</th>'
        for i, (name, kind) in enumerate(zip(heads, kinds, strict=True))
    )
    body = "".join(
        f'<tr{" class=marked" if i in marked else ""}><th scope="row">{escape(name)}</th>'
        + "".join(
            f"<td{kind}>{escape(value)}</td>" for kind, value in zip(kinds[1:], values, strict=True)
        )
        + "</tr>"
        for i, (name, *values) in enumerate(rows)
    )
    return (
        '<div class="scroll" tabindex="0"><table class="plain"><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def figure(drawing: "Figure") -> str:
    """Return a figure as a picture in the page; its title is what it says in words.

    The title is that of the figure, or of its first panel.
    """
    file = BytesIO()
    drawing.savefig(file, format="png", dpi=120)
    picture = b64encode(file.getvalue()).decode("ascii")
    title = drawing.get_suptitle() or drawing.axes[0].get_title(loc="left")
    words = escape(" ".join(title.replace(r"\$", "$").split()))
    width, height = drawing.get_size_inches() * 96
    return (
        f'<figure><img src="data:image/png;base64,{picture}" alt="{words}" width="{width:.0f}" '
        f'height="{height:.0f}"></figure>'
    )


def listed(texts: Sequence[str], more: str) -> str:
    """Return a list of texts, of which the first are shown and the rest counted."""
    shown = [*texts[:LISTED]]
    if len(texts) > LISTED:
        shown.append(f"and {len(texts) - LISTED} more, {more}")
    items = "".join(f"<li>{escape(text)}</li>" for text in shown)
    return f"<ul>{items}</ul>" if items else ""


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Return the names and values of a list of definitions."""
    return "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)


def paragraphs(texts: Iterable[str]) -> str:
    """Return texts as paragraphs."""
    return "\n".join(f"<p>{escape(text)}</p>" for text in texts)
