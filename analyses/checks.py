"""How agreement, noise, sample size and wrong assumptions affect each method.

    python analyses/checks.py --out figures
    python analyses/checks.py --only noise --out figures

Data: labels simulated from two worked populations, a ring of 12 options, random populations, and
the starter set of survey questions. Every method gets equally many labels, of the kind that it
needs, and the same prior. Writes a table and a figure for each check (docs/simulations.md shows
them). Finished cells are kept in ``check_*.jsonl`` in the same folder: run the command again to
resume.
"""

import argparse
import itertools
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student
from tqdm import tqdm

from socialpref import Link, Logistic, Population, Probit
from socialpref._files import results_folder
from socialpref.comparisons import fit_latent_classes, simulate
from socialpref.comparisons.table import INFORMATION
from socialpref.errors import ConvergenceError
from socialpref.examples import mediocre_winner, ring
from socialpref.limits import (
    DPO,
    AgreementOnly,
    CorrectedDPO,
    Method,
    RewardAveraging,
    agreement_rate,
)
from socialpref.plots import checks as figures
from socialpref.plots import save
from socialpref.surveys import read_starter
from socialpref.training import learn

Floats = NDArray[np.float64]
Cell = dict[str, Any]
Prompts = tuple[Population, ...]
Check = tuple[dict[str, pd.DataFrame], Figure]
"""Tables by name, and the figure."""

RIDGE = 0.5
"""Precision of the prior of every fitted score, in every method: the default of latent classes."""
STARTS = 10
"""Random starts of latent classes, whose likelihood has local maxima."""
ALPHAS = {"corrected 0.5": 0.5, "corrected 1": 1.0, "corrected 2": 2.0}
MAIN = ("DPO", "corrected 1", "agreement-only", "reward averaging", "latent classes")
METHODS = ("DPO", *ALPHAS, "agreement-only", "reward averaging", "latent classes")
DIRECT, INDIRECT = METHODS[:-2], METHODS[-2:]
SETTINGS: dict[str, Prompts] = {
    "mediocre winner": (mediocre_winner(),),
    "random": (Population(np.random.default_rng(7).normal(0.0, 1.5, (3, 7))),),
    "ring of 12": ring(12),
}
SMALL = ("mediocre winner", "random")


@dataclass(frozen=True)
class Lapse:
    """Annotators who label at random with probability `rate`, else as Bradley-Terry."""

    rate: float

    def __call__(self, gap: ArrayLike) -> Floats:
        """Return the probability of preferring the first option."""
        return (1.0 - self.rate) * Logistic()(gap) + self.rate / 2.0


@dataclass(frozen=True)
class Cauchy:
    """Heavy tails: the distribution function of Cauchy's law, as steep at 0 as the logistic."""

    def __call__(self, gap: ArrayLike) -> Floats:
        """Return the probability of preferring the first option."""
        return np.asarray(0.5 + np.arctan(np.asarray(gap) * pi / 4.0) / pi)


LINKS: dict[str, Link] = {
    "Bradley-Terry": Logistic(),
    "probit": Probit(4.0 / sqrt(2.0 * pi)),  # as steep at 0 as the logistic
    "heavy tails": Cauchy(),
    "5 % lapses": Lapse(0.05),
    "20 % lapses": Lapse(0.2),
}
UNEVEN = "own temperatures"
"""Types with the temperatures 1/2, 1 and 2."""


# --- methods --------------------------------------------------------------------------


