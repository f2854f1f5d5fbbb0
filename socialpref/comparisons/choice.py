"""How many latent classes there are: what annotators who were left out say."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .classes import ClassMixture, Evidence, fit_latent_classes
from .em import Ascent, Likelihood, Linked, mixed, starts
from .people import MOST_ANNOTATORS, sample_annotators
from .shuffles import NoTastes
from .table import Comparisons

Floats = NDArray[np.float64]
Rule = Literal["best", "one standard error"]

RIDGES = (0.1, 0.5, 2.0, 8.0)
"""Precisions of the prior that are tried for several classes."""

ALONE = (0.02, *RIDGES, 32.0, 128.0, np.inf)
"""Those that are tried for one class; with the last everybody guesses."""

MIDDLE = 0.5
"""The precision that fits start with; those for others go on from its classes."""

ROUGHLY = 1e-4
"""Residual, per annotator, of the fits whose predictions are compared."""

STEPS = 300
"""Iterations of each of these fits at most."""


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """What annotators who were left out say about the number of classes.

    Attributes
    ----------
    candidates : tuple of int
        Numbers of classes that were tried.
    ridges : tuple of float
        The precision of the prior with which each predicts best; infinite where guessing does.
    log_likelihood : ndarray, shape (candidates,)
        Mean over annotators of the log-probability of all their labels, by the fit to the folds
        that they are not in.
    standard_error : ndarray, shape (candidates,)
        Of that mean, for annotators drawn anew; the fits are taken as they are.
    shortfall, shortfall_error : ndarray, shape (candidates,)
        How much less the mean is than the best one's, and the standard error of the difference,
        annotator by annotator.
    guessing : float
        The mean for probabilities of 1/2: log 2 less for each label.
    evidence : Evidence or None
        For the best number of classes above one; None if none beat one class.
    chosen : int
    n_annotators, n_sampled : int
        How many annotators there are, and how many were looked at.
    shuffles : str or None
        How labels were shuffled: "permutation" or "simulation", or "ids" for features; None if
        that was not needed.
    """

    candidates: tuple[int, ...]
    ridges: tuple[float, ...]
    log_likelihood: Floats
    standard_error: Floats
    shortfall: Floats
    shortfall_error: Floats
    guessing: float
    evidence: Evidence | None
    chosen: int
    n_annotators: int
    n_sampled: int
    shuffles: str | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassChoice(HeldOut):
    """The number of classes that predicts left-out annotators best.

    Attributes
    ----------
    fit : ClassMixture
        With the chosen number, to the annotators that were looked at.
    """

    fit: ClassMixture


def choose_classes(
    comparisons: Comparisons,
    candidates: Sequence[int] = (1, 2, 3, 4, 5, 6),
    *,
    folds: int = 5,
    rule: Rule = "one standard error",
    ridge: float | None = None,
    shuffles: int = 3,
    n_starts: int = 3,
    most: int = MOST_ANNOTATORS,
    seed: int = 0,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    progress: bool = False,
) -> ClassChoice:
    """Choose the number of classes, and their prior, by cross-validation over annotators.

    More than one class is chosen only if it predicts the labels of annotators who were left out
    better than one class does, by two standard errors, better than it does after labels were
    shuffled among annotators, and better than guessing.

    Parameters
    ----------
    comparisons : Comparisons
        As for `fit_latent_classes`.
    candidates : sequence of int
        Numbers of classes to try, in increasing order; one is always tried. The search ends with
        the first number that predicts no better than the best before it.
    folds : int
        Annotators are dealt into so many, at least 2; one for each annotator if they are fewer.
    rule : {"one standard error", "best"}
        Of the numbers above one, the smallest that falls short of the best held-out
        log-likelihood by no more than one standard error of the difference; or the best.
    ridge : float, optional
        Precision of the rewards' prior, as for `fit_latent_classes`. If omitted, it is chosen,
        too: for one class from 0.02 to 128 and guessing, for several from 0.1 to 8.
    shuffles : int
        How often labels are shuffled: permuted among the annotators of the same pair or, where
        pairs hardly recur, simulated from one model for all.
    n_starts
        Random starts of each fit in the folds; the final fit has 10.
    most : int
        At most so many annotators, drawn at random, are looked at.
    seed : int
        Of the sample, the folds, the shuffles and every fit's starts.
    tolerance, max_iterations
        Of the final fit, as for `fit_latent_classes`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    ClassChoice

    Raises
    ------
    InputError
        If an argument is out of its range, there are fewer than two annotators, or as for
        `fit_latent_classes`.
    ConvergenceError
        As for `fit_latent_classes`.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.comparisons import simulate
    >>> from socialpref.comparisons import choose_classes
    >>> camps = Population([[0, -1, -2], [0, -2, 4]])
    >>> rows = simulate(camps, 4000, "linked", comparisons=8)
    >>> choice = choose_classes(rows, (1, 2, 3))
    >>> choice.chosen, choice.evidence.is_there
    (2, True)
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    sample, found, n_classes, prior = chosen(
        comparisons,
        candidates,
        linked=Linked.of,
        shuffling=_shuffling,
        folds=folds,
        rule=rule,
        ridge=ridge,
        shuffles=shuffles,
        n_starts=n_starts,
        most=most,
        seed=seed,
        progress=progress,
    )
    fit = fit_latent_classes(
        sample,
        n_classes,
        ridge=prior,
        seed=seed,
        tolerance=tolerance,
        max_iterations=max_iterations,
        progress=progress,
    )
    if n_classes > 1:
        fit = replace(fit, evidence=found["evidence"])
    return ClassChoice(**found, fit=fit)


