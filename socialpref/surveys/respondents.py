"""Answers one by one, with survey weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..inference import Design, ReplicateWeights

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Respondents:
    """The answers one by one, for resampling; arrays of N rows, most of them shared.

    Attributes
    ----------
    groups, options : ndarray of int, shape (N,)
        Position of each respondent's group and option in the question; -1 if not counted.
    weights : ndarray, shape (N,)
        Survey weights; ones if there are none.
    design : Design or None
        The primary units and strata that the respondents were drawn from.
    replicates : ReplicateWeights or None
        The survey's own replicate weights.
    sample : str
        Names the rows: questions asked of the same respondents are resampled together.
    """

    groups: NDArray[np.int16]
    options: NDArray[np.int16]
    weights: Floats
    design: Design | None = None
    replicates: ReplicateWeights | None = None
    sample: str = ""

    def __post_init__(self) -> None:
        size = len(self.groups) if isinstance(self.groups, np.ndarray) else 0
        for name in ("groups", "options", "weights"):
            values = getattr(self, name)
            kinds = "iuf" if name == "weights" else "iu"
            must = f"an array of {size} rows of {'weights' if name == 'weights' else 'positions'}"
            if type(values) is not np.ndarray:
                raise _validate.complaint(name, must, _validate.shown(values))
            if values.ndim != 1 or len(values) != size or values.dtype.kind not in kinds:
                got = f"shape {values.shape} of {values.dtype}"
                raise _validate.complaint(name, must, got)
        _validate.instance("design", self.design, (Design, type(None)), "a Design or None")
        kinds_of = ReplicateWeights, type(None)
        _validate.instance("replicates", self.replicates, kinds_of, "ReplicateWeights or None")
        if self.design is not None and len(self.design.units) != size:
            raise _validate.complaint("design", f"of {size} rows", len(self.design.units))
        if self.design is not None and (self.design.units[self.counted] < 0).any():
            raise _validate.complaint("design", "a unit for every row that counts", "none for some")
        if self.replicates is not None and len(self.replicates.weights) != size:
            raise _validate.complaint("replicates", f"of {size} rows", len(self.replicates.weights))
        _validate.instance("sample", self.sample, str, "a string")

    def check_positions(self, name: str, n_groups: int, n_options: int) -> None:
        """Refuse positions that do not exist, and weights that are not valid."""
        for values, size in ((self.groups, n_groups), (self.options, n_options)):
            if values.size and not -1 <= values.min() <= values.max() < size:
                must = f"at positions -1 to {size - 1}"
                raise _validate.complaint(name, must, f"{values.min()} to {values.max()}")
        if not (np.isfinite(self.weights) & (self.weights >= 0.0)).all():
            raise _validate.complaint(name, "of finite, non-negative weights", "others")

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which rows have a group and an answer."""
        return np.asarray((self.groups >= 0) & (self.options >= 0))

    def tabulate(
        self, n_groups: int, n_options: int, weights: Floats | NDArray[np.bool_]
    ) -> Floats:
        """Return the sum of `weights` (or the number of trues) by group and option."""
        counted = self.counted
        cell = self.groups[counted].astype(np.intp) * n_options + self.options[counted]
        table = np.bincount(cell, weights[counted], minlength=n_groups * n_options)
        return table.astype(np.float64).reshape(n_groups, n_options)

    def relabel(
        self, groups: Sequence[int], n_groups: int, options: Sequence[int], n_options: int
    ) -> Self:
        """Return the answers with only some groups and options, renumbered from 0."""
        return replace(
            self,
            groups=_renumbered(groups, n_groups)[self.groups],
            options=_renumbered(options, n_options)[self.options],
        )


def _renumbered(kept: Sequence[int], size: int) -> NDArray[np.int16]:
    """Return the new number of each old one: -1 for those that are gone and for -1 itself."""
    new = np.full(size + 1, -1, dtype=np.int16)
    new[kept] = np.arange(len(kept))
    return new
