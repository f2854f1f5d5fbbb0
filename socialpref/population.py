"""A population: types of annotators, their shares, rewards and preference link."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .draws import Draws, check_size
from .errors import InputError
from .links import Link, Logistic, check_link, check_values, preferences

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


def luce_shepard_rewards(choice_shares: Floats) -> Floats:
    """Return the logarithms of choice shares, centred over the options (the last axis).

    Raises
    ------
    InputError
        If a share is not positive.
    """
    if not (choice_shares > 0.0).all():
        raise _validate.complaint("smoothing", "positive where an option has no choices", 0)
    rewards = np.log(choice_shares)
    return rewards - rewards.mean(axis=-1, keepdims=True)


@dataclass(frozen=True, eq=False, init=False)
class Population:
    """User types with shares and rewards over the same options.

    Type u prefers option y to z with probability ``link(r_u(y) - r_u(z))``. Rewards are
    identified up to a constant per type: adding one changes no preference and no ranking.

    Parameters
    ----------
    rewards : array_like, shape (T, K)
        Reward of each of K >= 2 options to each of T >= 1 types, in natural-log units.
        The labels of a DataFrame are the types and the options.
    shares : array_like, shape (T,), optional
        Share of each type; non-negative, summing to 1. Equal shares if omitted. A Series is
        put into the order of the types.
    link : Link
        How reward gaps become preference probabilities: increasing, with F(x) + F(-x) = 1.
    types, options : sequence of str, optional
        Labels of the types and of the options. A DataFrame is put into their order.
    draws : Draws, optional
        Draws of an estimated population, of the same types, options and link; `with_draws`
        makes them of arrays.

    Raises
    ------
    InputError
        If an argument has the wrong shape, is not finite or is not a distribution, labels do not
        fit, the link does not return probabilities, or the draws are of another population.

    References
    ----------
    Direct Alignment with Heterogeneous Preferences (arXiv 2502.16320), sections 2-3.

    Examples
    --------
    The *mediocre winner*: M, the favourite of one type in three, wins against A and against B.

    >>> from socialpref import Population
    >>> crowd = Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]], options=["A", "M", "B"])
    >>> crowd.mean_rewards().round(4)
    array([1.3333, 1.1667, 1.3333])
    >>> crowd.pairwise()[1, 0].round(5)
    np.float64(0.53202)
    """

    rewards: NDArray[np.float64]
    shares: NDArray[np.float64]
    link: Link
    types: tuple[str, ...]
    options: tuple[str, ...]
    draws: Draws | None

    def __init__(
        self,
        rewards: ArrayLike,
        shares: ArrayLike | None = None,
        *,
        link: Link = Logistic(),  # noqa: B008 - immutable
        types: Sequence[str] | None = None,
        options: Sequence[str] | None = None,
        draws: Draws | None = None,
    ) -> None:
        types, options, rewards = _labelled("rewards", rewards, types, options)
        matrix = _table("rewards", rewards)
        n_types, n_options = matrix.shape
        check_size(matrix)
        types = _validate.labels("types", types, n_types, "type")
        options = _validate.labels("options", options, n_options, "option")
        weights = _validate.distribution("shares", shares, n_types, types)
        check_link(link, float(np.ptp(matrix, axis=1).max()))
        if draws is not None:
            _check_draws(draws, types, options, link)
        matrix.flags.writeable = weights.flags.writeable = False
        object.__setattr__(self, "rewards", matrix)
        object.__setattr__(self, "shares", weights)
        object.__setattr__(self, "link", link)
        object.__setattr__(self, "types", types)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "draws", draws)

    @classmethod
    def from_choice_shares(
        cls,
        choice_shares: ArrayLike,
        shares: ArrayLike | None = None,
        *,
        smoothing: float = 1e-15,
        link: Link = Logistic(),  # noqa: B008 - immutable
        types: Sequence[str] | None = None,
        options: Sequence[str] | None = None,
    ) -> Self:
        """Build the population whose members choose each option as often as observed.

        By the Luce-Shepard rule a type that chooses option y with frequency f(y) has reward
        ``log(f(y) + smoothing)``; rewards are centred over the options.

        Parameters
        ----------
        choice_shares : array_like, shape (T, K)
            How often each type chooses each option; every row sums to 1. A DataFrame's labels
            are the types and the options.
        shares : array_like, shape (T,), optional
            Share of each type. Equal shares if omitted.
        smoothing : float
            Added to every frequency before the logarithm, so that an option nobody chose has
            a finite reward: about -34.5 before centring at 1e-15, the published protocol's.
        link, types, options
            As for `Population`.

        Returns
        -------
        Population

        Raises
        ------
        InputError
            If rows are not distributions, or `smoothing` is 0 where an option has no choices.

        References
        ----------
        Luce (1959), Individual Choice Behavior; arXiv 2502.16320, section 7.1.

        Examples
        --------
        >>> voters = Population.from_choice_shares([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], [0.5, 0.5])
        >>> voters.rewards.round(3)
        array([[ 0.828,  0.135, -0.963],
               [-0.366, -0.366,  0.732]])
        """
        types, options, values = _labelled("choice_shares", choice_shares, types, options)
        frequencies = _table("choice_shares", values)
        _validate.check_shares("choice_shares", frequencies)
        smoothed = frequencies + _validate.number("smoothing", smoothing, 0.0)
        rewards = luce_shepard_rewards(smoothed)
        return cls(rewards, shares, link=link, types=types, options=options)

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame",
        *,
        link: Link = Logistic(),  # noqa: B008 - immutable
    ) -> Self:
        """Build a population from a tidy table with a row for each type and option.

        Parameters
        ----------
        frame : DataFrame
            Columns ``type``, ``option``, ``reward`` and ``share``, the type's share, the same in
            all its rows. Without ``share`` all types count the same.
        link : Link
            As for `Population`.

        Raises
        ------
        InputError
            If a column is missing or holds something else, a type lacks an option or has one
            twice, or its share differs between its rows.

        Examples
        --------
        >>> import pandas as pd
        >>> rows = [("a", 0.7, "x", 1), ("a", 0.7, "y", 0), ("b", 0.3, "x", 0), ("b", 0.3, "y", 2)]
        >>> frame = pd.DataFrame(rows, columns=["type", "share", "option", "reward"])
        >>> Population.from_frame(frame).mean_rewards()
        array([0.7, 0.6])
        """
        import pandas as pd

        _validate.instance("frame", frame, pd.DataFrame, "a DataFrame")
        for column in ("type", "option", "reward"):
            if column not in frame.columns:
                have = ", ".join(map(str, frame.columns))
                raise InputError(
                    f"a population's table must have a column {column!r}; it has {have}."
                )
            if frame[column].isna().any():
                raise InputError(f"column {column!r} must not be empty; it is in some row.")
        t, types = pd.factorize(frame["type"].astype(str))
        y, options = pd.factorize(frame["option"].astype(str))
        count = np.zeros((len(types), len(options)), dtype=int)
        np.add.at(count, (t, y), 1)
        for wrong, verb in ((count == 0, "lacks"), (count > 1, "has more than once")):
            if wrong.any():
                u, z = np.argwhere(wrong)[0]
                raise InputError(f"type {types[u]!r} {verb} option {options[z]!r}.")
        rewards, shares = np.empty(count.shape), None
        rewards[t, y] = _column(frame, "reward")
        if "share" in frame.columns:
            given = _column(frame, "share")
            shares = given[np.unique(t, return_index=True)[1]]
            if (given != shares[t]).any():
                u = t[given != shares[t]][0]
                raise InputError(
                    f"column 'share' must be the same in all rows of type {types[u]!r}."
                )
        return cls(rewards, shares, link=link, types=list(types), options=list(options))

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table with the columns type, share, option and reward."""
        import pandas as pd

        return pd.DataFrame(
            {
                "type": np.repeat(self.types, self.n_options),
                "share": np.repeat(self.shares, self.n_options),
                "option": np.tile(self.options, self.n_types),
                "reward": self.rewards.ravel(),
            }
        )

    def with_draws(
        self, rewards: ArrayLike, shares: ArrayLike | None = None, *, samples: bool = True
    ) -> Self:
        """Return the population with draws of it.

        Parameters
        ----------
        rewards : array_like, shape (R, T, K)
            The rewards of each draw.
        shares : array_like, shape (R, T), optional
            The shares of each draw; the population's in every draw if omitted.
        samples : bool
            As for `Draws`.

        Raises
        ------
        InputError
            If the shapes are not those of the population, or as for `Draws`.

        Examples
        --------
        >>> import numpy as np
        >>> from socialpref import Population, average_reward
        >>> crowd = Population([[0, -1, -2], [0, -2, 4]])
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (500, 2, 3))
        >>> average_reward(crowd.with_draws(crowd.rewards + noise).draws).std(axis=0).round(2)
        array([0.07, 0.07, 0.07])
        """
        table = _validate.real_array("rewards", rewards, 3)
        if table.shape[1:] != self.rewards.shape:
            must = f"of shape (draws, {self.n_types}, {self.n_options})"
            raise _validate.complaint("rewards", must, f"shape {table.shape}")
        if shares is None:
            shares = np.broadcast_to(self.shares, table.shape[:2])
        draws = Draws(
            table,
            shares,
            samples=samples,
            link=self.link,
            types=self.types,
            options=self.options,
        )
        return type(self)(
            self.rewards,
            self.shares,
            link=self.link,
            types=self.types,
            options=self.options,
            draws=draws,
        )

    def drawn(self) -> "tuple[Population, ...]":
        """Return the draws as populations, for functions that take one population at a time.

        Raises
        ------
        InputError
            If the population has no draws.

        Examples
        --------
        >>> from socialpref import Population
        >>> crowd = Population([[1, 0]]).with_draws([[[1.5, 0]], [[0.5, 0]]])
        >>> [one.rewards.tolist() for one in crowd.drawn()]
        [[[1.5, 0.0]], [[0.5, 0.0]]]
        """
        if self.draws is None:
            raise InputError("the population must have draws; it has none.")
        return populations_of(self.draws)

    @property
    def n_types(self) -> int:
        """Number of types, T."""
        return len(self.types)

    @property
    def n_options(self) -> int:
        """Number of options, K."""
        return len(self.options)

    def index(self, option: int | str) -> int:
        """Return the position of an option given by position or by label.

        Raises
        ------
        InputError
            If there is no such option.
        """
        return position(option, self.options)

    @cached_property
    def _preferences(self) -> NDArray[np.float64]:
        matrix = preferences(self.rewards, self.shares, self.link)
        check_values(matrix, matrix.shape)
        matrix.flags.writeable = False
        return matrix

    def pairwise(self) -> NDArray[np.float64]:
        """Return P, shape (K, K): ``P[y, z]`` is the probability that y beats z.

        The annotator is anonymous: drawn with the types' shares. ``P + P.T`` is 1 and the
        diagonal 1/2, up to rounding. The array is read-only.
        """
        return self._preferences

    def pairwise_twice(self) -> NDArray[np.float64]:
        """Return E p^2, shape (K, K): how likely one annotator prefers y to z two times in two.

        Less the square of `pairwise`, it is the variance of preferences between types: what
        linked comparisons tell, and anonymous ones do not.

        References
        ----------
        arXiv 2502.16320, section 5.

        Examples
        --------
        >>> from socialpref import Population
        >>> Population([[1, 0], [-1, 0]]).pairwise_twice().round(4)
        array([[0.25  , 0.3034],
               [0.3034, 0.25  ]])
        """
        total = np.zeros_like(self.pairwise())
        for share, reward in zip(self.shares, self.rewards, strict=True):
            total += share * self.link(reward[:, None] - reward[None, :]) ** 2
        return total

    def mean_rewards(self) -> NDArray[np.float64]:
        """Return the average reward of each option, shape (K,)."""
        return self.shares @ self.rewards


