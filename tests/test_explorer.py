"""The explorer, in a real browser: its arithmetic beside the package's, controls, address."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise as neighbours
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import socialpref as sp
from socialpref import (
    DPO,
    Logistic,
    OutputError,
    Population,
    nbc,
    optimal_policy,
    ranking,
)
from socialpref.cli import main
from socialpref.explorer import build, presets
from socialpref.flips import greedy_distances
from socialpref.flips.regions import ranking_cells
from socialpref.surveys import read_starter

from .browser import CHROMIUM, Browser
from .helpers import Floats, agree, printed, total_variation

PRESETS = {preset["id"]: preset for preset in presets()}
WIDTH = 1280
PHONE: dict[str, int] = {"width": 360, "height": 740}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


# --- Presets --------------------------------------------------------------------------


EXAMPLES = ["mediocre-winner", "temperature", "two-camps", "three-camps"]


def test_the_worked_examples_come_first() -> None:
    assert list(PRESETS)[:4] == EXAMPLES
    crowd, warm, camps, three = (PRESETS[key] for key in EXAMPLES)
    assert [preset["temperature"] for preset in PRESETS.values() if preset != warm] == [1.0] * (
        len(PRESETS) - 1
    )
    assert warm["temperature"] == 2.0
    assert [crowd["letters"], camps["letters"]] == [tuple("AMB"), tuple("ABC")]
    assert nbc(population_of(crowd)) == printed([0.48933, 0.52135, 0.48933], 5)
    assert ranking(nbc(population_of(warm))).winners == (0, 2)
    assert sp.flip(population_of(camps)).distance == printed(0.106697, 6)
    assert len(ranking_cells(population_of(three).pairwise())) == 6
    assert ranking(nbc(population_of(three))).groups == ((1,), (2,), (0,))
    assert ranking(population_of(three).mean_rewards()).winners == (0, 1)


def population_of(preset: dict[str, Any]) -> Population:
    return Population(
        preset["rewards"], preset["shares"], link=Logistic(float(preset["temperature"]))
    )


def test_every_question_that_fits_is_a_preset() -> None:
    questions = {q.key: q for q in read_starter() if (len(q.groups), q.n_options) == (3, 3)}
    assert len(questions) >= 20
    assert set(PRESETS) == {*EXAMPLES, *questions}
    for key, question in questions.items():
        preset, population = PRESETS[key], question.population()
        assert preset["rewards"] == population.rewards.tolist()
        assert preset["shares"] == population.shares.tolist()
        assert preset["types"] == question.groups
        assert preset["options"] == question.options
        assert question.source in preset["text"]
        flips = preset["group"] == "Surveys: comparisons can change the ranking"
        assert flips == sp.flip(population).exists


def test_titles_are_distinct_and_rewards_within_the_sliders() -> None:
    titles = [preset["title"] for preset in PRESETS.values()]
    assert len(set(titles)) == len(titles)
    assert np.abs([preset["rewards"] for preset in PRESETS.values()]).max() <= 5


# --- The file -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("plotly", reason="the package plotly is not installed")
    file = tmp_path_factory.mktemp("explorer") / "new" / "explorer.html"
    build(file)
    return file


class Elements(HTMLParser):
    """The tags of a page and the addresses in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action")]


def test_it_is_one_file_that_asks_for_nothing(page: Path) -> None:
    assert [file.name for file in page.parent.iterdir()] == ["explorer.html"]
    elements = Elements(page.read_text(encoding="utf-8"))
    assert elements.addresses == ["data:,", "https://arxiv.org/abs/2502.16320"]
    assert elements.tags.count("script") == 3


def test_the_library_keeps_its_licence(page: Path) -> None:
    assert "Licensed under the MIT license" in page.read_text(encoding="utf-8")


def test_where_no_file_can_be_is_an_output_error(page: Path) -> None:
    with pytest.raises(OutputError):
        build(page.parent)
    with pytest.raises(OutputError):
        build(page / "explorer.html")


