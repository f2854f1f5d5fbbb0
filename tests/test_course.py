"""The course: its notebooks for Jupyter, and the checks of its tasks."""

import ast
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from socialpref import DPO, InputError, OutputError, Population, nbc
from socialpref.cli import main
from socialpref.course import Verdict, check, notebooks, to_jupyter, write_notebooks
from socialpref.course.tasks import TASKS
from socialpref.examples import mediocre_winner

SOLUTIONS = "solutions"
BOTH = slice(None)


def cells_of(page: str) -> list[str]:
    """Return the code of a notebook's cells, those that are removed from the page as well."""
    blocks = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    kept = [[x for x in block.splitlines() if not x.startswith((":", "%"))] for block in blocks]
    return ["\n".join(lines) for lines in kept]


@pytest.fixture(scope="module")
def solved() -> dict[str, Any]:
    """The solutions' page, run: what it defines."""
    imports, *cells = cells_of(notebooks()[SOLUTIONS])
    found: dict[str, Any] = {}
    exec(imports, found)
    found["check"] = lambda *_: Verdict(True, "Checked below.")
    for code in cells:
        exec(code, found)
    return found


# --- tasks ------------------------------------------------------------------------------


def guns() -> Population:
    from socialpref.surveys import read_pew

    return read_pew()["SOCIETY_GUNS_W92"].population()


def stops(*_: object) -> float:
    raise ZeroDivisionError("of\nthe reader")


