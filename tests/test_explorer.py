"""The explorer, in a real browser: its arithmetic beside the package's, controls, address."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise as neighbours
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import socialpref as sp
from socialpref import (
    ConvergenceError,
    InputError,
    Logistic,
    OutputError,
    Population,
    nbc,
    ranking,
)
from socialpref.cli import main
from socialpref.explorer import build, presets
from socialpref.explorer.starting_points import short_labels
from socialpref.flips import greedy_distances
from socialpref.flips.regions import ranking_cells
from socialpref.limits import MaxMin, sign_estimator
from socialpref.methods import METHODS, entries
from socialpref.surveys import read_pew, read_starter

from .browser import CHROMIUM, Browser
from .helpers import Floats, agree, printed, total_variation

PRESETS = {preset["id"]: preset for preset in presets()}
WIDTH = 1280
PHONE: dict[str, int] = {"width": 360, "height": 740}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


# --- Presets --------------------------------------------------------------------------


EXAMPLES = ["two-camps", "three-camps", "mediocre-winner", "temperature", "own"]
README = "SOCIETY_GUNS_W92"
BY_DRAWS = "Surveys: other draws change the ranking"
BY_SHARES = "Surveys: draws cannot change the ranking, shares can"
BY_NOTHING = "Surveys: neither draws nor shares change the ranking"


def test_the_worked_examples_come_first_and_then_what_can_change() -> None:
    assert list(PRESETS)[:6] == [*EXAMPLES, README]
    camps, three, crowd, warm, _ = (PRESETS[key] for key in EXAMPLES)
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
    groups = [preset["group"] for preset in list(PRESETS.values())[5:]]
    assert [group for group, after in neighbours(groups) if group != after] == [BY_DRAWS, BY_SHARES]


def population_of(preset: dict[str, Any]) -> Population:
    return Population(
        preset["rewards"], preset["shares"], link=Logistic(float(preset["temperature"]))
    )


def test_every_question_that_fits_is_a_preset() -> None:
    questions = {
        q.key: q
        for survey in (read_pew(), read_starter())
        for q in survey
        if len(q.groups) <= 12 and 3 <= q.n_options <= 6
    }
    # Nobody of one group chose some option of this one: its reward is beyond the sliders.
    assert np.abs(questions.pop("BLAIR_2001").population().rewards).max() > 5
    assert set(PRESETS) == {*EXAMPLES, *questions}
    for key, question in questions.items():
        preset, population = PRESETS[key], question.population()
        assert preset["rewards"] == population.rewards.tolist()
        assert preset["shares"] == population.shares.tolist()
        assert preset["types"] == question.groups
        assert preset["options"] == question.options
        assert question.source in preset["text"]
        assert (preset["group"] == BY_DRAWS) == sp.flip(population).exists
        if preset["group"] != BY_DRAWS:
            assert (preset["group"] == BY_SHARES) == sp.flip(population, over="shares").exists


def test_titles_are_distinct_and_rewards_within_the_sliders() -> None:
    titles = [preset["title"] for preset in PRESETS.values()]
    assert len(set(titles)) == len(titles)
    assert np.abs([x for p in PRESETS.values() for row in p["rewards"] for x in row]).max() <= 5


def test_short_labels_tell_options_apart() -> None:
    for preset in PRESETS.values():
        assert len(set(preset["short"])) == len(preset["short"])
        assert max(map(len, preset["short"])) <= 19
    assert short_labels(("very good", "very bad")) == ("very good", "very bad")
    alike = ("the government of the country", "the government of the town")
    assert short_labels(alike) == ("…of the country", "…of the town")
    hard = ("x" * 30 + "a" + "x" * 30, "x" * 30 + "b" + "x" * 30)
    assert short_labels(hard) == hard  # where neither end tells them apart they stay


def test_the_triangle_starts_where_dragging_it_changes_the_ranking() -> None:
    assert PRESETS["two-camps"]["corners"] == [0, 1, 2]
    # "neither" overtakes "very bad" if draws move from "rather bad" to "very good".
    assert {0, 3} < set(PRESETS[README]["corners"])


# --- The file -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    assert elements.addresses == ["data:,", "#", "https://arxiv.org/abs/2502.16320"]
    assert elements.tags.count("script") == 2


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
    methods: tuple[str, ...] = ()

    @property
    def population(self) -> Population:
        return Population(self.rewards, self.shares, link=Logistic(self.temperature))

    @property
    def corners(self) -> list[int]:
        """The last options, as many as a triangle has."""
        size = len(self.sampling)
        return list(range(max(0, size - 3), size))

    def as_script(self) -> dict[str, Any]:
        return {
            "rewards": self.rewards.tolist(),
            "shares": self.shares.tolist(),
            "sampling": self.sampling.tolist(),
            "temperature": self.temperature,
            "beta": self.beta,
            "methods": self.methods,
            "corners": self.corners,
        }


KINDS = ("plain", "small", "near tie", "tie", "alike", "agreed", "lopsided", "edge", "equal")


def random_states(
    seed: int, count: int, *, size: tuple[int, int] | None = None, methods: tuple[str, ...] = ()
) -> list[State]:
    """Return states within the page's limits, of every kind in turn, of one size or of all."""
    rng = np.random.default_rng(seed)
    states = []
    for i in range(count):
        shape = size or (int(rng.integers(1, 13)), int(rng.integers(2, 7)))
        states.append(random_state(rng, KINDS[i % len(KINDS)], *shape, methods))
    return states


