"""The rate at which panels agree, and the checks of the methods."""

import itertools
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from analyses import checks
from socialpref import InputError, Logistic, Population
from socialpref.comparisons import simulate
from socialpref.examples import mediocre_winner, ring
from socialpref.limits import agreement_rate
from socialpref.plots import checks as figures
from socialpref.plots.style import WIDTH

from .helpers import Floats, populations, printed, sampled

P = 1.0 / (1.0 + math.exp(-1.0))
"""The preference of a Bradley-Terry annotator at a gap of 1."""


class TestAgreementRate:
    def test_one_label_always_agrees(self) -> None:
        assert agreement_rate(Population([[3.0, 1.0, 0.0]])) == pytest.approx(1.0)

    def test_two_opposite_types_by_hand(self) -> None:
        both = Population([[1.0, 0.0], [-1.0, 0.0]])
        apart = 2.0 * P * (1.0 - P)
        assert agreement_rate(both, sampling=1.0 - np.eye(2)) == pytest.approx(apart)
        # Half the draws are of an option with itself: two coins agree half the time.
        assert agreement_rate(both) == pytest.approx((apart + 0.5) / 2.0)

    def test_replicas_by_hand(self) -> None:
        both = Population([[1.0, 0.0], [-1.0, 0.0]])
        three = P**2 * (1.0 - P) + (1.0 - P) ** 2 * P
        rate = agreement_rate(both, sampling=1.0 - np.eye(2), replicas=[2, 1])
        assert rate == pytest.approx(three)

    def test_panels_do_not_know_shares(self) -> None:
        rewards = [[2.0, 0.0, 1.0], [0.0, 1.0, 3.0]]
        assert agreement_rate(Population(rewards, [0.9, 0.1])) == agreement_rate(
            Population(rewards)
        )

    @pytest.mark.parametrize("state", [0, 17])
    def test_ring(self, state: int) -> None:
        assert agreement_rate(ring()[state]) == printed(0.156133, 6)

    @given(sampled())
    def test_equals_the_sum_over_all_outcomes(self, drawn: tuple[Population, Floats]) -> None:
        one, base = drawn
        d = (base + 0.01) / (base + 0.01).sum()
        total = 0.0
        for y, z in itertools.product(range(one.n_options), repeat=2):
            chances = [float(one.link(r[y] - r[z])) for r in one.rewards]
            total += d[y] * d[z] * (math.prod(chances) + math.prod(1.0 - p for p in chances))
        assert agreement_rate(one, sampling=d) == pytest.approx(total, abs=1e-12)

    @given(populations())
    def test_is_one_half_to_the_number_of_labels_less_one_at_high_temperature(
        self, one: Population
    ) -> None:
        calm = Population(one.rewards, one.shares, link=Logistic(1e6))
        assert agreement_rate(calm) == pytest.approx(2.0 ** (1 - one.n_types), rel=1e-4)

    def test_is_the_share_of_unanimous_panels(self) -> None:
        _, labels = simulate(mediocre_winner(), 300_000, "panel").panels()
        agree = labels.min(axis=1) == labels.max(axis=1)
        rate = agreement_rate(mediocre_winner())
        assert abs(agree.mean() - rate) < 4.0 * math.sqrt(rate * (1.0 - rate) / len(agree))

    @pytest.mark.parametrize("replicas", [[1], [1, -1, 1], [0, 0, 0]])
    def test_refuses_replicas(self, replicas: list[int]) -> None:
        with pytest.raises(InputError, match=r"^'replicas'"):
            agreement_rate(mediocre_winner(), replicas=replicas)


class TestModels:
    @pytest.mark.parametrize("link", checks.LINKS.values(), ids=checks.LINKS)
    def test_links_are_symmetric_and_increase(self, link: Any) -> None:
        gaps = np.linspace(-5.0, 5.0, 101)
        assert link(gaps) + link(-gaps) == pytest.approx(np.ones(101))
        assert (np.diff(link(gaps)) > 0.0).all()

    @pytest.mark.parametrize("name", ["Bradley-Terry", "probit", "heavy tails"])
    def test_links_are_as_steep_as_the_logistic(self, name: str) -> None:
        assert (checks.LINKS[name](1e-6) - 0.5) / 1e-6 == pytest.approx(0.25, rel=1e-5)

    def test_lapses_by_hand(self) -> None:
        assert checks.Lapse(0.2)(1.0) == pytest.approx(0.8 * P + 0.1)

    def test_own_temperatures(self) -> None:
        (one,) = checks.misspecified((mediocre_winner(),), checks.UNEVEN)
        assert one.rewards[:, 1] == pytest.approx([2.0, 1.5, 0.5])


