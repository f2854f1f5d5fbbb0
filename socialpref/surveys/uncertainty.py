"""Sampling error of a question's rankings and flip distances.

A question is drawn again many times, as arrays: respondents or their primary units with their
weights, samples from the variance of the survey's own replicate weights, or counts given each
group's (effective) size. The draws become a population with draws, and what the study reports is
computed of all of them at once. A flip distance can be infinite, and so can the end of its
interval.
"""

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .._files import results_folder
from ..errors import InputError
from ..flips import Winner
from ..flips.batched import Asked, distances_of_draws
from ..flips.targets import AnyChange
from ..inference import Interval
from ..inference.designs import Design, effect
from ..inference.resampling import drawn_tables, people_factors, unit_factors
from ..population import Population, luce_shepard_rewards
from ..rules import TIE_TOLERANCE, Ranking, nbc
from .protocol import Protocol
from .question import Question, smoothed
from .respondents import Respondents
from .shares import ShareFlips

Floats = NDArray[np.float64]
Method = Literal["auto", "design", "respondents", "replicate-weights", "multinomial", "dirichlet"]
METHODS = ("auto", "replicate-weights", "design", "respondents", "multinomial", "dirichlet")
MAX_REPLICATES = 100_000
"""More of them would not fit into memory."""


@dataclass(frozen=True)
class Bootstrap:
    """How replicates of a question are drawn.

    Attributes
    ----------
    n_replicates : int
        How many, at least 2.
    seed : int
        Same seed, same result, in whatever order or process the questions are computed.
    method : str
        ``"respondents"`` draws respondents with replacement, weights carried along.
        ``"design"`` draws primary units within strata (`unit_factors`). ``"replicate-weights"``
        draws from the normal distribution with the variance that the survey's own replicate
        weights give the answer shares (`drawn_tables`). All questions of one sample are drawn
        together. ``"multinomial"`` draws each group's answers given its effective size,
        ``"dirichlet"`` draws each group's shares from their posterior under Jeffreys' prior;
        both draw the groups' sizes, too. ``"auto"`` takes the first of replicate weights,
        design, respondents and multinomial that the question allows.
    level : float
        Of the intervals, in (0, 1).

    Raises
    ------
    InputError
        If a setting is out of its range.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap.
    """

    n_replicates: int = 1000
    seed: int = 0
    method: Method = "auto"
    level: float = 0.95

    def __post_init__(self) -> None:
        _validate.integer("n_replicates", self.n_replicates, 2, MAX_REPLICATES)
        _validate.integer("seed", self.seed)
        _validate.number("level", self.level, 0.0, 1.0, above=True, below=True)
        _validate.choice("method", self.method, METHODS)

    def resolve(self, question: Question) -> Method:
        """Return the method that is used for a question.

        Raises
        ------
        InputError
            If the question does not hold what the method needs.
        """
        answers = question.respondents
        available: list[Method] = []
        if answers is not None and answers.replicates is not None:
            available.append("replicate-weights")
        if answers is not None and answers.design is not None:
            available.append("design")
        if answers is not None:
            available.append("respondents")
        if question.effective_sizes is not None:
            available += ["multinomial", "dirichlet"]
        if not available:
            raise InputError(
                f"{question.key} has no intervals: nothing says how many people answered. Give "
                "counts of people, or the number of respondents in a column 'n'"
            )
        method = available[0] if self.method == "auto" else self.method
        if method not in available:
            raise InputError(
                f"'method' must be {' or '.join(available)} for {question.key}; got {method!r}."
            )
        return method