Shuffled = Callable[[np.random.Generator], Linked]
"""Draws the same comparisons without tastes of annotators' own."""


def _shuffling(sample: Comparisons) -> tuple[str, Shuffled]:
    """Return how labels are shuffled, and what draws them."""
    null = NoTastes.of(sample)
    return null.how, lambda rng: Linked.of(replace(null.rows, label=null.labels(rng)))


def chosen(
    comparisons: Comparisons,
    candidates: Sequence[int],
    *,
    linked: Callable[[Comparisons], Linked],
    shuffling: Callable[[Comparisons], tuple[str, Shuffled]],
    folds: int,
    rule: Rule,
    ridge: float | None,
    shuffles: int,
    n_starts: int,
    most: int,
    seed: int,
    progress: bool,
) -> tuple[Comparisons, dict[str, Any], int, float]:
    """Return a sample of annotators, what `HeldOut` holds, the number of classes and the prior."""
    must = "distinct numbers of classes"
    _validate.instance("candidates", candidates, Sequence, must)
    numbers = {_validate.integer("candidates", n, 1) for n in candidates}
    if not numbers or len(numbers) < len(candidates):
        raise _validate.complaint("candidates", must, _validate.shown(candidates))
    _validate.choice("rule", rule, ("best", "one standard error"))
    seed = _validate.integer("seed", seed)
    folds = _validate.integer("folds", folds, 2)
    shuffles = _validate.integer("shuffles", shuffles, 1)
    n_starts = _validate.integer("n_starts", n_starts, 1)
    most = _validate.integer("most", most, 2)
    if ridge is not None:
        ridge = _validate.number("ridge", ridge, 0.0, above=True)
    rng = np.random.default_rng(seed)
    n_annotators = linked(comparisons).n_annotators
    sample = sample_annotators(comparisons, most, rng)
    trial = _Trial(linked(sample), folds, ridge, n_starts, seed, progress)
    tried = [trial.of(1)]
    for n_classes in sorted(numbers - {1}) if trial.rows.is_linked else ():
        tried.append(trial.of(n_classes))
        if tried[-1].mean <= max(one.mean for one in tried[:-1]):
            break
    values = np.array([one.values for one in tried])
    means = values.mean(axis=1)
    behind = values[means.argmax()] - values
    shortfall, shortfall_error = behind.mean(axis=1), _standard_error(behind)
    enough = shortfall <= (shortfall_error if rule == "one standard error" else 0.0)
    more = enough & (np.array([one.n_classes for one in tried]) > 1)
    best = tried[int(np.argmax(more))] if more.any() and means.argmax() else tried[0]
    evidence, how = None, None
    if best.n_classes > 1:
        how, shuffled = shuffling(sample)
        evidence = trial.evidence(shuffled, best, tried[0], shuffles, rng)
        if not evidence.is_there:
            best = tried[0]
    found = {
        "candidates": tuple(one.n_classes for one in tried),
        "ridges": tuple(one.ridge for one in tried),
        "log_likelihood": means,
        "standard_error": _standard_error(values),
        "shortfall": shortfall,
        "shortfall_error": shortfall_error,
        "guessing": float(trial.guessing.mean()),
        "evidence": evidence,
        "chosen": best.n_classes,
        "n_annotators": n_annotators,
        "n_sampled": trial.rows.n_annotators,
        "shuffles": how,
    }
    return sample, found, best.n_classes, best.ridge


