"""Comparisons: frequencies, what methods may know, adding up, files, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from socialpref import DPO, DataError, InputError, OutputError, Population, limits
from socialpref.comparisons import Cells, Comparisons, expected_cells, simulate
from socialpref.comparisons.people import people_by_type
from socialpref.comparisons.table import INFORMATION
from socialpref.training import TrueJoint, dataset_of

from .helpers import Floats, populations, refuses

MANY = 200_000
CROWD = Population([[4.0, 1.0, 0.0], [0.0, 1.5, 0.0], [0.0, 1.0, 4.0]])
UNEQUAL = Population([[0.0, 1.0, 2.0], [2.0, 0.5, 0.0]], [0.75, 0.25])


def table(*columns: Any, **more: Any) -> Comparisons:
    return Comparisons(*columns, **more)


def z_scores(hits: Any, trials: Any, chance: Any) -> Floats:
    """Return how many standard errors frequencies are from their probabilities."""
    return np.asarray((hits - trials * chance) / np.sqrt(trials * chance * (1 - chance)))


def tables(cells: Cells, X: int, K: int) -> tuple[Floats, Floats]:
    """Return wins of the first over the second, and comparisons, both (X, K, K)."""
    wins, total = np.zeros((X, K, K)), np.zeros((X, K, K))
    np.add.at(wins, (cells.prompt, cells.first, cells.second), cells.wins)
    np.add.at(wins, (cells.prompt, cells.second, cells.first), cells.losses)
    np.add.at(total, (cells.prompt, cells.first, cells.second), cells.total)
    np.add.at(total, (cells.prompt, cells.second, cells.first), cells.total)
    return wins, total


def some(n: int = 60, options: int = 4, prompts: int = 2, seed: int = 0) -> Comparisons:
    rng = np.random.default_rng(seed)
    columns = rng.integers(prompts, size=n), *rng.integers(options, size=(2, n))
    return table(*columns, rng.integers(2, size=n), prompts, options)


# --- frequencies ----------------------------------------------------------------------


@pytest.mark.parametrize("information", INFORMATION)
def test_labels_are_as_frequent_as_preferences(information: Any) -> None:
    other = Population(-CROWD.rewards)
    rows = simulate([CROWD, other], MANY, information, seed=1)
    wins, total = tables(rows.cells(), 2, 3)
    y, z = np.triu_indices(3, 1)
    for x, population in enumerate((CROWD, other)):
        # The labels of a panel, one of each type, spread less than independent ones.
        scores = z_scores(wins[x, y, z], total[x, y, z], population.pairwise()[y, z])
        assert np.abs(scores).max() < 5
        # Each pair is two in nine, at each of two prompts.
        groups = total[x, y, z] / (3 if information == "panel" else 1)
        trials = np.full(3, MANY / (3 if information == "panel" else 1))
        assert np.abs(z_scores(groups, trials, np.full(3, 1 / 9))).max() < 5


def test_linked_labels_are_of_one_annotator() -> None:
    """With a single kind of pair, both wins come with E p^2 and not with its parts' product."""
    pair = Population([[3.0, 0.0], [-2.0, 0.0], [0.5, 0.0]], [0.5, 0.3, 0.2])
    rows = simulate(pair, MANY, "linked", comparisons=2, seed=2)
    first, second, label = (
        column.reshape(-1, 2) for column in (rows.first, rows.second, rows.label)
    )
    apart = (first != second).all(axis=1)
    prefers = np.where(first == 0, label, 1 - label)[apart]
    both = prefers.all(axis=1)
    chance = pair.pairwise_twice()[0, 1]
    assert abs(z_scores(both.sum(), apart.sum(), chance)) < 5
    assert abs(z_scores(both.sum(), apart.sum(), pair.pairwise()[0, 1] ** 2)) > 20
    # Nothing else is shared: the pairs are drawn anew.
    same = (first == first[:, :1]).all(axis=1)
    assert abs(z_scores(same.sum(), len(same), 0.5)) < 5


