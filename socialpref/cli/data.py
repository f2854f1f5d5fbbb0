"""``socialpref data``: survey data by name."""

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "data", help="public survey data by name: list them, fetch them, show their folder"
    )
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser(
        "list", help="the data sets that can be fetched, where they come from and whom to cite"
    )
    listing.set_defaults(run=_list)
    get = actions.add_parser(
        "get", help="fetch the missing files of a data set, check them and print its folder"
    )
    get.set_defaults(run=_get)
    where = actions.add_parser("where", help="print the folder in which a data set is kept")
    where.set_defaults(run=_where)
    for action in (get, where):
        action.add_argument(
            "name", metavar="NAME", help="the name of a data set, as 'list' shows it"
        )


def _list(_: argparse.Namespace) -> None:
    from ..surveys.registry import DATA_SETS, is_complete, where

    for name, data in DATA_SETS.items():
        here = where(name) if is_complete(name) else f"not here (socialpref data get {name})"
        print(f"{name}: {data.title}\n  in    {here}\n  from  {data.address}")
        print(f"  cite  {data.citation}")


def _get(options: argparse.Namespace) -> None:
    from ..surveys.registry import get

    print(get(options.name))


def _where(options: argparse.Namespace) -> None:
    from ..surveys.registry import where

    print(where(options.name))
