"""What the comparisons of one prompt say."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..bradley_terry import BradleyTerryFit, GoodnessOfFit, PairDesign, RewardFit
from ..bradley_terry.design import discordant
from ..errors import ConvergenceError, InputError
from ..flips import Flip, Winner
from ..flips.batched import flip_distances
from ..inference import Interval
from ..limits.limit import Limit
from ..methods import entries
from ..population import Population
from ..rules import Ranking, average_reward, nbc, ranking
from ..theory import OpenPair

if TYPE_CHECKING:
    import pandas as pd

DISTANCES = ("flip_distance", "winner_flip_distance", "share_flip_distance")
NAMED = 5
"""So many options, or types, are named."""
MOST_OPTIONS = 20
"""Up to so many options, the methods are run on the population."""
SIGNIFICANT = 0.05
SMALLEST = 0.001
"""Distances below it are not written out."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PromptAudit:
    """What the comparisons of one prompt say.

    Attributes
    ----------
    name : str
        The prompt's name.
    fit : RewardFit
        The rewards that are reported: those that DPO learns, unless ties or ballots have a model
        of their own.
    pairs : BradleyTerryFit
        What DPO learns, where ties are half a win each.
    design : PairDesign or None
        Which pairs were shown how often; None if this prompt was not looked at closely.
    goodness : GoodnessOfFit or None
        How well one reward for each option explains the comparisons; None as for `design`.
    population : Population
        The annotators, by type or class, with draws if there is a bootstrap.
    flip, winner_flip, share_flip : Flip
        The nearest change of the sampling, and of the types' shares, that changes the NBC order;
        or, of the sampling, its winner.
    open_pairs : tuple of OpenPair
        What comparisons leave open if the annotators are unknown.
    level : float
        Of the intervals.
    """

    name: str
    fit: RewardFit
    pairs: BradleyTerryFit
    design: PairDesign | None
    goodness: GoodnessOfFit | None
    population: Population
    flip: Flip
    winner_flip: Flip
    share_flip: Flip
    open_pairs: tuple[OpenPair, ...]
    level: float

    @property
    def nbc_order(self) -> Ranking:
        """The order by normalized Borda count under uniform sampling: the one of DPO."""
        return ranking(nbc(self.population))

    @property
    def reward_order(self) -> Ranking:
        """The order by average reward."""
        return ranking(average_reward(self.population))

    @property
    def orders_agree(self) -> bool:
        """Whether the two orders are the same."""
        return self.nbc_order == self.reward_order

    @property
    def n_pairs_reversed(self) -> int:
        """How many pairs of options the two orders put in opposite ways."""
        return discordant(nbc(self.population), average_reward(self.population))

    @cached_property
    def limits(self) -> dict[str, Limit]:
        """What each method converges to on the population, by the method as it is written.

        Methods that have no limit on it are left out: agreement-only needs types of equal shares.
        Empty above 20 options, which take long, and for prompts not looked at closely.
        """
        found: dict[str, Limit] = {}
        if self.design is not None and self.population.n_options <= MOST_OPTIONS:
            for written, method in entries():
                with suppress(ConvergenceError, InputError):
                    found[written] = method.limit(self.population)
        return found

    @cached_property
    def distances(self) -> "dict[str, np.ndarray]":
        """The distances of the three flips in each draw; empty without draws."""
        draws = self.population.draws
        if draws is None:
            return {}
        return {
            "flip_distance": flip_distances(draws),
            "winner_flip_distance": flip_distances(draws, Winner()),
            "share_flip_distance": flip_distances(draws, over="shares"),
        }

    @cached_property
    def orders_agree_share(self) -> float | None:
        """In which share of the draws the two orders agree; None without draws."""
        draws = self.population.draws
        if draws is None:
            return None
        both = zip(nbc(draws), average_reward(draws), strict=True)
        return float(np.mean([ranking(one) == ranking(other) for one, other in both]))

    def interval(self, key: str) -> Interval | None:
        """Return the interval of a distance, such as ``"flip_distance"``; None without draws.

        It is stretched to hold the estimate, which near ties can lie outside the draws.
        """
        values = self.distances.get(key)
        return (
            None if values is None else Interval.of(values, self.level).holding(self.distance(key))
        )

    def distance(self, key: str) -> float:
        """Return the distance of a flip, such as ``"flip_distance"``."""
        flips = (self.flip, self.winner_flip, self.share_flip)
        return flips[DISTANCES.index(key)].distance

    def options_frame(self) -> "pd.DataFrame":
        """Return a row for each option."""
        import pandas as pd

        counts = self.pairs.to_frame()
        fitted = self.fit.to_frame()
        if "se_clustered" not in fitted:
            fitted["se_clustered"] = np.nan
        frame = pd.DataFrame({"option": counts["option"], "n": counts["n"], "wins": counts["wins"]})
        for name in ("reward", "se_naive", "se_clustered", "rank_low", "rank_high"):
            frame[name] = fitted[name]
        frame["nbc"] = nbc(self.population)
        frame["average_reward"] = average_reward(self.population)
        return frame

    def pairs_frame(self) -> "pd.DataFrame":
        """Return a row for each pair that was compared, the worst explained first."""
        import pandas as pd
        from scipy.special import expit

        fit = self.pairs
        games, names = fit.wins + fit.losses, np.array(fit.options, dtype=object)
        share, gap = fit.wins / games, fit.rewards[fit.low] - fit.rewards[fit.high]
        fitted = expit(gap)
        residual = (share - fitted) / np.sqrt(fitted * expit(-gap) / games)
        frame = pd.DataFrame(
            {
                "first": names[fit.low],
                "second": names[fit.high],
                "n": games,
                "share": share,
                "fitted": fitted,
                "residual": residual,
            }
        )
        order = np.argsort(-np.abs(residual), kind="stable")
        return frame.iloc[order].reset_index(drop=True)

    def types_frame(self) -> "pd.DataFrame":
        """Return a row for each type and option: shares, rewards, and intervals of both."""
        import pandas as pd

        crowd, draws = self.population, self.population.draws
        T, K = crowd.n_types, crowd.n_options
        frame = pd.DataFrame(
            {
                "type": np.repeat(np.array(crowd.types, dtype=object), K),
                "share": np.repeat(crowd.shares, K),
                "option": np.tile(np.array(crowd.options, dtype=object), T),
                "reward": crowd.rewards.ravel(),
            }
        )
        if draws is not None:
            shares = [Interval.of(column, self.level) for column in draws.shares.T]
            rewards = [
                Interval.of(column, self.level)
                for column in draws.rewards.reshape(len(draws), T * K).T
            ]
            for end in ("low", "high"):
                frame[f"share_{end}"] = np.repeat([getattr(i, end) for i in shares], K)
                frame[f"reward_{end}"] = [getattr(i, end) for i in rewards]
        return frame

    def methods_frame(self) -> "pd.DataFrame":
        """Return what each method would converge to on the population: a row for each option."""
        import pandas as pd

        frames = [limit.to_frame().assign(method=name) for name, limit in self.limits.items()]
        columns = ["method", "option", "probability", "reward"]
        return pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns)

    def describe(self) -> str:
        """Return the finding in plain English."""
        crowd = self.population
        rewards = self.fit.rewards
        ranks = self.fit.rank_intervals()
        order = np.argsort(-rewards, kind="stable")[:NAMED]
        named = ", ".join(
            f"{self.fit.options[y]} {rewards[y]:+.2f} (rank {_span(ranks.low[y], ranks.high[y])})"
            for y in order
        )
        more = f" and {len(rewards) - NAMED:,} more" if len(rewards) > NAMED else ""
        lines = [f"DPO learns these rewards: {named}{more}."]
        if self.goodness is not None and self.goodness.p_value is not None:
            fits = "No" if self.goodness.p_value < SIGNIFICANT else "Yes"
            lines.append(
                "Does one reward for each option explain the comparisons? "
                f"{fits} (p = {self.goodness.p_value:.3g})."
            )
        if crowd.n_types > 1:
            kinds = ", ".join(
                f"{name} ({share:.0%}): {_first(crowd.options, reward)}"
                for name, share, reward in list(
                    zip(crowd.types, crowd.shares, crowd.rewards, strict=True)
                )[:NAMED]
            )
            others = f" and {crowd.n_types - NAMED:,} more" if crowd.n_types > NAMED else ""
            lines.append(f"Who prefers what: {kinds}{others}.")
            lines.append(_orders(self))
            lines += _flips(self)
        lines += [pair.describe() for pair in self.open_pairs]
        return " ".join(lines)