def test_linked_comparisons_share_their_prompt_and_annotators_their_number() -> None:
    rows = simulate([CROWD, CROWD], 1000, "linked", comparisons=7, seed=3)
    who, count = rows.annotators()
    assert len(rows) == 994
    assert count == 142
    assert (np.bincount(who) == 7).all()
    assert (np.ptp(rows.prompt.reshape(-1, 7), axis=1) == 0).all()


def test_types_come_with_their_shares_and_their_own_preferences() -> None:
    rows = simulate(UNEQUAL, MANY, "typed", seed=4)
    assert rows.annotator_type is not None
    counts = np.bincount(rows.annotator_type)
    assert np.abs(z_scores(counts, np.full(2, MANY), UNEQUAL.shares)).max() < 5
    y, z = np.triu_indices(3, 1)
    for u in range(2):
        wins, total = tables(rows.take(rows.annotator_type == u).cells(), 1, 3)
        alone = Population(UNEQUAL.rewards[[u]]).pairwise()
        assert np.abs(z_scores(wins[0, y, z], total[0, y, z], alone[y, z])).max() < 5


@pytest.mark.parametrize("replicas", [None, [3, 1]])
def test_panels_agree_as_often_as_products_say(replicas: list[int] | None) -> None:
    population = UNEQUAL if replicas else Population(UNEQUAL.rewards)
    counts = np.array(replicas or [1, 1])
    rows = simulate(population, MANY, "panel", replicas=replicas, seed=5)
    table, labels = rows.panels()
    assert labels.shape == (MANY // counts.sum(), counts.sum())
    assert rows.annotator_type is not None
    np.testing.assert_array_equal(
        rows.annotator_type.reshape(labels.shape)[0], np.repeat([0, 1], counts)
    )
    assert len(table) == len(labels)
    cells = rows.unanimous_cells()
    assert cells.n_labels == counts.sum()
    gaps = population.rewards[:, cells.first] - population.rewards[:, cells.second]
    for hits, sign in ((cells.wins, 1), (cells.losses, -1)):
        chance = (population.link(sign * gaps) ** counts[:, None]).prod(axis=0)
        assert np.abs(z_scores(hits, cells.total, chance)).max() < 5


def test_a_pair_design_is_followed() -> None:
    design = np.array([[0.0, 0.3, 0.05], [0.3, 0.1, 0.1], [0.05, 0.1, 0.0]])
    rows = simulate(CROWD, MANY, sampling=design, seed=6)
    counts = np.zeros((3, 3))
    np.add.at(counts, (rows.first, rows.second), 1)
    there = design > 0
    scores = z_scores(counts[there], np.full(there.sum(), MANY), design[there] / design.sum())
    assert np.abs(scores).max() < 5
    assert not counts[~there].any()


def test_a_sampling_distribution_is_followed_and_what_has_no_weight_never_drawn() -> None:
    d = np.array([0.7, 0.2, 0.1])
    rows = simulate(CROWD, MANY, sampling=d, seed=7)
    for column in (rows.first, rows.second):
        assert np.abs(z_scores(np.bincount(column), np.full(3, MANY), d)).max() < 5
    assert abs(np.corrcoef(rows.first, rows.second)[0, 1]) < 5 / np.sqrt(MANY)
    silent = Population(np.vstack([CROWD.rewards, [[9, 9, 9]]]), [0, 0.5, 0.5, 0])
    typed = simulate(silent, 10_000, "typed", seed=8)
    assert typed.annotator_type is not None
    assert set(typed.annotator_type.tolist()) == {1, 2}


def test_the_seed_decides_everything() -> None:
    for information in INFORMATION:
        one, same, other = (simulate(CROWD, 300, information, seed=s) for s in (1, 1, 2))
        for name in ("first", "second", "label"):
            np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert (one.first != other.first).any()
        generator = simulate(CROWD, 300, information, seed=np.random.default_rng(1))
        np.testing.assert_array_equal(generator.label, one.label)


# --- adding up ------------------------------------------------------------------------


def test_cells_by_hand() -> None:
    rows = table([0, 0, 0, 1, 0], [0, 1, 2, 0, 1], [1, 0, 2, 2, 2], [1, 1, 1, 0, 0], 2, 3)
    cells = rows.cells()
    assert [c.tolist() for c in cells[:6]] == [
        [0, 0, 1],
        [0, 1, 0],
        [1, 2, 2],
        [1.0, 0.0, 0.0],
        [1.0, 1.0, 1.0],
        [2.0, 1.0, 1.0],
    ]
    apart = rows.cells(merged=False)
    assert apart.first.tolist() == [0, 1, 0, 1]
    assert apart.wins.tolist() == [1, 1, 0, 0]
    assert apart.losses.tolist() == [0, 0, 1, 1]


@given(st.integers(0, 10**6), st.data())
def test_cells_do_not_depend_on_order_or_orientation(seed: int, data: st.DataObject) -> None:
    rows = some(seed=seed)
    rng = np.random.default_rng(seed + 1)
    order, turn = rng.permutation(len(rows)), rng.random(len(rows)) < 0.5
    turned = Comparisons(
        rows.prompt[order],
        np.where(turn, rows.second, rows.first)[order],
        np.where(turn, rows.first, rows.second)[order],
        np.where(turn, 1 - rows.label, rows.label)[order],
        2,
        4,
    )
    for one, other in zip(rows.cells(), turned.cells(), strict=True):
        np.testing.assert_array_equal(one, other)
    wins, total = tables(rows.cells(), 2, 4)
    np.testing.assert_array_equal(total, wins + wins.transpose(0, 2, 1))
    for one, other in zip((wins, total), tables(rows.cells(merged=False), 2, 4), strict=True):
        np.testing.assert_array_equal(one, other)


def test_few_rows_among_very_many_cells() -> None:
    rows = some(500, 30, 3)
    dense = rows.cells()  # 2,700 cells: all of them are counted
    sparse = table(rows.prompt, rows.first, rows.second, rows.label, 10**6, 30).cells()
    for one, other in zip(dense, sparse, strict=True):
        np.testing.assert_array_equal(one, other)
    far = table([10**6], [10**5], [3], [1], 10**6 + 1, 10**5 + 1).cells()
    assert (far.prompt[0], far.first[0], far.second[0]) == (10**6, 3, 10**5)
    assert (far.wins[0], far.losses[0]) == (0, 1)


@given(populations(types=3, options=4), st.data())
def test_expected_cells_are_weights_times_preferences(
    population: Population, data: st.DataObject
) -> None:
    K = population.n_options
    values = data.draw(st.lists(st.integers(1, 9), min_size=K * K, max_size=K * K))
    design = np.reshape(values, (K, K)).astype(float)
    design += design.T
    W = limits.pair_design(population, design)
    wins, total = tables(expected_cells(population, sampling=design), 1, K)
    off = ~np.eye(K, dtype=bool)
    np.testing.assert_allclose(wins[0][off], 2 * (W * population.pairwise())[off], atol=1e-15)
    np.testing.assert_allclose(total[0][off], 2 * W[off], atol=1e-15)


@pytest.mark.parametrize("information", INFORMATION)
def test_expected_cells_are_where_frequencies_go(information: Any) -> None:
    prompts = [CROWD, Population(CROWD.rewards[::-1] / 2)]
    d = [0.5, 0.3, 0.2]
    expected = expected_cells(prompts, information, sampling=d)
    rows = simulate(prompts, MANY, information, sampling=d, seed=9)
    panel = information == "panel"
    cells = rows.unanimous_cells() if panel else rows.cells()
    trials = np.full(6, MANY // 3 if panel else MANY)
    for name in ("prompt", "first", "second", "n_labels"):
        np.testing.assert_array_equal(getattr(cells, name), getattr(expected, name))
    for name in ("wins", "losses", "total"):
        scores = z_scores(getattr(cells, name), trials, getattr(expected, name))
        assert np.abs(scores).max() < 5, name


def test_the_true_joint_likelihood() -> None:
    joint = TrueJoint((CROWD, UNEQUAL))
    x, y, z = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 2]), np.array([1, 0, 0, 2])
    wins, splits, losses = joint.moments(x, y, z)
    for i, population in enumerate([CROWD, CROWD, UNEQUAL, UNEQUAL]):
        p = population.link(population.rewards[:, y[i]] - population.rewards[:, z[i]])
        assert wins[i] == pytest.approx(population.shares @ p**2, abs=1e-15)
        assert splits[i] == pytest.approx(population.shares @ (p * (1 - p)), abs=1e-15)
        assert losses[i] == pytest.approx(population.shares @ (1 - p) ** 2, abs=1e-15)
    certain = TrueJoint((Population([[30.0, 0.0]]),)).moments([0], [0], [1])
    assert certain[2][0] == pytest.approx(np.exp(-60.0), rel=1e-9)


