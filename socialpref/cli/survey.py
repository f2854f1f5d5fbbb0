"""``socialpref survey``: the fragility of every question of a survey."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .. import _validate
from ..errors import InputError, SocialPrefError

if TYPE_CHECKING:
    from ..surveys import Bootstrap, Protocol, QuestionResult, Study, Survey, Uncertainty
    from ..surveys.sensitivity import Variants

SOURCES = {
    "starter": "the embedded starter set",
    "opinionqa": "OpinionQA's folder of counts; without --path, what 'data get' has fetched",
    "table": "a CSV file of counts by question, group and option",
    "respondents": "a CSV or Parquet file with one row per respondent",
    "atp": "a folder of SPSS files of Pew's American Trends Panel",
    "globalopinionqa": "a JSON-lines file of answer shares by country",
    "ratings": "a CSV file with one row per rating of an item",
}
GOES_WITH = {
    "groups": tuple(source for source in SOURCES if source != "globalopinionqa"),
    "drop_groups": ("respondents", "atp", "ratings"),
    "weight": ("respondents", "atp"),
    "replicate_weights": ("respondents",),
    "columns": ("respondents",),
    "where": ("respondents",),
}
"""Options of single sources."""
ASPECTS = ("smoothing", "temperature", "base", "groups")


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "survey",
        help="how fragile is each survey question's ranking?",
        description=(
            "Find, for every question of a survey, the smallest change of the distribution of "
            "comparisons that changes its ranking by normalized Borda count."
        ),
        epilog="sources: " + "; ".join(f"{name}: {what}" for name, what in SOURCES.items()),
    )
    parser.set_defaults(run=run)

    add = parser.add_argument_group("the survey").add_argument
    add("--source", choices=list(SOURCES), default="starter", help="where it comes from")
    add("--path", type=Path, help="its file or folder")
    add(
        "--groups",
        metavar="NAME[,NAME]",
        help="starter: a grouping; opinionqa: party, race or sex; else the column or columns "
        "that hold the groups, which are crossed",
    )
    add("--drop-groups", default="", metavar="LABEL[,LABEL]", help="groups to leave out")
    add("--weight", metavar="NAME", help="respondents, atp: the weight; 'none' for no weights")
    add("--replicate-weights", default="", metavar="NAME[,NAME]", help="respondents: their columns")
    add(
        "--columns",
        default="",
        metavar="NAME[,NAME]",
        help="respondents: columns that are questions",
    )
    add("--where", action="append", default=[], metavar="COLUMN=VALUE", help="keep only these rows")
    add("--item", default="item", metavar="NAME", help="ratings: the column of the item")
    add("--annotator", default="annotator", metavar="NAME", help="ratings: the column of who rated")
    add("--rating", default="rating", metavar="NAME", help="ratings: the column of the rating")

    add = parser.add_argument_group("the protocol").add_argument
    add("--smoothing", default="1e-15", help="added to every answer share, or 'jeffreys' (1e-15)")
    add("--margin", type=float, default=1e-5, help="by which an option must get ahead (1e-5)")
    add("--floor", type=float, default=1e-5, help="least share of draws of every option (1e-5)")
    add("--temperature", type=float, default=1.0, help="of the Bradley-Terry link (1)")
    add("--base", default="uniform", help="where flips start: uniform, answers, or a CSV file")
    add("--min-respondents", type=float, default=100.0, metavar="N", help="per option (100)")

    add = parser.add_argument_group("sampling error and sensitivity").add_argument
    add("--bootstrap", type=int, default=0, metavar="N", help="draw each question N times again")
    add("--seed", type=int, default=0, help="of the draws (0)")
    add(
        "--resample",
        default="auto",
        metavar="METHOD",
        help="auto, respondents, replicate-weights, multinomial or dirichlet (auto)",
    )
    add(
        "--replicate-scale", type=float, metavar="X", help="of replicate weights (1 / their number)"
    )
    add("--level", type=float, default=0.95, help="of the intervals (0.95)")
    add("--sensitivity", action="append", default=[], choices=ASPECTS, help="vary this, too")
    add("--jobs", type=int, metavar="N", help="processes; -1 for all cores (1)")

    add = parser.add_argument_group("the results").add_argument
    add("--question", action="append", default=[], metavar="KEY", help="show this question, too")
    add("--top", type=int, default=10, metavar="N", help="how many fragile questions to print (10)")
    add(
        "--out", type=Path, default=Path("socialpref-survey"), metavar="DIR", help="folder for them"
    )
    add("--report", type=Path, metavar="FILE", help="write a report that opens in a browser")


def run(options: argparse.Namespace) -> None:
    """Run the study and write and print its results."""
    import pandas as pd

    from .._files import results_folder
    from ..plots import flip_cdf, question_bars, save, sensitivity_dots
    from ..surveys import sensitivity, study
    from ..surveys.studies import check_jobs

    _validate.integer("--top", options.top)
    check_jobs(options.jobs)
    protocol, bootstrap = _protocol(options), _bootstrap(options)
    survey = _read(options, options.groups)
    asked = [survey[key] for key in options.question]
    aspects = {name: _variants(name, options, survey, protocol) for name in options.sensitivity}
    kept = options.out / "replicates"
    effort: dict[str, Any] = {"n_jobs": options.jobs, "progress": sys.stderr.isatty()}
    with results_folder(options.out) as folder, _forgetting(kept):
        result = study(survey, protocol, bootstrap, keep=kept if bootstrap else None, **effort)
        result.to_frame().to_csv(folder / "questions.csv", index=False)
        if survey.skipped:
            pd.DataFrame(map(asdict, survey.skipped)).to_csv(folder / "skipped.csv", index=False)
        text = json.dumps(result.summary(), indent=2, allow_nan=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        save(flip_cdf(result), folder / "flip_cdf")
        for question in asked:
            stem = f"question_{quote(question.key, safe='')}"
            if result[question.key].finding is not None:
                save(question_bars(result[question.key]), folder / stem)
        tables = {
            aspect: sensitivity(variants, reference=own, **effort)
            for aspect, (variants, own) in aspects.items()
        }
        for aspect, table in tables.items():
            table.to_csv(folder / f"sensitivity_{aspect}.csv", index=False)
            save(sensitivity_dots(table, aspect), folder / f"sensitivity_{aspect}")
        if options.report is not None:
            from ..report import write_report

            write_report(result, options.report)
    print(_report(result, options.top))
    for question in asked:
        print(_answer(result[question.key]))
    for aspect, table in tables.items():
        print(f"Sensitivity to {aspect}\n{table.to_string(index=False)}\n")
    print(f"Tables and figures are in {options.out}{os.sep}")


@contextmanager
def _forgetting(folder: Path) -> Iterator[None]:
    """Remove a folder in the end, unless the block is interrupted: then it is needed again."""
    try:
        yield
    except SocialPrefError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _protocol(options: argparse.Namespace) -> "Protocol":
    from ..links import Logistic
    from ..surveys import Protocol, read_base

    smoothing: float | str = options.smoothing
    if smoothing != "jeffreys":
        try:
            smoothing = float(smoothing)
        except ValueError:
            raise InputError(
                f"--smoothing must be a number or 'jeffreys'; got {smoothing!r}"
            ) from None
    named = options.base in ("uniform", "answers")
    return Protocol(
        smoothing=smoothing,
        margin=options.margin,
        floor=options.floor,
        min_respondents_per_option=options.min_respondents,
        link=Logistic(options.temperature),
        base=options.base if named else read_base(options.base),
    )


def _bootstrap(options: argparse.Namespace) -> "Bootstrap | None":
    from ..surveys import Bootstrap

    # Settings are checked whether or not they are used.
    bootstrap = Bootstrap(
        n_replicates=_validate.integer("--bootstrap", options.bootstrap) or 2,
        seed=options.seed,
        method=options.resample,
        level=options.level,
        replicate_scale=options.replicate_scale,
    )
    return bootstrap if options.bootstrap else None


def _read(options: argparse.Namespace, groups: str | None) -> "Survey":
    from .. import surveys
    from ..surveys.registry import cached

    source, path = options.source, options.path
    for name, sources in GOES_WITH.items():
        if getattr(options, name) and source not in sources:
            option = name.replace("_", "-")
            raise InputError(f"--{option} goes with --source {' or '.join(sources)}; got {source}")
    if source == "starter":
        if path is not None:
            raise InputError("--path goes with another --source than the starter set")
        return surveys.read_starter(groups)
    if source == "opinionqa":
        return surveys.read_opinionqa(
            cached("opinionqa") if path is None else path, groups or "party"
        )
    if path is None:
        raise InputError(f"--source {source} needs --path: {SOURCES[source]}")
    names, dropped = _list(groups or ""), _list(options.drop_groups)
    if source == "table":
        return surveys.read_table(path, groups or "group")
    if source == "globalopinionqa":
        return surveys.read_globalopinionqa(path)
    if source == "atp":
        return surveys.read_atp(
            path, names or ["F_PARTYSUM_FINAL"], weight=options.weight, drop_groups=dropped
        )
    if not names:
        raise InputError(f"--source {source} needs --groups: the columns that hold the groups")
    if source == "ratings":
        columns = options.item, options.rating, options.annotator
        return surveys.read_ratings(path, names, *columns, drop_groups=dropped)
    return surveys.read_respondents(
        path,
        names,
        weight=None if options.weight == "none" else options.weight,
        questions=_list(options.columns) or None,
        where=dict(_condition(text) for text in options.where),
        replicate_weights=_list(options.replicate_weights),
        drop_groups=dropped,
    )


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _condition(text: str) -> tuple[str, str]:
    column, found, value = text.partition("=")
    if not found:
        raise InputError(f"--where must be COLUMN=VALUE; got {text!r}")
    return column, value


def _variants(
    aspect: str, options: argparse.Namespace, survey: "Survey", protocol: "Protocol"
) -> tuple["Variants", str]:
    """Return the variants of an aspect, and the name of the one that was asked for."""
    from .. import surveys

    if aspect == "groups":
        if options.source != "opinionqa":
            raise InputError("--sensitivity groups goes with --source opinionqa")
        own = options.groups or "party"
        groupings = {own: survey}
        groupings |= {n: _read(options, n) for n in surveys.OPINIONQA_GROUPS if n != own}
        return surveys.grouping_variants(groupings, protocol), own
    if aspect == "base":
        named = options.base in ("uniform", "answers")
        variants = surveys.base_variants(survey, protocol, None if named else options.base)
    else:
        vary = {
            "smoothing": surveys.smoothing_variants,
            "temperature": surveys.temperature_variants,
        }
        variants = vary[aspect](survey, protocol)
    return variants, next(name for name, (_, varied) in variants.items() if varied == protocol)


def _report(result: "Study", top: int) -> str:
    facts = result.summary()
    lines = [
        f"Survey study: {facts['survey']}",
        f"  {facts['n_questions']} questions with at least {result.protocol.min_options} options, "
        f"{facts['n_examined']} of them examined",
    ]
    if skipped := len(result.survey.skipped):
        lines.append(f"  {skipped} variables are no questions; skipped.csv says why")
    if facts["n_examined"]:
        share = facts["share_flippable"]
        lines.append(
            f"  {facts['n_flippable']} can be flipped: {share:.1%} of the questions"
            + _bounds(facts, "share_flippable", "{:.1%}")
        )
        if facts["median_distance"] is not None:
            lines.append(
                f"  their median distance is {facts['median_distance']:.3f} in total variation"
                + _bounds(facts, "median_distance", "{:.3f}")
            )
        lines += [
            f"  {facts['n_winner_flippable']} can be given another winner",
            f"  {facts['n_order_mismatch']} are ordered by NBC otherwise than by average reward",
            f"  every distance is proven, {_precision(facts['largest_certified_gap'])}",
        ]
    frame = result.to_frame()
    if len(result.distances) and top > 0:
        lines.append("\nMost fragile questions: distance, key, which option overtakes which")
        fragile = frame[frame["flip_distance"] < float("inf")].nsmallest(top, "flip_distance")
        width = fragile["question"].str.len().max()
        lines += [
            f"  {row.flip_distance:.4f}  {row.question:<{width}}  "
            f"{row.flip_below!r} over {row.flip_above!r}"
            for row in fragile.itertuples()
        ]
    return "\n".join(lines) + "\n"


def _precision(gap: float) -> str:
    return f"to within {gap:.0e}" if gap else "exactly"


def _bounds(facts: dict[str, Any], name: str, form: str) -> str:
    interval = facts.get(f"{name}_interval")
    if interval is None:
        return ""
    low, high = map(form.format, interval)
    return f" ({facts['settings']['bootstrap']['level']:.0%} interval {low} to {high})"


def _answer(result: "QuestionResult") -> str:
    question, found = result.question, result.finding
    title = f"{question.key}: {question.text}".rstrip(": ")
    if found is None:
        return f"{title}\n  not examined: {result.reason}\n"
    lines = [
        title,
        f"  NBC order at the base sampling  {found.nbc_order.describe(question.options)}",
        f"  order by average reward         {found.reward_order.describe(question.options)}",
        f"  distance of the nearest flip    {found.flip.distance:.6f}",
        *_error_lines(found.uncertainty),
        f"  {found.flip.describe()}",
        *(f"  dropped: {dropped}" for dropped in question.dropped),
    ]
    return "\n".join(lines) + "\n"


def _error_lines(error: "Uncertainty | None") -> list[str]:
    if error is None:
        return []
    low, high = error.flip_interval
    return [
        f"  replicates that can be flipped  {error.flip_share:.1%}, {error.level:.0%} of them "
        f"between {low:.4f} and {high:.4f}",
        f"  replicates with the same order  {error.same_order:.1%}, the same winner "
        f"{error.same_winner:.1%} ({error.n_replicates}, by {error.method})",
    ]
