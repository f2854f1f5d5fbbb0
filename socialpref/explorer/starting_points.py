"""The explorer's starting points: worked examples, then questions of the two survey collections."""

from itertools import chain
from typing import Any

import numpy as np

from ..examples import mediocre_winner, two_camps
from ..flips.flip import flip
from ..population import Population
from ..rules import nbc, ranking
from ..surveys import read_pew, read_starter
from ..surveys.question import Question

MOST_TYPES, MOST_OPTIONS, MOST_REWARD = 12, 6, 5.0
"""What the page has sliders for."""

README = "SOCIETY_GUNS_W92"
"""The example of the README, the first of the questions."""

LONGEST = 18
"""Letters of a short label."""

BY_DRAWS = "Surveys: other draws change the ranking"
BY_SHARES = "Surveys: draws cannot change the ranking, shares can"
BY_NOTHING = "Surveys: neither draws nor shares change the ranking"


def presets() -> list[dict[str, Any]]:
    """Return the page's starting points: worked examples, then questions of surveys.

    Every question of the starter set and of Pew's that the page can show is there, with its
    Luce-Shepard rewards; those whose ranking other draws change come first.

    Examples
    --------
    >>> from socialpref.explorer import presets
    >>> [preset["id"] for preset in presets()][:5]
    ['two-camps', 'three-camps', 'mediocre-winner', 'temperature', 'own']
    """
    found = [_of_question(question) for question in chain(read_pew(), read_starter())]
    surveys = [preset for preset in found if preset is not None]
    places = {BY_DRAWS: 0, BY_SHARES: 1, BY_NOTHING: 2}
    surveys.sort(key=lambda preset: (places[preset["group"]], preset["id"] != README))
    return [*_examples(), *surveys]


def _examples() -> list[dict[str, Any]]:
    crowd, camps = mediocre_winner(), two_camps()
    fans = ("fans of A", "friends of M", "fans of B")
    drag, shares, own = "Examples: drag the draws", "Examples: drag something else", "Your own"
    three = Population([[4, 0, -3], [-3, 3, 0], [0, -2, 3]], options=["A", "B", "C"])
    blank = Population([[2, 1, 0], [0, 1, 2]], [0.6, 0.4], options=["A", "B", "C"])
    return [
        _preset(
            "two-camps",
            camps,
            ("camp 1", "camp 2"),
            group=drag,
            title="Two camps: who chooses the comparisons",
            text="If all options are drawn equally often, A wins. With fewer draws of B and more "
            "of C, C wins. Nobody has changed their mind.",
        ),
        _preset(
            "three-camps",
            three,
            ("camp 1", "camp 2", "camp 3"),
            group=drag,
            title="Three camps: every ranking is possible",
            text="Each of the six rankings holds for some mix of draws. If all options are drawn "
            "equally often A comes last, though no option has a higher average reward.",
        ),
        _preset(
            "mediocre-winner",
            crowd,
            fans,
            group=shares,
            title="The mediocre winner (draws cannot change it)",
            text="A and B are each loved by a third of the people. The last third prefers M, which "
            "has the lowest average reward. M is first by NBC however comparisons are drawn. "
            "Change the shares.",
        ),
        _preset(
            "temperature",
            crowd,
            fans,
            group=shares,
            title="Temperature: the same people, less decisive",
            text="The same rewards at temperature 2. Less decisive people show in their choices "
            "how much they care, and above 1.642 the mediocre option no longer wins.",
            temperature=2.0,
        ),
        _preset(
            "own",
            blank,
            ("group 1", "group 2"),
            group=own,
            title="A population of your own",
            text="60 % rank A > B > C and 40 % the reverse, and all feel as strongly. Set how many "
            "groups and options there are, then the rewards.",
            own=True,
        ),
    ]


def _of_question(question: Question) -> dict[str, Any] | None:
    """Return a question as a preset, or None if the page has no room for it."""
    if len(question.groups) > MOST_TYPES or not 3 <= question.n_options <= MOST_OPTIONS:
        return None
    population = question.population()
    if np.abs(population.rewards).max() > MOST_REWARD:
        return None
    nearest = flip(population)
    group, means = BY_NOTHING, "Neither draws nor shares change this ranking."
    if nearest.exists:
        group, means = BY_DRAWS, ""
    elif flip(population, over="shares").exists:
        group, means = BY_SHARES, "No mix of draws changes this ranking; change the shares."
    about = (
        f"{question.text}? Groups by {question.grouping}, {question.n_respondents:,.0f} "
        f"respondents. {question.source}. {means}"
    )
    key, year = question.key, question.key.rpartition("_")[2]
    return _preset(
        key,
        population,
        question.groups,
        group=group,
        title=f"{question.text} ({year}, by {question.grouping})",
        text=about.strip(),
    )


def _preset(
    name: str, population: Population, types: tuple[str, ...], **about: Any
) -> dict[str, Any]:
    options = population.options
    own_letters = max(map(len, options)) == 1
    return {
        "id": name,
        "types": types,
        "options": options,
        "short": short_labels(options),
        # What the figures call an option: its own name, or a letter.
        "letters": options if own_letters else tuple("ABCDEF"[: len(options)]),
        "rewards": population.rewards.tolist(),
        "shares": population.shares.tolist(),
        "corners": _corners(population),
        "temperature": 1.0,
        **about,
    }


def _corners(population: Population) -> list[int]:
    """Return the options of the triangle: those that the nearest flip moves, then the best."""
    nearest = flip(population)
    moved = np.abs(nearest.mix - nearest.base) if nearest.exists else np.zeros(len(nearest.options))
    first = [int(y) for y in np.argsort(-moved, kind="stable") if moved[y] > 0.0]
    best = [y for y in ranking(nbc(population)).order if y not in first]
    return sorted([*first, *best][:3])


def short_labels(options: tuple[str, ...]) -> tuple[str, ...]:
    """Return labels of at most 18 letters that tell the options apart.

    An option that is too long keeps its first words, or its last ones where others begin with
    the same.

    Examples
    --------
    >>> from socialpref.explorer.starting_points import short_labels
    >>> short_labels(("stay and apply for citizenship", "stay as guest workers", "leave"))
    ('stay and apply…', 'stay as guest…', 'leave')
    >>> short_labels(("the government of the country", "the government of the town"))
    ('…of the country', '…of the town')
    """
    first = tuple(_clipped(option) for option in options)
    last = tuple(_clipped(option[::-1])[::-1] for option in options)
    labels = tuple(short if first.count(short) == 1 else last[y] for y, short in enumerate(first))
    return labels if len(set(labels)) == len(labels) else options


def _clipped(option: str) -> str:
    """Return the first words of an option, as many as fit."""
    if len(option) <= LONGEST:
        return option
    words, _, cut = option[:LONGEST].rpartition(" ")
    return f"{words or cut}…"
