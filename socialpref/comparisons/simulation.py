"""Comparisons drawn from a population, and their expectation."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..limits.design import pair_design
from ..limits.method import Information
from ..population import Population
from .counts import Cells
from .table import INFORMATION, Comparisons, Floats, Integers, integers


def simulate(
    population: Population | Sequence[Population],
    n: int,
    information: Information = "anonymous",
    *,
    comparisons: int = 2,
    sampling: ArrayLike | None = None,
    replicas: Sequence[int] | None = None,
    seed: int | np.random.Generator = 0,
) -> Comparisons:
    """Draw comparisons from a population.

    Prompts are drawn uniformly, the two options from the sampling distribution (they can be
    the same), annotators by the types' shares and labels by their preferences.

    Parameters
    ----------
    population : Population or sequence of Population
        One for each prompt, with the same types, shares and number of options.
    n : int
        Number of labels; of linked comparisons and panels the number of
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
    Comparisons

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
    >>> from socialpref.comparisons import simulate
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
    names = [one.options for one in prompts]
    alike = all(one == names[0] for one in names)
    chance = prompts[0].link(rewards[x, types, first] - rewards[x, types, second])
    return Comparisons(
        prompt=x,
        first=first,
        second=second,
        label=(rng.random(rows) < chance).astype(np.float64),
        n_prompts=len(prompts),
        n_options=prompts[0].n_options,
        annotator=np.repeat(np.arange(groups), size) if information == "linked" else None,
        annotator_type=types if information in ("typed", "panel") else None,
        panel=np.repeat(np.arange(groups), size) if information == "panel" else None,
        available=np.ones((len(prompts), prompts[0].n_options), dtype=bool),
        options=names[0] if alike else None,
        own_options=None if alike else tuple(names),
        types=prompts[0].types if information in ("typed", "panel") else None,
    )


def expected_cells(
    population: Population | Sequence[Population],
    information: Information = "anonymous",
    *,
    sampling: ArrayLike | None = None,
    replicas: Sequence[int] | None = None,
    lapse: float = 0.0,
) -> Cells:
    """Return what the comparisons of a population add up to, in expectation.

    A fit to them is training with unlimited data.

    Parameters
    ----------
    population, information, sampling, replicas
        As for `simulate`. All but "panel" give the same cells.
    lapse : float
        For panels: the rate of lapses that is corrected for, as for `AgreementOnly`.

    Returns
    -------
    Cells
        Whose totals, with those of pairs of an option with itself, sum to 1.

    Raises
    ------
    InputError
        As for `simulate`.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.comparisons import expected_cells
    >>> expected_cells(mediocre_winner()).total.round(4)
    array([0.2222, 0.2222, 0.2222])
    """
    prompts = populations_of("population", population)
    _validate.choice("information", information, INFORMATION)
    lapse = _validate.number("lapse", lapse, 0.0, 0.5, below=True)
    weights = pair_design(prompts[0], sampling) / len(prompts)
    y, z = np.nonzero(np.triu(weights, 1))
    total = 2.0 * weights[y, z]
    wins, losses, n_labels = [], [], 1
    if information == "panel":
        voices = _voices(prompts[0], replicas)
        n_labels = len(voices)
        for one in prompts:
            gaps = one.rewards[voices][:, y] - one.rewards[voices][:, z]
            wins.append(total * (one.link(gaps) - lapse).prod(axis=0))
            losses.append(total * (one.link(-gaps) - lapse).prod(axis=0))
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
    """Return the populations of all prompts, which may differ in their rewards only."""
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
            must = "of the same types, shares, link and number of options at every prompt"
            raise _validate.complaint(name, must, "prompts that differ")
    return prompts


def _voices(population: Population, replicas: Sequence[int] | None) -> Integers:
    """Return the type of each of a panel's annotators."""
    if replicas is None:
        if np.ptp(population.shares) > _validate.SUM_TOLERANCE:
            must = "given, in proportion to the shares, where types have unequal shares"
            raise _validate.complaint("replicas", must, "None")
        return np.arange(population.n_types)
    must = f"{population.n_types} non-negative integers"
    counts = integers("replicas", replicas, must)
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
