"""PrefLib's files of orders: .soc, .soi, .toc, .toi and .cat."""

import re
from pathlib import Path

import numpy as np

from ... import _validate
from ...errors import InputError
from .assemble import Columns, Left, People, assembled
from .ballots import UNRANKED, Entries, with_rest
from .frames import Codes, Floats

ENDINGS = (".soc", ".soi", ".toc", ".toi", ".cat")
_NAME = re.compile(r"#\s*ALTERNATIVE NAME\s+(\d+)\s*:\s*(.*?)\s*")
_LINE = re.compile(r"(\d+)\s*:(.*)")
_GROUP = re.compile(r"\s*(?:\{([^{}]*)\}|(\d+)|)\s*(?:,|$)")


def preflib(path: str | Path, unranked: str) -> Columns:
    """Return the comparisons of a file of PrefLib; every ballot is of an annotator of its own."""
    from ..._tables import ending_of, reading

    file = _validate.path("path", path)
    _validate.choice("unranked", unranked, UNRANKED)
    with reading(file):
        if ending_of(file) not in ENDINGS:
            raise InputError(f"it must end in one of {', '.join(ENDINGS)}")
        names, counts, orders = _parsed(file.read_text(encoding="utf-8-sig").splitlines())
        return _columns(names, counts, orders, unranked)


def _parsed(lines: list[str]) -> tuple[list[str], list[int], list[list[list[int]]]]:
    """Return the options' names, and every line's multiplicity and groups, the best first."""
    found: dict[int, str] = {}
    counts, orders = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if line.startswith("#"):
            named = _NAME.fullmatch(line)
            if named:
                found[int(named[1])] = named[2]
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise InputError(f"line {number} must be 'count: order'; it is {line[:40]!r}")
        groups = _groups(parts[2], number)
        listed = [option for group in groups for option in group]
        if len(set(listed)) < len(listed):
            raise InputError(f"line {number} ranks an alternative twice")
        unknown = set(listed) - found.keys()
        if unknown:
            raise InputError(f"line {number} ranks {min(unknown)}, which the header does not name")
        counts.append(int(parts[1]))
        orders.append(groups)
    if len(found) < 2 or not orders:
        raise InputError("it must name two alternatives and hold an order; it does not")
    keys = sorted(found)
    names = [found[key] for key in keys]
    if len(set(names)) < len(names):
        raise InputError("its alternatives must have different names; they do not")
    place = {key: i for i, key in enumerate(keys)}
    return names, counts, [[[place[k] for k in group] for group in order] for order in orders]


def _groups(text: str, number: int) -> list[list[int]]:
    groups, at = [], 0
    text = text.strip()
    while at < len(text):
        part = _GROUP.match(text, at)
        if part is None or part.end() == at:
            raise InputError(f"line {number} must be an order such as 1,{{2,3}},4; it is not")
        inside = part[1] if part[1] is not None else part[2] or ""
        try:
            groups.append([int(option) for option in inside.split(",") if option.strip()])
        except ValueError:
            raise InputError(f"line {number} must rank numbers; it does not") from None
        at = part.end()
    return groups


def _columns(
    names: list[str], counts: list[int], orders: list[list[list[int]]], unranked: str
) -> Columns:
    """Return the arguments of `Comparisons`, each line as often as it was cast."""
    entries = [
        (line, option, place)
        for line, groups in enumerate(orders)
        for place, group in enumerate(groups)
        for option in group
    ]
    table = np.array(entries, dtype=np.int64).reshape(-1, 3)
    lines: Codes = table[:, 0]
    places: Floats = table[:, 2].astype(np.float64)
    kinds = Entries(lines, table[:, 1], places, lines)
    if unranked == "below" and len(lines):
        kinds = with_rest(kinds, len(names))
    cast = np.array(counts, dtype=np.int64)
    left = Left(int(cast.sum()))
    one, other = kinds.pairs()
    useful = np.zeros(len(cast), dtype=bool)
    useful[kinds.ballot[one]] = True
    left.drop("that rank no two options", np.repeat(~useful, cast))
    if not cast[kinds.ballot[one]].any():
        raise left.nothing("ballot that ranks two options")
    line = kinds.ballot[one]
    times = cast[line]
    first_ballot = (np.cumsum(cast) - cast)[line]
    again = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    ballot = np.repeat(first_ballot, times) + again
    a, b = kinds.place[one], kinds.place[other]
    label = np.where(a < b, 1.0, np.where(a > b, 0.0, 0.5))
    order = np.argsort(ballot, kind="stable")
    first, second, labels = (
        np.repeat(values, times)[order]
        for values in (kinds.option[one], kinds.option[other], label)
    )
    ballot = ballot[order]
    return assembled(names, first, second, labels, People(), ballot, left, ballot)
