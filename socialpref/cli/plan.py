"""``socialpref plan``: what preference data to collect for a budget."""

import argparse
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from ..errors import InputError
from ..theory.planning import GOALS
from .methods import read_population

if TYPE_CHECKING:
    from ..population import Population
    from ..theory import Plan

EXAMPLES = ("mediocre-winner", "two-camps")
ALIKE = 10
"""Populations drawn like the assumed one, to see how much the recommendation hangs on it."""


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "plan",
        help="what preference data to collect for a budget",
        description="Compare ways to ask annotators - pairs, linked comparisons, repeats, "
        "rankings, panels, reported types - for a budget: what each identifies, the error that it "
        "reaches at best, the labels that it needs for a goal, and the best mixture. All errors "
        "are efficiency bounds for the assumed population and logistic preferences.",
    )
    parser.set_defaults(run=run)
    add = parser.add_argument_group("what is assumed of the annotators").add_argument
    add(
        "--options",
        type=int,
        metavar="K",
        help="the number of options of an assumed population, whose rewards are drawn from the "
        "standard normal distribution",
    )
    add(
        "--types",
        type=int,
        metavar="T",
        help="the number of types of the assumed population, equally large; of a pilot the number "
        "of latent classes (default: chosen on annotators who were left out)",
    )
    add(
        "--population",
        type=Path,
        metavar="FILE",
        help="a table of a population, with the columns type, share, option and reward",
    )
    add("--example", choices=EXAMPLES, help="a worked example of the theory")
    add(
        "--comparisons",
        type=Path,
        metavar="FILE",
        help="a pilot: a table of comparisons with annotators",
    )
    add(
        "--bootstrap",
        type=int,
        default=20,
        metavar="N",
        help="the number of draws of a pilot's population (default: 20)",
    )
    add("--know-shares", action="store_true", help="the shares of the types are known")

    add = parser.add_argument_group("the budget and the goal").add_argument
    add(
        "--budget", type=float, required=True, metavar="X", help="the budget, in units of the costs"
    )
    add(
        "--cost-annotator",
        type=float,
        default=0.0,
        metavar="X",
        help="the cost of each annotator (default: 0)",
    )
    add(
        "--cost-label",
        type=float,
        default=1.0,
        metavar="X",
        help="the cost of each label (default: 1)",
    )
    add(
        "--goal",
        choices=list(GOALS),
        default="gap",
        help="; ".join(f"{name}: the {what}" for name, what in GOALS.items()) + " (default: gap)",
    )
    add(
        "--error",
        type=float,
        default=0.05,
        metavar="X",
        help="the error of the goal for which the labels needed are given (default: 0.05)",
    )
    add("--seed", type=int, default=0, metavar="N", help="the seed of what is random (default: 0)")
    add = parser.add_argument_group("the results").add_argument
    add(
        "--out",
        type=Path,
        default=Path("socialpref-plan"),
        metavar="DIR",
        help="the folder of the results (default: socialpref-plan)",
    )


