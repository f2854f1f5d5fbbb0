"""The command line: ``socialpref survey``."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import __version__
from .errors import InputError, SocialPrefError

if TYPE_CHECKING:
    from .surveys import QuestionResult, Study, Survey


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints take one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, or 2 after a one-line error."""
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
    except SocialPrefError as error:
        print(f"socialpref: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone; let Python's exit stay quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("socialpref: interrupted; nothing was written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="socialpref",
        description="Whose preferences does a model learn? Social-choice analysis of alignment.",
    )
    parser.add_argument("--version", action="version", version=f"socialpref {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    survey = commands.add_parser(
        "survey",
        help="how fragile is each survey question's ranking?",
        description=(
            "Find, for every question of a survey, the smallest change of the uniform "
            "distribution of comparisons that changes its ranking by normalized Borda count."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = survey.add_argument
    add("--source", choices=["starter", "opinionqa", "table"], default="starter", help="the survey")
    add("--path", type=Path, help="folder of OpinionQA's files, or the table's CSV file")
    add("--groups", help="starter: a grouping; opinionqa: party, race or sex; table: a column")
    add("--question", action="append", default=[], metavar="KEY", help="show this question too")
    add("--smoothing", type=float, default=1e-15, help="added to every answer share")
    add("--margin", type=float, default=1e-5, help="by which an option must get ahead")
    add("--floor", type=float, default=1e-5, help="least share of draws of every option")
    add("--temperature", type=float, default=1.0, help="of the Bradley-Terry link")
    add("--min-respondents", type=float, default=100.0, metavar="N", help="per option, on average")
    add("--top", type=int, default=10, metavar="N", help="how many fragile questions to print")
    add("--out", type=Path, default=Path("socialpref-survey"), metavar="DIR", help="results folder")
    survey.set_defaults(run=_survey)
    return parser


def _survey(options: argparse.Namespace) -> int:
    from ._files import results_folder
    from .links import Logistic
    from .plots import flip_cdf, question_bars, save
    from .surveys import Protocol, study

    protocol = Protocol(
        smoothing=options.smoothing,
        margin=options.margin,
        floor=options.floor,
        min_respondents_per_option=options.min_respondents,
        link=Logistic(options.temperature),
    )
    survey = _read(options)
    asked = [survey[key] for key in options.question]
    with results_folder(options.out) as folder:
        result = study(survey, protocol)
        result.to_frame().to_csv(folder / "questions.csv", index=False)
        text = json.dumps(result.summary(), indent=2, allow_nan=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        save(flip_cdf(result), folder / "flip_cdf")
        for question in asked:
            stem = "question_" + re.sub(r"[^\w.-]", "_", question.key)
            save(question_bars(result[question.key]), folder / stem)
    print(_report(result, options.top))
    for question in asked:
        print(_answer(result[question.key]))
    print(f"Tables and figures are in {options.out}{os.sep}")
    return 0


def _read(options: argparse.Namespace) -> "Survey":
    from .surveys import read_opinionqa, read_starter, read_table

    if options.source == "starter":
        if options.path is not None:
            raise InputError(
                "--path goes with --source opinionqa or table, not with the starter set"
            )
        return read_starter(options.groups)
    if options.path is None:
        what = {"opinionqa": "the folder with OpinionQA's files", "table": "a CSV file"}
        raise InputError(f"--source {options.source} needs --path: {what[options.source]}")
    if options.source == "opinionqa":
        return read_opinionqa(options.path, options.groups or "party")
    return read_table(options.path, options.groups or "group")


def _report(result: "Study", top: int) -> str:
    facts = result.summary()
    lines = [
        f"Survey study: {facts['survey']}",
        f"  {facts['n_questions']} questions with at least {result.protocol.min_options} options, "
        f"{facts['n_examined']} of them examined",
    ]
    if facts["n_examined"]:
        share = facts["share_flippable"]
        lines.append(f"  {facts['n_flippable']} can be flipped ({share:.1%} of the questions)")
        if facts["median_distance"] is not None:
            lines[-1] += f"; median distance {facts['median_distance']:.3f} in total variation"
        lines += [
            f"  {facts['n_winner_flippable']} can be given another winner",
            f"  {facts['n_order_mismatch']} are ordered by NBC otherwise than by average reward",
            f"  every distance is proven, to within {facts['largest_certified_gap']:.0e}",
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


def _answer(result: "QuestionResult") -> str:
    question, found = result.question, result.finding
    title = f"{question.key}: {question.text}".rstrip(": ")
    if found is None:
        return f"{title}\n  not examined: {result.reason}\n"
    lines = [
        title,
        f"  NBC order at uniform sampling   {found.nbc_order.describe(question.options)}",
        f"  order by average reward         {found.reward_order.describe(question.options)}",
        f"  distance of the nearest flip    {found.flip.distance:.6f}",
        f"  {found.flip.describe(question.options)}",
        *(f"  dropped: {dropped}" for dropped in question.dropped),
    ]
    return "\n".join(lines) + "\n"