WRONG: dict[str, list[tuple[Any, str]]] = {
    "preference": [
        (2 / 3, "Rewards are not weights"),
        (1 / (1 + math.e), "prefer B to A"),
        (1 / (1 + math.exp(-2)), "prefer A to C"),
        (0.5, "difference of the two rewards"),
        (-0.7311, "sign"),
        (0.73, "rounded too much"),
        (73.1, "100 times too large"),
        ("0.731", "should be a number"),
        ([0.731], "should be a number"),
        (math.nan, "NaN"),
    ],
    "implied-rewards": [
        (lambda policy, reference, beta: np.log(policy / policy[-1]), "β = 0.5"),
        (lambda policy, reference, beta: beta * np.log(policy), "returns"),
        (lambda policy, reference, beta: policy / policy[-1], "returns"),
        (lambda policy, reference, beta: -beta * np.log(policy / policy[-1]), "sign is wrong"),
        (0.7, "Give a function"),
        (stops, "stops: ZeroDivisionError: of the reader"),
    ],
    "borda-and-average": [
        (([0.6, 0.5, 0.4], [1.2, 1.0, 0.8]), "against itself"),
        (([1.2, 1.0, 0.8], [1.2, 1.0, 0.8]), "Borda's points"),
        (([1.2, 1.0, 0.8], [0.567, 0.5, 0.433]), "come second"),
        ((nbc(Population([[2, 1, 0], [0, 1, 2]], [0.6, 0.4])), [1.2, 1.0, 0.8]), "do not use σ"),
        (([0.5, 0.5, 0.5], [1, 1, 1]), "Weigh"),
        ([0.567, 0.5, 0.433], "shape"),
    ],
    "strong-minority": [(2.5, "level with B"), (0.0, "minority only"), (8.0, "equal to A's")],
    "last-is-first": [
        (Population([[1, 0, 0], [1, 0, 0]]), "not last on average"),
        (Population([[0, 0, 0], [0, 0, 0]]), "two options first"),
        (Population([[1.0, 0, 0], [-2.4, 0, 0]], [0.7, 0.3]), "by 0.1 or more"),
        (mediocre_winner(), "should have 2 types"),
        (Population([[1, 0], [0, 5]]), "should have 3 options"),
        ([[2, 0, 0], [-6, 0, 0]], "should be a Population"),
    ],
    "error-of-a-budget": [
        (lambda budget, c, label, m, V: np.sqrt(V / (budget / (c + label))), "returns"),
        (lambda budget, c, label, m, V: np.sqrt(V / (budget / (c + m * label))), "returns"),
        (lambda budget, c, label, m, V: V / (budget / (c + m * label) * m), "returns"),
    ],
    "price-of-an-annotator": [(0.0, "cost something"), (1.0, "V times")],
    "condorcet": [
        (lambda P: int(P.sum(axis=1).argmax()), "returns"),
        (lambda P: -1, "returns"),
        (lambda P: int((P >= 0.5).all(axis=1).argmax()), "returns"),
        (lambda P: [*np.flatnonzero((P >= 0.5).all(axis=1)), -1][0], "[0.5, 0.5, 0.731]"),
        (lambda P: P.mean(axis=1) == P.mean(axis=1).max(), "shape"),
    ],
    "nash": [
        (lambda P, tau: np.exp(P.mean(1) / tau) / np.exp(P.mean(1) / tau).sum(), "returns"),
        (lambda P, tau: np.eye(len(P))[P.sum(axis=1).argmax()], "returns"),
        (lambda P, tau: P, "shape"),
    ],
    "constants": [
        (((0, 8, 0), (8, 0, 8)), "With your first constants M has"),
        (((8, 0, 8), (0, 0, 0)), "With your second constants M has"),
        (((8, 0), (0, 8, 0)), "shape"),
        (((math.inf, 0, 0), (0, 8, 0)), "between -100 and 100"),
        (8, "two things"),
    ],
    "nbc-by-hand": [
        (lambda P, d: P.mean(axis=1), "returns"),
        (lambda P, d: d @ P, "returns"),
        (lambda P, d: P, "shape"),
    ],
    "near-mix": [
        ([1 / 3, 1 / 3, 1 / 3], "the scores of A, B, C"),
        ([0.1, 0.1, 0.8], "from uniform"),
        ([0.5, 0.1, 0.5], "of sum 1, not 1.1"),
        ([0.5, 0.5], "shape"),
    ],
    "flip-distance": [
        (lambda P, y, z: -(P[y] - P[z]).mean() / np.ptp(P[y] - P[z]), "returns"),
        (
            lambda P, y, z: (
                -(P[y] - P[z]).mean() / np.ptp(P[y] - P[z]) if (P[y] >= P[z]).any() else math.inf
            ),
            "For 4 options",  # one option gives more than it has
        ),
        (lambda P, y, z: math.inf, "returns"),
        (lambda P, y, z: (P[z] - P[y]).mean(), "returns"),
    ],
    "nbc-of-shares": [
        (lambda own, shares: own.mean(axis=0), "returns"),
        (lambda own, shares: own, "shape"),
    ],
    "near-shares": [
        (guns().shares, "still 'very bad'"),
        ([0.1, 0.2, 0.2, 0.5], "more than 0.05"),
        ([0.5, 0.5, 0.5, -0.5], "none of them negative"),
    ],
    "share-flip": [
        (lambda leads, shares: abs(leads @ shares) / np.ptp(leads), "returns"),
        (lambda leads, shares: abs(leads @ shares), "returns"),
        (lambda leads, shares: math.inf, "returns"),
    ],
    "two-worlds": [
        ((Population([[0.4054651, 0]]), Population([[0.4054651, 0]])), "B should be better"),
        ((Population([[1, 0]]), Population([[1, 0], [0, 5]])), "A wins 0.731059"),
        ((Population([[0.4054651, 0]]),), "two populations"),
        ((Population([[0.4, 0, 1]]), 3), "2 options"),
    ],
    "variance-between": [
        (lambda answers: answers.var(), "returns"),
        (lambda answers: answers.mean(axis=1).var(), "returns"),
        (lambda answers: (answers[:, 0] * answers[:, 1]).mean(), "returns"),
    ],
    "gap-of-panels": [
        (lambda a, b, n: np.log(a / b), "returns"),
        (lambda a, b, n: np.log(a / (1 - a)) / n, "returns"),
        (lambda a, b, n: np.log(b / a) / n, "returns"),
    ],
    "dpo-by-hand": [
        (lambda P: P.mean(axis=1) - P.mean(axis=1)[-1], "returns"),
        (lambda P: np.log(P / P.T).mean(axis=1) - np.log(P / P.T).mean(axis=1)[-1], "returns"),
    ],
    "panel-loss": [
        # The slip of a published script, the labels one by one, and a loss that is never least.
        (
            lambda h, o: (
                o.all(1) * np.logaddexp(0, -len(o[0]) * h)
                + ~o.any(1) * np.logaddexp(0, -len(o[0]) * (1 - h))
            ),
            "the mean gap is",
        ),
        (lambda h, o: np.logaddexp(0, np.where(o, -h, h)).sum(axis=1), "the mean gap is"),
        (
            lambda h, o: o.all(1) * np.logaddexp(0, -h) + ~o.any(1) * np.logaddexp(0, h),
            "the mean gap is",
        ),
        (lambda h, o: np.zeros(len(o)), "the same at every h"),
        (lambda h, o: 0.0, "shape"),
    ],
    "luce-shepard": [
        (lambda counts, smoothing: np.log((counts + smoothing) / counts[:, -1:]), "returns"),
        (
            lambda counts, s: (
                np.log(counts / counts.sum() + s) - np.log(counts / counts.sum() + s)[:, -1:]
            ),
            "returns",
        ),
    ],
    "same-order": [(1.0, "whole order"), (0.182, "not of those"), (0.5, "Draw the counts")],
    "even-lengths": [(0.98, "new frequencies"), (0.0395, "not the share of the others")],
    "labels-for-a-panel": [
        (lambda rewards, d: 3 / 0.177, "returns"),
        (
            lambda rewards, d: (
                len(rewards)
                / np.prod(1 / (1 + np.exp(-rewards[:, :, None] + rewards[:, None])), 0).mean()
            ),
            "returns",
        ),
    ],
}