def learned(
    prompts: Prompts,
    n: int,
    seed: int,
    methods: Iterable[str],
    *,
    n_classes: int = 3,
    comparisons: int = 2,
    ridge: float = RIDGE,
) -> dict[str, Floats | None]:
    """Train methods, each on n labels; None where a fit does not converge."""
    data = {
        kind: simulate(
            prompts, n, kind, comparisons=comparisons, seed=np.random.default_rng([seed, i])
        )
        for i, kind in enumerate(INFORMATION)
    }
    options: dict[str, Any] = {"ridge": ridge, "tolerance": 1e-7}
    mixture = fit_latent_classes(data["linked"], n_classes, ridge=ridge, n_starts=STARTS, seed=seed)

    def corrected(alpha: float) -> Floats:
        with warnings.catch_warnings():
            # The labels are simulated, and the number of classes is a setting.
            warnings.filterwarnings("ignore", "the latent classes were not tried")
            return learn(CorrectedDPO(alpha), data["linked"], joint=mixture, **options).rewards

    ways: dict[str, Callable[[], Floats]] = {
        "DPO": lambda: learn(DPO(), data["anonymous"], **options).rewards,
        "agreement-only": lambda: learn(AgreementOnly(), data["panel"], **options).rewards,
        "reward averaging": lambda: learn(RewardAveraging(), data["typed"], **options).rewards,
        "latent classes": mixture.mean_rewards,
        **{name: partial(corrected, alpha) for name, alpha in ALPHAS.items()},
    }
    found: dict[str, Floats | None] = dict.fromkeys(methods)
    for name in found:
        with suppress(ConvergenceError):
            found[name] = ways[name]()
    return found


def limits(prompts: Prompts, methods: Iterable[str]) -> dict[str, Floats | None]:
    """Return what methods converge to; None where that is not known, or not reached."""
    ways: dict[str, Method] = {
        "DPO": DPO(),
        "agreement-only": AgreementOnly(),
        "reward averaging": RewardAveraging(),
        **{name: CorrectedDPO(alpha=alpha, n_starts=0) for name, alpha in ALPHAS.items()},
    }
    found: dict[str, Floats | None] = dict.fromkeys(methods)
    for name in ways.keys() & found.keys():
        with suppress(ConvergenceError):
            found[name] = np.array([limit.rewards for limit in ways[name].limit(prompts)])
    return found


def distance(rewards: Floats | None, target: Floats) -> float:
    """Return the total variation of the policies for two rewards, (X, K), mean over prompts.

    NaN for no rewards.
    """
    if rewards is None:
        return np.nan
    policies = [np.exp(r - r.max(axis=1, keepdims=True)) for r in (rewards, target)]
    first, second = (p / p.sum(axis=1, keepdims=True) for p in policies)
    return float(np.abs(first - second).sum(axis=1).mean() / 2.0)


def order(rewards: Floats | None, target: Floats) -> float:
    """Return the share of the pairs apart in `target`, (X, K), that `rewards` order alike."""
    if rewards is None:
        return np.nan
    gaps = target[:, :, None] - target[:, None, :]
    signs = np.sign(rewards[:, :, None] - rewards[:, None, :])
    return float((1.0 + signs[gaps > 1e-9]).mean() / 2.0)


def optimum(prompts: Prompts) -> Floats:
    """Return the average rewards, (X, K)."""
    return np.array([one.mean_rewards() for one in prompts])


# --- the checks -----------------------------------------------------------------------


def agreement(quick: bool, keep: Path) -> Check:
    """Return how often panels agree: one row for each example and survey question.

    `rate` and `cost`, the labels for a unanimous panel, are for pairs of different options. With
    `_all`, pairs are two independent draws; only panels on different options count as usable.
    """
    examples = {
        "ring of 40": ring()[0],
        "mediocre winner": mediocre_winner(),
        "random": SETTINGS["random"][0],
    }
    cases = [(name, "example", one) for name, one in examples.items()]
    cases += [(q.key, "survey", q.population()) for q in read_starter()]
    rows = []
    for name, kind, one in cases:
        rate = agreement_rate(one, sampling=1.0 - np.eye(one.n_options))
        cost = one.n_types / rate
        rows.append(
            {
                "name": name,
                "kind": kind,
                "n_types": one.n_types,
                "n_options": one.n_options,
                "rate_all": agreement_rate(one),
                "rate": rate,
                "cost": cost,
                # One draw in K is of an option with itself, and teaches nothing.
                "cost_all": cost / (1.0 - 1.0 / one.n_options),
            }
        )
    table = pd.DataFrame(rows)
    surveys = table[table["kind"] == "survey"]
    parts = [*surveys.groupby("n_types"), ("all", surveys)]
    by_size = pd.DataFrame(
        {
            "n_types": size,
            "questions": len(part),
            "above_half": (part["rate"] > 0.5).sum(),
            "median_rate": part["rate"].median(),
            "lowest_cost": part["cost"].min(),
            "median_cost": part["cost"].median(),
            "highest_cost": part["cost"].max(),
        }
        for size, part in parts
    )
    return {"agreement": table, "agreement_sizes": by_size}, figures.agreement_audit(table)


