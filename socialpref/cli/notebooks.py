"""``socialpref notebooks``: write the course."""

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "notebooks", help="write the course: notebooks with tasks, to open in Jupyter"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        default="socialpref-notebooks",
        help="the folder to write to; files in it are not replaced (default: socialpref-notebooks)",
    )
    parser.add_argument(
        "--solutions",
        action="store_true",
        help="write the notebook with the solutions, too (default: without it)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from ..course import write_notebooks

    for file in write_notebooks(options.out, solutions=options.solutions):
        print(file)
