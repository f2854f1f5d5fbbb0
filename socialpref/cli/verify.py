"""``socialpref verify``: training against theory."""

import argparse
import sys
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "verify",
        help="train every method that has an exact limit, and compare with it",
        description="Train every method that has an exact limit (all but latent-classes) on "
        "worked and random populations: on the expectation, where training must end at the limit, "
        "and on samples, where it must come closer to the limit as samples grow. Flip distances of "
        "the starter questions are computed in three ways, which must agree. The exit status is 1 "
        "if a check fails.",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="NAME",
        help="the methods to train (default: all that have a limit)",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=int,
        metavar="N",
        help="the numbers of labels in the samples (default: 3000 30000 300000)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        default=8,
        help="the number of samples of each size (default: 8)",
    )
    parser.add_argument(
        "--out",
        default="socialpref-verify",
        metavar="DIR",
        help="the folder of the results (default: socialpref-verify)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from .._extras import require

    require("train", "'verify'")
    from .._files import results_folder
    from ..flips.agreement import agreement
    from ..plots import save
    from ..plots.verification import verification
    from ..surveys import read_starter
    from ..training import verify

    sizes = {} if options.sizes is None else {"sizes": options.sizes}
    with results_folder(options.out) as folder:
        progress = sys.stderr.isatty()
        report = verify(options.methods, n_seeds=options.seeds, progress=progress, **sizes)
        flips = agreement(question.population() for question in read_starter())
        table = report.table()
        table.to_csv(folder / "verify.csv", index=False)
        save(verification(report), folder / "verify")
    shown = table.drop(columns="slope_error").assign(
        slope=[f"{r.slope:.2f} ± {r.slope_error:.2f}" for r in report.results],
        passed=["pass" if r.passed else "FAIL" for r in report.results],
    )
    print(shown.to_string(index=False, float_format=lambda value: f"{value:.1e}"))
    failed = sum(not r.passed for r in report.results)
    print(
        f"\n{len(report.results) - failed} of {len(report.results)} pass; written to {options.out}"
    )
    print(flips.describe())
    return 0 if flips.passed and not failed else 1
