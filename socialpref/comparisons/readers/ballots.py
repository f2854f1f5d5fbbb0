"""Ballots: several options at once, ordered by a place, which become pairs."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ... import _validate
from ...errors import InputError
from .assemble import Columns, Left, People, assembled, places_of
from .frames import Codes, Floats, Frame, factorised, in_row, pooled
from .words import plain

Unranked = Literal["ignored", "below"]
UNRANKED = ("ignored", "below")
VOTES = {
    **dict.fromkeys(("agree", "agreed", "yes", "up", "for", "approve", "like", "1", "true"), 1.0),
    **dict.fromkeys(("disagree", "disagreed", "no", "down", "against", "dislike", "-1"), -1.0),
    **dict.fromkeys(("pass", "passed", "neutral", "unsure", "skip", "0", "abstain"), 0.0),
    **dict.fromkeys(("unseen", "not seen", "not shown", "seen"), np.nan),
}
"""Agreed, disagreed, and neither; not a number where a statement was not seen."""


def within(ballot: Codes) -> tuple[Codes, Codes]:
    """Return the pairs of places with the same number, each once and in order."""
    _, starts, sizes = np.unique(ballot, return_index=True, return_counts=True)
    ones, others = [], []
    for size in np.unique(sizes[sizes > 1]).tolist():
        a, b = np.triu_indices(size, 1)
        start = starts[sizes == size][:, None]
        ones.append((start + a).ravel())
        others.append((start + b).ravel())
    none = np.zeros(0, dtype=np.int64)
    one, other = np.concatenate([none, *ones]), np.concatenate([none, *others])
    order = np.argsort(one, kind="stable")
    return one[order], other[order]


class Entries:
    """What ballots say of options: an entry is a ballot, an option, a place and a row.

    Smaller places are better; an infinite one is below all others, and beside its equals.
    """

    def __init__(self, ballot: Codes, option: Codes, place: Floats, row: Codes) -> None:
        order = np.lexsort((place, option, ballot))
        self.ballot, self.option, self.row = ballot[order], option[order], row[order]
        self.place = place[order]

    def pairs(self, *, ties: bool = True) -> tuple[Codes, Codes]:
        """Return the entries that are compared; those that stand infinitely low are not."""
        one, other = within(self.ballot)
        same = self.place[one] == self.place[other]
        kept = (self.option[one] != self.option[other]) & ~(same & np.isinf(self.place[one]))
        if not ties:
            kept &= ~same
        return one[kept], other[kept]

    def columns(
        self, names: list[str], people: People, left: Left, what: str, **more: Any
    ) -> Columns:
        """Return the arguments of `Comparisons`."""
        one, other = self.pairs(**more)
        compared = np.zeros(len(left.kept), dtype=bool)
        compared[self.row[one]] = compared[self.row[other]] = True
        left.drop("compared with nothing", ~compared)
        if not len(one):
            raise left.nothing(what)
        a, b = self.place[one], self.place[other]
        label = np.where(a < b, 1.0, np.where(a > b, 0.0, 0.5))
        options = self.option[one], self.option[other]
        return assembled(names, *options, label, people, self.row[one], left, self.ballot[one])


def with_rest(entries: Entries, n_options: int) -> Entries:
    """Put the options that a ballot leaves out below those that it ranks."""
    ballots, at = np.unique(entries.ballot, return_index=True)
    there = np.zeros((len(ballots), n_options), dtype=bool)
    there[np.searchsorted(ballots, entries.ballot), entries.option] = True
    ballot, option = np.nonzero(~there)
    return Entries(
        np.concatenate([entries.ballot, ballots[ballot]]),
        np.concatenate([entries.option, option]),
        np.concatenate([entries.place, np.full(len(option), np.inf)]),
        np.concatenate([entries.row, entries.row[at][ballot]]),
    )


def _check_unranked(unranked: str) -> None:
    _validate.choice("unranked", unranked, UNRANKED)


def rankings_long(
    frame: Frame, option: str, rank: str, ballot: str | None, people: People, unranked: str
) -> Columns:
    """Return the comparisons of a table with a ranked option in each row."""
    _check_unranked(unranked)
    names = frame.names("option", option)
    ranks = frame.numbers("rank", rank)
    left = Left(len(frame))
    left.drop("without an option", names.codes < 0)
    people.drop(left)
    number = ballots_of(frame, ballot, people, left)
    left.drop("without a rank", np.isnan(ranks))
    entries = _entries(number, names.codes, ranks, people, left, twice=rank)
    if unranked == "below":
        entries = with_rest(entries, len(names.names))
    return entries.columns(names.names, people, left, "ballot that ranks two options")


def ballots_of(frame: Frame, ballot: str | None, people: People, left: Left) -> Codes:
    """Return each row's ballot: what has the same annotator, prompt and ballot column."""
    parts = [column for column in (people.annotator, people.prompt) if column is not None]
    if ballot is not None:
        parts.append(frame.names("ballot", ballot))
        left.drop("without a ballot", parts[-1].codes < 0)
    if people.annotator is not None and ballot is None:
        left.drop("without an annotator", people.annotator.codes < 0)
    if not parts or (people.annotator is None and ballot is None):
        raise _validate.complaint("ballot", "given where 'annotator' is not", "None")
    number = parts[0].codes + 1
    for part in parts[1:]:
        number = np.unique(number * (len(part.names) + 1) + part.codes + 1, return_inverse=True)[1]
    return number


