"""How the command line reads a survey: kinds of files, their options, and warnings."""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from ..surveys import (
        DesignColumns,
        Survey,
    )

SOURCES = {
    "pew": "the embedded Pew table, 24 questions by party",
    "starter": "the embedded starter set, 70 questions of other surveys",
    "opinionqa": "OpinionQA's folder of counts (without a file: what 'data get' has fetched)",
    "table": "a table of counts, shares or percentages by question, group and option",
    "respondents": "a table, SPSS or Stata file with one row per respondent",
    "atp": "SPSS files of Pew's American Trends Panel, one or a folder of them",
    "globalopinionqa": "a JSON-lines file of answer shares by country",
    "ratings": "a table with one row per rating of an item",
}
ROWS = ("respondents", "atp", "ratings")
EMBEDDED = ("pew", "starter")
GOES_WITH = {
    "groups": tuple(source for source in SOURCES if source != "globalopinionqa"),
    "drop_groups": ROWS,
    "weight": ("respondents", "atp"),
    "strata": ("respondents",),
    "psu": ("respondents",),
    "replicate_weights": ("respondents",),
    "columns": ("respondents",),
    "where": ("respondents",),
    "codebook": ("respondents",),
    "select_all": ("respondents",),
    "missing": ("table", *ROWS),
    "drop_options": ("table", "globalopinionqa", *ROWS),
    "dont_know": ("table", "globalopinionqa", *ROWS),
}
"""Options of single sources."""


def add_reading(add: Callable[..., Any]) -> None:
    """Add the options that say how a survey is read, but for its file and kind."""
    add(
        "--groups",
        metavar="NAME[,NAME]",
        help="the column or columns that hold the groups; several are crossed. For the starter "
        "set, a grouping such as country; for OpinionQA party, race or sex (default: party). "
        "Default for a table: group; for Pew's files: F_PARTYSUM_FINAL",
    )
    add(
        "--drop-groups",
        default="",
        metavar="LABEL[,LABEL]",
        help="the groups to leave out (default: none)",
    )
    add(
        "--weight",
        metavar="NAME",
        help="the column of survey weights; 'none' for no weights (default: none for rows of "
        "respondents, each wave's own for Pew's files)",
    )
    add(
        "--columns",
        default="",
        metavar="NAME[,NAME]",
        help="the columns that are questions, needed for rows of respondents; 'all' for every "
        "column that can be one, with those of demographics",
    )
    add(
        "--select-all",
        action="append",
        default=[],
        metavar="KEY=NAME[,NAME]",
        help="the columns of the items of a 'select all that apply' question, or its one column "
        "of text with the marked items between semicolons; may be repeated (default: none)",
    )
    add(
        "--codebook",
        type=Path,
        metavar="FILE",
        help="a table with the columns variable, code and label, and perhaps text, scale and "
        "missing, that says what the codes mean (default: what the file itself says)",
    )
    add(
        "--missing",
        action="append",
        default=[],
        metavar="[NAME=]CODE[,CODE]",
        help="the codes of missing answers, of all questions or of the one that is named; may be "
        "repeated (default: what labels and the file declare missing)",
    )
    add(
        "--drop-options",
        action="append",
        default=[],
        metavar="LABEL",
        help="an option to leave out; may be repeated (default: none)",
    )
    add(
        "--dont-know",
        choices=("drop", "keep"),
        help="whether \"don't know\" is an answer (default: drop; keep for Pew's files, as in "
        "the published protocol)",
    )
    add(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="a condition on the rows of respondents to keep; may be repeated (default: all rows)",
    )
    add(
        "--item",
        default="item",
        metavar="NAME",
        help="the column of what was rated, for ratings (default: item)",
    )
    add(
        "--annotator",
        default="annotator",
        metavar="NAME",
        help="the column of who rated, for ratings (default: annotator)",
    )
    add(
        "--rating",
        default="rating",
        metavar="NAME",
        help="the column of the rating, for ratings (default: rating)",
    )


def find_source(options: argparse.Namespace) -> bool:
    """Complete `path`, `source` and `groups`; return whether the source was told by the file."""
    from ..surveys.readers.kinds import OPINIONQA_FILES, kind_of

    if options.file is not None and options.path not in (None, options.file):
        raise InputError(f"FILE and --path are the same; got {options.file} and {options.path}")
    options.path = options.file if options.path is None else options.path
    guessed = options.source is None and options.path is not None
    if guessed:
        ratings = options.item, options.rating, options.annotator
        options.source = kind_of(options.path, groups=bool(options.groups), ratings=ratings)
    elif options.source is None:
        options.source = "pew"
    if options.source == "opinionqa" and options.path and options.path.name in OPINIONQA_FILES:
        options.groups = options.groups or options.path.name.removesuffix("_data.json")
        options.path = options.path.parent
    return guessed


