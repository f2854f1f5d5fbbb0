"""How long the study of the American Trends Panel takes, and how much memory.

Pew's files must not be passed on, so this writes files of their shape: 19 waves of 10,000
respondents and 120 questions, seeded, into a temporary folder. Then a fresh interpreter, on one
thread, runs ``study(read_atp(folder))`` with 200 replicates (``--replicates 0`` for none); its
wall time, its processor time and its peak memory are reported. Targets: 90 s and 2 GiB.
``--json FILE`` keeps the results.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# The nineteen waves of the published study.
WAVES = (35, 52, 79, 83, 99, 109, 111, 112, 114, 119, 120, 121, 126, 127, 128, 129, 130, 131, 132)
SECONDS, GIBIBYTES = 90.0, 2.0
SEED = 0

PARTIES = {1.0: "Rep/Lean Rep", 2.0: "Dem/Lean Dem", 9.0: "DK/Refused/No lean"}
NOT_ASKED, REFUSED = 0.5, 0.01
"""Share of respondents of the other form, and of those asked who refuse."""

MEASURED = """
import resource, sys, time
from socialpref.surveys import Bootstrap, read_atp, study
start = time.perf_counter()
survey = read_atp(sys.argv[1])
read = time.perf_counter() - start
replicates = int(sys.argv[2])
summary = study(survey, bootstrap=Bootstrap(replicates) if replicates else None).summary()
total = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
work = time.process_time()
print(len(survey), summary["n_examined"], summary["n_flippable"], read, total, peak, work)
"""


def write_wave(
    file: Path, wave: int, respondents: int, questions: int, rng: np.random.Generator
) -> None:
    """Write one wave: parties that differ in their answers, weights, every third form split."""
    import pyreadstat

    party = rng.choice([1.0, 2.0, 9.0], respondents, p=[0.44, 0.5, 0.06])
    columns = {
        "QKEY": np.arange(respondents, dtype=np.float64),
        f"FORM_W{wave}": rng.choice([1.0, 2.0], respondents),
        "F_PARTYSUM_FINAL": party,
        f"WEIGHT_W{wave}": rng.lognormal(-0.3, 0.8, respondents),
    }
    labels: dict[str, dict[int | float, str]] = {"F_PARTYSUM_FINAL": {**PARTIES}}
    for number in range(questions):
        size = int(rng.choice([2, 3, 4, 5, 6], p=[0.15, 0.2, 0.4, 0.2, 0.05]))
        answers = np.empty(respondents)
        for group in PARTIES:
            rows = party == group
            shares = rng.dirichlet(np.full(size, 2.0))
            answers[rows] = rng.choice(size, rows.sum(), p=shares) + 1.0
        answers[rng.random(respondents) < REFUSED] = 99.0
        if number % 3 == 0:
            answers[rng.random(respondents) < NOT_ASKED] = np.nan
        key = f"Q{number}_W{wave}"
        columns[key] = answers
        labels[key] = {float(y): f"Option {y}" for y in range(1, size + 1)} | {99.0: "Refused"}
    pyreadstat.write_sav(
        pd.DataFrame(columns),
        file,
        column_labels={key: f"What do you think of {key}?" for key in columns},
        variable_value_labels=labels,
    )


def measure(folder: Path, replicates: int) -> dict[str, Any]:
    """Run the study in an interpreter of its own."""
    start = time.perf_counter()
    output = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder), str(replicates)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return {
        "n_questions": int(output[0]),
        "n_examined": int(output[1]),
        "n_flippable": int(output[2]),
        "seconds_reading": float(output[3]),
        "seconds_in_all": float(output[4]),
        "seconds_with_start": time.perf_counter() - start,
        "peak_gibibytes": int(output[5]) / 2**20,
        "processor_seconds": float(output[6]),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--waves", type=int, default=len(WAVES))
    parser.add_argument("--respondents", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=120)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for wave in WAVES[: options.waves]:
            write_wave(
                folder / f"ATP W{wave}.sav", wave, options.respondents, options.questions, rng
            )
        result = measure(folder, options.replicates)
    print(
        f"{result['n_questions']} questions, {result['n_examined']} examined, "
        f"{result['n_flippable']} flippable\n"
        f"reading {result['seconds_reading']:.1f} s, with the study {result['seconds_in_all']:.1f} "
        f"s, with the interpreter's start {result['seconds_with_start']:.1f} s "
        f"(target {SECONDS:g} s), processor time {result['processor_seconds']:.1f} s\n"
        f"peak memory {result['peak_gibibytes']:.2f} GiB (target {GIBIBYTES:g} GiB)"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    met = result["seconds_with_start"] < SECONDS and result["peak_gibibytes"] < GIBIBYTES
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