def random_state(
    rng: np.random.Generator, kind: str, n_types: int, n_options: int, methods: tuple[str, ...]
) -> State:
    rewards = rng.uniform(-5, 5, (n_types, n_options)) * rng.choice([0.2, 1.0])
    shares = rng.dirichlet(np.ones(n_types))
    sampling = 0.01 + (1 - 0.01 * n_options) * rng.dirichlet(np.ones(n_options))
    temperature, beta = rng.uniform(0.5, 5), rng.uniform(0.25, 4)
    y, z = rng.choice(n_options, 2, replace=False)
    if kind == "small":
        rewards *= 1e-4
    elif kind == "near tie":
        rewards[:, z] = rewards[:, y] + 1e-6 * rng.choice([-1, 1], n_types)
    elif kind == "tie":
        rewards[:, z] = rewards[:, y]
    elif kind == "alike":
        rewards[:] = rewards[0]
    elif kind == "agreed":
        rewards.sort(axis=1)
    elif kind == "lopsided":
        shares = np.zeros(n_types)
        shares[: 2 if n_types > 1 else 1] = [1 - 1e-6, 1e-6][:n_types]
        shares = rng.permutation(shares / shares.sum())
    elif kind == "edge":
        sampling = np.full(n_options, 0.01)
        sampling[rng.integers(n_options)] = 1 - 0.01 * (n_options - 1)
    elif kind == "equal":
        shares = np.full(n_types, 1 / n_types)
    return State(rewards, shares, sampling / sampling.sum(), temperature, beta, methods)


def answers(browser: Browser, states: list[State]) -> list[dict[str, Any]]:
    """Return the page's answers. JSON has neither infinity nor NaN: they come as text."""
    asked = json.dumps([state.as_script() for state in states])
    found = browser.run(
        f"JSON.stringify({asked}.map(answers), "
        "(_, x) => typeof x === 'number' && !Number.isFinite(x) ? String(x) : x)"
    )
    return list(json.loads(found))


@in_browser
@pytest.mark.parametrize("size", [None, (3, 3)], ids=["all sizes", "three and three"])
def test_the_arithmetic_is_the_package_s(browser: Browser, size: tuple[int, int] | None) -> None:
    states = random_states(1, 90, size=size)
    flips = set()
    for state, found in zip(states, answers(browser, states), strict=True):
        agrees_with_package(state, found)
        flips.add("none" if found["flip"]["mix"] is None else "some")
    assert flips == {"none", "some"}


def agrees_with_package(state: State, found: dict[str, Any]) -> None:
    population, d = state.population, state.sampling
    scores, means = nbc(population, d), population.mean_rewards()
    assert found["nbc"] == pytest.approx(scores, abs=1e-9, rel=0.0)
    assert found["means"] == pytest.approx(means, abs=1e-9, rel=0.0)
    assert found["P"] == [pytest.approx(row, abs=1e-9, rel=0.0) for row in population.pairwise()]
    assert groups(found["order"]) == ranking(scores).groups
    assert groups(found["meansOrder"]) == ranking(means).groups
    flip_agrees(sp.flip(population, sampling=d), population.pairwise(), found["flip"])
    each = [Population(reward[None, :], link=population.link) for reward in state.rewards]
    by_type = np.array([nbc(one, d) for one in each]).T
    flip_agrees(sp.flip(population, sampling=d, over="shares"), by_type, found["sharesFlip"])
    if len(d) == 3:
        cells_agree(population, found["cells"])
    elif len(d) > 3:
        winners_agree(state, found["cells"])
    else:
        assert found["cells"] == []


