"""What annotators are asked, and what is recorded: structures of preference data."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, permutations
from math import comb, factorial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..population import Population
from .answers import Model, Numbers, product

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
MOST_QUESTIONS = 3000
"""Most questions that are listed; of more a sample is drawn."""


class Answers(NamedTuple):
    """All answers to some questions: their probabilities, and how often each question is asked.

    `sampled` says whether a sample of the questions stands for all.
    """

    chances: Numbers
    weights: Floats
    sampled: bool = False


@dataclass(frozen=True)
class Structure(ABC):
    """A way to ask annotators.

    Attributes
    ----------
    uses_shares : bool
        Whether the answers depend on the overall shares of the types.
    """

    uses_shares: ClassVar[bool] = True

    @property
    def can_mix(self) -> bool:
        """Whether its answers depend on no unknown numbers of its own."""
        return self.uses_shares and not len(self.nuisance(2))

    @property
    def knows_shares(self) -> bool:
        """Whether the shares of the types are known, as in panels with one of each type."""
        return False

    def possible(self, n_pairs: int, n_options: int) -> bool:
        """Return whether it can be asked of so many pairs in all, and options at each prompt."""
        return True

    def local_only(self, shares: Floats) -> bool:
        """Return whether full rank identifies types with these shares next to the truth only."""
        return False

    @abstractmethod
    def labels(self, n_types: int) -> int:
        """Return how many labels an annotator, or a panel, gives."""

    def annotators(self, n_types: int) -> int:
        """Return how many annotators give these labels: 1, or a panel's."""
        return 1

    def nuisance(self, n_types: int) -> Floats:
        """Return further numbers that the answers depend on, and that nobody knows."""
        return np.zeros(0)

    @abstractmethod
    def answers(self, model: Model, pairs: "PairWeights", rng: np.random.Generator) -> Answers:
        """Return the probabilities of all answers, with derivatives."""

    def overall(self, model: Model) -> Numbers:
        """Return the shares of the types among all annotators, shape (T,)."""
        return model.shares

    def settles(self, population: Population, pair: tuple[int, int]) -> str:
        """Return why the answers settle a pair's average-reward gap, without a search.

        Annotators of one type share one taste. Empty if it is not known that they do.
        """
        return ""

    def groups(self, shares: Floats) -> Floats:
        """Return how many annotators of each type there are in each group, (groups, T).

        Annotators of one group cannot be told apart. The numbers sum to 1.
        """
        return shares[None]

    @property
    def asked(self) -> "Mixed | None":
        """What one annotator is asked, if his answers depend on nobody else's."""
        return None

    @abstractmethod
    def describe(self) -> str:
        """Return the structure in words."""


@dataclass(frozen=True, eq=False)
class PairWeights:
    """The pairs of options of all prompts, and how often each is asked: weights that sum to 1."""

    first: Integers
    second: Integers
    weights: Floats

    @classmethod
    def of(cls, sizes: Sequence[int], sampling: Sequence[Floats] | None = None) -> "PairWeights":
        """Return the pairs of options of the same prompt; prompts are equally frequent.

        Pairs are drawn under a sampling distribution for each prompt, without pairs of an option
        and itself.
        """
        firsts, seconds, weights, start = [], [], [], 0
        for x, size in enumerate(sizes):
            first, second = np.triu_indices(size, 1)
            own = np.ones(len(first))
            if sampling is not None:
                own = sampling[x][first] * sampling[x][second]
                if not own.any():
                    raise _validate.complaint("sampling", "positive for two options", sampling[x])
            asked = own > 0.0
            firsts.append(start + first[asked])
            seconds.append(start + second[asked])
            weights.append(own[asked] / own.sum() / len(sizes))
            start += size
        return cls(np.concatenate(firsts), np.concatenate(seconds), np.concatenate(weights))


