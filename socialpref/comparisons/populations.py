"""From comparisons to a population with draws, of given types, latent classes or everybody."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..population import Population
from .classes import ClassMixture
from .em import centred, redrawn
from .people import People, available_options, types_of_annotators
from .shuffles import WEAK_PRIOR, finite_rewards
from .table import Comparisons

Floats = NDArray[np.float64]
Types = Literal["given", "everybody"]
Estimate = tuple[Floats, list[Floats]]
"""Shares of the types, and the rewards (types, options) at each prompt."""


def population_of(
    comparisons: Comparisons,
    types: Types | ClassMixture = "given",
    *,
    prompt: int | None = None,
    shares: ArrayLike | None = None,
    prior: float | None = None,
    bootstrap: int = 0,
    seed: int | np.random.Generator = 0,
) -> Population:
    """Return the population that annotators are a sample of, with draws of it.

    Parameters
    ----------
    comparisons : Comparisons
    types : {"given", "everybody"} or ClassMixture
        The types of the table (crossed, if it was read with several columns of types); one type
        for all, which is what standard DPO learns; or latent classes that were fitted to
        comparisons of these prompts and options.
    prompt : int, optional
        Which prompt; needed if there are several.
    shares : array_like, optional
        Shares of the types, the same in all draws; a Series is put into the order of the types.
        If omitted, the shares of people: annotators by their weights, whatever the number of
        their comparisons, or the classes' shares.
    prior : float, optional
        Precision of the prior of each given type's rewards. If omitted, there is none where a
        type's comparisons have a finite maximum, and otherwise one of 0.1 (a standard deviation
        of 3.2), also in all draws of that type.
    bootstrap : int
        How many draws; none if 0.
    seed : int or Generator
        Of the draws.

    Returns
    -------
    Population
        Of the options that the prompt has; rewards have mean 0. Types that no annotator has are
        left out, and so are annotators of unknown type.

    Raises
    ------
    InputError
        If an argument is out of its range, types or classes are of other comparisons, or there
        are several prompts and none was named.
    ConvergenceError
        As for `fit_bradley_terry`, or if the latent classes of a draw are not found.

    Notes
    -----
    Draws resample annotators, all their comparisons together; where annotators are unknown,
    comparisons. In each draw latent classes are fitted again, from the classes of the estimate,
    and then matched with these: the match is the one in which the most annotators, by their
    memberships, stay in their class.

    Examples
    --------
    >>> from socialpref import Interval, Population, nbc
    >>> from socialpref.comparisons import population_of, simulate
    >>> crowd = Population([[0, -1, -2], [0, -2, 4]], types=["left", "right"])
    >>> people = population_of(simulate(crowd, 4000, "typed"), bootstrap=200)
    >>> people.types, people.rewards.round(1)
    (('left', 'right'), array([[ 1. , -0. , -1. ],
           [-0.8, -2.8,  3.6]]))
    >>> Interval.of(nbc(people.draws)[:, 0]).describe("{:.2f}")
    '0.58 to 0.60'
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    if prompt is None and comparisons.n_prompts > 1:
        must = f"the number of one of {comparisons.n_prompts} prompts"
        raise _validate.complaint("prompt", must, "None")
    place = _validate.integer(
        "prompt", 0 if prompt is None else prompt, 0, comparisons.n_prompts - 1
    )
    return _populations(comparisons, types, [place], shares, prior, bootstrap, seed)[0]