def test_every_task_has_a_solution_and_two_wrong_answers(solved: dict[str, Any]) -> None:
    assert WRONG.keys() == solved["SOLUTIONS"].keys() == TASKS.keys()
    assert all(len(answers) >= 2 for answers in WRONG.values())


@pytest.mark.parametrize("name", TASKS)
def test_the_solution_is_right(name: str, solved: dict[str, Any]) -> None:
    verdict = check(name, solved["SOLUTIONS"][name])
    assert verdict.right, verdict
    assert repr(verdict) == "Right."


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [(name, answer, words) for name, answers in WRONG.items() for answer, words in answers],
)
def test_wrong_answers_are_told_what_is_wrong(name: str, answer: Any, words: str) -> None:
    with np.errstate(all="ignore"):
        verdict = check(name, answer)
    assert not verdict.right
    assert verdict.message.startswith("Not right yet. ")
    assert words in verdict.message


FUNCTIONS = [name for name, answers in WRONG.items() if callable(answers[0][0])]


@pytest.mark.parametrize(
    ("name", "answer"),
    [(name, nothing) for name in TASKS for nothing in (..., None)]
    + [(name, nothing) for name in FUNCTIONS for nothing in (lambda *_: None, lambda *_: ...)],
)
def test_dots_are_not_answered(name: str, answer: Any) -> None:
    assert "Not answered yet" in check(name, answer).message


def test_numbers_may_be_rounded_as_the_tasks_say(solved: dict[str, Any]) -> None:
    by_hand = solved["SOLUTIONS"]["dpo-by-hand"]
    assert check("dpo-by-hand", lambda P: by_hand(P).round(2)).right  # "to two decimals"
    _, second = solved["SOLUTIONS"]["two-worlds"]
    assert check("two-worlds", (Population([[0.405465, 0]]), second)).right  # "to six"


