"""Annotations: who preferred what to what; simulated from populations, or read from a table.

One row is one label that one annotator gave. Which further columns there are says what a method
can know: none (anonymous), the annotator (linked comparisons), the type, or the panel, a group of
annotators, one of each type, who all label the same pair.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from .._files import results_folder
from ..errors import DataError, InputError
from ..limits import pair_design
from ..methods import Information
from ..population import Population

if TYPE_CHECKING:
    from torch.utils.data import TensorDataset

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
INFORMATION: tuple[Information, ...] = ("anonymous", "linked", "typed", "panel")
METADATA = b"socialpref"
"""Where the sizes are kept in a Parquet file."""


class Cells(NamedTuple):
    """Annotations over finite sets, added up by prompt and pair; weights need not be integers.

    Attributes
    ----------
    prompt, first, second : ndarray of int, shape (n,)
        Every pair once, in one orientation, if merged; pairs of an alternative with itself, which
        say nothing, are left out.
    wins, losses : ndarray, shape (n,)
        How often the first was preferred, and the second; of panels, with one voice.
    total : ndarray, shape (n,)
        Comparisons of the pair: ``wins + losses``, or the panels, those that disagree included.
    n_labels : int
        Labels in each comparison: 1, or a panel's.
    """

    prompt: Integers
    first: Integers
    second: Integers
    wins: Floats
    losses: Floats
    total: Floats
    n_labels: int


@dataclass(frozen=True, eq=False)
class Annotations:
    """Labels of pairs of alternatives, one row each.

    Parameters
    ----------
    prompt, first, second : array_like of int, shape (n,)
        Which prompt, and which two alternatives.
    label : array_like, shape (n,)
        1 if the first was preferred, 0 if the second.
    n_prompts, n_options : int
        How many prompts there are, and how many alternatives each has.
    annotator, annotator_type, panel : array_like of int, shape (n,), optional
        Who gave the label, of which type the annotator is, and to which panel it belongs.

    Raises
    ------
    InputError
        If columns differ in length, a label is neither 0 nor 1, an index is out of range, or an
        annotator has two types.

    Examples
    --------
    >>> from socialpref.training import Annotations
    >>> rows = Annotations([0, 0], [0, 1], [1, 2], [1, 0], 1, 3, annotator=[7, 7])
    >>> len(rows), rows.information
    (2, 'linked')
    """

    prompt: Integers
    first: Integers
    second: Integers
    label: NDArray[np.int8]
    n_prompts: int
    n_options: int
    annotator: Integers | None = None
    annotator_type: Integers | None = None
    panel: Integers | None = None

    def __post_init__(self) -> None:
        X = _validate.integer("n_prompts", self.n_prompts, 1)
        K = _validate.integer("n_options", self.n_options, 2)
        object.__setattr__(self, "n_prompts", X)
        object.__setattr__(self, "n_options", K)
        limits = {"prompt": X, "first": K, "second": K}
        labels = _validate.any_array("label", self.label, "a one-dimensional array of 0 and 1")
        if labels.ndim != 1 or not len(labels):
            must = "a one-dimensional array of at least one number"
            raise _validate.complaint("label", must, f"shape {labels.shape}")
        right = (labels == 0) | (labels == 1)
        if not right.all():
            raise _validate.complaint("label", "0 or 1", f"{labels[~right][0]:g} among them")
        object.__setattr__(self, "label", labels.astype(np.int8))
        for name in ("prompt", "first", "second", "annotator", "annotator_type", "panel"):
            values = getattr(self, name)
            if values is None and name not in limits:
                continue
            must = f"{len(labels)} integers, one for each label"
            array = _integers(name, values, must)
            if array.shape != labels.shape:
                raise _validate.complaint(name, must, f"shape {array.shape}")
            high = limits.get(name, np.inf)
            if array.min() < 0 or array.max() >= high:
                wrong = array[(array < 0) | (array >= high)][0]
                must = f"in 0..{high - 1}" if name in limits else "non-negative"
                raise _validate.complaint(name, must, f"{wrong} among them")
            object.__setattr__(self, name, array)
        self._check_types()

    def _check_types(self) -> None:
        """Refuse an annotator of two types."""
        if self.annotator is None or self.annotator_type is None:
            return
        order = np.lexsort((self.annotator_type, self.annotator))
        who, types = self.annotator[order], self.annotator_type[order]
        torn = np.flatnonzero((who[1:] == who[:-1]) & (types[1:] != types[:-1]))
        if len(torn):
            at = torn[0]
            raise _validate.complaint(
                "annotator_type",
                "one for each annotator",
                f"types {types[at]} and {types[at + 1]} for annotator {who[at]}",
            )

    def __len__(self) -> int:
        return len(self.label)

    @property
    def information(self) -> Information:
        """What the columns tell: "panel", "linked", "typed" or "anonymous", the first that fits."""
        known: dict[Information, Integers | None]
        known = {"panel": self.panel, "linked": self.annotator, "typed": self.annotator_type}
        return next((name for name, column in known.items() if column is not None), "anonymous")

    def take(self, rows: ArrayLike) -> Self:
        """Return some of the rows, by number or by a mask."""
        chosen = np.asarray(rows)
        mask = chosen.dtype == bool
        if not mask:
            chosen = _integers("rows", rows, "a mask, or numbers of rows")
        wrong = chosen.shape != (len(self),) if mask else (chosen < 0) | (chosen >= len(self))
        if chosen.ndim != 1 or np.any(wrong):
            must = f"a mask of {len(self)} rows, or their numbers in 0..{len(self) - 1}"
            raise _validate.complaint("rows", must, _validate.shown(rows))
        columns = {
            f.name: getattr(self, f.name)[chosen]
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        return replace(self, **columns)

    def cells(self, *, merged: bool = True) -> Cells:
        """Return the labels added up by prompt and pair, or one by one.

        Parameters
        ----------
        merged : bool
            False for a row for each label, as minibatches need.

        Raises
        ------
        InputError
            If no two different alternatives were compared.
        """
        return _cells(self, self.label == 1, self.label == 0, 1, merged)

    def unanimous_cells(self, *, merged: bool = True) -> Cells:
        """Return the panels added up by prompt and pair, or one by one.

        Parameters
        ----------
        merged : bool
            False for a row for each panel.

        Raises
        ------
        InputError
            If there is no panel column, or as for `panels`.
        """
        rows, labels = self.panels()
        return _cells(rows, labels.min(1) == 1, labels.max(1) == 0, labels.shape[1], merged)

    def panels(self) -> tuple[Self, NDArray[np.bool_]]:
        """Return one row for each panel, and its labels, shape (panels, labels of each).

        Raises
        ------
        InputError
            If there is no panel column, a panel has not as many labels as the others, or its
            labels are not of the same pair.
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
        for name in ("prompt", "first", "second"):
            column = getattr(self, name)[table]
            if (column != column[:, :1]).any():
                raise InputError(
                    f"'panel' must be of one pair; the labels of one differ in {name}."
                )
        if (
            self.annotator_type is not None
            and (np.diff(np.sort(self.annotator_type[table]), axis=0) != 0).any()
        ):
            raise InputError("'panel' must have the same types of annotators in every panel.")
        return self.take(table[:, 0]), self.label[table].astype(bool)

    def annotators(self) -> tuple[Integers, int]:
        """Return each row's annotator, numbered from 0, and how many there are.

        Raises
        ------
        InputError
            If annotators are unknown, or one of them gave a single label.
        """
        if self.annotator is None:
            raise _validate.complaint("annotator", "known for linked comparisons", "None")
        _, who, counts = np.unique(self.annotator, return_inverse=True, return_counts=True)
        if (counts < 2).any():
            raise InputError(
                f"'annotator' must link at least 2 comparisons each; {(counts < 2).sum()} of "
                f"{len(counts)} annotators have one."
            )
        return who, len(counts)

    def annotators_by_type(self) -> NDArray[np.int64]:
        """Return how many annotators each type has; how many labels, if annotators are unknown.

        Raises
        ------
        InputError
            If types are unknown, or not numbered from 0 without gaps.
        """
        if self.annotator_type is None:
            raise _validate.complaint("annotator_type", "known for reward averaging", "None")
        types = self.annotator_type
        if self.annotator is not None:
            types = types[np.unique(self.annotator, return_index=True)[1]]
        counts = np.bincount(types)
        if not counts.all():
            must = "numbered from 0 without gaps"
            raise _validate.complaint("annotator_type", must, f"none of {counts.argmin()}")
        return counts

    def dataset(self) -> "TensorDataset":
        """Return a torch dataset: (prompt, first, second, label) of a row, annotator or panel.

        Linked comparisons come together, each tensor of shape (comparisons,), if all annotators
        made equally many; a panel's label is a vector with one entry for each annotator.
        """
        import torch
        from torch.utils.data import TensorDataset

        rows = self
        columns: list[NDArray[Any]] = [rows.prompt, rows.first, rows.second, rows.label]
        if self.panel is not None:
            rows, voices = self.panels()
            columns = [rows.prompt, rows.first, rows.second, voices]
        elif self.annotator is not None:
            who, count = self.annotators()
            if len(who) % count == 0 and (np.bincount(who) == len(who) // count).all():
                table = np.argsort(who, kind="stable").reshape(count, -1)
                columns = [column[table] for column in columns]
        floats = torch.get_default_dtype()
        *places, answers = (torch.as_tensor(np.ascontiguousarray(c)) for c in columns)
        return TensorDataset(*(p.long() for p in places), answers.to(floats))

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
        columns, sizes = {}, {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                columns[field.name] = value
            elif value is not None:
                sizes[field.name] = int(value)
        table = pa.table(columns).replace_schema_metadata({METADATA: json.dumps(sizes)})
        with results_folder(target.parent) as folder:
            pq.write_table(table, folder / target.name)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If there is no such file, or it does not hold annotations.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            sizes = json.loads((table.schema.metadata or {})[METADATA])
            columns: dict[str, Any] = {n: table[n].to_numpy() for n in table.column_names}
            return cls(**columns, **sizes)
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: not a file of annotations: {reason}") from None


def simulate(
    population: Population | Sequence[Population],
    n: int,
    information: Information = "anonymous",
    *,
    comparisons: int = 2,
    sampling: ArrayLike | None = None,
    replicas: Sequence[int] | None = None,
    seed: int | np.random.Generator = 0,
) -> Annotations:
    """Draw annotations from a population.

    Prompts are drawn uniformly, the two alternatives from the sampling distribution (they can be
    the same), annotators by the types' shares and labels by their preferences.

    Parameters
    ----------
    population : Population or sequence of Population
        One for each prompt, with the same types, shares and number of alternatives.
    n : int
        Number of annotations, that is of labels; of linked comparisons and panels the number of
        whole ones that fit.
    information : {"anonymous", "linked", "typed", "panel"}
        Linked: each annotator makes `comparisons` of them at one prompt. Typed: each label comes
        with the annotator's type. Panel: one annotator of each type labels each pair.
    comparisons : int
        By each annotator, if linked; at least 2.
    sampling : array_like, shape (K,) or (K, K), optional
        A distribution or a symmetric pair design; uniform if omitted.
    replicas : sequence of int, optional
        Labels of each type in a panel, for unequal shares; one of each if omitted.
    seed : int or Generator

    Returns
    -------
    Annotations

    Raises
    ------
    InputError
        If an argument is out of range, or panels are asked of unequal shares without `replicas`.

    References
    ----------
    arXiv 2502.16320, sections 3 to 6.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import simulate
    >>> panels = simulate(mediocre_winner(), 1000, "panel", seed=1)
    >>> len(panels), panels.panels()[1].shape
    (999, (333, 3))
    """
    prompts = populations_of("population", population)
    _validate.choice("information", information, INFORMATION)
    rng = _validate.seed("seed", seed)
    voices = _voices(prompts[0], replicas) if information == "panel" else None
    comparisons = _validate.integer("comparisons", comparisons, 2)
    size = {"linked": comparisons, "panel": 1 if voices is None else len(voices)}.get(
        information, 1
    )
    groups = _validate.integer("n", n, size) // size
    rows = groups * size
    x = np.repeat(rng.integers(len(prompts), size=groups), size)
    if voices is None:
        first, second = _pairs(rng, prompts[0], sampling, rows)
        types = np.repeat(_draw(rng, prompts[0].shares, groups), size)
    else:
        first, second = (np.repeat(c, size) for c in _pairs(rng, prompts[0], sampling, groups))
        types = np.tile(voices, groups)
    rewards = np.stack([p.rewards for p in prompts])
    chance = prompts[0].link(rewards[x, types, first] - rewards[x, types, second])
    return Annotations(
        prompt=x,
        first=first,
        second=second,
        label=(rng.random(rows) < chance).astype(np.int8),
        n_prompts=len(prompts),
        n_options=prompts[0].n_options,
        annotator=np.repeat(np.arange(groups), size) if information == "linked" else None,
        annotator_type=types if information in ("typed", "panel") else None,
        panel=np.repeat(np.arange(groups), size) if information == "panel" else None,
    )


def expected_cells(
    population: Population | Sequence[Population],
    information: Information = "anonymous",
    *,
    sampling: ArrayLike | None = None,
    replicas: Sequence[int] | None = None,
) -> Cells:
    """Return what the annotations of a population add up to, in expectation.

    A fit to them is training with unlimited data.

    Parameters
    ----------
    population, information, sampling, replicas
        As for `simulate`. All but "panel" give the same cells.

    Returns
    -------
    Cells
        Whose totals, with those of pairs of an alternative with itself, sum to 1.

    Raises
    ------
    InputError
        As for `simulate`.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import expected_cells
    >>> expected_cells(mediocre_winner()).total.round(4)
    array([0.2222, 0.2222, 0.2222])
    """
    prompts = populations_of("population", population)
    _validate.choice("information", information, INFORMATION)
    weights = pair_design(prompts[0], sampling) / len(prompts)
    y, z = np.nonzero(np.triu(weights, 1))
    total = 2.0 * weights[y, z]
    wins, losses, n_labels = [], [], 1
    if information == "panel":
        voices = _voices(prompts[0], replicas)
        n_labels = len(voices)
        for one in prompts:
            gaps = one.rewards[voices][:, y] - one.rewards[voices][:, z]
            wins.append(total * one.link(gaps).prod(axis=0))
            losses.append(total * one.link(-gaps).prod(axis=0))
    else:
        for one in prompts:
            wins.append(total * one.pairwise()[y, z])
            losses.append(total * one.pairwise()[z, y])
    return Cells(
        prompt=np.repeat(np.arange(len(prompts)), len(y)),
        first=np.tile(y, len(prompts)),
        second=np.tile(z, len(prompts)),
        wins=np.concatenate(wins),
        losses=np.concatenate(losses),
        total=np.tile(total, len(prompts)),
        n_labels=n_labels,
    )


def populations_of(
    name: str, population: Population | Sequence[Population]
) -> tuple[Population, ...]:
    """Return the populations of all prompts, which must be alike but for their rewards."""
    if isinstance(population, Population):
        return (population,)
    must = "a Population or several"
    _validate.instance(name, population, Iterable, must)
    prompts = tuple(population)
    if not prompts:
        raise _validate.complaint(name, must, "none")
    for one in prompts:
        _validate.instance(name, one, Population, must)
    first = prompts[0]
    for one in prompts[1:]:
        same = one.rewards.shape == first.rewards.shape and one.link == first.link
        if not same or np.abs(one.shares - first.shares).max() > _validate.SUM_TOLERANCE:
            must = "of the same types, shares, link and number of alternatives at every prompt"
            raise _validate.complaint(name, must, "prompts that differ")
    return prompts


def _integers(name: str, values: Any, must: str) -> Integers:
    """Return integers of any shape; 1.0 and True are none."""
    _validate.any_array(name, values, must)
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise _validate.complaint(name, must, f"an array of {array.dtype}")
    return np.array(array)


def places(name: str, values: Any, size: int) -> Integers:
    """Return integers in 0..size - 1, of any shape."""
    must = f"integers in 0..{size - 1}"
    numbers = _integers(name, values, must)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= size):
        raise _validate.complaint(name, must, _validate.shown(values))
    return numbers


def _voices(population: Population, replicas: Sequence[int] | None) -> Integers:
    """Return the type of each of a panel's annotators."""
    if replicas is None:
        if np.ptp(population.shares) > _validate.SUM_TOLERANCE:
            must = "given, in proportion to the shares, where types have unequal shares"
            raise _validate.complaint("replicas", must, "None")
        return np.arange(population.n_types)
    must = f"{population.n_types} non-negative integers"
    counts = _integers("replicas", replicas, must)
    if counts.shape != (population.n_types,) or counts.min() < 0:
        raise _validate.complaint("replicas", must, _validate.shown(replicas))
    if not counts.any():
        raise _validate.complaint("replicas", "positive for some type", repr(replicas))
    return np.repeat(np.arange(population.n_types), counts)


def _draw(rng: np.random.Generator, shares: Floats, size: int) -> Integers:
    """Return `size` draws from a distribution, by its distribution function."""
    ends = np.cumsum(shares)
    ends[np.flatnonzero(shares)[-1] :] = np.inf  # rounding leaves no gap below 1
    return np.searchsorted(ends, rng.random(size), side="right")


def _pairs(
    rng: np.random.Generator, population: Population, sampling: ArrayLike | None, size: int
) -> tuple[Integers, Integers]:
    weights = pair_design(population, sampling)
    d = weights.sum(axis=1)
    if np.allclose(weights, np.outer(d, d), rtol=1e-12, atol=0.0):  # independent: faster
        return _draw(rng, d, size), _draw(rng, d, size)
    first, second = np.divmod(_draw(rng, weights.ravel(), size), population.n_options)
    return first, second


def _cells(
    rows: Annotations,
    wins: NDArray[np.bool_],
    losses: NDArray[np.bool_],
    n_labels: int,
    merged: bool,
) -> Cells:
    apart = rows.first != rows.second
    if not apart.any():
        raise _validate.complaint("second", "another alternative than 'first'", "the same always")
    x, y, z = (c[apart].astype(np.int64) for c in (rows.prompt, rows.first, rows.second))
    w, v = (c[apart].astype(np.float64) for c in (wins, losses))
    if not merged:
        return Cells(x, y, z, w, v, np.ones(len(x)), n_labels)
    swapped = y > z
    size = rows.n_options
    keys = (x * size + np.minimum(y, z)) * size + np.maximum(y, z)
    span = rows.n_prompts * size * size
    if span > 10 * len(keys):  # few of the possible cells can be there
        kept, keys = np.unique(keys, return_inverse=True)
        count = len(kept)
    else:
        kept, count = np.arange(span), span
    ahead, behind = np.where(swapped, v, w), np.where(swapped, w, v)
    total, won, lost = (
        np.bincount(keys, values, count).astype(np.float64) for values in (None, ahead, behind)
    )
    there = total > 0.0
    x, pair = np.divmod(kept[there], size * size)
    y, z = np.divmod(pair, size)
    return Cells(x, y, z, won[there], lost[there], total[there], n_labels)
