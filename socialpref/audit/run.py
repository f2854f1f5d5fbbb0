"""The verb `audit`: from comparisons to everything that they say."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..bradley_terry import goodness_of_fit, observed_design
from ..comparisons import (
    ClassChoice,
    ClassMixture,
    Comparisons,
    agreement,
    choose_classes,
    class_evidence,
    cross_table,
    fit_latent_classes,
    heterogeneity,
)
from ..errors import ConvergenceError
from ..flips import Winner
from ..flips.flip import flip
from ..population import Population
from ..theory import OpenPair, open_pairs
from .draws import populations_of_prompts
from .fits import Fits, Likelihood, Ties, are_texts, fit_prompts, without
from .prompts import PromptAudit
from .result import Audit

Classes = Literal["auto", "none"] | int

CLOSELY = 5
"""So many prompts, those with the most comparisons, are looked at closely."""
MANY_PAIRS = 20_000
"""Above so many pairs, fewer data sets are simulated for the goodness of fit."""
FEW_SIMULATIONS = 19


def audit(
    comparisons: Comparisons,
    *,
    classes: Classes | None = None,
    bootstrap: int = 0,
    prior: float | None = None,
    ties: Ties = "half",
    likelihood: Likelihood = "bradley-terry",
    level: float = 0.95,
    seed: int = 0,
    keep: Any = None,
    progress: bool = False,
) -> Audit:
    """Return what comparisons teach a model, and whose preferences they are.

    Parameters
    ----------
    comparisons : Comparisons
        What annotators or types are not known of, nothing is said about.
    classes : {"auto", "none"} or int, optional
        Latent classes of annotators: as many as predict annotators who were left out, none, or so
        many. If omitted, "none" where types are given, otherwise "auto". With classes, the
        population is made of these; otherwise of the types that are given, or of one type.
    bootstrap : int
        Draws of the population, for intervals; none if 0.
    prior : float, optional
        Precision of a normal prior of each reward. If omitted, there is none, and of options that
        cannot be compared with all others the largest component is taken.
    ties : {"half", "drop", "davidson"}
        Half a win for each option, left out, or Davidson's model for the rewards that are
        reported (populations take them for half a win each).
    likelihood : {"bradley-terry", "plackett-luce"}
        How the rewards that are reported are fitted; "plackett-luce" to whole ballots.
    level : float
        Of the intervals.
    seed : int
        Of everything that is drawn.
    keep : str or Path, optional
        A folder for draws, from which the same call goes on after an interruption.
    progress : bool
        Show progress bars.

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        If an argument is out of its range, or nothing can be compared.
    ConvergenceError
        As for `fit_bradley_terry` and `fit_latent_classes`.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.audit import audit
    >>> from socialpref.comparisons import simulate
    >>> camps = Population([[0, -1, -2], [0, -2, 4]], [0.6, 0.4], options=["a", "b", "c"])
    >>> found = audit(simulate(camps, 4000, "linked", comparisons=8))
    >>> found.summary()["n_classes"], found.summary()["orders_agree"]
    (2, False)
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    bootstrap = _validate.integer("bootstrap", bootstrap)
    seed = _validate.integer("seed", seed)
    level = _validate.number("level", level, 0.0, 1.0, above=True, below=True)
    _validate.choice("ties", ties, ("half", "drop", "davidson"))
    _validate.choice("likelihood", likelihood, ("bradley-terry", "plackett-luce"))
    if prior is not None:
        prior = _validate.number("prior", prior, 0.0, above=True)
    wanted = _wanted_classes(classes, comparisons)
    given = comparisons
    same = comparisons.first == comparisons.second
    comparisons = without(comparisons, "with the same option on both sides", same)
    n_ties = int((comparisons.label == 0.5).sum())
    if ties == "drop":
        comparisons = without(comparisons, "ties", comparisons.label == 0.5)
    linked, typed = _known(comparisons.annotator), _known(comparisons.annotator_type)
    texts = are_texts(comparisons)
    fits = None if texts else fit_prompts(comparisons, prior, ties, likelihood)
    choice, mixture, table = None, None, None
    prompts: tuple[PromptAudit, ...] = ()
    if fits is not None:
        choice, mixture = _classes(fits.rows, wanted, seed, progress)
        typed = _known(fits.rows.annotator_type)
        types: ClassMixture | Literal["given", "everybody"] = "given" if typed else "everybody"
        if mixture is not None and mixture.n_classes > 1:
            types = mixture
            table = cross_table(mixture, fits.rows, seed=seed) if typed else None
        prompts = _prompts(
            fits,
            types,
            closed=linked or typed,
            prior=prior,
            bootstrap=bootstrap,
            level=level,
            seed=seed,
            keep=keep,
            progress=progress,
        )
    return Audit(
        comparisons=comparisons,
        prompts=prompts,
        n_ties=n_ties,
        texts=texts,
        heterogeneity=heterogeneity(comparisons, seed=seed),
        agreement=agreement(comparisons) if linked else None,
        repeats=given.repeats() if linked else None,
        choice=choice,
        mixture=mixture,
        cross_table=table,
        n_weak=0 if fits is None else fits.weak,
        settings={
            "classes": wanted,
            "bootstrap": bootstrap,
            "prior": prior,
            "ties": ties,
            "likelihood": likelihood,
            "level": level,
            "seed": seed,
        },
    )


