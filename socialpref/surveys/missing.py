"""Missing answers: one table of kinds, and one policy for every source."""

import re
import warnings
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .. import _validate
from ..errors import InputError

REFUSED = "refused"
DONT_KNOW = "don't know"
NOT_ASKED = "not asked"
USER_MISSING = "user-missing"
LEFT_OUT = "left out"

KINDS: dict[str, tuple[str, ...]] = {
    REFUSED: (
        r"refus(ed|al|e|es)( to (answer|say|respond))?",
        r"no (answer|response)( given)?",
        r"(not|un) ?answered|non-?response",
        r"(would |i'?d )?(prefer|rather) not( to)? (say|answer|respond|disclose)",
        r"declined?( to (answer|say|state|respond))?",
        r"((web|left) )?blank|skipped( on web)?",
    ),
    DONT_KNOW: (r"(i )?(don'?t|do ?n[o']t) know", r"(i )?can('?t|not| not) (choose|say)"),
    NOT_ASKED: (
        r"inapplicable|not applicable|n/a",
        r"(question )?not asked( (in|of|on) [\w ]+)?",
        r"not ascertained|not available( in [\w ]+)?",
        r"(legitimate|valid) skip|no (pre|post)-election (data|interview).*|interview breakoff.*",
    ),
    USER_MISSING: (r"((other|system|user) )?missing( (data|values?))?",),
}
"""The kinds of missing answers, and what labels say that they are of that kind."""
ABBREVIATIONS = {REFUSED: r"ref", DONT_KNOW: r"dk", NOT_ASKED: r"iap|inap", USER_MISSING: r"sysmis"}
"""Short forms, which count as such in answers; as groups they may be countries."""
PEW_REFUSED = 99
"""The code of a refused answer in Pew's files."""
USUAL_CODES = frozenset(
    {*range(6, 10), 66, 77, 88, *range(95, 100), 666, 777, 888, *range(995, 1000)}
    | {7777, 8888, *range(9995, 10_000)}
)
"""Codes that many files use for missing answers."""


