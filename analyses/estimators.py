"""What estimators of average rewards cost: exact variances, and errors from 100 to 100,000 panels.

    python analyses/estimators.py --out figures

Data: panels with one label of each type, simulated from known populations (400 data sets of each
size of the mediocre winner, fewer of the others), linked comparisons simulated from the ring, and
random populations from fixed seeds. Writes four tables and a figure, shown in docs/simulations.md:

- estimators_variance: V of each estimator per label, exactly, on the worked populations;
- estimators_errors: bias, root mean square error and coverage of 95 % intervals by size;
- estimators_ratios: the labels that the agreement-only loss needs, over those of the bound;
- estimators_classes: latent classes from two linked comparisons against the agreement-only loss.

Beside the package's estimators four are tried here only: one Newton step of the type models from
the agreement-only loss; the agreement-only loss with anonymous labels as a control variate;
agreement-only shrunk towards DPO; and pairs on which two of three agree. About ten minutes on
one core.
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import product
from math import comb
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import comb as choose

from socialpref import (
    DPO,
    AgreementOnly,
    LatentClasses,
    Population,
    RewardAveraging,
    fit_bradley_terry,
)
from socialpref.comparisons import fit_latent_classes, simulate
from socialpref.estimators import Panels, asymptotic_variance, draw_panels, estimate
from socialpref.estimators.panels import outcome_chances, pairs_of
from socialpref.estimators.result import gap_variances
from socialpref.estimators.sandwich import inverse, laplacian, pulls
from socialpref.examples import mediocre_winner, ring, two_camps
from socialpref.limits import Method, Orthogonal, VoteCountLikelihood
from socialpref.plots import DARK, LIGHT, MIDDLE, save

Floats = NDArray[np.float64]

SIZES = (100, 1_000, 10_000, 100_000)
PRIOR = 0.1
"""Precision of the prior of each reward: small samples have no fit without one."""
POPULATIONS = {
    "mediocre winner": mediocre_winner(),
    "two camps": two_camps(),
    "ring of 8": ring(8)[0],
    "ring": ring()[0],
}
REPETITIONS = {"two camps": 50, "ring of 8": 30, "ring": 5}
"""Data sets of each size at most, beside the mediocre winner's."""
UNWEIGHTED = "orthogonal, unweighted"
"""Of which only V is computed."""
METHODS: dict[str, Method] = {
    "DPO": DPO(),
    "agreement-only": AgreementOnly(),
    "vote counts": VoteCountLikelihood(),
    UNWEIGHTED: Orthogonal(weighted=False),
    "orthogonal": Orthogonal(),
    "type models": RewardAveraging(),
}
BOUND = "type models"
"""Whose V is the efficiency bound of panels."""
EMPTY = 1e-10
"""Eigenvalues of a covariance below this, relative to the largest, are taken for 0."""
MATCHED = 300_000
"""Labels on the ring for latent classes and the agreement-only loss."""


class Found(NamedTuple):
    """Average rewards, with their covariance where it is known."""

    rewards: Floats
    covariance: Floats | None = None


def sigma(gaps: Floats) -> Floats:
    """Return the logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(-gaps)))


def gaps_of(panels: Panels, rewards: Floats) -> Floats:
    """Return the gap of each row's pair."""
    return np.asarray(rewards[..., panels.pairs[:, 0]] - rewards[..., panels.pairs[:, 1]])


# --- estimators that are tried here only --------------------------------------------------


def disagreements(panels: Panels) -> Floats:
    """Return how types differ from their mean, (T, K): the conditional logit of who disagreed.

    Given the number of votes, the pattern of who gave them is free of the mean.
    """
    T, K = panels.n_types, panels.size
    patterns = np.array(list(product((0.0, 1.0), repeat=T)))
    votes = patterns.sum(axis=1)
    same = votes[:, None] == votes[None, :]
    powers = 1 << np.arange(T)[::-1]
    row = (panels.labels @ powers).astype(int)

    def down(parameters: Floats) -> tuple[float, Floats]:
        delta = parameters.reshape(T, K)
        logits = gaps_of(panels, delta).T @ patterns.T  # (rows, patterns)
        odds = np.exp(np.where(same[row], logits, -np.inf))
        chances = odds / odds.sum(axis=1, keepdims=True)
        at = np.arange(len(row))
        left = panels.labels - chances @ patterns
        value = panels.counts @ np.log(chances[at, row]) - 0.5 * PRIOR * (delta**2).sum()
        slope = np.array([pulls(panels.pairs, panels.counts * one, K) for one in left.T])
        total = panels.counts.sum()
        return -value / total, -(slope - PRIOR * delta).ravel() / total

    delta = minimize(down, np.zeros(T * K), jac=True, method="L-BFGS-B").x.reshape(T, K)
    delta -= delta.mean(axis=0)
    return np.asarray(delta - delta.mean(axis=1, keepdims=True))