def test_joint_likelihoods_of_something_else() -> None:
    for wrong in ([], [CROWD, Population([[0, 1]])], [CROWD.rewards], CROWD, None):
        with refuses("populations"):
            TrueJoint(wrong)  # type: ignore[arg-type]
    for place, name in ((1, 0, 0), "prompt"), ((0, 3, 0), "first"), ((0, 0, -1), "second"):
        with refuses(name):
            TrueJoint((CROWD,)).moments(*place)


@given(populations())
def test_preferring_twice(population: Population) -> None:
    """Between the square of the mean and the mean; all but one of three add up to 1."""
    P, twice = population.pairwise(), population.pairwise_twice()
    gaps = population.rewards[:, :, None] - population.rewards[:, None, :]
    independent = np.einsum("u,uyz->yz", population.shares, population.link(gaps) ** 2)
    np.testing.assert_allclose(twice, independent, atol=1e-15)
    assert (twice >= P**2 - 1e-15).all()
    assert (twice <= P + 1e-15).all()
    np.testing.assert_allclose(twice - twice.T, P - P.T, atol=1e-14)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_pair_designs_at_any_scale(scale: float) -> None:
    even = np.array([[0, 2, 1], [2, 0, 1], [1, 1, 4.0]])
    np.testing.assert_allclose(limits.pair_design(CROWD, scale * even), even / even.sum())
    with refuses("sampling"):
        DPO().limit(CROWD, sampling=scale * np.array([[0, 1, 1], [0, 0, 1], [1, 1, 0.0]]))


