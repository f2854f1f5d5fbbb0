"""Tables of comparisons that travel with the package."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from types import MappingProxyType
from typing import Any

from .. import _validate
from .readers.columns import Form
from .table import Comparisons


@dataclass(frozen=True)
class Example:
    """A table that travels with the package, and how it is read.

    Attributes
    ----------
    file : str
    form : str
    columns : mapping
        The arguments of the reader.
    about : str
        What it holds, and whose it is.
    """

    file: str
    form: Form
    about: str
    columns: Mapping[str, Any] = field(default_factory=dict)


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "leaders": Example(
            "leaders.csv",
            "ratings",
            "1,525 British voters mark three party leaders from 1 to 5; their vote is known "
            "(British Election Panel Study 1997-2001, as in the R package carData; Fox and "
            "Andersen 2006)",
            {"columns": ("Blair", "Hague", "Kennedy"), "annotator": "voter", "types": "vote"},
        ),
        "simulated-annotators": Example(
            "simulated_annotators.csv",
            "pairs",
            "300 simulated annotators of two camps compare four kinds of answers 12 times each",
            {
                "first": "option_a",
                "second": "option_b",
                "choice": "choice",
                "annotator": "annotator",
            },
        ),
    }
)
"""The tables by name, the first of which is taken where none is named."""


def example(name: str = "leaders", **columns: Any) -> Comparisons:
    """Return comparisons that travel with the package.

    Parameters
    ----------
    name : {"leaders", "simulated-annotators"}
        Real marks of party leaders by voters, or simulated comparisons.
    **columns
        Arguments of the reader that replace the usual ones, such as ``types=None``.

    Returns
    -------
    Comparisons

    Raises
    ------
    InputError
        If there is no such example.

    Examples
    --------
    >>> from socialpref.comparisons import example
    >>> voters = example()
    >>> voters.options, voters.types, voters.annotators()[1]
    (('Blair', 'Hague', 'Kennedy'), ('Conservative', 'Labour', 'Liberal Democrat'), 1525)
    """
    one = EXAMPLES[_validate.choice("name", name, EXAMPLES)]
    with as_file(files("socialpref.pew") / one.file) as path:
        return Comparisons.from_file(path, one.form, **{**one.columns, **columns})