def _entries(
    ballot: Codes,
    option: Codes,
    place: Floats,
    people: People,
    left: Left,
    twice: str | None = None,
) -> Entries:
    """Return the entries of the rows that are left, of ballots with at least two of them."""
    number = np.unique(ballot, return_inverse=True)[1]
    _check_people(number, people, left)
    sizes = np.bincount(number[left.kept], minlength=int(number.max()) + 1)
    if twice is not None:
        rows = np.flatnonzero(left.kept)
        keys = number[rows] * (int(option.max()) + 1) + option[rows]
        order = np.argsort(keys, kind="stable")
        again = np.flatnonzero(np.diff(keys[order]) == 0)
        if len(again):
            at = rows[order[again + 1]].min()
            raise in_row(twice, "of different options within a ballot", place[at], int(at))
    left.drop("alone on their ballot", sizes[number] < 2)
    rows = np.flatnonzero(left.kept)
    return Entries(ballot[rows], option[rows], place[rows], rows)


def _check_people(ballot: Codes, people: People, left: Left) -> None:
    """Refuse a ballot whose rows are of two types, or of two weights."""
    people.check_types(np.where(left.kept, ballot, -1), "ballot")
    if people.weight is None:
        return
    rows = np.flatnonzero(left.kept)
    _, head, number = np.unique(ballot[rows], return_index=True, return_inverse=True)
    heads = rows[head[number]]
    differs = people.weight[rows] != people.weight[heads]
    if differs.any():
        at = int(differs.argmax())
        one, other = (people.weight[row[at]] for row in (rows, heads))
        raise InputError(
            f"'weight' must be one for each ballot; got {one:g} in row {rows[at]} and {other:g} "
            f"in row {heads[at]}."
        )


