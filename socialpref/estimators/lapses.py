"""Fits that know the rate of lapses: reward models of types, and the corrected agreement loss."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError, InputError
from ..links import Logistic, LogisticWithLapses, log_logistic
from .sandwich import EMPTY, inverse, laplacian, pulls

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
STEPS, HALVINGS = 500, 40
ACCURACY = 1e-9
"""The last step, beside the largest reward or 1."""
ROUNDING = 1e-13
"""By how much of itself rounding may lower the likelihood."""


class Slopes(NamedTuple):
    """A log-likelihood at the gaps of some rows: its value, and what each row adds to the rest.

    Attributes
    ----------
    value : float
    scores : ndarray, shape (n,)
        First derivatives by the gap.
    bends : ndarray, shape (n,)
        Second derivatives, with a minus.
    information : ndarray, shape (n,)
        What these are expected to be.
    """

    value: float
    scores: Floats
    bends: Floats
    information: Floats


def lapsing_likelihood(labels: Floats, counts: Floats, lapse: float) -> Callable[[Floats], Slopes]:
    """Return the likelihood of labels, each given by a toss of a coin with probability 2 lapse."""
    link = LogisticWithLapses(lapse)

    def at(gaps: Floats) -> Slopes:
        wins, losses, clear = link(gaps), link(-gaps), Logistic()(gaps)
        slope = (1.0 - 2.0 * lapse) * clear * Logistic()(-gaps)
        logs = labels * np.log(wins) + (1.0 - labels) * np.log(losses)
        rates = slope / wins, slope / losses
        turn = 1.0 - 2.0 * clear  # the second derivative of the link over the first
        return Slopes(
            float(counts @ logs),
            counts * (labels * rates[0] - (1.0 - labels) * rates[1]),
            counts
            * (
                labels * rates[0] * (rates[0] - turn)
                + (1.0 - labels) * rates[1] * (rates[1] + turn)
            ),
            counts * rates[0] * rates[1],
        )

    return at


def agreement_likelihood(first: Floats, second: Floats) -> Callable[[Floats], Slopes]:
    """Return the likelihood of weights of panels that prefer the first option, and the second."""

    def at(gaps: Floats) -> Slopes:
        wins, losses = Logistic()(gaps), Logistic()(-gaps)
        value = first @ log_logistic(gaps) + second @ log_logistic(-gaps)
        bends = (first + second) * wins * losses
        return Slopes(float(value), first * losses - second * wins, bends, bends)

    return at


def climb(
    likelihood: Callable[[Floats], Slopes], pairs: Integers, start: Floats, prior: float
) -> tuple[Floats, Floats]:
    """Return the rewards at a maximum of a likelihood with its prior, and the inverse information.

    By Newton's method; where the likelihood does not bend downwards, by steps of Fisher's scoring.

    Raises
    ------
    InputError
        If pairs leave options apart and there is no prior.
    ConvergenceError
        If there is no finite maximum, or it is not reached.
    """
    size = len(start)
    first, second = pairs.T

    def inverted(weights: Floats) -> Floats | None:
        try:
            return inverse(laplacian(pairs, weights, size), prior)
        except InputError:
            return None

    even = likelihood(np.zeros(len(pairs))).information
    inverse(laplacian(pairs, even, size), prior)  # options apart are refused

    def at(rewards: Floats) -> tuple[float, Slopes]:
        slopes = likelihood(rewards[first] - rewards[second])
        return slopes.value - 0.5 * prior * float(rewards @ rewards), slopes

    rewards = start - start.mean()
    value, slopes = at(rewards)
    for _ in range(STEPS):
        expected, newton = inverted(slopes.information), inverted(slopes.bends)
        level = slopes.information.max() <= EMPTY * even.max()
        if expected is None or (level and not prior):
            break  # rewards run away
        bread = expected if newton is None else newton
        step = bread @ (pulls(pairs, slopes.scores, size) - prior * rewards)
        small = np.abs(step).max() <= ACCURACY * max(1.0, float(np.abs(rewards).max()))
        if small and newton is not None:
            return rewards + step, expected
        for _ in range(HALVINGS):
            new, then = at(rewards + step)
            if new >= value - ROUNDING * abs(value):
                break
            step = step / 2.0
        rewards, value, slopes = rewards + step, new, then
    raise ConvergenceError(
        "lapses: the rewards run away, for some option wins more often than the rate of lapses "
        "allows; it takes more labels, a smaller 'lapse' or a 'prior'"
    )
