"""Comparisons: who preferred what to what; simulated from populations, or read from a table.

One row is one label that one annotator gave. Which further columns there are says what a method
can know: none (anonymous), the annotator (linked comparisons), the type, or the panel, a group of
annotators, one of each type, who all label the same pair.
"""

import base64
import copy
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from .._files import results_folder
from ..errors import DataError, InputError
from ..limits.method import Information
from .counts import Cells, add_up
from .dropped import Dropped
from .readers.sources import FromTables
from .two_types import of_two_types

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
Mask = NDArray[np.bool_]
INFORMATION: tuple[Information, ...] = ("anonymous", "linked", "typed", "panel")
METADATA = b"socialpref"
"""Where sizes, names and what was left out are kept in a Parquet file."""
LONGEST_METADATA = 2**31 - 1
RANDOM_PANELS = (
    "the types of the panels' annotators are not known. Panels help only if every panel has one "
    "annotator of each type. If the annotators are drawn from everybody, the panels that agree "
    "teach what DPO learns from single labels, however large the panels are"
)
UNKNOWN = -1
"""The annotator, or the type, of a row for which it is not known."""
MOST_PLACES = 1_000_000_000
"""Prompts times options up to which is written down which options exist where."""


class Repeats(NamedTuple):
    """Rows whose annotator had compared the same pair at the same prompt before.

    Attributes
    ----------
    duplicates : int
        Rows with the label of the annotator's first one on the pair.
    contradictions : int
        Rows that prefer the other option.
    """

    duplicates: int
    contradictions: int