@dataclass(frozen=True, eq=False)
class Replicates:
    """The results of R replicates of a question.

    Attributes
    ----------
    method : str
        How they were drawn.
    flip, winner_flip : ndarray, shape (R,)
        Distances of the nearest ranking flip and winner flip; inf where there is none, NaN
        where there is nothing but ties.
    share_flip, share_winner_flip, reward_share_flip : ndarray, shape (R,)
        The same by the groups' shares: of the ranking and the winner by NBC, and of the ranking
        by average reward.
    nbc : ndarray, shape (R, K)
        Normalized Borda counts at the base distribution.
    nbc_errors : ndarray of shape (K,), or None
        Their standard errors, where a design or replicate weights give them with degrees of
        freedom.
    degrees : float
        Of the standard errors.
    deff : float
        Design effect: the variance of the groups' answer shares, summed, over that of simple
        random samples of as many respondents; NaN for counts, which know no design.
    """

    method: Method
    flip: Floats
    winner_flip: Floats
    share_flip: Floats
    share_winner_flip: Floats
    reward_share_flip: Floats
    nbc: Floats
    nbc_errors: Floats | None = None
    degrees: float = math.inf
    deff: float = math.nan


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Intervals of what the study reports of a question.

    Attributes
    ----------
    n_replicates : int
    method : str
        How the replicates were drawn.
    level : float
        Of the intervals.
    flip_share, winner_flip_share : float
        Share of the replicates in which some sampling distribution flips the ranking, or
        overtakes the winner.
    flip_interval, winner_flip_interval : Interval
        Of the distance, among all replicates; an end is inf where enough replicates cannot be
        flipped.
    share_flip_share : float
        Share of the replicates in which some shares of the groups flip the ranking by NBC.
    share_flip_interval, share_winner_flip_interval, reward_share_flip_interval : Interval
        Of the distances by the groups' shares.
    nbc_intervals : tuple of Interval
        One for each option.
    same_order, same_winner : float
        Share of the replicates with the same ranking, and the same winner, at the base
        distribution.
    degrees : float
        Degrees of freedom of the intervals of NBC; inf where they are percentiles.
    deff : float
        Design effect of the answer shares; NaN for counts.
    """

    n_replicates: int
    method: str
    level: float
    flip_share: float
    flip_interval: Interval
    winner_flip_share: float
    winner_flip_interval: Interval
    share_flip_share: float
    share_flip_interval: Interval
    share_winner_flip_interval: Interval
    reward_share_flip_interval: Interval
    nbc_intervals: tuple[Interval, ...]
    same_order: float
    same_winner: float
    degrees: float = math.inf
    deff: float = math.nan


def replicate(question: Question, protocol: Protocol, bootstrap: Bootstrap) -> Replicates:
    """Draw replicates of a question, and return the study's results for each, as arrays.

    Parameters
    ----------
    question : Question
    protocol : Protocol
        Smoothing, margin, floor, link and base distribution are used.
    bootstrap : Bootstrap

    Returns
    -------
    Replicates

    Raises
    ------
    InputError
        If the question does not hold what the method needs.

    Examples
    --------
    >>> from socialpref.surveys import Bootstrap, Protocol, read_pew, replicate
    >>> question = read_pew()["SOCIETY_GUNS_W92"]
    >>> replicates = replicate(question, Protocol(), Bootstrap(200, seed=1))
    >>> replicates.nbc.shape
    (200, 5)
    """
    _check(question, protocol, bootstrap)
    question = protocol.counted(question)
    method = bootstrap.resolve(question)
    choices, groups = draw_shares(question, method, bootstrap)
    population, base = _with_draws(question, protocol, choices, groups, samples=True)
    draws = population.draws
    assert draws is not None
    mix = Asked(AnyChange(), margin=protocol.margin, floor=protocol.floor)
    who = replace(mix, over="shares", margin=protocol.share_margin, floor=protocol.share_floor)
    reward = replace(who, score="average reward")
    winner = Winner()
    asked = mix, replace(mix, target=winner), who, replace(who, target=winner), reward
    flip, winner_flip, share_flip, share_winner_flip, reward_share_flip = distances_of_draws(
        draws, base, *asked
    )
    found = Replicates(
        method,
        flip=flip,
        winner_flip=winner_flip,
        share_flip=share_flip,
        share_winner_flip=share_winner_flip,
        reward_share_flip=reward_share_flip,
        nbc=nbc(draws, base),
    )
    return _with_errors(found, question, protocol, population, choices)


def _check(question: object, protocol: object, bootstrap: object) -> None:
    _validate.instance("question", question, Question, "a Question")
    _validate.instance("protocol", protocol, Protocol, "a Protocol")
    _validate.instance("bootstrap", bootstrap, Bootstrap, "a Bootstrap")


def _with_errors(
    found: Replicates,
    question: Question,
    protocol: Protocol,
    population: Population,
    choices: Floats,
) -> Replicates:
    """Return the replicates with what the design says of their errors."""
    answers = question.respondents
    if answers is None or question.sizes is None or found.method in ("multinomial", "dirichlet"):
        return found
    simple = question.choice_shares * (1.0 - question.choice_shares) / question.sizes[:, None]
    if found.method == "replicate-weights":
        assert answers.replicates is not None
        choices, groups = _shares_of(_sums(question, answers.replicates.weights), question)
        replicated, base = _with_draws(question, protocol, choices, groups, samples=False)
        assert replicated.draws is not None
        own = protocol.base_of(question, question.choice_shares, question.group_shares)
        scores = answers.replicates.variance(nbc(replicated.draws, base), nbc(population, own))
        shares = answers.replicates.variance(choices, question.choice_shares)
        deff = effect(shares.ravel(), simple.ravel())
        return replace(
            found, nbc_errors=np.sqrt(scores), degrees=answers.replicates.degrees, deff=deff
        )
    deff = effect(choices.var(axis=0, ddof=1).ravel(), simple.ravel())
    if found.method == "respondents":
        return replace(found, deff=deff)
    assert answers.design is not None
    degrees = max(1, answers.design.degrees_of(answers.counted))
    return replace(found, nbc_errors=found.nbc.std(axis=0, ddof=1), degrees=degrees, deff=deff)


def population_with_draws(
    question: Question, protocol: Protocol, bootstrap: Bootstrap
) -> tuple[Population, Floats]:
    """Return the population of a question with draws of it, and the base distribution.

    Parameters
    ----------
    question : Question
    protocol : Protocol
        Smoothing, link and base distribution are used.
    bootstrap : Bootstrap

    Returns
    -------
    Population
        Its `draws` are the replicates.
    ndarray, shape (K,) or (R, K)
        The base of all replicates, or of each where it depends on the answers.

    Raises
    ------
    InputError
        If the question does not hold what the method needs.

    Examples
    --------
    >>> from socialpref import nbc
    >>> from socialpref.inference import interval_of
    >>> from socialpref.surveys import Bootstrap, Protocol, population_with_draws, read_pew
    >>> question = read_pew()["SOCIETY_GUNS_W92"]
    >>> population, base = population_with_draws(question, Protocol(), Bootstrap(200, seed=1))
    >>> interval_of(population.draws, nbc(population.draws, base)[:, 0]).describe("{:.2f}")
    '0.35 to 0.37'
    """
    _check(question, protocol, bootstrap)
    question = protocol.counted(question)
    method = bootstrap.resolve(question)
    choices, groups = draw_shares(question, method, bootstrap)
    return _with_draws(question, protocol, choices, groups, samples=True)


def _with_draws(
    question: Question, protocol: Protocol, choices: Floats, groups: Floats, *, samples: bool
) -> tuple[Population, Floats]:
    """Return the population of a question with drawn shares, and the base of each draw."""
    if question.shares_are != "observed":
        groups = np.broadcast_to(question.group_shares, groups.shape)
    shares = smoothed(choices, question.effective_sizes, protocol.smoothing)
    population = question.population(smoothing=protocol.smoothing, link=protocol.link)
    drawn = population.with_draws(luce_shepard_rewards(shares), groups, samples=samples)
    return drawn, protocol.base_of(question, choices, groups)


def kept_replicates(
    question: Question, protocol: Protocol, bootstrap: Bootstrap, folder: Path | None
) -> Replicates:
    """Return `replicate`'s result, read from `folder` if it was kept there before.

    The file's name is a digest of everything that the result depends on, so that a changed
    setting or question is never mistaken for an old one.
    """
    if folder is None:
        return replicate(question, protocol, bootstrap)
    file = folder / f"{_digest(question, protocol, bootstrap)}.npz"
    if file.exists():
        with np.load(file) as kept:
            values = {name: kept[name] if kept[name].ndim else kept[name].item() for name in kept}
        return Replicates(bootstrap.resolve(question), **values)
    result = replicate(question, protocol, bootstrap)
    arrays = {
        field.name: value
        for field in fields(result)
        if field.name != "method" and (value := getattr(result, field.name)) is not None
    }
    with results_folder(folder) as scratch:
        np.savez(scratch / file.name, **arrays)
    return result


def _digest(question: Question, protocol: Protocol, bootstrap: Bootstrap) -> str:
    digest = sha256(repr((question.key, question.options, protocol, bootstrap)).encode())
    answers = question.respondents
    arrays: list[NDArray[Any] | None] = [
        question.choice_shares,
        question.group_shares,
        question.effective_sizes,
    ]
    if answers is not None:
        arrays += [answers.groups, answers.options, answers.weights]
        digest.update(answers.sample.encode())
        if (design := answers.design) is not None:
            arrays += [design.units, design.strata]
            digest.update(design.lonely.encode())
        if (replicates := answers.replicates) is not None:
            arrays += [replicates.weights, replicates.factors]
    for array in arrays:
        digest.update(b"none" if array is None else array.tobytes())
    return digest.hexdigest()


def draw_shares(question: Question, method: Method, bootstrap: Bootstrap) -> tuple[Floats, Floats]:
    """Return choice shares (R, G, K) and group shares (R, G) of the replicates."""
    if question.respondents is not None and method in (
        "respondents", "design", "replicate-weights",
    ):  # fmt: skip
        tables = _drawn_tables(question, question.respondents, method, bootstrap)
        return _shares_of(tables, question)
    sizes = question.effective_sizes
    assert sizes is not None  # resolve() has seen to it
    rng = np.random.default_rng(_seed(bootstrap.seed, question.key))
    n = bootstrap.n_replicates
    choices = np.empty((n, *question.choice_shares.shape))
    for g, (shares, size) in enumerate(zip(question.choice_shares, sizes, strict=True)):
        choices[:, g] = _drawn_shares(shares, size, method, n, rng)
    return choices, _drawn_shares(question.group_shares, sizes.sum(), method, n, rng)


def _drawn_shares(
    shares: Floats, size: float, method: Method, n_replicates: int, rng: np.random.Generator
) -> Floats:
    """Return draws of shares of which so many people are known."""
    if method == "dirichlet":
        return rng.dirichlet(shares * size + 0.5, size=n_replicates)
    whole = max(1, round(size))
    return rng.multinomial(whole, shares, size=n_replicates) / whole


def _shares_of(tables: Floats, question: Question) -> tuple[Floats, Floats]:
    """Return choice shares (R, G, K) and group shares (R, G) of weighted counts (R, G, K)."""
    tables = np.maximum(tables, 0.0)  # replicate weights may be negative
    sizes = tables.sum(axis=2)
    totals = sizes.sum(axis=1, keepdims=True)
    if not totals.all():
        raise InputError(
            f"{question.key} has no intervals: a replicate holds none of its answers. They come "
            "from too few primary units, or their weights in the replicate are 0 or negative"
        )
    # A group that is not drawn at all has no weight: its choices do not matter.
    absent = sizes[:, :, None] == 0.0
    choices = np.where(
        absent, question.choice_shares, tables / np.where(absent, 1.0, sizes[:, :, None])
    )
    return choices, sizes / totals


def _drawn_tables(
    question: Question, answers: Respondents, method: Method, bootstrap: Bootstrap
) -> Floats:
    """Return weighted counts (R, G, K) of the replicates of a question with respondents."""
    seed = _seed(bootstrap.seed, answers.sample)
    n = bootstrap.n_replicates
    if method == "respondents":
        times = _people(len(answers.weights), n, seed)
        return _sums(question, times, mass=answers.weights)
    if method == "design":
        assert answers.design is not None
        factors = _units(answers.design, n, seed)
        return _sums(question, factors, units=answers.design.units, mass=answers.weights)
    assert answers.replicates is not None
    assert question.counts is not None
    tables = _sums(question, answers.replicates.weights)
    mixtures = np.random.default_rng(seed).standard_normal((n, len(tables)))
    return drawn_tables(tables, question.counts, answers.replicates, mixtures)


def _sums(
    question: Question,
    factors: Floats,
    *,
    units: NDArray[np.intp] | None = None,
    mass: Floats | None = None,
) -> Floats:
    """Return what people of each group and option weigh, shape (R, G, K).

    A person of some mass (1 if omitted) in unit u weighs ``mass * factors[u, r]`` in replicate r.
    Everybody is a unit if they are omitted.
    """
    from scipy.sparse import csr_array

    answers = question.respondents
    assert answers is not None
    n_groups, n_options = question.choice_shares.shape
    counted = np.flatnonzero(answers.counted)
    cell = answers.groups[counted].astype(np.intp) * n_options + answers.options[counted]
    shape = (n_groups * n_options, len(factors))
    values = np.ones(len(counted)) if mass is None else mass[counted]
    columns = counted if units is None else units[counted]
    cells = csr_array((values, (cell, columns)), shape=shape)
    return np.asarray((cells @ factors).T).reshape(-1, n_groups, n_options)


@lru_cache(maxsize=1)
def _people(size: int, n_replicates: int, seed: tuple[int, ...]) -> Floats:
    return people_factors(size, n_replicates, np.random.default_rng(seed))


@lru_cache(maxsize=1)
def _units(design: Design, n_replicates: int, seed: tuple[int, ...]) -> Floats:
    return unit_factors(design, n_replicates, np.random.default_rng(seed))


def _seed(seed: int, name: str) -> tuple[int, ...]:
    """Return a seed of its own for each name, the same in every process."""
    return (seed, *name.encode())


def summarise(
    replicates: Replicates,
    bootstrap: Bootstrap,
    *,
    distance: float,
    winner_distance: float,
    by_shares: ShareFlips,
    scores: Floats,
    order: Ranking,
) -> Uncertainty:
    """Return the intervals that the replicates of a question give around what was found.

    Parameters
    ----------
    replicates : Replicates
    bootstrap : Bootstrap
    distance, winner_distance : float
        Of the nearest ranking flip and winner flip.
    by_shares : ShareFlips
        The nearest flips by the groups' shares.
    scores : ndarray, shape (K,)
        NBC at the base distribution, by which the options are in `order`.
    order : Ranking
    """
    level = bootstrap.level

    def interval(values: Floats, estimate: float) -> Interval:
        return Interval.of(values, level).holding(estimate)

    return Uncertainty(
        n_replicates=len(replicates.flip),
        method=replicates.method,
        level=level,
        flip_share=float(np.isfinite(replicates.flip).mean()),
        flip_interval=interval(replicates.flip, distance),
        winner_flip_share=float(np.isfinite(replicates.winner_flip).mean()),
        winner_flip_interval=interval(replicates.winner_flip, winner_distance),
        share_flip_share=float(np.isfinite(replicates.share_flip).mean()),
        share_flip_interval=interval(replicates.share_flip, by_shares.ranking.distance),
        share_winner_flip_interval=interval(
            replicates.share_winner_flip, by_shares.winner.distance
        ),
        reward_share_flip_interval=interval(
            replicates.reward_share_flip, by_shares.reward.distance
        ),
        nbc_intervals=_nbc_intervals(replicates, scores, level),
        same_order=_share_in_order(replicates, order.groups),
        same_winner=_share_in_order(replicates, _first_and_rest(order)),
        degrees=replicates.degrees,
        deff=replicates.deff,
    )


def _nbc_intervals(replicates: Replicates, scores: Floats, level: float) -> tuple[Interval, ...]:
    """Return the interval of each option's NBC: of Student's t where the design has degrees."""
    errors = replicates.nbc_errors
    if errors is None:
        return tuple(Interval.of(column, level) for column in replicates.nbc.T)
    around = [
        Interval.around(score, error, level, degrees=replicates.degrees)
        for score, error in zip(scores.tolist(), errors.tolist(), strict=True)
    ]
    # NBC is a probability.
    return tuple(replace(x, low=max(x.low, 0.0), high=min(x.high, 1.0)) for x in around)


def _first_and_rest(order: Ranking) -> tuple[tuple[int, ...], ...]:
    rest = tuple(y for group in order.groups[1:] for y in group)
    return (order.winners, rest) if rest else (order.winners,)


def _share_in_order(replicates: Replicates, groups: tuple[tuple[int, ...], ...]) -> float:
    """Return the share of replicates in which every group is above the next."""
    scores = replicates.nbc
    above = np.ones(len(scores), dtype=bool)
    for upper, lower in pairwise(groups):
        worst, best = scores[:, list(upper)].min(axis=1), scores[:, list(lower)].max(axis=1)
        above &= worst - best > TIE_TOLERANCE
    return float(above.mean())