def _sets_of_pairs(
    pairs: PairWeights, m: int, *, repeats: bool, rng: np.random.Generator
) -> tuple[Integers, Floats]:
    """Return sets of m pairs, (Q, m) in increasing order, and how often each is asked.

    With repeats pairs are drawn one by one; without, among those not asked yet. Of too many sets
    a sample stands for all.
    """
    n, p = len(pairs.first), pairs.weights
    if _count(n, m, repeats) > MOST_QUESTIONS:
        if repeats:
            rows = rng.choice(n, (MOST_QUESTIONS, m), p=p)
        else:
            keys = rng.gumbel(size=(MOST_QUESTIONS, n)) + np.log(p)
            rows = np.argsort(-keys, axis=1)[:, :m]
        return np.sort(rows, axis=1), np.full(MOST_QUESTIONS, 1.0 / MOST_QUESTIONS)
    if repeats:
        rows = np.array(list(combinations_with_replacement(range(n), m)))
        orders = [factorial(m) / np.prod([factorial(c) for c in np.bincount(r)]) for r in rows]
        weights = np.array(orders) * p[rows].prod(axis=1)
        return rows, weights / weights.sum()
    if m > n:
        raise _validate.complaint("m", f"at most {n}, the number of pairs, without repeats", m)
    rows = np.array(list(combinations(range(n), m)))
    weights = np.array([_without_repeats(p[row]) for row in rows])
    return rows, weights / weights.sum()


def _count(n: int, m: int, repeats: bool) -> int:
    """Return how many sets of m pairs there are."""
    return comb(n + m - 1, m) if repeats else comb(n, m)


def _without_repeats(p: Floats) -> float:
    """Return how likely a set of pairs is drawn, one after the other without repeats."""
    if len(p) > 6:  # too many orders: as if they were drawn at once
        return float(p.prod())
    total = 0.0
    for order in permutations(p):
        left, chance = 1.0, 1.0
        for weight in order:
            chance *= weight / left
            left -= weight
        total += chance
    return total


def _mixture(by_type: Numbers, weights: Numbers) -> Numbers:
    """Return the mixture of the types' probabilities, (T, questions)."""
    return (weights[:, None] * by_type).sum(axis=0)


def _joined(parts: Sequence[Numbers], weights: Sequence[Floats]) -> Answers:
    """Return answers of several kinds in one list."""
    chances = Numbers(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.slope for part in parts]),
        parts[0].prime,
    )
    return Answers(chances, np.concatenate(weights))


def _sides(wins: Numbers) -> tuple[Numbers, Numbers]:
    """Return the probabilities of 1 and of 0."""
    return wins, wins.less()


class ByType(NamedTuple):
    """How likely each type gives each answer: a list of numbers of shape (T, questions)."""

    parts: list[Numbers]
    weights: Floats
    sampled: bool = False

    def mixed(self, mixes: Sequence[Numbers]) -> Answers:
        """Return the answers of each mixture of the types."""
        parts = [_mixture(part, mix) for mix in mixes for part in self.parts]
        found = _joined(parts, [self.weights] * len(parts))
        return found._replace(sampled=self.sampled)


def _linked(model: Model, pairs: PairWeights, rows: Integers, weights: Floats) -> ByType:
    """Return the answers of one annotator to each of several pairs."""
    sides = _sides(model.wins(pairs.first, pairs.second))
    parts = [side[:, rows[:, 0]] for side in sides]
    for column in rows.T[1:]:
        parts = [part * side[:, column] for part in parts for side in sides]
    return ByType(parts, weights)


