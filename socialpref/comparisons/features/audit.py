"""On which features annotators agree, which DPO learns, and which flip with who counts or the mix.

The signs of coefficients are what is asked about: whether more of a feature is better.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ...errors import InputError
from ...flips.batched import flip_distances
from ...flips.flip import flip
from ...flips.greedy import greedy
from ...flips.targets import Pair
from ...inference import Interval
from ...links import log_logistic
from ...population import Population
from ..em import Linked, redrawn
from ..people import People, types_of_annotators
from ..shuffles import WEAK_PRIOR
from ..table import Comparisons
from .classes import FeatureChoice, FeatureClasses, choose_feature_classes, fit_feature_classes
from .fit import FeatureFit, fit_features, logistic, scaled
from .recurring import Recurrence, recurrence

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Kinds = Literal["auto", "given", "none"]

MOST_PAIRS = 20_000
"""Flips over the mix of comparisons look at a sample of so many pairs, if there are more."""

SIDES = ("more", "less")


@dataclass(frozen=True)
class FeatureFinding:
    """What is found of one feature.

    Attributes
    ----------
    feature : str
    coefficient : float
        What DPO learns: the reward of one scale more of the feature.
    se_naive : float
    se_clustered : float or None
    average, average_interval : float and Interval or None
        The average of the types' coefficients, weighted by people.
    agree : bool
        Whether the coefficients of all types have the same sign.
    agree_share : float or None
        The share of draws of annotators in which they have.
    same_sign : bool
        Whether what DPO learns has the sign of the average.
    same_sign_share : float or None
    share_flip, share_flip_interval : float and Interval or None
        How much of the shares of the types must move (total variation) for the average to have
        the other sign; infinite if no shares do it.
    flip_shares : tuple of float or None
        The nearest shares at which the average is 0.
    mix_flip, mix_flip_interval : float and Interval or None
        How much of the mix of comparisons must move for DPO on this feature alone to learn the
        other sign; infinite if no mix of these pairs does it.
    """

    feature: str
    coefficient: float
    se_naive: float
    se_clustered: float | None
    average: float
    average_interval: Interval | None
    agree: bool
    agree_share: float | None
    same_sign: bool
    same_sign_share: float | None
    share_flip: float
    share_flip_interval: Interval | None
    flip_shares: tuple[float, ...] | None
    mix_flip: float
    mix_flip_interval: Interval | None

    def describe(self) -> str:
        """Return a sentence or two."""
        error = self.se_naive if self.se_clustered is None else self.se_clustered
        said = f"{self.feature}: DPO learns {self.coefficient:+.3f} (standard error {error:.3f})"
        if self.average_interval is None:
            said += f", the average over people is {self.average:+.3f}."
        else:
            said += (
                f", the average over people is {self.average:+.3f} "
                f"({self.average_interval.describe('{:+.3f}')})."
            )
        if not self.agree:
            said += f" Types disagree on its sign. The average changes sign {self._moved()}."
        where = "at no mix of these comparisons"
        if np.isfinite(self.mix_flip):
            where = f"where {self.mix_flip:.3f} of the mix of comparisons moves"
        return f"{said} Alone, DPO changes its sign {where}."

    def _moved(self) -> str:
        if self.flip_shares is None:
            return "at no shares"
        interval = ""
        if self.share_flip_interval is not None:
            interval = f" ({self.share_flip_interval.describe(infinite='never')})"
        shares = ", ".join(f"{share:.3f}" for share in self.flip_shares)
        return f"where {self.share_flip:.3f}{interval} of the shares moves, at {shares}"


@dataclass(frozen=True, eq=False)
class FeatureAudit:
    """What annotators prefer in terms of features, and what rests on whom.

    Attributes
    ----------
    fit : FeatureFit
        One model for all: what DPO learns.
    kind : {"given", "classes", "everybody"}
        What the types are.
    reason : str or None
        Why there is one type, "everybody".
    types : tuple of str
    shares : ndarray, shape (T,)
        Of people.
    coefficients : ndarray, shape (T, F)
        Of each type.
    drawn_shares, drawn_coefficients : ndarray, shapes (R, T) and (R, T, F)
        The same of draws of annotators.
    findings : tuple of FeatureFinding
        One for each feature.
    choice : FeatureChoice or None
        How the number of classes was chosen.
    recurrence : Recurrence
    n_pairs : int
        How many pairs the flips over the mix looked at.
    """

    fit: FeatureFit
    kind: str
    reason: str | None
    types: tuple[str, ...]
    shares: Floats
    coefficients: Floats
    drawn_shares: Floats
    drawn_coefficients: Floats
    findings: tuple[FeatureFinding, ...]
    choice: FeatureChoice | None
    recurrence: Recurrence
    n_pairs: int

    def to_frame(self) -> "pd.DataFrame":
        """Return one row for each feature.

        Returns
        -------
        pandas.DataFrame
            The fields of `FeatureFinding`, with intervals as ``_low`` and ``_high``.
        """
        import pandas as pd

        rows = []
        for scale, one in zip(self.fit.scales, self.findings, strict=True):
            row: dict[str, Any] = {"feature": one.feature, "scale": float(scale)}
            for name, value in vars(one).items():
                if name.endswith("_interval"):
                    ends = (None, None) if value is None else (value.low, value.high)
                    base = name.removesuffix("_interval")
                    row |= {f"{base}_low": ends[0], f"{base}_high": ends[1]}
                elif name != "flip_shares":
                    row[name] = value
            rows.append(row)
        return pd.DataFrame(rows)

    def types_frame(self) -> "pd.DataFrame":
        """Return one row for each type: its share, and its coefficient of each feature."""
        import pandas as pd

        columns = dict(zip(self.fit.features, self.coefficients.T, strict=True))
        return pd.DataFrame({"type": self.types, "share": self.shares, **columns})

    def describe(self) -> str:
        """Return the findings in sentences, a line each."""
        fit = self.fit
        known = "" if fit.n_annotators is None else f" by {fit.n_annotators:,} annotators"
        lines = [f"{fit.n_comparisons:,} comparisons{known}, described by features."]
        if self.kind == "everybody":
            lines.append(f"One type for all: {self.reason}.")
        else:
            name = "latent classes" if self.kind == "classes" else "given types"
            parts = ", ".join(
                f"{kind} {share:.3f}" for kind, share in zip(self.types, self.shares, strict=True)
            )
            lines.append(f"{len(self.types)} {name}, with shares of people: {parts}.")
            alike = [one.feature for one in self.findings if one.agree]
            if alike:
                lines.append(f"They agree on the sign of {', '.join(alike)}.")
        return "\n".join([*lines, *(one.describe() for one in self.findings)])

    def summary(self) -> dict[str, Any]:
        """Return plain numbers, for a file: intervals are ``<key>_interval: [low, high]``."""

        def plain(value: Any) -> Any:
            return [value.low, value.high] if isinstance(value, Interval) else value

        return {
            "n_comparisons": self.fit.n_comparisons,
            "n_annotators": self.fit.n_annotators,
            "deff": self.fit.design_effect(),
            "options_hardly_recur": self.recurrence.is_textlike,
            "types": self.kind,
            "reason": self.reason,
            "n_types": len(self.types),
            "shares": self.shares.tolist(),
            "n_pairs": self.n_pairs,
            "features": [
                {name: plain(value) for name, value in vars(one).items()} for one in self.findings
            ],
        }


def audit_features(
    comparisons: Comparisons,
    types: Kinds | int = "auto",
    *,
    prior: float | None = None,
    bootstrap: int = 200,
    level: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> FeatureAudit:
    """Return on which features annotators agree, what DPO learns of them, and what flips.

    Parameters
    ----------
    comparisons : Comparisons
        With `differences` of features.
    types : {"auto", "given", "none"} or int
        The types of the table; one for all; or so many latent classes. "auto": the types of the
        table if it has some, otherwise as many latent classes as `choose_feature_classes` finds.
    prior : float, optional
        Precision of the prior of each coefficient of DPO and of given types. If omitted, there is
        none where the maximum is finite, and otherwise one of 0.1.
    bootstrap : int
        Draws of annotators (of comparisons, where annotators are unknown) behind the intervals.
    level : float
        The nominal coverage of the intervals.
    seed : int
        Of the choice of classes, of the draws, and of the sample of pairs.
    progress : bool
        Show a progress bar.

    Returns
    -------
    FeatureAudit

    Raises
    ------
    InputError
        If an argument is out of its range, or as for `fit_features`.
    ConvergenceError
        As for `fit_features` and `fit_feature_classes`.

    Notes
    -----
    The average coefficient of a feature is ``sum_u w_u b_u`` over types u with shares w, so the
    nearest shares at which it is 0 follow in closed form; for two types it is 0 where the first
    has the share ``b_2 / (b_2 - b_1)``. What DPO learns on a feature alone has the sign of
    ``sum_i m_i (q_i - 1/2) d_i``, where the pair i has the share m_i of the mix, differs by d_i,
    and ``q_i = sum_u w_u sigma(b_u . d_i)`` of its labels prefer the first. This is linear in the
    mix, so the flip has a closed form, too. It can also come from other features that go along
    with this one.

    Examples
    --------
    >>> import numpy as np
    >>> from socialpref import Comparisons
    >>> from socialpref.comparisons.features import audit_features
    >>> rng = np.random.default_rng(0)
    >>> who, longer = np.arange(2000) // 20, rng.normal(size=2000)
    >>> taste = np.where(who % 4 == 0, -1.5, 1.5)  # a quarter likes short texts
    >>> label = rng.random(2000) < 1 / (1 + np.exp(-taste * longer))
    >>> rows = Comparisons(np.arange(2000), [0] * 2000, [1] * 2000, label, 2000, 2, annotator=who,
    ...                    differences=longer[:, None], features=["length"])
    >>> audit = audit_features(rows, 2, bootstrap=20)
    >>> length = audit.findings[0]
    >>> audit.shares.round(2), length.agree, 0.2 < length.share_flip < 0.3
    (array([0.75, 0.25]), False, True)
    """
    level = _validate.number("level", level, 0.0, 1.0, above=True, below=True)
    bootstrap = _validate.integer("bootstrap", bootstrap, 0)
    seed = _validate.integer("seed", seed)
    if isinstance(types, str):
        _validate.choice("types", types, ("auto", "given", "none"))
    else:
        types = _validate.integer("types", types, 1)
    fit = _finite_fit(comparisons, prior)
    estimate, kind, reason, choice = _types_of(comparisons, types, prior, seed, progress)
    rng = np.random.default_rng(seed)
    size = estimate.people.size
    shares, coefficients = estimate.of(np.ones(size))
    drawn = []
    learned = np.empty((bootstrap, len(fit.features)))
    for r in range(bootstrap):
        times = rng.multinomial(size, np.full(size, 1.0 / size)).astype(np.float64)
        drawn.append(estimate.of(times))
        learned[r] = estimate.pooled(times, fit.prior or prior)
    drawn_shares = np.array([one for one, _ in drawn]).reshape(bootstrap, len(shares))
    shape = bootstrap, *coefficients.shape
    drawn_coefficients = np.array([one for _, one in drawn]).reshape(shape)
    pairs: NDArray[np.integer] = np.arange(len(comparisons))
    if len(pairs) > MOST_PAIRS:
        pairs = rng.choice(pairs, MOST_PAIRS, replace=False)
    crowd = _Crowd(
        shares,
        coefficients,
        drawn_shares,
        drawn_coefficients,
        estimate.names,
        estimate.differences[pairs],
        estimate.weight[pairs] / estimate.weight[pairs].sum(),
        level,
    )
    return FeatureAudit(
        fit=fit,
        kind=kind,
        reason=reason,
        types=estimate.names,
        shares=shares,
        coefficients=coefficients,
        drawn_shares=drawn_shares,
        drawn_coefficients=drawn_coefficients,
        findings=tuple(crowd.finding(fit, learned, f) for f in range(len(fit.features))),
        choice=choice,
        recurrence=recurrence(comparisons),
        n_pairs=len(pairs),
    )


def _finite_fit(comparisons: Comparisons, prior: float | None) -> FeatureFit:
    """Return one model for all, with a weak prior if it needs one."""
    scaled(comparisons)  # features that never differ are refused, whatever the prior
    try:
        return fit_features(comparisons, prior=prior)
    except InputError:
        if prior is not None:
            raise
        return fit_features(comparisons, prior=WEAK_PRIOR)


def _types_of(
    comparisons: Comparisons, types: Kinds | int, prior: float | None, seed: int, progress: bool
) -> tuple["_ByType", str, str | None, FeatureChoice | None]:
    """Return an estimate of the types, what they are, why there is one, and the choice."""
    given = comparisons.annotator_type is not None and comparisons.annotator_type.max() >= 0
    if types == "given" or (types == "auto" and given):
        return _ByType(comparisons, prior, given=True), "given", None, None
    if types == "none":
        return _ByType(comparisons, prior), "everybody", "no types were asked for", None
    known = comparisons.annotator is not None and comparisons.annotator.max() >= 0
    if types == "auto" and not known:
        reason = "it is not known who made which comparison"
        return _ByType(comparisons, prior), "everybody", reason, None
    if isinstance(types, int):
        classes = fit_feature_classes(comparisons, types, seed=seed, progress=progress)
        return _ByClass(comparisons, prior, classes), "classes", None, None
    if People.of(comparisons).size < 2:
        return _ByType(comparisons, prior), "everybody", "there is one annotator", None
    choice = choose_feature_classes(comparisons, seed=seed, progress=progress)
    if choice.chosen == 1:
        reason = (
            "more classes do not predict annotators who were left out better than one class, "
            "shuffles and guessing"
        )
        return _ByType(comparisons, prior), "everybody", reason, choice
    return _ByClass(comparisons, prior, choice.fit), "classes", None, choice


class _ByType:
    """Coefficients of types, fitted to people who are drawn so many times each."""

    def __init__(
        self, comparisons: Comparisons, prior: float | None, *, given: bool = False
    ) -> None:
        self.people = People.known_or_rows(comparisons)
        self.differences, _ = scaled(comparisons)
        self.labels, self.prior = comparisons.label, prior
        self.weight = self.people.weight[self.people.who] * self.people.multiple
        self.features = comparisons.features or ()
        self.names: tuple[str, ...] = ("everybody",)
        self.kind = np.zeros(self.people.size, np.int64)
        if given:
            kinds, codes = np.unique(
                types_of_annotators(comparisons, self.people), return_inverse=True
            )
            self.kind = codes - int((kinds < 0).any())
            named = comparisons.types
            self.names = tuple(
                f"type {u + 1}" if named is None else named[u] for u in kinds[kinds >= 0]
            )

    def of(self, times: Floats) -> tuple[Floats, Floats]:
        """Return shares and coefficients of the people drawn so many times."""
        weight = self.people.weight * times
        known = self.kind >= 0
        counts = np.bincount(self.kind[known], weight[known], len(self.names))
        parts = [self._fitted(weight * (self.kind == u), self.prior) for u in range(len(counts))]
        return counts / counts.sum(), np.array(parts)

    def pooled(self, times: Floats, prior: float | None) -> Floats:
        """Return what DPO learns of the people drawn so many times."""
        return self._fitted(self.people.weight * times, prior)

    def _fitted(self, weight: Floats, prior: float | None) -> Floats:
        """Return the coefficients of people of these weights."""
        rows = weight[self.people.who] * self.people.multiple
        there = rows > 0.0
        parts = self.differences[there], self.labels[there], rows[there]
        try:
            return logistic(*parts, prior or 0.0, self.features).at
        except InputError:  # there is no single finite maximum
            return logistic(*parts, WEAK_PRIOR, self.features).at


class _ByClass(_ByType):
    """Latent classes, fitted again to people who are drawn so many times each."""

    def __init__(self, comparisons: Comparisons, prior: float | None, fit: FeatureClasses) -> None:
        super().__init__(comparisons, prior)
        self.rows, self.ridge = Linked.of(comparisons, fit.scales), fit.ridge
        order = np.argsort(-fit.shares, kind="stable")
        self.names = tuple(f"class {i + 1}" for i in range(fit.n_classes))
        tables, logits = fit.coefficients[order].T, np.log(fit.shares[order])
        self.start = np.append(tables.ravel(), logits)

    def of(self, times: Floats) -> tuple[Floats, Floats]:
        """Return shares and coefficients of the people drawn so many times."""
        found = redrawn(self.rows, self.ridge, times, self.start)
        return found.shares, found.tables.T


@dataclass(frozen=True, eq=False)
class _Crowd:
    """Types with draws, and the pairs that were shown."""

    shares: Floats
    coefficients: Floats
    drawn_shares: Floats
    drawn_coefficients: Floats
    names: tuple[str, ...]
    differences: Floats
    mix: Floats
    """How often each pair is shown."""
    level: float

    def finding(self, fit: FeatureFit, learned: Floats, f: int) -> FeatureFinding:
        """Return what is found of feature f."""
        own = self.coefficients[:, f]
        average = float(self.shares @ own)
        averages = (self.drawn_shares * self.drawn_coefficients[..., f]).sum(axis=1)
        signs = np.sign(self.drawn_coefficients[..., f])
        share_flip, flip_shares, share_flips = self._share_flips(f, average)
        mix_flips = self._mix_flips(f)
        clustered = fit.clustered
        there = len(averages) > 0
        return FeatureFinding(
            feature=fit.features[f],
            coefficient=float(fit.coefficients[f]),
            se_naive=float(fit.standard_errors()[f]),
            se_clustered=None if clustered is None else float(np.sqrt(clustered[f, f])),
            average=average,
            average_interval=self._interval(averages),
            agree=bool((np.sign(own) == np.sign(own[0])).all()),
            agree_share=float((signs == signs[:, :1]).all(axis=1).mean()) if there else None,
            same_sign=bool(np.sign(fit.coefficients[f]) == np.sign(average)),
            same_sign_share=(
                float((np.sign(learned[:, f]) == np.sign(averages)).mean()) if there else None
            ),
            share_flip=share_flip,
            share_flip_interval=self._interval(share_flips),
            flip_shares=flip_shares,
            mix_flip=float(mix_flips[0]),
            mix_flip_interval=self._interval(mix_flips[1:]),
        )

    def _interval(self, values: Floats) -> Interval | None:
        return Interval.of(values, self.level) if len(values) else None

    def _share_flips(
        self, f: int, average: float
    ) -> tuple[float, tuple[float, ...] | None, Floats]:
        """Return the distance, the shares there, and the distances of draws."""

        def sides(values: Floats) -> Floats:
            return np.stack([values, np.zeros_like(values)], axis=-1)

        if average == 0.0:
            return 0.0, tuple(self.shares.tolist()), np.zeros(len(self.drawn_shares))
        table = sides(self.coefficients[:, f])
        crowd = Population(table, self.shares, types=self.names, options=SIDES)
        goal = Pair("less", over="more") if average > 0.0 else Pair("more", over="less")
        found = flip(crowd, to=goal, over="shares", score="average reward")
        there = np.isfinite(found.distance)
        distances = np.zeros(0)
        if len(self.drawn_shares):
            drawn = sides(self.drawn_coefficients[..., f])
            draws = crowd.with_draws(drawn, self.drawn_shares)
            distances = flip_distances(draws, goal, over="shares", score="average reward")
        return float(found.distance), tuple(found.mix.tolist()) if there else None, distances

    def _mix_flips(self, f: int) -> Floats:
        """Return the distance over the mix of comparisons, and those of draws."""
        found, sign = [], 0.0
        for shares, coefficients in [
            (self.shares, self.coefficients),
            *zip(self.drawn_shares, self.drawn_coefficients, strict=True),
        ]:
            chances = np.exp(log_logistic(self.differences @ coefficients.T)) @ shares
            gains = (chances - 0.5) * self.differences[:, f]
            sign = sign or float(np.sign(self.mix @ gains))
            found.append(greedy(-sign * gains[None], self.mix, 0.0, 0.0)[0])
        return np.array(found)
