"""``socialpref survey``: the fragility of every question of a survey."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .. import _validate
from ..errors import InputError

if TYPE_CHECKING:
    from ..surveys import (
        Bootstrap,
        Protocol,
        Survey,
    )
    from ..surveys.sensitivity_analysis import Variants

from .findings import answer, left_out, report, say, shown
from .reading import (
    SOURCES,
    add_reading,
    find_source,
    read_survey,
    smoothing_of,
    telling,
)

NEEDS_BOOTSTRAP = {
    "resample": "auto", "strata": "", "psu": "", "lonely_psu": "error", "replicate_weights": "",
    "replicate_method": None, "replicate_scale": None,
}  # fmt: skip
"""Options that are about replicates, and their defaults."""
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
        print(f"{options.path} is read as --source {options.source}")
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
    if left := left_out(survey):
        say(left)
    say(report(result, options.top))
    for question in asked:
        say(answer(result[question.key]))
    for aspect, table in tables.items():
        say(f"Sensitivity to {aspect}\n{shown(table)}\n")
    print(f"Tables and figures are in {options.out}{os.sep}")
    if options.report is not None:
        print(f"The report is {options.report}")


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