class Mixed(Structure):
    """A structure in which one annotator, of whom nothing is known, gives all of an answer."""

    @abstractmethod
    def by_type(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> ByType:
        """Return how likely each type gives each answer."""

    def answers(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> Answers:
        """Return the probabilities of all answers, with derivatives."""
        return self.by_type(model, pairs, rng).mixed([model.shares])

    @property
    def asked(self) -> "Mixed":
        """The structure itself."""
        return self


@dataclass(frozen=True)
class Pairs(Mixed):
    """Single comparisons by annotators of whom nothing is known.

    Examples
    --------
    >>> from socialpref.theory import Pairs
    >>> Pairs().describe()
    'anonymous comparisons'
    """

    def labels(self, n_types: int) -> int:
        """Return 1."""
        return 1

    def by_type(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> ByType:
        """Return how likely each type gives each answer."""
        return _linked(model, pairs, np.arange(len(pairs.first))[:, None], pairs.weights)

    def local_only(self, shares: Floats) -> bool:
        """Return whether there are several types: types far from the truth may fit as well."""
        return len(shares) > 1

    def describe(self) -> str:
        """Return the structure in words."""
        return "anonymous comparisons"


@dataclass(frozen=True)
class Linked(Mixed):
    """Several comparisons by each annotator, of different pairs.

    Parameters
    ----------
    m : int
        Comparisons of each annotator.
    repeats : bool
        Whether pairs are drawn anew each time, so that some come twice.
    """

    m: int = 2
    repeats: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "m", _validate.integer("m", self.m, 1, 12))
        _validate.instance("repeats", self.repeats, bool, "True or False")

    def possible(self, n_pairs: int, n_options: int) -> bool:
        """Return whether there are m pairs, or some come twice."""
        return self.repeats or self.m <= n_pairs

    def labels(self, n_types: int) -> int:
        """Return m."""
        return self.m

    def by_type(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> ByType:
        """Return how likely each type gives each answer."""
        rows, weights = _sets_of_pairs(pairs, self.m, repeats=self.repeats, rng=rng)
        found = _linked(model, pairs, rows, weights)
        return found._replace(sampled=len(rows) < _count(len(pairs.first), self.m, self.repeats))

    def settles(self, population: Population, pair: tuple[int, int]) -> str:
        """Return that pairs which come again tell the types apart, if they do.

        m labels give the mean of every polynomial of degree m in a type's probabilities. Let
        those of degree m / 2 - 1 take any values on the types. Then those of degree m / 2 that
        are 0 on all types are so nowhere else, and the means of their squares say that everybody
        is one of the types.
        """
        pairs = PairWeights.of([population.n_options])
        return _told_apart(population, pairs.first, pairs.second, self.m) if self.repeats else ""

    def describe(self) -> str:
        """Return the structure in words."""
        again = ", pairs drawn with repeats" if self.repeats else ""
        return f"{self.m} linked comparisons{again}"


@dataclass(frozen=True)
class Repeated(Mixed):
    """One pair, asked m times of the same annotator.

    Parameters
    ----------
    m : int
        How often each annotator is asked.
    """

    m: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "m", _validate.integer("m", self.m, 1, 64))

    def labels(self, n_types: int) -> int:
        """Return m."""
        return self.m

    def by_type(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> ByType:
        """Return how likely each type gives each number of wins."""
        wins, losses = _sides(model.wins(pairs.first, pairs.second))
        parts = []
        for k in range(self.m + 1):
            part = product([wins] * k + [losses] * (self.m - k))
            ways = comb(self.m, k)
            times = Numbers(
                np.full_like(part.value, ways % part.prime if part.prime else ways),
                np.zeros_like(part.slope),
                part.prime,
            )
            parts.append(part * times)
        return ByType(parts, pairs.weights)

    def settles(self, population: Population, pair: tuple[int, int]) -> str:
        """Return that labels of the pair tell the types apart, if there are 2T of them."""
        first, second = np.array(pair)[:, None]
        return _told_apart(population, first, second, self.m)

    def describe(self) -> str:
        """Return the structure in words."""
        return f"one pair {self.m} times"


@dataclass(frozen=True)
class Ranking(Mixed):
    """Rankings of k options by each annotator, by the Plackett-Luce model.

    Parameters
    ----------
    k : int
        Options in a ranking, which costs k - 1 labels.
    """

    k: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", _validate.integer("k", self.k, 2, 6))

    def possible(self, n_pairs: int, n_options: int) -> bool:
        """Return whether all prompts have k options."""
        return self.k <= n_options

    def labels(self, n_types: int) -> int:
        """Return k - 1."""
        return self.k - 1

    def by_type(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> ByType:
        """Return how likely each type gives each ranking."""
        if self.k > min(model.sizes):
            raise _validate.complaint("k", f"at most {min(model.sizes)}, the options", self.k)
        by_prompt = [np.array(list(combinations(range(K), self.k))) for K in model.sizes]
        sets = np.concatenate(
            [start + own for start, own in zip(model.starts, by_prompt, strict=True)]
        )
        weights = np.concatenate([np.full(len(own), 1.0 / len(own)) for own in by_prompt])
        parts = []
        for order in permutations(range(self.k)):
            ranked = sets[:, order]
            stages = [model.best_of(ranked[:, j], ranked[:, j:]) for j in range(self.k - 1)]
            parts.append(product(stages))
        return ByType(parts, weights / len(by_prompt))

    def describe(self) -> str:
        """Return the structure in words."""
        return f"rankings of {self.k}"


@dataclass(frozen=True)
class Panel(Structure):
    """A label of every type for each pair; who gave which is known."""

    @property
    def knows_shares(self) -> bool:
        """Whether the shares of the types are known: there is one of each."""
        return True

    def labels(self, n_types: int) -> int:
        """Return T."""
        return n_types

    def annotators(self, n_types: int) -> int:
        """Return T."""
        return n_types

    def answers(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> Answers:
        """Return the probabilities of each type's answer, which are independent."""
        sides = _sides(model.wins(pairs.first, pairs.second))
        parts = [side[u] for u in range(model.n_types) for side in sides]
        return _joined(parts, [pairs.weights] * len(parts))

    def settles(self, population: Population, pair: tuple[int, int]) -> str:
        """Return that each type's answers are seen."""
        return "each type's answers are seen, and there is one annotator of each"

    def describe(self) -> str:
        """Return the structure in words."""
        return "panels with one annotator of each type"


@dataclass(frozen=True)
class VoteCounts(Structure):
    """A label of every type for each pair, of which only the number of votes is seen."""

    @property
    def knows_shares(self) -> bool:
        """Whether the shares of the types are known: there is one of each."""
        return True

    def labels(self, n_types: int) -> int:
        """Return T."""
        return n_types

    def annotators(self, n_types: int) -> int:
        """Return T."""
        return n_types

    def answers(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> Answers:
        """Return the probabilities of the numbers of votes, with derivatives."""
        wins, losses = _sides(model.wins(pairs.first, pairs.second))
        counts = [losses[0], wins[0]]
        for u in range(1, model.n_types):
            stay = [count * losses[u] for count in counts]
            rise = [count * wins[u] for count in counts]
            counts = [stay[0], *(a + b for a, b in zip(stay[1:], rise, strict=False)), rise[-1]]
        return _joined(counts, [pairs.weights] * len(counts))

    def settles(self, population: Population, pair: tuple[int, int]) -> str:
        """Return that the numbers of votes tell the types' probabilities, but not whose they are.

        The numbers of votes of a pair have the generating function ``prod_u (1 - p_u + p_u z)``,
        whose roots are the types' odds.
        """
        if self.local_only(population.shares):
            must = "of equally many annotators of each type where votes are counted"
            raise _validate.complaint("population", must, f"shares {population.shares}")
        return "the numbers of votes tell the probabilities of all types, which count equally"

    def local_only(self, shares: Floats) -> bool:
        """Return whether shares are unequal: votes do not tell which type has which share."""
        return float(np.ptp(shares)) > _validate.SUM_TOLERANCE

    def describe(self) -> str:
        """Return the structure in words."""
        return "panels of which the votes are counted"


@dataclass(frozen=True)
class Typed(Structure):
    """Comparisons by annotators who report a type, perhaps the wrong one.

    Parameters
    ----------
    confusion : float or "unknown"
        How likely a report is right, the wrong types being equally likely; the number is known.
        "unknown" leaves the whole matrix open.
    shares : "unknown" or "known"
        Whether the shares of the types are known from elsewhere.
    m : int
        Comparisons of each annotator, of different pairs.
    """

    confusion: float | str = 1.0
    shares: str = "unknown"
    m: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.confusion, str):
            _validate.choice("confusion", self.confusion, ("unknown",))
        else:
            right = _validate.number("confusion", self.confusion, 0.0, 1.0, above=True)
            object.__setattr__(self, "confusion", right)
        _validate.choice("shares", self.shares, ("known", "unknown"))
        object.__setattr__(self, "m", _validate.integer("m", self.m, 1, 6))

    @property
    def knows_shares(self) -> bool:
        """Whether the shares of the types are known from elsewhere."""
        return self.shares == "known"

    def possible(self, n_pairs: int, n_options: int) -> bool:
        """Return whether there are m pairs."""
        return self.m <= n_pairs

    def labels(self, n_types: int) -> int:
        """Return m."""
        return self.m

    def nuisance(self, n_types: int) -> Floats:
        """Return the confusion matrix less its last column, row by row, if it is unknown."""
        if not isinstance(self.confusion, str):
            return np.zeros(0)
        return _confusion(0.8, n_types)[:, :-1].ravel()

    def settles(self, population: Population, pair: tuple[int, int]) -> str:
        """Return that reports tell the types apart, unless wrong ones are as likely or unknown."""
        if isinstance(self.confusion, str) or self._useless(population.n_types):
            return ""
        return "reports that are wrong at a known rate tell how each type answers, and its share"

    def groups(self, shares: Floats) -> Floats:
        """Return how many of each type report each; of an unknown confusion 80 % are right."""
        if not isinstance(self.confusion, str):
            return shares[None]
        if self.knows_shares:
            must = "of unknown shares, if the confusion is: there may be any number of types"
            raise _validate.complaint("structure", must, self.describe())
        return np.asarray((shares[:, None] * _confusion(0.8, len(shares))).T)

    @property
    def asked(self) -> Mixed:
        """The comparisons of one annotator."""
        return Pairs() if self.m == 1 else Linked(self.m)

    def _useless(self, n_types: int) -> bool:
        """Return whether all reports are equally likely for every type."""
        return n_types > 1 and abs(float(self.confusion) - 1.0 / n_types) < 1e-9

    def answers(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> Answers:
        """Return the probabilities of reported types and answers, with derivatives."""
        rows, weights = _sets_of_pairs(pairs, self.m, repeats=False, rng=rng)
        return _linked(model, pairs, rows, weights).mixed(list(self._mixes(model)))

    def _mixes(self, model: Model) -> Iterator[Numbers]:
        """Yield, for each reported type, how many annotators of each type report it."""
        n_types, prime = model.n_types, model.shares.prime
        if isinstance(self.confusion, str):
            places = np.arange(n_types * (n_types - 1)).reshape(n_types, n_types - 1)
            reports = model.nuisance[places]
            for v in range(n_types - 1):
                yield model.shares * reports[:, v]
            yield model.shares * reports.sum(axis=1).less()
            return
        matrix: NDArray[Any] = _confusion(float(self.confusion), n_types)
        if prime:  # any matrix of full rank stands for it
            matrix = np.random.default_rng(1).integers(1, prime, (n_types, n_types))
            if self.confusion == 1.0:
                matrix = np.eye(n_types, dtype=np.int64)
        for v in range(n_types):
            known = Numbers(matrix[:, v], np.zeros_like(model.shares.slope), prime)
            yield model.shares * known

    def describe(self) -> str:
        """Return the structure in words."""
        right = (
            "an unknown confusion"
            if isinstance(self.confusion, str)
            else ("types" if self.confusion == 1.0 else f"types {self.confusion:.0%} right")
        )
        links = "" if self.m == 1 else f", {self.m} comparisons each"
        return f"comparisons with {right}{links}, shares {self.shares}"


@dataclass(frozen=True)
class Groups(Structure):
    """Single comparisons by groups of annotators, each an unknown mixture of the types.

    Parameters
    ----------
    n : int, optional
        How many groups, at most 64; one for each type if omitted.
    """

    uses_shares: ClassVar[bool] = False

    n: int | None = None

    def __post_init__(self) -> None:
        if self.n is not None:
            object.__setattr__(self, "n", _validate.integer("n", self.n, 1, 64))

    def labels(self, n_types: int) -> int:
        """Return 1."""
        return 1

    def nuisance(self, n_types: int) -> Floats:
        """Return the groups' shares of all types but the last; they replace the overall ones."""
        n = n_types if self.n is None else self.n
        rng = np.random.default_rng(0)
        return rng.dirichlet(np.ones(n_types), n)[:, :-1].ravel()

    def answers(self, model: Model, pairs: PairWeights, rng: np.random.Generator) -> Answers:
        """Return the probabilities of groups and answers, with derivatives."""
        rows = np.arange(len(pairs.first))[:, None]
        mixes = self._mixes(model)
        return _linked(model, pairs, rows, pairs.weights / len(mixes)).mixed(mixes)

    def groups(self, shares: Floats) -> Floats:
        """Return the groups' mixtures, at random: no numbers of the population."""
        own = self.nuisance(len(shares)).reshape(-1, len(shares) - 1)
        return np.asarray(np.column_stack([own, 1.0 - own.sum(axis=1)]) / len(own))

    @property
    def asked(self) -> Mixed:
        """Single comparisons."""
        return Pairs()

    def overall(self, model: Model) -> Numbers:
        """Return the shares of the types among all annotators: groups are of one size."""
        mixes = self._mixes(model)
        value = np.mean([mix.value for mix in mixes], axis=0)
        return Numbers(value, np.mean([mix.slope for mix in mixes], axis=0), 0)

    def _mixes(self, model: Model) -> list[Numbers]:
        """Return the shares of the types in each group."""
        n_types = model.n_types
        mixes = []
        for g in range(n_types if self.n is None else self.n):
            own = model.nuisance[g * (n_types - 1) + np.arange(n_types - 1)]
            last = own.sum(axis=0).less()
            value, slope = np.append(own.value, last.value), np.vstack([own.slope, last.slope])
            mixes.append(Numbers(value, slope, own.prime))
        return mixes

    def describe(self) -> str:
        """Return the structure in words."""
        return "groups of unknown mixtures"


def _confusion(right: float, n_types: int) -> Floats:
    """Return how likely each type, by rows, reports each."""
    if n_types == 1:
        return np.ones((1, 1))
    wrong = (1.0 - right) / (n_types - 1)
    return np.full((n_types, n_types), wrong) + (right - wrong) * np.eye(n_types)


def _told_apart(population: Population, first: Integers, second: Integers, m: int) -> str:
    """Return that m labels of pairs, with repeats, tell all types apart, or nothing."""
    own = population.rewards[population.shares > 0.0]
    chances = population.link(own[:, first] - own[:, second])
    chances = chances[np.unique(chances.round(12), axis=0, return_index=True)[1]]
    powers = [np.ones(len(chances))]
    for degree in range(1, m // 2):
        terms = combinations_with_replacement(chances.T, degree)
        powers += [np.prod(term, axis=0) for term in terms]
    if m < 2 or np.linalg.matrix_rank(np.array(powers)) < len(chances):
        return ""
    return f"{m} labels with repeats tell {len(chances)} kinds of annotators apart from all others"


def parts_of(structure: object) -> dict[Structure, float]:
    """Return structures and their parts of the labels, of one or a mapping."""
    if isinstance(structure, Structure):
        return {structure: 1.0}
    must = "a structure, such as Linked(2), or a mapping of structures to parts of the labels"
    _validate.instance("structure", structure, Mapping, must)
    assert isinstance(structure, Mapping)
    for one in structure:
        _validate.instance("structure", one, Structure, must)
    parts = np.array([_validate.number("structure", part, 0.0) for part in structure.values()])
    if not parts.any():
        raise _validate.complaint("structure", must, "no parts")
    shares = parts / parts.sum()
    return {one: float(part) for one, part in zip(structure, shares, strict=True) if part}


def described(structure: Structure | Mapping[Structure, float]) -> str:
    """Return a structure or a mixture in words."""
    if isinstance(structure, Structure):
        return structure.describe()
    return " + ".join(f"{part:.0%} {one.describe()}" for one, part in structure.items())