def rankings_wide(
    frame: Frame, columns: Sequence[str], values: str | None, people: People, unranked: str
) -> Columns:
    """Return the comparisons of a table with a ballot in each row.

    Columns are options with their ranks, or places with the options that have them.
    """
    _check_unranked(unranked)
    given = places_of("columns", columns)
    series = [frame.series("columns", name) for name in given]
    if values is None:
        full = [one for one in series if not one.isna().all()]
        values = "ranks" if all(one.dtype.kind in "iufb" for one in full) else "options"
    _validate.choice("values", values, ("ranks", "options"))
    left = Left(len(frame))
    people.drop(left)
    n, row = len(frame), np.tile(np.arange(len(frame)), len(given))
    position = np.repeat(np.arange(len(given)), n)
    if values == "ranks":
        names = given
        option = position
        place = np.concatenate([frame.numbers("columns", name) for name in given])
    else:
        names, codes = pooled(*map(factorised, series))
        option = np.concatenate(codes)
        place = np.where(option < 0, np.nan, position.astype(np.float64))
        _check_twice(option.reshape(-1, n), names, given)
    ranked = np.bincount(row, ~np.isnan(place), n)
    least = 1 if unranked == "below" and len(names) > 1 else 2
    left.drop("that rank no two options", ranked < least)
    kept = left.kept[row] & ~np.isnan(place)
    entries = Entries(row[kept], option[kept], place[kept], row[kept])
    if unranked == "below":
        entries = with_rest(entries, len(names))
    return entries.columns(names, people, left, "ballot that ranks two options")


def _check_twice(options: Codes, names: list[str], columns: list[str]) -> None:
    """Refuse an option that stands twice on a ballot; rows are columns of the table."""
    ordered = np.sort(options, axis=0)
    same = (ordered[1:] == ordered[:-1]) & (ordered[1:] >= 0)
    if same.any():
        at = int(same.any(axis=0).argmax())
        name = names[ordered[1:, at][same[:, at]][0]]
        raise in_row(", ".join(columns), "different options in each row", name, at)


def ratings_long(frame: Frame, option: str, rating: str, people: People) -> Columns:
    """Return the comparisons within what each annotator rated, at each prompt."""
    names = frame.names("option", option)
    given = frame.numbers("rating", rating)
    if people.annotator is None:
        raise _validate.complaint("annotator", "given for ratings", "None")
    left = Left(len(frame))
    left.drop("without an option", names.codes < 0)
    people.drop(left)
    number = ballots_of(frame, None, people, left)
    left.drop("without a rating", np.isnan(given))
    entries = _entries(number, names.codes, -given, people, left)
    return entries.columns(names.names, people, left, "annotator who rated two options")


def ratings_wide(frame: Frame, columns: Sequence[str], people: People) -> Columns:
    """Return the comparisons within rows, whose columns are options with their ratings."""
    given = places_of("columns", columns)
    ratings = np.stack([frame.numbers("columns", name) for name in given])
    return _wide(given, -ratings, people, "row that rates two options", "that rate no two options")


def votes_wide(frame: Frame, columns: Sequence[str], people: People) -> Columns:
    """Return the comparisons within rows, whose columns are statements with votes on them."""
    given = places_of("columns", columns)
    votes = np.stack([_votes(name, frame.series("columns", name)) for name in given])
    return _voted(given, votes, people)


def _voted(names: list[str], votes: Floats, people: People) -> Columns:
    voted = np.where(votes == 0.0, np.nan, -votes)  # who passes says nothing
    what = "row that agrees with one statement and disagrees with another"
    both = "that do not both agree and disagree"
    return _wide(names, voted, people, what, both, ties=False)


def _wide(
    names: list[str], places: Floats, people: People, what: str, lone: str, ties: bool = True
) -> Columns:
    """Return the comparisons of a matrix of places, options by ballots."""
    n = places.shape[1]
    left = Left(n)
    people.drop(left)
    there = ~np.isnan(places)
    enough = there.sum(axis=0) > 1
    if not ties:
        enough &= (places < 0).any(axis=0) & (places > 0).any(axis=0)
    left.drop(lone, ~enough)
    option, row = np.nonzero(there & left.kept)
    entries = Entries(row, option, places[option, row], row)
    return entries.columns(names, people, left, what, ties=ties)


