"""The command line: a module for each command."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..errors import InputError, SocialPrefError
from . import comparisons, data, explorer, hh, methods, notebooks, plan, survey, verify


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints take one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 if a check failed, 2 after an error."""
    parser = _Parser(
        prog="socialpref",
        description="Whose preferences does a model learn? Social-choice analysis of alignment.",
    )
    parser.add_argument("--version", action="version", version=f"socialpref {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    survey.add_to(commands)
    comparisons.add_to(commands)
    methods.add_to(commands)
    plan.add_to(commands)
    data.add_to(commands)
    explorer.add_to(commands)
    notebooks.add_to(commands)
    hh.add_to(commands)
    verify.add_to(commands)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack a label's letters
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parser.parse_args(arguments)
        status: int | None = options.run(options)
        sys.stdout.flush()
    except SocialPrefError as error:
        print("socialpref: error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone; let Python's exit stay quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Run the same command again to resume.", file=sys.stderr)
        return 130
    return status or 0
