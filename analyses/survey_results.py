"""How fragile the rankings of real surveys are, and what the results depend on.

    SOCIALPREF_DATA=FOLDER python analyses/survey_results.py --out figures

Data: FOLDER holds `opinionqa/`, `gss/` and `globalopinionqa/`; what is missing is left out. The
starter set is always studied. Prints one table row per survey, with intervals, the sensitivity to
each setting and every other number of docs/survey-results.md, and writes the figures.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from socialpref import flip
from socialpref.plots import DARK, LIGHT, MIDDLE, save, sensitivity_dots
from socialpref.surveys import (
    OPINIONQA_GROUPS,
    Bootstrap,
    Protocol,
    Study,
    Survey,
    base_variants,
    read_globalopinionqa,
    read_opinionqa,
    read_respondents,
    read_starter,
    sensitivity,
    smoothing_variants,
    study,
    temperature_variants,
)

GSS = {
    "gss_gun_2010_2024.csv.gz": (["polviews"], ["natcrime", "owngun"]),
    "gss_religion_2010_2024.csv.gz": (["relig"], ["god", "conclerg", "bible"]),
}
GSS_YEARS = (2010, 2012, 2014, 2016, 2018, 2021, 2022, 2024)
GSS_NAME = "General Social Survey 2010-2024"
ASPECTS = (
    ("smoothing", smoothing_variants, "1e-15"),
    ("temperature", temperature_variants, "1"),
    ("base", base_variants, "uniform"),
)
STYLES = {"party": (DARK, "-"), "race": (MIDDLE, "--"), "sex": ("black", ":")}


def gss(folder: Path) -> Survey:
    """Return the General Social Survey's questions, one for each year in which it was asked."""
    questions = []
    for file, (groups, columns) in GSS.items():
        for year in GSS_YEARS:
            asked = read_respondents(folder / file, groups, "wtssall", columns, {"year": year})
            questions += [replace(q, key=f"{q.key}_{year}") for q in asked]
    return Survey(GSS_NAME, tuple(questions))


def row(name: str, result: Study) -> dict[str, object]:
    """Return a row of the table of results."""
    facts = result.summary()
    low, high = facts.get("share_flippable_interval") or (np.nan, np.nan)
    least, most = facts.get("median_distance_interval") or (np.nan, np.nan)
    return {
        "survey": name,
        "questions": facts["n_questions"],
        "examined": facts["n_examined"],
        "flippable": facts["n_flippable"],
        "share": f"{facts['share_flippable']:.1%}",
        "share interval": f"{low:.1%} to {high:.1%}",
        "median": f"{facts['median_distance'] or np.nan:.3f}",
        "median interval": f"{least:.3f} to {most:.3f}",
        "other winner": facts["n_winner_flippable"],
        "order differs": facts["n_order_mismatch"],
        "widest proof": facts["largest_certified_gap"],
    }


