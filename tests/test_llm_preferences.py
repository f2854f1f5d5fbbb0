"""Comparisons of texts as data sets for TRL's trainers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from socialpref import Comparisons, Population
from socialpref.comparisons import Evidence, fit_latent_classes, simulate, types_of_classes
from socialpref.comparisons.features import FeatureClasses, fit_feature_classes

from .helpers import Floats, refuses

pytest.importorskip("datasets")
import torch

from socialpref.llm import to_dataset
from socialpref.training import (
    Batch,
    TrueJoint,
    agreement_only,
    corrected,
    dpo,
    orthogonal_loss,
)

CROWD = Population([[3.0, 0.0, -1.0], [-3.0, 0.0, 2.0]], [0.75, 0.25], options=["a", "b", "c"])


def sums() -> Comparisons:
    frame = pd.DataFrame(
        {
            "q": ["1 + 1?", "1 + 1?", "ok?"], "a": [" 3", " 2", "yes"], "b": [" 2", " 3", "no"],
            "choice": ["b", "tie", "a"], "who": ["Ann", "Bob", "Ann"], "long_a": [1.0, 0.0, 4.0],
            "long_b": [0.0, 1.0, 0.0],
        }
    )  # fmt: skip
    return Comparisons.from_frame(
        frame,
        first="a",
        second="b",
        choice="choice",
        prompt="q",
        annotator="who",
        features=["long"],
    )


def linked(n: int = 1200, seed: int = 0) -> Comparisons:
    """Return labels by 100 annotators of two types, who are not told apart."""
    rows = simulate(CROWD, n, "linked", comparisons=12, seed=seed)
    return replace(rows, prompts=("which?",))


def typed(n: int = 1200, seed: int = 0) -> Comparisons:
    rows = simulate(CROWD, n, "typed", seed=seed)
    return replace(rows, prompts=("which?",))


def sigma(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


# --- texts --------------------------------------------------------------------------------


def test_anonymous_comparisons_are_texts_and_labels() -> None:
    found = to_dataset(sums())
    assert found.column_names == ["prompt", "chosen", "rejected", "label"]
    assert found["prompt"] == ["1 + 1?", "1 + 1?", "ok?"]
    assert found["chosen"] == [" 2", " 2", "yes"]
    assert found["rejected"] == [" 3", " 3", "no"]
    assert found["label"] == [1.0, 0.5, 1.0]


def test_conversations_are_messages_of_a_user_and_an_assistant() -> None:
    (row, *_) = to_dataset(sums(), conversational=True)
    assert row["prompt"] == [{"role": "user", "content": "1 + 1?"}]
    assert row["chosen"] == [{"role": "assistant", "content": " 2"}]
    assert row["rejected"] == [{"role": "assistant", "content": " 3"}]


def test_weights_come_along_and_a_text_against_itself_does_not() -> None:
    rows = replace(sums(), weight=np.array([1.0, 2.0, 3.0]))
    rows = replace(rows, second=np.array([rows.first[0], *rows.second[1:]]))
    assert to_dataset(rows)["weight"] == [2.0, 3.0]


# --- the joint likelihood -----------------------------------------------------------------


def test_joint_of_feature_classes_by_hand() -> None:
    """Two classes with the coefficients 1 and -1 of a feature whose scale is 2; in the third row
    the chosen text has 4 more of it, in the first 1 less."""
    classes = FeatureClasses(
        ("long",), np.array([2.0]), np.array([0.25, 0.75]), np.array([[1.0], [-1.0]]), 0.0, 0.0, 1,
        2, 0.5, evidence=fit_evidence(),
    )  # fmt: skip
    found = to_dataset(sums(), "linked", joint=classes)
    assert found["annotator"] == [0, 1, 0]
    for row, gap in ((0, -0.5), (2, 2.0)):
        p, q = sigma(np.array([gap, -gap])), sigma(np.array([-gap, gap]))
        wanted = [np.dot([0.25, 0.75], part) for part in (p * p, p * q, q * q)]
        assert_allclose(found["joint"][row], wanted)


def fit_evidence() -> Evidence:
    return Evidence(gain=1.0, gain_error=0.1, shuffled_gains=(0.0,), gain_over_guessing=1.0)


def test_joint_of_classes_and_of_a_known_population() -> None:
    rows = linked()
    classes = replace(fit_latent_classes(rows, 2), evidence=fit_evidence())
    found = to_dataset(rows, "linked", joint=classes)
    y, z = ("abc".index(found[0][side]) for side in ("chosen", "rejected"))
    assert_allclose(found["joint"][0], np.ravel(classes.moments([0], [y], [z])))
    exact = to_dataset(rows, "linked", joint=TrueJoint((CROWD,)))
    assert np.abs(np.array(exact["joint"]) - np.array(found["joint"])).max() < 0.1


def test_classes_without_evidence_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="may be noise"):
        to_dataset(sums(), "linked", joint=fit_feature_classes(sums(), 2))


@pytest.mark.slow
def test_a_joint_that_is_not_given_is_learned() -> None:
    found = np.array(to_dataset(linked(), "linked")["joint"])
    p = found[:, 0] + found[:, 1]
    assert (found[:, 0] - p**2).max() > 0.1  # annotators differ
    alike = simulate(Population([[1.0, 0.0]], options=["a", "b"]), 400, "linked", comparisons=8)
    found = np.array(to_dataset(alike, "linked")["joint"])
    p = found[:, 0] + found[:, 1]
    assert_allclose(found[:, 0], p**2)  # one class: corrected DPO is DPO


# --- types --------------------------------------------------------------------------------


def test_classes_become_types() -> None:
    rows = linked()
    known = types_of_classes(rows, fit_latent_classes(rows, 2))
    assert known.types == ("class 1", "class 2")
    assert known.annotator_type is not None
    assert abs(np.bincount(known.annotator_type).max() / len(rows) - 0.75) < 0.1
    assert rows.annotator is not None
    somebody = replace(rows, annotator=np.where(np.arange(len(rows)) < 5, -1, rows.annotator))
    again = types_of_classes(somebody, fit_latent_classes(rows, 2))
    wanted = np.append([-1] * 5, known.annotator_type[5:])
    assert np.mean(again.annotator_type == wanted) > 0.98


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_pseudo_labels_average_to_the_average_reward(weight: float) -> None:
    """Their mean at a pair is the gap of the average reward, whichever text was chosen; and
    weights have mean 1. Annotators of the second type count as much as `weight` people."""
    rows = typed(1500)
    kinds = rows.annotator_type
    assert kinds is not None
    rows = replace(rows, weight=np.array([1.0, weight])[kinds])
    assert rows.weight is not None
    found = to_dataset(rows, "typed")
    assert set(found["annotator_type"]) == {0, 1}
    values, weights = (np.array(found[f"pseudo_{name}"]) for name in ("label", "weight"))
    assert weights.mean() == pytest.approx(1.0)
    counted = np.array(found["weight"])
    shares = np.bincount(kinds, rows.weight) / rows.weight.sum()
    mean = dict(zip("abc", shares @ CROWD.rewards, strict=True))
    for first, second in ("ab", "ac", "bc"):
        ahead = (np.array(found["chosen"]) == first) & (np.array(found["rejected"]) == second)
        behind = (np.array(found["chosen"]) == second) & (np.array(found["rejected"]) == first)
        at = np.append(values[ahead], -values[behind])
        times = np.append(counted[ahead], counted[behind])
        error = (times * (at - at.mean())).std() / times.mean() / len(at) ** 0.5
        assert abs(np.average(at, weights=times) - (mean[first] - mean[second])) < 4.0 * error


def test_pseudo_labels_from_features_agree_with_those_of_options() -> None:
    rows = typed(1500)
    table = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    described = replace(
        rows, differences=table[rows.first] - table[rows.second], features=("b", "c")
    )
    one, other = (np.array(to_dataset(r, "typed")["pseudo_label"]) for r in (rows, described))
    assert np.corrcoef(one, other)[0, 1] > 0.99


def test_texts_without_features_have_no_pseudo_labels() -> None:
    n = 40
    zeros = np.zeros(n, dtype=int)
    rows = Comparisons(
        np.arange(n), zeros, zeros + 1, zeros + 1.0, n, 2, annotator_type=np.arange(n) % 2,
        options=(), own_options=tuple((f"a{i}", f"b{i}") for i in range(n)),
    )  # fmt: skip
    assert to_dataset(rows, "typed").column_names == [
        "prompt", "chosen", "rejected", "label", "annotator_type",
    ]  # fmt: skip


# --- panels -------------------------------------------------------------------------------


def test_panels_that_agree_are_kept() -> None:
    labels, zeros = np.array([1, 1, 0, 0, 1, 0, 0.5, 0.5]), np.zeros(8, dtype=int)
    rows = Comparisons(
        zeros, zeros, zeros + 1, labels, 1, 2, panel=np.arange(8) // 2, options=("a", "b"),
        annotator_type=np.arange(8) % 2,
    )  # fmt: skip
    found = to_dataset(rows, "panel")
    assert found["chosen"] == ["a", "b"]
    assert found["label"] == [1.0, 1.0]
    assert found["n_labels"] == [2, 2]
    with refuses("panel"):
        to_dataset(rows.take(np.arange(4, 8)), "panel")
    with pytest.warns(UserWarning, match="types of the panels' annotators are not known"):
        to_dataset(replace(rows, annotator_type=None), "panel")


# --- the loss -----------------------------------------------------------------------------


def test_the_orthogonal_loss_by_hand() -> None:
    """1 * 0.5 * (1 - 2)^2 and 3 * 1.5 * (0 + 1)^2, over the weight 4."""
    batch = Batch(
        *(torch.ones(2), torch.zeros(2), torch.tensor([1.0, 3.0]), 1, None),
        pseudo_label=torch.tensor([2.0, -1.0]),
        pseudo_weight=torch.tensor([0.5, 1.5]),
    )
    assert orthogonal_loss(torch.tensor([1.0, 0.0]), batch).item() == pytest.approx(5.0 / 4.0)
    with refuses("pseudo_label"):
        orthogonal_loss(torch.zeros(2), batch._replace(pseudo_label=None))
    with refuses("cells"):  # panels that disagree have been left out
        orthogonal_loss(torch.zeros(2), batch._replace(n_labels=3))


# --- what is refused ----------------------------------------------------------------------


class Source:
    """A joint likelihood of somebody's own."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def moments(self, prompt: Any, first: Any, second: Any) -> Any:
        return self.values


