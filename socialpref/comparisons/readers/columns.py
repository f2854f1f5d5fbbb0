"""Which columns of a table are what, guessed from usual names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from ... import _validate
from ...errors import InputError
from .preflib import ENDINGS
from .words import plain

Form = Literal["pairs", "rankings", "ratings", "choices", "votes", "preflib"]
FORMS: tuple[Form, ...] = ("pairs", "rankings", "ratings", "choices", "votes", "preflib")

USUAL: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "first": (
        *("first", "a", "model a", "option a", "response a", "left", "option 1", "item a"),
        *("player a", "first option", "response 1", "model 1", "item 1"),
    ),
    "second": (
        *("second", "b", "model b", "option b", "response b", "right", "option 2", "item b"),
        *("player b", "second option", "response 2", "model 2", "item 2"),
    ),
    "choice": ("choice", "winner", "label", "preference", "preferred", "vote", "outcome", "answer"),
    "annotator": (
        *("annotator", "annotator id", "user", "user id", "worker", "worker id", "judge", "rater"),
        *("rater id", "voter", "voter id", "participant", "participant id", "respondent", "person"),
        *("person id", "reviewer", "labeler", "labeller", "judge id", "uid"),
    ),
    "prompt": ("prompt", "prompt id", "question", "question id", "context", "instruction", "task"),
    "weight": ("weight", "weights", "wt", "count", "n"),
    "option": (
        *("option", "item", "item id", "model", "response", "alternative", "statement", "comment"),
        *("comment id", "statement id", "book", "book id", "movie", "movie id", "product", "brand"),
    ),
    "rank": ("rank", "ranking", "position", "place"),
    "rating": ("rating", "ratings", "score", "stars", "grade"),
    "chosen": ("chosen", "choice", "selected", "picked"),
    "vote": ("vote", "votes", "opinion"),
    "ballot": ("ballot", "ballot id", "choice set", "choice id", "interaction", "occasion", "turn"),
})  # fmt: skip
"""Usual names of columns, the likeliest first, as `plain` writes them."""
NEEDED: Mapping[Form, tuple[str, ...]] = MappingProxyType({
    "pairs": ("first", "second", "choice"),
    "rankings": ("option", "rank"),
    "ratings": ("option", "rating"),
    "votes": ("option", "vote"),
    "choices": ("option", "chosen"),
})  # fmt: skip
"""What a table of each form has; the first form of which all is there is the guess."""
WINNERS = (("chosen", "rejected"), ("winner", "loser"), ("preferred", "rejected"))
"""Columns that say themselves which option was preferred."""
OPTIONAL = ("annotator", "prompt", "weight")


@dataclass(frozen=True)
class Guess:
    """What the columns of a table seem to be.

    Attributes
    ----------
    form : str or None
        ``"pairs"``, ``"rankings"``, ``"ratings"``, ``"choices"``, ``"votes"``, or None if the
        names do not tell.
    columns : mapping of str to str
        The column for each argument of the reader of that form.
    """

    form: Form | None
    columns: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.form is None:
            return "no usual names of columns"
        return f"{self.form}: " + ", ".join(f"{k} {v!r}" for k, v in self.columns.items())


def guess_columns(columns: Iterable[str], form: Form | None = None) -> Guess:
    """Return what the columns of a table are, by their usual names.

    Parameters
    ----------
    columns : iterable of str
    form : str, optional
        The form of the table, if it is known.

    Returns
    -------
    Guess
        Of the named form, columns that have usual names; without one, the form whose columns are
        all there.

    Examples
    --------
    >>> from socialpref.comparisons import guess_columns
    >>> print(guess_columns(["model_a", "model_b", "winner", "user_id", "language"]))
    pairs: first 'model_a', second 'model_b', choice 'winner', annotator 'user_id'
    """
    given = {plain(name): name for name in reversed(list(columns)) if isinstance(name, str)}
    for one in NEEDED if form is None else [_form(form)]:
        if one == "pairs":
            for winner, loser in WINNERS:
                if winner in given and loser in given:
                    found = {"first": given[winner], "second": given[loser]}
                    return Guess(one, _found(given, OPTIONAL, found))
        found = _found(given, NEEDED.get(one, ()), {})
        if form is not None or len(found) == len(NEEDED[one]):
            also = (*OPTIONAL, "ballot") if one in ("rankings", "choices") else OPTIONAL
            return Guess(one, _found(given, also, found))
    return Guess(None)


def _found(
    given: Mapping[str, str], roles: Iterable[str], found: Mapping[str, str]
) -> dict[str, str]:
    """Return what was found, and the columns with usual names for more roles."""
    more = dict(found)
    for role in roles:
        free = (given[name] for name in USUAL[role] if name in given)
        name = next((name for name in free if name not in more.values()), None)
        if name is not None:
            more[role] = name
    return more


def says_who_won(first: str, second: str) -> bool:
    """Return whether two columns say themselves that the first was preferred."""
    return (plain(first), plain(second)) in WINNERS


def form_of(path: str | Path, columns: Iterable[str] | None = None) -> Form:
    """Return the form of a file, by its ending and its columns.

    Raises
    ------
    InputError
        If neither tells.
    """
    from ..._tables import ending_of

    file = _validate.path("path", path)
    if ending_of(file) in ENDINGS:
        return "preflib"
    guess = guess_columns(() if columns is None else columns)
    if guess.form is None:
        listed = ", ".join(FORMS)
        raise InputError(
            f"{file}: the form of its table is not known from its columns' names; give the form "
            f"({listed}) and the columns (of pairs: first, second, choice)."
        )
    return guess.form


def _form(form: str) -> Form:
    _validate.choice("form", form, FORMS)
    return form  # type: ignore[return-value]