def cdfs(results: dict[str, Study]) -> Figure:
    """Draw the distribution of the distance, over all questions, with the replicates behind it."""
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    grid = np.linspace(0.0, 1.0, 401)
    for name, result in results.items():
        colour, style = STYLES[name]
        counted = result.summary()["n_questions"]
        share = np.searchsorted(result.distances, grid, side="right") / counted
        draws = np.array(
            [
                r.finding.replicates.flip
                for r in result.results
                if r.finding and r.finding.replicates
            ]
        )
        below = np.array([(draws <= x).sum(axis=0) / counted for x in grid])
        low, high = np.quantile(below, [0.025, 0.975], axis=1)
        axes.fill_between(grid, low, high, color=LIGHT, alpha=0.6, lw=0)
        axes.plot(grid, share, color=colour, ls=style, lw=2, label=f"types by {name}")
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.set_xlabel("total variation from uniform sampling")
    axes.set_ylabel("share of questions whose ranking changes")
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Run the studies, print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    data = Path(os.environ.get("SOCIALPREF_DATA", "."))
    options.out.mkdir(parents=True, exist_ok=True)
    bootstrap = Bootstrap(options.replicates)

    surveys = {"starter set": read_starter()}
    if (data / "opinionqa").exists():
        surveys |= {
            f"OpinionQA by {name}": read_opinionqa(data / "opinionqa", name)
            for name in OPINIONQA_GROUPS
        }
    if (data / "gss").exists():
        surveys[GSS_NAME] = gss(data / "gss")
    if (data / "globalopinionqa").exists():
        survey = read_globalopinionqa(next((data / "globalopinionqa").glob("*.jsonl.gz")))
        several = tuple(q for q in survey if len(q.groups) > 1)
        surveys["GlobalOpinionQA by country"] = Survey(survey.name, several)
        print(f"GlobalOpinionQA: {len(survey)} questions, {len(several)} with several countries\n")

    results = {}
    for name, survey in surveys.items():
        known = any(q.counts is not None for q in survey)
        results[name] = study(survey, bootstrap=bootstrap if known else None, n_jobs=options.jobs)
        for aspect, variants, own in ASPECTS:
            table = sensitivity(variants(survey, Protocol()), reference=own, n_jobs=options.jobs)
            print(f"{name}, {aspect}\n{table.to_string(index=False)}\n")
            if name == "OpinionQA by party":
                save(sensitivity_dots(table, aspect), options.out / f"opinionqa_{aspect}")
        print(f"{name}, margin and floor 0: {only_without_margin(results[name])}\n")
    if (data / "opinionqa").exists():
        by_group = {name: results[f"OpinionQA by {name}"] for name in OPINIONQA_GROUPS}
        save(cdfs(by_group), options.out / "opinionqa_cdf")
        print(certain(by_group["party"]))
        print(unanswered(surveys["OpinionQA by party"]))
    if GSS_NAME in results:
        columns = ["question", "n_respondents", "n_effective", "flip_distance", "flip_share",
                   "flip_low", "flip_high", "same_order"]  # fmt: skip
        print(results[GSS_NAME].to_frame()[columns].round(3).to_string(index=False), "\n")
    print(pd.DataFrame([row(*item) for item in results.items()]).to_string(index=False))


def only_without_margin(result: Study) -> str:
    """Say which questions can be flipped only if the margin is 0, and what such a flip gains."""
    found = []
    for examined in result.results:
        if examined.finding is None or examined.finding.flip.exists:
            continue
        population = examined.question.population()
        nearest = flip(population)
        if nearest.pair is not None:
            above, below = nearest.pair
            gain = float((population.pairwise()[below] - population.pairwise()[above]).max())
            found.append(
                f"{examined.question.key} at {nearest.distance:.3f}, gaining at most {gain:.0e}"
            )
    return f"{len(found)} more questions can be flipped: {'; '.join(found) or 'none'}"


def unanswered(survey: Survey) -> str:
    """Say how many questions there are, of how many waves, with options that nobody chose."""
    waves = {q.key.rpartition("_W")[2] for q in survey}
    empty = [
        option
        for q in survey
        if q.counts is not None
        for option, n in zip(q.options, q.counts.sum(axis=0), strict=True)
        if n == 0.0
    ]
    return (
        f"by party: {len(survey)} questions of {len(waves)} waves; {len(empty)} options that "
        f"nobody in any group chose: {', '.join(sorted(set(empty)))}\n"
    )


def certain(result: Study) -> str:
    """Say of how many questions the replicates are sure."""
    errors = [r.finding.uncertainty for r in result.results if r.finding and r.finding.uncertainty]
    shares = np.array([error.flip_share for error in errors])
    orders = np.array([error.same_order for error in errors])
    sure, never = (shares >= 0.95).sum(), (shares <= 0.05).sum()
    return (
        f"by party: {sure} questions flippable in at least 95 % of the replicates, {never} in at "
        f"most 5 %, {len(shares) - sure - never} undecided; the order at uniform sampling is the "
        f"same in at least 95 % for {(orders >= 0.95).sum()}\n"
    )


if __name__ == "__main__":
    main()