# --- files and torch ------------------------------------------------------------------


@pytest.mark.parametrize("information", INFORMATION)
def test_files_give_back_what_was_saved(tmp_path: Path, information: Any) -> None:
    rows = simulate([CROWD, CROWD], 90, information, seed=1)
    rows.save(tmp_path / "new" / "rows.parquet")
    back = Comparisons.load(tmp_path / "new" / "rows.parquet")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["rows.parquet"]
    assert back.information == information
    assert (back.n_prompts, back.n_options) == (2, 3)
    for name in ("prompt", "first", "second", "label", "annotator", "annotator_type", "panel"):
        np.testing.assert_array_equal(getattr(back, name), getattr(rows, name))


def test_a_save_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(table: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "rows.parquet").write_bytes(b"older")
    monkeypatch.setattr(pq, "write_table", full)
    for target in (tmp_path / "rows.parquet", tmp_path / "new" / "rows.parquet"):
        with pytest.raises(OutputError, match="No space left"):
            some().save(target)
    assert [p.name for p in tmp_path.iterdir()] == ["rows.parquet"]
    assert (tmp_path / "rows.parquet").read_bytes() == b"older"


def test_files_that_do_not_hold_comparisons(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with pytest.raises(DataError, match="not a file of comparisons"):
        Comparisons.load(path)
    for garbage in (b"", b"PAR1", bytes(range(256)) * 9):
        path.write_bytes(garbage)
        with pytest.raises(DataError, match="not a file of comparisons"):
            Comparisons.load(path)
    right = {"prompt": [0], "first": [0], "second": [1], "label": [1]}
    sizes = b'{"n_prompts": 1, "n_options": 2}'
    for columns, kept in (
        (right, {}),
        (right, {b"socialpref": b"{"}),
        (right, {b"socialpref": b"[1]"}),
        (right, {b"socialpref": b'{"n_prompts": 1}'}),
        (right, {b"socialpref": b'{"n_prompts": "1", "n_options": 2}'}),
        ({**right, "label": [2]}, {b"socialpref": sizes}),
        ({**right, "label": [None]}, {b"socialpref": sizes}),
        ({**right, "second": [2]}, {b"socialpref": sizes}),
        ({**right, "second": ["1"]}, {b"socialpref": sizes}),
        ({**right, "colour": [2]}, {b"socialpref": sizes}),
        ({"prompt": [0]}, {b"socialpref": sizes}),
        ({name: [] for name in right}, {b"socialpref": sizes}),
    ):
        pq.write_table(pa.table(columns).replace_schema_metadata(kept), path)
        with pytest.raises(DataError, match="not a file of comparisons"):
            Comparisons.load(path)


def test_datasets() -> None:
    shapes = {"anonymous": (), "typed": (), "linked": (2,), "panel": ()}
    for information in INFORMATION:
        data = dataset_of(simulate(CROWD, 96, information, seed=1))
        x, y, z, label = data.tensors
        tail = shapes[information]
        assert x.shape[1:] == y.shape[1:] == z.shape[1:] == tail
        assert label.shape[1:] == ((3,) if information == "panel" else tail)
        assert y.dtype == torch.int64
        assert label.dtype == torch.get_default_dtype()
        batches = list(DataLoader(data, batch_size=10, shuffle=True))
        assert sum(len(batch[0]) for batch in batches) == len(data)
    rows = simulate(CROWD, 10, seed=1)
    np.testing.assert_array_equal(dataset_of(rows)[3][1].item(), rows.first[3])


def test_datasets_of_annotators_with_different_numbers_of_comparisons() -> None:
    rows = table([0] * 5, [0] * 5, [1] * 5, [1, 0, 1, 0, 0], 1, 2, annotator=[4, 2, 4, 2, 4])
    assert dataset_of(rows).tensors[3].shape == (5,)
    even = table([0] * 4, [0, 1, 0, 1], [1] * 4, [1, 0, 1, 1], 1, 2, annotator=[4, 2, 4, 2])
    assert dataset_of(even).tensors[3].tolist() == [[0, 1], [1, 1]]


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"label": [0, 2]}, "label"),
        ({"label": [0, -1]}, "label"),
        ({"label": [0, 1.5]}, "label"),
        ({"label": [0, float("nan")]}, "label"),
        ({"label": ["a", "b"]}, "label"),
        ({"label": []}, "label"),
        ({"label": [[0, 1]]}, "label"),
        ({"prompt": [0, 1]}, "prompt"),
        ({"prompt": [0]}, "prompt"),
        ({"first": [0, 3]}, "first"),
        ({"second": [0, -1]}, "second"),
        ({"second": [0.0, 1.0]}, "second"),
        ({"annotator": [0]}, "annotator"),
        ({"annotator": [0, -2]}, "annotator"),
        ({"annotator_type": [0.5, 1]}, "annotator_type"),
        ({"panel": ["a", "b"]}, "panel"),
        ({"n_prompts": 0}, "n_prompts"),
        ({"n_options": 1}, "n_options"),
        ({"n_options": 2.5}, "n_options"),
        ({"n_options": 3.0}, "n_options"),
        ({"n_prompts": True}, "n_prompts"),
        ({"label": [None, 1]}, "label"),
        ({"label": [1j, 0]}, "label"),
        ({"label": [[1], [0, 1]]}, "label"),
        ({"label": np.ma.array([0, 1], mask=[False, True])}, "label"),
        ({"label": pd.Series([0, 1], index=[5, 3])}, "label"),
        ({"first": np.ma.array([0, 1], mask=[False, True])}, "first"),
        ({"first": pd.Series([0, 1], index=[5, 3])}, "first"),
        ({"first": [True, False]}, "first"),
        ({"first": [0, None]}, "first"),
        ({"first": "01"}, "first"),
        ({"second": [[1], [1, 2]]}, "second"),
        ({"annotator": [float("nan"), 1.0]}, "annotator"),
        ({"annotator": [4, 4], "annotator_type": [0, 1]}, "annotator_type"),
    ],
)
def test_bad_rows(change: dict[str, Any], argument: str) -> None:
    good: dict[str, Any] = {
        "prompt": [0, 0], "first": [0, 1], "second": [1, 2], "label": [0, 1],
        "n_prompts": 1, "n_options": 3,
    }  # fmt: skip
    Comparisons(**good)
    with refuses(argument):
        Comparisons(**{**good, **change})