@dataclass(frozen=True, eq=False)
class Comparisons(FromTables):
    """Labels of pairs of options, one row each.

    Options, prompts, annotators and types are numbers here; a table that was read from names
    knows the names, too. Rows are counted from 0.

    Parameters
    ----------
    prompt, first, second : array_like of int, shape (n,)
        Which prompt, and which two options.
    label : array_like, shape (n,)
        The probability that the first is preferred: 1 if it was, 0 if the second was, 0.5 for a
        tie, or between them for a soft label.
    n_prompts, n_options : int
        How many prompts there are, and how many options each has at most.
    annotator, annotator_type : array_like of int, shape (n,), optional
        Who gave the label, and of which type that annotator is; -1 where it is not known.
    panel, ballot : array_like of int, shape (n,), optional
        The panel that the annotator belongs to; the ballot that the row was taken from.
    weight : array_like, shape (n,), optional
        How many comparisons each row counts for, above 0; 1 if omitted.
    available : array_like of bool, shape (n_prompts, n_options), optional
        Which options exist at each prompt. If omitted, all options exist at a single prompt, and
        of several prompts each has the options that are compared there.
    differences : array_like, shape (n, F), optional
        How much more of each feature the first has than the second. Features describe options
        that hardly recur, such as texts.
    features : sequence of str, optional
        Names of these features.
    options : sequence of str, optional
        Names of the options; if there are `own_options`, of the first ones, which prompts share.
    own_options : sequence of sequence of str, optional
        For each prompt the names of the options that it alone has. They come after the shared
        ones, so that option ``len(options) + i`` is the i-th own option of each prompt.
    prompts, annotator_names, types : sequence of str, optional
        Names of the prompts, annotators and types.
    dropped : sequence of Dropped
        What was left out when the table was read.
    n_read : int, optional
        How many rows, ballots or ratings were read: what was used and what was dropped.

    Raises
    ------
    InputError
        If columns differ in length, a label is not in [0, 1], an index is out of range, an
        annotator has two types, or a row has an option that does not exist at its prompt. The
        message names the row.

    Examples
    --------
    >>> from socialpref.comparisons import Comparisons
    >>> rows = Comparisons([0, 0], [0, 1], [1, 2], [1, 0.5], 1, 3, annotator=[7, 7],
    ...                    options=["tea", "milk", "water"])
    >>> len(rows), rows.information, rows.name(0, 2)
    (2, 'linked', 'water')
    """

    prompt: Integers
    first: Integers
    second: Integers
    label: Floats
    n_prompts: int
    n_options: int
    annotator: Integers | None = None
    annotator_type: Integers | None = None
    panel: Integers | None = None
    ballot: Integers | None = None
    weight: Floats | None = None
    differences: Floats | None = None
    features: tuple[str, ...] | None = None
    available: Mask | None = None
    options: tuple[str, ...] | None = None
    own_options: tuple[tuple[str, ...], ...] | None = None
    prompts: tuple[str, ...] | None = None
    annotator_names: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    dropped: tuple[Dropped, ...] = ()
    n_read: int | None = None

    def __post_init__(self) -> None:
        X = _validate.integer("n_prompts", self.n_prompts, 1)
        K = _validate.integer("n_options", self.n_options, 2)
        self._set(n_prompts=X, n_options=K)
        labels = _validate.any_array("label", self.label, "a one-dimensional array of numbers")
        if labels.ndim != 1 or not len(labels):
            must = "a one-dimensional array of at least one number"
            raise _validate.complaint("label", must, f"shape {labels.shape}")
        _check_rows("label", labels, (labels >= 0.0) & (labels <= 1.0), "in [0, 1]")
        self._set(label=labels)
        self._check_names()
        low = {"annotator": UNKNOWN, "annotator_type": UNKNOWN}
        high: dict[str, float] = {"prompt": X, "first": K, "second": K}
        for name, names in (("annotator", self.annotator_names), ("annotator_type", self.types)):
            if names is not None:
                high[name] = len(names)
        for name in ("prompt", "first", "second", "annotator", "annotator_type", "panel", "ballot"):
            values = getattr(self, name)
            if values is None and name not in ("prompt", "first", "second"):
                continue
            must = f"{len(labels)} integers, one for each label"
            array = integers(name, values, f"{must} (names: Comparisons.from_frame)")
            if array.shape != labels.shape:
                raise _validate.complaint(name, must, f"shape {array.shape}")
            least, end = low.get(name, 0), high.get(name, np.inf)
            must = f"at least {least}" if end == np.inf else f"in {least}..{end - 1}"
            _check_rows(name, array, (array >= least) & (array < end), must)
            self._set(**{name: array})
        if self.weight is not None:
            weight = _validate.real_array("weight", self.weight, 1)
            if weight.shape != labels.shape:
                must = f"{len(labels)} numbers, one for each label"
                raise _validate.complaint("weight", must, f"shape {weight.shape}")
            _check_rows("weight", weight, weight > 0.0, "above 0")
            self._set(weight=weight)
        self._check_features()
        self._check_types()
        self._check_available()

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _check_names(self) -> None:
        """Check the names, and make them tuples."""
        width = 0
        if self.own_options is not None:
            _validate.instance("own_options", self.own_options, Sequence, "names for each prompt")
            own = tuple(_validate.labels("own_options", names) for names in self.own_options)
            shared = () if self.options is None else self.options
            if len(own) != self.n_prompts or any(set(names) & set(shared) for names in own):
                must = f"{self.n_prompts} lists of names, one for each prompt, none in 'options'"
                raise _validate.complaint("own_options", must, _validate.shown(own))
            width = max(map(len, own))
            self._set(own_options=own, options=shared)
        sizes = {"options": self.n_options - width, "prompts": self.n_prompts}
        for name in ("options", "prompts", "annotator_names", "types"):
            if getattr(self, name) is not None:
                self._set(**{name: _validate.labels(name, getattr(self, name), sizes.get(name))})
        _validate.instance("dropped", self.dropped, Sequence, "a sequence of Dropped")
        for part in self.dropped:
            _validate.instance("dropped", part, Dropped, "a sequence of Dropped")
        self._set(dropped=tuple(self.dropped))
        if self.n_read is not None:
            self._set(n_read=_validate.integer("n_read", self.n_read))

    def _check_features(self) -> None:
        """Check the differences, and name the features."""
        if self.differences is None:
            if self.features is not None:
                raise _validate.complaint("features", "of 'differences'", "no differences")
            return
        values = _validate.real_array("differences", self.differences, 2)
        if len(values) != len(self) or not values.shape[1]:
            must = f"of shape ({len(self)}, features), a row for each label"
            raise _validate.complaint("differences", must, f"shape {values.shape}")
        names = _validate.labels("features", self.features, values.shape[1], "feature")
        self._set(differences=values, features=names)

    def _check_types(self) -> None:
        """Refuse an annotator of two types."""
        if self.annotator is None or self.annotator_type is None:
            return
        torn = of_two_types(self.annotator, self.annotator_type)
        if torn is not None:
            one, other = (self._type_name(int(self.annotator_type[row])) for row in torn)
            raise _validate.complaint(
                "annotator_type",
                "one for each annotator",
                f"{one} in row {torn.row} and {other} in row {torn.other} for annotator "
                f"{self._annotator_name(int(self.annotator[torn.row]))}",
            )

    def _check_available(self) -> None:
        """Refuse rows with options that do not exist at their prompt."""
        if self.available is None:
            return
        must = f"an array of bool of shape ({self.n_prompts}, {self.n_options})"
        given = np.asarray(self.available)
        if given.dtype != bool or given.shape != (self.n_prompts, self.n_options):
            raise _validate.complaint("available", must, f"{given.dtype} of shape {given.shape}")
        if not given.any(axis=1).all():
            at = int(given.any(axis=1).argmin())
            raise _validate.complaint("available", "of some option of each prompt", f"none of {at}")
        for name in ("first", "second"):
            option = getattr(self, name)
            must = "an option that is available at the row's prompt"
            _check_rows(name, option, given[self.prompt, option], must)
        self._set(available=given)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def information(self) -> Information:
        """What the columns tell: "panel", "linked", "typed" or "anonymous", the first that fits."""
        known: dict[Information, Integers | None]
        known = {"panel": self.panel, "linked": self.annotator, "typed": self.annotator_type}
        return next(
            (name for name, ids in known.items() if ids is not None and ids.max() >= 0), "anonymous"
        )

    def name(self, prompt: int, option: int) -> str:
        """Return the name of an option of a prompt.

        Raises
        ------
        InputError
            If there is no such option at this prompt.

        Examples
        --------
        >>> from socialpref.comparisons import Comparisons
        >>> rows = Comparisons([0, 1], [0, 0], [1, 1], [1, 0], 2, 2,
        ...                    own_options=[["yes", "no"], ["red", "blue"]])
        >>> rows.name(0, 0), rows.name(1, 1)
        ('yes', 'blue')
        """
        x = _validate.integer("prompt", prompt, 0, self.n_prompts - 1)
        y = _validate.integer("option", option, 0, self.n_options - 1)
        if self.options is None:
            return f"option {y + 1}"
        if y < len(self.options):
            return self.options[y]
        own = self.own_options[x] if self.own_options is not None else ()
        place = y - len(self.options)
        if place >= len(own):
            raise _validate.complaint("option", f"one that prompt {x} has", y)
        return own[place]

    def existing(self) -> Mask | None:
        """Return which options exist at each prompt, shape (n_prompts, n_options).

        None if all of them do. Where `available` was not given, several prompts have the options
        that are compared there.
        """
        if self.available is not None:
            return None if self.available.all() else self.available
        if self.n_prompts == 1 or self.n_prompts * self.n_options > MOST_PLACES:
            return None
        found = np.zeros((self.n_prompts, self.n_options), dtype=bool)
        found[self.prompt, self.first] = found[self.prompt, self.second] = True
        found[~found.any(axis=1)] = True  # of a prompt without rows nothing is known
        return None if found.all() else found

    def _annotator_name(self, annotator: int) -> str:
        return str(annotator) if self.annotator_names is None else self.annotator_names[annotator]

    def _type_name(self, kind: int) -> str:
        return f"type {kind}" if self.types is None else f"type {self.types[kind]!r}"

    def take(self, rows: ArrayLike) -> Self:
        """Return some of the rows, by number or by a mask; all options stay where they exist."""
        chosen = np.asarray(rows)
        mask = chosen.dtype == bool
        if not mask:
            chosen = integers("rows", rows, "a mask, or numbers of rows")
        wrong = chosen.shape != (len(self),) if mask else (chosen < 0) | (chosen >= len(self))
        if chosen.ndim != 1 or np.any(wrong):
            must = f"a mask of {len(self)} rows, or their numbers in 0..{len(self) - 1}"
            raise _validate.complaint("rows", must, _validate.shown(rows))
        taken = copy.copy(self)  # what has been checked is not checked again
        columns = {name: getattr(self, name) for name in COLUMNS}
        taken._set(**{n: c[chosen] for n, c in columns.items() if c is not None})
        if not len(taken):
            raise _validate.complaint("rows", "at least one", "none")
        if self.available is None and self.n_prompts > 1:
            taken._set(available=self._all_existing())
        taken._set(dropped=(), n_read=None)
        return taken

    def _all_existing(self) -> Mask:
        existing = self.existing()
        shape = self.n_prompts, self.n_options
        return np.broadcast_to(np.True_, shape) if existing is None else existing

    def cells(self, *, merged: bool = True) -> Cells:
        """Return the labels added up by prompt and pair, or one by one.

        Parameters
        ----------
        merged : bool
            False for a row for each label, as minibatches need.

        Raises
        ------
        InputError
            If no two different options were compared.
        """
        return self._added(self.label, 1.0 - self.label, 1, merged=merged)

    def unanimous_cells(self, *, merged: bool = True, lapse: float = 0.0) -> Cells:
        """Return the panels added up by prompt and pair, or one by one.

        A panel agrees with the probability that independent labels of its annotators would: a tie
        is half a win.

        Parameters
        ----------
        merged : bool
            False for a row for each panel.
        lapse : float
            The rate of lapses that is corrected for, as for `AgreementOnly`.

        Raises
        ------
        InputError
            If there is no panel column, or as for `panels`.
        """
        rows, labels = self.panels()
        lapse = _validate.number("lapse", lapse, 0.0, 0.5, below=True)
        wins, losses = (labels - lapse).prod(axis=1), (1.0 - lapse - labels).prod(axis=1)
        return rows._added(wins, losses, labels.shape[1], merged=merged)

    def _added(self, wins: Floats, losses: Floats, n_labels: int, *, merged: bool) -> Cells:
        columns = (self.prompt, self.first, self.second)
        sizes = (self.n_prompts, self.n_options)
        cells = add_up(columns, sizes, wins, losses, self.weight, n_labels, merged=merged)
        return cells._replace(available=self.existing())

    def panels(self) -> tuple[Self, Floats]:
        """Return one row for each panel, and its labels, shape (panels, labels of each).

        A warning is given where the annotators' types are not known: whether a panel has one of
        each type cannot be seen then.

        Raises
        ------
        InputError
            If there is no panel column, a panel has not as many labels as the others, or its
            labels are not of the same pair or have different weights.
        """
        if self.panel is None:
            raise _validate.complaint("panel", "known for the agreement-only loss", "None")
        order = np.argsort(self.panel, kind="stable")
        _, sizes = np.unique(self.panel, return_counts=True)
        if np.ptp(sizes):
            raise InputError(
                f"'panel' must have a label of every type; the largest has {sizes.max()}, and "
                f"{(sizes < sizes.max()).sum()} of {len(sizes)} panels have fewer."
            )
        table = order.reshape(-1, sizes[0])
        for name in ("prompt", "first", "second", "weight"):
            column = getattr(self, name)
            if column is not None and (column[table] != column[table[:, :1]]).any():
                raise InputError(
                    f"'panel' must be of one pair; the labels of one differ in {name}."
                )
        types = None if self.annotator_type is None else np.sort(self.annotator_type[table])
        if types is None or types.min() < 0:
            warnings.warn(RANDOM_PANELS, stacklevel=2)
        elif (np.diff(types, axis=0) != 0).any():
            raise InputError("'panel' must have the same types of annotators in every panel.")
        return self.take(table[:, 0]), self.label[table]

    def by_type(self) -> tuple[Self, Integers]:
        """Return one row for each panel, or for each label without panels, and who said what.

        Rows of an unknown type are left out.

        Returns
        -------
        rows : Comparisons
        places : ndarray of int, shape (rows, T)
            Which row of these comparisons has the label of each type; -1 if the type gave none.

        Raises
        ------
        InputError
            If no type is known, or the labels of a panel are not of one pair, have different
            weights, or are not of different types.

        Examples
        --------
        >>> from socialpref.comparisons import Comparisons
        >>> rows = Comparisons([0] * 3, [0] * 3, [1] * 3, [1, 0, 1], 1, 2, panel=[5, 5, 8],
        ...                    annotator_type=[1, 0, 0])
        >>> rows.by_type()[1]
        array([[ 1,  0],
               [ 2, -1]])
        """
        kinds = self.annotator_type
        if kinds is None or kinds.max() < 0:
            raise _validate.complaint("annotator_type", "known for labels by type", "None")
        known = np.flatnonzero(kinds >= 0)
        panel = known if self.panel is None else self.panel[known]
        _, start, place = np.unique(panel, return_index=True, return_inverse=True)
        first = known[start]
        for name in ("prompt", "first", "second", "weight"):
            column = getattr(self, name)
            if column is not None and (column[known] != column[first[place]]).any():
                raise InputError(
                    f"'panel' must be of one pair; the labels of one differ in {name}."
                )
        n_types = int(kinds.max()) + 1 if self.types is None else len(self.types)
        places = np.full((len(first), n_types), -1)
        places[place, kinds[known]] = known
        if (places >= 0).sum() < len(known):
            raise _validate.complaint("panel", "of labels of different types", "one type twice")
        return self.take(first), places

    def repeats(self) -> Repeats:
        """Return how many rows say again, or contradict, what their annotator said of a pair.

        All rows are kept. Of unknown annotators nothing is known.

        Examples
        --------
        >>> from socialpref.comparisons import Comparisons
        >>> rows = Comparisons([0] * 3, [0, 1, 0], [1, 0, 1], [1, 0, 0], 1, 2, annotator=[5] * 3)
        >>> rows.repeats()
        Repeats(duplicates=1, contradictions=1)
        """
        if self.annotator is None:
            return Repeats(0, 0)
        known = np.flatnonzero((self.annotator >= 0) & (self.first != self.second))
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        label = np.where(self.first == low, self.label, 1.0 - self.label)[known]
        columns = [column[known] for column in (high, low, self.prompt, self.annotator)]
        order = np.lexsort((known, *columns))
        new = np.append(True, np.any([np.diff(c[order]) != 0 for c in columns], axis=0))
        start = np.flatnonzero(new)[np.cumsum(new) - 1]
        said, earlier = label[order], label[order][start]
        against = (said - 0.5) * (earlier - 0.5) < 0.0
        return Repeats(int((~new & ~against & (said == earlier)).sum()), int(against.sum()))

    def annotators(self) -> tuple[Integers, int]:
        """Return each row's annotator, numbered from 0, and how many there are.

        A row whose annotator is not known counts as an annotator of its own, after the others.

        Raises
        ------
        InputError
            If no annotator is known.
        """
        if self.annotator is None or self.annotator.max() < 0:
            raise _validate.complaint("annotator", "known for linked comparisons", "None")
        known = self.annotator >= 0
        who = np.empty(len(self), dtype=np.int64)
        numbers, who[known] = np.unique(self.annotator[known], return_inverse=True)
        alone = len(self) - int(known.sum())
        who[~known] = len(numbers) + np.arange(alone)
        return who, len(numbers) + alone

    def save(self, path: str | Path) -> None:
        """Write a Parquet file; it appears whole or not at all.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        target = Path(path)
        columns = {name: getattr(self, name) for name in COLUMNS}
        if self.differences is not None:
            del columns["differences"]
            columns |= {f"{FEATURE}{f}": part for f, part in enumerate(self.differences.T)}
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in COLUMNS}
        kept["dropped"] = [asdict(part) for part in self.dropped]
        if self.available is not None:
            kept["available"] = base64.b64encode(np.packbits(self.available).tobytes()).decode()
        kept = {name: value for name, value in kept.items() if value not in (None, [])}
        table = pa.table({n: c for n, c in columns.items() if c is not None})
        table = table.replace_schema_metadata({METADATA: json.dumps(kept)})
        with results_folder(target.parent) as folder:
            pq.write_table(table, folder / target.name)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If there is no such file, or it does not hold comparisons.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path, thrift_string_size_limit=LONGEST_METADATA)
            kept = json.loads((table.schema.metadata or {})[METADATA])
            if "available" in kept:
                bits = np.frombuffer(base64.b64decode(kept["available"]), dtype=np.uint8)
                shape = kept["n_prompts"], kept["n_options"]
                flat = np.unpackbits(bits, count=shape[0] * shape[1])
                kept["available"] = flat.reshape(shape).astype(bool)
            kept["dropped"] = [Dropped(**part) for part in kept.get("dropped", ())]
            columns: dict[str, Any] = {n: table[n].to_numpy() for n in table.column_names}
            parts = [columns.pop(n) for n in table.column_names if n.startswith(FEATURE)]
            if parts:
                columns["differences"] = np.stack(parts, axis=1)
            return cls(**columns, **kept)
        except (
            OSError,
            LookupError,
            AttributeError,
            TypeError,
            ValueError,
            pa.ArrowException,
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: not a file of comparisons: {reason}") from None


COLUMNS = (
    *("prompt", "first", "second", "label"),
    *("annotator", "annotator_type", "panel", "ballot", "weight", "differences"),
)
"""What each row has."""
FEATURE = "difference "
"""How the columns of differences begin in a Parquet file."""


def _check_rows(name: str, values: NDArray[Any], right: Mask, must: str) -> None:
    """Refuse a column if a row is not right, and name the first one."""
    if not right.all():
        at = int(right.argmin())
        raise _validate.complaint(name, must, f"{values[at]:g} in row {at}")


def integers(name: str, values: Any, must: str) -> Integers:
    """Return integers of any shape; 1.0 and True are refused."""
    _validate.any_array(name, values, must)
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise _validate.complaint(name, must, f"an array of {array.dtype}")
    return np.array(array)


def places(name: str, values: Any, size: int) -> Integers:
    """Return integers in 0..size - 1, of any shape."""
    must = f"integers in 0..{size - 1}"
    numbers = integers(name, values, must)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= size):
        raise _validate.complaint(name, must, _validate.shown(values))
    return numbers
