"""``socialpref methods``: what every alignment method converges to on one population."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _validate
from ..errors import InputError
from .reading import (
    EMBEDDED,
    SOURCES,
    add_reading,
    comma_list,
    find_source,
    read_survey,
    smoothing_of,
    telling,
)

if TYPE_CHECKING:
    from ..methods import MethodComparison
    from ..population import Population

EXAMPLES = ("mediocre-winner", "two-camps")
WIDTH = 80
"""Most characters of a printed line."""
OPTION_WIDTH = 16
SHOWN = {
    "average_reward": "reward", "worst_regret": "regret", "distortion": "distort.",
    "distance_to_optimum": "to best",
}  # fmt: skip
"""The metrics that are printed, and the heads of their columns."""
UNUSED = {
    "strata": "", "psu": "", "lonely_psu": "error", "replicate_weights": "",
    "replicate_method": None, "replicate_scale": None,
}  # fmt: skip
"""Options of the readers of surveys that this command does not have."""


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "methods",
        help="what every alignment method converges to on one population",
        description="Compute the policy that each alignment method converges to with unlimited "
        "data on one population, in what order it puts the options, and how good it is for the "
        "people. Without a population the worked example of the mediocre winner is taken.",
    )
    parser.set_defaults(run=run, **UNUSED)

    add = parser.add_argument_group("the population").add_argument
    add(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="a table of a population, with the columns type, share, option and reward; with "
        "--question, a survey",
    )
    add(
        "--example",
        type=str.lower,
        choices=EXAMPLES,
        help="a worked example of the theory (default: none)",
    )
    add("--question", metavar="KEY", help="the survey question to take (default: none)")
    add(
        "--source",
        metavar="KIND|FILE",
        help="the kind of the survey, as for 'survey', or its file (default: what the file's "
        "ending and columns say; without a file, the embedded tables)",
    )
    add("--path", type=Path, metavar="FILE", help="the file of the survey")
    add(
        "--comparisons",
        type=Path,
        metavar="FILE",
        help="a table of comparisons, rankings, ratings, choices or votes; its columns are known "
        "by their names (default: none)",
    )
    add(
        "--types",
        metavar="NAME[,NAME]",
        help="the columns of the comparisons with the annotators' types; several are crossed "
        "(default: everybody is of one type)",
    )
    add("--prompt", metavar="NAME", help="the prompt of the comparisons, if there are several")
    add(
        "--temperature",
        type=float,
        default=1.0,
        metavar="X",
        help="the temperature of the Bradley-Terry link of a population or a question (default: 1)",
    )
    add(
        "--smoothing",
        default="1e-15",
        metavar="X",
        help="the number added to every answer share of a question, or 'jeffreys' (default: 1e-15)",
    )

    add = parser.add_argument_group("the methods").add_argument
    add(
        "--methods",
        metavar="LIST",
        help="the methods, with their options in brackets, such as "
        "'dpo, ipo(tau=0.1), maxmin(c=reference)' (default: all)",
    )
    add(
        "--beta",
        type=float,
        default=1.0,
        metavar="X",
        help="the strength of the regularisation towards the uniform reference (default: 1)",
    )

    add = parser.add_argument_group("sampling error").add_argument
    add(
        "--bootstrap",
        type=int,
        default=0,
        metavar="N",
        help="the number of draws of a question or of comparisons, for intervals (default: 0)",
    )
    add("--seed", type=int, default=0, metavar="N", help="the seed of the draws (default: 0)")
    add(
        "--level",
        type=float,
        default=0.95,
        metavar="X",
        help="the coverage of the intervals (default: 0.95)",
    )

    add = parser.add_argument_group("the results").add_argument
    add(
        "--out",
        type=Path,
        default=Path("socialpref-methods"),
        metavar="DIR",
        help="the folder of the results (default: socialpref-methods)",
    )
    add_reading(parser.add_argument_group("how the survey is read").add_argument)


def run(options: argparse.Namespace) -> None:
    """Compare the methods, and write and print the results."""
    from .._files import results_folder
    from ..methods import compare_methods, entries, methods_written
    from ..plots import save
    from ..plots.methods import method_policies

    asked = entries() if options.methods is None else methods_written(options.methods)
    _validate.integer("--bootstrap", options.bootstrap)
    with telling():
        population, name = _population(options)
    with results_folder(options.out) as folder:
        found = compare_methods(
            population, asked, beta=options.beta, level=options.level, progress=sys.stderr.isatty()
        )
        found.policies().to_csv(folder / "policies.csv", index=False)
        found.metrics().to_csv(folder / "metrics.csv", index=False)
        summary = {"population": name, **found.summary()}
        text = json.dumps(summary, indent=2, allow_nan=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        drawn = any(result.limit is not None for result in found.results)
        if drawn:
            save(method_policies(found), folder / "policies")
    print(f"{name}: {population.n_types} types, {population.n_options} options")
    print(_report(found))
    print(f"Tables{' and a figure' if drawn else ''} are in {options.out}{os.sep}")


def _population(options: argparse.Namespace) -> tuple["Population", str]:
    """Return the population that was asked for, and what it is."""
    from .. import examples

    if options.question is not None:
        chosen = {"--question": True}
    else:
        chosen = {"FILE": options.file is not None}
    chosen |= {
        "--example": options.example is not None,
        "--comparisons": options.comparisons is not None,
    }
    if sum(chosen.values()) > 1:
        names = " and ".join(name for name, there in chosen.items() if there)
        raise InputError(f"choose one population; got {names}")
    if options.question is None and (options.source or options.path):
        raise InputError("--source and --path are of a survey; they go with --question KEY")
    if options.comparisons is None and (options.types or options.prompt):
        raise InputError("--types and --prompt go with --comparisons FILE")
    if options.question is not None:
        return _of_question(options)
    if options.comparisons is not None:
        return _of_comparisons(options)
    if options.bootstrap:
        raise InputError("--bootstrap draws from data; it goes with --question or --comparisons")
    if options.file is not None:
        return read_population(options.file, options.temperature), options.file.name
    if options.example is None:
        print("No population is named: this is the worked example of the mediocre winner.")
    make = examples.two_camps if options.example == "two-camps" else examples.mediocre_winner
    return make(), (options.example or EXAMPLES[0]).replace("-", " ").capitalize()


def read_population(file: Path, temperature: float = 1.0) -> "Population":
    """Return the population of a table; capital letters in the names of columns do not matter."""
    from .._tables import read_table_file, reading
    from ..links import Logistic
    from ..population import Population

    link = Logistic(temperature)
    with reading(file):
        table = read_table_file(file)
        small = {name: str(name).strip().lower() for name in table.columns}
        names = {name: new for name, new in small.items() if new not in table.columns}
        return Population.from_frame(table.rename(columns=names), link=link)


def _of_question(options: argparse.Namespace) -> tuple["Population", str]:
    from ..links import Logistic
    from ..surveys import Bootstrap, Protocol, population_with_draws

    if options.source is not None and options.source not in SOURCES:
        given = Path(options.source)
        if not given.exists() or options.file is not None or options.path is not None:
            kinds = ", ".join(SOURCES)
            raise InputError(
                f"--source must be one of {kinds}, or the survey's file; got {options.source!r}"
            )
        options.source, options.path = None, given
    if options.source is None and options.file is None and options.path is None:
        for options.source in EMBEDDED:
            survey = read_survey(options, options.groups if options.source == "starter" else None)
            if options.question in {question.key for question in survey}:
                break
        else:
            raise InputError(
                f"--question must be a key of the Pew table or of the starter set, or go with a "
                f"survey's file; got {options.question!r}"
            )
    else:
        find_source(options)
        survey = read_survey(options, options.groups)
    question = survey[options.question]
    protocol = Protocol(smoothing_of(options.smoothing), link=Logistic(options.temperature))
    if options.bootstrap:
        bootstrap = Bootstrap(options.bootstrap, seed=options.seed)
        population, _ = population_with_draws(question, protocol, bootstrap)
    else:
        population = question.population(smoothing=protocol.smoothing, link=protocol.link)
    return population, f"{question.key} ({survey.name})"


def _of_comparisons(options: argparse.Namespace) -> tuple["Population", str]:
    from ..comparisons import Comparisons, population_of

    columns: dict[str, Any] = {}
    if options.types:
        columns["types"] = comma_list(options.types)
    if options.annotator != "annotator":
        columns["annotator"] = options.annotator
    comparisons = Comparisons.from_file(options.comparisons, **columns)
    prompt = None
    if options.prompt is not None:
        names = comparisons.prompts or tuple(map(str, range(comparisons.n_prompts)))
        prompt = names.index(_validate.choice("--prompt", options.prompt, names))
    population = population_of(
        comparisons,
        "given" if options.types else "everybody",
        prompt=prompt,
        bootstrap=options.bootstrap,
        seed=options.seed,
    )
    return population, options.comparisons.name


def _report(found: "MethodComparison") -> str:
    """Return the table of winners and metrics, the orders, and why methods have no limit."""
    table = found.table()
    facts = found.summary()
    numbers = 10 * len(SHOWN)
    width = min(max(map(len, ["method", *table["method"]])), WIDTH - numbers - OPTION_WIDTH // 2)
    room = min(OPTION_WIDTH, WIDTH - numbers - width - 2)
    head = f"{'method':<{width}}  {'winner':<{room}}"
    lines = [
        *_cut("Order by NBC:            ", facts["nbc_order"]),
        *_cut("Order by average reward: ", facts["average_reward_order"]),
        "",
        head + "".join(f"{name:>10}" for name in SHOWN.values()),
    ]
    notes = []
    for row in table.to_dict("records"):
        line = f"{_short(row['method'], width):<{width}}  "
        if isinstance(row["winner"], str):
            line += f"{_short(row['winner'], room):<{room}}"
            lines.append(line + "".join(f"{row[name]:>10.4f}" for name in SHOWN))
        else:
            lines.append(line + "no limit")
        if row["note"]:
            notes.append(f"{row['method']}: {row['note']}")
    lines += [
        "",
        "reward: average reward of the policy; regret: of the type that regrets most;",
        "distort.: the best option's gain over the policy's; to best: total variation",
        "to the optimal policy. Intervals and further metrics are in metrics.csv.",
    ]
    for note in notes:
        lines += _cut("", note)
    return "\n".join(lines) + "\n"


def _cut(name: str, text: str) -> list[str]:
    """Return lines of at most 80 characters."""
    from textwrap import wrap

    return wrap(name + text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