def class_evidence(
    comparisons: Comparisons,
    n_classes: int,
    *,
    ridge: float | None = 0.5,
    folds: int = 5,
    shuffles: int = 3,
    most: int = MOST_ANNOTATORS,
    seed: int = 0,
) -> Evidence:
    """Return what annotators who were left out say about a number of latent classes.

    Parameters
    ----------
    comparisons : Comparisons
        As for `fit_latent_classes`.
    n_classes : int
        At least 2.
    ridge, folds, shuffles, most, seed
        As for `choose_classes`, which finds the number of classes as well.

    Raises
    ------
    InputError
        As for `choose_classes`.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.comparisons import class_evidence, simulate
    >>> alike = simulate(Population([[0, 1, 2]]), 2000, "linked", comparisons=8)
    >>> class_evidence(alike, 2).is_there
    False
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    n_classes = _validate.integer("n_classes", n_classes, 2)
    folds = _validate.integer("folds", folds, 2)
    shuffles = _validate.integer("shuffles", shuffles, 1)
    rng = np.random.default_rng(_validate.integer("seed", seed))
    sample = sample_annotators(comparisons, _validate.integer("most", most, 2), rng)
    trial = _Trial(Linked.of(sample), folds, ridge, 1, seed, False)
    _, shuffled = _shuffling(sample)
    return trial.evidence(shuffled, trial.of(n_classes), trial.of(1), shuffles, rng)


@dataclass(frozen=True, eq=False)
class _Tried:
    """A number of classes, its best prior, and what it gives the labels of each annotator."""

    n_classes: int
    ridge: float
    values: Floats

    @property
    def mean(self) -> float:
        return float(self.values.mean())


class _Trial:
    """Cross-validation over the annotators of some comparisons."""

    def __init__(
        self,
        rows: Linked,
        folds: int,
        ridge: float | None,
        n_starts: int,
        seed: int,
        progress: bool,
    ) -> None:
        n = rows.n_annotators
        if n < 2:
            raise _validate.complaint("annotator", "of at least 2 annotators", n)
        self.rows, self.ridge, self.n_starts, self.seed = rows, ridge, n_starts, seed
        self.progress = progress
        self.fold = np.random.default_rng(seed).permutation(n) % min(folds, n)
        self.guessing = rows.annotator_weight * (-np.log(2.0) * rows.n_labels)[rows.pattern]

    def of(self, n_classes: int) -> _Tried:
        """Return what so many classes predict, with the prior that predicts best."""
        ridges = ALONE if n_classes == 1 else RIDGES
        return self._best(n_classes, ridges if self.ridge is None else (self.ridge,))

    def evidence(
        self,
        shuffled: Shuffled,
        best: _Tried,
        alone: _Tried,
        shuffles: int,
        rng: np.random.Generator,
    ) -> Evidence:
        """Return what held-out annotators say about classes beside one class."""
        gain = best.values - alone.values
        return Evidence(
            gain=float(gain.mean()),
            gain_error=float(_standard_error(gain)),
            shuffled_gains=tuple(self._gain(shuffled(rng), best) for _ in range(shuffles)),
            gain_over_guessing=float((best.values - self.guessing).mean()),
        )

    def _gain(self, rows: Linked, best: _Tried) -> float:
        """Return the gain of classes over one class on labels without tastes."""
        folds = int(self.fold.max()) + 1
        other = _Trial(rows, folds, self.ridge, self.n_starts, self.seed, False)
        return other._best(best.n_classes, (best.ridge,)).mean - other.of(1).mean

    def _best(self, n_classes: int, ridges: tuple[float, ...]) -> _Tried:
        from tqdm import tqdm

        values = np.empty((len(ridges), self.rows.n_annotators))
        words = f"{n_classes} classes" if n_classes > 1 else "one class"
        for fold in tqdm(range(self.fold.max() + 1), words, unit="fold", disable=not self.progress):
            out = self.fold == fold
            training = self.rows.times((~out).astype(np.float64))
            for i, tables in self._fits(training, n_classes, ridges):
                values[i, out] = self._predicted(*tables)[out]
        values *= self.rows.annotator_weight
        best = int(values.mean(axis=1).argmax())
        return _Tried(n_classes, ridges[best], values[best])

    def _fits(
        self, training: Linked, n_classes: int, ridges: tuple[float, ...]
    ) -> Iterator[tuple[int, tuple[Floats, Floats]]]:
        """Yield the number of each prior with rewards and logits, from the middle one outwards."""
        rng = np.random.default_rng(self.seed)
        middle = int(np.abs(np.log(np.divide(ridges, MIDDLE))).argmin())
        begin = None
        for path in (range(middle, len(ridges)), range(middle - 1, -1, -1)):
            at = begin
            for i in path:
                likelihood = Likelihood(training, ridges[i])
                if ridges[i] == np.inf:
                    yield i, likelihood.split(likelihood.start(n_classes, None))
                    continue
                if at is None:
                    runs = starts(likelihood, n_classes, self.n_starts, rng, ROUGHLY, STEPS)
                    run = max(runs, key=lambda run: run.point.value)
                else:
                    run = Ascent(likelihood, at)
                at = run.run(ROUGHLY, STEPS).point.parameters
                begin = at if begin is None else begin
                yield i, likelihood.split(at)

    def _predicted(self, rewards: Floats, logits: Floats) -> Floats:
        """Return the log-probability of each annotator's labels."""
        return self.rows.together(rewards, logits - mixed(logits)[0])[0][self.rows.pattern]


def _standard_error(values: Floats) -> Floats:
    """Return the standard errors of the means over the last axis."""
    return np.asarray(values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1]))
