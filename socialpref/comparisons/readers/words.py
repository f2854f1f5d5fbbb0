"""What the words for a choice mean."""

import re
from collections.abc import Mapping
from typing import Any

from ... import _validate

FIRST = (
    *("first", "a", "left", "model a", "option a", "response a", "assistant a", "answer a"),
    *("model 1", "option 1", "response 1", "answer 1", "true", "1"),
)
SECOND = (
    *("second", "b", "right", "model b", "option b", "response b", "assistant b", "answer b"),
    *("model 2", "option 2", "response 2", "answer 2", "false", "0"),
)
TIE = (
    *("tie", "ties", "tied", "draw", "equal", "same", "both", "both good", "both bad", "bothbad"),
    *(
        "tie (both good)",
        "tie (both bad)",
        "tie (bothbad)",
        "neither",
        "no preference",
        "indifferent",
    ),
)
SKIP = ("skip", "skipped", "pass", "unsure", "dont know", "don't know", "no answer")
MEANINGS: dict[str, float | None] = {
    **dict.fromkeys(FIRST, 1.0),
    **dict.fromkeys(SECOND, 0.0),
    **dict.fromkeys(TIE, 0.5),
    **dict.fromkeys(SKIP, None),
}
"""The probability that the first is preferred, or None for no answer."""
KINDS: dict[str, float | None] = {"first": 1.0, "second": 0.0, "tie": 0.5, "skip": None}


def plain(word: str) -> str:
    """Return a word in small letters, with single spaces for what parts it."""
    return re.sub(r"[\s_\-]+", " ", word).strip().lower()


def mapped(mapping: Mapping[Any, Any] | None) -> dict[Any, float | None]:
    """Return what a user's words mean."""
    if mapping is None:
        return {}
    _validate.instance("mapping", mapping, Mapping, "a mapping of choices")
    found: dict[Any, float | None] = {}
    for choice, meaning in mapping.items():
        if isinstance(meaning, str):
            found[choice] = KINDS[_validate.choice("mapping", meaning, KINDS)]
        else:
            found[choice] = _validate.number("mapping", meaning, 0.0, 1.0)
    return found