def test_an_annotator_of_two_types_is_named() -> None:
    columns = [0] * 6, [0] * 6, [1] * 6, [1, 0, 1, 0, 1, 0], 1, 2
    with pytest.raises(InputError, match=r"type 2 in row 1 and type 0 in row 3 for annotator 7\.$"):
        table(*columns, annotator=[3, 7, 9, 7, 3, 9], annotator_type=[1, 2, 0, 0, 1, 0])
    rows = table(*columns, annotator=[3, 7, 9, 7, 3, 9], annotator_type=[1, 0, 0, 0, 1, 0])
    assert people_by_type(rows).tolist() == [2, 1]
    assert people_by_type(table(*columns, annotator_type=[1, 0, 0, 0, 1, 0])).tolist() == [4, 2]
    with refuses("annotator_type"):
        people_by_type(table(*columns))


def test_rows_that_are_not_there_cannot_be_taken() -> None:
    rows = some()
    assert len(rows.take([3, 3, 5])) == 3
    assert len(rows.take(rows.label == 1)) == rows.label.sum()
    for chosen in (
        [60],
        [-1],
        [0.5],
        ["a"],
        [True, False],
        3,
        np.ma.array([1, 2], mask=[False, True]),
    ):
        with refuses("rows"):
            rows.take(chosen)