def groups(lists: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(group) for group in lists)


def flip_agrees(flip: sp.flips.Flip, table: Floats, shown: dict[str, Any]) -> None:
    """Compare flips of scores that are a table times a distribution."""
    distance = float(shown["distance"])
    if math.isnan(flip.distance):
        assert math.isnan(distance)
        assert shown["pair"] is None
    else:
        assert agree(distance, flip.distance)
    if flip.exists:  # what is shown is such a flip, if perhaps not the same of several
        mix = np.array(shown["mix"])
        above, below = shown["pair"]
        scores = table @ mix
        assert mix.min() >= 0
        assert total_variation(mix, flip.base) == pytest.approx(distance, abs=1e-12)
        assert scores[below] - scores[above] == pytest.approx(0, abs=1e-12)
    else:
        assert shown["mix"] is None


def cells_agree(population: Population, shown: list[dict[str, Any]]) -> None:
    cells = {cell.ranking.groups: cell.share for cell in ranking_cells(population.pairwise())}
    shares = {groups(cell["groups"]): cell["share"] for cell in shown}
    # A cell at the limit of what counts as one may be on one side only.
    for key in cells.keys() | shares.keys():
        assert shares.get(key, 0.0) == pytest.approx(cells.get(key, 0.0), abs=2e-9)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-8)


def winners_agree(state: State, shown: list[dict[str, Any]]) -> None:
    """The middle of each area has its winner by NBC; other options keep their draws."""
    corners = state.corners
    shared = state.sampling[corners].sum()
    for cell in shown:
        sampling = state.sampling.copy()
        sampling[corners] = shared * np.mean(cell["corners"], axis=0)
        scores = nbc(state.population, sampling)
        assert scores[cell["groups"][0]] == pytest.approx(scores.max(), abs=1e-12)
    assert sum(cell["share"] for cell in shown) == pytest.approx(1.0, abs=1e-8)


ALL = tuple(entry.written for entry in entries(METHODS))
LEFT_OUT = {"corrected-dpo", "hinge"}


@in_browser
def test_every_method_is_there_or_its_absence_is_explained(browser: Browser, page: Path) -> None:
    there = set(browser.run("METHODS.map(({ id }) => id)"))
    assert there == set(ALL) - LEFT_OUT | {"sign"}
    words = page.read_text(encoding="utf-8").partition("Methods that are not here")[2]
    assert "Corrected DPO, because" in words
    assert "The hinge loss, because" in words


@in_browser
@pytest.mark.parametrize(("seed", "count"), [(6, 27), pytest.param(7, 200, marks=pytest.mark.slow)])
def test_methods_learn_what_the_package_s_learn(browser: Browser, seed: int, count: int) -> None:
    there = tuple(name for name in ALL if name not in LEFT_OUT)
    states = random_states(seed, count, methods=(*there, "sign"))
    limits = dict.fromkeys(there, 0)
    for state, found in zip(states, answers(browser, states), strict=True):
        learned = {method["id"]: method for method in found["learned"]}
        assert set(learned) == {*there, "sign"}
        for written, method in entries(METHODS):
            if written in learned:
                limits[written] += method_agrees(state, method, learned[written])
        sign = sign_estimator(state.population, sampling=state.sampling)
        if sign.unique:
            assert groups(learned["sign"]["order"]) == tuple((y,) for y in sign.order)
        else:
            assert learned["sign"]["note"] == "Several orders agree with as many comparisons."
    assert min(limits.values()) > 0


def method_agrees(state: State, method: sp.limits.Method, learned: dict[str, Any]) -> bool:
    """Compare what a method learns; return whether it has a limit."""
    try:
        limit = method.without_search().limit(
            state.population, sampling=state.sampling, beta=state.beta
        )
    except InputError:
        assert learned["policy"] is None
        assert learned["note"].startswith("No limit: ")
        return False
    except ConvergenceError:
        return False  # rounding decides whether there is one
    if limit.ranges is not None:
        assert learned["note"] == "Several lotteries are maximal: some options are level."
        return False
    # Options that are level but for 1e-6 leave the weights of MaxMin's types open.
    near = isinstance(method, MaxMin) and np.abs(np.diff(np.sort(state.rewards))).min() < 1e-5
    known = 1e-6 if near else 1e-9
    assert learned["policy"] == pytest.approx(limit.policy, abs=known, rel=0.0), method
    assert learned["note"] == ""
    apart = np.abs(np.subtract.outer(limit.policy, limit.policy))
    if ((apart < 1e-12) | (apart > 2e-8)).all():
        assert groups(learned["order"]) == ranking(limit.policy, tolerance=1e-9).groups
    return True


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
    assert found["flip"]["mix"][2] == pytest.approx(0, abs=1e-12)


