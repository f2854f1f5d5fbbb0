"""The report: its numbers, its words, and the page in a browser where there is one."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import socialpref as sp
from socialpref import Comparisons, InputError, Logistic, OutputError, Pair, nbc, ranking
from socialpref.audit import audit, disclose
from socialpref.cli import main
from socialpref.comparisons import simulate
from socialpref.flips import Flip
from socialpref.flips.regions import ranking_cells
from socialpref.inference import Interval
from socialpref.plots.comparisons import audit_figures
from socialpref.population import Population
from socialpref.report import page, render_report, write_comparisons_report, write_report
from socialpref.report.comparisons import render_comparisons_report
from socialpref.report.words import error_words, finding_words, flip_words, points, stretched_words
from socialpref.surveys import (
    Bootstrap,
    Dropped,
    Protocol,
    Question,
    Study,
    Survey,
    read_pew,
    read_starter,
    sensitivity,
    share_variants,
    study,
)

from .browser import CHROMIUM, Browser
from .helpers import printed
from .survey_files import SWAP_REWARDS, few, pair, softmax, stable, survey_of, swap, tied

HOSTILE = "</script><img src=x onerror=alert(1)><!-- & \"quotes\" 'single' <b>bold</b> \u2028 ]]>"


def shares_only(key: str = "SHARES") -> Question:
    return Question.from_shares(key, softmax(SWAP_REWARDS), ["left", "right"], ["a", "b", "c"])


def big(key: str = "BIG", size: int = 30) -> Question:
    """Return a question with many options and groups that have long labels."""
    counts = np.random.default_rng(0).dirichlet(np.full(size, 0.7), size=12) * 1000
    groups = [f"group {g} {'of people ' * g}" for g in range(12)]
    options = [f"{y} {'wordy ' * y}{'x' * 4 * y}" for y in range(size)]
    return Question.from_counts(key, counts.round() + 1, groups, options, text="long " * 60)


def hostile() -> Question:
    """Return a question all of whose texts try to leave the place that they are put in."""
    return Question.from_counts(
        f"KEY {HOSTILE} #%?",
        softmax(SWAP_REWARDS) * 1000,
        [f"1 {HOSTILE}", f"2 {HOSTILE}"],
        [f"a {HOSTILE}", f"b {HOSTILE}", f"c {HOSTILE}"],
        text=HOSTILE,
        grouping=HOSTILE,
        source=HOSTILE,
        dropped=(Dropped("group", HOSTILE, HOSTILE, 3.0),),
    )


LENIENT = Protocol(min_respondents_per_option=99.8)


@pytest.fixture(scope="module")
def mixed() -> Study:
    """Return a study with every kind of result, without a bootstrap."""
    questions = (stable(), tied(), pair(), few(), big(), hostile(), shares_only(), swap())
    skipped = (Dropped("variable", f"W{i}", HOSTILE, 10.0) for i in range(30))
    survey = Survey(f"survey {HOSTILE}", questions, f"cite {HOSTILE}", tuple(skipped))
    return study(survey, LENIENT)


@pytest.fixture(scope="module")
def starter() -> Study:
    """Return the study of the starter set, with a bootstrap."""
    return study(read_starter(), bootstrap=Bootstrap(40, seed=1))


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def data_of(text: str) -> dict[str, Any]:
    """Return the page's block of JSON, read strictly."""
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert len(found) == 1
    return dict(json.loads(found[0], parse_constant=refuse))


def shown_by(study: Study) -> dict[str, dict[str, Any]]:
    return {content["key"]: content for content in data_of(render_report(study))["questions"]}


def as_report(value: Any, digits: int = 9) -> Any:
    """Return what equals numbers that the report keeps to so many decimals."""
    return printed(np.asarray(value), digits)


# --- The numbers ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mixed", "starter"])
def test_numbers_are_the_study_s(name: str, request: pytest.FixtureRequest) -> None:
    result: Study = request.getfixturevalue(name)
    content = data_of(render_report(result))
    summary = json.loads(json.dumps(result.summary()), parse_constant=lambda _: None)
    assert content["summary"] == summary
    assert content["distances"] == result.distances.tolist()
    assert [shown["key"] for shown in content["questions"]] == [q.key for q in result.survey]
    for shown, found in zip(content["questions"], result.results, strict=True):
        agrees(shown, found.question)
        assert shown["reason"] == found.reason
        assert (shown["finding"] is None) == (found.finding is None)
        if found.finding is not None:
            agrees_on_finding(shown["finding"], found.finding)


def agrees(shown: dict[str, Any], question: Question) -> None:
    for name in ("text", "grouping", "source"):
        assert shown[name] == getattr(question, name)
    assert shown["options"] == list(question.options)
    assert shown["groups"] == list(question.groups)
    assert np.array(shown["answers"]) == as_report(question.choice_shares, 6)
    assert np.array(shown["group_shares"]) == as_report(question.group_shares, 6)
    assert shown["dropped"] == [str(item) for item in question.dropped]
    if question.sizes is None:
        assert shown["respondents"] is shown["effective"] is shown["group_sizes"] is None
    else:
        assert shown["respondents"] == question.n_respondents
        assert shown["group_sizes"] == question.sizes.tolist()