def test_bad_links_and_panels() -> None:
    def rows(**columns: Any) -> Comparisons:
        base = {"prompt": [0] * 4, "first": [0] * 4, "second": [1] * 4, "label": [1, 0, 1, 1]}
        return table(**{**base, **columns}, n_prompts=2, n_options=3)

    with refuses("annotator"):
        rows().annotators()
    who, count = rows(annotator=[-1, 7, -1, 5]).annotators()
    assert (who.tolist(), count) == ([2, 1, 3, 0], 4)
    with refuses("panel"):
        rows().unanimous_cells()
    with pytest.raises(InputError, match="1 of 2 panels have fewer"):
        rows(panel=[0, 0, 0, 1]).panels()
    for change in (
        {"prompt": [0, 1, 0, 0]},
        {"first": [0, 2, 0, 0]},
        {"second": [1, 2, 1, 1]},
        {"annotator_type": [0, 0, 0, 1]},
    ):
        with refuses("panel"):
            rows(panel=[0, 0, 1, 1], **change).panels()
    rows(panel=[0, 1, 1, 0], annotator_type=[0, 0, 1, 1]).panels()
    with refuses("second"):
        rows(second=[0] * 4).cells()


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"n": 0}, "n"),
        ({"n": 10.0}, "n"),
        ({"n": 1, "information": "linked"}, "n"),
        ({"information": "secret"}, "information"),
        ({"information": "linked", "comparisons": 1}, "comparisons"),
        ({"information": "panel"}, "replicas"),
        ({"information": "panel", "replicas": [1]}, "replicas"),
        ({"information": "panel", "replicas": [-1, 2]}, "replicas"),
        ({"information": "panel", "replicas": [0, 0]}, "replicas"),
        ({"information": "panel", "replicas": [1.5, 1]}, "replicas"),
        ({"sampling": [0.5, 0.5]}, "sampling"),
        ({"sampling": [1.0, 0.0, 0.0]}, "sampling"),
        ({"sampling": np.triu(np.ones((3, 3)))}, "sampling"),
        ({"sampling": np.full((3, 3), np.nan)}, "sampling"),
        ({"population": []}, "population"),
        ({"population": [UNEQUAL, CROWD]}, "population"),
        ({"population": [UNEQUAL, Population(UNEQUAL.rewards)]}, "population"),
        ({"population": [1, 2]}, "population"),
        ({"population": 7}, "population"),
        ({"population": some()}, "population"),
        ({"population": CROWD.rewards}, "population"),
        ({"n": "100"}, "n"),
        ({"n": True}, "n"),
        ({"seed": 1.5}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"information": 3}, "information"),
        ({"comparisons": 2.0}, "comparisons"),
    ],
)
def test_bad_simulations(options: dict[str, Any], argument: str) -> None:
    with refuses(argument):
        simulate(**{"population": UNEQUAL, "n": 100, **options})