def test_a_function_that_returns_nothing_is_told_so() -> None:
    assert "your function returns nothing" in check("nbc-by-hand", print).message


def test_dots_among_several_answers_are_not_answered() -> None:
    for name, size in (
        ("borda-and-average", 2),
        ("constants", 2),
        ("two-worlds", 2),
        ("near-mix", 3),
    ):
        assert "Not answered yet" in check(name, (...,) * size).message


def test_a_function_cannot_change_what_the_right_one_sees() -> None:
    def spoils(P: Any, d: Any) -> Any:
        result = P @ d
        P[:], d[:] = 0, 0
        return result

    assert check("nbc-by-hand", spoils).right


def test_there_is_no_other_task() -> None:
    with pytest.raises(InputError, match="'name' must be one of '"):
        check("preferences", 0.7)


def test_the_numbers_that_the_field_knows() -> None:
    """By hand: σ(1); the ratio e; Borda counts and utilities of 60 % and 40 %."""
    assert check("preference", 0.7311).right
    assert check("borda-and-average", ([1.7 / 3, 0.5, 1.3 / 3], [1.2, 1.0, 0.8])).right
    assert check("strong-minority", 3).right
    found = DPO().limit(Population([[1, 0]])).policy
    assert found[0] / found[1] == pytest.approx(math.e)


# --- the notebooks as Jupyter reads them ------------------------------------------------

PAGE = """---
file_format: mystnb
---

# Title

Read [another](ten-ways.md#part), [theory](../known-limitations.md#x), [below](#title), [Borda
(1781)](../references.md#borda-1781), [a
page](https://example.org), <a href="../explorer.html#x&amp;m=1">the explorer</a>.

:::{admonition} Task 1
:class: important
Write $x$.

Two paragraphs.
:::

:::{dropdown} Hint
Think.
:::

```{code-cell} ipython3
:tags: [hide-cell]
:mystnb:
:  code_prompt_show: "Check it"

x = {1: 2}

x[::1]
```

```{code-cell} ipython3
:tags: [remove-cell]
assert x
```

```python
>>> shown = "as it is"
```
"""


def test_a_page_becomes_a_notebook() -> None:
    text, code, last = to_jupyter(PAGE)["cells"]
    assert "".join(text["source"]) == (
        "# Title\n\nRead [another](ten-ways.ipynb), theory (documentation: *known "
        "limitations*), below, Borda\n(1781), [a\npage](https://example.org), "
        "the explorer (`socialpref explorer` writes it; add `#x&m=1` to its address).\n\n"
        "> **Task 1**\n>\n> Write $x$.\n>\n> Two paragraphs.\n\n"
        "<details><summary>Hint</summary>\n\nThink.\n\n</details>"
    )
    assert "".join(code["source"]) == "# Check it\nx = {1: 2}\n\nx[::1]"
    assert code["metadata"] == {"tags": ["hide-cell"], "jupyter": {"source_hidden": True}}
    assert "".join(last["source"]) == '```python\n>>> shown = "as it is"\n```'


def test_a_notebook_is_text() -> None:
    with pytest.raises(InputError, match="'page' must be the text of a notebook"):
        to_jupyter(Path("page.md"))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", notebooks())
def test_notebooks_are_valid_and_whole(name: str) -> None:
    nbformat = pytest.importorskip("nbformat")
    page = notebooks()[name]
    found = to_jupyter(page)
    nbformat.validate(found)
    texts = ["".join(cell["source"]) for cell in found["cells"]]
    markdown = "\n".join(
        t for t, c in zip(texts, found["cells"], strict=True) if c["cell_type"] == "markdown"
    )
    assert ":::" not in markdown
    assert "{code-cell}" not in markdown
    assert ".md" not in markdown
    code = [t for t, c in zip(texts, found["cells"], strict=True) if c["cell_type"] == "code"]
    removed = page.count("[remove-cell]")
    assert len(code) == len(cells_of(page)) - removed
    for cell in code:
        ast.parse(cell.replace("%matplotlib", "# %matplotlib"))