def agrees_on_finding(shown: dict[str, Any], found: Any) -> None:
    population, base = found.population, found.flip.base
    assert shown["order"] == [list(group) for group in found.nbc_order.groups]
    assert shown["reward_order"] == [list(group) for group in found.reward_order.groups]
    assert np.array(shown["rewards"]) == as_report(population.mean_rewards())
    assert np.array(shown["base"]) == as_report(base)
    assert np.array(shown["nbc"]) == as_report(nbc(population, base))
    assert np.array(shown["pairwise"]) == as_report(population.pairwise(), 6)
    assert (shown["cells"] is None) == (population.n_options != 3)
    agrees_on_flip(shown["flip"], found.flip, population)
    agrees_on_flip(shown["winner_flip"], found.winner_flip, population)
    error = found.uncertainty
    assert (shown["error"] is None) == (error is None)
    if error is not None:
        assert shown["error"]["flip_share"] == error.flip_share
        ends = error.flip_interval.low, error.flip_interval.high
        assert shown["error"]["flip_interval"] == [x if math.isfinite(x) else None for x in ends]
        intervals = np.array([(one.low, one.high) for one in error.nbc_intervals])
        assert np.array(shown["error"]["nbc_intervals"]) == as_report(intervals)


def agrees_on_flip(shown: dict[str, Any], flip: Flip, population: Population) -> None:
    if math.isnan(flip.distance):
        assert (shown["status"], shown["distance"]) == ("tied", None)
    elif math.isinf(flip.distance):
        assert (shown["status"], shown["distance"]) == ("never", None)
    else:
        assert (shown["status"], shown["distance"]) == ("flips", flip.distance)
        assert shown["pair"] == list(flip.pair or ())
        assert np.array(shown["sampling"]) == as_report(flip.mix)
        scores = nbc(population, flip.mix)
        assert np.array(shown["nbc"]) == as_report(scores)
        assert shown["order"] == [list(group) for group in ranking(scores).groups]


def test_every_kind_of_result_is_there(mixed: Study) -> None:
    shown = shown_by(mixed)
    status = {
        key: content["finding"] and content["finding"]["flip"]["status"]
        for key, content in shown.items()
        if not key.startswith("KEY")
    }
    assert status == {
        "STABLE": "never",
        "TIED": "tied",
        "PAIR": None,
        "FEW": None,
        "BIG": "flips",
        "SHARES": "flips",
        "SWAP": "flips",
    }
    assert shown["PAIR"]["reason"] == "fewer than 3 options"
    assert shown["FEW"]["reason"] == "fewer than 99.8 respondents per option"


def test_hundreds_of_questions_are_a_small_file(starter: Study) -> None:
    results = [
        replace(result, question=replace(result.question, key=f"{result.question.key}_{i}"))
        for i in range(8)
        for result in starter.results
    ][:500]
    assert len(results) == 500
    survey = Survey("large", tuple(result.question for result in results))
    text = render_report(Study(survey, starter.protocol, tuple(results), starter.bootstrap))
    assert len(text.encode()) < 3e6


# --- The words --------------------------------------------------------------------------


def test_the_worked_example_in_words() -> None:
    population = Population(SWAP_REWARDS, options=["a", "b", "c"])
    assert flip_words(sp.flip(population)) == (
        "The ranking changes if comparisons against “c” are 10.7 points more common (44.0% "
        "instead of 33.3%) and those against “b” 10.7 points rarer (22.7% instead of 33.3%): "
        "“c” then catches up with “a”."
    )


def made(sampling: list[float], base: list[float] | None = None) -> Flip:
    start = np.full(len(sampling), 1 / len(sampling)) if base is None else np.array(base)
    distance = float(np.abs(np.array(sampling) - start).sum() / 2)
    options = tuple("uvwxyz"[: len(sampling)])
    return Flip(distance, np.array(sampling), start, (0, 1), "sampling", options, options)


def test_many_rarer_options_are_counted() -> None:
    words = flip_words(made([0.66, 0.1, 0.08, 0.07, 0.05, 0.04]))
    assert words == (
        "The ranking changes if comparisons against “u” are 49.3 points more common (66.0% "
        "instead of 16.7%) and those against “z” 12.7 points rarer (4.0% instead of 16.7%), "
        "“y” 11.7 points (5.0% instead of 16.7%), “x” 9.7 points (7.0% instead of 16.7%) and "
        "2 other options 15.3 points together: “v” then catches up with “u”."
    )
    assert "and another option 6.0 points:" in flip_words(made([0.6, 0.1, 0.14, 0.1, 0.06]))


def test_a_flip_of_no_size_has_words() -> None:
    assert points(0.0004) == "less than 0.1"
    assert points(0.0005) == "0.1"
    words = flip_words(made([0.5001, 0.4999]))
    assert "are less than 0.1 points more common (50.0% instead of 50.0%)" in words


def test_no_flip_in_words(level: Population, crowd: Population) -> None:
    tied = sp.flip(level)
    assert flip_words(tied) == "All options are tied, so there is no ranking to change."
    assert flip_words(tied, "winner") == (
        "All options are tied for first place, so there is no winner to change."
    )
    never = sp.flip(crowd, Pair("A", over="M"))
    assert flip_words(never, "winner") == "No mix of comparisons changes the winner."


