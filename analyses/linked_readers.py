"""Whether linked comparisons of real annotators help to learn their average taste.

    SOCIALPREF_DATA=folder python analyses/linked_readers.py --out figures

Data: readers of known party rated about 27 of 235 books each, from 1 to 4
(`nyt_books/nyt_books_ratings.csv`). Two books that one reader rated are a comparison. Equal ratings
are a tie, half a win for each; readers who do not state a party are left out. The joint likelihood
is learned without the parties, and its variance is compared with that between the parties. Every
method is scored on readers whom it has not seen: does it order the books as their average rating
does? Writes three tables and a figure (docs/real-annotators.md shows them).

Comparisons come in two designs. "apart": a reader's books are divided into pairs, so that no
rating is used twice. "all": every pair of books that a reader rated. Only comparisons "apart" are
independent given the reader, as the likelihood of latent classes assumes; all pairs share ratings,
and an unusual rating looks like a taste. To see how much, the ratings of every book are shuffled
among its readers, so that there are no tastes.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata, t
from tqdm import tqdm

from socialpref import Population, nbc
from socialpref._files import results_folder
from socialpref.comparisons import (
    ClassChoice,
    ClassMixture,
    Comparisons,
    choose_classes,
    fit_latent_classes,
    population_of,
)
from socialpref.plots import DARK, LIGHT, save
from socialpref.training import corrected, dpo, fit_exact

Floats = NDArray[np.float64]
DESIGNS = ("apart", "all")
CANDIDATES = (1, 2, 3, 4)
ALPHAS = (0.5, 1.0, 2.0)
STEP = 0.5
"""How fast alpha grows from DPO's solution."""
ROUNDING = 0.001
"""How far the clamp's corner is rounded, where minima often lie."""
ENOUGH = 5
"""Held-out ratings that a book needs to be scored."""


class Readers(NamedTuple):
    """Ratings, shape (readers, books), NaN where there is none; and each reader's party."""

    ratings: Floats
    party: NDArray[np.intp]

    def some(self, chosen: NDArray[np.bool_]) -> "Readers":
        """Return some of the readers."""
        return Readers(self.ratings[chosen], self.party[chosen])


def read(path: Path) -> Readers:
    """Read the ratings of those readers whose party is known."""
    rows = pd.read_csv(path).dropna(subset="party")
    table = rows.pivot(index=["party", "annotator"], columns="book_id", values="rating")
    party = pd.factorize(table.index.get_level_values("party"))[0]
    return Readers(table.to_numpy(float), party)


def described(path: Path) -> str:
    """Return who the readers are, and how much they rated."""
    rows = pd.read_csv(path)
    party = rows.drop_duplicates("annotator")["party"]
    known = rows.dropna(subset="party")
    members = ", ".join(f"{count} {name}" for name, count in party.value_counts().items())
    return (
        f"{party.notna().sum()} readers of known party ({members}), {party.isna().sum()} of "
        f"unknown; {len(known) / known['annotator'].nunique():.1f} ratings each of "
        f"{known['book_id'].nunique()} books"
    )


def shuffled(readers: Readers, seed: int) -> Readers:
    """Shuffle every book's ratings among its readers, so that nobody has individual tastes."""
    rng = np.random.default_rng(seed)
    ratings = readers.ratings.copy()
    for column in ratings.T:
        rated = ~np.isnan(column)
        column[rated] = rng.permutation(column[rated])
    return Readers(ratings, readers.party)


def comparisons(readers: Readers, design: str, seed: int = 0) -> Comparisons:
    """Return the readers' preferences; readers with one rating are left out."""
    reader, book = np.nonzero(~np.isnan(readers.ratings))
    table = pd.DataFrame(
        {"reader": reader, "book": book, "rating": readers.ratings[reader, book]}
    ).assign(party=readers.party[reader])
    rows = Comparisons.from_ratings(
        table, option="book", rating="rating", annotator="reader", types="party"
    )
    books = np.array(rows.options, int)  # those that some reader rated
    rows = replace(
        rows,
        first=books[rows.first],
        second=books[rows.second],
        n_options=readers.ratings.shape[1],
        options=None,
    )
    return rows if design == "all" else rows.take(apart(rows, seed))