def noisy(prompts: Prompts, temperature: float) -> Prompts:
    """Return the populations with another temperature of their annotators."""
    return tuple(Population(p.rewards, p.shares, link=Logistic(temperature)) for p in prompts)


def noise_cell(population: str, temperature: float, n: int, seed: int) -> list[Cell]:
    """Train on noisier or cleaner labels of one population."""
    prompts = SETTINGS[population]
    mean = optimum(prompts)
    found = learned(noisy(prompts, temperature), n, seed, MAIN)
    return [
        {
            "method": name,
            "tv": distance(None if rewards is None else temperature * rewards, mean),
            "own": distance(rewards, mean / temperature),
            "order": order(rewards, mean),
        }
        for name, rewards in found.items()
    ]


def noise(quick: bool, keep: Path) -> Check:
    """Return each method's distance at each temperature."""
    n, temperatures = (3000, (0.5, 2.0)) if quick else (30_000, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0))
    cells = [
        {"population": name, "temperature": t, "n": n, "seed": seed}
        for name in SMALL[: 1 if quick else None]
        for t in temperatures
        for seed in range(2 if quick else 8)
    ]
    table = summary(worked(keep, cells, noise_cell), ["population", "temperature", "method"])
    for row in table.index:
        name, t, method = table.loc[row, ["population", "temperature", "method"]]
        prompts, mean = SETTINGS[name], optimum(SETTINGS[name])
        limit = limits(noisy(prompts, t), [method])[method]
        scaled = None if limit is None else t * limit
        table.loc[row, ["limit", "limit_own"]] = distance(scaled, mean), distance(limit, mean / t)
    return {"noise": table}, figures.noise_curves(table, n)


def sample_cell(population: str, n: int, seed: int) -> list[Cell]:
    """Train every method on n labels."""
    prompts = SETTINGS[population]
    mean = optimum(prompts)
    return [
        {"method": name, "tv": distance(rewards, mean), "order": order(rewards, mean)}
        for name, rewards in learned(prompts, n, seed, METHODS).items()
    ]


def samples(quick: bool, keep: Path) -> Check:
    """Return distances by number of labels, and where indirect methods begin to win."""
    sizes = (1000, 3000) if quick else (1000, 3162, 10_000, 31_623, 100_000, 316_228, 1_000_000)
    cells = [
        {"population": name, "n": n, "seed": seed}
        for name in (SMALL[:1] if quick else SETTINGS)
        for n in sizes
        for seed in range(2 if quick else 8 if name in SMALL else 4)
    ]
    rows = worked(keep, cells, sample_cell)
    table = summary(rows, ["population", "n", "method"])
    ends = {name: limits(prompts, METHODS) for name, prompts in SETTINGS.items()}
    table["limit"] = [
        distance(ends[name][method], optimum(SETTINGS[name]))
        for name, method in zip(table["population"], table["method"], strict=True)
    ]
    crossings = [
        {"population": name, "indirect": indirect, "direct": direct}
        | crossing(part, indirect, direct)
        for name, part in rows.groupby("population", sort=False)
        for indirect in INDIRECT
        for direct in DIRECT
    ]
    table["uniform"] = [
        distance(np.zeros_like(optimum(SETTINGS[name])), optimum(SETTINGS[name]))
        for name in table["population"]
    ]
    tables = {"samples": table, "crossings": pd.DataFrame(crossings)}
    return tables, figures.sample_curves(table[table["method"].isin(MAIN)])