def _column(frame: "pd.DataFrame", name: str) -> Floats:
    """Return a column of numbers."""
    import pandas as pd

    numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        at = int(np.flatnonzero(~np.isfinite(numbers))[0])
        shown = _validate.shown(frame[name].iloc[at])
        raise InputError(f"column {name!r} must hold numbers; got {shown} in row {at + 1}.")
    return numbers


def populations_of(draws: Draws) -> tuple[Population, ...]:
    """Return each draw as a population."""
    return tuple(
        Population(rewards, shares, link=draws.link, types=draws.types, options=draws.options)
        for rewards, shares in zip(draws.rewards, draws.shares, strict=True)
    )


def position(option: int | str, options: tuple[str, ...]) -> int:
    """Return the position among some options of one that is given by position or by label."""
    if isinstance(option, str):
        if option not in options:
            must = f"one of the options {', '.join(map(repr, options))}"
            raise _validate.complaint("option", must, repr(option))
        return options.index(option)
    try:
        return _validate.integer("option", option, 0, len(options) - 1)
    except InputError:
        must = f"in 0..{len(options) - 1} or a label"
        raise _validate.complaint("option", must, _validate.shown(option)) from None


def check_population(population: object) -> None:
    """Refuse what is not a `Population`."""
    _validate.instance("population", population, Population, "a Population")


