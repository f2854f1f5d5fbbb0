"""The analysis of DPO's bias by tokenizer and score: its parts, on pairs whose answer is known."""

import numpy as np
import pytest

from .llm_texts import dialogues

pytest.importorskip("trl")
from analyses import hh_bias as study
from socialpref import DPO, Population
from socialpref.llm import Pair
from socialpref.llm.experiments import length_rewards


def test_accuracies_are_those_of_the_exact_limits() -> None:
    """All pairs of some lengths, each with a coefficient of its own: DPO has its limit's order."""
    lengths = np.array([16, 80, 224, 240, 256, 336])
    first, second = np.triu_indices(len(lengths), 1)
    pairs = np.stack([lengths[first], lengths[second]], axis=1)
    crowd = Population(length_rewards(lengths))
    limit = DPO().limit(crowd, sampling=np.ones((6, 6)) - np.eye(6)).rewards
    mean = crowd.mean_rewards()
    wanted = np.mean((limit[first] > limit[second]) == (mean[first] > mean[second]))
    assert wanted == pytest.approx(13 / 15)
    found = study.accuracies(pairs, study.hats(16), np.full(len(pairs), 50.0))
    np.testing.assert_allclose(found, [wanted, 1.0])


def test_pairs_that_are_not_drawn_do_not_count() -> None:
    pairs = np.array([[512, 150], [256, 60], [100, 300], [200, 200]])
    some = study.accuracies(pairs, study.powers, np.array([2.0, 1.0, 0.0, 1.0]))
    same = study.accuracies(pairs[[0, 0, 1]], study.powers, np.ones(3))
    np.testing.assert_allclose(some, same)


def test_scores_and_words_by_hand() -> None:
    assert study.hats(64)(np.array([96.0]))[0, :4].tolist() == [0.0, 0.5, 0.5, 0.0]
    np.testing.assert_allclose(study.powers(np.array([256.0])), [[0.5, 0.25, 0.125]])
    assert study.words(["Yes, it's so."])["input_ids"] == [["Yes", ",", "it", "'", "s", "so", "."]]


@pytest.mark.slow
def test_the_table_and_the_figure() -> None:
    pairs = [Pair(*d) for d in dialogues(60)]
    table = study.biases(pairs, replicates=3, seed=0)
    assert len(table) == 4 * len(study.SCORES)
    assert (table["bias_low"] <= table["bias_high"]).all()
    assert np.isclose(table["bias"], table["agreement"] - table["dpo"]).all()
    assert study.markdown(table).count("\n") == 1 + table["tokenizer"].nunique()
    assert len(study.drawing(table).axes[0].get_yticks()) == table["tokenizer"].nunique()
