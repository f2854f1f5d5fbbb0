"""What ``socialpref survey`` prints of a study, in lines of at most 80 characters."""

import math
import re
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ..surveys import (
        QuestionResult,
        Study,
        Survey,
        Uncertainty,
    )

WIDTH = 80
"""Of what is printed."""


def say(text: str) -> None:
    """Print lines; those that are too long go on below, further in than they began."""
    for line in text.split("\n"):
        if len(line) <= WIDTH:
            print(line)
            continue
        lead = " " * (len(line) - len(line.lstrip()))
        # Below the value of a line that has a name and a value.
        named = re.match(r" *\S.*?\S {2,}(?=\S)", line)
        place = len(named[0]) if named and len(named[0]) < WIDTH // 2 else len(lead) + 4
        print(
            textwrap.fill(
                line,
                WIDTH,
                subsequent_indent=" " * place,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


def left_out(survey: "Survey") -> str:
    """Return a line that says how many answers were missing, and of which kind; or nothing."""
    from ..surveys.missing import DONT_KNOW, KINDS

    lost = [d for q in survey for d in q.dropped if d.kind == "option" and d.reason in KINDS]
    numbers = {kind: sum(d.respondents for d in lost if d.reason == kind) for kind in KINDS}
    parts = [f"{number:,.10g} {kind}" for kind, number in numbers.items() if number]
    if not parts or any(q.counts is None for q in survey):
        return ""
    more = '; --dont-know keep counts "don\'t know"' if numbers[DONT_KNOW] else ""
    return f"Answers left out as missing: {', '.join(parts)}{more}"


def report(result: "Study", top: int) -> str:
    """Return the headline of a study and its most fragile questions."""
    from ..report.page import UNKNOWN_DESIGN
    from ..surveys.survey import UNKNOWN

    facts = result.summary()
    lines = [f"Survey study: {facts['survey']}"]
    if skipped := len(result.survey.skipped):
        lines.append(f"  {skipped} variables were not read as questions; skipped.csv says why")
    kinds = facts["group_shares"]
    shares = next(iter(kinds)) if len(kinds) == 1 else _counted(kinds)
    lines.append(f"  Shares of the groups: {shares}")
    if result.bootstrap is not None and UNKNOWN in facts["design"]:
        lines.append(f"  {UNKNOWN_DESIGN}")
    # Parts that were chosen in different ways have no rate in common.
    for name, part in result.parts.items():
        lines += [f"\n{name}", *_headline(part.summary())]
    if not result.parts:
        lines += _headline(facts)
    if facts["n_examined"]:
        gaps = facts["largest_certified_gap"], facts["largest_share_certified_gap"]
        gap = max((gap for gap in gaps if gap is not None), default=0.0)
        lines.append(f"  Every distance is proven, {_precision(gap)}")
    return "\n".join(lines + _most_fragile(result, top)) + "\n"


def _counted(kinds: dict[str, int]) -> str:
    from ..report.words import counted

    return "; ".join(f"{kind} ({counted(number, 'question')})" for kind, number in kinds.items())


def _headline(facts: dict[str, Any]) -> list[str]:
    """Return the sentences on a survey, or on a part of it."""
    from ..report.words import counted

    least = facts["settings"]["min_options"]
    lines = [
        f"  {counted(facts['n_questions'], 'question')} with at least {least} options, "
        f"{facts['n_examined']} of them examined"
    ]
    if not facts["n_examined"]:
        return lines
    lines.append(
        f"  {counted(facts['n_flippable'], 'question')} can be flipped by what is compared: "
        f"{facts['share_flippable']:.1%}" + _bounds(facts, "share_flippable", "{:.1%}")
    )
    if facts["median_distance"] is not None:
        lines += [
            f"    median distance {facts['median_distance']:.3f} in total variation"
            + _bounds(facts, "median_distance", "{:.3f}"),
            f"    of all questions, {_within(facts['share_within'])}",
            f"    swaps of neighbours on a scale: {facts['n_flippable_neighbours']}",
        ]
    lines.append(
        f"  {counted(facts['n_winner_flippable'], 'question')} can be given another winner "
        f"by what is compared: {facts['n_winner_flippable_neighbours']} by a swap of neighbours"
    )
    lines.append(
        f"  {counted(facts['n_share_flippable'], 'question')} can be flipped by who counts"
        + _bounds(facts, "n_share_flippable", "{:.0f}")
    )
    if facts["median_share_distance"] is not None:
        lines += [
            f"    median distance {facts['median_share_distance']:.3f} of the groups' shares"
            + _bounds(facts, "median_share_distance", "{:.3f}"),
            f"    of all questions, {_within(facts['share_within_by_shares'])}",
        ]
    differing = counted(facts["n_order_mismatch"], "question")
    lines.append(f"  For {differing} the NBC and average-reward orders differ")
    return lines


def _within(shares: dict[str, float]) -> str:
    return ", ".join(f"{share:.1%} within {distance}" for distance, share in shares.items())


def _most_fragile(result: "Study", top: int) -> list[str]:
    """Return the list of fragile questions: changes of the winner and nominal options first."""
    from ..surveys.headline import named_first

    named = named_first(result.results)[:top]
    if not named:
        return []
    width = min(max(len(r.question.key) for r, _ in named), LONGEST)
    lines = []
    heading = None
    for r, found in named:
        assert r.finding is not None
        if (wins := r.finding.winner_flip.exists) != heading:
            aim = "winner" if wins else "order"
            lines.append(f"\nAnother {aim}: distance, key, which option overtakes which")
            heading = wins
        assert found.pair is not None
        above, below = (r.question.options[y] for y in found.pair)
        mark = " (neighbours)" if r.question.are_neighbours(found.pair) else ""
        lines.append(
            f"  {found.distance:.4f}  {r.question.key:<{width}}  {below!r} over {above!r}{mark}"
        )
    return lines


LONGEST = 24
"""Keys are padded to the same length up to this."""
SHOWN = {
    "setting": "setting",
    "n_flippable": "flips",
    "median_distance": "median",
    "n_winner_flippable": "winners",
    "n_share_flippable": "shares",
    "median_share_distance": "median ",
    "n_other_order": "order",
    "n_other_winner": "winner",
}
"""The columns of a sensitivity table that are printed, and their headings."""
LEGEND = (
    "flips, winners: that what is compared can flip; shares: rankings that who counts can; "
    "order, winner: questions with another one than as studied"
)


def shown(table: "pd.DataFrame") -> str:
    """Return a table of sensitivity with short headings."""
    short = table[list(SHOWN)].rename(columns=SHOWN)
    short = short.astype({name: float for name in SHOWN.values() if name.startswith("median")})
    numbers = short.to_string(index=False, float_format="{:.3f}".format, na_rep="-")
    return f"{numbers}\n{LEGEND}"


def _precision(gap: float) -> str:
    return f"to within {gap:.0e}" if gap else "exactly"


def _bounds(facts: dict[str, Any], name: str, form: str) -> str:
    interval = facts.get(f"{name}_interval")
    if interval is None:
        return ""
    low, high = map(form.format, interval)
    return f" ({facts['settings']['bootstrap']['level']:.0%} interval {low} to {high})"


def _distance(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else "never"


def answer(result: "QuestionResult") -> str:
    """Return what was found for one question."""
    from ..report.words import stretched_words
    from ..surveys.shares import describe_shares

    question, found = result.question, result.finding
    title = f"{question.key}: {question.text}".rstrip(": ")
    if found is None:
        return f"{title}\n  not examined: {result.reason}\n"
    lines = [
        title,
        f"  NBC order at the base sampling  {found.nbc_order.describe(question.options)}",
        f"  order by average reward         {found.reward_order.describe(question.options)}",
        f"  distance of the nearest flip    {_distance(found.flip.distance)}",
        f"  by the groups' shares           {_distance(found.by_shares.ranking.distance)}",
        *_error_lines(found.uncertainty, question.options),
        *(f"  {text}" for text in stretched_words(found)),
        f"  {found.flip.describe()}",
        f"  Who counts: {describe_shares(question)} shares. {found.by_shares.ranking.describe()}",
        *(f"  dropped: {dropped}" for dropped in question.dropped),
    ]
    return "\n".join(lines) + "\n"


def _error_lines(error: "Uncertainty | None", options: tuple[str, ...]) -> list[str]:
    if error is None:
        return []
    return [
        f"  replicates that can be flipped  {error.flip_share:.1%}; {error.level:.0%} interval of "
        f"the distance {error.flip_interval.describe('{:.4f}', infinite='never')}",
        f"  replicates with the same order  {error.same_order:.1%}, the same winner "
        f"{error.same_winner:.1%} ({error.n_replicates}, by {error.method})",
        *_design_lines(error),
        f"  {error.level:.0%} intervals of NBC",
        *(
            f"    {option}: {interval.describe()}"
            for option, interval in zip(options, error.nbc_intervals, strict=True)
        ),
    ]


def _design_lines(error: "Uncertainty") -> list[str]:
    lines = []
    if math.isfinite(error.deff):
        lines.append(f"  design effect of the shares     {error.deff:.2f}")
    if math.isfinite(error.degrees):
        lines.append(f"  degrees of freedom              {error.degrees:g}")
    return lines