def one_step(panels: Panels) -> Found:
    """Take one Newton step of each type's likelihood, from agreement-only and disagreements."""
    types = estimate(AgreementOnly(), panels, prior=PRIOR).rewards + disagreements(panels)
    covariance = np.zeros((panels.size, panels.size))
    level = np.zeros(panels.size)
    for reward, labels in zip(types, panels.labels.T, strict=True):
        wins = sigma(gaps_of(panels, reward))
        curvature = panels.counts * wins * (1.0 - wins)
        bread = inverse(laplacian(panels.pairs, curvature, panels.size), PRIOR)
        score = pulls(panels.pairs, panels.counts * (labels - wins), panels.size) - PRIOR * reward
        level += (reward + bread @ score) / panels.n_types
        covariance += bread / panels.n_types**2
    return Found(level, covariance)


class Pulled(NamedTuple):
    """Two estimators of the same panels, with the covariance of both."""

    agreement: Floats
    dpo: Floats
    both: Floats


def agreement_and_dpo(panels: Panels) -> Pulled:
    """Return agreement-only and DPO of the same labels, and the sandwich of both, (2 K, 2 K)."""
    T, K = panels.n_types, panels.size
    agreed, pooled = (
        estimate(method, panels, prior=PRIOR).rewards for method in (AgreementOnly(), DPO())
    )
    one, none = panels.labels.prod(axis=1), (1.0 - panels.labels).prod(axis=1)
    odds, wins = sigma(T * gaps_of(panels, agreed)), sigma(gaps_of(panels, pooled))
    scores = (
        T * (one * (1.0 - odds) - none * odds),
        panels.labels.sum(axis=1) - T * wins,
    )
    bends = T**2 * (one + none) * odds * (1.0 - odds), T * wins * (1.0 - wins)
    precision = PRIOR * T**2, PRIOR
    breads = [
        inverse(laplacian(panels.pairs, panels.counts * bend, K), prior)
        for bend, prior in zip(bends, precision, strict=True)
    ]
    blocks = [
        [
            breads[i]
            @ laplacian(panels.pairs, panels.counts * scores[i] * scores[j], K)
            @ breads[j]
            for j in (0, 1)
        ]
        for i in (0, 1)
    ]
    return Pulled(agreed, pooled, np.block(blocks))


def control_variate(panels: Panels, dpo: Floats) -> Found:
    """Correct agreement-only by how far DPO on the panels is from DPO on unlimited labels."""
    found, K = agreement_and_dpo(panels), panels.size
    across, own = found.both[:K, K:], found.both[K:, K:]
    pull = across @ np.linalg.pinv(own, rcond=EMPTY, hermitian=True)
    covariance = found.both[:K, :K] - pull @ across.T
    return Found(found.agreement - pull @ (found.dpo - dpo), covariance)


def shrunk(panels: Panels) -> Found:
    """Move agreement-only towards DPO, by the part of their distance that is noise."""
    found, K = agreement_and_dpo(panels), panels.size
    apart = found.dpo - found.agreement
    noise = np.trace(found.both[:K, :K] - found.both[:K, K:])
    return Found(found.agreement + np.clip(noise / (apart @ apart), 0.0, 1.0) * apart)


def agreeing(panels: Panels, m: int, prior: float = PRIOR) -> Found:
    """Fit m times the rewards to all groups of m of a panel that agree."""
    votes = panels.labels.sum(axis=1)
    one, none = choose(votes, m), choose(panels.n_types - votes, m)
    fit = fit_bradley_terry(
        panels.pairs[:, 0],
        panels.pairs[:, 1],
        one / np.maximum(one + none, 1.0),
        weights=panels.counts * (one + none) / comb(panels.n_types, m),
        n_options=panels.size,
        prior=prior,
    )
    return Found(fit.rewards / m)