def crossing(rows: pd.DataFrame, indirect: str, direct: str, draws: int = 1000) -> Cell:
    """Return from which number of labels on a method wins, with a bootstrap interval.

    Mean curves are drawn anew over seeds and interpolated in log n. The smallest size stands for
    "always", inf for "never".
    """
    rng = np.random.default_rng(0)
    curves = [
        rows[rows["method"] == name].pivot_table(index="seed", columns="n", values="tv")
        for name in (indirect, direct)
    ]
    sizes = np.log(curves[0].columns.to_numpy(dtype=np.float64))
    values = [curve.to_numpy() for curve in curves]

    def begin(lead: Floats) -> float:
        """Return where the lead, negative for a win, falls below 0 for good."""
        behind = np.flatnonzero(~(lead < 0.0))
        if not len(behind):
            return float(np.exp(sizes[0]))
        last = behind[-1]
        if last == len(lead) - 1:
            return np.inf
        part = lead[last] / (lead[last] - lead[last + 1])
        return float(np.exp(sizes[last] + part * (sizes[last + 1] - sizes[last])))

    drawn = [
        begin(np.subtract(*(v[rng.integers(len(v), size=len(v))].mean(axis=0) for v in values)))
        for _ in range(draws)
    ]
    # Not interpolated: between a number and "never" there is nothing.
    low, high = np.quantile(drawn, [0.025, 0.975], method="nearest")
    return {"from": begin(values[0].mean(axis=0) - values[1].mean(axis=0)), "low": low,
            "high": high}  # fmt: skip


def class_cell(
    population: str, n_classes: int, n: int, seed: int, comparisons: int = 2
) -> list[Cell]:
    """Train the methods that need latent classes, with a number of them."""
    prompts = SETTINGS[population]
    mean = optimum(prompts)
    more = {"n_classes": n_classes, "comparisons": comparisons}
    if comparisons == 2:
        found = learned(prompts, n, seed, [*ALPHAS, "latent classes"], **more)
    else:
        one = learned(prompts, n, seed, ["latent classes"], **more)
        found = {f"latent classes, {comparisons} each": one["latent classes"]}
    return [
        {"method": name, "tv": distance(rewards, mean), "order": order(rewards, mean)}
        for name, rewards in found.items()
    ]


def classes(quick: bool, keep: Path) -> Check:
    """Return the distances with each number of latent classes, 2 or 8 comparisons each."""
    cells = [
        {"population": name, "n_classes": count, "n": 3000 if quick else 100_000, "seed": seed}
        for name in SMALL[: 1 if quick else None]
        for count in ((1, 3) if quick else range(1, 7))
        for seed in range(2 if quick else 6)
    ]
    cells += [cell | {"comparisons": 8} for cell in cells]
    table = summary(worked(keep, cells, class_cell), ["population", "n_classes", "method"])
    ends = {name: limits(SETTINGS[name], METHODS) for name in SMALL}
    table["limit"] = [
        distance(ends[name].get(method), optimum(SETTINGS[name]))
        for name, method in zip(table["population"], table["method"], strict=True)
    ]
    return {"classes": table}, figures.class_curves(table, 3)


def misspecified(prompts: Prompts, model: str) -> Prompts:
    """Return populations with the same rewards whose annotators are not Bradley-Terry."""
    if model == UNEVEN:
        pace = np.array([[0.5], [1.0], [2.0]])
        return tuple(Population(p.rewards / pace, p.shares) for p in prompts)
    return tuple(Population(p.rewards, p.shares, link=LINKS[model]) for p in prompts)


def model_cell(population: str, model: str, n: int, seed: int) -> list[Cell]:
    """Train on labels of another preference model."""
    prompts = SETTINGS[population]
    mean = optimum(prompts)
    return [
        {"method": name, "tv": distance(rewards, mean), "order": order(rewards, mean)}
        for name, rewards in learned(misspecified(prompts, model), n, seed, MAIN).items()
    ]


def models(quick: bool, keep: Path) -> Check:
    """Return the distances under each preference model."""
    cells = [
        {"population": name, "model": model, "n": 3000 if quick else 100_000, "seed": seed}
        for name in SMALL[: 1 if quick else None]
        for model in (("probit", UNEVEN) if quick else (*LINKS, UNEVEN))
        for seed in range(2 if quick else 6)
    ]
    table = summary(worked(keep, cells, model_cell), ["population", "model", "method"])
    for row in table.index:
        name, model, method = table.loc[row, ["population", "model", "method"]]
        limit = limits(misspecified(SETTINGS[name], model), [method])[method]
        mean = optimum(SETTINGS[name])
        table.loc[row, ["limit", "limit_order"]] = distance(limit, mean), order(limit, mean)
    return {"models": table}, figures.link_dots(table)


