"""What every method learns on the ring from half a million comparisons.

    python analyses/ring.py --out figures

Data: comparisons simulated from the ring environment of arXiv 2502.16320 (section 7.2), five seeds.
Each method is trained twice on the kind of comparisons that it needs: a network by minibatches with
the paper's settings, and a table of scores to the minimum of its loss. Both are compared with the
exact limits. Writes tables and figures (docs/simulations.md shows them). If interrupted, run the
command again to resume: finished seeds and checkpoints of networks are kept in a folder of --out,
which can be removed at the end.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from socialpref import (
    DPO,
    AgreementOnly,
    CorrectedDPO,
    RewardAveraging,
    nbc,
    optimal_policy,
    total_variation,
)
from socialpref._files import results_folder
from socialpref.comparisons import Cells, ClassMixture, Comparisons, fit_latent_classes, simulate
from socialpref.errors import SocialPrefError
from socialpref.examples import ring
from socialpref.plots import save
from socialpref.plots import training as plots
from socialpref.training import MLP, Fit, agreement_only, corrected, dpo, fit_minibatch, learn

Floats = NDArray[np.float64]

STATES = ring()
SIZE, TYPES = len(STATES), STATES[0].n_types
ALPHAS = (0.5, 1.0, 2.0)
RIDGE = 0.5
"""Of the tables: a normal prior of standard deviation 1.4 on each score, as of the classes."""
SWITCH = 0.8
"""The part of a network's steps after which the correction starts: the paper's 8,000 of 10,000."""
CORRECTED = {alpha: f"corrected, alpha {alpha:g}" for alpha in ALPHAS}
LABELS = {
    "DPO": 1,
    **dict.fromkeys(CORRECTED.values(), 1),
    "agreement-only": TYPES,
    "agreement-only, equal labels": 1,
    "type models, averaged": 1,
    "latent classes, averaged": 1,
}
"""The methods, and how many labels each one spends for every comparison asked for."""
FACTS = (
    *("shares", "rewards", "log_likelihood", "residual", "iterations", "n_annotators", "ridge"),
    *("n_starts", "n_agreeing"),
)
"""Of the learned classes, what is kept."""


@dataclass(frozen=True)
class Settings:
    """What is run."""

    seeds: int
    comparisons: int
    steps: int
    work: Path
    progress: bool


# --- exact limits ---------------------------------------------------------------------


def limits() -> dict[str, Floats]:
    """Return the policies in the limit by offset; all states have the same, rotated."""
    state = STATES[0]
    agreed = AgreementOnly().limit(state).policy
    return {
        "uniform": np.full(SIZE, 1.0 / SIZE),
        "DPO": DPO().limit(state).policy,
        **{
            f"corrected, alpha {alpha:g}": CorrectedDPO(alpha=alpha, n_starts=0).limit(state).policy
            for alpha in (*ALPHAS, 3.0)
        },
        "agreement-only": agreed,
        "agreement-only, equal labels": agreed,
        "type models, averaged": RewardAveraging().limit(state).policy,
    }


def by_offset(policies: Floats) -> Floats:
    """Return policies of all states, shape (..., states, actions), by offset from the state."""
    columns = (np.arange(SIZE)[:, None] + np.arange(SIZE)) % SIZE
    return np.take_along_axis(policies, np.broadcast_to(columns, policies.shape), axis=-1)


# --- data -----------------------------------------------------------------------------


def linked(seed: int, n: int) -> Comparisons:
    """Return two comparisons by each of n / 2 annotators."""
    return simulate(STATES, n, "linked", seed=np.random.default_rng([seed, 0]))


def panels(seed: int, n: int, method: str) -> Comparisons:
    """Return panels: n of them, or as many as n labels give."""
    rng = np.random.default_rng([seed, 1])
    return simulate(STATES, n * LABELS[method], "panel", seed=rng)


def typed(seed: int, n: int) -> Comparisons:
    """Return comparisons by annotators of known type."""
    return simulate(STATES, n, "typed", seed=np.random.default_rng([seed, 2]))


# --- tables ---------------------------------------------------------------------------


def tables(seed: int, settings: Settings) -> None:
    """Train a table by every method on one seed's data, and keep them with the classes."""
    n = settings.comparisons
    pairs = linked(seed, n)
    classes = fit_latent_classes(pairs, TYPES)
    with warnings.catch_warnings():  # that there are classes is known here
        warnings.filterwarnings("ignore", "the latent classes were not tried")
        corrected_fits = {
            name: learn(
                CorrectedDPO(alpha=alpha), pairs, joint=classes, ridge=RIDGE, tolerance=1e-8
            )
            for alpha, name in CORRECTED.items()
        }
    fits = {
        "DPO": learn(DPO(), pairs, ridge=RIDGE),
        **corrected_fits,
        **{
            name: learn(AgreementOnly(), panels(seed, n, name), ridge=RIDGE)
            for name in ("agreement-only", "agreement-only, equal labels")
        },
        "type models, averaged": learn(RewardAveraging(), typed(seed, n), ridge=RIDGE),
    }
    policies = {name: fit.policy for name, fit in fits.items()}
    policies["latent classes, averaged"] = softmax(classes.mean_rewards())
    residuals = [*(fit.residual for fit in fits.values()), classes.residual]
    facts = {name: getattr(classes, name) for name in FACTS}
    keep(_table(seed, settings), {**policies, "residuals": residuals, **facts})