# --- exact variances and biases -----------------------------------------------------------


def expected(population: Population) -> Panels:
    """Return one panel in expectation: each pair's outcomes, weighted by their probabilities."""
    pairs, weights = pairs_of(population, None)
    patterns = np.array(list(product((0.0, 1.0), repeat=population.n_types)))
    chances = outcome_chances(population, pairs, patterns) * weights[:, None]
    return Panels(
        np.tile(patterns, (len(pairs), 1)),
        np.repeat(pairs, len(patterns), axis=0),
        population.n_options,
        weights=chances.ravel(),
    )


def mean_over_pairs(values: Floats) -> float:
    """Return the mean of a (K, K) matrix above its diagonal."""
    return float(values[np.triu_indices(len(values), 1)].mean())


def control_variance(population: Population) -> float:
    """Return V of the agreement-only loss with unlimited anonymous labels as a control variate."""
    panels, T, K = expected(population), population.n_types, population.n_options
    agreed, pooled = (method.limit(population).rewards for method in (AgreementOnly(), DPO()))
    one, none = panels.labels.prod(axis=1), (1.0 - panels.labels).prod(axis=1)
    odds, wins = sigma(T * gaps_of(panels, agreed)), sigma(gaps_of(panels, pooled))
    scores = T * (one * (1.0 - odds) - none * odds), panels.labels.sum(axis=1) - T * wins
    bends = T**2 * (one + none) * odds * (1.0 - odds), T * wins * (1.0 - wins)
    breads = [inverse(laplacian(panels.pairs, panels.counts * bend, K)) for bend in bends]
    (own, across), (_, other) = (
        [
            breads[i]
            @ laplacian(panels.pairs, panels.counts * scores[i] * scores[j], K)
            @ breads[j]
            for j in (0, 1)
        ]
        for i in (0, 1)
    )
    left = own - across @ np.linalg.pinv(other, rcond=EMPTY, hermitian=True) @ across.T
    return T * mean_over_pairs(gap_variances(left))


def bias_of_agreeing(population: Population, m: int) -> float:
    """Return the root mean square over gaps of the bias of pairs on which m of T agree."""
    found = agreeing(expected(population), m, prior=0.0).rewards
    means = population.mean_rewards()
    apart = np.subtract.outer(found, found) - np.subtract.outer(means, means)
    return float(np.sqrt(mean_over_pairs(apart**2)))


def variances() -> pd.DataFrame:
    """Return V per label of each estimator on the worked populations, and the bias of its limit."""
    rows = []
    for name, population in POPULATIONS.items():
        T = population.n_types
        bound = mean_over_pairs(asymptotic_variance(METHODS[BOUND], population))
        for label, method in METHODS.items():
            value = mean_over_pairs(asymptotic_variance(method, population))
            bias = bias_of_agreeing(population, 1) if label == "DPO" else 0.0
            rows.append((name, label, value, value / bound, bias))
        value = control_variance(population)
        rows.append((name, "agreement-only, control variate", value, value / bound, 0.0))
        for m in range(2, T):
            bias = bias_of_agreeing(population, m)
            rows.append((name, f"{m} of {T} agree", np.nan, np.nan, bias))
    return pd.DataFrame(rows, columns=["population", "estimator", "V", "over_bound", "bias"])


# --- simulated data -----------------------------------------------------------------------


def estimators(population: Population) -> dict[str, Callable[[Panels, int], Found]]:
    """Return every estimator, as a function of panels and a seed."""
    dpo = DPO().limit(population).rewards

    def of_package(method: Method, panels: Panels, seed: int) -> Found:
        found = estimate(method, panels, prior=PRIOR, seed=seed)
        return Found(found.rewards, found.covariance)

    def of_agreeing(m: int, panels: Panels, seed: int) -> Found:
        return agreeing(panels, m)

    return {
        **{name: partial(of_package, METHODS[name]) for name in METHODS if name != UNWEIGHTED},
        "one-step": lambda panels, seed: one_step(panels),
        "agreement-only, control variate": lambda panels, seed: control_variate(panels, dpo),
        "agreement-only, shrunk to DPO": lambda panels, seed: shrunk(panels),
        **{
            f"{m} of {population.n_types} agree": partial(of_agreeing, m)
            for m in range(2, population.n_types)
        },
    }


