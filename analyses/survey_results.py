"""How fragile the rankings of real surveys are, and what the results depend on.

    SOCIALPREF_DATA=FOLDER python analyses/survey_results.py --out figures

Data: FOLDER holds `opinionqa/`, `gss/` and `globalopinionqa/`; what is missing is left out. The
starter set is always studied. Prints one table row per survey, with intervals, the sensitivity to
each setting and every other number of docs/survey-results.md, and writes the figures. `--only NAME`
does it for one survey.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from socialpref import Logistic, Population, Winner, flip, nbc, ranking
from socialpref.plots import DARK, LIGHT, MIDDLE, save, sensitivity_dots
from socialpref.plots.style import WIDTH, clean, headline
from socialpref.surveys import (
    OPINIONQA_GROUPS,
    Bootstrap,
    Protocol,
    Question,
    Study,
    Survey,
    base_variants,
    read_globalopinionqa,
    read_opinionqa,
    read_pew,
    read_respondents,
    read_starter,
    sensitivity,
    share_variants,
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
    ("shares", share_variants, "as studied"),
)
FLAGSHIP = "SOCIETY_GUNS_W92"
SMOOTHING = (1e-15, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2)
CERTAIN = 0.95
WEIGHTING_ERROR = 0.03
"""Three points of the shares."""
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
        "within": ", ".join(f"{share:.3f}" for share in facts["share_within"].values()),
        "by shares": facts["n_share_flippable"],
        "median of shares": f"{facts['median_share_distance'] or np.nan:.4f}",
        "within by shares": ", ".join(
            f"{share:.3f}" for share in facts["share_within_by_shares"].values()
        ),
        "other winner by shares": facts["n_share_winner_flippable"],
        "average reward by shares": facts["n_reward_share_flippable"],
        "its median": f"{facts['median_reward_share_distance'] or np.nan:.4f}",
        "neighbours": facts["n_flippable_neighbours"],
        "winners of neighbours": facts["n_winner_flippable_neighbours"],
        "widest proof": facts["largest_certified_gap"],
    }


def cdfs(results: dict[str, Study]) -> Figure:
    """Draw the distribution of the distance, over all questions, with the replicates behind it."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    axes = figure.add_subplot()
    grid = np.linspace(0.0, 1.0, 401)
    numbers = ", ".join(f"{len(result.distances)} by {name}" for name, result in results.items())
    most = max(result.summary()["n_questions"] for result in results.values())
    headline(figure, f"Of {most} rankings, what is compared can change {numbers}")
    for name, result in results.items():
        colour, style = STYLES[name]
        counted = result.summary()["n_questions"]
        share = np.searchsorted(result.distances, grid, side="right") / counted
        if (band := result.band(grid)) is not None:
            low, high = (end / counted for end in band)
            axes.fill_between(grid, low, high, color=colour, alpha=0.15, lw=0)
            axes.plot(grid, np.transpose([low, high]), color=colour, ls=style, lw=0.5)
        axes.plot(grid, share, color=colour, ls=style, lw=2.2)
        axes.text(1.01, share[-1], f"by {name}", va="center", fontsize=10)
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.set_xlabel("distance: total variation from uniform sampling")
    axes.set_ylabel("share of questions whose ranking\nchanges within it (bands: 95 %)")
    clean(axes)
    return figure


