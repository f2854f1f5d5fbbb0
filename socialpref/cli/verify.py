"""``socialpref verify``: training against theory."""

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "verify",
        help="train every method and compare with its exact limit",
        description="Train every method on worked and random populations: on the expectation, "
        "where it must end at the exact limit, and on samples, which must near it. Flip distances "
        "of the starter questions are computed in three ways, which must agree. Exits with 1 if a "
        "statement fails.",
    )
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--sizes", nargs="+", type=int, metavar="N", help="numbers of annotations")
    parser.add_argument("--seeds", type=int, default=8, help="samples of each size (default: 8)")
    parser.add_argument(
        "--out", default="socialpref-verify", metavar="DIR", help="folder of the results"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ..errors import InputError

    try:
        from ..training import verify
    except ModuleNotFoundError as error:
        raise InputError(
            f"'verify' needs {error.name}: install the extra 'train' of socialpref"
        ) from None
    from .._files import results_folder
    from ..flips.agreement import agreement
    from ..plots import save
    from ..plots.verification import verification
    from ..surveys import read_starter

    sizes = {} if options.sizes is None else {"sizes": options.sizes}
    report = verify(options.methods, n_seeds=options.seeds, progress=True, **sizes)
    flips = agreement(question.population() for question in read_starter())
    table = report.table()
    with results_folder(options.out) as folder:
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
