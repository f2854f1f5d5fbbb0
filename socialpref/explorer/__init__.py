"""The explorer: an interactive page that needs no server and no network.

The arithmetic is the package's, written again in JavaScript for up to 12 types and 6 options; tests
compare the two. Charts are drawn as SVG.
"""

import json
from importlib.resources import files
from pathlib import Path
from string import Template

from .. import __version__, _validate
from .._files import results_folder
from .starting_points import presets

SCRIPTS = (
    "solve.js",
    "arithmetic.js",
    "methods.js",
    "games.js",
    "worst-off.js",
    "state.js",
    "simplex.js",
    "charts.js",
    "controls.js",
    "view.js",
)
"""In this order in one scope of the page, after what they share with the report."""

__all__ = ["build", "presets", "render"]


def build(path: str | Path) -> None:
    """Write the explorer, one HTML file that needs no network.

    Parameters
    ----------
    path : str or Path
        The file. Its folder is made if need be; a file of that name is replaced, at once and
        only by a complete one.

    Raises
    ------
    InputError
        If `path` is not a path.
    OutputError
        If the file cannot be written.
    """
    file, text = _validate.path("path", path), render()
    with results_folder(file.parent) as folder:
        (folder / file.name).write_text(text, encoding="utf-8")


def render() -> str:
    """Return the explorer as the text of an HTML page."""
    here = files(__package__)
    report = files("socialpref.report")  # colours and pictures are the same there
    styles = [report / "base.css", here / "style.css"]
    scripts = [report / "draw.js", *(here / name for name in SCRIPTS)]
    return Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        css="\n".join(style.read_text(encoding="utf-8") for style in styles),
        js="\n".join(script.read_text(encoding="utf-8") for script in scripts),
        # A label may hold "</script>", which would end the element.
        presets=json.dumps(presets(), ensure_ascii=False).replace("<", "\\u003c"),
        version=__version__,
    )