def test_sampling_error_in_words(starter: Study) -> None:
    for key, shown in shown_by(starter).items():
        found = starter[key].finding
        if found is None or found.uncertainty is None:
            continue
        error, words = found.uncertainty, " ".join(shown["finding"]["words"])
        assert "Of 40 replicates, " in words
        assert f"Method: {error.method}." in words
        share = {0.0: "none", 1.0: "all"}.get(error.flip_share, f"{error.flip_share:.1%}")
        assert f"{share} can be flipped by what is compared" in words
        low, high = error.flip_interval.low, error.flip_interval.high
        end = "never" if math.isinf(high) else f"{high:.3f}"
        assert (f"{low:.3f} to {end}" in words) == math.isfinite(low)


def test_no_interval_where_nothing_can_be_flipped(starter: Study) -> None:
    found = starter["ENTRY_2005"].finding
    assert found is not None
    assert found.uncertainty is not None
    error = replace(
        found.uncertainty,
        same_order=1.0,
        same_winner=1.0,
        share_flip_share=0.5,
        flip_share=0.0,
        flip_interval=Interval(math.inf, math.inf, 0.95, 0),
    )
    assert error_words(error) == (
        "Of 40 replicates, none can be flipped by what is compared and 50.0% by who counts; at "
        "the base, all have the same ranking and all the same winner. Method: multinomial."
    )


# --- The map of three options -------------------------------------------------------------

SIXTHS = [np.array([a, b, 6 - a - b]) / 6 for a in range(1, 5) for b in range(1, 6 - a)]


@st.composite
def matrices(draw: st.DrawFn) -> NDArray[np.float64]:
    """Draw preference matrices of three options, in 16ths; equal rows are common."""
    upper = [draw(st.integers(0, 16)) / 16 for _ in range(3)]
    matrix = np.full((3, 3), 0.5)
    for (y, z), chance in zip([(0, 1), (0, 2), (1, 2)], upper, strict=True):
        matrix[y, z], matrix[z, y] = chance, 1 - chance
    return matrix


@given(matrices())
def test_cells_cover_the_simplex_and_hold_their_ranking(matrix: NDArray[np.float64]) -> None:
    cells = ranking_cells(matrix)
    assert sum(cell.share for cell in cells) == pytest.approx(1.0, abs=1e-9)
    assert len({cell.ranking for cell in cells}) == len(cells)
    for cell in cells:
        assert (cell.corners >= 0).all()
        np.testing.assert_allclose(cell.corners.sum(axis=1), 1.0, atol=1e-12)
        inside = [cell.corners.mean(axis=0)]
        inside += [0.9 * inside[0] + 0.1 * corner for corner in cell.corners]
        for sampling in inside:
            assert ranking(matrix @ sampling, tolerance=1e-11) == cell.ranking


@given(matrices())
def test_every_ranking_without_a_boundary_tie_has_a_cell(matrix: NDArray[np.float64]) -> None:
    cells = {cell.ranking for cell in ranking_cells(matrix)}
    everywhere = {group for cell in cells for group in cell.ties}
    for sampling in SIXTHS:
        found = ranking(matrix @ sampling)
        if set(found.ties) == everywhere:
            assert found in cells


def test_three_lines_through_one_point_make_six_cells() -> None:
    matrix = np.array([[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]])
    cells = ranking_cells(matrix)
    assert [cell.share for cell in cells] == pytest.approx([2 / 9] * 3 + [1 / 9] * 3)
    for cell in cells:
        assert np.isclose(cell.corners, 1 / 3).all(axis=1).any()


def test_ties_everywhere_are_one_cell(level: Population) -> None:
    (cell,) = ranking_cells(level.pairwise())
    assert cell.ranking.groups == ((0, 1, 2),)
    assert cell.share == pytest.approx(1.0)


def test_the_flip_is_at_the_edge_of_the_base_s_cell() -> None:
    population = Population(SWAP_REWARDS)
    flip = sp.flip(population)
    first, second = ranking_cells(population.pairwise())
    assert first.ranking == ranking(nbc(population))
    assert {first.ranking.order[:2], second.ranking.order[:2]} == {(0, 2), (2, 0)}
    edge = [corner for corner in first.corners if np.isclose(second.corners, corner).all(1).any()]
    (p, q) = edge
    across = np.cross(q - p, flip.mix - p)
    np.testing.assert_allclose(across, 0.0, atol=1e-12)


# --- The page as text -----------------------------------------------------------------------


