"""The settings that a study rests on, and how they move its headline."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from ..flips.batched import flip_distances
from ..links import Scaled
from .protocol import Protocol
from .question import Question
from .shares import describe_shares
from .studies import Study

if TYPE_CHECKING:
    import pandas as pd

FACTORS = (0.5, 2.0)
"""Of the temperature."""
SMOOTHING = (1e-9, 1e-4, 1e-2)


def assumptions(study: Study) -> "pd.DataFrame":
    """Return how many rankings can be flipped under other settings than the study's.

    The temperature is halved and doubled, other numbers smooth the answers, and the groups have
    their observed or equal shares, one setting at a time. Distances are those of
    `flip_distances`, without certificates.

    Parameters
    ----------
    study : Study

    Returns
    -------
    DataFrame
        Columns ``aspect, setting, is_reference``, the last True of the study's own settings;
        ``n_flippable, median_distance`` of flips by what is compared, and
        ``n_share_flippable, median_share_distance`` of flips by who counts.

    Examples
    --------
    >>> from socialpref.surveys import read_pew, study
    >>> from socialpref.surveys.assumptions import assumptions
    >>> table = assumptions(study(read_pew()))
    >>> table[["aspect", "setting", "n_flippable", "n_share_flippable"]].head(3)
            aspect setting  n_flippable  n_share_flippable
    0   as studied                   13                 21
    1  temperature     0.5           14                 21
    2  temperature       2            6                 21
    """
    import pandas as pd

    _validate.instance("study", study, Study, "a Study")
    questions = [result.question for result in study.results if result.finding]
    rows = [
        {"aspect": aspect, "setting": setting, "is_reference": aspect == "as studied"}
        | _figures(questions, protocol)
        for aspect, setting, protocol in _settings(study, questions)
    ]
    return pd.DataFrame(rows)


def _settings(study: Study, questions: list[Question]) -> Iterator[tuple[str, str, Protocol]]:
    own = replace(study.protocol, group_shares=None)  # the results' questions have their shares
    yield "as studied", "", own
    if isinstance(link := own.link, Scaled):
        for temperature in (factor * link.temperature for factor in FACTORS):
            other = replace(own, link=link.at_temperature(temperature))
            yield "temperature", f"{temperature:g}", other
    for constant in SMOOTHING:
        if constant != own.smoothing:
            yield "smoothing", f"{constant:g}", replace(own, smoothing=constant)
    used = {describe_shares(question).partition(",")[0] for question in questions}
    for shares in ("observed", "equal"):
        if used != {shares}:
            yield "group shares", shares, replace(own, group_shares=shares)


def _figures(questions: list[Question], protocol: Protocol) -> dict[str, Any]:
    counted = [protocol.counted(question) for question in questions]
    people = [q.population(smoothing=protocol.smoothing, link=protocol.link) for q in counted]
    bases = [protocol.base_of(q, q.choice_shares, q.group_shares) for q in counted]
    found: dict[str, Any] = {}
    for name, limits in (
        ("", {"margin": protocol.margin, "floor": protocol.floor}),
        (
            "share_",
            {"over": "shares", "margin": protocol.share_margin, "floor": protocol.share_floor},
        ),
    ):
        distances = flip_distances(people, sampling=bases, **limits) if people else np.empty(0)
        finite = distances[np.isfinite(distances)]
        found[f"n_{name}flippable"] = len(finite)
        found[f"median_{name}distance"] = float(np.median(finite)) if len(finite) else None
    return found