def softmax(scores: Floats) -> Floats:
    """Return the policies of scores, with a uniform reference."""
    odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


# --- networks -------------------------------------------------------------------------


def direct(settings: Settings) -> dict[str, Floats]:
    """Train networks by DPO and its correction: of every seed and every alpha, at once."""
    alphas, switch = (0.0, *ALPHAS), max(1, round(SWITCH * settings.steps))
    cells: list[Cells] = []
    joints: list[ClassMixture] = []
    for seed in range(settings.seeds):
        cells += [linked(seed, settings.comparisons).cells(merged=False)] * len(alphas)
        joints += [classes_of(seed, settings)] * len(alphas)
    strength = torch.tensor(alphas * settings.seeds)[:, None]
    schedule = {0: dpo, switch: corrected(strength)}
    fits = _train("direct", settings, cells, schedule, joint=joints)
    policies = _stack(fits, settings.seeds)
    return {name: policies[:, i] for i, name in enumerate(("DPO", *CORRECTED.values()))}


def agreeing(settings: Settings) -> dict[str, Floats]:
    """Train networks by the agreement-only loss, for both ways to count the comparisons."""
    names = ("agreement-only", "agreement-only, equal labels")
    cells = [
        panels(seed, settings.comparisons, name).unanimous_cells(merged=False)
        for seed in range(settings.seeds)
        for name in names
    ]
    policies = _stack(_train("agreeing", settings, cells, agreement_only), settings.seeds)
    return {name: policies[:, i] for i, name in enumerate(names)}


def indirect(settings: Settings) -> dict[str, Floats]:
    """Train a reward model for each type, and average the three."""
    cells = []
    for seed in range(settings.seeds):
        rows = typed(seed, settings.comparisons)
        assert rows.annotator_type is not None
        cells += [rows.take(rows.annotator_type == u).cells(merged=False) for u in range(TYPES)]
    fits = _train("indirect", settings, cells, dpo)
    rewards = np.stack([fit.rewards for fit in fits]).reshape(settings.seeds, TYPES, SIZE, SIZE)
    return {"type models, averaged": softmax(rewards.mean(axis=1))}


NETWORKS = (direct, agreeing, indirect)


def networks(kind: Callable[[Settings], dict[str, Floats]], settings: Settings) -> None:
    """Train one kind of network, and keep its policies."""
    keep(_networks(kind, settings), kind(settings))
    _checkpoint(kind.__name__, settings).unlink(missing_ok=True)


def _train(
    kind: str, settings: Settings, cells: Sequence[Cells], objective: Any, **more: Any
) -> tuple[Fit, ...]:
    return fit_minibatch(
        [MLP(SIZE, SIZE, seed=m) for m in range(len(cells))],
        cells,
        objective,
        n_prompts=SIZE,
        n_options=SIZE,
        steps=settings.steps,
        checkpoint=_checkpoint(kind, settings),
        progress=settings.progress,
        **more,
    )


