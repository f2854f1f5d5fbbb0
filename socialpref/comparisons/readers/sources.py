"""The ways from tables and files to comparisons."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ... import _validate
from . import ballots
from .assemble import Columns, People
from .columns import Form, form_of, guess_columns, says_who_won
from .features import Features, differences_of
from .frames import Frame
from .pairs import pairs, votes_on_pairs
from .preflib import ENDINGS, preflib


class FromTables:
    """What reads comparisons. Rows are counted from 0, also in messages.

    All of these take any data frame that narwhals takes: pandas, polars, pyarrow. Names can be
    anything; None, NaN and an empty text are missing. What is left out is counted in `dropped`.
    """

    @classmethod
    def _made(cls, columns: Columns) -> Self:
        return cls(**columns)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        first: str,
        second: str,
        choice: str | None,
        annotator: str | None = None,
        prompt: str | None = None,
        types: str | Sequence[str] | None = None,
        weight: str | None = None,
        mapping: Mapping[Any, Any] | None = None,
        features: Features | None = None,
    ) -> Self:
        """Read a table with two options in each row.

        Parameters
        ----------
        frame : data frame
        first, second : str
            The columns of the two options.
        choice : str or None
            The column that says which was preferred; None if the first always was, as in tables
            of winners and losers. See the notes.
        annotator, prompt : str, optional
            Columns. Rows without an annotator are kept, rows without a prompt are not.
        types : str or sequence of str, optional
            Columns with the types of annotators; several are crossed: ``"Rep + White"``.
        weight : str, optional
            A column with how many comparisons each row counts for.
        mapping : mapping, optional
            What choices mean: ``"first"``, ``"second"``, ``"tie"``, ``"skip"`` or the probability
            that the first is preferred. The key None is for missing choices.
        features : sequence of str, mapping, or data frame, optional
            What describes options that hardly recur, such as texts. Names stand for two columns:
            ``"score"`` for ``score_a`` and ``score_b`` (or _1 and _2, _first and _second, or the
            names of the columns of the options), and ``"length"``, where there are no such
            columns, for the number of characters of the options. A mapping gives the two columns
            of each feature. A data frame has one row for each option: its name in the first
            column, and features, an embedding for example, in the others.

        Returns
        -------
        Comparisons
            Duplicates and contradictions are kept; `repeats` counts them. Rows without an option,
            with the same one on both sides, without a feature, skipped or without a choice are in
            `dropped`.

        Raises
        ------
        InputError
            If a choice means nothing, a label is NaN, an annotator has two types, or a column is
            not there. The message names the row, or the column.

        Notes
        -----
        A choice is, in this order: what `mapping` says; the name of one of its row's two options;
        a word: first, a, left, model_a; second, b, right, model_b; tie, both, neither, both bad;
        skip, pass; or the probability that the first is preferred: 1, 0 or between them. Where a
        word or a number is the name of an option, too, the table decides: if all choices are
        names of options in their rows, or some choice is neither word nor number, they are
        names; otherwise they are words and numbers.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref import Comparisons
        >>> table = pd.DataFrame({"who": ["Ann", "Ann", "Bob"], "a": ["tea", "milk", "tea"],
        ...                       "b": ["milk", "water", "water"],
        ...                       "choice": ["tea", "tie", "skip"]})
        >>> rows = Comparisons.from_frame(table, first="a", second="b", choice="choice",
        ...                               annotator="who")
        >>> rows.options, rows.label, [str(part) for part in rows.dropped]
        (('milk', 'tea', 'water'), array([1. , 0.5]), ['1 skipped'])
        """
        table = Frame(frame)
        people = People.of(table, annotator, prompt, types, weight)
        described = None if features is None else differences_of(table, features, first, second)
        return cls._made(pairs(table, first, second, choice, people, mapping, described)[0])

    @classmethod
    def from_rankings(
        cls,
        frame: Any,
        *,
        columns: Sequence[str] | None = None,
        values: str | None = None,
        option: str | None = None,
        rank: str | None = None,
        ballot: str | None = None,
        annotator: str | None = None,
        prompt: str | None = None,
        types: str | Sequence[str] | None = None,
        weight: str | None = None,
        unranked: ballots.Unranked = "ignored",
    ) -> Self:
        """Read rankings; each becomes all its pairs, and equal ranks are ties.

        As for all ballots, a ballot without an annotator is an annotator of its own.

        Parameters
        ----------
        frame : data frame
        columns : sequence of str, optional
            Of a table with a ballot in each row: its columns, options with their ranks, or places
            (the best first) with the options that have them.
        values : {"ranks", "options"}, optional
            What is in these columns; ranks if they are numbers, if omitted.
        option, rank : str, optional
            Of a table with an option in each row: the columns of the option and its rank, of which
            1 is the best.
        ballot : str, optional
            Of such a table: which rows belong together; those of one annotator (at one prompt), if
            omitted.
        annotator, prompt, types, weight
            As for `from_frame`.
        unranked : {"ignored", "below"}
            Whether options that a ballot leaves out are compared with nothing, or are below those
            that it ranks.

        Returns
        -------
        Comparisons
            With ballots.

        Raises
        ------
        InputError
            As for `from_frame`; or if a ballot ranks an option twice.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref import Comparisons
        >>> table = pd.DataFrame({"tea": [1, 2], "milk": [2, 2], "water": [3, 1]})
        >>> rows = Comparisons.from_rankings(table, columns=["tea", "milk", "water"])
        >>> rows.label, rows.ballot
        (array([1. , 1. , 1. , 0.5, 0. , 0. ]), array([0, 0, 0, 1, 1, 1]))
        """
        table = Frame(frame)
        people = People.of(table, annotator, prompt, types, weight)
        if columns is not None:
            return cls._made(ballots.rankings_wide(table, columns, values, people, unranked))
        option, rank = _given(option=option, rank=rank)
        return cls._made(ballots.rankings_long(table, option, rank, ballot, people, unranked))

    @classmethod
    def from_ratings(
        cls,
        frame: Any,
        *,
        columns: Sequence[str] | None = None,
        option: str | None = None,
        rating: str | None = None,
        annotator: str | None = None,
        prompt: str | None = None,
        types: str | Sequence[str] | None = None,
        weight: str | None = None,
    ) -> Self:
        """Read ratings: options that one annotator rated (at one prompt) are compared.

        The scales of different annotators are not compared, and equal ratings are ties.

        Parameters
        ----------
        frame : data frame
        columns : sequence of str, optional
            Of a table with an annotator in each row: the columns with the ratings of the options.
        option, rating : str, optional
            Of a table with a rating in each row: the columns of the option and of the rating, of
            which the highest is the best. `annotator` is then needed.
        annotator, prompt, types, weight
            As for `from_frame`.

        Returns
        -------
        Comparisons
            With ballots.

        Raises
        ------
        InputError
            As for `from_frame`; or if a rating is no number.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref import Comparisons
        >>> table = pd.DataFrame({"who": ["Ann", "Ann", "Bob"], "item": ["tea", "milk", "tea"],
        ...                       "stars": [5, 3, 1]})
        >>> rows = Comparisons.from_ratings(table, option="item", rating="stars", annotator="who")
        >>> rows.options, rows.label, [str(part) for part in rows.dropped]
        (('milk', 'tea'), array([0.]), ['1 alone on their ballot'])
        """
        table = Frame(frame)
        people = People.of(table, annotator, prompt, types, weight)
        if columns is not None:
            return cls._made(ballots.ratings_wide(table, columns, people))
        option, rating = _given(option=option, rating=rating)
        return cls._made(ballots.ratings_long(table, option, rating, people))

    @classmethod
    def from_choices(
        cls,
        frame: Any,
        *,
        choice: str,
        offered: Sequence[str] | None = None,
        options: Sequence[str] | None = None,
        option: str | None = None,
        ballot: str | None = None,
        annotator: str | None = None,
        prompt: str | None = None,
        types: str | Sequence[str] | None = None,
        weight: str | None = None,
    ) -> Self:
        """Read choices of one option out of several: it is preferred to each of the others.

        Parameters
        ----------
        frame : data frame
        choice : str
            The column of what was chosen: an option's name, or the column that holds it. Of a
            table with an offered option in each row, 1 where it was chosen and 0 elsewhere.
        offered : sequence of str, optional
            The columns with the names of what was offered.
        options : sequence of str, optional
            The names of what was always offered.
        option, ballot : str, optional
            Of a table with an offered option in each row: the columns of the option, and of what
            belongs together; rows of one annotator (at one prompt), if `ballot` is omitted.
        annotator, prompt, types, weight
            As for `from_frame`.

        Returns
        -------
        Comparisons
            With ballots. What was not chosen is not compared with each other.

        Raises
        ------
        InputError
            As for `from_frame`; or if a choice was not offered.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref import Comparisons
        >>> table = pd.DataFrame({"bought": ["tea", "milk"]})
        >>> rows = Comparisons.from_choices(table, choice="bought",
        ...                                 options=["tea", "milk", "water"])
        >>> [(rows.name(0, a), rows.name(0, b)) for a, b in zip(rows.first, rows.second)]
        [('tea', 'milk'), ('tea', 'water'), ('tea', 'milk'), ('milk', 'water')]
        >>> rows.label
        array([1., 1., 0., 1.])
        """
        table = Frame(frame)
        people = People.of(table, annotator, prompt, types, weight)
        if option is not None:
            return cls._made(ballots.choices_long(table, option, choice, ballot, people))
        return cls._made(ballots.choices_wide(table, choice, offered, options, people))

    @classmethod
    def from_votes(
        cls,
        frame: Any,
        *,
        columns: Sequence[str] | None = None,
        option: str | None = None,
        vote: str | None = None,
        first: str | None = None,
        second: str | None = None,
        annotator: str | None = None,
        prompt: str | None = None,
        types: str | Sequence[str] | None = None,
        weight: str | None = None,
        mapping: Mapping[Any, Any] | None = None,
    ) -> Self:
        """Read votes on single statements, or the votes of several annotators on pairs.

        A vote on a statement is agree, disagree, pass or unseen (1, -1, 0 or missing). Statements
        that a person agrees with are preferred to those that the person disagrees with. Two that
        both are agreed with are not compared, and what is passed or unseen with nothing.

        Parameters
        ----------
        frame : data frame
        columns : sequence of str, optional
            With `first` and `second`: the annotators, whose columns hold their choices, missing
            where they made none. Without: the statements, of a table with a person in each row.
        option, vote : str, optional
            Of a table with a vote in each row: the columns of the statement and of the vote.
            `annotator` is then needed.
        first, second : str, optional
            The columns of the two options that were voted on.
        annotator, prompt, types, weight
            As for `from_frame`.
        mapping : mapping, optional
            As for `from_frame`, of votes on pairs.

        Returns
        -------
        Comparisons
            With ballots, of votes on statements.

        Raises
        ------
        InputError
            As for `from_frame`; or if a vote means nothing.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref import Comparisons
        >>> table = pd.DataFrame({"tax": [1, -1], "ban": [-1, 0], "wait": [1, None]})
        >>> rows = Comparisons.from_votes(table, columns=["tax", "ban", "wait"])
        >>> [(rows.name(0, a), rows.name(0, b)) for a, b in zip(rows.first, rows.second)]
        [('tax', 'ban'), ('ban', 'wait')]
        >>> rows.label
        array([1., 0.])
        """
        table = Frame(frame)
        if first is not None or second is not None:
            first, second = _given(first=first, second=second)
            for name, given in (("option", option), ("vote", vote), ("annotator", annotator)):
                if given is not None:
                    raise _validate.complaint(name, "omitted for votes on pairs", repr(given))
            others = prompt, types, weight
            return cls._made(votes_on_pairs(table, first, second, columns, others, mapping))
        people = People.of(table, annotator, prompt, types, weight)
        if columns is not None:
            return cls._made(ballots.votes_wide(table, columns, people))
        option, vote = _given(option=option, vote=vote)
        return cls._made(ballots.votes_long(table, option, vote, people))

    @classmethod
    def from_preflib(cls, path: str | Path, *, unranked: ballots.Unranked = "below") -> Self:
        r"""Read a file of PrefLib: .soc, .soi, .toc, .toi or .cat.

        A line that was cast several times is as many ballots, each of an annotator of its own.
        Options in one group, or in one category, are ties.

        Parameters
        ----------
        path : str or Path
        unranked : {"below", "ignored"}
            As for `from_rankings`.

        Raises
        ------
        DataError
            If the file cannot be read, or is not of that form.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from socialpref import Comparisons
        >>> lines = [f"# ALTERNATIVE NAME {i}: {name}" for i, name in enumerate("ABC", 1)]
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "votes.toi")
        ...     _ = file.write_text("\n".join([*lines, "2: 1,{2,3}", "1: 3"]))
        ...     rows = Comparisons.from_preflib(file)
        >>> rows.options, len(rows), rows.annotators()[1]
        (('A', 'B', 'C'), 8, 3)
        """
        return cls._made(preflib(path, unranked))

    @classmethod
    def from_file(cls, path: str | Path, form: Form | None = None, **columns: Any) -> Self:
        r"""Read comparisons from a file, as the reader of its form does.

        Parameters
        ----------
        path : str or Path
            CSV, JSON lines, Parquet, Excel, or a file of PrefLib, as its ending says.
        form : {"pairs", "rankings", "ratings", "choices", "votes", "preflib"}, optional
            Guessed from the ending and the columns if omitted.
        **columns
            Arguments of the reader of that form; columns that are not given are guessed, as
            `guess_columns` does.

        Raises
        ------
        DataError
            If the file cannot be read, or does not hold what it should.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from socialpref import Comparisons
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "arena.csv")
        ...     _ = file.write_text("model_a,model_b,winner\nx,y,model_a\ny,z,tie\n")
        ...     Comparisons.from_file(file).options
        ('x', 'y', 'z')
        """
        from ..._tables import ending_of, read_table_file, reading

        file = _validate.path("path", path)
        with reading(file):
            if form == "preflib" or (form is None and ending_of(file) in ENDINGS):
                return cls.from_preflib(file, **columns)
            table = read_table_file(file)
            names = [name for name in table.columns if isinstance(name, str)]
            form = form_of(file, names) if form is None else form
            guessed = guess_columns(names, form).columns
            given = {**guessed, **columns}
            if "columns" in columns:  # a wide table has no column for each role
                roles = ("annotator", "prompt", "weight", *columns)
                given = {name: value for name, value in given.items() if name in roles}
            if form == "pairs":
                first, second = _given(first=given.get("first"), second=given.get("second"))
                if "choice" not in given and not says_who_won(first, second):
                    _given(choice=None)
                return cls.from_frame(table, **{"choice": None, **given})
            if form == "choices":
                given["choice"] = given.get("choice", given.pop("chosen", None))
            readers: dict[Form, Callable[..., Self]] = {
                "rankings": cls.from_rankings,
                "ratings": cls.from_ratings,
                "choices": cls.from_choices,
                "votes": cls.from_votes,
            }
            return readers[form](table, **given)


def _given(**names: str | None) -> tuple[str, ...]:
    """Return the names of columns that are needed."""
    for argument, name in names.items():
        if name is None:
            raise _validate.complaint(argument, "the name of a column", "None")
    return tuple(name for name in names.values() if name is not None)