class TestScores:
    def test_distance_by_hand(self) -> None:
        # Policies (1/2, 1/2) and (3/4, 1/4).
        assert checks.distance(np.zeros((1, 2)), np.array([[math.log(3.0), 0.0]])) == pytest.approx(
            0.25
        )

    def test_order_by_hand(self) -> None:
        target = np.array([[2.0, 1.0, 1.0]])  # the pair that is tied does not count
        assert checks.order(np.array([[1.0, 0.0, 2.0]]), target) == 0.5
        assert checks.order(np.array([[1.0, 1.0, 0.0]]), target) == 0.75

    def test_what_failed_has_no_score(self) -> None:
        assert math.isnan(checks.distance(None, np.zeros((1, 2))))
        assert math.isnan(checks.order(None, np.zeros((1, 2))))


class TestTemperature:
    def test_hot_limits_scaled_back_are_optimal(self) -> None:
        prompts = checks.SETTINGS["mediocre winner"]
        mean = checks.optimum(prompts)
        off = []
        for t in (10.0, 100.0):
            found = checks.limits(checks.noisy(prompts, t), ["DPO"])["DPO"]
            assert found is not None
            off.append(checks.distance(t * found, mean))
        assert off[1] < 0.2 * off[0] < 0.002

    def test_cold_dpo_scaled_back_is_uniform(self) -> None:
        prompts = checks.SETTINGS["mediocre winner"]
        found = checks.limits(checks.noisy(prompts, 0.01), ["DPO"])["DPO"]
        assert found is not None
        uniform = np.zeros((1, 3))
        assert checks.distance(0.01 * found, uniform) < 0.01

    def test_consistent_methods_have_the_scaled_optimum_at_every_temperature(self) -> None:
        prompts = checks.SETTINGS["random"]
        for t in (0.5, 3.0):
            found = checks.limits(checks.noisy(prompts, t), ["agreement-only", "reward averaging"])
            for rewards in found.values():
                assert checks.distance(rewards, checks.optimum(prompts) / t) < 1e-9


class TestRandomPopulations:
    @staticmethod
    def rows(**distances: list[float]) -> pd.DataFrame:
        return pd.DataFrame(
            {"part": "limit", "value": 1.0, "method": name, "seed": seed, "tv": value}
            for name, values in distances.items()
            for seed, value in enumerate(values)
        )

    def test_seed_7_is_the_random_population_of_the_other_checks(self) -> None:
        (one,), (other,) = checks.drawn(7, 7), checks.SETTINGS["random"]
        assert (one.rewards == other.rewards).all()

    def test_contests_are_counted_where_both_are_known(self) -> None:
        rows = self.rows(**{"corrected 1": [0.1, 0.3, math.nan, 0.2], "DPO": [0.2, 0.2, 0.2, 0.2]})
        (found,) = checks.contests(rows)
        assert found == {
            "nearer": "limit 1.0 corrected 1",
            "than": "limit 1.0 DPO",
            "populations": 1,
            "of": 3,
        }


class TestCrossing:
    @staticmethod
    def rows(indirect: list[float], direct: list[float]) -> pd.DataFrame:
        return pd.DataFrame(
            {"method": name, "seed": seed, "n": n, "tv": value}
            for name, values in (("A", indirect), ("B", direct))
            for seed in range(3)
            for n, value in zip((100, 1000, 10_000), values, strict=True)
        )

    def test_is_interpolated_in_the_logarithm(self) -> None:
        found = checks.crossing(self.rows([0.3, 0.2, 0.0], [0.1, 0.1, 0.1]), "A", "B", 10)
        assert found["from"] == pytest.approx(10**3.5)
        assert found["low"] == found["high"] == pytest.approx(10**3.5)

    def test_always_and_never(self) -> None:
        assert checks.crossing(self.rows([0, 0, 0], [1, 1, 1]), "A", "B", 10)["from"] == (
            pytest.approx(100)
        )
        assert checks.crossing(self.rows([0, 0, 1], [1, 1, 0]), "A", "B", 10)["from"] == math.inf