def _stack(fits: Sequence[Fit], seeds: int) -> Floats:
    """Return policies, shape (seeds, methods, states, actions)."""
    return np.stack([fit.policy for fit in fits]).reshape(seeds, -1, SIZE, SIZE)


# --- what is kept ---------------------------------------------------------------------


def _table(seed: int, settings: Settings) -> Path:
    return settings.work / f"tables-{settings.comparisons}-seed{seed}.npz"


def _networks(kind: Callable[..., Any], settings: Settings) -> Path:
    return _checkpoint(kind.__name__, settings).with_suffix(".npz")


def _checkpoint(kind: str, settings: Settings) -> Path:
    name = f"{kind}-{settings.comparisons}-{settings.steps}steps-{settings.seeds}seeds.pt"
    return settings.work / name


def keep(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays whole or not at all."""
    with results_folder(path.parent) as folder:
        np.savez(folder / path.name, **arrays)


def classes_of(seed: int, settings: Settings) -> ClassMixture:
    """Return the joint likelihood that was learned on a seed's data."""
    with np.load(_table(seed, settings)) as kept:
        facts = {name: kept[name][()] for name in FACTS}
    return ClassMixture(**facts)


def learned(settings: Settings) -> dict[tuple[str, str], Floats]:
    """Return all policies by method and learner, each (seeds, states, actions)."""
    seeds = [np.load(_table(seed, settings)) for seed in range(settings.seeds)]
    policies = {(m, "table"): np.stack([kept[m] for kept in seeds]) for m in LABELS}
    for kind in NETWORKS:
        kept = np.load(_networks(kind, settings))
        policies |= {(m, "network"): kept[m] for m in kept.files}
    order = list(LABELS)
    return dict(sorted(policies.items(), key=lambda item: order.index(item[0][0])))


# --- results --------------------------------------------------------------------------


def limit_table(exact: dict[str, Floats]) -> pd.DataFrame:
    """Return the table of exact limits."""
    best = optimal_policy(STATES[0]).policy
    return pd.DataFrame(
        {"limit": name, "at_0": p[0], "at_10": p[10], "tv": total_variation(p, best)}
        for name, p in exact.items()
    )


def residuals(settings: Settings) -> dict[tuple[str, str], Floats]:
    """Return the largest derivative left by each table's fit, (seeds,)."""
    seeds = [np.load(_table(seed, settings))["residuals"] for seed in range(settings.seeds)]
    return {(m, "table"): left for m, left in zip(LABELS, np.transpose(seeds), strict=True)}


def run_table(
    policies: dict[tuple[str, str], Floats],
    left: dict[tuple[str, str], Floats],
    exact: dict[str, Floats],
    n: int,
) -> pd.DataFrame:
    """Return one row for each method, learner and seed."""
    best = optimal_policy(STATES[0]).policy
    rows = []
    for (method, learner), values in policies.items():
        limit = exact.get(method)
        for seed, offsets in enumerate(by_offset(values)):
            mean = offsets.mean(axis=0)
            rows.append(
                {
                    "method": method,
                    "learner": learner,
                    "labels": n * LABELS[method],
                    "seed": seed,
                    "tv_limit": np.nan if limit is None else total_variation(limit, best),
                    "tv_mean_policy": total_variation(mean, best),
                    "tv_states": np.mean([total_variation(one, best) for one in offsets]),
                    "tv_to_own_limit": np.nan if limit is None else total_variation(mean, limit),
                    "at_0": mean[0],
                    "at_10": mean[[10, -10]].mean(),
                    "residual": left[method, learner][seed] if learner == "table" else np.nan,
                }
            )
    return pd.DataFrame(rows)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds, and standard deviations of the distances."""
    groups = runs.groupby(["method", "learner", "labels"], sort=False)
    table = groups.mean().drop(columns=["seed", "residual"])
    for place, column in ((2, "tv_mean_policy"), (4, "tv_states")):
        table.insert(place, f"{column}_sd", groups[column].std())
    return table.reset_index()


def variances(settings: Settings) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Yield each seed's variances of reward gaps over all pairs of different actions.

    The true one, form F1's with the true joint likelihood, and F1's with the learned one; F1's s
    is the average preference of the same joint likelihood.
    """
    y, z = np.triu_indices(SIZE, 1)
    true, formula = [], []
    for one in STATES:
        mean = one.pairwise()[y, z]
        spread = one.pairwise_twice()[y, z] - mean**2
        true.append((one.rewards[:, y] - one.rewards[:, z]).var(axis=0))
        formula.append(spread / (mean * (1.0 - mean)) ** 2)
    x = np.repeat(np.arange(SIZE), len(y))
    y, z = np.tile(y, SIZE), np.tile(z, SIZE)
    for seed in range(settings.seeds):
        classes = classes_of(seed, settings)
        a, b, _ = classes.moments(x, y, z)
        yield np.concatenate(true), np.concatenate(formula), classes.variance(x, y, z, s=a + b)


def variance_table(settings: Settings) -> pd.DataFrame:
    """Return how the learned variance compares with the true one, by seed."""
    rows = []
    for seed, (true, formula, found) in enumerate(variances(settings)):
        there = true > 1e-9
        low, middle, high = np.quantile((formula / true)[there], [0.25, 0.5, 0.75])
        rows.append(
            {
                "seed": seed,
                "F1_to_true_quarter": low,
                "F1_to_true_median": middle,
                "F1_to_true_three_quarters": high,
                "F1_too_small": np.mean((formula < true)[there]),
                "learned_to_true_median": np.median((found / true)[there]),
                "learned_to_F1_median": np.median((found / formula)[there]),
                "correlation_with_F1": np.corrcoef(found, formula)[0, 1],
                "correlation_with_true": np.corrcoef(found, true)[0, 1],
            }
        )
    return pd.DataFrame(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, and write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--comparisons", type=int, default=500_000)
    parser.add_argument("--steps", type=int, default=10_000, help="of the networks")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    options = parser.parse_args(arguments)
    for name in ("seeds", "comparisons", "steps", "jobs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be positive; got {getattr(options, name)}")
    settings = Settings(
        seeds=options.seeds,
        comparisons=options.comparisons,
        steps=options.steps,
        work=options.out / "ring-work",
        progress=options.jobs == 1,
    )
    try:
        _run(settings, options.jobs)
        _write(settings, options.out)
    except SocialPrefError as error:
        parser.error(str(error))


def _run(settings: Settings, jobs: int) -> None:
    """Train what is not kept already; the networks use the classes that the tables come with."""
    seeds = [s for s in range(settings.seeds) if not _table(s, settings).exists()]
    kinds = [kind for kind in NETWORKS if not _networks(kind, settings).exists()]
    stages = [
        ("tables", [delayed(tables)(seed, settings) for seed in seeds]),
        ("networks", [delayed(networks)(kind, settings) for kind in kinds]),
    ]
    for name, tasks in stages:
        done = Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
        for _ in tqdm(done, desc=name, total=len(tasks), disable=not tasks):
            pass


def _write(settings: Settings, out: Path) -> None:
    exact, policies = limits(), learned(settings)
    runs = run_table(policies, residuals(settings), exact, settings.comparisons)
    results = {
        "limits": limit_table(exact),
        "runs": runs,
        "summary": summary(runs),
        "variance": variance_table(settings),
    }
    curves = {method: by_offset(p) for (method, _), p in policies.items()}
    best = optimal_policy(STATES[0]).policy
    true, formula, found = next(variances(settings))
    figures = {
        "policies": plots.offset_curves(curves, best, nbc(STATES[0])),
        "distances": plots.distance_dots(results["summary"]),
        "variance": plots.variance_scatter(true, {"true J": formula, "learned J": found}),
    }
    with results_folder(out) as folder:
        for name, table in results.items():
            table.to_csv(folder / f"ring_{name}.csv", index=False)
        for name, figure in figures.items():
            save(figure, folder / f"ring_{name}")
    for name in ("limits", "summary", "variance"):
        print(f"\n{name}\n{results[name].to_string(index=False, float_format='{:.6f}'.format)}")


if __name__ == "__main__":
    main()
