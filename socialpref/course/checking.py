"""Checking an answer: what the reader is told."""

from dataclasses import dataclass
from typing import Any

from .. import _validate
from ..errors import SocialPrefError
from .answers import Unanswered, Wrong, answered
from .tasks import TASKS


@dataclass(frozen=True)
class Verdict:
    """What the check of an answer found.

    Attributes
    ----------
    right : bool
        Whether the answer is right.
    message : str
        What the reader is told.
    """

    right: bool
    message: str

    def __repr__(self) -> str:
        return self.message


def check(name: str, answer: Any) -> Verdict:
    """Return whether an answer to a task of the course is right, and if not, what is wrong.

    The right answers are computed by the package. A function is called with several arguments.

    Parameters
    ----------
    name : str
        The task, as the notebook names it.
    answer : object
        What the notebook asks for: a number, an array, a population or a function. Three dots, or
        a function that returns nothing, are no answer yet.

    Raises
    ------
    InputError
        If there is no task of this name.

    Examples
    --------
    >>> from socialpref.course import check
    >>> check("preference", ...)
    Not answered yet: put your answer in place of the dots.
    >>> check("preference", 2 / 3)
    Not right yet. Rewards are not weights: look at their difference.
    """
    find = TASKS[_validate.choice("name", name, TASKS)]
    try:
        answered(answer)
        find(answer)
    except Unanswered as nothing:
        return Verdict(False, f"Not answered yet: {nothing}.")
    except (Wrong, SocialPrefError) as wrong:  # the second if a population cannot be computed with
        return Verdict(False, f"Not right yet. {wrong}")
    return Verdict(True, "Right.")