class TestWork:
    def test_finished_cells_are_kept_and_a_torn_line_is_done_again(self, tmp_path: Path) -> None:
        done = []

        def work(n: int) -> list[dict[str, Any]]:
            done.append(n)
            if n == 3 and done.count(3) == 1:
                raise KeyboardInterrupt
            return [{"square": n * n}]

        keep, cells = tmp_path / "kept.jsonl", [{"n": n} for n in (1, 2, 3)]
        with pytest.raises(KeyboardInterrupt):
            checks.worked(keep, cells, work)
        keep.write_text(keep.read_text()[:-4])  # as if it had been cut off while writing
        table = checks.worked(keep, cells, work)
        assert done == [1, 2, 3, 2, 3]
        assert list(table["square"]) == [1, 4, 9]
        checks.worked(keep, cells, work)
        assert len(done) == 5

    def test_all_methods_get_the_same_number_of_labels(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sizes = {}

        def counting(prompts: Any, n: int, kind: Any, **options: Any) -> Any:
            rows = simulate(prompts, n, kind, **options)
            sizes[kind] = len(rows)
            return rows

        monkeypatch.setattr(checks, "simulate", counting)
        found = checks.learned(checks.SETTINGS["mediocre winner"], 600, 0, checks.METHODS)
        assert sizes == dict.fromkeys(("anonymous", "linked", "panel", "typed"), 600)
        assert all(rewards is not None for rewards in found.values())

    @pytest.mark.slow
    def test_quick_run(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["checks.py", "--quick", "--out", str(tmp_path)])
        checks.main()
        for name in checks.CHECKS:
            assert (tmp_path / f"check_{name}.png").stat().st_size > 0
            assert (tmp_path / f"check_{name}.pdf").stat().st_size > 0
        table = pd.read_csv(tmp_path / "check_samples.csv")
        assert set(table["method"]) == set(checks.METHODS)
        assert table["mean"].between(0.0, 1.0).all()
        rates = pd.read_csv(tmp_path / "check_agreement.csv", index_col="name")
        assert rates.loc["ring of 40", "rate_all"] == printed(0.156133, 6)
        # A draw is of one action with itself in one case of 40, and such panels agree in 1/4.
        usable = 0.156133 - 0.25 / 40
        assert rates.loc["ring of 40", "cost_all"] == pytest.approx(3 / usable, rel=1e-5)
        assert rates.loc["ring of 40", "cost"] == pytest.approx(3 / usable * 39 / 40, rel=1e-5)
        assert len(pd.read_csv(tmp_path / "check_crossings.csv")) == 10
        capsys.readouterr()


class TestFigures:
    """Titles say what the tables hold."""

    @staticmethod
    def table(column: str, settings: tuple[float, ...], means: dict[str, Any]) -> pd.DataFrame:
        return pd.DataFrame(
            {"population": "p", "method": method, column: at, "limit": limit, "mean": mean,
             "interval": 0.01, "order": 0.5, "uniform": 0.3}
            for method, (limit, *values) in means.items()
            for at, mean in zip(settings, values, strict=True)
        )  # fmt: skip

    @staticmethod
    def title(figure: Any) -> str:
        figure.draw_without_rendering()
        assert figure.get_figwidth() <= WIDTH
        return " ".join(figure.get_suptitle().split())

    def test_noise(self) -> None:
        means = {"DPO": (0.1, 0.2, 0.1, 0.1), "agreement-only": (0.0, 0.1, 0.05, 0.09)}
        table = self.table("temperature", (1.0, 2.0, 4.0), means)
        assert self.title(figures.noise_curves(table, 3000)) == (
            "With 3,000 labels no method is clearly nearer than DPO from temperature 4 on"
        )
        table.loc[table["method"] == "agreement-only", "mean"] = 0.01
        assert "some method is clearly nearer" in self.title(figures.noise_curves(table, 3000))

    def test_samples(self) -> None:
        means = {"DPO": (0.1, 0.1, 0.12), "reward averaging": (0.0, 0.2, 0.01)}
        assert self.title(figures.sample_curves(self.table("n", (100, 1000), means))) == (
            "DPO has the least mean distance at 1 of 2 sizes; "
            "DPO is still 0.12 away with 1,000 labels"
        )

    def test_classes(self) -> None:
        means = {"latent classes": (np.nan, 0.3, 0.1), "corrected 1": (0.1, 0.1, 0.1)}
        assert self.title(figures.class_curves(self.table("n_classes", (1, 2), means), 2)) == (
            "Latent classes have the least mean distance with 2 of them: the true number"
        )

    def test_models(self) -> None:
        means = {"DPO": (0.1, 0.2), "agreement-only": (0.0, 0.01)}
        table = self.table("model", ("Bradley-Terry",), means)  # type: ignore[arg-type]
        other = table.assign(model="probit", limit=0.25)
        assert self.title(figures.link_dots(pd.concat([table, other]))) == (
            "Agreement-only: the limit is the optimum under Bradley-Terry; "
            "elsewhere it is 0.25 away"
        )