def test_the_command_line_writes_and_opens_it(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    file = tmp_path / "a folder" / "page.html"
    assert main(["explorer", "--out", str(file)]) == 0
    assert file.read_bytes() == page.read_bytes()
    assert capsys.readouterr().out == f"{file}\n"
    assert opened == []
    assert main(["explorer", "--out", str(file), "--open"]) == 0
    assert opened == [file.as_uri()]


# --- In a browser: the numbers --------------------------------------------------------

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser, page: Path) -> Iterator[Browser]:
    """Give the browser with the page, and hear no complaint and no request from it afterwards."""
    chromium.complaints.clear()
    chromium.requests.clear()
    if chromium.run("innerWidth") != WIDTH or not chromium.run("location.href.includes('#')"):
        chromium.open(f"{page.as_uri()}#preset=two-camps", width=WIDTH)
    yield chromium
    assert chromium.complaints == []
    assert not [
        address for address in chromium.requests if not address.startswith(("file:", "data:"))
    ]


def follow(browser: Browser, fragment: str) -> None:
    """Have the page read another address, which takes less than loading it again."""
    browser.run(
        f"history.replaceState(null, '', '#' + {json.dumps(fragment)}), follow(), scrollTo(0, 0)"
    )


@dataclass(frozen=True)
class State:
    """What the page is asked about, and the same for the package."""

    rewards: Floats
    shares: Floats
    sampling: Floats
    temperature: float = 1.0
    beta: float = 1.0

    @property
    def population(self) -> Population:
        return Population(self.rewards, self.shares, link=Logistic(self.temperature))

    def as_script(self) -> dict[str, Any]:
        return {
            "rewards": self.rewards.tolist(),
            "shares": self.shares.tolist(),
            "sampling": self.sampling.tolist(),
            "temperature": self.temperature,
            "beta": self.beta,
        }


KINDS = ("plain", "small", "near tie", "tie", "alike", "agreed", "lopsided", "edge")


def random_states(seed: int, count: int) -> list[State]:
    """Return states within the page's limits, of every kind in turn."""
    rng = np.random.default_rng(seed)
    return [random_state(rng, KINDS[i % len(KINDS)]) for i in range(count)]


def random_state(rng: np.random.Generator, kind: str) -> State:
    rewards = rng.uniform(-5, 5, (3, 3)) * rng.choice([0.2, 1.0])
    shares = rng.dirichlet(np.ones(3))
    sampling = 0.01 + 0.97 * rng.dirichlet(np.ones(3))
    temperature, beta = rng.uniform(0.5, 5), rng.uniform(0.25, 4)
    y, z = rng.choice(3, 2, replace=False)
    if kind == "small":
        rewards *= 1e-4
    elif kind == "near tie":
        rewards[:, z] = rewards[:, y] + 1e-6 * rng.choice([-1, 1], 3)
    elif kind == "tie":
        rewards[:, z] = rewards[:, y]
    elif kind == "alike":
        rewards[:] = rewards[0]
    elif kind == "agreed":
        rewards.sort(axis=1)
    elif kind == "lopsided":
        shares = rng.permutation([1 - 1e-6, 1e-6, 0.0])
    elif kind == "edge":
        sampling = rng.permutation([0.01, 0.01, 0.98])
    return State(rewards, shares, sampling / sampling.sum(), temperature, beta)


def answers(browser: Browser, states: list[State]) -> list[dict[str, Any]]:
    """Return the page's answers. JSON has neither infinity nor NaN: they come as text."""
    asked = json.dumps([state.as_script() for state in states])
    found = browser.run(
        f"JSON.stringify({asked}.map(answers), "
        "(_, x) => typeof x === 'number' && !Number.isFinite(x) ? String(x) : x)"
    )
    return list(json.loads(found))


@in_browser
@pytest.mark.parametrize("seed", [1, 2])
def test_the_arithmetic_is_the_package_s(browser: Browser, seed: int) -> None:
    states = random_states(seed, 100)
    flips = set()
    for state, found in zip(states, answers(browser, states), strict=True):
        agrees_with_package(state, found)
        flips.add("none" if found["flip"]["sampling"] is None else "some")
    assert flips == {"none", "some"}


def agrees_with_package(state: State, found: dict[str, Any]) -> None:
    population, d, beta = state.population, state.sampling, state.beta
    scores, means = nbc(population, d), population.mean_rewards()
    assert found["nbc"] == pytest.approx(scores, abs=1e-9, rel=0.0)
    assert found["means"] == pytest.approx(means, abs=1e-9, rel=0.0)
    assert found["P"] == [pytest.approx(row, abs=1e-9, rel=0.0) for row in population.pairwise()]
    assert found["dpo"] == pytest.approx(
        DPO().limit(population, sampling=d, beta=beta).policy, abs=1e-9, rel=0.0
    )
    assert found["optimum"] == pytest.approx(
        optimal_policy(population, beta=beta).policy, abs=1e-9, rel=0.0
    )
    assert found["residual"] <= 1e-12
    assert groups(found["order"]) == ranking(scores).groups
    assert groups(found["meansOrder"]) == ranking(means).groups
    flip_agrees(population, d, found)
    cells_agree(population, found["cells"])


