"""SPSS files of the shape of Pew's American Trends Panel, with made-up respondents."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat

NAN = float("nan")

LABELS: dict[str, dict[Any, str]] = {
    "F_PARTYSUM_FINAL": {1: "Rep/Lean Rep", 2: "Dem/Lean Dem", 9: "DK/Refused/No lean"},
    "F_RACETHNMOD": {1: "White", 2: "Black", 3: "Hispanic", 4: "Other", 99: "Refused"},
    "EVCAR_W128": {1: "Very likely", 2: "Somewhat likely", 3: "Not likely", 99: "Refused"},
    "FORMQ_W128": {1: "Favor", 2: "Oppose", 99: "Refused"},
    "KNOW_W128": {1: "Yes", 2: "No", 98: "Not sure", 99: "Refused"},
}

TEXTS = {
    "EVCAR_W128": "EVCAR. How likely are you to consider an electric vehicle?",
    "F_PARTYSUM_FINAL": "Party summary",
}

PARTY = [1, 1, 1, 2, 2, 2, 9, 99, NAN, 1, 2, 1]
WEIGHT = [1.0, 2.0, 0.5, 1.0, 1.0, 2.0, 3.0, 1.0, 1.0, NAN, 0.0, 1.5]

WAVE: dict[str, Sequence[Any]] = {
    "QKEY": list(range(100_001, 100_013)),
    "INTERVIEW_START_W128": [pd.Timestamp("2023-05-30 10:00")] * 12,
    "INTERVIEW_END_W128": [pd.Timestamp("2023-05-30 10:20")] * 12,
    "DEVICE_TYPE_W128": [1, 2] * 6,
    "LANG_W128": [1] * 11 + [2],
    "FORM_W128": [1, 2] * 6,
    "XTABLET_W128": [1, 2] * 6,
    "DOV_ASKEV_W128": [1, 2] * 6,
    "EVCAR_W128": [1, 2, 2, 3, 3, 99, 1, 1, 2, 1, 2, NAN],
    "FORMQ_W128": [1, NAN, 2, NAN, 1, NAN, 2, NAN, 1, NAN, 2, NAN],
    "KNOW_W128": [1, 98, 2, 2, 98, 1, 2, 1, 1, 1, 1, 99],
    "OPEN_W128": ["cars", "", "a bike", "trains", "cars", "", "", "cars", "", "", "", "cars"],
    "SAME_W128": [1, 1, 1, 1, 99, 99, 1, 1, 2, 2, 2, 1],
    "NOBODY_W128": [NAN] * 12,
    "F_PARTYSUM_FINAL": PARTY,
    "F_RACETHNMOD": [1, 2, 1, 1, 2, 3, 1, 1, 1, 1, 1, 99],
    "F_AGECAT": [1, 2, 3, 4] * 3,
    "WEIGHT_W128": WEIGHT,
    "WEIGHT_W128_EV": [2.0] * 12,
}
"""Twelve respondents.

Of the first nine, three are Republicans, three Democrats, one neither, one has refused to say
and one has no party; then come one without a weight, one of weight 0, and one who did not
answer EVCAR.
"""


def write_sav(
    file: Path,
    columns: Mapping[str, Sequence[Any]],
    *,
    labels: Mapping[str, Mapping[Any, str]] = LABELS,
    texts: Mapping[str, str] = TEXTS,
    user_missing: Mapping[str, Sequence[Any]] | None = None,
) -> Path:
    """Write an SPSS file; codes are floating-point numbers, as in Pew's."""
    frame = pd.DataFrame(
        {
            name: [float(x) for x in values]
            if all(isinstance(x, int | float) for x in values)
            else list(values)
            for name, values in columns.items()
        }
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    pyreadstat.write_sav(
        frame,
        file,
        column_labels={name: text for name, text in texts.items() if name in frame},
        variable_value_labels={
            name: {float(code): label for code, label in codes.items()}
            for name, codes in labels.items()
            if name in frame
        },
        missing_ranges={name: list(values) for name, values in (user_missing or {}).items()},
    )
    return file


def renamed(columns: Mapping[str, Sequence[Any]], wave: int) -> dict[str, Sequence[Any]]:
    """Return the columns of `WAVE` under the names that they have in another wave."""
    return {name.replace("_W128", f"_W{wave}"): values for name, values in columns.items()}


def random_wave(
    wave: int, respondents: int, sizes: Sequence[int], rng: np.random.Generator
) -> dict[str, Any]:
    """Return a wave in which parties differ: refusals, forms, missing parties and weights."""
    party = rng.choice([1.0, 2.0, 9.0, 99.0, NAN], respondents, p=[0.42, 0.46, 0.08, 0.02, 0.02])
    weight = rng.lognormal(0.0, 0.7, respondents)
    weight[rng.random(respondents) < 0.01] = NAN
    columns: dict[str, Any] = {
        "QKEY": np.arange(respondents, dtype=np.float64),
        "F_PARTYSUM_FINAL": party,
        f"WEIGHT_W{wave}": weight,
        f"FORM_W{wave}": rng.choice([1.0, 2.0], respondents),
    }
    for number, size in enumerate(sizes):
        answers = np.empty(respondents)
        for group in (party == 1.0, party == 2.0, ~np.isin(party, [1.0, 2.0])):
            shares = rng.dirichlet(np.ones(size))
            answers[group] = rng.choice(size, group.sum(), p=shares) + 1.0
        answers[rng.random(respondents) < 0.02] = 99.0
        if number % 2:
            answers[columns[f"FORM_W{wave}"] == 2.0] = NAN
        columns[f"Q{number}_W{wave}"] = answers
    return columns
