"""Figures show the numbers that were found: what is drawn is read back from them."""

import io
import os
import struct
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from socialpref import InputError, nbc
from socialpref.plots import DARK, LIGHT, MIDDLE, flip_cdf, question_bars, save
from socialpref.plots.style import WIDTH
from socialpref.surveys import (
    Bootstrap,
    Protocol,
    Question,
    Study,
    Survey,
    read_pew,
    read_starter,
    study,
)

from .survey_files import few, pair, stable, survey_of, swap, tied


@pytest.fixture(scope="module")
def starter() -> Study:
    return study(read_starter("country"))


def bars_of(question: Question, **constants: Any) -> Figure:
    return question_bars(study(survey_of(question), Protocol(**constants))[question.key])


def drawn(figure: Figure) -> bytes:
    """Draw a figure, which warns of all that does not fit, and return the picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=50)
    return file.getvalue()


def title_of(figure: Figure) -> str:
    return " ".join(figure.texts[0].get_text().split())


# --- The distribution function ------------------------------------------------------


def test_the_cdf_steps_at_the_sorted_distances(starter: Study) -> None:
    (axes,) = flip_cdf(starter).axes
    examined = starter.summary()["n_examined"]
    both = (starter.distances, starter.share_distances)
    for steps, distances in zip(axes.lines, both, strict=True):
        assert len(distances) > 2
        assert steps.get_drawstyle() == "steps-post"
        x, y = np.asarray(steps.get_xdata()), np.asarray(steps.get_ydata())
        np.testing.assert_array_equal(x, [0, *sorted(distances), 1])
        # After the i-th distance the function is i over all examined; it ends at their share.
        n = len(distances)
        share = [i / examined for i in range(1, n + 1)]
        np.testing.assert_allclose(y, [0, *share, n / examined])
        assert f"median {np.median(distances):.3f}" in str(steps.get_label())


def test_the_cdf_says_how_many_can_be_flipped(starter: Study) -> None:
    facts = starter.summary()
    (axes,) = flip_cdf(starter).axes
    assert axes.get_title(loc="left") == (
        f"{facts['n_flippable']} of {facts['n_examined']} rankings can be flipped by what is "
        f"compared, {facts['n_share_flippable']} by who counts"
    )
    assert axes.get_xlim() == (0, 1)
    assert "total variation" in axes.get_xlabel()
    assert axes.get_ylabel() == "share of all examined questions"


def test_parts_have_panels_of_their_own_with_intervals() -> None:
    survey = read_pew()
    result = study(survey, bootstrap=Bootstrap(20))
    figure = flip_cdf(result)
    for axes, (name, part) in zip(figure.axes, result.parts.items(), strict=True):
        assert axes.get_title(loc="left").startswith(f"{name}\n")
        band = part.band(np.array([1.0]))
        assert band is not None
        low, high = (end[0] / 12 for end in band)
        heights = np.asarray(axes.collections[0].get_paths()[0].vertices)[:, 1]
        assert heights.max() == pytest.approx(high)
        assert low <= len(part.distances) / 12 <= high
    drawn(figure)


@pytest.mark.parametrize("questions", [(stable(),), (few(),), (pair(),), (tied(),)])
def test_the_cdf_of_nothing_says_so(questions: tuple[Question, ...]) -> None:
    figure = flip_cdf(study(survey_of(*questions)))
    (axes,) = figure.axes
    assert not axes.lines
    assert [text.get_text() for text in axes.texts] == ["no question can be flipped"]
    drawn(figure)


def test_the_cdf_of_a_single_question() -> None:
    result = study(survey_of(swap()))
    (axes,) = flip_cdf(result).axes
    distance = result.distances[0]
    np.testing.assert_array_equal(np.asarray(axes.lines[0].get_xdata()), [0, distance, 1])
    np.testing.assert_array_equal(np.asarray(axes.lines[0].get_ydata()), [0, 1, 1])


# --- The bars of a question ---------------------------------------------------------


def rectangles(axes: Axes) -> list[Rectangle]:
    """Return a panel's bars from the first to the last."""
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert len(found) == len(axes.patches)
    return sorted(found, key=lambda bar: bar.get_y())


