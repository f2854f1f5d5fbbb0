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
    from ..surveys.sensitivity_analysis import Variants

SOURCES = {
    "starter": "the embedded starter set",
    "opinionqa": "OpinionQA's folder of counts (without a file: what 'data get' has fetched)",
    "table": "a CSV file of counts by question, group and option",
    "respondents": "a CSV or Parquet file with one row per respondent",
    "atp": "SPSS files of Pew's American Trends Panel, one or a folder of them",
    "globalopinionqa": "a JSON-lines file of answer shares by country",
    "ratings": "a CSV or Parquet file with one row per rating of an item",
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
        help="how fragile the ranking of each survey question is",
        description=(
            "Find, for every question of a survey, the smallest change of the distribution of "
            "comparisons that changes its ranking by normalized Borda count."
        ),
        epilog="Sources. " + "; ".join(f"{name}: {what}" for name, what in SOURCES.items()) + ".",
    )
    parser.set_defaults(run=run)

    add = parser.add_argument_group("the survey").add_argument
    add(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="the survey's file or folder; its kind is known by its ending and its columns "
        "(default: the starter set)",
    )
    add("--path", type=Path, metavar="FILE", help="the same as FILE")
    add(
        "--source",
        choices=list(SOURCES),
        help="the kind of the file (default: what its ending and its columns say)",
    )
    add(
        "--groups",
        metavar="NAME[,NAME]",
        help="the column or columns that hold the groups; several are crossed. For the starter "
        "set, a grouping such as country; for OpinionQA party, race or sex (default: party). "
        "Default for a table: group; for Pew's files: F_PARTYSUM_FINAL",
    )
    add(
        "--drop-groups",
        default="",
        metavar="LABEL[,LABEL]",
        help="the groups to leave out (default: none)",
    )
    add(
        "--weight",
        metavar="NAME",
        help="the column of survey weights; 'none' for no weights (default: none for rows of "
        "respondents, each wave's own for Pew's files)",
    )
    add(
        "--replicate-weights",
        default="",
        metavar="NAME[,NAME]",
        help="the columns of replicate weights, for rows of respondents (default: none)",
    )
    add(
        "--columns",
        default="",
        metavar="NAME[,NAME]",
        help="the columns that are questions, for rows of respondents (default: all that can be)",
    )
    add(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="a condition on the rows of respondents to keep; may be repeated (default: all rows)",
    )
    add(
        "--item",
        default="item",
        metavar="NAME",
        help="the column of what was rated, for ratings (default: item)",
    )
    add(
        "--annotator",
        default="annotator",
        metavar="NAME",
        help="the column of who rated, for ratings (default: annotator)",
    )
    add(
        "--rating",
        default="rating",
        metavar="NAME",
        help="the column of the rating, for ratings (default: rating)",
    )

    add = parser.add_argument_group("the protocol").add_argument
    add(
        "--smoothing",
        default="1e-15",
        metavar="X",
        help="the number added to every answer share, or 'jeffreys' for half a respondent in "
        "every cell (default: 1e-15)",
    )
    add(
        "--margin",
        type=float,
        default=1e-5,
        metavar="X",
        help="the lead in NBC that the overtaking option needs (default: 1e-5)",
    )
    add(
        "--floor",
        type=float,
        default=1e-5,
        metavar="X",
        help="the least share of draws that every option keeps (default: 1e-5)",
    )
    add(
        "--temperature",
        type=float,
        default=1.0,
        metavar="X",
        help="the temperature of the Bradley-Terry link (default: 1)",
    )
    add(
        "--base",
        default="uniform",
        metavar="NAME|FILE",
        help="the sampling distribution that flips start from: uniform, answers, or a CSV file "
        "with columns question, option, share (default: uniform)",
    )
    add(
        "--min-respondents",
        type=float,
        default=100.0,
        metavar="N",
        help="the least number of respondents per option of a question that is examined "
        "(default: 100)",
    )

    add = parser.add_argument_group("sampling error and sensitivity").add_argument
    add(
        "--bootstrap",
        type=int,
        default=0,
        metavar="N",
        help="the number of replicates of each question, for intervals (default: 0, no intervals)",
    )
    add("--seed", type=int, default=0, metavar="N", help="the seed of the replicates (default: 0)")
    add(
        "--resample",
        default="auto",
        metavar="METHOD",
        help="the way to draw replicates: auto, respondents, replicate-weights, multinomial or "
        "dirichlet (default: auto, the first that the data allow)",
    )
    add(
        "--replicate-scale",
        type=float,
        metavar="X",
        help="the factor of the sum of squares in the variance by replicate weights (default: 1 "
        "over their number)",
    )
    add(
        "--level",
        type=float,
        default=0.95,
        metavar="X",
        help="the coverage of the intervals (default: 0.95)",
    )
    add(
        "--sensitivity",
        action="append",
        default=[],
        choices=ASPECTS,
        help="a setting to vary as well; may be repeated (default: none)",
    )
    add(
        "--jobs",
        type=int,
        metavar="N",
        help="the number of processes; -1 for all cores (default: 1)",
    )

    add = parser.add_argument_group("the results").add_argument
    add(
        "--question",
        action="append",
        default=[],
        metavar="KEY",
        help="a question to show in detail; may be repeated (default: none)",
    )
    add(
        "--top",
        type=int,
        default=10,
        metavar="N",
        help="the number of fragile questions to print (default: 10)",
    )
    add(
        "--out",
        type=Path,
        default=Path("socialpref-survey"),
        metavar="DIR",
        help="the folder of the results (default: socialpref-survey)",
    )
    add(
        "--report",
        type=Path,
        metavar="FILE",
        help="a report to write, an HTML page that opens in a browser (default: none)",
    )


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
    guessed = _find_source(options)
    survey = _read(options, options.groups)
    if guessed:
        print(f"{options.path} is read as {SOURCES[options.source]} (--source {options.source})")
    asked = [survey[key] for key in options.question]
    aspects = {name: _variants(name, options, survey, protocol) for name in options.sensitivity}
    kept = options.out / "replicates"
    effort: dict[str, Any] = {"n_jobs": options.jobs, "progress": sys.stderr.isatty()}
    with results_folder(options.out) as folder, forgetting(kept):
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
    if options.report is not None:
        print(f"The report is {options.report}")


