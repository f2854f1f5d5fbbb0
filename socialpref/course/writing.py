"""The notebooks as Jupyter reads them, made from MyST Markdown."""

import json
import re
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

from .. import __version__, _validate
from .._files import results_folder
from ..errors import OutputError

SOLUTIONS = "solutions"
"""The notebook with the solutions of all tasks."""
LITERATURE = "references"
"""The page that citations lead to: author and year say enough without it."""
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
SETTINGS = re.compile(r"(?::[^\n]*\n)*")
"""The lines with which a cell begins that are not code, such as its tags."""
FOLDED = {"hide-cell", "hide-input"}
NOT_WRITTEN = "remove-cell"
BOX = re.compile(r"^:::\{(\w+)\} ([^\n]*)\n(?::[^\n]*\n)*(.*?)^:::$", re.MULTILINE | re.DOTALL)
"""A box of the text with a title: an admonition, or a dropdown."""
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")
EXPLORER = re.compile(r"""<a href="\.\./explorer\.html(#[^"]*)">(.*?)</a>""", re.DOTALL)
"""A link, in HTML, to a state of the explorer, which the site has beside the notebooks."""


def notebooks() -> dict[str, str]:
    """Return the notebooks of the course by name, each as its MyST Markdown.

    Examples
    --------
    >>> from socialpref.course import notebooks
    >>> "mediocre-winner" in notebooks()
    True
    """
    pages = [page for page in files("socialpref.notebooks").iterdir() if page.name.endswith(".md")]
    texts = {page.name.removesuffix(".md"): page.read_text(encoding="utf-8") for page in pages}
    return dict(sorted(texts.items()))


def to_jupyter(page: str) -> dict[str, Any]:
    r"""Return a notebook in Jupyter's format, version 4.5, without outputs.

    Boxes become quotations and folded answers ``<details>``. Cells that are hidden on the site
    are folded, and those that are removed there are left out.

    Parameters
    ----------
    page : str
        The notebook in MyST Markdown.

    Raises
    ------
    InputError
        If `page` is not a string.

    Examples
    --------
    >>> from socialpref.course import to_jupyter
    >>> page = to_jupyter("# Half\n\n```{code-cell} ipython3\n1 / 2\n```\n")
    >>> [(cell["cell_type"], cell["source"]) for cell in page["cells"]]
    [('markdown', ['# Half']), ('code', ['1 / 2'])]
    """
    _validate.instance("page", page, str, "the text of a notebook")
    body = re.sub(r"\A---\n.*?^---\n", "", page, flags=re.MULTILINE | re.DOTALL)
    cells: list[dict[str, Any]] = []
    for i, part in enumerate(CELL.split(body)):  # text and code in turn
        cell = _code_cell(part) if i % 2 else _text_cell(part)
        if cell is not None:
            cells.append({"id": f"cell-{len(cells)}", **cell})
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "socialpref": __version__,
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write_notebooks(path: str | Path, *, solutions: bool = False) -> tuple[Path, ...]:
    """Write the notebooks of the course into a folder, and return their files.

    Parameters
    ----------
    path : str or Path
        The folder; made, with its parents, if it does not exist.
    solutions : bool
        Whether to write the notebook with the solutions, too.

    Raises
    ------
    OutputError
        If one of the files is there already, or the folder cannot be written to.
    """
    target = _validate.path("path", path)
    pages = {f"{name}.ipynb": text for name, text in notebooks().items()}
    if not solutions:
        del pages[f"{SOLUTIONS}.ipynb"]
    there = [name for name in pages if (target / name).exists()]
    if there:
        raise OutputError(
            f"{target}: has a file {there[0]}, which may hold your work and is not replaced; "
            "choose another folder"
        )
    with results_folder(target) as folder:
        for name, text in pages.items():
            page = json.dumps(to_jupyter(text), ensure_ascii=False, indent=1)
            (folder / name).write_text(f"{page}\n", encoding="utf-8")
    return tuple(target / name for name in pages)


# --- cells ------------------------------------------------------------------------------


def _text_cell(part: str) -> dict[str, Any] | None:
    text = LINK.sub(_link, EXPLORER.sub(_explorer, BOX.sub(_box, part))).strip()
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(text)} if text else None


def _code_cell(part: str) -> dict[str, Any] | None:
    settings, code = SETTINGS.match(part), SETTINGS.sub("", part, count=1).strip("\n")
    about = settings.group() if settings else ""
    tags = re.findall(r"[\w-]+", "".join(re.findall(r"^:tags: \[(.*)\]$", about, re.MULTILINE)))
    if NOT_WRITTEN in tags:
        return None
    title = re.search(r'code_prompt_show: "(.*)"', about)
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    if FOLDED & set(tags):
        metadata["jupyter"] = {"source_hidden": True}
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": _lines(f"# {title.group(1)}\n{code}" if title else code),
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


# --- text -------------------------------------------------------------------------------


def _box(found: re.Match[str]) -> str:
    kind, title, body = found.groups()
    if kind == "dropdown":
        return f"<details><summary>{title}</summary>\n\n{body.strip()}\n\n</details>"
    quoted = [f"> {line}".rstrip() for line in ["", *body.strip().splitlines()]]
    return "\n".join([f"> **{title}**", *quoted])


def _explorer(found: re.Match[str]) -> str:
    """Return the words of a link to the explorer, and how to get there without the site."""
    state, words = found.groups()
    return f"{words} (`socialpref explorer` writes it; add `{unescape(state)}` to its address)"


def _link(found: re.Match[str]) -> str:
    """Return a link as it works in a folder of notebooks, or the name of the page it leads to."""
    words, target = found.groups()
    page = target.partition("#")[0]
    if "://" in target:
        return found.group()
    if not page:
        return words
    name = Path(page).stem
    if name == SOLUTIONS:  # may not be there
        return f"{words} (`socialpref notebooks --solutions` writes them)"
    if "/" not in page:
        return f"[{words}]({name}.ipynb)"
    return words if name == LITERATURE else f"{words} (documentation: *{name.replace('-', ' ')}*)"