class Elements(HTMLParser):
    """What the page is made of, as a browser's parser sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
                self.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def plain_text(text: str) -> str:
    return " ".join(" ".join(Elements(text).words).split())


@pytest.mark.parametrize("name", ["mixed", "starter"])
def test_nothing_outside_is_asked_for(name: str, request: pytest.FixtureRequest) -> None:
    text = render_report(request.getfixturevalue(name))
    elements = Elements(text)
    assert elements.addresses == ["data:,", "https://arxiv.org/abs/2502.16320"]
    assert set(re.findall(r"url\(\s*[\"']?([^\"')]*)", text)) == {
        "#arrowhead",
        "#hatch",
        "#stripes",
    }
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_hostile_texts_stay_texts(mixed: Study) -> None:
    text = render_report(mixed)
    elements = Elements(text)
    plain = Elements(render_report(study(survey_of(swap()), LENIENT)))
    assert elements.tags.count("script") == plain.tags.count("script") == 2
    assert not {"img", "b"} & set(elements.tags)
    assert text.count("</script") == 2
    assert text.count("<!--") == 0
    key = next(key for key in shown_by(mixed) if key.startswith("KEY"))
    assert shown_by(mixed)[key]["text"] == HOSTILE
    visible = plain_text(text)
    words = " ".join(HOSTILE.split())
    assert f"survey {words}: how fragile are its rankings?" in visible
    assert f"cite {words}" in visible


def test_the_headline_with_intervals(starter: Study) -> None:
    facts, visible = starter.summary(), plain_text(render_report(starter))
    low, high = facts["share_flippable_interval"]
    assert f"{facts['share_flippable']:.1%} {low:.1%} to {high:.1%}" in text_of_cards(starter)
    low, high = facts["median_distance_interval"]
    assert f"{facts['median_distance']:.3f} {low:.3f} to {high:.3f}" in text_of_cards(starter)
    for name in ("n_examined", "n_winner_flippable", "n_order_mismatch"):
        assert f" {facts[name]} " in text_of_cards(starter)
    assert "Intervals: 95%, from 40 replicates of the survey (multinomial)." in visible
    assert facts["citation"] in visible
    assert "Bootstrap: number of replicates 40" in visible
    assert "Added to every answer share (smoothing) 1e-15" in visible


def text_of_cards(study: Study) -> str:
    (cards,) = re.findall(r'<dl class="cards">(.*?)</dl>', render_report(study), re.S)
    return plain_text(cards)


def test_without_a_bootstrap_the_page_says_how_to_get_intervals() -> None:
    text = plain_text(render_report(study(survey_of(swap(), stable()))))
    assert "For intervals add --bootstrap 1000 to the command" in text
    assert "Replicates that flip" in text  # explained all the same
    assert "shares of answers" not in text


def test_shares_have_no_sampling_error_to_ask_for(mixed: Study) -> None:
    assert "One question gives shares of answers" in plain_text(render_report(mixed))
    text = plain_text(render_report(study(survey_of(shares_only()))))
    assert "The survey gives shares of answers without numbers of respondents" in text
    assert "--bootstrap" not in text
    two = survey_of(shares_only("A"), shares_only("B"), swap())
    assert "2 questions give shares of answers" in plain_text(render_report(study(two)))


def test_a_survey_without_flips_has_a_page() -> None:
    text = render_report(study(survey_of(stable(), tied(), pair())))
    assert data_of(text)["distances"] == []
    only_ties = plain_text(render_report(study(survey_of(tied()))))
    assert "nan" not in only_ties.lower().split()
    assert "Rankings with ties: 1." in plain_text(text)
    cards = text_of_cards(study(survey_of(pair())))
    assert "0 of 0 with at least 3 options" in cards
    assert "%" not in cards


def test_what_was_left_out_is_told(mixed: Study) -> None:
    (section,) = re.findall(
        r"<summary>What was left out</summary>(.*?)</details>", render_report(mixed), re.S
    )
    visible, words = plain_text(section), " ".join(HOSTILE.split())
    assert f"variables: {words}: 30" in visible
    assert "fewer than 3 options: 1 question " in visible
    assert f"group “{words}” ({words}): in 1 question, 3 answers" in visible
    assert "<p>Nothing.</p>" in render_report(study(survey_of(swap())))


def test_other_bases_and_settings() -> None:
    shares = {"SWAP": {"a": 0.5, "b": 0.25, "c": 0.25}}
    result = study(survey_of(swap()), Protocol(base=shares, smoothing="jeffreys"))
    text = plain_text(render_report(result))
    assert "(smoothing) jeffreys" in text
    assert "before any change given for each question" in text
    (question,) = data_of(render_report(result))["questions"]
    assert question["finding"]["base"] == [0.5, 0.25, 0.25]


def test_what_the_figures_rest_on(starter: Study) -> None:
    text = render_report(starter)
    (box,) = re.findall(r'<section class="box".*?</section>', text, re.S)
    visible = plain_text(box)
    for aspect in ("temperature 0.5", "temperature 2", "smoothing 0.01", "group shares equal"):
        assert aspect in visible
    facts = starter.summary()
    examined, median = facts["n_examined"], facts["median_distance"]
    assert f"as studied {facts['n_flippable']} of {examined} ({median:.3f})" in visible
    halved = study(read_starter(), replace(Protocol(), link=Logistic(0.5))).summary()
    assert (
        f"temperature 0.5 {halved['n_flippable']} of {examined} "
        f"({halved['median_distance']:.3f}) {halved['n_share_flippable']} of {examined}" in visible
    )
    assert "weight: none; design of the sample: not known." in visible
    assert f"socialpref {sp.__version__}" in plain_text(text)


def test_parts_are_told_apart() -> None:
    result = study(read_pew())
    text = render_report(result)
    assert text.count('<dl class="cards">') == len(result.parts) == 2
    for name, curve in zip(result.parts, data_of(text)["curves"], strict=True):
        assert curve["name"] == name
        assert f"<h3>{name.capitalize()}</h3>" in text
        assert [*map(len, curve["distances"])] == [
            len(result.parts[name].distances), len(result.parts[name].share_distances),
        ]  # fmt: skip
    both = " ".join(curve["words"][0] for curve in data_of(text)["curves"])
    assert "what is compared can flip 1 of 12 rankings, at 0.586." in both


def test_tables_of_sensitivity_are_inside(starter: Study) -> None:
    survey = read_starter("country")
    table = sensitivity(share_variants(survey, Protocol()))
    text = render_report(study(survey), sensitivity={"shares": table})
    inside = data_of(text)["sensitivity"]["shares"]
    assert [row["n_share_flippable"] for row in inside] == table["n_share_flippable"].tolist()
    visible = plain_text(text)
    for setting in table["setting"]:
        assert setting in visible
    assert data_of(render_report(starter))["sensitivity"] == {}
    with pytest.raises(InputError, match="tables with a column 'is_reference'"):
        render_report(starter, sensitivity={"x": table.drop(columns="is_reference")})


def test_an_estimate_outside_its_replicates_is_explained(starter: Study) -> None:
    found = next(one.finding for one in starter.results if one.finding)
    assert found.replicates is not None
    drawn = replace(found.replicates, flip=np.full(40, 0.25))
    (words,) = [
        text for text in stretched_words(replace(found, replicates=drawn)) if "ranking's" in text
    ]
    assert "lies outside the middle 95% of the replicates (0.250 to 0.250)" in words


def test_few_people_are_flagged() -> None:
    counts = [[200, 200, 100], [9, 10, 10], [10, 10, 10]]
    question = Question.from_counts("Q", counts, ["many", "29", "30"], ["x", "y", "z"])
    text = render_report(study(survey_of(question)))
    assert data_of(text)["questions"][0]["small"] == ["29"]
    assert "1 question with a group of fewer than 30 people" in plain_text(text)


def test_an_audit_of_comparisons_has_a_page(tmp_path: Path) -> None:
    rows = [("<b>", "y", "ann"), ("<b>", "y", "bob"), ("y", "<b>", "cat"), ("<b>", "y", "dan")]
    frame = pd.DataFrame(rows, columns=["first", "second", "annotator"])
    table = Comparisons.from_frame(
        frame, first="first", second="second", choice=None, annotator="annotator"
    )
    found = audit(table, classes="none")
    write_comparisons_report(found, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    visible = plain_text(text)
    for paragraph in found.describe().split("\n\n"):
        assert " ".join(paragraph.split()) in visible
    assert "b" not in Elements(text).tags
    options = found.options_frame()
    assert f"{options['option'][0]} {options['n'][0]:,.4g} {options['wins'][0]:,.4g}" in visible
    assert f"level {found.settings['level']}" in visible
    assert "4 annotators made 4 comparisons, half of them at least 1 each." in visible
    assert (
        text.count('<dd class="value">not known</dd>') == 4
    )  # few labels: neither differences nor flips
    assert f"socialpref {sp.__version__}" in visible


CAMPS = Population([[0, -1, -2], [0, -2, 4]], [0.6, 0.4], options=["a", "b", "c"])


@pytest.mark.parametrize(
    ("structure", "n", "identified", "left_open"),
    [
        ("anonymous", 300, "one taste for all", "With any number of types"),
        pytest.param(
            "linked",
            800,
            "shares of 2 types, by 3 linked comparisons, pairs drawn",
            "Only sampling",
            marks=pytest.mark.slow,
        ),
        ("typed", 400, "by comparisons with types, shares unknown: all 5 parameters", "one taste"),
    ],
)
def test_the_box_says_what_the_data_settle(
    structure: Any, n: int, identified: str, left_open: str
) -> None:
    found = audit(
        simulate(CAMPS, n, structure, comparisons=8 if structure == "linked" else 2, seed=1)
    )
    box = disclose(found)
    assert identified in box.identified
    assert left_open in box.left_open
    assert "logistic" in box.prior
    if structure == "anonymous":
        assert box.asked == f"{len(found.comparisons)} comparisons by people who are not known."
        assert box.bounds is not None
        assert box.bounds.lower < box.bounds.gap < box.bounds.upper
    if structure == "linked":
        each = np.bincount(found.comparisons.annotators()[0])
        assert box.asked == (
            f"100 annotators made {each.sum()} comparisons, half of them at least "
            f"{int(np.median(each))} each."
        )
        assert found.mixture is not None
        assert f"precision {found.mixture.ridge:g} on their rewards" in box.prior
        assert "2 classes (chosen on annotators who were left out)" in box.prior
    if structure == "typed":
        assert "Their types are known: 2" in box.asked
        assert box.bounds is None
    visible = plain_text(render_comparisons_report(found))
    for name, words in box.rows():
        assert f"{name} {' '.join(words.split())}" in visible


def test_figures_in_the_report_say_what_they_show() -> None:
    found = audit(simulate(CAMPS, 400, "typed", seed=1))
    figures = audit_figures(found)
    assert set(figures) == {"rewards", "pairs", "types", "flip"}
    text = render_comparisons_report(found, figures=list(figures.values()))
    said = re.findall('<img src="data:image/png;base64,[^"]+" alt="([^"]+)"', text)
    assert len(said) == 4
    assert said[0].startswith("DPO puts a first") or said[0].startswith("DPO puts c first")
    assert said[2].startswith("Types differ: ")


# --- The file -----------------------------------------------------------------------------------


def test_the_file_is_written_whole(tmp_path: Path, starter: Study) -> None:
    file = tmp_path / "new" / "report.html"
    write_report(starter, file)
    write_report(starter, str(file))
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]
    assert file.read_text(encoding="utf-8") == render_report(starter)


def test_a_failure_leaves_the_old_file(
    tmp_path: Path, starter: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")

    def fail(study: Study) -> None:
        raise RuntimeError

    monkeypatch.setattr(page, "report_content", fail)
    with pytest.raises(RuntimeError):
        write_report(starter, file)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert file.read_text() == "old"


def test_where_no_file_can_be_is_an_output_error(tmp_path: Path, starter: Study) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "report.html", tmp_path / "folder"):
        with pytest.raises(OutputError):
            write_report(starter, path)


def test_the_command_line_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "reports" / "report.html"
    arguments = ["survey", "--bootstrap", "5"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--report", str(file)]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert data_of(file.read_text(encoding="utf-8"))["summary"] == summary


# --- In a browser -------------------------------------------------------------------------------

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
PHONE: dict[str, int] = {"width": 390, "height": 844}
ROWS = "[...document.querySelectorAll('#questions tbody tr')]"
KEYS = f"{ROWS}.map(row => row.querySelector('a').textContent)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Give the browser, and hear no complaint from it afterwards."""
    chromium.complaints.clear()
    chromium.requests.clear()
    yield chromium
    assert chromium.complaints == []
    assert not [
        address for address in chromium.requests if not address.startswith(("file:", "data:"))
    ]


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, mixed: Study, starter: Study
) -> Callable[[str], str]:
    folder = tmp_path_factory.mktemp("reports")
    write_report(mixed, folder / "mixed.html")
    write_report(starter, folder / "starter.html")

    def find(name: str, key: str | None = None) -> str:
        fragment = "" if key is None else f"#q={quote(key, safe='')}"
        return (folder / f"{name}.html").as_uri() + fragment

    return find


