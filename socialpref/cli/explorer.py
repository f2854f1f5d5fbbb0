"""``socialpref explorer``: write the interactive page."""

import argparse
import webbrowser
from pathlib import Path
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "explorer", help="write the explorer, a web page with rewards and shares to change by hand"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        default="explorer.html",
        help="the page to write; it needs neither server nor network (default: explorer.html)",
    )
    parser.add_argument(
        "--open", action="store_true", help="open the page in the browser (default: only write it)"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from ..explorer import build

    file = Path(options.out)
    build(file)
    print(file)
    if options.open:
        webbrowser.open(file.resolve().as_uri())
