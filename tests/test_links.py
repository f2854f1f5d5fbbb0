"""Links of other shapes: their values, their scale, and what the package makes of them."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from socialpref import (
    DPO,
    AgreementOnly,
    ConvergenceError,
    CorrectedDPO,
    InputError,
    LatentClasses,
    Logistic,
    Population,
    Probit,
    RewardAveraging,
    Winner,
    compare_rules,
    flip,
    nbc,
)
from socialpref.comparisons import simulate
from socialpref.examples import mediocre_winner, two_camps
from socialpref.limits import agreement_rate
from socialpref.links import (
    Linear,
    LogisticWithLapses,
    Scaled,
    StudentT,
    Tan,
    logistic_temperature,
)
from socialpref.theory import (
    Pairs,
    anonymous_twin,
    at_temperature,
    average_reward_bounds,
    bradley_terry_misfit,
    consistent_loss_exists,
    crossing_temperatures,
    information,
    open_pairs,
)

from .helpers import Floats, refuses

LINKS: tuple[Scaled, ...] = (
    *(Logistic(), Logistic(0.5), Probit(1.702), LogisticWithLapses(0.05), StudentT(2), Linear(3.0)),
    *(LogisticWithLapses(0.3, 2.0), StudentT(0.5, 3.0), Tan(4.0)),
)
each = pytest.mark.parametrize("link", LINKS, ids=repr)
UNLIKE = (LogisticWithLapses(0.05), StudentT(2), Linear(4.0), Tan(6.0))
"""Links under which the worked populations, with gaps up to 6, have probabilities."""
unlike = pytest.mark.parametrize("link", UNLIKE, ids=repr)


@pytest.mark.parametrize(
    ("link", "gap", "right"),
    [
        (LogisticWithLapses(0.1), 0.0, 0.5),
        (LogisticWithLapses(0.1), math.log(3.0), 0.7),  # 0.1 + 0.8 * 3/4
        (LogisticWithLapses(0.1, 2.0), -2.0 * math.log(3.0), 0.3),
        (LogisticWithLapses(0.1), 1e4, 0.9),
        (Linear(), 1.0, 0.75),
        (Linear(2.0), -4.0, 0.0),
        (Tan(), math.atan(1.0), 0.75),
        (Tan(2.0), -2.0 * math.atan(2.0), 0.0),
        (StudentT(1), 1.0, 0.75),  # Cauchy's
        (StudentT(2), math.sqrt(2.0), 0.5 + 0.5 / math.sqrt(2.0)),  # 1/2 + x / (2 sqrt(2 + x^2))
        (StudentT(5, 0.5), 1.0, stats.t.cdf(2.0, 5)),
    ],
)
def test_values(link: Scaled, gap: float, right: float) -> None:
    assert float(link(gap)) == pytest.approx(right, abs=1e-12)


@each
def test_a_link_is_symmetric_increasing_and_knows_its_slope(link: Scaled) -> None:
    x = np.linspace(0.0, min(link.reach, 50.0), 500)
    np.testing.assert_allclose(link(x) + link(-x), 1.0, atol=1e-14)
    assert (np.diff(link(x)) > -1e-15).all()
    assert ((link(-x) >= 0.0) & (link(x) <= 1.0)).all()
    assert (link(1e-5) - link(-1e-5)) / 2e-5 == pytest.approx(link.slope, rel=1e-6)
    inside = x[:-1]
    np.testing.assert_allclose(link.log(-inside), np.log(link(-inside)), rtol=1e-9, atol=1e-12)
    assert link.with_slope(0.25).slope == pytest.approx(0.25)
    assert type(link.with_slope(0.1)) is type(link)
    assert link.at_temperature(7.0).temperature == 7.0


def test_logarithms_do_not_underflow() -> None:
    far = np.array([-1000.0])
    assert Logistic().log(far)[0] == -1000.0
    assert LogisticWithLapses(0.0).log(far)[0] == -1000.0
    assert LogisticWithLapses(0.05).log(far)[0] == pytest.approx(math.log(0.05))


def test_a_link_ends_where_its_probabilities_do() -> None:
    for link in (Linear(), Tan()):
        with refuses("gap"):
            link([0.0, 1.001 * link.reach])
        Population([[link.reach, 0.0]], link=link)
        with pytest.raises(InputError, match=f"'link' must be .*ends; got at {link.reach:.4g}"):
            Population([[1.001 * link.reach, 0.0]], link=link)
    with refuses("link"):
        at_temperature(Population([[2.0, 0.0]], link=Linear()), 0.9)
    with pytest.raises(ConvergenceError, match="preferences of 0 or 1"):
        DPO().limit(Population([[2.0, 0.0]], link=Linear()))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: LogisticWithLapses(0.5), "lapse"),
        (lambda: LogisticWithLapses(-0.01), "lapse"),
        (lambda: LogisticWithLapses(0.1, 0.0), "temperature"),
        (lambda: LogisticWithLapses("much"), "lapse"),  # type: ignore[arg-type]
        (lambda: StudentT(0.0), "degrees"),
        (lambda: StudentT(2, -1.0), "temperature"),
        (lambda: Linear(0.0), "temperature"),
        (lambda: Tan(math.inf), "temperature"),
        (lambda: Logistic().with_slope(0.0), "slope"),
    ],
)
def test_bad_links(make: Any, named: str) -> None:
    with refuses(named):
        make()


def test_which_links_are_logistic() -> None:
    assert logistic_temperature(Logistic(2.0)) == 2.0
    assert logistic_temperature(Logistic(), 0.1) is None
    assert logistic_temperature(LogisticWithLapses(0.1, 3.0), 0.1) == 3.0
    assert logistic_temperature(LogisticWithLapses(0.1)) is None
    assert logistic_temperature(Probit()) is None


# --- everything that takes a link works with these, or refuses --------------------------


@unlike
def test_rules_flips_limits_and_samples(link: Scaled) -> None:
    camps = Population(two_camps().rewards, link=link)
    p = np.array([[[float(link(a - b)) for b in row] for a in row] for row in camps.rewards])
    np.testing.assert_allclose(camps.pairwise(), p.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(nbc(camps), p.mean(axis=(0, 2)), atol=1e-15)
    found = flip(camps, Winner())
    if found.certificate is not None:
        found.certificate.check()
    compare_rules(camps)
    for method in (DPO(), AgreementOnly(), RewardAveraging()):
        if p.min() > 0.0:
            assert method.limit(camps).residual < 1e-8
    s = 1 / (1 + np.exp(-np.subtract.outer(*2 * (DPO().limit(camps).rewards,))))
    np.testing.assert_allclose(s.mean(axis=1), nbc(camps), atol=1e-8)
    with refuses("population"):
        LatentClasses(2).limit(camps)
    rows = simulate(camps, 20_000, seed=0)
    won = rows.label[(rows.first == 0) & (rows.second == 1)]
    assert won.mean() == pytest.approx(p[:, 0, 1].mean(), abs=5 * 0.5 / math.sqrt(len(won)))
    assert agreement_rate(camps) == pytest.approx(
        (p.prod(axis=0) + (1 - p).prod(axis=0)).mean(), rel=1e-9
    )


@unlike
def test_theory_works_with_a_link_or_refuses(link: Scaled) -> None:
    camps = Population(two_camps().rewards, link=link)
    misfit = bradley_terry_misfit(camps)
    logit = np.log(camps.pairwise() / camps.pairwise().T)
    assert misfit.cycle_defect == pytest.approx(abs(logit[1, 0] + logit[2, 1] - logit[2, 0]))
    pair = Population(camps.rewards[:, [0, 2]], link=link)
    bounds = average_reward_bounds(pair, 0, 1, bound=6.0)
    assert bounds.lower <= bounds.gap <= bounds.upper
    with pytest.raises(InputError, match="logistic"):
        information(camps, Pairs())
    with pytest.raises(InputError, match="logistic"):
        open_pairs(camps)
    assert CorrectedDPO(n_starts=0).limit(camps).residual < 1e-6


def test_lapses_move_the_crossing_temperature_nowhere() -> None:
    """NBC of answers with lapses is a straight function of NBC without."""
    lapsed = Population(mediocre_winner().rewards, link=LogisticWithLapses(0.1))
    (crossing,) = crossing_temperatures(lapsed, 0, 1).temperatures
    assert crossing == pytest.approx(1.64241, abs=5e-6)


def test_a_linear_link_identifies_the_average() -> None:
    """The mean probability is a straight function of the mean gap: there is no twin."""
    pair = Population([[1.0, 0.0], [-3.0, 0.0]], [0.7, 0.3], link=Linear(2.0))
    found = average_reward_bounds(pair, 0, 1)
    assert (found.lower, found.upper) == pytest.approx((-0.2, -0.2), abs=1e-9)
    assert anonymous_twin(pair).distance < 1e-9
    with pytest.raises(InputError, match=r"'bound' must be a number in \[3, 4\]; got 5"):
        average_reward_bounds(pair, 0, 1, bound=5)
    curved = Population(pair.rewards / 3, pair.shares, link=Tan(1.0))
    assert average_reward_bounds(curved, 0, 1).upper > curved.mean_rewards()[0]


# --- under which links a consistent loss exists -----------------------------------------


@pytest.mark.parametrize("n_types", [2, 3])
@pytest.mark.parametrize(
    ("link", "exists"),
    [
        (Logistic(), True),
        (Logistic(0.2), True),
        (Linear(), True),
        (LogisticWithLapses(0.05), True),
        (LogisticWithLapses(0.1), True),
        (Tan(), True),
        (Probit(), False),
        (Probit(1.702), False),
        (StudentT(2), False),
        (StudentT(2).with_slope(), False),
    ],
    ids=repr,
)
def test_published_ranks_of_links(link: Scaled, n_types: int, exists: bool) -> None:
    found = consistent_loss_exists(link, n_types)
    assert found.exists == exists
    assert found.ratio <= 1e-14 if exists else found.ratio > 1e-3
    assert found.uses_disagreements == (exists and not isinstance(link, Logistic))
    assert f"{found.ratio:.1e} of the largest" in found.describe()


def test_the_weights_of_lapses_linear_and_tangent_links_vanish_on_the_surface() -> None:
    """Each by its formula: products of p - g; the sum of p; and the tangent of a sum."""
    rng = np.random.default_rng(0)
    D = rng.uniform(-0.2, 0.3, (50, 3))
    D += 0.1 - D.mean(axis=1, keepdims=True)
    p, g = LogisticWithLapses(0.05)(D), 0.05
    h = np.exp(3 * 0.1)
    np.testing.assert_allclose((p - g).prod(axis=1), h * (1 - g - p).prod(axis=1), rtol=1e-12)
    np.testing.assert_allclose(Linear()(D).sum(axis=1), 1.5 + 3 * 0.1 / 4, rtol=1e-12)
    x, y, z = 4 * (Tan()(D).T - 0.5)
    np.testing.assert_allclose(
        x + y + z - x * y * z, math.tan(0.3) * (1 - x * y - y * z - z * x), atol=1e-12
    )


def test_what_rounding_leaves_open_is_refused() -> None:
    def nearly(gap: Any) -> Floats:
        return np.asarray((1 - 1e-7) * Logistic()(gap) + 1e-7 * Probit()(gap))

    with pytest.raises(ConvergenceError, match="whether a consistent loss exists is open"):
        consistent_loss_exists(nearly, 2, reach=4.0)

    def mixed(gap: Any) -> Floats:
        return np.asarray(0.5 * Logistic()(gap) + 0.5 * Probit()(gap))

    assert not consistent_loss_exists(mixed, 2, reach=4.0).exists
    for options, named in (
        ({"link": mixed, "n_types": 2}, "reach"),
        ({"link": Logistic(), "n_types": 1}, "n_types"),
        ({"link": Logistic(), "n_types": 9}, "n_types"),
        ({"link": Logistic(), "n_types": 2, "reach": 0.0}, "reach"),
        ({"link": Logistic(), "n_types": 2, "reach": 2000.0}, "reach"),
        ({"link": Linear(), "n_types": 2, "reach": 3.0}, "link"),
        ({"link": "logistic", "n_types": 2, "reach": 3.0}, "link"),
    ):
        with refuses(named):
            consistent_loss_exists(**options)  # type: ignore[arg-type]


# --- the loss that corrects for lapses --------------------------------------------------


@st.composite
def lapsing(draw: st.DrawFn) -> tuple[Population, float]:
    """Draw equal types whose annotators lapse, and the rate."""
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    lapse = draw(st.sampled_from([0.01, 0.05, 0.1, 0.3]))
    rewards = rng.normal(size=(int(rng.integers(1, 5)), int(rng.integers(2, 6))))
    return Population(rewards, link=LogisticWithLapses(lapse)), lapse


@settings(max_examples=10)
@given(lapsing())
def test_the_corrected_loss_is_stationary_at_the_average(drawn: tuple[Population, float]) -> None:
    """The expected derivative of its formula vanishes on every pair."""
    population, lapse = drawn
    h = AgreementOnly(lapse=lapse).limit(population).rewards
    T, K = population.rewards.shape
    for y, z in product(range(K), repeat=2):
        p = lapse + (1 - 2 * lapse) / (
            1 + np.exp(population.rewards[:, z] - population.rewards[:, y])
        )
        t = 1 / (1 + np.exp(-T * (h[y] - h[z])))
        slope = sum(
            np.where(x, p, 1 - p).prod()
            * (np.prod(1 - lapse - np.array(x)) * t - np.prod(np.array(x) - lapse) * (1 - t))
            for x in product((0, 1), repeat=T)
        )
        assert abs(slope) < 1e-12


@pytest.mark.parametrize("lapse", [0.05, 0.1])
def test_its_bias_is_0_on_the_mediocre_winner(lapse: float) -> None:
    crowd = Population(mediocre_winner().rewards, link=LogisticWithLapses(lapse))
    means = crowd.mean_rewards() - crowd.mean_rewards().mean()
    corrected = AgreementOnly(lapse=lapse).limit(crowd).rewards
    np.testing.assert_allclose(corrected, means, atol=1e-12)
    ignored = AgreementOnly().limit(crowd).rewards - means
    gaps = np.array([ignored[y] - ignored[z] for y, z in ((0, 1), (0, 2), (1, 2))])
    published = {0.05: 0.1100, 0.1: 0.1535}
    assert math.sqrt(np.mean(gaps**2)) == pytest.approx(published[lapse], abs=5e-5)


def test_another_rate_than_the_annotators_is_fitted_or_refused() -> None:
    crowd = mediocre_winner()
    slightly = AgreementOnly(lapse=0.01).limit(crowd)
    P = crowd.rewards[:, :, None] - crowd.rewards[:, None, :]
    a = (1 / (1 + np.exp(-P)) - 0.01).prod(axis=0)
    t = 1 / (1 + np.exp(-3 * np.subtract.outer(slightly.rewards, slightly.rewards)))
    np.testing.assert_allclose((a - (a + a.T) * t).sum(axis=1), 0.0, atol=1e-14)
    for lapse in (0.02, 0.1):
        with refuses("lapse"):
            AgreementOnly(lapse=lapse).limit(crowd)
    # Preferences of one type beyond the assumed lapses, and a minimum all the same.
    mixed = Population(np.random.default_rng(0).normal(size=(3, 4)))
    found = AgreementOnly(lapse=0.15).limit(mixed)
    gaps = mixed.rewards[:, :, None] - mixed.rewards[:, None, :]
    excess = 1 / (1 + np.exp(-gaps)) - 0.15
    assert excess.min() < 0.0
    a = excess.prod(axis=0)
    t = 1 / (1 + np.exp(-3 * np.subtract.outer(found.rewards, found.rewards)))
    np.testing.assert_allclose((a - (a + a.T) * t).sum(axis=1), 0.0, atol=1e-12)
    with pytest.raises(InputError, match=r"'lapse' must leave the loss a minimum; got 0\.2"):
        AgreementOnly(lapse=0.2).limit(mixed)
    for wrong in (0.5, -0.1, "0.1"):
        with refuses("lapse"):
            AgreementOnly(lapse=wrong)  # type: ignore[arg-type]


def test_replicated_labels_are_corrected_too() -> None:
    crowd = Population([[1.0, 0.0], [-2.0, 0.0]], [0.75, 0.25], link=LogisticWithLapses(0.1))
    found = AgreementOnly(replicas=(3, 1), lapse=0.1).limit(crowd).rewards
    assert found[0] - found[1] == pytest.approx(0.25)
    other = Population(crowd.rewards, crowd.shares, link=LogisticWithLapses(0.11))
    found = AgreementOnly(replicas=(3, 1), lapse=0.1).limit(other).rewards
    p = other.link(np.array([1.0, -2.0])) - 0.1
    q = other.link(np.array([-1.0, 2.0])) - 0.1
    right = math.log(p[0] ** 3 * p[1] / (q[0] ** 3 * q[1])) / 4
    assert found[0] - found[1] == pytest.approx(right)