def by_fragility(result: Study) -> list[str]:
    """Return the keys in the order that the table starts with."""

    def place(found: Any) -> tuple[float, ...]:
        if found.finding is None:
            return (3, 0, 0)
        distance = found.finding.flip.distance
        error = found.finding.uncertainty
        flipping = 0.0 if error is None else error.flip_share
        if math.isnan(distance):
            return (2, 0, -flipping)
        return (1, distance, -flipping)

    return [found.question.key for found in sorted(result.results, key=place)]


@in_browser
@pytest.mark.parametrize("name", ["mixed", "starter"])
def test_the_table_starts_with_the_most_fragile(
    browser: Browser, address: Callable[..., str], name: str, request: pytest.FixtureRequest
) -> None:
    result: Study = request.getfixturevalue(name)
    browser.open(address(name))
    assert browser.run(KEYS) == by_fragility(result)
    for key, cells in zip(browser.run(KEYS), cells_of(browser), strict=True):
        found = result[key].finding
        assert cells["Options"] == str(result[key].question.n_options)
        if found is None:
            assert cells["Flip distance"] == "not examined"
            assert cells["What overtakes what"] == result[key].reason
        elif found.flip.exists:
            assert float(cells["Flip distance"].split("\n")[0]) == printed(found.flip.distance, 3)
        else:
            assert cells["Flip distance"] == (
                "tied" if math.isnan(found.flip.distance) else "never"
            )
        if found is not None and found.uncertainty is not None:
            share = float(cells["Replicates that flip"].removesuffix("%"))
            assert share == printed(100 * found.uncertainty.flip_share, 0)