def test_what_is_not_known_is_refused() -> None:
    rows = sums()
    with refuses("comparisons"):
        to_dataset(replace(rows, options=None, own_options=None))
    with refuses("comparisons"):
        to_dataset(replace(rows, prompts=None), conversational=True)
    with refuses("information"):
        to_dataset(rows, "who")  # type: ignore[arg-type]
    with refuses("joint"):
        to_dataset(rows, joint=fit_feature_classes(rows, 1))
    for moments in ([[0.5] * 3] * 2, [[0.5] * 2] * 3, [[np.nan] * 3] * 3):
        with refuses("joint"):
            to_dataset(rows, "linked", joint=Source(moments))
    with refuses("joint"):
        to_dataset(rows, "linked", joint="of somebody")  # type: ignore[arg-type]
    for information, name in (("typed", "annotator_type"), ("panel", "panel")):
        with refuses(name):
            to_dataset(rows, information)  # type: ignore[arg-type]
    with refuses("annotator"):
        to_dataset(replace(rows, annotator=None, annotator_names=None), "linked")
    with refuses("second"):
        to_dataset(replace(rows, second=rows.first))


def test_a_type_of_one_annotator_has_no_pseudo_labels() -> None:
    rows = typed(60)
    rows = rows.take(rows.first != rows.second)
    one = np.where(np.arange(len(rows)) == 0, 1, 0)
    with refuses("annotator_type"):
        to_dataset(replace(rows, annotator_type=one), "typed")