def _orders(one: PromptAudit) -> str:
    names = one.population.options
    by_nbc, by_reward = _short(one.nbc_order.groups, names), _short(one.reward_order.groups, names)
    if one.orders_agree:
        said = f"Both NBC (uniform pairs), DPO's rule, and average reward order {by_nbc}"
    else:
        apart, size = one.n_pairs_reversed, len(names)
        said = (
            f"NBC (uniform pairs), DPO's rule, orders {by_nbc}, average reward {by_reward}: of "
            f"{size * (size - 1) // 2:,} pairs of options {apart:,} the other way"
        )
    share = one.orders_agree_share
    return f"{said}." if share is None else f"{said}; they agree in {share:.0%} of the draws."


def _flips(one: PromptAudit) -> Iterator[str]:
    for flip, what, key in (
        (one.flip, "how often each option is compared", "flip_distance"),
        (one.share_flip, "the types' shares", "share_flip_distance"),
    ):
        yield _flip(flip, what, one.interval(key))
        if key in one.distances:
            inner = Interval.of(one.distances[key], one.level)
            if inner.n_draws and not math.isnan(flip.distance) and flip.distance not in inner:
                yield (
                    f"The middle {inner.level:.0%} of the draws is "
                    f"{inner.describe(infinite='never')}; near ties draws flip more easily, or "
                    "less, than the estimate, and the interval is stretched to hold it."
                )


def _flip(flip: Flip, what: str, interval: Interval | None) -> str:
    if math.isnan(flip.distance):
        return "All options are tied."
    reach = ""
    if interval is not None and math.isfinite(interval.low):
        ends = interval.describe(infinite="never")
        reach = f" ({interval.level:.0%} interval {ends})"
    if not flip.exists:
        return f"No change of {what} changes the order{reach}."
    distance = f"{flip.distance:.3f}" if flip.distance >= SMALLEST else f"less than {SMALLEST}"
    return (
        f"A change of {what} by {distance} in total variation{reach} changes the order: "
        f"{flip.describe()}"
    )


def _first(options: tuple[str, ...], reward: np.ndarray) -> str:
    return _short(ranking(reward).groups, options, 3)


def _short(groups: tuple[tuple[int, ...], ...], options: tuple[str, ...], most: int = NAMED) -> str:
    """Return an order in words, cut after so many options."""
    said = " > ".join(" = ".join(options[y] for y in group) for group in groups[:most])
    return said + (f" > {len(groups) - most:,} more" if len(groups) > most else "")


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low}-{high}"
