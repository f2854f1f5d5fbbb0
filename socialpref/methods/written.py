"""Methods in writing: ``dpo``, ``ipo(tau=0.1)``, ``maxmin(c=reference)``."""

import re
from dataclasses import fields
from typing import NamedTuple

from .. import _validate
from ..errors import InputError
from ..limits.method import Method
from .table import METHODS

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
ENTRY = re.compile(r"\s*([\w-]+)\s*(?:\(([^()]*)\))?\s*(?:,|$)")


class Entry(NamedTuple):
    """A method, and how it is written in a table."""

    written: str
    method: Method


def entries(methods: tuple[Method, ...] = METHODS) -> tuple[Entry, ...]:
    """Return methods as they are written: the name, with the options that tell it from others.

    Examples
    --------
    >>> from socialpref import DPO
    >>> from socialpref.limits import MaxMin
    >>> [entry.written for entry in entries((DPO(), MaxMin("zero"), MaxMin("best")))]
    ['dpo', 'maxmin(c=zero)', 'maxmin(c=best)']
    """
    return tuple(Entry(_written(method), method) for method in methods)


def methods_written(text: str) -> tuple[Entry, ...]:
    """Return the methods of a list such as ``"dpo, ipo(tau=0.1)"``.

    A method with several entries in `METHODS`, as MaxMin has one for each of its constants,
    stands for all of them where its options are not given.

    Parameters
    ----------
    text : str
        Names of methods, separated by commas, each perhaps with its options in brackets. Case
        does not matter.

    Raises
    ------
    InputError
        If a name or an option does not exist, or an option is out of its range.

    Examples
    --------
    >>> from socialpref.methods import methods_written
    >>> methods_written("dpo, IPO(tau=0.1)")[1]
    Entry(written='IPO(tau=0.1)', method=IPO(tau=0.1))
    """
    _validate.instance("methods", text, str, "names of methods, such as 'dpo, ipo(tau=0.1)'")
    names = {method.name for method in METHODS}
    found: list[Entry] = []
    at = 0
    while at < len(text):
        part = ENTRY.match(text, at)
        if part is None:
            must = "names of methods with options in brackets, such as 'dpo, ipo(tau=0.1)'"
            raise _validate.complaint("methods", must, _validate.shown(text[at:]))
        name, options = part[1].lower(), part[2]
        _validate.choice("methods", name, sorted(names))
        known = tuple(method for method in METHODS if method.name == name)
        written = part[0].strip().rstrip(",").strip()
        if options and options.strip():
            found.append(Entry(written, _with_options(known[0], options)))
        elif len(known) == 1:
            found.append(Entry(written, known[0]))
        else:
            found += entries(known)
        at = part.end()
    if not found:
        raise _validate.complaint("methods", "at least one method", "none")
    names_of = [entry.written for entry in found]
    twice = [name for i, name in enumerate(names_of) if name in names_of[:i]]
    if twice:
        raise _validate.complaint("methods", "distinct", f"{twice[0]} twice")
    return tuple(found)


def _with_options(method: Method, text: str) -> Method:
    """Return a method of the same kind with the options in a text such as ``tau=0.1``."""
    known = {field.name.lower(): field.name for field in fields(method)}
    given: dict[str, object] = {}
    for option in text.split(","):
        name, equals, value = (part.strip() for part in option.partition("="))
        if not equals or not value:
            raise InputError(f"an option of {method.name} must be NAME=VALUE; got {option!r}")
        if name.lower() not in known:
            have = ", ".join(known) or "none"
            raise InputError(f"an option of {method.name} must be one of: {have}; got {name!r}")
        if known[name.lower()] in given:
            raise InputError(f"an option of {method.name} must be given once; got {name!r} twice")
        given[known[name.lower()]] = _value(value)
    return type(method)(**given)


def _value(text: str) -> object:
    """Return a number where a text is one, a whole one as int; true or false; or small letters."""
    if not NUMBER.match(text):
        return {"true": True, "false": False}.get(text.lower(), text.lower())
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _written(method: Method) -> str:
    """Return the name, with the options that differ from their defaults."""
    other = [
        f"{field.name}={str(getattr(method, field.name)).lower()}"
        for field in fields(method)
        if getattr(method, field.name) != field.default
    ]
    return f"{method.name}({', '.join(other)})" if other else method.name
