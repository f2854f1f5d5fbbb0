"""What theory says of every method, as properties of random populations."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import socialpref as sp
from socialpref import (
    DPO,
    AgreementOnly,
    CorrectedDPO,
    Logistic,
    Population,
    RewardAveraging,
    Winner,
    nbc,
    optimal_policy,
    ranking,
)
from socialpref.examples import mediocre_winner

from .helpers import Floats, distributions, populations

BRADLEY_TERRY = (Logistic(), Logistic(2.0))


@st.composite
def homogeneous(draw: st.DrawFn) -> Population:
    """Draw populations whose types all have the same rewards, up to a constant each."""
    one = draw(populations(types=1, options=5, links=BRADLEY_TERRY))
    constants = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3))
    return Population(one.rewards + np.array(constants)[:, None], link=one.link)


@settings(max_examples=30)
@given(homogeneous(), st.data())
def test_homogeneous_users_make_every_method_agree(
    population: Population, data: st.DataObject
) -> None:
    d: Floats = data.draw(distributions(population.n_options, positive=True))
    order = ranking(population.mean_rewards(), tolerance=1e-9)
    limits = (
        DPO().limit(population, sampling=d),
        CorrectedDPO(n_starts=0).limit(population, sampling=d),
        AgreementOnly().limit(population, sampling=d),
        RewardAveraging().limit(population, sampling=d),
    )
    for limit in limits:
        assert ranking(limit.rewards, tolerance=1e-8) == order
    assert ranking(nbc(population, d), tolerance=1e-10) == order
    if population.link == Logistic():
        best = optimal_policy(population).policy
        for limit in limits:
            np.testing.assert_allclose(limit.policy, best, atol=1e-8)


@settings(max_examples=30)
@given(populations(types=3, options=5), st.data())
def test_dpo_orders_as_nbc_under_every_sampling(
    population: Population, data: st.DataObject
) -> None:
    d: Floats = data.draw(distributions(population.n_options, positive=True))
    limit = DPO().limit(population, sampling=d)
    assert ranking(limit.rewards, tolerance=1e-9) == ranking(nbc(population, d), tolerance=1e-10)


@settings(max_examples=30)
@given(populations(types=3, options=5, links=(Logistic(),)), st.data())
def test_agreement_only_is_consistent_under_every_sampling(
    population: Population, data: st.DataObject
) -> None:
    d: Floats = data.draw(distributions(population.n_options, positive=True))
    equal = Population(population.rewards)
    found, best = AgreementOnly().limit(equal, sampling=d), optimal_policy(equal)
    np.testing.assert_allclose(found.rewards, best.rewards, atol=1e-6)


def test_no_sampling_dethrones_the_mediocre_winner() -> None:
    flip = sp.flip(mediocre_winner(), Winner())
    assert not flip.exists
    assert flip.certificate is not None
    flip.certificate.check()
