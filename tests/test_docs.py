"""The documentation, as far as it can be checked without building it.

The notebooks are executed by the build (``sphinx-build``), the Markdown pages' examples by sybil.
"""

import ast
import importlib
import importlib.util
import json
import re
import struct
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from types import ModuleType

import pytest

from socialpref.cli import main
from socialpref.plots.style import WIDTH

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NOTEBOOKS = sorted(set((DOCS / "notebooks").glob("*.md")) - {DOCS / "notebooks" / "solutions.md"})
SITE_PAGES = {"../data/pew/README.md"}
"""Files outside docs that conf.py shows on a page of the site."""


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).with_suffix("").as_posix()


def check_site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_site", DOCS / "check_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def blocks(text: str, opening: str) -> list[str]:
    """Return the contents of the fenced blocks that begin with ``` and `opening`."""
    return re.findall(rf"^```{opening}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


# --- pages ----------------------------------------------------------------------------


def test_every_page_is_in_the_contents_once() -> None:
    listed = [
        line.strip()
        for block in blocks((DOCS / "index.md").read_text(), r"\{toctree\}")
        for line in block.splitlines()
        if line.strip() and not line.startswith(":")
    ]
    assert sorted([*listed, "index"]) == sorted(map(name_of, PAGES))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        file = page.parent / target.partition("#")[0]
        assert file.is_file(), target
        inside = DOCS in file.resolve().parents
        assert inside or target.partition("#")[0] in SITE_PAGES, f"{target} is not on the site"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_images_say_what_they_show(page: Path) -> None:
    text = page.read_text()
    for words in re.findall(r"!\[(.*?)\]\(", text) + re.findall(r"^:img-alt: (.*)$", text, re.M):
        assert len(words.split()) >= 8, words


def test_every_picture_is_in_the_gallery_and_fits_its_page() -> None:
    shown = re.findall(r"^:img-top: images/(.*)$", (DOCS / "gallery.md").read_text(), re.M)
    pictures = sorted((DOCS / "images").glob("*.png"))
    assert sorted(shown) == [picture.name for picture in pictures]
    for picture in pictures:
        width, _ = struct.unpack(">II", picture.read_bytes()[16:24])
        # 150 dots an inch: text of 8 points is 11 pixels high on a page 740 pixels wide.
        assert width <= 150 * WIDTH or picture.name == "explorer.png", picture.name


def test_the_literature_is_cited() -> None:
    titles = re.findall(r"^### (.*)$", (DOCS / "references.md").read_text(), flags=re.MULTILINE)
    entries = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    cited = {
        anchor
        for page in PAGES
        for anchor in re.findall(r"references\.md#([^)\s]+)\)", page.read_text())
    }
    assert cited == entries


def test_what_the_tutorial_prints_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = blocks((DOCS / "tutorial" / "first-fragile-question.md").read_text(), "console")
    assert shown
    for block in shown:
        command, _, printed = block.partition("\n")
        assert main(command.removeprefix("$ socialpref ").split()) == 0
        assert OutputChecker().check_output(printed, capsys.readouterr().out, ELLIPSIS)


# --- the reference --------------------------------------------------------------------

DIRECTIVE = re.compile(
    r"^\.\. (currentmodule|module|autofunction|autoclass|autoexception|autodata):: (\S+)",
    re.MULTILINE,
)


def documented() -> list[str]:
    """Return the full names of everything in the reference."""
    names = []
    for page in sorted((DOCS / "reference").glob("*.md")):
        module = ""
        for kind, name in DIRECTIVE.findall(page.read_text()):
            if kind.endswith("module"):
                module = name
            else:
                names.append(name if name.startswith("socialpref.") else f"{module}.{name}")
    return names


def test_nothing_is_in_the_reference_twice() -> None:
    names = documented()
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(documented()))
def test_what_is_in_the_reference_exists(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    if module == "socialpref.llm.trainer":
        pytest.importorskip("trl", reason="needs the extra llm")
    assert hasattr(importlib.import_module(module), attribute)


CONSTANTS = {"EXACT", "LIGHT", "MIDDLE", "OPINIONQA_GROUPS", "PAPER", "SMALL"}
"""Named in the text of the page or of their neighbours."""


@pytest.mark.parametrize(
    "module", ["", ".course", ".surveys", ".training", ".plots", ".report", ".explorer", ".llm"]
)
def test_everything_public_is_in_the_reference(module: str) -> None:
    package = importlib.import_module(f"socialpref{module}")
    names = {name.rpartition(".")[2] for name in documented()}
    assert set(getattr(package, "__all__", ())) - CONSTANTS - names == set()


# --- the notebooks --------------------------------------------------------------------


def cells(notebook: Path) -> list[str]:
    """Return the code of the cells, without tags and magics."""
    code = []
    for block in blocks(notebook.read_text(), r"\{code-cell\}.*?"):
        lines = re.sub(r"\A---\n.*?^---\n", "", block, flags=re.MULTILINE | re.DOTALL)
        code.append("\n".join(x for x in lines.splitlines() if not x.startswith((":", "%"))))
    return code


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 5


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_questions_are_numbered_and_answered(notebook: Path) -> None:
    parts = re.split(r"\{admonition\} Question (\d+)", notebook.read_text())
    numbers, texts = parts[1::2], parts[2::2]
    assert numbers == [str(i + 1) for i in range(len(numbers))]
    assert len(numbers) >= 4
    for text in texts:
        assert "{dropdown} Answer" in text or 'code_prompt_show: "Answer"' in text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_cells_are_short_lines_of_python(notebook: Path) -> None:
    for code in cells(notebook):
        ast.parse(code)
    shown = re.sub(r"^:tags: \[remove-cell\].*?^```$", "", notebook.read_text(), flags=re.M | re.S)
    for block in blocks(shown, r"\{code-cell\}.*?"):
        # Lines that begin with a colon are options of the cell, which are not shown.
        assert max(len(line) for line in block.splitlines() if not line.startswith(":")) <= 88


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_numbers_of_the_text_are_asserted(notebook: Path) -> None:
    assert "assert " in cells(notebook)[-1]
    assert ":tags: [remove-cell]" in notebook.read_text()


# --- the check of a built site --------------------------------------------------------


def test_the_site_check_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "there.html").write_text('<h1 id="top">x</h1><a href="../a.html">a</a>')
    (tmp_path / "a.html").write_text(
        '<a href="sub/there.html#top">good</a><a href="https://example.org/x">elsewhere</a>'
        '<a href="sub/there.html#end">no anchor</a><a href="#me">here</a>'
        '<img src="missing.png" alt="A dot that lies on a line">'
        '<img src="sub/there.html" alt="../a.png">'
        "<pre>&lt;Figure size 640x480 with 1 Axes&gt;</pre>"
    )
    assert check_site().faults(tmp_path) == [
        "a.html: shows '<Figure size'",
        "a.html: the image sub/there.html does not say what it shows: '../a.png'",
        "a.html: sub/there.html#end leads to no place in the page",
        "a.html: #me leads to no place in the page",
        "a.html: missing.png leads to no file",
    ]


def test_what_the_search_does_not_find_is_a_fault(tmp_path: Path) -> None:
    def index(**terms: object) -> None:
        found = {"docnames": ["flips", "theory"], "terms": {"flip": 0}, "titleterms": terms}
        (tmp_path / "searchindex.js").write_text(f"Search.setIndex({json.dumps(found)})")

    index(borda=[0, 1])
    assert check_site().unfound(tmp_path) == []
    index(borda=0)
    assert check_site().unfound(tmp_path) == [
        "search: 'borda' does not find theory by its text",
        "search: 'borda' does not find theory by its titles",
    ]


def test_an_empty_site_is_a_fault(tmp_path: Path) -> None:
    assert check_site().faults(tmp_path) == [f"{tmp_path}: holds no pages"]
