"""The numbers of docs/survey-results.md on OpinionQA by party, computed again."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from socialpref import Winner
from socialpref.flips.batched import flip_distances
from socialpref.surveys import Survey, read_opinionqa

Floats = NDArray[np.float64]
PAGE = (Path(__file__).parent.parent / "docs" / "survey-results.md").read_text()
PROTOCOL: dict[str, Any] = {"margin": 1e-5, "floor": 1e-5}


@pytest.fixture(scope="module")
def party() -> Survey:
    folder = os.environ.get("SOCIALPREF_DATA")
    if folder is None or not Path(folder, "opinionqa").is_dir():
        pytest.skip("needs OpinionQA's files in SOCIALPREF_DATA")
    survey = read_opinionqa(Path(folder, "opinionqa"), "party")
    return Survey(survey.name, tuple(q for q in survey if q.n_options > 2))


def test_flips_by_comparisons_and_by_shares(party: Survey) -> None:
    people = [question.population() for question in party]
    compared = flip_distances(people, **PROTOCOL)
    counted = flip_distances(people, over="shares")
    winner = flip_distances(people, Winner(), over="shares")
    reward = flip_distances(people, over="shares", score="average reward")

    def within(distances: Floats, limit: float) -> int:
        return int((distances <= limit).sum())

    def median(distances: Floats) -> str:
        return f"{np.median(distances[np.isfinite(distances)]):.4f}".lstrip("0")

    flips = [int(np.isfinite(x).sum()) for x in (compared, counted, winner, reward)]
    for words in (
        f"Of OpinionQA's {len(people)} questions by party",
        f"the ranking of {flips[0]}.",
        f"can flip {flips[1]}, and nearer: at a median of\n{median(counted)} instead of .323",
        f"{within(compared, 0.23)} of {len(people)} by party\nflip within 0.23, "
        f"{within(compared, 0.1)} within 0.1 and {within(compared, 0.05)} within 0.05",
        f"| OpinionQA by party | {flips[1]} of {len(people)} | {median(counted)} | "
        f"{within(counted, 0.05)} | {within(counted, 0.1)} | {flips[2]} | {flips[3]} "
        f"({median(reward)}) |",
        f"flip {within(counted, 0.03)} rankings and {within(winner, 0.03)} winners",
    ):
        assert words in PAGE
    both = np.isfinite(compared)
    assert f"all {both.sum()} questions that the comparisons can flip" in PAGE
    assert (counted[both] < compared[both]).all()


def test_neighbours_on_a_scale(party: Survey) -> None:
    from socialpref import flip

    found = [(q, flip(q.population(), **PROTOCOL)) for q in party]
    winners = [(q, flip(q.population(), Winner(), **PROTOCOL)) for q in party]
    on_scale = sum(bool(q.scale) for q in party)
    swaps, of_winner = (
        sum(q.are_neighbours(f.pair) for q, f in some if f.exists) for some in (found, winners)
    )
    assert f"By party {on_scale} of the {len(party)} questions have a scale" in PAGE
    assert f"Of the {sum(f.exists for _, f in found)} flips {swaps} are swaps" in PAGE
    assert (
        f"of the {sum(f.exists for _, f in winners)} flips of the winner {of_winner}"
        in PAGE.replace("\n", " ")
    )
    assert [q.key for q, f in winners if f.exists and not q.are_neighbours(f.pair)] == [
        "SOCIETY_GUNS_W92"
    ]
