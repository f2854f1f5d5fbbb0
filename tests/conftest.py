"""The worked examples of the theory, and how hypothesis runs.

By default examples are the same in every run, and nothing depends on how long they take, so that
a busy machine fails no test. ``HYPOTHESIS_PROFILE=explore`` looks at new and more examples.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from socialpref import Population

settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", settings.get_profile("default"), derandomize=False, max_examples=2000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def crowd() -> Population:
    """Return the mediocre winner's population: M is the favourite of one type in three."""
    return Population([[4.0, 1.0, 0.0], [0.0, 1.5, 0.0], [0.0, 1.0, 4.0]], options=["A", "M", "B"])


@pytest.fixture
def two_camps() -> Population:
    """Return the sampling example: its top two swap at distance 0.106697."""
    return Population([[0, -1, -2], [0, -2, 4]], options=["a", "b", "c"])


@pytest.fixture
def level() -> Population:
    """Return a population in which everything is tied."""
    return Population([[1, 1, 1], [2, 2, 2]], options=["x", "y", "z"])