def cells_of(browser: Browser) -> list[dict[str, str]]:
    """Return the table as it is read."""
    heads = browser.run("[...document.querySelectorAll('#questions th')].map(h => h.textContent)")
    rows = browser.run(f"{ROWS}.map(row => [...row.cells].map(cell => cell.innerText))")
    return [dict(zip(heads, row, strict=True)) for row in rows]


@in_browser
def test_sorting_by_mouse_and_keyboard(
    browser: Browser, address: Callable[..., str], starter: Study
) -> None:
    browser.open(address("starter"))
    state = "[...document.querySelectorAll('#questions th')].map(h => h.getAttribute('aria-sort'))"
    keys = [question.key for question in starter.survey]
    assert browser.run(state)[3] == "ascending"
    browser.click("#questions th:first-child button")
    assert browser.run(state) == ["ascending", *[None] * 8]
    assert browser.run(KEYS) == browser.run(
        f"{json.dumps(keys)}.sort((a, b) => a.toLowerCase()"
        ".localeCompare(b.toLowerCase(), 'en', {numeric: true}))"
    )
    ascending = browser.run(KEYS)
    browser.run("document.querySelector('#questions th button').focus()")
    browser.press("Enter")
    assert browser.run(state)[0] == "descending"
    assert browser.run(KEYS) == ascending[::-1]
    browser.press("Tab")
    browser.press(" ")
    assert browser.run(state)[:2] == [None, "ascending"]
    sizes = [int(cells["Options"]) for cells in cells_of(browser)]
    assert sizes == sorted(sizes)