def populations_by_prompt(
    comparisons: Comparisons,
    types: Types | ClassMixture = "given",
    *,
    shares: ArrayLike | None = None,
    prior: float | None = None,
    bootstrap: int = 0,
    seed: int | np.random.Generator = 0,
) -> tuple[Population, ...]:
    """Return one population for each prompt, with draws that go together.

    The parameters are those of `population_of`. The r-th draws of all prompts are of the same
    people.

    Examples
    --------
    >>> from socialpref.comparisons import populations_by_prompt, simulate
    >>> from socialpref.examples import ring
    >>> rows = simulate(ring(4), 6000, "typed")
    >>> [one.rewards.shape for one in populations_by_prompt(rows)]
    [(3, 4), (3, 4), (3, 4), (3, 4)]
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    places = list(range(comparisons.n_prompts))
    return tuple(_populations(comparisons, types, places, shares, prior, bootstrap, seed))


def _populations(
    comparisons: Comparisons,
    types: Types | ClassMixture,
    prompts: list[int],
    shares: ArrayLike | None,
    prior: float | None,
    bootstrap: int,
    seed: int | np.random.Generator,
) -> list[Population]:
    """Return populations of some prompts."""
    n_draws = _validate.integer("bootstrap", bootstrap, 0)
    rng = _validate.seed("seed", seed)
    estimate: _ByType | _ByClass
    if isinstance(types, ClassMixture):
        if prior is not None:
            raise _validate.complaint("prior", "omitted for latent classes", prior)
        estimate = _ByClass(comparisons, types, prompts)
    else:
        _validate.choice("types", types, ("given", "everybody"))
        if prior is not None:
            prior = _validate.number("prior", prior, 0.0, above=True)
        estimate = _ByType(comparisons, types == "everybody", prompts, prior)
    given = None
    if shares is not None:
        given = _validate.distribution("shares", shares, len(estimate.names), estimate.names)
    size = estimate.size
    draws = [estimate.of(rng.multinomial(size, np.full(size, 1 / size))) for _ in range(n_draws)]
    own, tables = estimate.point
    result = []
    for i, (prompt, table) in enumerate(zip(prompts, tables, strict=True)):
        options = np.flatnonzero(estimate.available[prompt])
        population = Population(
            table[:, options],
            own if given is None else given,
            types=estimate.names,
            options=[comparisons.name(prompt, int(y)) for y in options],
        )
        if draws:
            rewards = np.array([drawn[i][:, options] for _, drawn in draws])
            weights = None if given is not None else np.array([share for share, _ in draws])
            population = population.with_draws(rewards, weights)
        result.append(population)
    return result


class _ByType:
    """Bradley-Terry models of known types, fitted to people who are drawn so many times each."""

    def __init__(
        self, comparisons: Comparisons, everybody: bool, prompts: list[int], prior: float | None
    ) -> None:
        people = People.known_or_rows(comparisons)
        self.size, self.weight = people.size, people.weight
        self.prompts, self.prior = prompts, prior
        self.available = available_options(comparisons)
        self.kind = np.zeros(self.size, np.int64)
        self.names: tuple[str, ...] = ("everybody",)
        if not everybody:
            kinds, self.kind = np.unique(
                types_of_annotators(comparisons, people), return_inverse=True
            )
            self.kind = self.kind - int((kinds < 0).any())
            names = comparisons.types
            self.names = tuple(
                f"type {u + 1}" if names is None else names[u] for u in kinds[kinds >= 0]
            )
        n, K = len(self.names), comparisons.n_options
        x, y, z = (
            column.astype(np.int64)
            for column in (comparisons.prompt, comparisons.first, comparisons.second)
        )
        place = (self.kind[people.who] * comparisons.n_prompts + x) * K
        keys = (place + np.minimum(y, z)) * K + np.maximum(y, z)
        told = (y != z) & (self.kind[people.who] >= 0)
        cells, cell = np.unique(keys[told], return_inverse=True)
        self.place, pair = np.divmod(cells, K * K)  # a type and a prompt, in one number
        self.low, self.high = np.divmod(pair, K)
        label = np.where(y < z, comparisons.label, 1.0 - comparisons.label)[told]
        self.cell, self.who = cell, people.who[told]
        self.parts = [part * people.multiple[told] for part in (label, 1.0 - label)]
        self.places = [[u * comparisons.n_prompts + x for u in range(n)] for x in prompts]
        self.with_prior: set[int] = set()
        self.point = self.of(np.ones(self.size))

    def of(self, times: NDArray[Any]) -> Estimate:
        """Return the shares, and each prompt's rewards, of the people drawn so many times."""
        weight = self.weight * times
        each, size = weight[self.who], len(self.place)
        won, lost = (np.bincount(self.cell, part * each, size).astype(float) for part in self.parts)
        known = self.kind >= 0
        counts = np.bincount(self.kind[known], weight[known], len(self.names))
        shares = counts / counts.sum() if counts.any() else self.point[0]
        tables = [
            np.array([self._rewards(place, prompt, won, lost) for place in places])
            for prompt, places in zip(self.prompts, self.places, strict=True)
        ]
        return shares, tables

    def _rewards(self, place: int, prompt: int, won: Floats, lost: Floats) -> Floats:
        """Return the rewards of a type at a prompt; 0 for options that are not there."""
        there = np.flatnonzero(self.available[prompt])
        rewards = np.zeros(len(self.available[prompt]))
        here = slice(*np.searchsorted(self.place, [place, place + 1]))
        total = won[here] + lost[here]
        seen = total > 0.0
        if not seen.any() or len(there) < 2:
            return rewards
        first, second = (np.searchsorted(there, ends[here][seen]) for ends in (self.low, self.high))
        outcomes = won[here][seen] / total[seen]
        prior = WEAK_PRIOR if self.prior is None and place in self.with_prior else self.prior
        found, weak = finite_rewards(first, second, outcomes, total[seen], len(there), prior)
        if weak and not hasattr(self, "point"):
            self.with_prior.add(place)
        rewards[there] = found - found.mean()
        return rewards


class _ByClass:
    """Latent classes, fitted again to people who are drawn so many times each."""

    def __init__(self, comparisons: Comparisons, fit: ClassMixture, prompts: list[int]) -> None:
        self.fit, self.prompts = fit, prompts
        self.rows = fit.rows_of(comparisons)
        self.size = self.rows.n_annotators
        self.available = available_options(comparisons)
        self.names = tuple(f"class {i + 1}" for i in range(fit.n_classes))
        self.start = np.append(fit.tables(), np.log(fit.shares))
        self.point: Estimate = fit.shares, [fit.rewards[x] for x in prompts]

    def of(self, times: NDArray[Any]) -> Estimate:
        """Return the shares, and each prompt's rewards, of the people drawn so many times."""
        if self.fit.ridge == np.inf:
            return self.point
        found = redrawn(self.rows, self.fit.ridge, times, self.start)
        tables = np.moveaxis(found.tables.reshape(*self.available.shape, -1), 2, 1)
        rewards = centred(tables, self.available[:, None], 2)
        return found.shares, [rewards[x] for x in self.prompts]