# --- random populations ---------------------------------------------------------------

TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
PARTS: dict[str, tuple[Any, ...]] = {
    "limit": TEMPERATURES,
    "temperature": (0.25, 1.0, 8.0),
    "weak prior": (0.25,),
    "labels": (1000, 10_000, 100_000),
    "classes": (1, 2, 3, 4, 6),
    "model": ("Bradley-Terry", "probit", "heavy tails", "20 % lapses", UNEVEN),
}
"""What is varied: the temperature, in the limit and with 30,000 labels, there with a prior of
precision `WEAK`, too; how many labels; and with 100,000 of them the latent classes that are
fitted, and the annotators' model."""
WEAK = 0.005


def drawn(n_options: int, seed: int) -> Prompts:
    """Return a random population of three types: seed 7 with 7 options is the page's `random`."""
    return (Population(np.random.default_rng(seed).normal(0.0, 1.5, (3, n_options))),)


def drawn_cell(options: int, part: str, value: Any, seed: int) -> list[Cell]:
    """Return each method's distance on one random population."""
    prompts, scale = drawn(options, seed), 1.0
    mean = optimum(prompts)
    if part in ("limit", "temperature", "weak prior"):
        prompts, scale = noisy(prompts, value), value
    elif part == "model":
        prompts = misspecified(prompts, value)
    if part == "limit":
        found = limits(prompts, METHODS[:4])
    elif part == "classes":
        found = learned(prompts, 100_000, seed, ("latent classes", "corrected 1"), n_classes=value)
    else:
        n = {"labels": value, "model": 100_000}.get(part, 30_000)
        ridge = WEAK if part == "weak prior" else RIDGE
        found = learned(prompts, n, seed, METHODS if part == "labels" else MAIN, ridge=ridge)
    return [
        {"method": name, "tv": distance(None if rewards is None else scale * rewards, mean)}
        for name, rewards in found.items()
    ]


def populations(quick: bool, keep: Path) -> Check:
    """Return quartiles over random populations, and in how many of them one thing beats another."""
    cells = [
        {"options": options, "part": part, "value": value, "seed": seed}
        for options in ((3,) if quick else (3, 7))
        for part, values in PARTS.items()
        for value in (values[:2] if quick else values)
        for seed in range(2 if quick else 60 if part == "limit" else 20)
    ]
    rows = worked(keep, cells, drawn_cell)
    by = ["options", "part", "value", "method"]
    at_dpo = rows[rows["method"] == "DPO"].set_index([*by[:3], "seed"])["tv"]
    rows["of_dpo"] = (
        rows["tv"] / at_dpo.reindex(pd.MultiIndex.from_frame(rows[[*by[:3], "seed"]])).to_numpy()
    )
    groups = rows.groupby(by, sort=False)
    table = groups["tv"].count().rename("populations").reset_index()
    for column in ("tv", "of_dpo"):
        for name, share in (("low", 0.25), ("median", 0.5), ("high", 0.75)):
            table[f"{column}_{name}"] = groups[column].quantile(share).to_numpy()
    counts = pd.concat(
        pd.DataFrame(contests(part)).assign(options=options)
        for options, part in rows.groupby("options")
    )
    return {"populations": table, "counts": counts}, figures.bias_left(table)