def outcomes(name: str, n: int, seed: int) -> dict[str, tuple[Floats, Floats]]:
    """Return each estimator's errors of all gaps, and whether its intervals hold the truth."""
    population = POPULATIONS[name]
    means = population.mean_rewards()
    y, z = np.triu_indices(len(means), 1)
    panels = draw_panels(population, n, seed=seed)
    found = {}
    for label, of in estimators(population).items():
        rewards, covariance = of(panels, seed)
        error = (rewards[y] - rewards[z]) - (means[y] - means[z])
        held = np.full(len(error), np.nan)
        if covariance is not None:
            held = np.abs(error) <= 1.959964 * np.sqrt(
                np.maximum(gap_variances(covariance)[y, z], 0.0)
            )
        found[label] = error, held
    return found


def errors(
    repetitions: int, jobs: int, names: tuple[str, ...] = tuple(POPULATIONS)
) -> pd.DataFrame:
    """Return bias, root mean square error and coverage by population, estimator and size."""
    rows = []
    for name in names:
        T = POPULATIONS[name].n_types
        count = min(repetitions, REPETITIONS.get(name, repetitions))
        bound = mean_over_pairs(asymptotic_variance(METHODS[BOUND], POPULATIONS[name]))
        for n in SIZES:
            runs = Parallel(n_jobs=jobs)(delayed(outcomes)(name, n, s) for s in range(count))
            for label in runs[0]:
                error = np.array([run[label][0] for run in runs])
                held = np.array([run[label][1] for run in runs])
                squares = (error**2).mean(axis=1)
                rmse = float(np.sqrt(squares.mean()))
                rows.append(
                    {
                        "population": name,
                        "estimator": label,
                        "panels": n,
                        "data_sets": count,
                        "bias": float(np.sqrt((error.mean(axis=0) ** 2).mean())),
                        "rmse": rmse,
                        "rmse_error": float(squares.std(ddof=1) / 2.0 / rmse / np.sqrt(count)),
                        "bound": float(np.sqrt(bound / (n * T))),
                        "coverage": float(held.mean()),
                    }
                )
            print(pd.DataFrame(rows[-len(runs[0]) :]).round(4).to_string(index=False), flush=True)
    return pd.DataFrame(rows)


# --- what agreement-only costs, and latent classes ----------------------------------------


