"""How far the study's headline figures depend on its settings.

Each aspect of the protocol is varied on its own: the smoothing of empty cells, the base
distribution, the temperature of the link, the shares of the groups, the grouping of the
respondents. The answer is one table per aspect, one row per setting.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .._tables import read_table_file, reading
from ..errors import InputError
from ..links import Scaled
from .protocol import Protocol
from .shares import with_points
from .studies import Study, study
from .survey import Survey

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Variants = Mapping[str, tuple[Survey, Protocol]]

SMOOTHING = (1e-15, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.5)
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0)
MIXTURES = (0.25, 0.5, 0.75)
"""Shares of the answers in a mixture with uniform sampling."""
N_RANDOM, SEED = 5, 0
"""Number of random sampling distributions, and their seed."""
POINTS = 0.03
"""A usual error of weighted shares of groups."""
FIGURES = (
    "n_questions", "n_examined", "n_flippable", "share_flippable", "median_distance",
    "n_winner_flippable", "n_share_flippable", "median_share_distance", "n_order_mismatch",
)  # fmt: skip


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
    if not isinstance(link, Scaled):
        must = "one with a temperature, such as Logistic(), for it to vary"
        raise _validate.complaint("link", must, repr(link))
    return {
        f"{t:g}": (survey, replace(protocol, link=link.at_temperature(t)))
        for t in sorted({*TEMPERATURES, link.temperature})
    }


def base_variants(survey: Survey, protocol: Protocol, file: str | Path | None = None) -> Variants:
    """Return the study from each of a family of sampling distributions.

    The family goes from uniform sampling to the answers: ``uniform``; ``25 %``, ``50 %`` and
    ``75 % answers``, the rest uniform; ``answers``, each option as often as it was answered. Away
    from the answers goes ``unpopular``, where the other K - 1 options' answers are shared out: an
    option of share a has (1 - a)/(K - 1). ``random 1`` to ``random 5`` are drawn for each question
    by `SEED` from all distributions alike.

    Parameters
    ----------
    survey : Survey
    protocol : Protocol
    file : str or Path, optional
        A file of base distributions to add, as `read_base` reads it.
    """
    _check(survey, protocol)
    names: dict[str, Any] = {"uniform": "uniform"}
    names |= {f"{t:.0%} answers".replace("%", " %"): partial(_mixed, t) for t in MIXTURES}
    names |= {"answers": "answers", "unpopular": _unpopular}
    names |= {f"random {i}": partial(_random, i) for i in range(1, N_RANDOM + 1)}
    bases = {name: _bases(survey, protocol, base) for name, base in names.items()}
    if file is not None:
        bases["file"] = read_base(file)
    return {name: (survey, replace(protocol, base=base)) for name, base in bases.items()}


def _bases(survey: Survey, protocol: Protocol, base: Any) -> Any:
    """Return a base by its name, or that which a function of the answer shares gives."""
    if isinstance(base, str):
        return base
    bases = {}
    for question in map(protocol.counted, survey):
        shares = base(question.key, question.group_shares @ question.choice_shares)
        bases[question.key] = dict(zip(question.options, shares.tolist(), strict=True))
    return bases


def _mixed(weight: float, key: str, answers: Floats) -> Floats:
    return weight * answers + (1.0 - weight) / len(answers)


def _unpopular(key: str, answers: Floats) -> Floats:
    return (1.0 - answers) / (len(answers) - 1)


def _random(number: int, key: str, answers: Floats) -> Floats:
    return np.random.default_rng((SEED, number, *key.encode())).dirichlet(np.ones(len(answers)))


def share_variants(survey: Survey, protocol: Protocol) -> Variants:
    """Return the study under other shares of the groups.

    ``as studied`` are the shares of the protocol; ``observed`` those of the answers and ``equal``
    the same for every group. In the other two each question's largest group has 3 percentage
    points more or less than as studied, and the others give or take in proportion to their
    shares: an error that survey weights often have.
    """
    _check(survey, protocol)
    counted = tuple(map(protocol.counted, survey))
    variants = {
        "as studied": counted,
        "observed": tuple(question.with_shares("observed") for question in survey),
        "equal": tuple(question.with_shares("equal") for question in survey),
        "largest group +3 points": tuple(with_points(question, POINTS) for question in counted),
        "largest group -3 points": tuple(with_points(question, -POINTS) for question in counted),
    }
    own = replace(protocol, group_shares=None)
    return {
        name: (replace(survey, questions=questions), own) for name, questions in variants.items()
    }


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
        One row per variant: ``setting``, the headline figures of `Study.summary`, how many
        questions are flippable that are not in the reference (``n_gained``) and the other way
        round (``n_lost``), and how many have another NBC order (``n_other_order``) or another
        winner (``n_other_winner``) than there, of those examined in both.

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

    _validate.instance("variants", variants, Mapping, "a mapping from names to settings")
    if not variants:
        raise _validate.complaint("variants", "at least one setting", "none")
    for one in variants.values():
        if not isinstance(one, tuple) or tuple(map(type, one)) != (Survey, Protocol):
            raise _validate.complaint("variants", "pairs of a Survey and a Protocol", "others")
    reference = next(iter(variants)) if reference is None else reference
    _validate.choice("reference", reference, variants)
    results = {
        name: study(survey, protocol, n_jobs=n_jobs, progress=progress)
        for name, (survey, protocol) in variants.items()
    }
    there = results[reference]
    rows = []
    for name, here in results.items():
        facts = here.summary()
        rows.append(
            {"setting": name}
            | {figure: facts[figure] for figure in FIGURES}
            | {
                "n_gained": len(_flippable(here) - _flippable(there)),
                "n_lost": len(_flippable(there) - _flippable(here)),
                "n_other_order": _differing(_orders(here), _orders(there)),
                "n_other_winner": _differing(_orders(here, 1), _orders(there, 1)),
                "is_reference": name == reference,
            }
        )
    return pd.DataFrame(rows)


def _flippable(result: Study) -> set[str]:
    return {r.question.key for r in result.results if r.finding and r.finding.flip.exists}


def _orders(result: Study, n_first: int | None = None) -> dict[str, list[set[str]]]:
    """Return the first groups of tied options in each question's NBC order; all if omitted."""
    return {
        r.question.key: [
            {r.question.options[y] for y in group} for group in r.finding.nbc_order.groups[:n_first]
        ]
        for r in result.results
        if r.finding
    }


def _differing(here: Mapping[str, Any], there: Mapping[str, Any]) -> int:
    return sum(order != there[key] for key, order in here.items() if key in there)


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
