"""Time 1,000 replicates of every question, as arrays and as a loop over replicates.

    SOCIALPREF_DATA=... python benchmarks/bootstrap.py

All 494 questions of OpinionQA by party (the starter set if SOCIALPREF_DATA is not set), counts
drawn anew a thousand times. The peer goes through the replicates of a seeded sample of questions
one by one, with the same closed form for each; its time is scaled to all of them. Both give the
same distances to 1e-9. Times are processor time, which other work on the machine hardly changes.
Target for OpinionQA: under 5 seconds for all replicates, certificates not counted.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from socialpref import Population
from socialpref.flips import pair_flip_distances
from socialpref.surveys import (
    Bootstrap,
    Protocol,
    Question,
    Survey,
    read_opinionqa,
    read_starter,
    replicate,
    study,
)
from socialpref.surveys.uncertainty import draw_shares

Floats = NDArray[np.float64]
PROTOCOL = Protocol()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=12, help="questions for the peer")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    data = os.environ.get("SOCIALPREF_DATA")
    survey = read_opinionqa(Path(data) / "opinionqa") if data else read_starter()
    bootstrap = Bootstrap(options.replicates)

    whole = [_seconds(study, survey, PROTOCOL, bootstrap) for _ in range(options.repeats)]
    drawn = [_seconds(_all, survey, bootstrap) for _ in range(options.repeats)]
    examined = [q for q in survey if q.n_options >= PROTOCOL.min_options]
    chosen = np.random.default_rng(0).choice(len(examined), options.sample, replace=False)
    arrays = loop = 0.0
    for question in (examined[i] for i in chosen):
        arrays += np.median(
            [_seconds(replicate, question, PROTOCOL, bootstrap) for _ in range(options.repeats)]
        )
        start = time.process_time()
        one_by_one = _loop(question, bootstrap)
        loop += time.process_time() - start
        ours = replicate(question, PROTOCOL, bootstrap).flip
        np.testing.assert_allclose(ours, one_by_one, atol=1e-9)

    print(f"{survey.name}: {len(survey)} questions, {options.replicates} replicates each")
    print(f"the whole study, certified    {np.median(whole):8.2f} s  (median of {options.repeats})")
    print(f"all replicates                {np.median(drawn):8.2f} s")
    print(f"one question, as arrays       {arrays / options.sample:8.4f} s")
    print(
        f"one question, in a loop       {loop / options.sample:8.4f} s  ratio {loop / arrays:.0f}"
    )


def _all(survey: Survey, bootstrap: Bootstrap) -> None:
    """Draw every question again that the study would."""
    for question in survey:
        enough = question.n_respondents >= PROTOCOL.min_respondents_per_option * question.n_options
        if question.n_options >= PROTOCOL.min_options and enough:
            replicate(question, PROTOCOL, bootstrap)


def _loop(question: Question, bootstrap: Bootstrap) -> list[float]:
    choices, groups = draw_shares(question, bootstrap.resolve(question), bootstrap)
    limits = {"margin": PROTOCOL.margin, "floor": PROTOCOL.floor}
    return [
        float(np.fmin.reduce(pair_flip_distances(_matrix(c, g), **limits), axis=None))
        for c, g in zip(choices, groups, strict=True)
    ]


def _matrix(choices: Floats, groups: Floats) -> Floats:
    return Population.from_choice_shares(choices, groups, smoothing=1e-15).pairwise()


def _seconds(function: Callable[..., object], *arguments: object) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


if __name__ == "__main__":
    main()