def votes_long(frame: Frame, option: str, vote: str, people: People) -> Columns:
    """Return the comparisons within what each annotator voted on."""
    names = frame.names("option", option)
    if people.annotator is None:
        raise _validate.complaint("annotator", "given for votes", "None")
    votes = _votes(vote, frame.series("vote", vote))
    left = Left(len(frame))
    left.drop("without an option", names.codes < 0)
    people.drop(left)
    number = ballots_of(frame, None, people, left)
    left.drop("unseen", np.isnan(votes))
    left.drop("passed", votes == 0.0)
    entries = _entries(number, names.codes, -votes, people, left)
    what = "annotator who agrees with one statement and disagrees with another"
    return entries.columns(names.names, people, left, what, ties=False)


def _votes(name: str, series: Any) -> Floats:
    """Return votes as 1, -1, 0 and NaN."""
    column = factorised(series)
    meant = np.full(len(column.names) + 1, np.nan)
    for i, word in enumerate(column.names):
        text = word.strip() if word.strip().startswith("-") else plain(word)
        if text not in VOTES:
            at = int((column.codes == i).argmax())
            raise in_row(name, "agree, disagree, pass or unseen, or 1, -1, 0", word, at)
        meant[i] = VOTES[text]
    return np.asarray(meant[column.codes])


def choices_wide(
    frame: Frame,
    choice: str,
    offered: Sequence[str] | None,
    options: Sequence[str] | None,
    people: People,
) -> Columns:
    """Return the comparisons of what was chosen with everything else that was offered."""
    n = len(frame)
    chosen = frame.names("choice", choice)
    if (offered is None) == (options is None):
        raise _validate.complaint("offered", "columns, or 'options' names: one of them", offered)
    if offered is not None:
        given = places_of("offered", offered)
        parts = [frame.names("offered", name) for name in given]
        names, codes = pooled(*parts)
        table = np.stack(codes)
        _check_twice(table, names, given)
    else:
        given = list(_validate.labels("options", options))
        names = given
        table = np.repeat(np.arange(len(names))[:, None], n, axis=1)
    place = {name: k for k, name in enumerate(names)}
    option = np.array([*(place.get(name, -2) for name in chosen.names), -1])[chosen.codes]
    if offered is not None and (option == -2).any():  # the column that holds what was chosen
        column = np.array([*(_column_of(name, given) for name in chosen.names), -1])[chosen.codes]
        rows = np.flatnonzero((option == -2) & (column >= 0))
        option[rows] = table[column[rows], rows]
    left = Left(n)
    people.drop(left)
    left.drop("without a choice", chosen.codes < 0)
    hit = (table == option) & (table >= 0)
    wrong = left.kept & ~hit.any(axis=0)
    if wrong.any():
        at = int(wrong.argmax())
        raise in_row(choice, "one of the options of its row", chosen.names[chosen.codes[at]], at)
    left.drop("that offer nothing else", (table >= 0).sum(axis=0) < 2)
    entry, row = np.nonzero((table >= 0) & left.kept)
    places = np.where(hit[entry, row], 0.0, np.inf)
    entries = Entries(row, table[entry, row], places, row)
    return entries.columns(names, people, left, "choice between two options")


def _column_of(name: str, columns: list[str]) -> int:
    return columns.index(name) if name in columns else -1


def choices_long(
    frame: Frame, option: str, choice: str, ballot: str | None, people: People
) -> Columns:
    """Return the comparisons of a table with an offered option in each row, 1 where chosen."""
    names = frame.names("option", option)
    chosen = frame.numbers("choice", choice)
    wrong = ~np.isnan(chosen) & (chosen != 0.0) & (chosen != 1.0)
    if wrong.any():
        at = int(wrong.argmax())
        raise in_row(choice, "1 where the option was chosen, else 0", chosen[at], at)
    left = Left(len(frame))
    left.drop("without an option", names.codes < 0)
    people.drop(left)
    number = ballots_of(frame, ballot, people, left)
    left.drop("without a choice", np.isnan(chosen))
    places = np.where(chosen == 1.0, 0.0, np.inf)
    entries = _entries(number, names.codes, places, people, left, twice=option)
    return entries.columns(names.names, people, left, "choice between two options")
