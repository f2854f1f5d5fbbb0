"""How the people of a sample were drawn: strata and primary units, or replicate weights."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import InputError

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]

LONELY = ("error", "adjust", "average", "remove")
REPLICATE_METHODS = ("bootstrap", "brr", "fay", "jk1", "jk2", "jkn", "sdr")


@dataclass(frozen=True, eq=False)
class Design:
    """Primary units within strata, of which a sample of N people consists.

    Attributes
    ----------
    units : ndarray of int, shape (N,)
        Position of each person's primary unit; -1 for people who do not count anywhere.
    strata : ndarray of int, shape (U,)
        Position of each unit's stratum.
    names : tuple of str
        Names of the H strata.
    lonely : str
        What is done with a stratum of a single unit, which shows no variance. ``"error"``
        refuses it; ``"remove"`` takes its variance as 0; ``"adjust"`` measures the unit's
        distance from the mean of all units; ``"average"`` gives the stratum the average
        variance of the others.

    Raises
    ------
    InputError
        If positions do not fit, or a stratum has a single unit and `lonely` is ``"error"``.

    Notes
    -----
    Units are taken as drawn with replacement: there is no finite-population correction.

    Examples
    --------
    >>> from socialpref.inference import Design
    >>> design = Design.of(strata=["a", "a", "a", "b", "b"], units=[1, 1, 2, 1, 2])
    >>> design.units, design.strata, design.degrees
    (array([0, 0, 1, 2, 3]), array([0, 0, 1, 1]), 2)
    """

    units: Positions
    strata: Positions
    names: tuple[str, ...]
    lonely: str = "error"

    def __post_init__(self) -> None:
        _validate.choice("lonely", self.lonely, LONELY)
        _check_positions("units", self.units, len(self.strata), low=-1)
        _check_positions("strata", self.strata, len(self.names), low=0)
        alone = np.flatnonzero(self.sizes == 1)
        if self.lonely == "error" and len(alone):
            named = ", ".join(repr(self.names[h]) for h in alone[:5])
            more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""
            raise InputError(
                f"every stratum must have two primary units; {named}{more} has one. Choose what "
                "to do with it: adjust, average or remove (--lonely-psu)."
            )
        if len(alone) and not (self.sizes > 1).any():
            raise InputError("some stratum must have two primary units; none has.")

    @classmethod
    def of(
        cls,
        strata: ArrayLike | None = None,
        units: ArrayLike | None = None,
        *,
        lonely: str = "error",
    ) -> Self:
        """Return the design of people with given labels of strata and of units.

        Parameters
        ----------
        strata : array_like, shape (N,), optional
            One stratum if omitted.
        units : array_like, shape (N,), optional
            Units are told apart within their stratum: unit 1 of one stratum is not unit 1 of
            another. Everybody is a unit if omitted.
        lonely : str

        Raises
        ------
        InputError
            If neither is given, lengths differ, or as for the class.
        """
        layer, names = _told_apart("strata", strata)
        inside, _ = _told_apart("units", units)
        if layer is None and inside is None:
            raise InputError("a design needs 'strata', 'units' or both; got neither.")
        if layer is None:
            layer = np.zeros_like(inside)
        if inside is None:
            inside = np.arange(len(layer))
        if len(inside) != len(layer):
            raise _validate.complaint("units", f"{len(layer)} labels", len(inside))
        pairs, positions = np.unique(np.stack([layer, inside]), axis=1, return_inverse=True)
        return cls(positions.reshape(-1), pairs[0], names or ("all",), lonely)

    @cached_property
    def sizes(self) -> Positions:
        """Number of units of each stratum."""
        return np.bincount(self.strata, minlength=len(self.names))

    @property
    def degrees(self) -> int:
        """Degrees of freedom: units less strata."""
        return int((self.sizes - 1).sum())

    def degrees_of(self, counted: NDArray[np.bool_]) -> int:
        """Return the degrees of freedom for some of the people: their units less their strata."""
        units = np.unique(self.units[counted])
        return len(units) - len(np.unique(self.strata[units]))

    @cached_property
    def _key(self) -> tuple[bytes, bytes, str]:
        return self.units.tobytes(), self.strata.tobytes(), self.lonely

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Design) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True, eq=False)
class ReplicateWeights:
    """The replicate weights that a survey comes with, and how they make a variance.

    The variance of an estimate is ``sum_r factors[r] (theta_r - theta)^2``.

    Attributes
    ----------
    weights : ndarray, shape (N, R)
        One column for each replicate; negative weights are legal.
    factors : ndarray, shape (R,)
    method : str
        Its name, such as ``"jk1"`` or ``"fay:0.5"``.
    degrees : float
        Degrees of freedom of the variance.

    Notes
    -----
    Replicates of these kinds are not samples: their percentiles mean nothing. Weights that were
    raked again for each replicate carry the effect of raking; nothing is raked here.

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation; Fay and Train (1995) for successive
    differences.

    Examples
    --------
    >>> import numpy as np
    >>> from socialpref.inference import ReplicateWeights
    >>> jackknife = 4 / 3 * (1 - np.eye(4))
    >>> replicates = ReplicateWeights.of(jackknife, "JK1", np.ones(4))
    >>> replicates.factors, replicates.degrees
    (array([0.75, 0.75, 0.75, 0.75]), 3.0)
    """

    weights: Floats
    factors: Floats
    method: str
    degrees: float

    @classmethod
    def of(
        cls,
        weights: ArrayLike,
        method: str | None = None,
        full: ArrayLike | None = None,
        *,
        factors: ArrayLike | None = None,
        scale: float | None = None,
    ) -> Self:
        """Return replicate weights of a kind.

        Parameters
        ----------
        weights : array_like, shape (N, R)
        method : str
            ``bootstrap``, ``brr``, ``fay:RHO``, ``jk1``, ``jk2``, ``jkn`` or ``sdr``, in upper
            or lower case.
        full : array_like, shape (N,), optional
            The weights of the whole sample, for the degrees of freedom.
        factors : array_like, shape (R,), optional
            For ``jkn`` the factor of each replicate, ``(n_h - 1) / n_h`` of its stratum.
        scale : float, optional
            In place of a method: one factor for all replicates, as the survey prints it.

        Raises
        ------
        InputError
            If the weights are no table, or the method or its factors are missing or unknown.
        """
        table = _validate.real_array("replicate_weights", weights, 2)
        if table.shape[1] < 2:
            raise _validate.complaint("replicate_weights", "at least two columns", table.shape[1])
        name, constants = _factors(method, table.shape[1], factors, scale)
        return cls(table, constants, name, _degrees(table, full, name, constants))

    def variance(self, replicates: Floats, estimate: Floats) -> Floats:
        """Return the variance of estimates, given those of the replicates on the first axis."""
        squares = (replicates - estimate) ** 2
        return np.asarray(np.tensordot(self.factors, squares, axes=1))


def _factors(
    method: str | None, n: int, factors: ArrayLike | None, scale: float | None
) -> tuple[str, Floats]:
    """Return a method's name and its factor for each of n replicates."""
    if (method is None) == (scale is None):
        raise InputError(
            f"replicate weights need their method ({', '.join(REPLICATE_METHODS)}), or the scale "
            "of their variance in its place; got " + ("neither." if scale is None else "both.")
        )
    if scale is not None:
        return "scale", np.full(n, _validate.number("scale", scale, 0.0, above=True))
    _validate.instance("method", method, str, "a string")
    name, _, rest = str(method).strip().lower().partition(":")
    if name not in REPLICATE_METHODS:
        known = ", ".join(REPLICATE_METHODS)
        raise _validate.complaint("replicate method", f"one of {known}", repr(method))
    if rest and name != "fay":
        raise _validate.complaint("replicate method", f"{name} without {rest!r}", repr(method))
    if (name == "jkn") != (factors is not None):
        raise InputError(
            "jkn, and no other method, needs the factor of each replicate, (n - 1) / n for n units "
            "in its stratum."
        )
    if name == "fay":
        rho = _rho(rest)
        return f"fay:{rho:g}", np.full(n, 1.0 / (n * (1.0 - rho) ** 2))
    if factors is not None:
        found = _validate.real_array("factors", factors, 1)
        if len(found) != n or not (found > 0.0).all():
            must = f"{n} positive numbers, one for each replicate"
            raise _validate.complaint("factors", must, f"{len(found)} numbers")
        return name, found
    each = {"bootstrap": 1 / n, "brr": 1 / n, "jk1": (n - 1) / n, "jk2": 1.0, "sdr": 4 / n}
    return name, np.full(n, each[name])