def apart(rows: Comparisons, seed: int) -> NDArray[np.bool_]:
    """Return a random division of each reader's books into pairs."""
    rng = np.random.default_rng(seed)
    who, n_readers = rows.annotators()
    place = rng.random((n_readers, rows.n_options)).argsort(axis=1).argsort(axis=1)
    rated = np.zeros(place.shape, bool)
    rated[who, rows.first] = rated[who, rows.second] = True
    order = np.where(rated, place, rows.n_options).argsort(axis=1).argsort(axis=1)
    one, other = order[who, rows.first], order[who, rows.second]
    return np.asarray(one // 2 == other // 2)


def bradley_terry(rows: Comparisons, ridge: float) -> Floats:
    """Return the rewards of one class, which is a penalised Bradley-Terry fit."""
    return fit_latent_classes(rows, 1, ridge=ridge).rewards[0, 0]


def by_party(rows: Comparisons, ridge: float) -> Population:
    """Fit rewards to each party's comparisons; a party's share is that of its readers."""
    return population_of(rows, prior=ridge)


def dealt(rows: Comparisons, seed: int) -> Comparisons:
    """Return the comparisons with parties dealt to readers at random."""
    who, _ = rows.annotators()
    assert rows.annotator_type is not None
    party = rows.annotator_type[np.unique(who, return_index=True)[1]]
    return replace(rows, annotator_type=np.random.default_rng(seed).permutation(party)[who])


def between(source: Population | ClassMixture) -> Floats:
    """Return the variance of p, the chance to prefer one book, over all pairs of books."""
    if isinstance(source, ClassMixture):
        first, second = np.triu_indices(source.rewards.shape[2], 1)
        return source.variance(0, first, second)
    pairs = np.triu_indices(source.n_options, 1)
    return (source.pairwise_twice() - source.pairwise() ** 2)[pairs]


def rank_correlation(x: Floats, y: Floats) -> float:
    """Return Spearman's."""
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


# --- methods, on readers they have not seen -------------------------------------------


class Settings(NamedTuple):
    """What was chosen on all readers."""

    ridge: float
    """Of every single Bradley-Terry fit and policy."""
    joint: dict[str, tuple[str, int, float]]
    """The joint likelihoods to learn: design, classes and ridge by name."""


def learned(train: Readers, settings: Settings, seed: int) -> Iterator[tuple[str, Floats]]:
    """Yield every method's rewards of the books."""
    rows = comparisons(train, "all", seed)
    cells, size = rows.cells(), rows.n_options
    shared: dict[str, Any] = {"n_prompts": 1, "n_options": size, "ridge": settings.ridge}
    anonymous = fit_exact(cells, dpo, **shared)
    yield "DPO", anonymous.rewards[0]
    yield "party models, averaged", by_party(rows, settings.ridge).mean_rewards()
    for name, recipe in settings.joint.items():
        if recipe[0] == "apart":
            rewards = bradley_terry(comparisons(train, "apart", seed), recipe[2])
            yield "DPO, apart", rewards
        joint = learn_joint(train, recipe, seed)
        fit = anonymous
        for alpha in np.arange(STEP, max(ALPHAS) + STEP, STEP):
            fit = fit_exact(
                cells,
                corrected(float(alpha), rounding=ROUNDING),
                joint=joint,
                start=fit.rewards,
                **shared,
            )
            if alpha in ALPHAS:
                yield f"corrected, alpha {alpha:g}, {name}", fit.rewards[0]
        yield f"latent classes, averaged, {name}", joint.mean_rewards()[0]
    yield "average rating of training readers", np.nanmean(train.ratings, axis=0)


def held_out(readers: Readers, folds: int, repeats: int) -> list[tuple[NDArray[np.bool_], int]]:
    """Return which readers every split holds out, and the seed of its repeat."""
    return [
        (np.random.default_rng(seed).permutation(len(readers.party)) % folds == fold, seed)
        for seed in range(repeats)
        for fold in range(folds)
    ]


def truth_of(readers: Readers) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Return the books that enough readers rated, their average ratings, and how many rated."""
    counts = (~np.isnan(readers.ratings)).sum(axis=0)
    books = np.flatnonzero(counts >= ENOUGH)
    return books, np.nanmean(readers.ratings[:, books], axis=0), counts[books]


def one_split(
    readers: Readers, fold: NDArray[np.bool_], settings: Settings, seed: int
) -> dict[str, tuple[float, float]]:
    """Return each method's rank correlation and share of pairs in order, with held-out ratings."""
    books, mean, _ = truth_of(readers.some(fold))
    first, second = np.triu_indices(len(books), 1)
    truth = np.sign(mean[first] - mean[second])
    scores = {}
    for name, rewards in learned(readers.some(~fold), settings, seed):
        gap = np.sign(rewards[books][first] - rewards[books][second])
        order = float((gap == truth)[truth != 0].mean())
        scores[name] = rank_correlation(rewards[books], mean), order
    return scores


def summary(values: Floats, folds: int) -> tuple[float, float]:
    """Return the mean over splits, and half the width of its 95 % interval.

    Splits share training readers, and repeats share all: the variance of the mean is s^2 (1 / n +
    1 / (folds - 1)) rather than s^2 / n (Nadeau and Bengio 2003).
    """
    n = len(values)
    error = values.std(ddof=1) * np.sqrt(1 / n + 1 / (folds - 1))
    return float(values.mean()), float(t.ppf(0.975, n - 1) * error)


def scored(
    readers: Readers, settings: Settings, folds: int, repeats: int, jobs: int
) -> pd.DataFrame:
    """Return the methods' scores, and their differences from DPO's on the same readers."""
    splits = held_out(readers, folds, repeats)
    tasks = (delayed(one_split)(readers, fold, settings, seed) for fold, seed in splits)
    outcomes = list(
        tqdm(Parallel(n_jobs=jobs, return_as="generator")(tasks), total=len(splits), unit="split")
    )
    rows = []
    for name in outcomes[0]:
        row: dict[str, object] = {"method": name}
        for i, metric in enumerate(("rank_correlation", "pairs_in_order")):
            values = np.array([outcome[name][i] for outcome in outcomes])
            base = np.array([outcome["DPO"][i] for outcome in outcomes])
            row[metric], row[f"{metric}_error"] = summary(values, folds)
            row[f"{metric}_gain"], row[f"{metric}_gain_error"] = summary(values - base, folds)
        rows.append(row)
    return pd.DataFrame(rows)


# --- the study ------------------------------------------------------------------------


def class_table(tried: dict[str, ClassChoice], rows: dict[str, Comparisons]) -> pd.DataFrame:
    """Return the held-out log-likelihood of a comparison, by design and classes."""
    return pd.DataFrame(
        {
            "design": design,
            "classes": n_classes,
            "ridge": choice.ridges[i],
            "log_likelihood": choice.log_likelihood[i] * size,
            "shortfall": choice.shortfall[i] * size,
            "shortfall_error": choice.shortfall_error[i] * size,
            "guessing": choice.guessing * size,
            "chosen": n_classes == choice.chosen,
        }
        for design, choice in tried.items()
        for i, n_classes in enumerate(choice.candidates)
        for size in [rows[design].annotators()[1] / len(rows[design])]
    )


def learn_joint(readers: Readers, recipe: tuple[str, int, float], seed: int = 0) -> ClassMixture:
    """Fit latent classes to the comparisons of a design."""
    design, n_classes, ridge = recipe
    rows = comparisons(readers, design, seed)
    return fit_latent_classes(rows, n_classes, ridge=ridge, n_starts=1, seed=seed, tolerance=1e-4)


def variances(
    readers: Readers, settings: Settings, permutations: int, shuffles: int, jobs: int
) -> pd.DataFrame:
    """Return the mean variance of p by source, beside what it is where nobody has a taste.

    For the parties that is when they are dealt to readers at random, for latent classes when the
    ratings are shuffled. Rank correlations are with the parties' variance, and by chance with that
    of random parties.
    """
    rows = comparisons(readers, "all")
    sets = [rows, *(dealt(rows, seed) for seed in range(permutations))]
    parallel = Parallel(n_jobs=jobs)
    split = parallel(delayed(by_party)(one, settings.ridge) for one in sets)
    parties, *chance = [between(one) for one in split]

    def row(source: str, value: Floats, without: list[Floats]) -> dict[str, object]:
        by_chance = [rank_correlation(value, one) for one in chance]
        levels = [one.mean() for one in without]
        beyond = value.mean() - np.median(levels)
        return {
            "source": source,
            "mean_variance": value.mean(),
            "beyond_noise": beyond,
            "beyond_noise_sd": np.sqrt(max(beyond, 0.0)),
            "without_tastes": np.median(levels),
            "without_tastes_low": np.quantile(levels, 0.025),
            "without_tastes_high": np.quantile(levels, 0.975),
            "rank_correlation": rank_correlation(value, parties),
            "by_chance_low": np.quantile(by_chance, 0.025),
            "by_chance_high": np.quantile(by_chance, 0.975),
        }

    table = [row("parties", parties, chance)]
    for name, recipe in settings.joint.items():
        ratings = [readers] + [shuffled(readers, seed) for seed in range(shuffles)]
        fits = parallel(delayed(learn_joint)(one, recipe) for one in ratings)
        value, *without = [between(fit) for fit in fits]
        table.append(row(name, value, without))
    return pd.DataFrame(table)


def settings_of(tried: dict[str, ClassChoice]) -> Settings:
    """Return the prior of one class, and for each design the best of several classes."""
    joint = {}
    for design, words in (("apart", "apart"), ("all", "all pairs")):
        choice = tried[design]
        best = 1 + int(choice.log_likelihood[1:].argmax())
        n_classes = choice.candidates[best]
        joint[f"{n_classes} classes, {words}"] = design, n_classes, choice.ridges[best]
    return Settings(ridge=tried["all"].ridges[0], joint=joint)


def print_sizes(rows: dict[str, Comparisons]) -> None:
    """Print how many comparisons each design has, and by how many readers."""
    for design, data in rows.items():
        people = data.annotators()[1]
        each = len(data) / people
        print(f"{design}: {len(data)} comparisons by {people} readers, {each:.1f} each")


def print_evidence(tried: dict[str, ClassChoice]) -> None:
    """Print what readers who were left out say about several classes."""
    for design, choice in tried.items():
        evidence = choice.evidence
        if evidence is None:
            print(f"{design}: several classes predict no better than one")
            continue
        shuffled = ", ".join(f"{gain:.2f}" for gain in evidence.shuffled_gains)
        print(
            f"{design}: gain {evidence.gain:.2f} nats a reader (standard error "
            f"{evidence.gain_error:.2f}); without tastes {shuffled}; {choice.chosen} chosen"
        )


def main() -> None:
    """Learn, score, and write the tables and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SOCIALPREF_DATA"))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--permutations", type=int, default=40, help="random parties")
    parser.add_argument("--shuffles", type=int, default=10, help="sets of shuffled ratings")
    parser.add_argument("--starts", type=int, default=3, help="of the classes in cross-validation")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data, or SOCIALPREF_DATA, must name the folder that holds nyt_books/")
    file = options.data / "nyt_books" / "nyt_books_ratings.csv"
    if not file.is_file():
        parser.error(f"--data must hold nyt_books/{file.name}; there is none in {options.data}")

    readers = read(file)
    rows = {design: comparisons(readers, design) for design in DESIGNS}
    print(described(file))
    print_sizes(rows)
    tried = {
        design: choose_classes(rows[design], CANDIDATES, n_starts=options.starts)
        for design in tqdm(DESIGNS, unit="design")
    }
    classes = class_table(tried, rows)
    print(classes.round(4).to_string(index=False))
    settings = settings_of(tried)
    print_evidence(tried)
    print(settings)
    parties = by_party(rows["all"], settings.ridge)
    ceiling = rank_correlation(nbc(parties), parties.mean_rewards())
    print(f"were parties all: rank correlation of NBC and the average reward {ceiling:.5f}")
    spread = variances(readers, settings, options.permutations, options.shuffles, options.jobs)
    print(spread.round(5).to_string(index=False))
    rated = [
        truth_of(readers.some(fold))[2].mean()
        for fold, _ in held_out(readers, options.folds, options.repeats)
    ]
    print(f"held-out ratings of a book that is scored: {np.mean(rated):.1f} on average")
    scores = scored(readers, settings, options.folds, options.repeats, options.jobs)
    print(scores.round(4).to_string(index=False))
    with results_folder(options.out) as folder:
        classes.to_csv(folder / "linked_readers_classes.csv", index=False)
        spread.to_csv(folder / "linked_readers_variance.csv", index=False)
        scores.to_csv(folder / "linked_readers.csv", index=False)
        save(draw(spread, scores), folder / "linked_readers")


def draw(spread: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """Draw how much readers seem to differ, and what each method gains over DPO."""
    figure = Figure(figsize=(7.0, 7.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(1, 2.6))
    rows = np.arange(len(spread))
    middle = spread["without_tastes"]
    reach = [middle - spread["without_tastes_low"], spread["without_tastes_high"] - middle]
    upper.plot(
        spread["mean_variance"], rows - 0.15, "o", color=DARK, mec="black", label="these readers"
    )
    upper.errorbar(
        middle, rows + 0.15, xerr=reach, fmt="s", color=LIGHT, mec="black", ecolor="black",
        capsize=3, label="no tastes: median and middle 95 %",
    )  # fmt: skip
    upper.set_yticks(rows, spread["source"])
    upper.set_xscale("log")
    upper.set_ylim(len(spread) - 0.5, -0.5)
    upper.set_xlabel("mean variance of p between readers (log scale)")
    upper.set_title(_variance_title(spread), fontsize=11, loc="left")
    gains = scores[scores["method"] != "DPO"]
    places = np.arange(len(gains))
    for metric, colour, marker, move in (
        ("rank_correlation", DARK, "o", -0.17),
        ("pairs_in_order", LIGHT, "s", 0.17),
    ):
        lower.errorbar(
            gains[f"{metric}_gain"], places + move, xerr=gains[f"{metric}_gain_error"],
            fmt=marker, color=colour, mec="black", ecolor="black", capsize=3,
            label=metric.replace("_", " "),
        )  # fmt: skip
    lower.axvline(0.0, color="black", lw=1, ls=":")
    lower.set_yticks(places, gains["method"])
    lower.invert_yaxis()
    lower.set_xlabel("gain over DPO on held-out readers, with 95 % intervals")
    lower.set_title(_gain_title(gains), fontsize=11, loc="left")
    for axes in (upper, lower):
        axes.legend(frameon=False, fontsize=9, loc="best")
        axes.tick_params(labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _variance_title(spread: pd.DataFrame) -> str:
    """Return how much of the variance that latent classes find is there without tastes."""
    classes = spread[spread["source"] != "parties"]
    noise = (classes["without_tastes"] / classes["mean_variance"]).min()
    return f"{noise:.0%} or more of the classes' variance is noise"


def _gain_title(gains: pd.DataFrame) -> str:
    """Return how many methods are better than DPO beyond their interval."""
    better = (gains["rank_correlation_gain"] > gains["rank_correlation_gain_error"]).sum()
    return f"{better or 'None'} of {len(gains)} methods orders books better than DPO"


if __name__ == "__main__":
    main()