def bars(axes: Axes) -> tuple[Any, list[str]]:
    """Return where a panel's bars end, and what is written beside them."""
    ends = [bar.get_x() + bar.get_width() for bar in rectangles(axes)]
    return np.array(ends), [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("question", [swap(), read_pew()["SOCIETY_GUNS_W92"]])
def test_bars_are_the_numbers(question: Question) -> None:
    result = study(survey_of(question))[question.key]
    found = result.finding
    assert found is not None
    assert found.flip.pair is not None
    order = list(found.nbc_order.order)
    panels = question_bars(result).axes
    assert len(panels) == 4
    expected = [
        found.population.mean_rewards(),
        nbc(found.population),
        found.flip.mix,
        nbc(found.population, found.flip.mix),
    ]
    for axes, values in zip(panels, expected, strict=True):
        ends, labels = bars(axes)
        np.testing.assert_allclose(ends, values[order], atol=1e-12)
        assert labels == [f"{value:.3f}" for value in values[order]]
    # NBC bars start where a draw is won half the time.
    starts = [{bar.get_x() for bar in rectangles(axes)} for axes in panels]
    assert starts == [{0.0}, {0.5}, {0.0}, {0.5}]
    # The best option is at the top.
    names = [label.get_text().replace("\n", " ") for label in panels[0].get_yticklabels()]
    assert names == [question.options[y] for y in order]
    assert panels[0].yaxis_inverted()
    # The strokes are uniform sampling.
    strokes = np.asarray(panels[2].lines[-1].get_xdata(), dtype=float)
    np.testing.assert_allclose(strokes, 1 / len(order))


def test_the_pair_is_marked_in_every_panel() -> None:
    # The order is a > c > b, and c overtakes a.
    figure = bars_of(swap())
    for axes in figure.axes:
        patches = rectangles(axes)
        colours = [to_hex(patch.get_facecolor()) for patch in patches]
        assert colours == [DARK, MIDDLE, LIGHT]
        assert [bool(patch.get_hatch()) for patch in patches] == [False, True, False]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["is overtaken", "overtakes it"]
    handles = [to_hex(handle.get_facecolor()) for handle in legend.get_patches()]
    assert handles == [DARK, MIDDLE]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (stable(), "no sampling distribution changes the ranking"),
        (tied(), "all options are tied"),
    ],
)
def test_a_question_that_does_not_flip_says_why(question: Question, reason: str) -> None:
    result = study(survey_of(question))[question.key]
    figure = question_bars(result)
    found = result.finding
    assert found is not None
    order = list(found.nbc_order.order)
    np.testing.assert_allclose(bars(figure.axes[0])[0], found.population.mean_rewards()[order])
    np.testing.assert_allclose(bars(figure.axes[1])[0], nbc(found.population)[order])
    assert f"As estimated, {reason} {question.key}" in title_of(figure)
    assert len(figure.axes) == 2
    assert not figure.legends
    patches = [patch for axes in figure.axes for patch in axes.patches]
    assert {to_hex(patch.get_facecolor()) for patch in patches} == {LIGHT}
    drawn(figure)


def test_the_title_is_the_finding_and_intervals_are_drawn() -> None:
    survey = read_pew()
    guns = Survey(survey.name, (survey["SOCIETY_GUNS_W92"],))
    result = study(guns, bootstrap=Bootstrap(40))["SOCIETY_GUNS_W92"]
    assert result.finding is not None
    error, order = result.finding.uncertainty, list(result.finding.nbc_order.order)
    assert error is not None
    figure = question_bars(result)
    ends = error.flip_interval.describe("{:.1%}", infinite="never")
    assert title_of(figure).startswith(
        "\u201cneither\u201d is level with \u201cvery bad\u201d once 11.3% of draws move "
        f"(95% interval {ends}) SOCIETY_GUNS_W92"
    )
    (lines,) = [each for each in figure.axes[1].collections if isinstance(each, LineCollection)]
    np.testing.assert_allclose(
        [np.asarray(line)[:, 0] for line in lines.get_segments()],
        [(error.nbc_intervals[y].low, error.nbc_intervals[y].high) for y in order],
    )
    inside(figure)
    assert figure.get_size_inches()[0] == WIDTH


def test_a_question_with_ties_beside_a_pair_that_cannot_flip() -> None:
    # The options y and z are tied, and nothing overtakes x.
    question = Question.from_counts(
        "Q", [[600, 200, 200], [300, 100, 100]], list("ab"), list("xyz")
    )
    figure = bars_of(question)
    assert title_of(figure) == "As estimated, no sampling distribution changes the ranking Q"


def test_a_question_that_was_not_examined_has_no_bars() -> None:
    result = study(survey_of(few()))["FEW"]
    with pytest.raises(InputError, match="FEW was not examined: fewer than 100 respondents"):
        question_bars(result)


def question_of(size: int, *, label: str = "option", text: str = "What?") -> Question:
    """Return a question with `size` options whose two groups differ."""
    rng = np.random.default_rng(size)
    counts = np.rint(rng.dirichlet(np.ones(size), size=2) * 10_000) + 1
    return Question.from_counts(
        f"Q{size}", counts, ["a", "b"], [f"{label} {i}" for i in range(size)], text=text
    )


@pytest.mark.parametrize("size", [2, 3, 6, 11])
def test_any_number_of_options(size: int) -> None:
    figure = bars_of(question_of(size), min_options=2)
    inside(figure)
    for axes in figure.axes:
        if axes.axison:
            assert len(bars(axes)[0]) == size
    # Labels of neighbours do not touch.
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    centres = sorted((box.y0, box.y1) for box in boxes)
    assert all(lower[1] <= upper[0] for lower, upper in pairwise(centres))