def groups(lists: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(group) for group in lists)


def flip_agrees(population: Population, d: Floats, found: dict[str, Any]) -> None:
    flip, shown = sp.flip(population, sampling=d), found["flip"]
    distance = float(shown["distance"])
    if math.isnan(flip.distance):
        assert math.isnan(distance)
        assert shown["pair"] is None
    else:
        assert agree(distance, flip.distance)
    if flip.exists:  # what is shown is such a flip, if perhaps not the same of several
        sampling = np.array(shown["sampling"])
        above, below = shown["pair"]
        at_flip = nbc(population, sampling)
        assert sampling.min() >= 0
        assert total_variation(sampling, d) == pytest.approx(distance, abs=1e-12)
        assert at_flip[below] - at_flip[above] == pytest.approx(0, abs=1e-12)
    else:
        assert shown["sampling"] is None


def cells_agree(population: Population, shown: list[dict[str, Any]]) -> None:
    cells = {cell.ranking.groups: cell.share for cell in ranking_cells(population.pairwise())}
    shares = {groups(cell["groups"]): cell["share"] for cell in shown}
    # A cell at the limit of what counts as one may be on one side only.
    for key in cells.keys() | shares.keys():
        assert shares.get(key, 0.0) == pytest.approx(cells.get(key, 0.0), abs=2e-9)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-8)


def small_states(seed: int, count: int) -> list[State]:
    """Return states in small whole numbers: what a teacher writes, full of exact cancellations."""
    rng = np.random.default_rng(seed)
    shares = np.array([[1 / 3] * 3, [0.5, 0.5, 0.0], [0.5, 0.25, 0.25]])
    draws = np.array([[1 / 3] * 3, [0.25, 0.25, 0.5], [0.2, 0.3, 0.5]])
    return [
        State(rng.integers(-2, 5, (3, 3)).astype(float), rng.choice(shares), rng.choice(draws))
        for _ in range(count)
    ]


@in_browser
def test_rounding_makes_no_flips(browser: Browser) -> None:
    # Gains that are equal, or 0, come out as different by 1e-17, on which a distance may hang.
    states = small_states(4, 1000)
    for state, found in zip(states, answers(browser, states), strict=True):
        order = ranking(nbc(state.population, state.sampling)).groups
        pairs = [(a, b) for upper, lower in neighbours(order) for a in upper for b in lower]
        P = state.population.pairwise()
        gains = np.array([P[b] - P[a] for a, b in pairs]).reshape(-1, 3).round(13)
        distances = greedy_distances(gains, state.sampling)
        if pairs:
            assert agree(float(found["flip"]["distance"]), float(distances.min()))
        else:
            assert found["flip"]["distance"] == "NaN"


@in_browser
def test_a_flip_by_hand(browser: Browser) -> None:
    # Options 0 and 1 are level with each other, and 1 does better against 2 only: so that 0
    # catches up once 2, a third of the draws, is not drawn.
    rewards = np.array([[-2.0, -2, -1], [4, 2, -1], [2, 4, 4]])
    state = State(rewards, np.array([0.5, 0.25, 0.25]), np.full(3, 1 / 3))
    (found,) = answers(browser, [state])
    assert found["P"][0][1] == pytest.approx(0.5, abs=1e-15)
    assert found["flip"]["pair"] == [1, 0]
    assert found["flip"]["distance"] == pytest.approx(1 / 3, abs=1e-12)
    assert found["flip"]["sampling"][2] == pytest.approx(0, abs=1e-12)