@pytest.mark.parametrize("name", sorted(notebooks().keys() - {SOLUTIONS}))
def test_notebooks_state_level_time_goals_and_have_tasks(name: str) -> None:
    page = notebooks()[name]
    head = page[: page.index("{code-cell}")]
    for word in ("Level", "Time", "Goals", "Installation"):
        assert f"- **{word}**: " in head
    needs_torch = "socialpref.training" in page or "socialpref.llm" in page
    assert needs_torch == ("'.[train]'" in head)
    numbers = re.findall(r"\{admonition\} Task (\d+)", page)
    assert numbers == [str(i + 1) for i in range(len(numbers))]
    assert len(numbers) >= 2
    checked = re.findall(r'^check\("([\w-]+)", ', page, flags=re.MULTILINE)
    assert len(checked) == len(numbers) == page.count("{dropdown} Hint")
    assert set(checked) <= TASKS.keys()
    solutions = notebooks()[SOLUTIONS]
    title = re.search(r"^# (.*)$", page, flags=re.MULTILINE)
    assert title is not None
    part = solutions.partition(f"\n## {title.group(1)}\n")[2].partition("\n## ")[0]
    assert re.findall(r'^check\("([\w-]+)", ', part, flags=re.MULTILINE) == checked


def test_the_page_for_teachers_says_what_the_notebooks_say() -> None:
    page = (Path(__file__).parent.parent / "docs" / "teaching.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[.*\]\(notebooks/(.*)\.md\) \| (\w+) \| (\d+) \|", page, re.MULTILINE)
    assert {name for name, *_ in rows} == notebooks().keys() - {SOLUTIONS}
    for name, level, minutes in rows:
        assert f"- **Level**: {level}. " in notebooks()[name]
        assert f"- **Time**: {minutes} minutes." in notebooks()[name]


def test_links_lead_to_notebooks_that_are_written() -> None:
    written = notebooks().keys() - {SOLUTIONS}
    for name in written:
        text = json.dumps(to_jupyter(notebooks()[name]))
        assert set(re.findall(r"\(([\w-]+)\.ipynb\)", text)) <= written


def run(*arguments: str) -> int:
    return main(list(arguments))


def test_the_command_writes_the_notebooks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "course"
    assert run("notebooks", "--out", str(folder)) == 0
    names = sorted(file.name for file in folder.iterdir())
    assert names == [f"{name}.ipynb" for name in sorted(notebooks()) if name != SOLUTIONS]
    assert str(folder / names[0]) in capsys.readouterr().out
    first = json.loads((folder / "mediocre-winner.ipynb").read_text(encoding="utf-8"))
    assert first == to_jupyter(notebooks()["mediocre-winner"])


def test_solutions_are_written_if_asked_for(tmp_path: Path) -> None:
    written = write_notebooks(tmp_path, solutions=True)
    assert tmp_path / "solutions.ipynb" in written
    assert sorted(written) == sorted(tmp_path.iterdir())


def test_work_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "ten-ways.ipynb"
    mine.write_text("mine")
    assert run("notebooks", "--out", str(tmp_path)) == 2
    assert "ten-ways.ipynb" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [mine]
    assert mine.read_text() == "mine"
    with pytest.raises(OutputError, match=r"has a file ten-ways\.ipynb"):
        write_notebooks(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_notebooks(tmp_path / "file")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mediocre-winner", "who-counts"])
def test_a_written_notebook_runs_in_jupyter(name: str, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    write_notebooks(tmp_path)
    notebook = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=None, resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = [o["data"]["text/plain"] for o in outputs if "data" in o and "text/plain" in o["data"]]
    tasks = notebooks()[name].count("{admonition} Task")
    assert sum("Not answered yet" in text for text in said) == tasks