def inside(figure: Figure) -> None:
    """Check that names, numbers and titles lie within the figure, and numbers in their panel."""
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.axison]
    names = panels[0].get_yticklabels()
    numbers = [text for axes in panels for text in axes.texts]
    # The title at the top is the first of the figure's own texts.
    edge = figure.bbox.padded(1)
    for text in [*names, *numbers, *figure.texts, *(axes.title for axes in panels)]:
        box = text.get_window_extent()
        assert edge.x0 <= box.x0 <= box.x1 <= edge.x1, text
        assert edge.y0 <= box.y0 <= box.y1 <= edge.y1, text
    for axes in panels:
        frame = axes.get_window_extent().padded(1)
        for text in axes.texts:
            box = text.get_window_extent()
            assert frame.x0 <= box.x0 <= box.x1 <= frame.x1, text


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("An answer that goes on for quite a while, with a comma and a (parenthesis), number", "?"),
        ("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "?"),
        ("short", "And now a long question that runs over more than one line of the title. " * 3),
        ("short", ""),
        (
            "per cent % and {braces} and back\\slash and under_score and ^ and # and &",
            "100 % of {x}",
        ),
    ],
)
def test_long_and_odd_labels_fit(label: str, text: str) -> None:
    figure = bars_of(question_of(4, label=label, text=text))
    inside(figure)
    names = {"".join(name.get_text().split()) for name in figure.axes[0].get_yticklabels()}
    assert names == {"".join(f"{label} {i}".split()) for i in range(4)}


@pytest.mark.parametrize("where", ["label", "text", "key", "survey"])
def test_dollars_are_dollars(where: str) -> None:
    price = "from $5 to $10"
    question = question_of(3, label=price if where == "label" else "option")
    question = replace(
        question,
        key=price if where == "key" else "Q",
        text=price if where == "text" else "What?",
    )
    result = study(Survey(price if where == "survey" else "mine", (question,)))
    for figure in (flip_cdf(result), question_bars(result[question.key])):
        for text in figure.findobj(Text):
            assert not (text.get_parse_math() and is_math_text(text.get_text())), text


def test_dollars_around_what_is_no_formula() -> None:
    drawn(bars_of(question_of(3, label="$5_$")))


# --- Print and files ----------------------------------------------------------------


def test_the_colours_differ_in_grey() -> None:
    def grey(colour: str) -> float:
        return float(np.dot(to_rgb(colour), [0.299, 0.587, 0.114]))

    for first, second in combinations((DARK, MIDDLE, LIGHT), 2):
        assert abs(grey(first) - grey(second)) >= 0.15

    # Relative luminance, as screens and contrast checkers have it.
    def luminance(colour: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for first, second in combinations((DARK, MIDDLE, LIGHT), 2):
        assert abs(luminance(first) - luminance(second)) >= 0.15


def test_figures_belong_to_no_window(starter: Study) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    flip_cdf(starter)
    question_bars(starter.results[0])
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize("stem", ["flip_cdf", "question_Q.1 or so"])
def test_save_writes_both_files(tmp_path: Path, stem: str) -> None:
    figure = bars_of(swap())
    save(figure, tmp_path / stem)
    assert sorted(os.listdir(tmp_path)) == [f"{stem}.pdf", f"{stem}.png"]
    picture = (tmp_path / f"{stem}.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    inches = figure.get_size_inches()
    # Releases of matplotlib round to pixels in different ways.
    assert abs(width - 150 * inches[0]) <= 1
    assert abs(height - 150 * inches[1]) <= 1
    page = (tmp_path / f"{stem}.pdf").read_bytes()
    assert page.startswith(b"%PDF-")
    assert page.rstrip().endswith(b"%%EOF")
    assert b"CreationDate" not in page


def test_labels_that_the_font_lacks_are_said() -> None:
    with pytest.warns(UserWarning, match="missing from (current )?font"):
        drawn(bars_of(question_of(3, label="日本")))


def test_another_base_is_drawn_and_named() -> None:
    question = swap()
    result = study(survey_of(question), Protocol(base="answers"))
    found = result[question.key].finding
    assert found is not None
    figure = question_bars(result[question.key])
    order = list(found.nbc_order.order)
    ends, _ = bars(figure.axes[1])
    np.testing.assert_allclose(ends, nbc(found.population, found.flip.base)[order], atol=1e-12)
    assert figure.axes[1].get_title(loc="left") == "NBC, the base sampling"
    strokes = np.asarray(figure.axes[2].lines[-1].get_xdata(), dtype=float)
    np.testing.assert_allclose(strokes, found.flip.base[order])
    assert "from the base sampling" in flip_cdf(result).axes[0].get_xlabel()