@in_browser
def test_dpo_at_the_corners_of_what_can_be_set(browser: Browser) -> None:
    # People who are all alike have the policy of their rewards, even where they never disagree.
    rng = np.random.default_rng(5)
    states = [
        State(
            np.tile(rng.choice([-5.0, 0.0, 5.0], 3), (3, 1)),
            np.full(3, 1 / 3),
            d,
            0.5,
            beta,
            ("dpo",),
        )
        for d in (np.array([0.01, 0.01, 0.98]), np.array([0.98, 0.01, 0.01]), np.full(3, 1 / 3))
        for beta in (0.25, 1.0, 4.0)
        for _ in range(8)
    ]
    for state, found in zip(states, answers(browser, states), strict=True):
        odds = np.exp(state.rewards[0] / (state.temperature * state.beta))
        (dpo,) = found["learned"]
        assert dpo["policy"] == pytest.approx(odds / odds.sum(), abs=1e-9, rel=0.0)


SEEN = [*EXAMPLES, README, "ILLEGALWORK_2012", "SERVICES_2016"]


@in_browser
@pytest.mark.parametrize(
    "key",
    [*SEEN, *(pytest.param(key, marks=pytest.mark.slow) for key in PRESETS if key not in SEEN)],
)
def test_presets_load_and_their_numbers_are_shown(browser: Browser, page: Path, key: str) -> None:
    follow(browser, f"preset={key}&m=dpo,optimal")
    preset = PRESETS[key]
    population = population_of(preset)
    assert browser.run("document.getElementById('problem').hidden")
    assert browser.run("document.getElementById('preset').value") == key
    assert text(browser, "about") == preset["text"]
    rows = (
        "[...document.querySelectorAll('#numbers tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    shown = [[cell.replace("−", "-") for cell in row] for row in browser.run(rows)]
    names = tuple(preset["short"])
    assert [
        row[0].removeprefix(f"{letter} ")
        for row, letter in zip(shown, preset["letters"], strict=True)
    ] == list(names)
    policies = [method.limit(population).policy for method in (sp.DPO(), sp.limits.Optimal())]
    columns = (population.mean_rewards(), nbc(population), *policies)
    for place, values in enumerate(columns, start=2):
        assert [float(row[place]) for row in shown] == printed(values, 4)
    parts = (
        "[...document.querySelectorAll('.policy')]"
        ".map(m => [...m.children].map(c => parseFloat(c.style.width)))"
    )
    for widths, policy in zip(browser.run(parts), policies, strict=True):
        assert widths == pytest.approx(100 * policy, abs=1e-3)
    for flip, element, none in (
        (sp.flip(population), "flip", "No mix of draws changes this ranking."),
        (sp.flip(population, over="shares"), "shares-flip", "No shares change this ranking."),
    ):
        words = text(browser, element)
        assert f"total variation {flip.distance:.3f}" in words if flip.exists else words == none
    assert text(browser, "by-nbc") == ranking(nbc(population)).describe(names)
    assert text(browser, "by-means") == ranking(population.mean_rewards()).describe(names)
    for chart, values in (("means", population.mean_rewards()), ("nbc", nbc(population))):
        ticks, tops = browser.run(TICKS.replace("CHART", f"chart-{chart}"))
        (low, bottom), (high, top) = ticks[0], ticks[-1]
        assert [low + (y - bottom) / (top - bottom) * (high - low) for y in tops] == pytest.approx(
            values, abs=(high - low) / 1000
        )


# The numbers and heights of a chart's upright axis; the heights of its bars' ends.
TICKS = """(chart => {
  const base = +chart.querySelector(".level").getAttribute("y1");
  const number = (node, name) => +node.getAttribute(name);
  return [
    [...chart.querySelectorAll(".tick")].map(tick => [
      +tick.textContent.replace("−", "-"), number(tick.previousSibling, "y1"),
    ]),
    [...chart.querySelectorAll(".bar")].map(bar =>
      number(bar, "y") < base - 1e-9 ? number(bar, "y") : base + number(bar, "height")),
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
    assert place_of_point(browser) == pytest.approx(place, abs=1.0)  # clicks are at whole pixels

    browser.open(f"{page.as_uri()}#preset=two-camps", **PHONE)
    browser.run("document.getElementById('point').scrollIntoView({ block: 'center' })")
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
    draws, rewards = ([f"{what} of {y}" for y in "AMB"] for what in ("Draws", "Reward"))
    shares = [f"Share of {name}" for name in ("fans of A", "friends of M", "fans of B")]
    assert sorted(names) == sorted([*draws, *shares, *rewards * 3, "Temperature", "Beta"])
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
    slide(browser, "draw-1", 0.98)
    assert browser.run("state.sampling") == [0.01, 0.98, 0.01]
    slide(browser, "draw-1", 0.5)
    assert browser.run("state.sampling") == [0.25, 0.5, 0.25]
    browser.wait(SETTLED)
    changed = "#preset=mediocre-winner&r=4,1,0;0,1.5,3;0,1,4&w=0.5,0.25,0.25&t=1.05&d=0.25,0.5,0.25"
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
    first = "document.querySelector('#draws .slider')"
    assert browser.run(f"{first}.textContent") == "Draws of A stay and apply…◇33.3%"
    assert browser.run(f"{first}.querySelector('label').title") == "stay and apply for citizenship"


@in_browser
def test_choosing_methods(browser: Browser, page: Path) -> None:
    follow(browser, "preset=two-camps")
    shown = "[...document.querySelectorAll('.method')].map(m => m.dataset.method)"
    assert browser.run(shown) == ["dpo", "nash", "maximal-lottery", "optimal"]
    browser.click("#methods input[value=ipo]")
    browser.click("#methods input[value=nash]")
    browser.wait(SETTLED)
    assert browser.run(shown) == ["dpo", "ipo", "maximal-lottery", "optimal"]
    assert browser.run("location.hash") == "#preset=two-camps&m=dpo,ipo,maximal-lottery,optimal"
    follow(browser, "preset=two-camps&m=none")
    assert browser.run(shown) == []
    follow(browser, f"preset={README}&m=agreement")
    method = browser.run("document.querySelector('.method').textContent")
    assert "No limit: one label of each group needs groups of equal shares." in method
    browser.click("#equal")
    browser.wait(SETTLED)
    assert browser.run("document.querySelectorAll('.method .part').length") == 5


@in_browser
def test_the_triangle_of_three_of_many_options(browser: Browser, page: Path) -> None:
    follow(browser, f"preset={README}&o=1,3,5")
    assert browser.run("[...document.querySelectorAll('.corner')].map(c => c.textContent)") == [
        "very good", "neither", "very bad"
    ]  # fmt: skip
    browser.run("document.getElementById('point').focus()")
    arrow(browser, "ArrowRight")  # from the first to the second of them
    sampling = browser.run(SAMPLING)
    assert [sampling[1], sampling[3]] == [0.2, 0.2]
    assert sampling == pytest.approx([0.194, 0.2, 0.206, 0.2, 0.2], abs=1e-3)
    select = "document.querySelector('#corners select')"
    browser.run(f"{select}.value = 4, {select}.dispatchEvent(new Event('change'))")
    assert browser.run("state.corners") == [0, 2, 4]  # the two have changed places
    browser.run(f"{select}.value = 1, {select}.dispatchEvent(new Event('change'))")
    browser.wait(SETTLED)
    assert browser.run("location.hash").endswith("&o=2,3,5")


@in_browser
def test_where_the_nearest_changes_are_is_marked(browser: Browser, page: Path) -> None:
    follow(browser, "preset=two-camps")
    marks = (
        "[...document.querySelectorAll('NAME .mark')]"
        ".map(m => m.hidden ? null : +m.style.getPropertyValue('--at'))"
    )
    draws = browser.run(marks.replace("NAME", "#draws"))
    assert draws[0] is None  # A is drawn as often
    flip = sp.flip(population_of(PRESETS["two-camps"]))
    assert draws[1:] == pytest.approx((flip.mix[1:] - 0.01) / 0.97, abs=1e-12)
    assert None not in browser.run(marks.replace("NAME", "#shares"))


@in_browser
def test_a_population_of_one_s_own(browser: Browser, page: Path) -> None:
    follow(browser, "preset=own")
    for element, value in (("own-groups", 12), ("own-options", 6)):
        browser.run(
            f"(i => {{ i.value = {value}; i.dispatchEvent(new Event('change')); }})"
            f"(document.getElementById('{element}'))"
        )
    browser.wait(SETTLED)
    assert browser.run("document.querySelectorAll('#types input').length") == 72
    assert browser.run("state.rewards[1].slice(0, 4)") == [0, 1, 2, 0]
    slide(browser, "reward-11-5", 2.5)
    browser.wait(SETTLED)
    fragment = browser.run("location.hash")
    follow(browser, "preset=two-camps")
    browser.run(f"location.hash = {json.dumps(fragment)}")
    browser.wait("state.preset === 'own'")
    assert browser.run("state.rewards[11]") == [0, 0, 0, 0, 0, 2.5]
    assert browser.run("document.querySelectorAll('.part').length") > 0
    browser.click("#reset")
    browser.wait(SETTLED)
    assert browser.run("[state.rewards.length, state.shares.length]") == [2, 2]
    follow(browser, "preset=own&r=1,0")
    assert text(browser, "by-nbc") == "A > B"
    assert not browser.run("document.getElementById('simplex').checkVisibility()")


@in_browser
@pytest.mark.parametrize(
    ("view", "seen"),
    [
        (
            "all",
            {
                *("simplex", "draws", "shares", "types", "flip", "shares-flip"),
                *("methods", "learned", "temperature", "chart-temperature"),
            },
        ),
        ("draws", {"simplex", "draws", "flip", "whole"}),
        ("people", {"shares", "shares-flip", "whole"}),
        ("temperature", {"temperature", "chart-temperature", "whole"}),
        ("methods", {"simplex", "draws", "learned", "whole"}),
    ],
)
def test_a_step_shows_one_part(browser: Browser, page: Path, view: str, seen: set[str]) -> None:
    follow(browser, f"preset=two-camps&v={view}")
    parts = [
        "simplex",
        "draws",
        "shares",
        "types",
        "flip",
        "shares-flip",
        "methods",
        "learned",
        "temperature",
        "chart-temperature",
        "whole",
    ]
    visible = {
        part
        for part in parts
        if browser.run(f"document.getElementById('{part}').checkVisibility()")
    }
    assert visible == seen
    assert text(browser, "by-nbc") == "A > C > B"
    address = browser.run("document.getElementById('whole').getAttribute('href')")
    assert address == "#preset=two-camps"


@in_browser
def test_the_theme_is_the_reader_s_and_can_be_switched(browser: Browser, page: Path) -> None:
    follow(browser, "")
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(22, 24, 28)"
    try:
        for theirs, other, name in ((light, dark, "light"), (dark, light, "dark")):
            feature = {"name": "prefers-color-scheme", "value": name}
            browser.send("Emulation.setEmulatedMedia", features=[feature])
            browser.run("delete document.documentElement.dataset.theme")
            assert browser.run(paper) == theirs
            browser.click("#theme")
            assert browser.run(paper) == other
            browser.click("#theme")
            assert browser.run(paper) == theirs
    finally:
        browser.send("Emulation.setEmulatedMedia", features=[])
        browser.run("delete document.documentElement.dataset.theme")


# --- In a browser: the address --------------------------------------------------------


@in_browser
def test_states_survive_the_address(browser: Browser, page: Path) -> None:
    for state in random_states(3, 24):
        wanted = {
            "preset": "own",
            "view": "people",
            **state.as_script(),
            "methods": ["ipo", "sign"],
        }
        there_and_back = browser.run(f"decode(encode({json.dumps(wanted)}, presets), presets)")
        assert there_and_back == wanted
    # Messengers escape what they do not like in an address.
    escaped = "#preset=two-camps&r=0%2C-1%2C-2%3B0%2C0%2C1&d=0.2%2C0.3%2C0.5"
    browser.open(page.as_uri() + escaped)
    assert browser.run("state.rewards[1]") == [0, 0, 1]
    assert browser.run(SAMPLING) == [0.2, 0.3, 0.5]
    browser.run("location.hash = '#preset=two-camps&t=2'")
    browser.wait("state.temperature === 2")
    assert browser.run("state.rewards[1]") == [0, -2, 4]


DOCS = Path(__file__).parents[1] / "docs"
LINKED = sorted(
    {
        unescape(fragment)
        for file in DOCS.rglob("*.md")
        for fragment in re.findall(r'explorer\.html#([^"]+)', file.read_text(encoding="utf-8"))
    }
)


@in_browser
def test_links_of_the_documentation_lead_to_states(browser: Browser, page: Path) -> None:
    assert len(LINKED) >= 12
    for fragment in LINKED:
        browser.run(f"decode({json.dumps('#' + fragment)}, presets)")  # throws at a wrong one


BAD = {
    "preset=nonsense": "There is no preset “nonsense”.",
    "preset=two-camps&x=1": "“x” is not part of a state.",
    "preset=two-camps&toString=1": "“toString” is not part of a state.",
    "t=cold": "The temperature must be a number from 0.5 to 5; the address says “cold”.",
    "t=0": "The temperature must be a number from 0.5 to 5",
    "t=": "The temperature must be a number",
    "b=1,2": "The beta must be a number",
    "d=0.5,0.5,0": "The sampling must be 3 numbers from 0.01 to 0.98 that sum to 1",
    "w=0.5,0.6": "The shares must be 2 numbers from 0 to 1 that sum to 1",
    "w=NaN,1": "The shares must be 2 numbers",
    "r=1,2,3;4,5": "The rewards must be 2 lines of 3 numbers from -5 to 5",
    "r=1,2,3;4,5,6;7,8,9": "The rewards must be",
    "preset=own&r=1,2,3,4,5,6,7": "The rewards must be 1 to 12 lines of 2 to 6 numbers",
    "m=dpo,nonsense": 'The methods must be "none", or names of methods: dpo,',
    "o=1,2": "The corners must be 3 options, of 1 to 3, in their order",
    "o=2,1,3": "The corners must be",
    "v=small": "The view must be one of all, draws, people, temperature, methods",
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
    assert message.endswith("Shown instead: “Two camps: who chooses the comparisons”.")
    assert text(browser, "by-nbc") == "A > C > B"
    browser.run("location.hash = '#preset=mediocre-winner'")
    browser.wait(f"!{problem}.checkVisibility()")
    assert text(browser, "by-nbc") == "M > A = B"


@in_browser
def test_a_bad_address_is_told_at_the_start(browser: Browser, page: Path) -> None:
    browser.open(f"{page.as_uri()}#preset=nonsense", width=WIDTH)
    assert text(browser, "problem").startswith("There is no preset")
    assert text(browser, "by-nbc") == "A > C > B"
    assert browser.run("document.querySelectorAll('#numbers tr').length") == 3


# --- In a browser: the layout ---------------------------------------------------------


@in_browser
@pytest.mark.parametrize(
    "width", [360, 1280, *(pytest.param(w, marks=pytest.mark.slow) for w in (600, 1000))]
)
def test_nothing_is_wider_than_the_window(browser: Browser, page: Path, width: int) -> None:
    browser.open(f"{page.as_uri()}#preset=ILLEGALWORK_2012", width=width, height=740)
    assert browser.run("innerWidth") == width
    rows = ";".join(["1,2,3,-4.25,5,0"] * 12)
    for fragment in ("preset=ILLEGALWORK_2012", f"preset={README}", f"preset=own&r={rows}"):
        for view in ("all", "draws", "people", "temperature", "methods"):
            follow(browser, f"{fragment}&v={view}")
            assert browser.run(OVERFLOW) <= 0


@in_browser
@pytest.mark.parametrize(
    "key", ["three-camps", README, pytest.param("SERVICES_2016", marks=pytest.mark.slow)]
)
def test_every_area_of_the_triangle_has_its_name(browser: Browser, page: Path, key: str) -> None:
    follow(browser, f"preset={key}")
    names = "[...document.querySelectorAll('#simplex .order')].map(text => text.textContent)"
    areas = "[...document.querySelectorAll('#simplex polygon')].map(cell => cell.textContent)"
    assert sorted(browser.run(names)) == sorted(browser.run(areas))
    # No name leaves the drawing.
    boxes = browser.run(
        "[...document.querySelectorAll('#simplex text')].map(text => text.getBBox())"
        ".map(({ x, y, width, height }) => [x, y, x + width, y + height])"
    )
    assert (np.array(boxes) >= -1).all()
    assert (np.array(boxes)[:, 2] <= 401).all()
    assert (np.array(boxes)[:, 3] <= 363).all()