def ratios(count: int = 500) -> pd.DataFrame:
    """Return the labels of each method over those of the bound: worked and random populations.

    Latent classes are of annotators of two comparisons each, at their own bound: inf where these do
    not identify the average reward.
    """
    rng = np.random.default_rng(0)
    chosen = [
        ("worked", POPULATIONS[name]) for name in ("mediocre winner", "two camps", "ring of 8")
    ]
    for _ in range(count):
        shape = int(rng.integers(2, 6)), int(rng.integers(2, 9))
        spread = float(rng.choice([0.5, 1.0, 1.5, 2.0]))
        chosen.append((f"random, deviation {spread:g}", Population(rng.normal(0, spread, shape))))
    rows = []
    for kind, population in chosen:
        values = {
            label: mean_over_pairs(asymptotic_variance(METHODS[label], population))
            for label in ("agreement-only", "orthogonal", BOUND)
        }
        linked = np.array([[0.0, np.inf], [np.inf, 0.0]])  # of one pair there are no two links
        if population.n_options > 2:
            linked = asymptotic_variance(LatentClasses(population.n_types), population)
        rows.append(
            {
                "kind": kind,
                "types": population.n_types,
                "options": population.n_options,
                "agreement": values["agreement-only"] / values[BOUND],
                "orthogonal": values["orthogonal"] / values[BOUND],
                "classes": mean_over_pairs(linked) / values[BOUND],
            }
        )
    return pd.DataFrame(rows)


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles of the ratios over random populations, by the number of types."""
    drawn = table[table["kind"] != "worked"]
    parts = {**dict(list(drawn.groupby("types"))), "all": drawn}
    rows = {}
    for types, part in parts.items():
        known = part[np.isfinite(part["classes"])]
        rows[types] = {
            "populations": len(part),
            **{f"agreement {q:.0%}": part["agreement"].quantile(q) for q in (0.05, 0.5, 0.95)},
            **{f"orthogonal {q:.0%}": part["orthogonal"].quantile(q) for q in (0.5, 0.95)},
            "classes identified": len(known),
            "classes below agreement": int((known["classes"] < known["agreement"]).sum()),
        }
    return pd.DataFrame(rows).T


def classes(
    n_seeds: int, jobs: int, names: tuple[str, ...] = ("ring of 8", "ring")
) -> pd.DataFrame:
    """Return errors of latent classes and of agreement-only with as many labels, on the ring."""

    def one(name: str, seed: int) -> list[dict[str, object]]:
        population = POPULATIONS[name]
        T, means = population.n_types, population.mean_rewards()
        rows = simulate(population, MATCHED, "linked", seed=seed)
        mixture = fit_latent_classes(rows, T, n_starts=3, seed=seed, ridge=PRIOR)
        panels = draw_panels(population, MATCHED // T, seed=seed)
        found = {
            "latent classes": mixture.mean_rewards()[0],
            **{
                label: estimate(METHODS[label], panels, prior=PRIOR).rewards
                for label in ("agreement-only", BOUND)
            },
        }
        best = policy(means)
        return [
            {
                "population": name,
                "estimator": label,
                "seed": seed,
                "rmse": float(np.sqrt(mean_over_pairs(apart(rewards, means) ** 2))),
                "tv": float(0.5 * np.abs(policy(rewards) - best).sum()),
                "agreeing": mixture.n_agreeing if label == "latent classes" else np.nan,
                "spread": mixture.spread if label == "latent classes" else np.nan,
            }
            for label, rewards in found.items()
        ]

    runs = Parallel(n_jobs=jobs)(
        delayed(one)(name, seed) for name in names for seed in range(n_seeds)
    )
    return pd.DataFrame([row for run in runs for row in run])


def apart(one: Floats, other: Floats) -> Floats:
    """Return the differences of all gaps of two rewards."""
    return np.subtract.outer(one, one) - np.subtract.outer(other, other)


def policy(rewards: Floats) -> Floats:
    """Return the policy of rewards, for beta 1 and a uniform reference."""
    odds = np.exp(rewards - rewards.max())
    return np.asarray(odds / odds.sum())


# --- results ------------------------------------------------------------------------------

DRAWN = {
    "DPO": ("#000000", ":"),
    "agreement-only": (MIDDLE, "-"),
    "vote counts": (MIDDLE, "--"),
    "orthogonal": (DARK, "--"),
    "type models": (DARK, "-"),
}


def draw(table: pd.DataFrame) -> Figure:
    """Draw root mean square errors by the number of panels, with the bound."""
    names = list(dict.fromkeys(table["population"]))
    figure = Figure(figsize=(2.6 * len(names), 3.2), layout="constrained")
    panes = np.atleast_1d(figure.subplots(1, len(names), sharex=True, sharey=True))
    for axes, name in zip(panes, names, strict=True):
        part = table[table["population"] == name]
        bound = part[part["estimator"] == BOUND]
        axes.plot(bound["panels"], bound["bound"], color=LIGHT, lw=6, label="efficiency bound")
        for label, (colour, style) in DRAWN.items():
            rows = part[part["estimator"] == label]
            axes.plot(rows["panels"], rows["rmse"], color=colour, ls=style, marker=".", label=label)
        axes.set(xscale="log", yscale="log", title=name, xlabel="panels")
        axes.spines[["top", "right"]].set_visible(False)
    panes[0].set_ylabel("root mean square error of gaps")
    figure.legend(*panes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6,
                  frameon=False, fontsize=8)  # fmt: skip
    return figure


def main() -> None:
    """Compute, and write tables and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=400, help="data sets of each size")
    parser.add_argument("--seeds", type=int, default=5, help="data sets for latent classes")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tasks: dict[str, Callable[[], pd.DataFrame]] = {
        "variance": variances,
        "ratios": ratios,
        "classes": lambda: classes(options.seeds, options.jobs),
        "errors": lambda: errors(options.repetitions, options.jobs),
    }
    tables = {}
    for name, task in tasks.items():
        tables[name] = task()
        tables[name].to_csv(options.out / f"estimators_{name}.csv", index=False)
    print(tables["variance"].round(4).to_string(index=False))
    print(spread(tables["ratios"]).round(2).to_string())
    by = tables["classes"].groupby(["population", "estimator"])
    print(by[["rmse", "tv", "agreeing", "spread"]].agg(["mean", "sem"]).round(5).T)
    save(draw(tables["errors"]), options.out / "estimators")


if __name__ == "__main__":
    main()