@contextmanager
def forgetting(folder: Path) -> Iterator[None]:
    """Remove a folder after the block, but keep it after an interruption, to resume from."""
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
    from ..surveys.uncertainty import MAX_REPLICATES

    # Settings are checked whether or not they are used.
    bootstrap = Bootstrap(
        n_replicates=_validate.integer("--bootstrap", options.bootstrap, 0, MAX_REPLICATES) or 2,
        seed=options.seed,
        method=options.resample,
        level=options.level,
        replicate_scale=options.replicate_scale,
    )
    return bootstrap if options.bootstrap else None


def _find_source(options: argparse.Namespace) -> bool:
    """Complete `path`, `source` and `groups`; return whether the source was told by the file."""
    from ..surveys.readers.kinds import OPINIONQA_FILES, kind_of

    if options.file is not None and options.path not in (None, options.file):
        raise InputError(f"FILE and --path are the same; got {options.file} and {options.path}")
    options.path = options.file if options.path is None else options.path
    guessed = options.source is None and options.path is not None
    if guessed:
        ratings = options.item, options.rating, options.annotator
        options.source = kind_of(options.path, groups=bool(options.groups), ratings=ratings)
    elif options.source is None:
        options.source = "starter"
    if options.source == "opinionqa" and options.path and options.path.name in OPINIONQA_FILES:
        options.groups = options.groups or options.path.name.removesuffix("_data.json")
        options.path = options.path.parent
    return guessed


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
            raise InputError("the starter set is embedded: it goes without a file")
        return surveys.read_starter(groups)
    if source == "opinionqa":
        return surveys.read_opinionqa(
            cached("opinionqa") if path is None else path, groups or "party"
        )
    if path is None:
        raise InputError(f"--source {source} needs a file: {SOURCES[source]}")
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
    from ..report.words import counted

    facts = result.summary()
    lines = [
        f"Survey study: {facts['survey']}",
        f"  {counted(facts['n_questions'], 'question')} with at least "
        f"{result.protocol.min_options} options, {facts['n_examined']} of them examined",
    ]
    if skipped := len(result.survey.skipped):
        lines.append(
            f"  Not read as questions: {counted(skipped, 'variable')}; skipped.csv says why"
        )
    if facts["n_examined"]:
        share = facts["share_flippable"]
        lines.append(
            f"  {counted(facts['n_flippable'], 'question')} can be flipped: "
            f"{share:.1%} of the questions" + _bounds(facts, "share_flippable", "{:.1%}")
        )
        if facts["median_distance"] is not None:
            lines.append(
                f"  Their median flip distance is {facts['median_distance']:.3f} in total variation"
                + _bounds(facts, "median_distance", "{:.3f}")
            )
        differing = counted(facts["n_order_mismatch"], "question")
        lines += [
            f"  {counted(facts['n_winner_flippable'], 'question')} can be given another winner",
            f"  For {differing} the NBC and average-reward orders differ",
            f"  Every distance is proven, {_precision(facts['largest_certified_gap'])}",
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
    return [
        f"  replicates that can be flipped  {error.flip_share:.1%}; {error.level:.0%} interval of "
        f"the distance {error.flip_interval.describe('{:.4f}', infinite='never')}",
        f"  replicates with the same order  {error.same_order:.1%}, the same winner "
        f"{error.same_winner:.1%} ({error.n_replicates}, by {error.method})",
    ]