def _rho(text: str) -> float:
    try:
        rho = float(text)
    except ValueError:
        raise _validate.complaint(
            "replicate method", "fay with its rho, such as fay:0.5", repr(f"fay:{text}")
        ) from None
    return _validate.number("rho", rho, 0.0, 1.0, below=True)


def _degrees(table: Floats, full: ArrayLike | None, name: str, factors: Floats) -> float:
    """Return the degrees of freedom of a variance by replicate weights.

    A jackknife has the sum of its factors: units less strata. The others have one less than
    there are replicates, and no more than the directions in which the weights vary.
    """
    if name in ("jk1", "jk2", "jkn"):
        return max(1.0, float(factors.sum()))
    most = table.shape[1] - 1
    if full is None:
        return float(most)
    away = table - _validate.real_array("full", full, 1)[:, None]
    spread = np.linalg.eigvalsh(away.T @ away)
    return float(max(1, min(most, int((spread > 1e-6 * spread[-1]).sum()))))


def _told_apart(name: str, labels: ArrayLike | None) -> tuple[Any, tuple[str, ...]]:
    """Return the position of each label among the distinct ones, and those; None of nothing."""
    if labels is None:
        return None, ()
    values = np.asarray(labels)
    if values.ndim != 1 or not len(values):
        raise _validate.complaint(name, "a list of labels", f"shape {values.shape}")
    if values.dtype.kind == "O":
        values = values.astype(str)
    found, positions = np.unique(values, return_inverse=True)
    return positions, tuple(map(str, found))


def _check_positions(name: str, values: Any, size: int, low: int) -> None:
    must = f"an array of positions {low} to {size - 1}"
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iu":
        raise _validate.complaint(name, must, _validate.shown(values))
    if values.size and not low <= values.min() <= values.max() < size:
        raise _validate.complaint(name, must, f"{values.min()} to {values.max()}")


def effect(design: Iterable[float], simple: Iterable[float]) -> float:
    """Return a design effect: the sum of some variances over what simple random samples give."""
    under, over = math.fsum(simple), math.fsum(design)
    return over / under if under > 0.0 else math.nan