@in_browser
def test_what_was_not_examined_stays_last(
    browser: Browser, address: Callable[..., str], mixed: Study
) -> None:
    browser.open(address("mixed"))
    browser.click("#questions th:nth-child(4) button")
    assert browser.run(KEYS)[-2:] == by_fragility(mixed)[-2:] == ["PAIR", "FEW"]
    assert browser.run(KEYS)[0] == "STABLE"


FILTERS = ("n_flippable", "n_winner_flippable", "n_share_flippable", None, "n_order_mismatch")
"""What the choices of the list count; None is the flips that are no swap of neighbours."""


@in_browser
def test_filters(browser: Browser, address: Callable[..., str], starter: Study) -> None:
    browser.open(address("starter"))
    browser.run("document.getElementById('filter').focus()")
    browser.type("ABORTION")
    wanted = [
        result.question.key
        for result in starter.results
        if "abortion" in f"{result.question.key} {result.question.text}".lower()
    ]
    assert 0 < len(wanted) < len(starter.results)
    assert sorted(browser.run(KEYS)) == sorted(wanted)
    count = "document.getElementById('count').textContent"
    assert browser.run(count) == f"{len(wanted)} of {len(starter.results)} questions"
    browser.run("document.getElementById('filter').value = ''")
    choose = (
        "(select => {{ select.selectedIndex = {}; "
        "select.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
        "(document.getElementById('show'))"
    )
    facts = starter.summary()
    for index, name in enumerate(FILTERS, 1):
        browser.run(choose.format(index))
        expected = (
            facts["n_flippable"] - facts["n_flippable_neighbours"] if name is None else facts[name]
        )
        assert len(browser.run(KEYS)) == expected
    browser.run(choose.format(6))
    assert len(browser.run(KEYS)) == len(starter.results) - facts["n_examined"]


@in_browser
def test_words_are_searched_one_by_one(browser: Browser, address: Callable[..., str]) -> None:
    browser.open(address("mixed"))
    browser.run("document.getElementById('filter').focus()")
    browser.type("  c  SWAP b")
    assert browser.run(KEYS) == ["SWAP"]


@in_browser
def test_exports(browser: Browser, address: Callable[..., str], starter: Study) -> None:
    browser.open(address("starter"))
    browser.run(
        "globalThis.saved = []; HTMLAnchorElement.prototype.click = function () "
        "{ saved.push([this.download, this.href]); }"
    )
    browser.click("#csv")
    assert browser.run("saved[0][0]") == "questions.csv"
    browser.click(".curves button")
    browser.wait("saved.length === 2")
    name, address_of = browser.run("saved[1]")
    assert name.endswith(".png")
    assert address_of.startswith("data:image/png;base64,")
    assert len(address_of) > 5000
    browser.click("#copy")
    browser.wait("document.getElementById('copy').textContent === 'Copied'")
    cited = browser.run("getSelection().toString()")
    assert starter.survey.name in cited
    assert "arXiv:2502.16320" in cited


@in_browser
def test_paper_shows_what_is_folded(browser: Browser, address: Callable[..., str]) -> None:
    browser.open(address("starter"))
    closed = "document.querySelectorAll('details:not([open])').length"
    before = browser.run(closed)
    assert before > 0
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run(closed) == 0
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run(closed) == before


@in_browser
def test_a_dark_theme_where_the_system_has_one(
    browser: Browser, address: Callable[..., str]
) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.send("Emulation.setEmulatedMedia", features=features)
        browser.open(address("starter"))
        colours[scheme] = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.send("Emulation.setEmulatedMedia", features=[])
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}


@in_browser
def test_an_address_opens_its_question(
    browser: Browser, address: Callable[..., str], starter: Study
) -> None:
    opened = "document.getElementById('detail').open"
    key = by_fragility(starter)[1]
    browser.open(address("starter", key))
    assert browser.run(opened)
    assert browser.run("document.querySelector('#detail h2 .key').textContent") == key
    assert browser.run("document.activeElement.id") == "detail-title"
    browser.press("Escape")
    browser.wait(f"!{opened} && !location.hash")
    browser.click("#questions tbody a")
    browser.wait(opened)
    first, second = by_fragility(starter)[:2]
    assert browser.run("location.hash") == f"#q={first}"
    browser.click("#detail nav a")
    # The address changes at once, the question when the browser says so.
    browser.wait(f"document.querySelector('#detail h2 .key').textContent === '{second}'")
    assert browser.run("location.hash") == f"#q={second}"
    browser.run("history.back()")
    browser.wait(f"document.querySelector('#detail h2 .key').textContent === '{first}'")
    browser.click("#detail nav button")
    browser.wait(f"!{opened}")
    for nonsense in ("no-such-question", "%"):
        browser.run(f"location.hash = '#q={nonsense}'")
        assert not browser.run(opened)