def read_survey(options: argparse.Namespace, groups: str | None) -> "Survey":
    """Return the survey of the options that `add_reading` adds, by some groups."""
    from .. import surveys
    from ..surveys.missing import parse_codes
    from ..surveys.readers.respondents import check_rankings
    from ..surveys.registry import cached

    source, path = options.source, options.path
    for name, sources in GOES_WITH.items():
        if getattr(options, name) and source not in sources:
            option = name.replace("_", "-")
            raise InputError(f"--{option} goes with --source {' or '.join(sources)}; got {source}")
    if source in EMBEDDED and path is not None:
        raise InputError(f"--source {source} is embedded: it goes without a file")
    if source == "pew":
        if groups not in (None, "party"):
            raise InputError(
                f"the Pew table is by party; for other groups choose --source starter or a file "
                f"(got --groups {groups})"
            )
        return surveys.read_pew()
    if source == "starter":
        return surveys.read_starter(groups)
    if source == "opinionqa":
        return surveys.read_opinionqa(
            cached("opinionqa") if path is None else path, groups or "party"
        )
    if path is None:
        raise InputError(f"--source {source} needs a file: {SOURCES[source]}")
    names, dropped = comma_list(groups or ""), comma_list(options.drop_groups)
    missing = surveys.MissingAnswers(
        parse_codes(options.missing), options.drop_options, options.dont_know
    )
    if source == "table":
        return surveys.read_table(path, groups or "group", missing)
    if source == "globalopinionqa":
        return surveys.read_globalopinionqa(path, missing)
    if source == "atp":
        return surveys.read_atp(
            path,
            names or ["F_PARTYSUM_FINAL"],
            weight=options.weight,
            drop_groups=dropped,
            missing=missing,
        )
    if not names:
        raise InputError(f"--source {source} needs --groups: the columns that hold the groups")
    if source == "ratings":
        columns = options.item, options.rating, options.annotator
        return surveys.read_ratings(path, names, *columns, drop_groups=dropped, missing=missing)
    batteries = dict(map(_battery, options.select_all))
    questions = None if options.columns.strip() == "all" else comma_list(options.columns)
    if questions == [] and not batteries:
        check_rankings(path, names)
        raise InputError(
            "rows of respondents need --columns: the columns that are questions, or 'all' for "
            "every column that can be one, with those of demographics"
        )
    return surveys.read_respondents(
        path,
        names,
        weight=None if options.weight == "none" else options.weight,
        questions=questions,
        where=dict(_condition(text) for text in options.where),
        design=_design(options),
        drop_groups=dropped,
        missing=missing,
        codebook=None if options.codebook is None else surveys.read_codebook(options.codebook),
        batteries=batteries,
    )


def _design(options: argparse.Namespace) -> "DesignColumns":
    from ..surveys import DesignColumns

    return DesignColumns(
        strata=comma_list(options.strata),
        units=comma_list(options.psu),
        lonely=options.lonely_psu,
        replicate_weights=comma_list(options.replicate_weights),
        method=options.replicate_method,
        scale=options.replicate_scale,
    )


def comma_list(text: str) -> list[str]:
    """Return the names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _battery(text: str) -> tuple[str, list[str]]:
    key, found, columns = text.partition("=")
    if not found or not key or not comma_list(columns):
        raise InputError(f"--select-all must be KEY=NAME[,NAME]; got {text!r}")
    return key, comma_list(columns)


def _condition(text: str) -> tuple[str, str]:
    column, found, value = text.partition("=")
    if not found:
        raise InputError(f"--where must be COLUMN=VALUE; got {text!r}")
    return column, value


def smoothing_of(text: str) -> float | str:
    """Return the number that a text is, or 'jeffreys'."""
    if text == "jeffreys":
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--smoothing must be a number or 'jeffreys'; got {text!r}") from None


@contextmanager
def telling() -> Iterator[None]:
    """Print the warnings of a block on standard error, one line each."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(warning.message) for warning in told):
        print(f"socialpref: warning: {text}", file=sys.stderr)
