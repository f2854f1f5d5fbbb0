"""``socialpref verify``: training against theory."""

import argparse
import sys
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    from ..methods import METHODS

    names = ", ".join(method.name for method in METHODS if method.identified)
    others = ", ".join(method.name for method in METHODS if not method.identified)
    parser = commands.add_parser(
        "verify",
        help="train the alignment methods, and compare them with their exact limits",
        description="Train each method on worked and random populations: on the expectation of "
        "its loss, where training must end at the exact limit, and on samples, whose error must "
        "fall with the square root of their size. The order of the options must be the promised "
        "one. Flip distances of the starter questions are computed in three ways, which must "
        "agree. The exit status is 1 if a check fails. Left out are methods whose comparisons do "
        f"not always identify their limit: {others}.",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="NAME",
        help=f"the methods to train, of: {names} (default: all of these)",
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