# --- the trainer --------------------------------------------------------------------------


def panels(n: int = 200) -> Comparisons:
    rows = simulate(CROWD, n, "panel", replicas=[3, 1], seed=0)
    return replace(rows, prompts=("which?",))


class Trainers:
    """Trainers of one small model."""

    def __init__(self, folder: Path) -> None:
        import trl

        from socialpref.llm import open_models

        from .llm_small import QUIET

        self.models = open_models("small", ["which? a b c"], vocabulary=270)
        self.models.tokenizer.chat_template = (
            "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
        )
        self.config = trl.DPOConfig(
            str(folder), precompute_ref_log_probs=True, per_device_train_batch_size=20, **QUIET
        )

    def loss(self, data: Any, objective: Any) -> float:
        """Return the loss of a data set before training."""
        from socialpref.llm.trainer import PreferenceTrainer

        from .llm_small import batch_of

        trainer = PreferenceTrainer(
            model=self.models.new("text", 0), args=self.config, train_dataset=data,
            processing_class=self.models.tokenizer, objective=objective,
        )  # fmt: skip
        return trainer.compute_loss(trainer.model, batch_of(trainer)).item()


@pytest.fixture
def trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainers:
    pytest.importorskip("trl")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return Trainers(tmp_path)


quietly = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:(?!socialpref)", "ignore::FutureWarning:(?!socialpref)"
)


@pytest.mark.slow
@quietly
def test_each_loss_takes_its_data_set(trainers: Trainers) -> None:
    """When training begins margins are 0: losses are log 2 for each label, or panel that agrees."""
    plain, chat = to_dataset(linked(60)), to_dataset(linked(60), conversational=True)
    exact = to_dataset(linked(60), "linked", joint=TrueJoint((CROWD,)))
    agreed = to_dataset(panels(), "panel")
    for data, objective in (
        (plain, dpo), (chat, dpo), (exact, corrected()), (agreed, agreement_only),
    ):  # fmt: skip
        data = data.select(range(min(len(data), 20)))
        assert trainers.loss(data, objective) == pytest.approx(np.log(2.0), rel=1e-5)
    with refuses("cells"):
        trainers.loss(agreed, dpo)


@pytest.mark.slow
@quietly
def test_the_trainer_reads_pseudo_labels(trainers: Trainers) -> None:
    """When training begins margins are 0, so the loss is the mean of weight times square."""
    rows = to_dataset(typed(300), "typed").select(range(20))
    values, weights = (np.array(rows[f"pseudo_{name}"]) for name in ("label", "weight"))
    wanted = (weights * values**2).mean()
    assert trainers.loss(rows, orthogonal_loss) == pytest.approx(wanted, rel=1e-4)
    with refuses("pseudo_label"):
        trainers.loss(rows.remove_columns("pseudo_weight"), orthogonal_loss)
    wrong = rows.map(lambda row: {"pseudo_weight": -row["pseudo_weight"]})
    with refuses("pseudo_weight in row 0 of the train data set"):
        trainers.loss(wrong, orthogonal_loss)
