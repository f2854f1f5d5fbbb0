"""How far the study's headline figures depend on its settings.

Each aspect of the protocol is varied on its own: the smoothing of empty cells, the base
distribution, the temperature of the link, the grouping of the respondents. The answer is one
table per aspect, one row per setting.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _validate
from .._tables import read_table_file, reading
from ..errors import InputError
from ..links import Logistic, Probit
from .protocol import Protocol
from .studies import study
from .survey import Survey

if TYPE_CHECKING:
    import pandas as pd

Variants = Mapping[str, tuple[Survey, Protocol]]

SMOOTHING = (1e-15, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.5)
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0)


def smoothing_variants(survey: Survey, protocol: Protocol) -> Variants:
    """Return the study under each smoothing of empty cells, Jeffreys' where counts are known."""
    _check(survey, protocol)
    known = all(question.effective_sizes is not None for question in survey)
    constants = sorted({*SMOOTHING, protocol.smoothing} - {"jeffreys"}, key=float)
    every = [*constants, "jeffreys"] if known else constants
    return {f"{c}": (survey, replace(protocol, smoothing=c)) for c in every}


def temperature_variants(survey: Survey, protocol: Protocol) -> Variants:
    """Return the study under each temperature of the protocol's link."""
    _check(survey, protocol)
    link = protocol.link
    if not isinstance(link, Logistic | Probit):
        must = "Logistic or Probit for its temperature to vary"
        raise _validate.complaint("link", must, repr(link))
    return {
        f"{t:g}": (survey, replace(protocol, link=replace(link, temperature=t)))
        for t in sorted({*TEMPERATURES, link.temperature})
    }


def base_variants(survey: Survey, protocol: Protocol, file: str | Path | None = None) -> Variants:
    """Return the study from uniform sampling, from the answer shares and from a given file."""
    _check(survey, protocol)
    bases: dict[str, Any] = {"uniform": "uniform", "answers": "answers"}
    if file is not None:
        bases["file"] = read_base(file)
    return {name: (survey, replace(protocol, base=base)) for name, base in bases.items()}


def grouping_variants(surveys: Mapping[str, Survey], protocol: Protocol) -> Variants:
    """Return the study of the same questions under each grouping of the respondents."""
    _validate.instance("surveys", surveys, Mapping, "a mapping from names to surveys")
    for survey in surveys.values():
        _check(survey, protocol)
    return {name: (survey, protocol) for name, survey in surveys.items()}


def _check(survey: object, protocol: object) -> None:
    _validate.instance("survey", survey, Survey, "a Survey")
    _validate.instance("protocol", protocol, Protocol, "a Protocol")


def sensitivity(
    variants: Variants,
    *,
    reference: str | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> "pd.DataFrame":
    """Run the study under each variant and table its headline figures.

    Parameters
    ----------
    variants : mapping of str to (Survey, Protocol)
        By the name of the setting.
    reference : str, optional
        The setting that the others are compared with; the first if omitted.
    n_jobs, progress
        As for `study`.

    Returns
    -------
    DataFrame
        One row per variant: ``setting``, the headline figures of `Study.summary`, and how many
        questions are flippable that are not in the reference (``n_gained``) and the other way
        round (``n_lost``).

    Raises
    ------
    InputError
        If the reference is not one of the settings, or as for `study`.

    Examples
    --------
    >>> from socialpref.surveys import Protocol, read_starter, sensitivity, temperature_variants
    >>> table = sensitivity(temperature_variants(read_starter("country"), Protocol()))
    >>> table["setting"].tolist()
    ['0.25', '0.5', '1', '2', '4']
    """
    import pandas as pd

    figures = [
        "n_questions", "n_examined", "n_flippable", "share_flippable", "median_distance",
        "n_winner_flippable", "n_order_mismatch",
    ]  # fmt: skip
    _validate.instance("variants", variants, Mapping, "a mapping from names to settings")
    if not variants:
        raise _validate.complaint("variants", "at least one setting", "none")
    for one in variants.values():
        if not isinstance(one, tuple) or tuple(map(type, one)) != (Survey, Protocol):
            raise _validate.complaint("variants", "pairs of a Survey and a Protocol", "others")
    reference = next(iter(variants)) if reference is None else reference
    _validate.choice("reference", reference, variants)
    rows: list[dict[str, Any]] = []
    flippable: dict[str, set[str]] = {}
    for name, (survey, protocol) in variants.items():
        result = study(survey, protocol, n_jobs=n_jobs, progress=progress)
        facts = result.summary()
        flippable[name] = {
            r.question.key for r in result.results if r.finding and r.finding.flip.exists
        }
        rows.append({"setting": name} | {figure: facts[figure] for figure in figures})
    for row in rows:
        here, there = flippable[row["setting"]], flippable[reference]
        row |= {
            "n_gained": len(here - there),
            "n_lost": len(there - here),
            "is_reference": row["setting"] == reference,
        }
    return pd.DataFrame(rows)


def read_base(path: str | Path) -> dict[str, dict[str, float]]:
    """Read base distributions from a CSV file with columns ``question, option, share``.

    Raises
    ------
    DataError
        If the file is missing or not of that form.
    """
    import pandas as pd

    file = _validate.path("path", path)
    with reading(file):
        frame = read_table_file(file)
        if missing := [c for c in ("question", "option", "share") if c not in frame.columns]:
            raise InputError(f"the table must have a column {missing[0]!r}")
        frame["share"] = pd.to_numeric(frame["share"])
        return {
            str(key): dict(zip(rows["option"].astype(str), rows["share"], strict=True))
            for key, rows in frame.groupby("question", sort=False)
        }