@in_browser
def test_dpo_at_the_corners_of_what_can_be_set(browser: Browser) -> None:
    # People who are all alike have the policy of their rewards, even where they never disagree.
    rng = np.random.default_rng(5)
    states = [
        State(np.tile(rng.choice([-5.0, 0.0, 5.0], 3), (3, 1)), np.full(3, 1 / 3), d, 0.5, beta)
        for d in (np.array([0.01, 0.01, 0.98]), np.array([0.98, 0.01, 0.01]), np.full(3, 1 / 3))
        for beta in (0.25, 1.0, 4.0)
        for _ in range(8)
    ]
    for state, found in zip(states, answers(browser, states), strict=True):
        odds = np.exp(state.rewards[0] / (state.temperature * state.beta))
        assert found["dpo"] == pytest.approx(odds / odds.sum(), abs=1e-9, rel=0.0)


@in_browser
@pytest.mark.parametrize("key", PRESETS)
def test_presets_load_and_their_numbers_are_shown(browser: Browser, page: Path, key: str) -> None:
    follow(browser, f"preset={key}")
    preset = PRESETS[key]
    population = population_of(preset)
    assert browser.run("document.getElementById('problem').hidden")
    assert browser.run("document.getElementById('preset').value") == key
    assert browser.run("document.getElementById('about').textContent") == preset["text"]
    rows = (
        "[...document.querySelectorAll('#numbers tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    shown = [[cell.replace("−", "-") for cell in row] for row in browser.run(rows)]
    assert [row[0] for row in shown] == list(preset["letters"])
    columns = (
        population.mean_rewards(),
        nbc(population),
        DPO().limit(population).policy,
        optimal_policy(population).policy,
    )
    for place, values in enumerate(columns, start=2):
        assert [float(row[place]) for row in shown] == printed(values, 4)
    flip = sp.flip(population)
    words = browser.run("document.getElementById('flip').textContent")
    if flip.exists:
        assert f"total variation {flip.distance:.3f}" in words
    else:
        assert words == "No mix of draws changes this ranking."
    names = tuple(preset["letters"])
    assert text(browser, "by-nbc") == ranking(nbc(population)).describe(names)
    assert text(browser, "by-means") == ranking(population.mean_rewards()).describe(names)
    bars = "document.querySelectorAll('.charts .bars path').length"
    assert browser.run(bars) == 3 + 3 + 6
    for chart in ("means", "nbc", "policies", "temperature"):
        (low, high), marks = browser.run(TICKS.replace("CHART", f"chart-{chart}"))
        for label, height in marks:
            value = float(label.replace("−", "-"))
            assert value == pytest.approx(low + height * (high - low), abs=(high - low) / 50)


# The range of a chart's upright axis; its labels, and how high each stands, from 0 to 1.
TICKS = """(chart => {
  const area = chart.querySelector(".nsewdrag").getBoundingClientRect();
  const height = ({ top, bottom }) => (area.bottom - (top + bottom) / 2) / area.height;
  const ticks = [...chart.querySelectorAll(".ytick text")];
  return [
    chart.layout.yaxis.range,
    ticks.map(tick => [tick.textContent, height(tick.getBoundingClientRect())]),
  ];
})(document.getElementById("CHART"))"""


def text(browser: Browser, element: str) -> Any:
    return browser.run(f"document.getElementById('{element}').textContent")


# --- In a browser: the controls -------------------------------------------------------

SETTLED = "waiting === 0 && location.hash === encode(state, presets)"
SAMPLING = "state.sampling"
CHANGED = "document.getElementById('changed').checkVisibility({visibilityProperty: true})"


def arrow(browser: Browser, key: str, *, shift: bool = False) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        browser.send(
            "Input.dispatchKeyEvent", type=kind, key=key, modifiers=8 * shift,
            windowsVirtualKeyCode={"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
                                   "ArrowDown": 40, "Home": 36}[key],
        )  # fmt: skip


@in_browser
def test_the_keyboard_moves_the_point(browser: Browser, page: Path) -> None:
    follow(browser, "preset=two-camps")
    browser.run("document.getElementById('point').focus()")
    arrow(browser, "ArrowRight")
    assert browser.run(SAMPLING) == pytest.approx([0.3233, 0.3433, 0.3333], abs=2e-4)
    arrow(browser, "ArrowUp")
    assert browser.run(SAMPLING) == pytest.approx([0.3183, 0.3383, 0.3433], abs=3e-4)
    arrow(browser, "ArrowLeft", shift=True)
    assert browser.run(SAMPLING) == pytest.approx([0.3683, 0.2883, 0.3433], abs=4e-4)
    browser.wait(SETTLED)
    assert browser.run("location.hash").startswith("#preset=two-camps&d=0.3")
    words = browser.run("document.getElementById('point').getAttribute('aria-valuetext')")
    assert words == "A 36.8%, B 28.8%, C 34.3%"
    for _ in range(30):
        arrow(browser, "ArrowDown", shift=True)
    assert browser.run(SAMPLING)[2] == 0.01  # and never beyond
    assert sum(browser.run(SAMPLING)) == pytest.approx(1.0, abs=1e-12)
    arrow(browser, "Home")
    browser.wait(SETTLED)
    assert browser.run("location.hash") == "#preset=two-camps"


@in_browser
def test_the_mouse_and_the_finger_drag_the_point(browser: Browser, page: Path) -> None:
    follow(browser, "preset=two-camps")
    place = place_of_point(browser)
    target = {"x": place["x"] - 30, "y": place["y"] - 60}
    mouse(browser, "mousePressed", place)
    mouse(browser, "mouseMoved", target)
    mouse(browser, "mouseReleased", target)
    browser.wait(SETTLED)
    assert place_of_point(browser) == pytest.approx(target, abs=0.5)
    assert text(browser, "by-nbc") == "C > A > B"
    far = {"x": place["x"], "y": place["y"] + 2000}
    mouse(browser, "mousePressed", place_of_point(browser))
    mouse(browser, "mouseMoved", far)
    mouse(browser, "mouseReleased", far)
    assert browser.run(SAMPLING)[2] == 0.01
    mouse(browser, "mousePressed", place)  # elsewhere in the triangle: the point comes
    mouse(browser, "mouseReleased", place)
    browser.wait(SETTLED)
    assert place_of_point(browser) == pytest.approx(place, abs=0.5)

    browser.open(f"{page.as_uri()}#preset=two-camps", **PHONE)
    place = place_of_point(browser)
    target = {"x": place["x"] + 20, "y": place["y"] + 30}
    for kind, points in (("Start", [place]), ("Move", [target]), ("End", [])):
        browser.send("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)
    browser.wait(SETTLED)
    assert place_of_point(browser) == pytest.approx(target, abs=0.5)


def place_of_point(browser: Browser) -> dict[str, float]:
    box = browser.run("document.querySelector('#point .ring').getBoundingClientRect().toJSON()")
    return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}


def mouse(browser: Browser, kind: str, place: dict[str, float]) -> None:
    held = 0 if kind == "mouseReleased" else 1
    browser.send(
        "Input.dispatchMouseEvent", type=kind, **place, button="left", buttons=held, clickCount=1
    )


@in_browser
def test_sliders_are_labelled_inputs_that_change_the_state(browser: Browser, page: Path) -> None:
    follow(browser, "preset=mediocre-winner")
    names = browser.run(
        "[...document.querySelectorAll('input[type=range]')].map(i => i.labels[0].textContent)"
    )
    one = ["Share of all", "Reward of A", "Reward of M", "Reward of B"]
    assert names == [*one, *one, *one, "Temperature", "Beta"]
    browser.run("document.getElementById('temperature').focus()")
    arrow(browser, "ArrowRight")
    assert browser.run("state.temperature") == 1.05
    slide(browser, "reward-1-2", 3)
    assert browser.run("state.rewards") == [[4, 1, 0], [0, 1.5, 3], [0, 1, 4]]
    slide(browser, "share-0", 0.6)
    assert browser.run("state.shares") == [0.6, 0.2, 0.2]
    slide(browser, "share-0", 1)
    assert browser.run("state.shares") == [1, 0, 0]
    slide(browser, "share-0", 0.5)
    assert browser.run("state.shares") == [0.5, 0.25, 0.25]
    browser.wait(SETTLED)
    changed = "#preset=mediocre-winner&r=4,1,0;0,1.5,3;0,1,4&w=0.5,0.25,0.25&t=1.05"
    assert browser.run("location.hash") == changed
    assert browser.run(CHANGED)
    assert browser.run("document.getElementById('link').value").endswith(changed)
    browser.click("#reset")
    browser.wait(SETTLED)
    assert not browser.run(CHANGED)
    assert browser.run("location.hash") == "#preset=mediocre-winner"


def slide(browser: Browser, element: str, value: float) -> None:
    browser.run(
        f"(input => {{ input.value = {value}; input.dispatchEvent(new Event('input')); }})"
        f"(document.getElementById('{element}'))"
    )


@in_browser
def test_choosing_a_preset(browser: Browser, page: Path) -> None:
    follow(browser, "")
    browser.run(
        "(s => { s.value = 'ILLEGALWORK_2012'; s.dispatchEvent(new Event('change')); })"
        "(document.getElementById('preset'))"
    )
    browser.wait(SETTLED)
    assert browser.run("location.hash") == "#preset=ILLEGALWORK_2012"
    assert text(browser, "key").startswith("A stay and apply for citizenship: 33.3%")


# --- In a browser: the address --------------------------------------------------------


@in_browser
def test_states_survive_the_address(browser: Browser, page: Path) -> None:
    for state in random_states(3, 24):
        wanted = {"preset": "two-camps", **state.as_script()}
        there_and_back = browser.run(f"decode(encode({json.dumps(wanted)}, presets), presets)")
        assert there_and_back == wanted
    # Messengers escape what they do not like in an address.
    escaped = "#preset=two-camps&r=0%2C-1%2C-2%3B0%2C-2%2C4%3B0%2C0%2C1&d=0.2%2C0.3%2C0.5"
    browser.open(page.as_uri() + escaped)
    assert browser.run("state.rewards[2]") == [0, 0, 1]
    assert browser.run(SAMPLING) == [0.2, 0.3, 0.5]
    browser.run("location.hash = '#preset=two-camps&t=2'")
    browser.wait("state.temperature === 2")
    assert browser.run("state.rewards[2]") == [0, 0, 0]


BAD = {
    "preset=nonsense": "There is no preset “nonsense”.",
    "preset=two-camps&x=1": "“x” is not part of a state.",
    "preset=two-camps&toString=1": "“toString” is not part of a state.",
    "t=cold": "The temperature must be a number from 0.5 to 5; the address says “cold”.",
    "t=0": "The temperature must be a number from 0.5 to 5",
    "t=": "The temperature must be a number",
    "b=1,2": "The beta must be a number",
    "d=0.5,0.5,0": "The sampling must be three shares from 0.01 to 0.98 that sum to 1",
    "w=0.5,0.6,0.7": "The shares must be three shares from 0 to 1 that sum to 1",
    "w=NaN,1,0": "The shares must be three shares",
    "r=1,2,3;4,5": "The rewards must be three lines of three numbers from -5 to 5",
    "r=1,2,3;4,5,6;7,8,9": "The rewards must be",
    "d=%E0%A4%A": "The sampling must be",
}


@in_browser
@pytest.mark.parametrize("fragment", BAD)
def test_a_bad_address_is_told(browser: Browser, page: Path, fragment: str) -> None:
    follow(browser, fragment)
    problem = "document.getElementById('problem')"
    assert browser.run(f"{problem}.checkVisibility()")
    message = browser.run(f"{problem}.textContent")
    assert message.startswith(BAD[fragment])
    assert message.endswith("Shown instead: “The mediocre winner”.")
    assert text(browser, "by-nbc") == "M > A = B"
    browser.run("location.hash = '#preset=two-camps'")
    browser.wait(f"!{problem}.checkVisibility()")
    assert text(browser, "by-nbc") == "A > C > B"


@in_browser
def test_a_bad_address_is_told_at_the_start(browser: Browser, page: Path) -> None:
    browser.open(f"{page.as_uri()}#preset=nonsense", width=WIDTH)
    assert text(browser, "problem").startswith("There is no preset")
    assert text(browser, "by-nbc") == "M > A = B"
    assert browser.run("document.querySelectorAll('#numbers tr').length") == 3


# --- In a browser: the layout ---------------------------------------------------------


@in_browser
@pytest.mark.parametrize(
    "width", [360, 1280, *(pytest.param(w, marks=pytest.mark.slow) for w in (600, 1000))]
)
def test_nothing_is_wider_than_the_window(browser: Browser, page: Path, width: int) -> None:
    browser.open(f"{page.as_uri()}#preset=ILLEGALWORK_2012", width=width, height=740)
    assert browser.run("innerWidth") == width
    charts = "[...document.querySelectorAll('.main-svg')].map(c => c.getBoundingClientRect().right)"
    for key in ("ILLEGALWORK_2012", "two-camps"):
        follow(browser, f"preset={key}")
        assert browser.run(OVERFLOW) <= 0
        assert max(browser.run(charts)) <= width