def _known(column: NDArray[np.integer] | None) -> bool:
    """Return whether the annotators, or types, of some rows are known."""
    return column is not None and bool(column.max() >= 0)


def _wanted_classes(classes: Any, comparisons: Comparisons) -> Classes:
    """Return which classes are wanted."""
    if classes is None:
        return "none" if _known(comparisons.annotator_type) else "auto"
    if isinstance(classes, str):
        return _validate.choice("classes", classes, ("auto", "none"))  # type: ignore[return-value]
    return _validate.integer("classes", classes, 1)


def _classes(
    rows: Comparisons, wanted: Classes, seed: int, progress: bool
) -> tuple[ClassChoice | None, ClassMixture | None]:
    """Return how classes were chosen, and the classes."""
    if wanted == "none" or not _known(rows.annotator) or rows.annotators()[1] < 2:
        return None, None
    if wanted == "auto":
        choice = choose_classes(rows, seed=seed, progress=progress)
        return choice, choice.fit
    assert isinstance(wanted, int)
    mixture = fit_latent_classes(rows, wanted, seed=seed, progress=progress)
    if wanted > 1:
        mixture = replace(mixture, evidence=class_evidence(rows, wanted, seed=seed))
    return None, mixture


def _prompts(
    fits: Fits,
    types: ClassMixture | Literal["given", "everybody"],
    *,
    closed: bool,
    prior: float | None,
    bootstrap: int,
    level: float,
    seed: int,
    keep: Any,
    progress: bool,
) -> tuple[PromptAudit, ...]:
    """Return what the comparisons of each prompt say."""
    populations = populations_of_prompts(
        fits.rows, types, prior, bootstrap, seed=seed, keep=keep, progress=progress
    )
    sizes = np.array([fit.n_comparisons for fit in fits.pairs])
    closely = set(np.argsort(-sizes, kind="stable")[:CLOSELY].tolist())
    found = []
    for i, (population, pairs) in enumerate(zip(populations, fits.pairs, strict=True)):
        near = i in closely
        names = fits.rows.prompts
        few = len(pairs.low) > MANY_PAIRS
        found.append(
            PromptAudit(
                name=f"prompt {i + 1}" if names is None else names[i],
                fit=fits.reported[i],
                pairs=pairs,
                design=observed_design(pairs) if near else None,
                goodness=goodness_of_fit(
                    pairs, simulations=FEW_SIMULATIONS if few else None, seed=seed
                )
                if near
                else None,
                population=population,
                flip=flip(population),
                winner_flip=flip(population, Winner()),
                share_flip=flip(population, over="shares"),
                open_pairs=_open_pairs(population, seed) if near and not closed else (),
                level=level,
            )
        )
    return tuple(found)


def _open_pairs(population: Population, seed: int) -> tuple[OpenPair, ...]:
    """Return what is open if annotators' gaps are up to twice the largest one of all options."""
    bound = 2.0 * float(np.ptp(population.rewards, axis=1).max())
    with suppress(ConvergenceError):
        return open_pairs(population, bound=bound or None, seed=seed)
    return ()
