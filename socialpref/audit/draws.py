"""Draws of populations, a few at a time: kept in files, from which an interrupted run goes on."""

from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from .._files import results_folder
from ..comparisons import ClassMixture, Comparisons, populations_by_prompt
from ..population import Population

TOGETHER = 50
"""Draws that are made, and kept, together."""


def populations_of_prompts(
    rows: Comparisons,
    types: ClassMixture | Literal["given", "everybody"],
    prior: float | None,
    bootstrap: int,
    *,
    seed: int,
    keep: str | Path | None,
    progress: bool,
) -> tuple[Population, ...]:
    """Return the population of each prompt, with as many draws."""
    prior = None if isinstance(types, ClassMixture) else prior  # classes have one of their own
    crowds = populations_by_prompt(rows, types, prior=prior)
    if not bootstrap:
        return crowds
    from tqdm import tqdm

    name = "" if keep is None else _digest(rows, types, prior, seed)
    parts = []
    starts = range(0, bootstrap, TOGETHER)
    for start in tqdm(starts, "bootstrap", disable=not progress, leave=False):
        file = None if keep is None else Path(keep) / f"{name}-{start}.npz"
        size = min(TOGETHER, bootstrap - start)
        part = None if file is None else _kept(file, size)
        if part is None:
            rng = np.random.default_rng([seed, start])
            drawn = populations_by_prompt(rows, types, prior=prior, bootstrap=size, seed=rng)
            part = {}
            for x, one in enumerate(drawn):
                assert one.draws is not None
                part |= {f"rewards{x}": one.draws.rewards, "shares": one.draws.shares}
            if file is not None:
                with results_folder(file.parent) as folder:
                    np.savez(folder / file.name, **part)  # type: ignore[arg-type]
        parts.append(part)
    shares = np.concatenate([part["shares"] for part in parts])
    return tuple(
        crowd.with_draws(np.concatenate([part[f"rewards{x}"] for part in parts]), shares)
        for x, crowd in enumerate(crowds)
    )


def _kept(file: Path, size: int) -> Mapping[str, NDArray[Any]] | None:
    """Return the draws in a file, if it holds so many."""
    try:
        with np.load(file) as held:
            part = {name: held[name] for name in held.files}
    except (OSError, ValueError, BadZipFile):
        return None
    return part if len(part.get("shares", ())) == size else None


def _digest(rows: Comparisons, types: Any, prior: float | None, seed: int) -> str:
    """Return a name for everything that draws depend on."""
    said = sha256(repr((prior, seed, rows.n_prompts, rows.n_options)).encode())
    for part in (rows, types):
        if isinstance(part, str):
            said.update(part.encode())
            continue
        for field in fields(part):
            value = getattr(part, field.name)
            said.update(value.tobytes() if isinstance(value, np.ndarray) else b"|")
    return said.hexdigest()[:16]