@in_browser
def test_the_numbers_of_a_question(
    browser: Browser, address: Callable[..., str], starter: Study
) -> None:
    key = by_fragility(starter)[0]
    found = starter[key].finding
    assert found is not None
    browser.open(address("starter", key))
    rows = browser.run(
        "[...document.querySelectorAll('.bars tbody tr')].map(row => "
        "[...row.querySelectorAll('td')].map(cell => cell.textContent))"
    )
    columns = [
        found.population.mean_rewards(),
        nbc(found.population, found.flip.base),
        nbc(found.population, found.flip.mix),
        100 * found.flip.mix,
    ]
    for row, y in zip(rows, found.nbc_order.order, strict=True):
        numbers = [float(re.split("[ %]", cell)[0].replace("−", "-")) for cell in row]
        for number, values, digits in zip(numbers, columns, (3, 3, 3, 1), strict=True):
            assert number == printed(values[y], digits)
    matrix = browser.run(
        "[...document.querySelectorAll('.matrix tbody tr')].map(row => "
        "[...row.querySelectorAll('td')].map(cell => cell.textContent))"
    )
    preferences = found.population.pairwise()
    for cells, y in zip(matrix, found.nbc_order.order, strict=True):
        for cell, z in zip(cells, found.nbc_order.order, strict=True):
            # The report keeps matrices to 6 decimals: a last digit may be rounded twice.
            expected = pytest.approx(100 * preferences[y, z], abs=0.0502)
            assert cell == "·" if y == z else float(cell) == expected
    words = browser.run("[...document.querySelectorAll('.finding p')].map(p => p.textContent)")
    assert words == finding_words(found)


@in_browser
def test_the_map_shows_base_and_flip(
    browser: Browser, address: Callable[..., str], mixed: Study
) -> None:
    browser.open(address("mixed", "SWAP"))
    found = mixed["SWAP"].finding
    assert found is not None
    assert browser.run("document.querySelectorAll('svg.map polygon').length") == 2
    corners = np.array([[40.0, 296.0], [340.0, 296.0], [190.0, 36.0]])
    places = corners[np.argsort(found.nbc_order.order)]
    arrow = browser.run(
        "(l => ['x1', 'y1', 'x2', 'y2'].map(n => +l.getAttribute(n)))"
        "(document.querySelector('svg.map .arrow'))"
    )
    assert arrow == pytest.approx([*(found.flip.base @ places), *(found.flip.mix @ places)])
    shown = browser.run("document.querySelector('ul.map').innerText")
    for cell in ranking_cells(found.population.pairwise()):
        assert f"on {cell.share:.1%} of the map" in shown
    browser.open(address("mixed", "BIG"))
    assert not browser.run("document.querySelectorAll('svg.map').length")
    assert browser.run("document.querySelectorAll('.matrix tbody td').length") == 900


@in_browser
@pytest.mark.parametrize(
    "size", [pytest.param({}, marks=pytest.mark.slow), PHONE], ids=["desktop", "phone"]
)
def test_nothing_is_wider_than_the_window(
    browser: Browser,
    address: Callable[..., str],
    mixed: Study,
    tmp_path: Path,
    size: dict[str, int],
) -> None:
    for name in ("mixed", "starter"):
        browser.open(address(name), **size)
        browser.run("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert browser.run(OVERFLOW) <= 0
        browser.screenshot(tmp_path / f"{name}.png")
    for result in mixed.results:
        browser.open(address("mixed", result.question.key), **size)
        assert browser.run("document.getElementById('detail').open")
        assert browser.run(OVERFLOW) <= 0
        assert (
            browser.run("(d => d.scrollWidth - d.clientWidth)(document.querySelector('dialog'))")
            <= 0
        )
        browser.screenshot(tmp_path / "question.png")
        assert (tmp_path / "question.png").read_bytes().startswith(b"\x89PNG")


@in_browser
def test_a_phone_sees_the_essential_columns(browser: Browser, address: Callable[..., str]) -> None:
    browser.open(address("starter"), **PHONE)
    seen = browser.run(
        "[...document.querySelectorAll('#questions th')].filter(h => h.offsetWidth)"
        ".map(h => h.textContent)"
    )
    assert seen == ["Question", "Flip distance", "By who counts"]
    assert browser.run(f"{ROWS}[0].querySelector('.narrow').offsetWidth") > 0


@in_browser
def test_empty_cells_are_warned_of(browser: Browser, address: Callable[..., str]) -> None:
    browser.open(address("starter"))
    warning = "document.querySelector('#detail .warning')?.textContent"
    (key,) = browser.run(
        "JSON.parse(document.getElementById('data').textContent).questions"
        ".filter(q => q.finding?.empty_cells > 0).slice(0, 1).map(q => q.key)"
    )
    browser.open(address("starter", key))
    assert "nobody chose the option" in browser.run(warning)


@in_browser
def test_hostile_texts_are_shown_as_they_are(
    browser: Browser, address: Callable[..., str], mixed: Study
) -> None:
    key = next(question.key for question in mixed.survey if question.key.startswith("KEY"))
    browser.open(address("mixed", key))
    assert browser.run("document.querySelectorAll('img, b').length") == 0
    assert browser.run("document.querySelector('#detail h2 .key').textContent") == key
    assert HOSTILE in browser.run("document.querySelector('#detail h2').textContent")
