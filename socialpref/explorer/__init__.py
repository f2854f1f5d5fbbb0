"""The explorer: an interactive page that needs no server and no network.

The arithmetic is the package's, written again in JavaScript (``arithmetic.js``) for three types and
three options; tests compare the two. Charts are drawn by plotly.js, which the PyPI package `plotly`
ships and which is copied into the page when it is built.
"""

import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from .. import __version__, _validate
from .._extras import require
from .._files import results_folder
from ..examples import mediocre_winner, two_camps
from ..flips.flip import flip
from ..population import Population
from ..surveys import read_starter

SCRIPTS = ("arithmetic.js", "state.js", "simplex.js", "charts.js", "view.js")
"""In this order in one scope of the page, after what they share with the report."""


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
        If the package `plotly`, whose charts go into the page, is not installed.
    OutputError
        If the file cannot be written.
    """
    file, text = _validate.path("path", path), render()
    with results_folder(file.parent) as folder:
        (folder / file.name).write_text(text, encoding="utf-8")


def render() -> str:
    """Return the explorer as the text of an HTML page.

    Raises
    ------
    InputError
        If the package `plotly` is not installed.
    """
    here = files(__package__)
    report = files("socialpref.report")  # colours and pictures are the same there
    styles = [report / "base.css", here / "style.css"]
    scripts = [report / "draw.js", *(here / name for name in SCRIPTS)]
    return Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        css="\n".join(style.read_text(encoding="utf-8") for style in styles),
        js="\n".join(script.read_text(encoding="utf-8") for script in scripts),
        plotly=_plotly(),
        # A label may hold "</script>", which would end the element.
        presets=json.dumps(presets(), ensure_ascii=False).replace("<", "\\u003c"),
        version=__version__,
    )


def _plotly() -> str:
    require("explorer", "the explorer")
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def presets() -> list[dict[str, Any]]:
    """Return the page's starting points: worked examples, then questions of the starter set.

    Every question with three options and three groups is there, with its Luce-Shepard rewards.

    Examples
    --------
    >>> from socialpref.explorer import presets
    >>> [preset["id"] for preset in presets()][:4]
    ['mediocre-winner', 'temperature', 'two-camps', 'three-camps']
    """
    crowd, camps = mediocre_winner(), two_camps()
    fans = ("fans of A", "friends of compromise", "fans of B")
    empty = Population([*camps.rewards, [0, 0, 0]], [*camps.shares, 0], options=camps.options)
    listed = [
        _preset(
            "mediocre-winner",
            crowd,
            fans,
            group="Worked examples",
            title="The mediocre winner",
            text="A and B are each loved by a third of the people. The last third prefers M, which "
            "has the lowest average reward. M is first by NBC however comparisons are drawn.",
        ),
        _preset(
            "temperature",
            crowd,
            fans,
            group="Worked examples",
            title="Temperature: the same people, less decisive",
            text="The same rewards at temperature 2. Less decisive people show in their choices "
            "how much they care, and above 1.642 the mediocre option no longer wins.",
            temperature=2.0,
        ),
        _preset(
            "two-camps",
            empty,
            ("camp 1", "camp 2", "nobody yet"),
            group="Worked examples",
            title="Two camps: who chooses the comparisons",
            text="If all options are drawn equally often, A wins. With fewer draws of B and more "
            "of C, C wins. Nobody has changed their mind.",
        ),
        _preset(
            "three-camps",
            Population([[4, 0, -3], [-3, 3, 0], [0, -2, 3]], options=["A", "B", "C"]),
            ("camp 1", "camp 2", "camp 3"),
            group="Worked examples",
            title="Three camps: every ranking is possible",
            text="Each of the six rankings holds for some mix of draws. If all options are drawn "
            "equally often A comes last, though no option has a higher average reward.",
        ),
    ]
    surveys = []
    for question in read_starter():
        if (len(question.groups), question.n_options) == (3, 3):
            population = question.population()
            flips = flip(population).exists
            surveys.append(
                _preset(
                    question.key,
                    population,
                    question.groups,
                    group="Surveys: comparisons can change the ranking"
                    if flips
                    else "Surveys: only people can change the ranking",
                    title=f"{question.text} ({question.key[-4:]})",
                    text=f"{question.text}? Groups by {question.grouping}, "
                    f"{question.n_respondents:,.0f} respondents. {question.source}.",
                )
            )
    return listed + sorted(surveys, key=lambda preset: preset["group"])


def _preset(
    name: str, population: Population, types: tuple[str, ...], **about: Any
) -> dict[str, Any]:
    options = population.options
    return {
        "id": name,
        "types": types,
        "options": options,
        # What the figures call an option: its own name, or a letter.
        "letters": options if max(map(len, options)) == 1 else ("A", "B", "C"),
        "rewards": population.rewards.tolist(),
        "shares": population.shares.tolist(),
        "temperature": 1.0,
        **about,
    }