def run(options: argparse.Namespace) -> None:
    """Compare the structures, and write and print the results."""
    from .._files import results_folder
    from ..plots import save
    from ..plots.plan import plan_errors
    from ..theory import plan

    prompts, name = _population(options)
    with results_folder(options.out) as folder:
        found = plan(
            prompts,
            options.budget,
            cost_annotator=options.cost_annotator,
            cost_label=options.cost_label,
            goal=options.goal,
            error=options.error,
            know_shares=options.know_shares,
            seed=options.seed,
        )
        found.to_frame().to_csv(folder / "plan.csv", index=False)
        text = json.dumps(_summary(found, name, prompts), indent=2, allow_nan=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        save(plan_errors(found), folder / "plan")
    print(_report(found, name))
    print(f"A table and a figure are in {options.out}{os.sep}")


def _population(options: argparse.Namespace) -> tuple["tuple[Population, ...]", str]:
    """Return what is assumed of the annotators at each prompt, and where it comes from."""
    from .. import examples
    from ..population import Population

    given = {
        "--options": options.options,
        "--population": options.population,
        "--example": options.example,
        "--comparisons": options.comparisons,
    }
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        got = " and ".join(chosen) or "none"
        raise InputError(
            f"choose one of --options with --types, --population, --example and --comparisons; got "
            f"{got}"
        )
    if options.types is not None and (options.population or options.example):
        raise InputError("--types goes with --options or --comparisons")
    if options.population is not None:
        return (read_population(options.population),), str(options.population.name)
    if options.example is not None:
        make = getattr(examples, options.example.replace("-", "_"))
        return (make(),), f"the example {options.example}"
    if options.comparisons is not None:
        return _of_pilot(options)
    size = _validate.integer("--options", options.options, 2, 30)
    if options.types is None:
        raise InputError("--options goes with --types, the number of types")
    n_types = _validate.integer("--types", options.types, 1, 10)
    rng = np.random.default_rng(_validate.integer("--seed", options.seed))
    rewards = rng.normal(size=(1 + ALIKE, n_types, size))
    assumed = Population(rewards[0]).with_draws(rewards[1:])
    return (assumed,), f"{n_types} equal types whose rewards of {size} options are standard normal"


def _of_pilot(options: argparse.Namespace) -> tuple["tuple[Population, ...]", str]:
    """Return the populations of a pilot's latent classes, with draws, at its prompts."""
    from ..comparisons import (
        Comparisons,
        choose_classes,
        fit_latent_classes,
        populations_by_prompt,
    )

    rows = Comparisons.from_file(options.comparisons)
    draws = _validate.integer("--bootstrap", options.bootstrap)
    if rows.annotator is None:
        raise InputError(f"{options.comparisons.name}: a pilot must say who made each comparison")
    if options.types is None:
        mixture = choose_classes(rows, seed=options.seed).fit
    else:
        n_classes = _validate.integer("--types", options.types, 1, 10)
        mixture = fit_latent_classes(rows, n_classes, seed=options.seed)
    people = populations_by_prompt(rows, mixture, bootstrap=draws, seed=options.seed)
    kinds = "1 latent class" if mixture.n_classes == 1 else f"{mixture.n_classes} latent classes"
    at = "" if len(people) == 1 else f" at {len(people)} prompts"
    return people, f"the pilot {options.comparisons.name}, {kinds}{at}"


def _summary(found: "Plan", name: str, prompts: "tuple[Population, ...]") -> dict[str, Any]:
    """Return what was found as plain values; what is infinite is None."""
    from ..theory.structures import described

    def plain(value: float) -> float | None:
        return value if math.isfinite(value) else None

    def offer(one: Any) -> dict[str, Any] | None:
        if one is None:
            return None
        ends = one.interval()
        between = None if ends is None else (ends.low, ends.high)
        return {
            "structure": described(one.information.structure),
            "annotators": one.n_annotators,
            "labels": one.n_labels,
            "error": plain(one.error),
            "labels_needed": plain(one.labels_needed),
            **({} if between is None else {"error_interval": [plain(x) for x in between]}),
        }

    return {
        "population": name,
        "n_types": prompts[0].n_types,
        "n_options": [one.n_options for one in prompts],
        "goal": found.goal,
        "error": found.wanted,
        "budget": found.budget,
        "cost_annotator": found.cost_annotator,
        "cost_label": found.cost_label,
        "best": offer(found.best),
        "best_mixture": offer(found.mixture),
        "best_mixture_gap": found.mixture_gap,
        "best_in_draws": {one.describe(): share for one, share in found.best_in_draws.items()},
        "structures": [offer(one) for one in found.offers],
    }


def _report(found: "Plan", name: str) -> str:
    """Return the comparison as a table of at most 80 columns, and the recommendation."""
    from textwrap import wrap

    from ..theory.structures import described

    lines = [
        f"Assumed: {name}.",
        f"Budget {found.budget:g}; an annotator costs {found.cost_annotator:g}, a label "
        f"{found.cost_label:g}.",
        f"Error: {GOALS[found.goal]}.",
        "",
        f"{'structure':<48} {'labels':>9} {'error':>8} {'needed':>11}",
    ]
    marked = False
    for offer in found.offers:
        first, *more = wrap(described(offer.information.structure), 48)
        known = math.isfinite(offer.information.variance_per_label)
        error = f"{offer.error:8.3g}" if known else f"{'open':>8}"
        needed = (
            f"{offer.labels_needed:11,.0f}" if math.isfinite(offer.labels_needed) else f"{'-':>11}"
        )
        mark = " *" if known and not offer.recommendable else ""
        marked = marked or bool(mark)
        lines.append(f"{first:<48} {offer.n_labels:9,.0f} {error} {needed}{mark}")
        lines += [f"  {rest}" for rest in more]
    if marked:
        lines.append("* not recommended: types are not identified, or next to the truth only")
    lines.append("")
    for sentence in found.describe().splitlines():
        lines += wrap(sentence, 80)
    return "\n".join(lines) + "\n"