def _saying(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of labels of which some part says just this: DK/Refused, [VOL] Refused."""
    before, after = (
        r"(?:^|[/,;:.()\[\]–—]|(?<!\w)-|\bor\b)",
        r"(?:$|[/,;:.()\[\]–—]|-(?!\w)|\bor\b)",
    )
    return re.compile(rf"{before}\s*(?:{'|'.join(words)})\s*{after}", re.IGNORECASE)


_WORDS = {kind: _saying(words) for kind, words in KINDS.items()}
_ALL_WORDS = {kind: _saying([*words, ABBREVIATIONS[kind]]) for kind, words in KINDS.items()}
_CODE = re.compile(r"[\W\d_]*")
_APOSTROPHES = str.maketrans("’‘´`", "''''")
_WHOLE = re.compile(r"-?\d+")


def kind_of_label(label: str, *, abbreviations: bool = True) -> str | None:
    """Return the kind of missing answer that a label says, or None if it says an answer.

    Leading codes and punctuation do not matter. A label that says several kinds is refused
    before it is not known, not known before it is not asked, and just missing in the end.

    Examples
    --------
    >>> from socialpref.surveys.missing import kind_of_label
    >>> kind_of_label("-9. Refused"), kind_of_label("DK/NA"), kind_of_label("IAP")
    ('refused', "don't know", 'not asked')
    >>> kind_of_label("Refused to fight"), kind_of_label("99. Haven't thought about this")
    (None, None)
    """
    text = label.translate(_APOSTROPHES)
    text = text[_CODE.match(text).end() :]  # type: ignore[union-attr] # it matches nothing, too
    patterns = _ALL_WORDS if abbreviations else _WORDS
    return next((kind for kind, pattern in patterns.items() if pattern.search(text)), None)


@dataclass(frozen=True)
class MissingAnswers:
    """Which answers do not count.

    Labels that say "refused", "don't know" or "not asked", in whatever words, and values that
    the file declares missing never count; see `KINDS`. No code is missing for its number alone,
    except 99 in Pew's files.

    Attributes
    ----------
    codes : sequence of codes, or mapping from questions to such
        Codes (or labels) of missing answers. Those of a sequence hold for every question, but
        not where they lie within its scale: 7 to 9 where the answers go from 0 to 10. Those
        of a mapping hold for the named questions only.
    options : sequence of str
        Labels of options to leave out.
    dont_know : "drop", "keep" or None
        Whether "don't know" is an answer. None drops it, except in Pew's files, whose published
        protocol leaves out refused answers only.

    Raises
    ------
    InputError
        If a setting is none of these.

    Examples
    --------
    >>> import pandas as pd
    >>> from socialpref.surveys import MissingAnswers, survey_from_rows
    >>> rows = pd.DataFrame({"sex": ["f", "m"] * 4, "Q": [1, 2, 3, 3, 1, 2, 8, 9]})
    >>> survey = survey_from_rows(rows, groups=["sex"], missing=MissingAnswers([8, 9]))
    >>> survey["Q"].options, str(survey["Q"].dropped[0])
    (('1', '2', '3'), "option '8' (user-missing; 1 answers)")
    """

    codes: Sequence[Any] | Mapping[str, Sequence[Any]] = ()
    options: Sequence[str] = ()
    dont_know: Literal["drop", "keep"] | None = None
    _all: frozenset[str] = field(init=False, repr=False)
    _of: Mapping[str, frozenset[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.dont_know is not None:
            _validate.choice("dont_know", self.dont_know, ("drop", "keep"))
        object.__setattr__(self, "options", _validate.labels("options", self.options))
        by_question = isinstance(self.codes, Mapping)
        given = self.codes if isinstance(self.codes, Mapping) else {"": self.codes}
        sets = {str(key): _codes(codes) for key, codes in given.items()}
        object.__setattr__(self, "_all", frozenset() if by_question else sets[""])
        # The codes that hold for every question may stand beside those of single ones.
        object.__setattr__(self, "_all", self._all | sets.pop("", frozenset()))
        object.__setattr__(self, "_of", sets)

    def reasons(
        self,
        question: str,
        values: Sequence[Hashable],
        labels: Sequence[str],
        *,
        declared: Sequence[bool] | None = None,
        pew: bool = False,
    ) -> list[str | None]:
        """Return for each value of a question why it does not count; None if it does.

        Parameters
        ----------
        question : str
            Its key.
        values : sequence
            Codes, or the labels again where there are no codes.
        labels : sequence of str
        declared : sequence of bool, optional
            Whether the file declares each value missing.
        pew : bool
            Whether Pew's rules hold.
        """
        declared = [False] * len(values) if declared is None else declared
        codes = [printed(value) for value in values]
        given = self._given(question, codes)
        result: list[str | None] = []
        for value, code, label, missing in zip(values, codes, labels, declared, strict=True):
            kind = kind_of_label(label)
            if label in self.options or code in self.options:
                reason: str | None = LEFT_OUT
            elif code in given or label in given:
                reason = kind or USER_MISSING
            elif pew and is_code(value, PEW_REFUSED):
                reason = REFUSED
            elif pew and not missing and kind in (NOT_ASKED, USER_MISSING):
                reason = None  # who was not asked has no answer there; this one was chosen
            elif kind == DONT_KNOW and self._keeps_dont_know(pew and not missing):
                reason = None
            else:
                reason = kind or (USER_MISSING if missing else None)
            result.append(reason)
        return result

    def group_reason(
        self, value: Hashable, label: str, *, declared: bool = False, pew: bool = False
    ) -> str | None:
        """Return why a group does not count, or None; Pew's are refused by code 99 only."""
        if pew:
            return REFUSED if is_code(value, PEW_REFUSED) else USER_MISSING if declared else None
        kind = kind_of_label(label, abbreviations=False)
        if kind == DONT_KNOW and self._keeps_dont_know(False):
            return None
        return kind or (USER_MISSING if declared else None)

    def check_used(self, questions: Mapping[str, Iterable[str]]) -> None:
        """Refuse codes of questions, and labels of options, that there are not.

        Parameters
        ----------
        questions : mapping
            For each question the codes and labels that it had.
        """
        for key in self._of:
            if key not in questions:
                must = f"of questions {', '.join(map(repr, list(questions)[:12]))}"
                raise _validate.complaint("missing", must, repr(key))
        known = {word for words in questions.values() for word in words}
        if lost := [label for label in self.options if label not in known]:
            raise _validate.complaint("drop_options", "labels of options", repr(lost[0]))
        words = {code for code in self._all if not _WHOLE.fullmatch(code)}
        if self._all and (words - known or not self._all & known):
            got = ", ".join(map(repr, sorted(words - known or self._all)))
            raise _validate.complaint("missing", "codes of some answers", got)
        for key, codes in self._of.items():
            if strange := sorted(codes.difference(questions[key])):
                raise _validate.complaint(f"missing of {key}", "codes of its answers", strange[0])

    def _keeps_dont_know(self, by_default: bool) -> bool:
        return by_default if self.dont_know is None else self.dont_know == "keep"

    def _given(self, question: str, codes: Sequence[str]) -> frozenset[str]:
        """Return the codes that were said to be missing, for a question with these codes."""
        if question in self._of:
            return self._of[question]
        within = _within_scale(self._all, codes)
        if within:
            shown = ",".join(within)
            warnings.warn(
                f"the codes {', '.join(within)} of {question!r} lie within its scale and stay "
                f"answers; --missing={question}={shown} leaves them out",
                stacklevel=2,
            )
        return self._all - set(within)


def _codes(codes: Any) -> frozenset[str]:
    """Return codes as they are printed."""
    if isinstance(codes, str) or not isinstance(codes, Iterable):
        raise _validate.complaint("missing", "a list of codes", _validate.shown(codes))
    return frozenset(printed(code).strip() for code in codes)


def _within_scale(missing: Iterable[str], codes: Iterable[str]) -> list[str]:
    """Return which codes that were said to be missing are answers, by the codes around them.

    They are where the scale goes on above them, or where it has missing codes of more digits.
    """
    numbers = sorted({int(code) for code in codes if _WHOLE.fullmatch(code)})
    said = {int(code) for code in missing if _WHOLE.fullmatch(code)}
    within = []
    for number in (n for n in numbers if n in said and n >= 0):
        top = number
        while top + 1 in numbers:
            top += 1
        longer = number < 10 and any(n in said and n > 10 for n in numbers)
        if (top not in said or longer) and _connected(number, numbers, said):
            within.append(str(number))
    return within


def _connected(number: int, numbers: Sequence[int], said: set[int]) -> bool:
    """Return whether the scale below a number leads up to it without a gap."""
    while number - 1 in numbers:
        number -= 1
        if number not in said:
            return True
    return False


def suspicious(codes: Iterable[str], labelled: Iterable[bool]) -> list[str]:
    """Return the codes without labels that look like missing answers.

    They are negative, or usual codes of missing answers above a gap: 7, 8, 9 after 1 to 5, or
    77, 88, 99 after 0 to 10.

    Examples
    --------
    >>> from socialpref.surveys.missing import suspicious
    >>> suspicious(["1", "2", "3", "4", "5", "8", "9"], [False] * 7)
    ['8', '9']
    """
    pairs = list(zip(codes, labelled, strict=True))
    numbers = sorted(int(code) for code, _ in pairs if _WHOLE.fullmatch(code))
    plain = {int(code) for code, has in pairs if _WHOLE.fullmatch(code) and not has}
    positive = [number for number in numbers if number >= 0]
    balanced = len(numbers) >= 5 and sorted(-number for number in numbers) == numbers
    found = [] if balanced or not positive else [n for n in numbers if n < 0]
    for place in range(2, len(positive)):
        above = positive[place:]
        if above[0] - positive[place - 1] > 1 and USUAL_CODES.issuperset(above):
            found += above
            break
    return [str(number) for number in found if number in plain]


def warn_of(
    questions: Mapping[str, Sequence[str]], groups: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Warn of codes that look like missing answers, and name the option that leaves them out.

    Parameters
    ----------
    questions : mapping
        For each question its suspicious codes.
    groups : mapping, optional
        For each column of groups its suspicious codes.
    """
    for column, codes in (groups or {}).items():
        if codes:
            said, them = _unlabelled("group", codes, repr(column))
            warnings.warn(
                f"{said}; --drop-groups={','.join(codes)} leaves {them} out", stacklevel=2
            )
    alike = defaultdict(list)
    for key, codes in questions.items():
        if codes:
            alike[",".join(codes)].append(key)
    for codes, keys in alike.items():
        names = ", ".join(map(repr, keys[:4])) + (
            f" and {len(keys) - 4} more" if len(keys) > 4 else ""
        )
        where = f"{keys[0]}=" if len(keys) == 1 else ""
        said, them = _unlabelled("code", codes.split(","), names)
        warnings.warn(f"{said}; --missing={where}{codes} leaves {them} out", stacklevel=2)


def _unlabelled(what: str, codes: Sequence[str], of: str) -> tuple[str, str]:
    """Return what is suspicious about codes, and the pronoun that stands for them."""
    if len(codes) == 1:
        return f"the {what} {codes[0]} of {of} has no label and looks like a missing answer", "it"
    return (
        f"the {what}s {', '.join(codes)} of {of} have no labels and look like missing answers",
        "them",
    )


def parse_codes(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return codes by question from texts such as "7,8,9" and "Q1=77,88"; "" for every question.

    Raises
    ------
    InputError
        If a text names no code.
    """
    codes: dict[str, list[str]] = {}
    for text in texts:
        question, _, listed = text.rpartition("=")
        found = [code.strip() for code in listed.split(",") if code.strip()]
        if not found:
            raise InputError(f"--missing must be CODE[,CODE] or COLUMN=CODE[,CODE]; got {text!r}")
        codes.setdefault(question.strip(), []).extend(found)
    return codes


def is_code(value: Hashable, code: int) -> bool:
    """Return whether a value is this number."""
    return not isinstance(value, str) and value == code


def printed(value: object) -> str:
    """Return a value as a label: ``"1"``, not ``"1.0"``."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