def contests(rows: pd.DataFrame) -> Iterable[Cell]:
    """Yield in how many populations one method or setting is nearer the optimum than another."""
    of = rows.pivot_table(index="seed", columns=["part", "value", "method"], values="tv")
    seen = of.columns

    def count(first: tuple[Any, ...], second: tuple[Any, ...]) -> Iterable[Cell]:
        if first in seen and second in seen:
            pairs = of[[first, second]].dropna().to_numpy()
            yield {
                "nearer": " ".join(str(x) for x in first),
                "than": " ".join(str(x) for x in second),
                "populations": int((pairs[:, 0] < pairs[:, 1]).sum()),
                "of": len(pairs),
            }

    for t in TEMPERATURES:
        for name in ALPHAS:
            yield from count(("limit", t, name), ("limit", t, "DPO"))
    for colder, hotter in itertools.pairwise(TEMPERATURES):
        yield from count(("limit", hotter, "DPO"), ("limit", colder, "DPO"))
    for name in MAIN:
        for t in (0.25, 8.0):
            yield from count(("temperature", 1.0, name), ("temperature", t, name))
        yield from count(("weak prior", 0.25, name), ("temperature", 0.25, name))
        yield from count(("temperature", 1.0, name), ("weak prior", 0.25, name))
    for t in PARTS["temperature"]:
        for name in MAIN[1:]:
            yield from count(("temperature", t, name), ("temperature", t, "DPO"))
    for n in PARTS["labels"]:
        best = ("labels", n, "reward averaging")
        for name in METHODS:
            if name != "reward averaging":
                yield from count(best, ("labels", n, name))
        for name in METHODS[1:-2]:
            yield from count(("labels", n, name), ("labels", n, "DPO"))
        for name in ("DPO", "corrected 1", "agreement-only"):
            yield from count(("labels", n, "latent classes"), ("labels", n, name))
    for name in ("latent classes", "corrected 1"):
        for other in (1, 2, 4, 6):
            yield from count(("classes", 3, name), ("classes", other, name))
        yield from count(("classes", 6, name), ("classes", 2, name))
    for model in PARTS["model"]:
        for name in MAIN[1:]:
            yield from count(("model", model, name), ("model", model, "DPO"))


# --- work that is kept, and its summary -----------------------------------------------


def worked(keep: Path, cells: Sequence[Cell], work: Callable[..., list[Cell]]) -> pd.DataFrame:
    """Work off the cells, but for those that the file has; every finished one is added to it."""
    kept: dict[str, list[Cell]] = {}
    if keep.exists():
        for line in keep.read_text().splitlines():
            with suppress(ValueError):  # an empty line, or one that was cut off
                cell, rows = json.loads(line)
                kept[json.dumps(cell)] = rows
    with keep.open("a") as file:
        for cell in tqdm(cells, desc=keep.stem, unit="cell"):
            key = json.dumps(cell)
            if key not in kept:
                kept[key] = work(**cell)
                # First the end of a line, as the last one may have been cut off.
                file.write(f"\n{json.dumps([cell, kept[key]])}")
                file.flush()
    return pd.DataFrame([cell | row for cell in cells for row in kept[json.dumps(cell)]])


def summary(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return means over seeds with half their 95 % intervals, the distance's range and failures."""
    groups = rows.groupby(by, sort=False)
    table = groups[[c for c in ("tv", "own", "order") if c in rows]].mean().reset_index()
    count = groups["tv"].count().to_numpy()
    table["smallest"], table["largest"] = groups["tv"].min().values, groups["tv"].max().values
    for column, name in (("tv", "interval"), ("order", "order_interval")):
        if column in rows:
            with np.errstate(divide="ignore", invalid="ignore"):
                error = groups[column].std().to_numpy() / np.sqrt(count)
            table[name] = student.ppf(0.975, np.maximum(count - 1, 1)) * error
    table["seeds"] = groups["seed"].count().to_numpy()
    table["failed"] = table["seeds"] - count
    return table.rename(columns={"tv": "mean"})


CHECKS: dict[str, Callable[[bool, Path], Check]] = {
    "agreement": agreement,
    "noise": noise,
    "samples": samples,
    "classes": classes,
    "models": models,
    "populations": populations,
}


def main() -> None:
    """Run the checks, and write their tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=tuple(CHECKS), nargs="+", default=tuple(CHECKS))
    parser.add_argument("--quick", action="store_true", help="a few cells, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        tables, figure = CHECKS[name](options.quick, options.out / f"check_{name}.jsonl")
        with results_folder(options.out) as folder:
            save(figure, folder / f"check_{name}")
            for part, table in tables.items():
                table.to_csv(folder / f"check_{part}.csv", index=False)
        for table in tables.values():
            print(table.round(4).to_string(index=False), "\n")


if __name__ == "__main__":
    main()
