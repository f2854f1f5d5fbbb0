"""What an audit found, as tables, as numbers and in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparisons import (
    Agreement,
    ClassChoice,
    ClassMixture,
    Comparisons,
    CrossTable,
    Heterogeneity,
    Repeats,
)
from ..inference import Interval
from .prompts import DISTANCES, NAMED, SIGNIFICANT, PromptAudit

if TYPE_CHECKING:
    import pandas as pd

FEW = 30
"""With fewer annotators, that no heterogeneity shows says little."""
NEAR = 0.05
"""An order that changes with this change of the types' shares rests on who is counted."""
PROMPTS = 3
"""So many prompts are told about one by one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Audit:
    """What comparisons teach a model, and whose preferences they are.

    Attributes
    ----------
    comparisons : Comparisons
        What was used.
    prompts : tuple of PromptAudit
        What the comparisons of each prompt say; none for texts.
    n_ties : int
        How many comparisons were ties.
    texts : bool
        Whether options hardly recur, so that they have no rewards of their own.
    heterogeneity : Heterogeneity
        Whether annotators have tastes of their own.
    agreement : Agreement or None
        How far they agree, with each other and with themselves; None if they are unknown.
    repeats : Repeats or None
        How often annotators said the same of a pair again, or the opposite.
    choice : ClassChoice or None
        How the number of latent classes was chosen, if it was.
    mixture : ClassMixture or None
        The latent classes, with what annotators who were left out say about them.
    cross_table : CrossTable or None
        The classes against the given types, if there are both.
    n_weak : int
        Prompts that were given a weak prior, because no two options have both won and lost.
    settings : mapping
        The arguments of `audit`.
    """

    comparisons: Comparisons
    prompts: tuple[PromptAudit, ...]
    n_ties: int
    texts: bool
    heterogeneity: Heterogeneity
    agreement: Agreement | None
    repeats: Repeats | None
    choice: ClassChoice | None
    mixture: ClassMixture | None
    cross_table: CrossTable | None
    n_weak: int
    settings: Mapping[str, Any]

    @property
    def n_annotators(self) -> int | None:
        """How many annotators there are; None if they are unknown."""
        return None if self.agreement is None else self.comparisons.annotators()[1]

    @property
    def n_options(self) -> int:
        """How many options there are, those that were left out included."""
        rows = self.comparisons
        if rows.own_options is None or rows.options is None:
            return rows.n_options
        return len(rows.options) + sum(map(len, rows.own_options))

    @property
    def n_classes(self) -> int | None:
        """How many latent classes there are; None if they were not looked for."""
        return None if self.mixture is None else self.mixture.n_classes

    @property
    def differ(self) -> bool | None:
        """Whether annotators differ: by their consistency, or by the classes; None if unknown."""
        p = self.heterogeneity.p_value
        classes = self.choice is not None and self.choice.chosen > 1
        if self.mixture is not None and self.mixture.evidence is not None:
            classes = self.mixture.evidence.is_there
        if classes:
            return True
        if p is None:
            return None if self.choice is None else False
        return p < SIGNIFICANT

    def nearest(self, key: str) -> PromptAudit | None:
        """Return the prompt with the nearest flip, by ``"flip_distance"`` and the like."""
        places = [(one.distance(key), i) for i, one in enumerate(self.prompts)]
        finite = [place for place in places if math.isfinite(place[0])]
        return self.prompts[min(finite)[1]] if finite else None

    def options_frame(self) -> "pd.DataFrame":
        """Return a row for each option.

        The columns are option, n (the weight of its comparisons), wins, reward, se_naive,
        se_clustered, rank_low, rank_high (each option's own), nbc and average_reward; and prompt,
        if there are several. Rewards sum to 0 at each prompt, and errors are those of such
        rewards. Options of which nothing can be said have only n and wins.
        """
        import pandas as pd

        if self.texts:
            return _counted(self.comparisons)
        return self._joined([one.options_frame() for one in self.prompts], pd.DataFrame())

    def pairs_frame(self) -> "pd.DataFrame":
        """Return a row for each pair that was compared.

        The columns are first, second, n, share (of n that the first won), fitted (by the rewards)
        and residual (Pearson's); and prompt, if there are several.
        """
        import pandas as pd

        columns = ["first", "second", "n", "share", "fitted", "residual"]
        return self._joined(
            [one.pairs_frame() for one in self.prompts], pd.DataFrame(columns=columns)
        )

    def types_frame(self) -> "pd.DataFrame":
        """Return a row for each type, or class, and option.

        The columns are type, share (of people), option, reward, intervals of share and reward if
        there are draws; and prompt, if there are several.
        """
        import pandas as pd

        columns = ["type", "share", "option", "reward"]
        return self._joined(
            [one.types_frame() for one in self.prompts], pd.DataFrame(columns=columns)
        )

    def methods_frame(self) -> "pd.DataFrame":
        """Return what each method would converge to: method, option, probability, reward."""
        import pandas as pd

        columns = ["method", "option", "probability", "reward"]
        return self._joined(
            [one.methods_frame() for one in self.prompts], pd.DataFrame(columns=columns)
        )

    def _joined(self, frames: "list[pd.DataFrame]", empty: "pd.DataFrame") -> "pd.DataFrame":
        import pandas as pd

        if not frames:
            return empty
        if self.comparisons.n_prompts > 1:
            for one, frame in zip(self.prompts, frames, strict=True):
                frame.insert(0, "prompt", one.name)
        return pd.concat(frames, ignore_index=True)

    def summary(self) -> dict[str, Any]:
        """Return the headline figures and the settings: the content of ``summary.json``.

        A distance is that of the nearest flip among the prompts; None where no change flips
        anything, also as the end of an interval.
        """
        rows, tastes = self.comparisons, self.heterogeneity
        facts: dict[str, Any] = {
            "n_comparisons": len(rows),
            "n_options": self.n_options,
            "n_prompts": rows.n_prompts,
            "n_annotators": self.n_annotators,
            "n_ties": self.n_ties,
            "texts": self.texts,
            "deff": tastes.deff,
            "heterogeneity_p_value": tastes.p_value,
            "heterogeneity_reason": tastes.reason,
            "n_classes": self.n_classes,
            "classes_gain": None,
            "types": [],
            "agreement_rate": None,
            "agreement_alpha": None,
            "retest": None,
        }
        if self.mixture is not None and self.mixture.evidence is not None:
            facts["classes_gain"] = self.mixture.evidence.gain
        if self.cross_table is not None:
            facts["classes_and_types_rand_index"] = self.cross_table.rand_index
            facts["classes_and_types_p_value"] = self.cross_table.p_value
        if self.agreement is not None:
            facts["agreement_rate"] = self.agreement.rate
            facts["agreement_alpha"] = self.agreement.alpha
            facts["retest"] = self.agreement.retest
        if self.repeats is not None:
            facts |= {f"n_{name}": value for name, value in self.repeats._asdict().items()}
        if self.prompts:
            facts["types"] = list(self.prompts[0].population.types)
        agree = [one.orders_agree for one in self.prompts]
        facts["orders_agree"] = all(agree) if agree else None
        facts["n_prompts_orders_agree"] = sum(agree)
        facts["n_pairs_reversed"] = sum(one.n_pairs_reversed for one in self.prompts)
        for key in DISTANCES:
            least = self.nearest(key)
            facts[key] = None if least is None else least.distance(key)
            interval = self.interval(key)
            if interval is not None:
                facts[f"{key}_interval"] = [_plain(interval.low), _plain(interval.high)]
        if len(self.prompts) == 1:
            one = self.prompts[0]
            facts["nbc_order"] = one.nbc_order.describe(one.population.options)
            facts["average_reward_order"] = one.reward_order.describe(one.population.options)
            share = one.orders_agree_share
            if share is not None:
                facts["orders_agree_share"] = share
            if one.goodness is not None:
                facts["goodness_p_value"] = one.goodness.p_value
            facts["design_from_uniform"] = one.design and one.design.from_uniform
        left = [name for one in self.prompts for name in one.pairs.left_out]
        facts["n_options_left_out"] = len(left)
        facts["weight_left_out"] = sum(one.pairs.weight_left_out for one in self.prompts)
        facts["n_read"] = rows.n_read
        facts["dropped"] = {part.reason: part.count for part in rows.dropped}
        facts["settings"] = dict(self.settings)
        return facts

    def interval(self, key: str) -> Interval | None:
        """Return the interval of a distance, the least among the prompts in each draw."""
        drawn = [one.distances[key] for one in self.prompts if one.distances]
        if not drawn:
            return None
        least = np.fmin.reduce(drawn)  # a prompt with nothing but ties has no distance
        nearest = self.nearest(key)
        estimate = math.inf if nearest is None else nearest.distance(key)
        return Interval.of(least, self.settings["level"]).holding(estimate)

    def describe(self) -> str:
        """Return the finding in plain English: paragraphs, and what to do."""
        return "\n\n".join(
            part
            for part in (
                _table(self),
                _people(self),
                *self._prompts_in_words(),
                _overall(self),
                _advice(self),
            )
            if part
        )

    def _prompts_in_words(self) -> Iterator[str]:
        """Yield the findings of the prompts with the most comparisons."""
        by_size = sorted(self.prompts, key=lambda one: -one.pairs.n_comparisons)
        for one in by_size[: 1 if len(by_size) > PROMPTS else PROMPTS]:
            title = f"At prompt {one.name!r}: " if self.comparisons.n_prompts > 1 else ""
            yield title + one.describe()


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _counted(rows: Comparisons) -> "pd.DataFrame":
    """Return how often each option was compared, and won; of texts nothing else is known."""
    import pandas as pd

    K = rows.n_options
    weight = np.ones(len(rows)) if rows.weight is None else rows.weight
    place = rows.prompt.astype(np.int64) * K
    keys = np.append(place + rows.first, place + rows.second)
    places, cell = np.unique(keys, return_inverse=True)
    won = np.append(weight * rows.label, weight * (1.0 - rows.label))
    prompt, option = np.divmod(places, K)
    names = zip(prompt.tolist(), option.tolist(), strict=True)
    frame = pd.DataFrame(
        {
            "option": [rows.name(x, y) for x, y in names],
            "n": np.bincount(cell, np.append(weight, weight)),
            "wins": np.bincount(cell, won),
        }
    )
    for name in ("reward", "se_naive", "se_clustered", "rank_low", "rank_high", "nbc"):
        frame[name] = np.nan
    frame["average_reward"] = np.nan
    if rows.n_prompts > 1:
        where = prompt if rows.prompts is None else np.array(rows.prompts, dtype=object)[prompt]
        frame.insert(0, "prompt", where)
    return frame


def _table(audit: Audit) -> str:
    rows = audit.comparisons
    said = f"{_many(len(rows), 'comparison')} of {audit.n_options:,} options"
    if rows.n_prompts > 1:
        said += f" at {_many(rows.n_prompts, 'prompt')}"
    if audit.n_annotators is None:
        said += "; who made them is not known"
    else:
        said += f" by {_many(audit.n_annotators, 'annotator')}"
    if audit.n_ties:
        how = {"half": "half a win each", "drop": "left out", "davidson": "by Davidson's model"}
        said += f"; {_many(audit.n_ties, 'tie')}, {how[audit.settings['ties']]}"
    parts = [f"{said}."]
    if rows.dropped:
        parts.append(f"Dropped: {'; '.join(map(str, rows.dropped))}.")
    if audit.repeats is not None and audit.repeats.contradictions:
        parts.append(
            f"{_many(audit.repeats.contradictions, 'comparison')} went against what the same "
            "person had said of the pair."
        )
    left = [name for one in audit.prompts for name in one.pairs.left_out]
    if left:
        weight = sum(one.pairs.weight_left_out for one in audit.prompts)
        parts.append(
            f"Left out of the fits: {_many(len(left), 'option')} ({_some(left)}) that never won, "
            "or never lost, against the others, or were not compared with them, and "
            f"{_many(round(weight), 'comparison')} with these. A prior (--prior 1) keeps them."
        )
    if audit.n_weak:
        where = f"At {_many(audit.n_weak, 'prompt')} no" if rows.n_prompts > 1 else "No"
        parts.append(f"{where} two options both won and lost: rewards rest on a weak prior.")
    return " ".join(parts)


def _people(audit: Audit) -> str:
    parts = [audit.heterogeneity.describe()]
    if audit.agreement is not None:
        parts.append(audit.agreement.describe())
    choice, mixture = audit.choice, audit.mixture
    if choice is not None and choice.chosen == 1:
        parts.append("Annotators who were left out are predicted best by one class.")
    if mixture is not None and mixture.n_classes > 1:
        evidence = mixture.evidence
        assert evidence is not None
        parts.append(
            f"{mixture.n_classes} latent classes predict annotators who were left out better than "
            f"one, by {evidence.gain:.3f} nats each (standard error {evidence.gain_error:.3f})."
            if evidence.is_there
            else f"That there are {mixture.n_classes} latent classes, as asked for, has no support "
            "from annotators who were left out: take what follows with care."
        )
    table = audit.cross_table
    if table is not None:
        parts.append(
            f"Classes and given types: adjusted Rand index {table.rand_index:.2f} "
            f"(p = {table.p_value:.3g})."
        )
    return " ".join(parts)


def _overall(audit: Audit) -> str:
    if len(audit.prompts) <= PROMPTS:
        return ""
    agree = sum(one.orders_agree for one in audit.prompts)
    said = (
        f"At {agree:,} of {len(audit.prompts):,} prompts NBC and average reward order the options "
        "alike."
    )
    nearest = audit.nearest("flip_distance")
    if nearest is not None:
        said += (
            f" The nearest flip of the sampling is at {nearest.name!r}, "
            f"{nearest.flip.distance:.3f} away."
        )
    return said


def _advice(audit: Audit) -> str:
    """Return what to do."""
    if audit.texts:
        return (
            "What to do: most options were compared once or twice, as responses to a prompt are, "
            "so they have no rewards of their own. Describe them by features, such as their "
            "length or a score (--features), and ask the same questions of these."
        )
    populations = [one.population for one in audit.prompts]
    if audit.n_annotators is None and populations[0].n_types == 1:
        return (
            "What to do: record who makes each comparison. Whether annotators differ, and so "
            "whether DPO's order is that of average reward, cannot be told from these."
        )
    if audit.differ is False and populations[0].n_types == 1:
        if audit.n_annotators is not None and audit.n_annotators < FEW:
            return (
                f"What to do: no heterogeneity shows, but {audit.n_annotators} annotators are few "
                "to tell by. Ask more people before you rely on DPO's one order for all."
            )
        return (
            "What to do: there is no heterogeneity to speak of. One reward for each option stands "
            "for everybody, so DPO on these comparisons learns their preferences."
        )
    if populations[0].n_types == 1:
        if audit.differ is None:
            return (
                "What to do: let each annotator compare several pairs, and some pairs twice. "
                "Whether annotators differ cannot be told from these comparisons."
            )
        return (
            "What to do: annotators have tastes of their own, but not in groups that can be told "
            "apart. Use the clustered errors, and collect more comparisons of each annotator."
        )
    noise = ""
    if audit.differ is False:
        noise = (
            " The annotators' comparisons show no heterogeneity beyond chance, so the types' "
            "differences may be noise."
        )
    if audit.n_annotators is not None and audit.n_annotators < FEW:
        noise += f" But {audit.n_annotators} annotators are few to tell by: ask more."
    noise += _closeness(audit)
    agree = [one.orders_agree_share for one in audit.prompts]
    shares = [share for share in agree if share is not None]
    if shares and 1.0 - min(shares) > SIGNIFICANT and min(shares) > SIGNIFICANT:
        return (
            "What to do: whether DPO's order is that of average reward is within sampling error. "
            f"Average the types' rewards (reward-averaging), or ask more people.{noise}"
        )
    if all(one.orders_agree for one in audit.prompts):
        if not any(one.flip.exists for one in audit.prompts):
            drawn = [one.distances["flip_distance"] for one in audit.prompts if one.distances]
            flipped = float(np.isfinite(drawn).any(axis=0).mean()) if drawn else 0.0
            if flipped > SIGNIFICANT:
                return (
                    "What to do: DPO's order is that of average reward. As estimated no sampling "
                    f"of pairs changes it, but in {flipped:.0%} of the draws of annotators one "
                    f"does, so keep the sampling even, or ask more people.{noise}"
                )
            return (
                "What to do: DPO's order is that of average reward, and no sampling of pairs "
                "changes it. DPO will do, if the average of such people is what you want."
                f"{noise}"
            )
        return (
            "What to do: DPO's order is that of average reward as long as pairs are sampled "
            "evenly. Keep the sampling even, or average the types' rewards (reward-averaging)."
            f"{noise}"
        )
    where = ""
    if len(audit.prompts) > 1:
        wrong = sum(not one.orders_agree for one in audit.prompts)
        where = f"at {wrong:,} of {len(audit.prompts):,} prompts "
    return (
        f"What to do: {where}DPO would not learn the order of average reward. Train by type and "
        f"average the rewards (reward-averaging), or correct the loss (corrected-dpo).{noise}"
    )


def _closeness(audit: Audit) -> str:
    """Return a warning if the order rests on who is counted."""
    nearest = audit.nearest("share_flip_distance")
    if nearest is None:
        return ""
    where = f" at {nearest.name!r}" if len(audit.prompts) > 1 else ""
    if nearest.share_flip.distance >= NEAR:
        interval = audit.interval("share_flip_distance")
        if interval is None or interval.low >= NEAR:
            return ""
        return (
            f" The order{where} may rest on who is counted: the smallest change of types' shares "
            f"that changes it is estimated at {nearest.share_flip.distance:.1%}, with an interval "
            f"from {interval.low:.1%}. Say whose preferences count."
        )
    return (
        f" The order{where} rests on who is counted: it changes if types' shares change by "
        f"{nearest.share_flip.distance:.1%} in all. Say whose preferences count."
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
