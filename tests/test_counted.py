"""Comparisons counted where they lie: the same as those that were read into memory."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from socialpref import Comparisons, fit_bradley_terry
from socialpref.bradley_terry import BradleyTerryFit, goodness_of_fit, observed_design
from socialpref.comparisons import count_comparisons
from socialpref.errors import DataError, InputError

Frames = Callable[[pd.DataFrame], Any]


def duck(table: pd.DataFrame) -> Any:
    duckdb = pytest.importorskip("duckdb")
    return duckdb.connect().from_df(table)


def dask(table: pd.DataFrame) -> Any:
    dataframe = pytest.importorskip("dask.dataframe")
    return dataframe.from_pandas(table, npartitions=3)


def lazy(table: pd.DataFrame) -> Any:
    return pl.from_pandas(table).lazy()


FRAMES = {"duckdb": duck, "dask": dask, "polars": lazy, "pandas": lambda table: table}


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name == "dask" else name for name in FRAMES
    ]
)
def frame(request: pytest.FixtureRequest) -> Frames:
    return FRAMES[request.param]


COLUMNS: dict[str, Any] = {"first": "a", "second": "b", "choice": "choice"}
PEOPLE: dict[str, Any] = {**COLUMNS, "annotator": "who"}


def messy(n: int = 600, seed: int = 0) -> pd.DataFrame:
    """Return a table with everything that can be missing, in every kind of column."""
    rng = np.random.default_rng(seed)
    names = np.array(["tea", "milk", "water", "juice", "", None], dtype=object)
    odds = [0.24, 0.24, 0.24, 0.24, 0.02, 0.02]
    words = np.array(["first", "Second", "tie", "skip", "0.25", "", None], dtype=object)
    who = np.array([*(f"p{i}" for i in range(40)), "", None], dtype=object)
    prompt = np.array(["x", "y", None], dtype=object)
    weight = rng.choice([1.0, 2.0, 0.5, 0.0, np.nan], n, p=[0.5, 0.2, 0.2, 0.05, 0.05])
    return pd.DataFrame(
        {
            "a": rng.choice(names, n, p=odds),
            "b": rng.choice(names, n, p=odds),
            "choice": rng.choice(words, n, p=[0.4, 0.3, 0.1, 0.05, 0.05, 0.05, 0.05]),
            "who": rng.choice(who, n),
            "prompt": rng.choice(prompt, n, p=[0.6, 0.35, 0.05]),
            "weight": weight,
        }
    )


def fit_of(rows: Comparisons, prompt: int = 0) -> BradleyTerryFit:
    """Return the fit to rows in memory, whose prompts share all options."""
    here = rows.take(rows.prompt == prompt)
    return fit_bradley_terry(
        here.first,
        here.second,
        here.label,
        weights=here.weight,
        options=here.options,
        cluster=rows.annotators()[0][rows.prompt == prompt],
    )


def check_fits(found: BradleyTerryFit, wanted: BradleyTerryFit) -> None:
    assert found.options == wanted.options
    assert found.n_comparisons == wanted.n_comparisons
    assert found.n_clusters == wanted.n_clusters
    for name in ("low", "high", "wins", "losses", "rewards"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    np.testing.assert_array_equal(found.standard_errors(), wanted.standard_errors())
    one, other = found.standard_errors(clustered=True), wanted.standard_errors(clustered=True)
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_same_counts_fits_and_errors(frame: Frames) -> None:
    table = messy()
    rows = Comparisons.from_frame(table, **PEOPLE, prompt="prompt", weight="weight")
    counted = count_comparisons(frame(table), **PEOPLE, prompt="prompt", weight="weight")
    found = counted.comparisons
    assert len(found) < len(rows) == counted.times.sum()
    assert found.dropped == rows.dropped
    assert {str(part).split(maxsplit=1)[1] for part in found.dropped} == {
        *("without a first option", "without a second option", "without a prompt", "skipped"),
        *("with the same option on both sides", "without a weight", "of weight 0"),
        "without a choice",
    }
    assert found.n_read == rows.n_read == len(table)
    assert (found.options, found.prompts) == (rows.options, rows.prompts)
    for one, other in zip(found.cells()[:6], rows.cells()[:6], strict=True):
        np.testing.assert_array_equal(one, other)
    for prompt in (0, 1):
        check_fits(counted.fit(prompt=prompt, clustered=True), fit_of(rows, prompt))
    by_annotator = counted.by_annotator()
    assert by_annotator.annotators()[1] == rows.annotators()[1]
    assert by_annotator.annotator_names == rows.annotator_names
    assert by_annotator.dropped == rows.dropped


def test_without_weights_or_prompts(frame: Frames) -> None:
    table = messy(300, seed=1)
    rows = Comparisons.from_frame(table, **PEOPLE)
    fit = count_comparisons(frame(table), **PEOPLE).fit(clustered=True)
    check_fits(fit, fit_of(rows))
    wanted = fit_of(rows)
    assert goodness_of_fit(fit).deviance == goodness_of_fit(wanted).deviance
    assert observed_design(fit).from_uniform == observed_design(wanted).from_uniform


def test_by_hand(frame: Frames) -> None:
    """Two of three annotators give the same answer twice; see `RewardFit.standard_errors`."""
    table = pd.DataFrame({"u": [7, 7, 8, 8, 9, 9], "won": [1, 1, 1, 1, 2, 2], "lost": [2] * 6})
    table.loc[4:, "lost"] = 1
    counted = count_comparisons(
        frame(table), first="won", second="lost", choice=None, annotator="u"
    )
    assert counted.comparisons.options == ("1", "2")
    assert counted.comparisons.weight is not None
    assert sorted(counted.comparisons.weight) == [2.0, 4.0]
    fit = counted.fit(clustered=True)
    np.testing.assert_allclose(fit.standard_errors(), np.sqrt(3 / 16))
    np.testing.assert_allclose(fit.standard_errors(clustered=True), 0.75)


def test_unknown_annotators_count_one_by_one(frame: Frames) -> None:
    """With weights, too: two rows of weight 1 are not one of weight 2."""
    table = pd.DataFrame(
        {
            "a": ["x"] * 8,
            "b": ["y"] * 8,
            "choice": [1.0, 1, 1, 0, 0, 1, 0.5, 0.5],
            "who": [None, None, None, None, "p", "p", "q", ""],
            "weight": [1.0, 1, 3, 2, 1, 1, 2, 2],
        }
    )
    rows = Comparisons.from_frame(table, **PEOPLE, weight="weight")
    counted = count_comparisons(frame(table), **PEOPLE, weight="weight")
    check_fits(counted.fit(clustered=True), fit_of(rows))
    assert counted.by_annotator().annotators()[1] == 7


@pytest.mark.parametrize("choice", ["option", "word", "number", "mapped"])
def test_choices_mean_the_same(frame: Frames, choice: str) -> None:
    table = messy(200, seed=2)[["a", "b", "who"]]
    rng = np.random.default_rng(0)
    sides = rng.random(200)
    mapping: dict[Any, Any] | None = None
    if choice == "option":
        table["choice"] = np.where(sides < 0.5, table.a, np.where(sides < 0.9, table.b, "tie"))
        table = table[table.a.notna() & table.b.notna()]
    elif choice == "word":
        table["choice"] = np.where(sides < 0.5, "model_a", "bothbad")
    elif choice == "number":
        table["choice"] = np.round(sides, 1)
    else:
        table["choice"] = np.where(sides < 0.5, "yes", np.where(sides < 0.9, "no", ""))
        mapping = {"yes": "first", "no": 0.0, None: "tie"}
    rows = Comparisons.from_frame(table, **COLUMNS, mapping=mapping)
    found = count_comparisons(frame(table), **COLUMNS, mapping=mapping).comparisons
    assert found.dropped == rows.dropped
    for one, other in zip(found.cells()[:6], rows.cells()[:6], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_options_of_one_prompt_only(frame: Frames) -> None:
    table = pd.DataFrame(
        {
            "a": ["s", "s", "s", "r", "r"],
            "b": ["t", "t", "r", "s", "t"],
            "choice": ["first", "second", "first", "first", "first"],
            "who": [*"uvuvw"],
            "prompt": ["x", "x", "y", "y", "x"],
        }
    )
    counted = count_comparisons(frame(table), **PEOPLE, prompt="prompt")
    rows = Comparisons.from_frame(table, **PEOPLE, prompt="prompt")
    assert counted.comparisons.own_options == rows.own_options == (("t",), ())
    assert counted.fit(prompt=1, clustered=True).options == ("r", "s")
    assert counted.fit(prompt=0, prior=1.0).options == ("r", "s", "t")


def bad(**columns: Any) -> pd.DataFrame:
    usual = {"a": ["x", "x"], "b": ["y", "y"], "choice": ["first", "first"], "weight": [1.0, 1.0]}
    return pd.DataFrame({**usual, "who": ["u", "v"], "prompt": ["p", "q"], **columns})


@pytest.mark.parametrize(
    ("table", "more", "said"),
    [
        (bad(choice=["z", "z"]), {}, "got 'z' in 2 rows, whose options are 'x' and 'y'"),
        (bad(choice=[np.nan, 1.0]), {}, "a label in .0, 1.; got nan in one row"),
        (bad(weight=[-1.0, 1.0]), {"weight": "weight"}, "at least 0; got -1.0 in one row"),
        (bad(weight=[np.inf, 1.0]), {"weight": "weight"}, "a finite number; got inf in one row"),
        (bad(weight=["a", "b"]), {"weight": "weight"}, "'weight' must be a column of numbers"),
        (bad(), {"prompt": "nowhere"}, "'prompt' must be one of the columns"),
        (bad(), {"first": 3}, "'first' must be the name of a column"),
        (bad(b=["x", "x"]), {}, "at least one comparison; got none .2 with the same option"),
        (bad()[:0], {}, "'frame' must be with at least one row"),
    ],
)
def test_bad_tables(frame: Frames, table: pd.DataFrame, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        count_comparisons(frame(table), **{**PEOPLE, **more})


def test_what_is_no_frame_or_cannot_be_counted() -> None:
    with pytest.raises(InputError, match="'frame' must be a lazy frame or a data frame"):
        count_comparisons([1, 2], **COLUMNS)
    with pytest.raises(InputError, match=r"in memory.*lazily: count_comparisons"):
        Comparisons.from_frame(lazy(bad()), **COLUMNS)
    duckdb = pytest.importorskip("duckdb")
    base, rows = duckdb.connect(), bad()
    base.execute("create table answers as from rows")
    counted = count_comparisons(base.table("answers"), **PEOPLE)
    assert len(counted.by_annotator()) == len(rows) == 2
    with pytest.raises(InputError, match="'prompt' must be an integer"):
        counted.fit(prompt="p")  # type: ignore[arg-type]
    base.execute("insert into answers from rows")
    with pytest.raises(InputError, match="hold what it held"):
        counted.by_annotator()
    base.execute("drop table answers")
    with pytest.raises(DataError, match="cannot be counted"):
        counted.by_annotator()


def test_annotators_and_prompts_must_be_named() -> None:
    counted = count_comparisons(lazy(bad()), **COLUMNS, prompt="prompt")
    with pytest.raises(InputError, match="'annotator' must be a column"):
        counted.by_annotator()
    with pytest.raises(InputError, match="'prompt' must be the number of one of 2 prompts"):
        counted.fit()
    with pytest.raises(InputError, match="'annotator' must be known"):
        count_comparisons(lazy(bad(who=["", None])), **PEOPLE).by_annotator()


@pytest.fixture
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_on_a_dask_cluster(client: Any, tmp_path: Any) -> None:
    import dask.dataframe as dd

    table = messy(2000, seed=3)
    for i in range(4):
        table[500 * i : 500 * (i + 1)].to_parquet(tmp_path / f"part{i}.parquet")
    counted = count_comparisons(
        dd.read_parquet(tmp_path), **PEOPLE, prompt="prompt", weight="weight"
    )
    assert len(client.scheduler_info()["workers"]) == 2
    rows = Comparisons.from_frame(table, **PEOPLE, prompt="prompt", weight="weight")
    assert counted.comparisons.dropped == rows.dropped
    for prompt in (0, 1):
        check_fits(counted.fit(prompt=prompt, clustered=True), fit_of(rows, prompt))