def _check_draws(
    draws: object, types: tuple[str, ...], options: tuple[str, ...], link: Link
) -> None:
    """Refuse draws of another population."""
    _validate.instance("draws", draws, Draws, "Draws or None")
    assert isinstance(draws, Draws)
    for what, wanted, given in (
        ("types", types, draws.types),
        ("options", options, draws.options),
        ("link", link, draws.link),
    ):
        if wanted != given:
            must = f"of a population with the {what} {_validate.shown(wanted)}"
            raise _validate.complaint("draws", must, _validate.shown(given))


def _table(name: str, values: Any) -> Floats:
    """Return numbers by type and option."""
    table = _validate.real_array(name, values, 2)
    if len(table) < 1 or table.shape[1] < 2:
        must = "of shape (types, options) with at least 1 type and 2 options"
        raise _validate.complaint(name, must, f"shape {table.shape}")
    return table


def _labelled(
    name: str, table: Any, types: Sequence[str] | None, options: Sequence[str] | None
) -> tuple[Sequence[str] | None, Sequence[str] | None, Any]:
    """Return the labels of types and options, which a DataFrame may bring, and its values."""
    given: list[Sequence[str] | None] = [types, options]
    for axis, what in enumerate(("types", "options")):
        if (own := _validate.index_labels(table, axis)) is not None:
            wanted = own if given[axis] is None else given[axis]
            given[axis] = _validate.labels(what, wanted, len(own))
    labels = (() if some is None else some for some in given)
    return given[0], given[1], _validate.aligned(name, table, *labels)
