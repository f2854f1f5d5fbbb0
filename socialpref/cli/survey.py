"""``socialpref survey``: the fragility of every question of a survey."""

import argparse
import json
import math
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .. import _validate
from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ..surveys import (
        Bootstrap,
        DesignColumns,
        Protocol,
        QuestionResult,
        Study,
        Survey,
        Uncertainty,
    )
    from ..surveys.sensitivity_analysis import Variants

SOURCES = {
    "pew": "the embedded Pew table, 24 questions by party",
    "starter": "the embedded starter set, 70 questions of other surveys",
    "opinionqa": "OpinionQA's folder of counts (without a file: what 'data get' has fetched)",
    "table": "a table of counts, shares or percentages by question, group and option",
    "respondents": "a table, SPSS or Stata file with one row per respondent",
    "atp": "SPSS files of Pew's American Trends Panel, one or a folder of them",
    "globalopinionqa": "a JSON-lines file of answer shares by country",
    "ratings": "a table with one row per rating of an item",
}
ROWS = ("respondents", "atp", "ratings")
EMBEDDED = ("pew", "starter")
GOES_WITH = {
    "groups": tuple(source for source in SOURCES if source != "globalopinionqa"),
    "drop_groups": ROWS,
    "weight": ("respondents", "atp"),
    "strata": ("respondents",),
    "psu": ("respondents",),
    "replicate_weights": ("respondents",),
    "columns": ("respondents",),
    "where": ("respondents",),
    "codebook": ("respondents",),
    "select_all": ("respondents",),
    "missing": ("table", *ROWS),
    "drop_options": ("table", "globalopinionqa", *ROWS),
    "dont_know": ("table", "globalopinionqa", *ROWS),
}
"""Options of single sources."""
NEEDS_BOOTSTRAP = {
    "resample": "auto", "strata": "", "psu": "", "lonely_psu": "error", "replicate_weights": "",
    "replicate_method": None, "replicate_scale": None,
}  # fmt: skip
"""Options that are about replicates, and their defaults."""
WIDTH = 80
"""Of what is printed."""
WRITTEN = (
    "questions.csv", "skipped.csv", "summary.json", "flip_cdf.*", "question_*.png",
    "question_*.pdf", "sensitivity_*.csv", "sensitivity_*.png", "sensitivity_*.pdf",
)  # fmt: skip
"""What the last study wrote here does not stay beside the new one's."""
ASPECTS = ("smoothing", "temperature", "base", "shares", "groups")


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "survey",
        help="how fragile the ranking of each survey question is",
        description=(
            "Find, for every question of a survey, the smallest change of the distribution of "
            "comparisons, and of the groups' shares, that changes its ranking by normalized Borda "
            "count."
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
        "(default: the Pew table)",
    )
    add("--path", type=Path, metavar="FILE", help="the same as FILE")
    add(
        "--source",
        choices=list(SOURCES),
        help="the kind of the file (default: what its ending and its columns say)",
    )
    add_reading(add)

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
        "--group-shares",
        metavar="NAME|FILE",
        help="how much each group counts: observed (as it answered, weighted where there are "
        "weights), equal, wave (its share of the whole sample, those not asked included: the "
        "published protocol's), or a CSV file with columns group, share and perhaps question "
        "(default: observed; equal for the starter set's countries)",
    )
    add(
        "--share-margin",
        type=float,
        default=0.0,
        metavar="X",
        help="the lead that the overtaking option needs in a flip by the groups' shares "
        "(default: 0)",
    )
    add(
        "--share-floor",
        type=float,
        default=0.0,
        metavar="X",
        help="the least share that every group keeps in such a flip (default: 0)",
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
        help="the way to draw replicates: auto, replicate-weights, design, respondents, "
        "multinomial or dirichlet (default: auto, the first that the data allow)",
    )
    add(
        "--strata",
        default="",
        metavar="NAME[,NAME]",
        help="the column or columns of the sample's strata, for rows of respondents (default: "
        "none)",
    )
    add(
        "--psu",
        default="",
        metavar="NAME[,NAME]",
        help="the column or columns of the primary sampling units within the strata (default: "
        "none, respondents are drawn)",
    )
    add(
        "--lonely-psu",
        default="error",
        metavar="HOW",
        help="what to do with a stratum of a single unit: error, adjust (its distance from the "
        "mean of all units), average (the average variance of the other strata) or remove (no "
        "variance) (default: error)",
    )
    add(
        "--replicate-weights",
        default="",
        metavar="NAME[,NAME]",
        help="the columns of the survey's own replicate weights, or patterns such as 'rw*', for "
        "rows of respondents (default: none)",
    )
    add(
        "--replicate-method",
        metavar="METHOD",
        help="how the replicate weights were made: bootstrap, brr, fay:RHO, jk1, jk2, sdr, or "
        "jkn:WHERE with the replicates' factors in a file (one number a line) or in columns "
        "(required with replicate weights)",
    )
    add(
        "--replicate-scale",
        type=float,
        metavar="X",
        help="in place of a method: the factor of the sum of squares in the variance (default: "
        "the method's)",
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


def add_reading(add: Callable[..., Any]) -> None:
    """Add the options that say how a survey is read, but for its file and kind."""
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
        "--columns",
        default="",
        metavar="NAME[,NAME]",
        help="the columns that are questions, needed for rows of respondents; 'all' for every "
        "column that can be one, with those of demographics",
    )
    add(
        "--select-all",
        action="append",
        default=[],
        metavar="KEY=NAME[,NAME]",
        help="the columns of the items of a 'select all that apply' question, or its one column "
        "of text with the marked items between semicolons; may be repeated (default: none)",
    )
    add(
        "--codebook",
        type=Path,
        metavar="FILE",
        help="a table with the columns variable, code and label, and perhaps text, scale and "
        "missing, that says what the codes mean (default: what the file itself says)",
    )
    add(
        "--missing",
        action="append",
        default=[],
        metavar="[NAME=]CODE[,CODE]",
        help="the codes of missing answers, of all questions or of the one that is named; may be "
        "repeated (default: what labels and the file declare missing)",
    )
    add(
        "--drop-options",
        action="append",
        default=[],
        metavar="LABEL",
        help="an option to leave out; may be repeated (default: none)",
    )
    add(
        "--dont-know",
        choices=("drop", "keep"),
        help="whether \"don't know\" is an answer (default: drop; keep for Pew's files, as in "
        "the published protocol)",
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


def run(options: argparse.Namespace) -> None:
    """Run the study and write and print its results."""
    import pandas as pd

    from .._files import forgetting, results_folder
    from ..plots import flip_cdf, question_bars, save, sensitivity_dots
    from ..surveys import sensitivity, study
    from ..surveys.studies import check_jobs

    _validate.integer("--top", options.top)
    check_jobs(options.jobs)
    with telling():
        protocol, bootstrap = _protocol(options), _bootstrap(options)
        guessed = find_source(options)
        survey = read_survey(options, options.groups)
    if guessed:
        print(f"{options.path} is read as {SOURCES[options.source]} (--source {options.source})")
    asked = [survey[key] for key in options.question]
    aspects = {name: _variants(name, options, survey, protocol) for name in options.sensitivity}
    kept = options.out / "replicates"
    effort: dict[str, Any] = {"n_jobs": options.jobs, "progress": sys.stderr.isatty()}
    with results_folder(options.out, replacing=WRITTEN) as folder, forgetting(kept):
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

            write_report(result, options.report, sensitivity=tables)
    if left := _left_out(survey):
        _say(left)
    _say(_report(result, options.top))
    for question in asked:
        _say(_answer(result[question.key]))
    for aspect, table in tables.items():
        _say(f"Sensitivity to {aspect}\n{_shown(table)}\n")
    print(f"Tables and figures are in {options.out}{os.sep}")
    if options.report is not None:
        print(f"The report is {options.report}")


def _say(text: str) -> None:
    """Print lines; those that are too long go on below, further in than they began."""
    for line in text.split("\n"):
        if len(line) <= WIDTH:
            print(line)
            continue
        lead = " " * (len(line) - len(line.lstrip()))
        # Below the value of a line that has a name and a value.
        named = re.match(r" *\S.*?\S {2,}(?=\S)", line)
        place = len(named[0]) if named and len(named[0]) < WIDTH // 2 else len(lead) + 4
        print(
            textwrap.fill(
                line,
                WIDTH,
                subsequent_indent=" " * place,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


@contextmanager
def telling() -> Iterator[None]:
    """Print the warnings of a block on standard error, one line each."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(warning.message) for warning in told):
        print(f"socialpref: warning: {text}", file=sys.stderr)


def _left_out(survey: "Survey") -> str:
    """Return a line that says how many answers were missing, and of which kind; or nothing."""
    from ..surveys.missing import DONT_KNOW, KINDS

    lost = [d for q in survey for d in q.dropped if d.kind == "option" and d.reason in KINDS]
    numbers = {kind: sum(d.respondents for d in lost if d.reason == kind) for kind in KINDS}
    parts = [f"{number:,.10g} {kind}" for kind, number in numbers.items() if number]
    if not parts or any(q.counts is None for q in survey):
        return ""
    more = '; --dont-know keep counts "don\'t know"' if numbers[DONT_KNOW] else ""
    return f"Answers left out as missing: {', '.join(parts)}{more}"


def _protocol(options: argparse.Namespace) -> "Protocol":
    from ..links import Logistic
    from ..surveys import Protocol, read_base, read_shares
    from ..surveys.question import SHARES

    named = options.base in ("uniform", "answers")
    shares = options.group_shares
    return Protocol(
        smoothing=smoothing_of(options.smoothing),
        margin=options.margin,
        floor=options.floor,
        min_respondents_per_option=options.min_respondents,
        link=Logistic(options.temperature),
        base=options.base if named else read_base(options.base),
        group_shares=shares if shares in (None, *SHARES) else read_shares(shares),
        share_margin=options.share_margin,
        share_floor=options.share_floor,
    )


def smoothing_of(text: str) -> float | str:
    """Return the number that a text is, or 'jeffreys'."""
    if text == "jeffreys":
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--smoothing must be a number or 'jeffreys'; got {text!r}") from None


def _bootstrap(options: argparse.Namespace) -> "Bootstrap | None":
    from ..surveys import Bootstrap
    from ..surveys.uncertainty import MAX_REPLICATES

    # Settings are checked whether or not they are used.
    bootstrap = Bootstrap(
        n_replicates=_validate.integer("--bootstrap", options.bootstrap, 0, MAX_REPLICATES) or 2,
        seed=options.seed,
        method=options.resample,
        level=options.level,
    )
    for name, default in NEEDS_BOOTSTRAP.items():
        if not options.bootstrap and getattr(options, name) != default:
            raise InputError(f"--{name.replace('_', '-')} needs --bootstrap N, the number of draws")
    return bootstrap if options.bootstrap else None


def find_source(options: argparse.Namespace) -> bool:
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
        options.source = "pew"
    if options.source == "opinionqa" and options.path and options.path.name in OPINIONQA_FILES:
        options.groups = options.groups or options.path.name.removesuffix("_data.json")
        options.path = options.path.parent
    return guessed


def read_survey(options: argparse.Namespace, groups: str | None) -> "Survey":
    """Return the survey of the options that `add_reading` adds, by some groups."""
    from .. import surveys
    from ..surveys.missing import parse_codes
    from ..surveys.readers.respondents import check_rankings
    from ..surveys.registry import cached

    source, path = options.source, options.path
    for name, sources in GOES_WITH.items():
        if getattr(options, name) and source not in sources:
            option = name.replace("_", "-")
            raise InputError(f"--{option} goes with --source {' or '.join(sources)}; got {source}")
    if source in EMBEDDED and path is not None:
        raise InputError(f"--source {source} is embedded: it goes without a file")
    if source == "pew":
        if groups not in (None, "party"):
            raise InputError(
                f"the Pew table is by party; for other groups choose --source starter or a file "
                f"(got --groups {groups})"
            )
        return surveys.read_pew()
    if source == "starter":
        return surveys.read_starter(groups)
    if source == "opinionqa":
        return surveys.read_opinionqa(
            cached("opinionqa") if path is None else path, groups or "party"
        )
    if path is None:
        raise InputError(f"--source {source} needs a file: {SOURCES[source]}")
    names, dropped = comma_list(groups or ""), comma_list(options.drop_groups)
    missing = surveys.MissingAnswers(
        parse_codes(options.missing), options.drop_options, options.dont_know
    )
    if source == "table":
        return surveys.read_table(path, groups or "group", missing)
    if source == "globalopinionqa":
        return surveys.read_globalopinionqa(path, missing)
    if source == "atp":
        return surveys.read_atp(
            path,
            names or ["F_PARTYSUM_FINAL"],
            weight=options.weight,
            drop_groups=dropped,
            missing=missing,
        )
    if not names:
        raise InputError(f"--source {source} needs --groups: the columns that hold the groups")
    if source == "ratings":
        columns = options.item, options.rating, options.annotator
        return surveys.read_ratings(path, names, *columns, drop_groups=dropped, missing=missing)
    batteries = dict(map(_battery, options.select_all))
    questions = None if options.columns.strip() == "all" else comma_list(options.columns)
    if questions == [] and not batteries:
        check_rankings(path, names)
        raise InputError(
            "rows of respondents need --columns: the columns that are questions, or 'all' for "
            "every column that can be one, with those of demographics"
        )
    return surveys.read_respondents(
        path,
        names,
        weight=None if options.weight == "none" else options.weight,
        questions=questions,
        where=dict(_condition(text) for text in options.where),
        design=_design(options),
        drop_groups=dropped,
        missing=missing,
        codebook=None if options.codebook is None else surveys.read_codebook(options.codebook),
        batteries=batteries,
    )


def _design(options: argparse.Namespace) -> "DesignColumns":
    from ..surveys import DesignColumns

    return DesignColumns(
        strata=comma_list(options.strata),
        units=comma_list(options.psu),
        lonely=options.lonely_psu,
        replicate_weights=comma_list(options.replicate_weights),
        method=options.replicate_method,
        scale=options.replicate_scale,
    )


def comma_list(text: str) -> list[str]:
    """Return the names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _battery(text: str) -> tuple[str, list[str]]:
    key, found, columns = text.partition("=")
    if not found or not key or not comma_list(columns):
        raise InputError(f"--select-all must be KEY=NAME[,NAME]; got {text!r}")
    return key, comma_list(columns)


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
        groupings |= {n: read_survey(options, n) for n in surveys.OPINIONQA_GROUPS if n != own}
        return surveys.grouping_variants(groupings, protocol), own
    if aspect == "shares":
        return surveys.share_variants(survey, protocol), "as studied"
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
    from ..report.page import UNKNOWN_DESIGN
    from ..surveys.survey import UNKNOWN

    facts = result.summary()
    lines = [f"Survey study: {facts['survey']}"]
    if skipped := len(result.survey.skipped):
        lines.append(f"  {skipped} variables were not read as questions; skipped.csv says why")
    kinds = facts["group_shares"]
    shares = next(iter(kinds)) if len(kinds) == 1 else _counted(kinds)
    lines.append(f"  Shares of the groups: {shares}")
    if result.bootstrap is not None and UNKNOWN in facts["design"]:
        lines.append(f"  {UNKNOWN_DESIGN}")
    # Parts that were chosen in different ways have no rate in common.
    for name, part in result.parts.items():
        lines += [f"\n{name}", *_headline(part.summary())]
    if not result.parts:
        lines += _headline(facts)
    if facts["n_examined"]:
        gaps = facts["largest_certified_gap"], facts["largest_share_certified_gap"]
        gap = max((gap for gap in gaps if gap is not None), default=0.0)
        lines.append(f"  Every distance is proven, {_precision(gap)}")
    return "\n".join(lines + _most_fragile(result, top)) + "\n"


def _counted(kinds: dict[str, int]) -> str:
    from ..report.words import counted

    return "; ".join(f"{kind} ({counted(number, 'question')})" for kind, number in kinds.items())


def _headline(facts: dict[str, Any]) -> list[str]:
    """Return the sentences on a survey, or on a part of it."""
    from ..report.words import counted

    least = facts["settings"]["min_options"]
    lines = [
        f"  {counted(facts['n_questions'], 'question')} with at least {least} options, "
        f"{facts['n_examined']} of them examined"
    ]
    if not facts["n_examined"]:
        return lines
    lines.append(
        f"  {counted(facts['n_flippable'], 'question')} can be flipped by what is compared: "
        f"{facts['share_flippable']:.1%}" + _bounds(facts, "share_flippable", "{:.1%}")
    )
    if facts["median_distance"] is not None:
        lines += [
            f"    median distance {facts['median_distance']:.3f} in total variation"
            + _bounds(facts, "median_distance", "{:.3f}"),
            f"    of all questions, {_within(facts['share_within'])}",
            f"    swaps of neighbours on a scale: {facts['n_flippable_neighbours']}",
        ]
    lines.append(
        f"  {counted(facts['n_winner_flippable'], 'question')} can be given another winner "
        f"by what is compared: {facts['n_winner_flippable_neighbours']} by a swap of neighbours"
    )
    lines.append(
        f"  {counted(facts['n_share_flippable'], 'question')} can be flipped by who counts"
        + _bounds(facts, "n_share_flippable", "{:.0f}")
    )
    if facts["median_share_distance"] is not None:
        lines += [
            f"    median distance {facts['median_share_distance']:.3f} of the groups' shares"
            + _bounds(facts, "median_share_distance", "{:.3f}"),
            f"    of all questions, {_within(facts['share_within_by_shares'])}",
        ]
    differing = counted(facts["n_order_mismatch"], "question")
    lines.append(f"  For {differing} the NBC and average-reward orders differ")
    return lines


def _within(shares: dict[str, float]) -> str:
    return ", ".join(f"{share:.1%} within {distance}" for distance, share in shares.items())


def _most_fragile(result: "Study", top: int) -> list[str]:
    """Return the list of fragile questions: changes of the winner and nominal options first."""
    from ..surveys.headline import named_first

    named = named_first(result.results)[:top]
    if not named:
        return []
    width = min(max(len(r.question.key) for r, _ in named), LONGEST)
    lines = []
    heading = None
    for r, found in named:
        assert r.finding is not None
        if (wins := r.finding.winner_flip.exists) != heading:
            aim = "winner" if wins else "order"
            lines.append(f"\nAnother {aim}: distance, key, which option overtakes which")
            heading = wins
        assert found.pair is not None
        above, below = (r.question.options[y] for y in found.pair)
        mark = " (neighbours)" if r.question.are_neighbours(found.pair) else ""
        lines.append(
            f"  {found.distance:.4f}  {r.question.key:<{width}}  {below!r} over {above!r}{mark}"
        )
    return lines


LONGEST = 24
"""Keys are padded to the same length up to this."""
SHOWN = {
    "setting": "setting",
    "n_flippable": "flips",
    "median_distance": "median",
    "n_winner_flippable": "winners",
    "n_share_flippable": "shares",
    "median_share_distance": "median ",
    "n_other_order": "order",
    "n_other_winner": "winner",
}
"""The columns of a sensitivity table that are printed, and their headings."""
LEGEND = (
    "flips, winners: that what is compared can flip; shares: rankings that who counts can; "
    "order, winner: questions with another one than as studied"
)


def _shown(table: "pd.DataFrame") -> str:
    shown = table[list(SHOWN)].rename(columns=SHOWN)
    numbers = shown.to_string(index=False, float_format="{:.3f}".format, na_rep="-")
    return f"{numbers}\n{LEGEND}"


def _precision(gap: float) -> str:
    return f"to within {gap:.0e}" if gap else "exactly"


def _bounds(facts: dict[str, Any], name: str, form: str) -> str:
    interval = facts.get(f"{name}_interval")
    if interval is None:
        return ""
    low, high = map(form.format, interval)
    return f" ({facts['settings']['bootstrap']['level']:.0%} interval {low} to {high})"


def _answer(result: "QuestionResult") -> str:
    from ..report.words import stretched_words
    from ..surveys.shares import describe_shares

    question, found = result.question, result.finding
    title = f"{question.key}: {question.text}".rstrip(": ")
    if found is None:
        return f"{title}\n  not examined: {result.reason}\n"
    lines = [
        title,
        f"  NBC order at the base sampling  {found.nbc_order.describe(question.options)}",
        f"  order by average reward         {found.reward_order.describe(question.options)}",
        f"  distance of the nearest flip    {found.flip.distance:.6f}",
        f"  by the groups' shares           {found.by_shares.ranking.distance:.6f}",
        *_error_lines(found.uncertainty, question.options),
        *(f"  {text}" for text in stretched_words(found)),
        f"  {found.flip.describe()}",
        f"  Who counts: {describe_shares(question)} shares. {found.by_shares.ranking.describe()}",
        *(f"  dropped: {dropped}" for dropped in question.dropped),
    ]
    return "\n".join(lines) + "\n"


def _error_lines(error: "Uncertainty | None", options: tuple[str, ...]) -> list[str]:
    if error is None:
        return []
    return [
        f"  replicates that can be flipped  {error.flip_share:.1%}; {error.level:.0%} interval of "
        f"the distance {error.flip_interval.describe('{:.4f}', infinite='never')}",
        f"  replicates with the same order  {error.same_order:.1%}, the same winner "
        f"{error.same_winner:.1%} ({error.n_replicates}, by {error.method})",
        *_design_lines(error),
        f"  {error.level:.0%} intervals of NBC",
        *(
            f"    {option}: {interval.describe()}"
            for option, interval in zip(options, error.nbc_intervals, strict=True)
        ),
    ]


def _design_lines(error: "Uncertainty") -> list[str]:
    lines = []
    if math.isfinite(error.deff):
        lines.append(f"  design effect of the shares     {error.deff:.2f}")
    if math.isfinite(error.degrees):
        lines.append(f"  degrees of freedom              {error.degrees:g}")
    return lines