def against_weighting(result: Study) -> Figure:
    """Draw how many rankings flip within a distance, by the shares and by the comparisons."""
    facts = result.summary()
    counted, shares = facts["n_questions"], result.share_distances
    within = int((shares <= WEIGHTING_ERROR).sum())
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    axes = figure.add_subplot()
    grid = np.linspace(0.0, 0.5, 501)
    for distances, colour, style, label, place in (
        (shares, DARK, "-", "by who counts:\nshares of the parties", (0.25, 215)),
        (result.distances, MIDDLE, "--", "by what is compared: draws of the options", (0.25, 95)),
    ):
        number = np.searchsorted(distances, grid, side="right")
        if (band := result.band(grid, by_shares=distances is shares)) is not None:
            axes.fill_between(grid, *band, color=colour, alpha=0.2, lw=0)
        axes.plot(grid, number, color=colour, ls=style, lw=2)
        axes.text(*place, label, fontsize=10, va="center")
    axes.axvspan(0.0, WEIGHTING_ERROR, color=LIGHT, lw=0)
    axes.annotate(
        f"3 points of the shares:\n{within} rankings",
        (WEIGHTING_ERROR, within), (0.08, 85), fontsize=9,
        arrowprops={"arrowstyle": "-", "lw": 0.8},
    )  # fmt: skip
    axes.set(xlim=(0, 0.5), ylim=(0, None))
    axes.set_xlabel("distance in total variation")
    axes.set_ylabel(f"rankings that flip within it,\nof {counted} (bands: 95 %)")
    headline(
        figure,
        f"Who counts flips {len(shares)} of {counted} rankings, what is compared flips "
        f"{len(result.distances)}\nOpinionQA by party, whatever the distance",
    )
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def flagship_figure(question: Question) -> Figure:
    """Draw the draws and the won comparisons of each option, before and after the flip."""
    population = question.population()
    found = flip(population, Winner())
    order = list(ranking(nbc(population, found.base)).order)
    rows = np.arange(len(order))
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    values = (
        ("draws of each option", found.base, found.mix),
        ("comparisons that it wins", nbc(population, found.base), nbc(population, found.mix)),
    )
    for axes, (title, before, after) in zip(panels, values, strict=True):
        axes.hlines(rows, before[order], after[order], color="black", lw=1)
        axes.plot(before[order], rows, "o", color=DARK, ms=9, label="all options equally often")
        axes.plot(
            after[order], rows, "D", color="white", mec="black", mew=1.5, ms=8,
            label=f"{found.distance:.0%} of the draws moved",
        )  # fmt: skip
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
        axes.set_title(title, fontsize=10, loc="left")
        axes.grid(axis="x", color="#e6e6e6", lw=0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(rows, [question.options[y] for y in order])
    panels[0].set_ylim(len(order) - 0.5, -0.5)
    for position, name in ((0, "wins"), (1, "level after")):
        panels[1].annotate(
            name, (nbc(population, found.mix)[order[position]], position), (9, -4),
            textcoords="offset points", fontsize=9,
        )  # fmt: skip
    panels[0].set_xlim(left=0.0)
    panels[1].margins(x=0.2)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    best, second = (question.options[y] for y in found.pair or ())
    figure.suptitle(
        f"More guns in the country? \u201c{best.capitalize()}\u201d wins \u2013 until "
        f"{found.distance:.0%} of the draws move.\nThen \u201c{second}\u201d is level. "
        "Nobody has changed their mind.",
        fontsize=11, x=0.01, ha="left",
    )  # fmt: skip
    return figure


def what_becomes_of(question: Question, result: Study | None = None) -> dict[str, object]:
    """Return what becomes of the flip of a question's winner under other conventions.

    A number is the distance at which the same two options change places, the first of them
    leading at first or the second; anything else is another flip or none.
    """
    pair = None

    def distance(population: Population) -> float:
        nonlocal pair
        found = flip(population, Winner(), margin=1e-5, floor=1e-5)
        pair = pair or found.pair
        same = found.pair is not None and set(found.pair) == set(pair or ())
        return round(found.distance, 3) if same else np.inf

    found = {"question": question.key, "observed": distance(question.population())}
    own = study(Survey("one", (question,)), bootstrap=Bootstrap()) if result is None else result
    finding = own[question.key].finding
    assert finding is not None
    assert finding.uncertainty is not None
    assert pair is not None
    parties = [i for i, name in enumerate(question.groups) if name in ("Democrat", "Republican")]
    two = question.population().rewards[parties]
    return found | {
        "replicates": finding.uncertainty.winner_flip_share,
        "same winner": finding.uncertainty.same_winner,
        "equal": distance(question.with_shares("equal").population()),
        "smoothing": max(distance(question.population(smoothing=x)) for x in SMOOTHING),
        "temperature .5": distance(question.population(link=Logistic(0.5))),
        "temperature 1.75": distance(question.population(link=Logistic(1.75))),
        "temperature 2": distance(question.population(link=Logistic(2.0))),
        "two parties": distance(
            Population(two, question.group_shares[parties] / question.group_shares[parties].sum())
        )
        if len(two) == 2
        else np.nan,
        "neighbours": question.are_neighbours(pair),
        "by shares": round(finding.by_shares.winner.distance, 4),
    }


def candidates(result: Study) -> pd.DataFrame:
    """Return the tests of all questions whose winner is certain, and certain to be flippable.

    The flagship is the nearest one that passes all tests but the last temperature, and is no swap
    of neighbours.
    """
    rows = []
    for one in result.results:
        error = one.finding.uncertainty if one.finding else None
        if error and min(error.winner_flip_share, error.same_winner) >= CERTAIN:
            rows.append(what_becomes_of(one.question, result))
    return pd.DataFrame(rows).sort_values("observed")


def main() -> None:
    """Run the studies, print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("figures"))
    parser.add_argument("--only", metavar="NAME", help="one survey (default: all)")
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

    if options.only is not None:
        surveys = {options.only: surveys[options.only]}
    save(flagship_figure(read_pew()[FLAGSHIP]), options.out / "flagship")
    entry = read_starter()["ENTRY_2005"].with_shares("observed")
    print(pd.DataFrame([what_becomes_of(entry)]).to_string(index=False), "\n")

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
    if "OpinionQA by party" in results:
        party = results["OpinionQA by party"]
        save(against_weighting(party), options.out / "opinionqa_shares")
        print(candidates(party).to_string(index=False), "\n")
        print(certain(party))
        print(unanswered(surveys["OpinionQA by party"]))
        print(beside(party))
    if all(f"OpinionQA by {name}" in results for name in OPINIONQA_GROUPS):
        by_group = {name: results[f"OpinionQA by {name}"] for name in OPINIONQA_GROUPS}
        save(cdfs(by_group), options.out / "opinionqa_cdf")
    if GSS_NAME in results:
        columns = ["question", "n_respondents", "n_effective", "flip_distance", "flip_share",
                   "flip_low", "flip_high", "same_order"]  # fmt: skip
        print(results[GSS_NAME].to_frame()[columns].round(3).to_string(index=False), "\n")
    print(pd.DataFrame([row(*item) for item in results.items()]).to_string(index=False))


def beside(result: Study) -> str:
    """Set the flips by shares beside those by comparisons."""
    found = [r.finding for r in result.results if r.finding]
    both = [f for f in found if f.flip.exists and f.by_shares.ranking.exists]
    smaller = sum(f.by_shares.ranking.distance < f.flip.distance for f in both)
    near = int((result.share_distances <= WEIGHTING_ERROR).sum())
    winners = sum(f.by_shares.winner.distance <= WEIGHTING_ERROR for f in found)
    return (
        f"by party: both kinds of flip for {len(both)} questions, by the shares the nearer for "
        f"{smaller}; within {WEIGHTING_ERROR:g} of the shares {near} rankings and {winners} "
        "winners\n"
    )


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
