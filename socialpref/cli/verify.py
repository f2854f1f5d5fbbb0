"""``socialpref verify``: training against theory, and verdicts on losses."""

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _validate
from ..errors import InputError

if TYPE_CHECKING:
    from ..methods import Entry
    from ..training import Certification
    from ..training.expectation import Setting

ORDERS = {"nbc": "NBC", "average-reward": "average reward"}


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    from ..methods import METHODS

    others = ", ".join(method.name for method in METHODS if not method.identified)
    parser = commands.add_parser(
        "verify",
        help="train the alignment methods, or judge a loss of your own, and compare with theory",
        description="Train each method on worked and random populations: on the expectation of "
        "its loss, where training must end at the exact limit, and on samples, whose error must "
        "fall with the square root of their size. The order of the options must be the promised "
        "one. Flip distances of the starter questions are computed in three ways, which must "
        "agree. The exit status is 1 if a check fails. Left out are methods that have no training "
        "here, and those whose comparisons do not always identify their limit: "
        f"{others}. With a loss, MODULE:FUNCTION, nothing is "
        "trained on samples: the loss is minimised on many populations, and the verdict says what "
        "it converges to, and whose order it has. The exit status is then 1 if it has no minimum "
        "or is not what is expected, with a counterexample.",
    )
    parser.add_argument(
        "loss",
        nargs="?",
        metavar="MODULE:FUNCTION",
        help="a loss to judge, in torch: from margins and labels to one loss for each; modules "
        "of the current folder are found",
    )
    parser.add_argument(
        "--expect",
        metavar="NAME",
        help="what the loss must be: nbc or average-reward, whose order it must have, or a method "
        "such as dpo or 'ipo(tau=0.1)', whose limit it must have at some beta",
    )
    parser.add_argument(
        "--information",
        choices=["anonymous", "linked", "typed", "panel", "ballots"],
        help="what a label tells the loss (default: anonymous)",
    )
    parser.add_argument(
        "--sees",
        metavar="NAMES",
        help="what else the loss is given, separated by commas, of: logp, length, reference",
    )
    parser.add_argument(
        "--types",
        type=int,
        metavar="N",
        help="the number of types, for typed labels and panels (default: 3)",
    )
    parser.add_argument(
        "--methods",
        metavar="LIST",
        help="the methods to train, with their options in brackets, such as 'dpo, ipo(tau=0.1)' "
        "(default: all but those left out)",
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
    training = {"--methods": options.methods, "--sizes": options.sizes}
    judging = {
        "--expect": options.expect,
        "--information": options.information,
        "--sees": options.sees,
        "--types": options.types,
    }
    lost = judging if options.loss is None else training
    for name, value in lost.items():
        if value is not None:
            needed = "with a loss, MODULE:FUNCTION" if lost is judging else "without a loss"
            raise InputError(f"'{name}' must be given {needed}; got {value!r}.")
    return _train(options) if options.loss is None else _judge(options)


def _judge(options: argparse.Namespace) -> int:
    """Print the verdict on a loss, and return whether it is what was expected."""
    from ..methods import METHODS, methods_written
    from ..training import certify

    methods: tuple[Entry, ...] = ()
    if options.expect is not None and options.expect.lower() not in ORDERS:
        names = [*ORDERS, *sorted({method.name for method in METHODS})]
        _validate.choice("expect", options.expect.lower().partition("(")[0].strip(), names)
        methods = methods_written(options.expect)
    found = certify(
        _load(options.loss),
        information=options.information or "anonymous",
        sees=tuple(options.sees.split(",")) if options.sees else (),
        n_types=options.types,
    )
    print(found.describe())
    if options.expect is None:
        return 0 if found.has_minimum else 1
    if methods:
        verdicts = [found.against(entry.method) for entry in methods]
        held = any(one.factor is not None and one.factor > 0.0 for one in verdicts)
        example = None if held else verdicts[0].counterexample
        if not held and verdicts[0].factor is not None:
            example = found.looked[0].setting  # the rewards are turned round everywhere
    else:
        order = ORDERS[options.expect.lower()]
        held = found.order == order
        example = next(v.counterexample for v in found.orders_on_all if v.order == order)
    print(_outcome(found, options.expect, example, held=held))
    return 0 if held else 1


def _outcome(
    found: "Certification", expected: str, example: "Setting | None", *, held: bool
) -> str:
    """Return in words whether an expectation holds, with a counterexample if it does not."""
    from ..training.verdicts import written

    if held:
        return f"Expected {expected}: it is."
    if example is not None:
        return f"Expected {expected}: it is not. Counterexample: {written(example)}"
    why = "" if found.has_minimum else " It has no minimum on some populations."
    return f"Expected {expected}: it is not.{why}"


def _load(name: str) -> Any:
    """Return the function that MODULE:FUNCTION names."""
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise _validate.complaint("loss", "MODULE:FUNCTION, such as losses:mine", repr(name))
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise InputError(f"'{name}' cannot be loaded: {_validate.shown(error)}") from error
    return found


def _train(options: argparse.Namespace) -> int:
    from .._files import results_folder
    from ..flips.agreement import agreement
    from ..methods import methods_written
    from ..plots import save
    from ..plots.verification import verification
    from ..surveys import read_starter
    from ..training import verify

    sizes = {} if options.sizes is None else {"sizes": options.sizes}
    methods = None
    if options.methods is not None:
        methods = [entry.method for entry in methods_written(options.methods)]
    with results_folder(options.out) as folder:
        progress = sys.stderr.isatty()
        report = verify(methods, n_seeds=options.seeds, progress=progress, **sizes)
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
