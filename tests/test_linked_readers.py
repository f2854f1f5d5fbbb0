"""The analysis of readers who rated books: how comparisons, nulls and intervals are made."""

import sys
from pathlib import Path

import numpy as np
import pytest

from analyses import linked_readers as study
from socialpref import Population

from .survey_files import DATA, real

NAN = np.nan
READERS = study.Readers(
    np.array([[4.0, 1.0, 2.0, NAN, 2.0], [1.0, NAN, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0, NAN]]),
    np.array([0, 1, 1]),
)


def test_all_pairs_that_a_reader_rated() -> None:
    rows = study.comparisons(READERS, "all")
    assert rows.annotator is not None
    assert rows.annotator_type is not None
    assert rows.n_options == 5
    ratings = READERS.ratings[rows.annotator]
    place = np.arange(len(rows))
    one, other = ratings[place, rows.first], ratings[place, rows.second]
    np.testing.assert_array_equal(rows.label, np.sign(one - other) / 2 + 0.5)
    seen = zip(rows.annotator, rows.first + rows.second, rows.first * rows.second, strict=True)
    assert len(set(seen)) == len(rows) == 6 * 3  # four books each
    np.testing.assert_array_equal(rows.annotator_type, READERS.party[rows.annotator])


@pytest.mark.parametrize("seed", range(5))
def test_apart_no_rating_is_used_twice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    many = study.Readers(rng.integers(1, 5, (20, 9)).astype(float), rng.integers(0, 2, 20))
    rows = study.comparisons(many, "apart", seed)
    assert rows.annotator is not None
    used = np.concatenate([rows.annotator * 9 + rows.first, rows.annotator * 9 + rows.second])
    assert len(np.unique(used)) == len(used)
    assert len(rows) == 20 * 4  # one of nine books is left
    won = many.ratings[rows.annotator, rows.first] > many.ratings[rows.annotator, rows.second]
    np.testing.assert_array_equal(rows.label == 1, won)


def test_books_keep_their_numbers_where_nobody_rated_some() -> None:
    few = READERS.some(np.array([True, False, False]))
    rows = study.comparisons(few, "all")
    assert rows.n_options == 5
    assert set(rows.first) | set(rows.second) == {0, 1, 2, 4}


def test_shuffled_ratings_keep_every_book() -> None:
    other = study.shuffled(READERS, 3)
    np.testing.assert_array_equal(np.isnan(other.ratings), np.isnan(READERS.ratings))
    np.testing.assert_array_equal(np.sort(other.ratings, axis=0), np.sort(READERS.ratings, axis=0))


def test_interval_allows_for_shared_readers() -> None:
    mean, half = study.summary(np.array([1.0, 2.0, 3.0]), folds=5)
    assert mean == 2.0  # s = 1, t(2) at 97.5 % is 4.302653
    assert half == pytest.approx(4.302653 * np.sqrt(1 / 3 + 1 / 4))


def test_variance_between_two_parties() -> None:
    parties = Population([[np.log(3.0), 0.0], [0.0, 0.0]], [0.5, 0.5])  # p = 0.75 and 0.5
    np.testing.assert_allclose(study.between(parties), [0.125**2])


def test_a_party_counts_its_readers_and_not_their_books() -> None:
    """One reader of 12 books against three of 3: shares 1/4 and 3/4."""
    ratings = np.full((4, 12), NAN)
    ratings[0] = np.arange(12) % 4
    ratings[1:, :3] = [3.0, 2.0, 1.0]
    readers = study.Readers(ratings, np.array([0, 1, 1, 1]))
    rows = study.comparisons(readers, "all")
    parties = study.by_party(rows, 1.0)
    np.testing.assert_allclose(parties.shares, [0.25, 0.75])
    other = study.dealt(rows, 0)
    assert other.annotator_type is not None
    assert rows.annotator is not None
    dealt = [set(other.annotator_type[rows.annotator == u]) for u in range(4)]
    assert sorted(kind for (kind,) in dealt) == [0, 1, 1, 1]


def test_without_data_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["linked_readers.py", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        study.main()
    assert stop.value.code == 2
    assert "--data must hold nyt_books/nyt_books_ratings.csv" in capsys.readouterr().err


@real
def test_the_readers() -> None:
    readers = study.read(Path(str(DATA)) / "nyt_books" / "nyt_books_ratings.csv")
    assert readers.ratings.shape == (325, 235)
    assert np.bincount(readers.party).tolist() == [172, 153]
    assert np.isfinite(readers.ratings).sum() == 8788
    sizes = [len(study.comparisons(readers, design)) for design in study.DESIGNS]
    assert sizes == [4237, 118_263]


@real
@pytest.mark.slow
def test_the_whole_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study, "CANDIDATES", (1, 2))
    folder = str(DATA)
    small = [
        "--repeats",
        "1",
        "--folds",
        "2",
        "--permutations",
        "2",
        "--shuffles",
        "2",
        "--starts",
        "1",
    ]
    arguments = ["--data", folder, *small, "--starts", "1", "--jobs", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["linked_readers.py", *arguments])
    study.main()
    assert {file.name for file in tmp_path.iterdir()} == {
        "linked_readers.csv", "linked_readers.pdf", "linked_readers.png",
        "linked_readers_classes.csv", "linked_readers_variance.csv",
    }  # fmt: skip
