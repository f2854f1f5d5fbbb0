"""The experiment: runs of every arm, budget and seed, kept so that they can be resumed."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ..._files import results_folder
from ...errors import DataError, InputError, SocialPrefError
from ..data import LIMIT, Corpus
from .arms import (
    ARMS,
    BASELINE,
    N_TYPES,
    UNITS,
    Arm,
    Labels,
    Unit,
    annotate,
    expect,
    find_arm,
    labelled_pairs,
)
from .length_score import (
    KNOT,
    fit_score,
    learn_joint,
    learn_pseudo_labels,
    n_labels,
    objective,
    true_joint,
)
from .rewards import mean_signs

if TYPE_CHECKING:
    import pandas as pd

    from ...estimators.orthogonal import PseudoLabels
    from ...training import JointLikelihood
    from ..models import Head, Models

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EXACT = 0
"""The budget of unlimited labels."""
LARGEST = 1_000_000
"""No number of seeds, classes, pairs in a step, steps or knots is larger."""
PAPER = 0.043
"""The gain in accuracy, with heterogeneity handled, that the paper's summary reports."""


@dataclass(frozen=True)
class Settings:
    """What to run, and how to train.

    Attributes
    ----------
    arms : tuple of str
        Names in `ARMS`.
    budgets : tuple of int
        See `annotate`; `EXACT` for label probabilities, which only the length-only scorer takes.
    units : tuple of {"labels", "pairs"}
        What budgets count.
    seeds : int
        Runs of each; a seed draws the split, the labels, the weights and the order.
    held_out : float
        Share of the pairs to test on.
    test_pairs : int, optional
        Most pairs to test on, of those that do not tie.
    head : {"text", "score"}
        A policy, by direct alignment, or a reward model.
    alpha : float
        Strength of the correction.
    n_classes : int
        Latent classes of the joint likelihood.
    knot : int
        Tokens between the knots of the length-only score.
    reference, shifted : bool
        See `PreferenceTrainer`.
    beta, learning_rate, epochs, batch_size, save_steps
        Of training. A policy without a reference should have a beta of 1.
    report_to : str
        Where TRL reports to.
    """

    arms: tuple[str, ...] = tuple(ARMS)
    budgets: tuple[int, ...] = (1000,)
    units: tuple[Unit, ...] = UNITS
    seeds: int = 3
    held_out: float = 0.2
    test_pairs: int | None = None
    head: "Head" = "text"
    alpha: float = 1.0
    n_classes: int = N_TYPES
    knot: int = KNOT
    reference: bool = True
    shifted: bool = True
    beta: float = 0.1
    learning_rate: float = 1e-3
    epochs: float = 1.0
    batch_size: int = 16
    save_steps: int = 50
    report_to: str = "none"

    def __post_init__(self) -> None:
        for label in ("arms", "budgets", "units"):
            values = getattr(self, label)
            if not isinstance(values, tuple) or not values:
                raise _validate.complaint(label, "a tuple of at least one", _validate.shown(values))
        for name in self.arms:
            find_arm(name)
        for budget in self.budgets:
            _validate.integer("budgets", budget)
        for unit in self.units:
            _validate.choice("units", unit, UNITS)
        for label in ("seeds", "n_classes", "batch_size", "save_steps", "knot"):
            _validate.integer(label, getattr(self, label), 1, LARGEST)
        if self.test_pairs is not None:
            _validate.integer("test_pairs", self.test_pairs, 1)
        for label in ("beta", "learning_rate", "epochs"):
            _validate.number(label, getattr(self, label), 0.0, above=True)
        _validate.number("held_out", self.held_out, 0.0, 1.0, above=True, below=True)
        _validate.number("alpha", self.alpha, 0.0)
        _validate.choice("head", self.head, ("text", "score"))
        for label in ("reference", "shifted"):
            _validate.instance(label, getattr(self, label), bool, "True or False")
        _validate.instance("report_to", self.report_to, str, "the name of a logger")


@dataclass(frozen=True)
class Outcome:
    """One run.

    Attributes
    ----------
    arm, unit, budget, seed
        Which.
    n_asked, n_pairs : int
        Labels that were paid for, and pairs that were trained on.
    discarded : float
        Share of the labels that was thrown away.
    n_tested : int
        Held-out pairs that do not tie.
    tied : float
        Share of held-out pairs that do.
    accuracy : float
        Share of tested pairs that the model's scores order as the mean reward does; a pair of
        equal scores counts half.
    """

    arm: str
    unit: Unit
    budget: int
    seed: int
    n_asked: int
    n_pairs: int
    discarded: float
    n_tested: int
    tied: float
    accuracy: float


@dataclass(frozen=True)
class _Run:
    arm: Arm
    unit: Unit
    budget: int
    seed: int

    @property
    def name(self) -> str:
        # Where a pair costs one label both units ask for the same.
        unit = self.unit if self.arm.labels_per_pair > 1 else "labels"
        return f"{self.arm.name}-{self.budget}-{unit}-{self.seed}"


def accuracy(margins: Floats, lengths: Integers) -> float:
    """Return the share of pairs, ties left out, that margins order as the mean reward does.

    Parameters
    ----------
    margins : ndarray, shape (n,)
        Score of the first text minus that of the second.
    lengths : ndarray of int, shape (n, 2)

    Raises
    ------
    DataError
        If all pairs tie.

    Examples
    --------
    >>> import numpy as np
    >>> from socialpref.llm.experiments import accuracy
    >>> accuracy(np.array([1.0, -1.0, 0.0, 5.0]), np.array([[512, 150]] * 3 + [[200, 200]]))
    0.5
    """
    signs = mean_signs(lengths)
    margins = _validate.real_array("margins", margins, 1)
    if len(margins) != len(signs):
        raise _validate.complaint("margins", f"of length {len(signs)}", f"length {len(margins)}")
    open_ = signs != 0
    if not open_.any():
        raise DataError("all pairs tie: there is nothing to test on")
    return float((1.0 + np.sign(margins) * signs)[open_].mean() / 2.0)


def run(
    corpus: Corpus,
    settings: Settings,
    models: "Models | None" = None,
    *,
    keep: Path | None = None,
    progress: bool = False,
) -> list[Outcome]:
    """Run every arm, budget and seed.

    Parameters
    ----------
    corpus : Corpus
    settings : Settings
    models : Models, optional
        Language models to train; a length-only scorer if omitted.
    keep : Path, optional
        A folder for finished runs and checkpoints. With it an interrupted experiment goes on
        where it was, to the same results.
    progress : bool
        Show progress bars.

    Returns
    -------
    list of Outcome

    Raises
    ------
    InputError
        If settings do not fit the model.
    DataError
        If texts or the model cannot be used, or memory is too small.
    """
    from tqdm import tqdm

    from ..models import Models

    _validate.instance("corpus", corpus, Corpus, "a Corpus")
    _validate.instance("settings", settings, Settings, "Settings")
    if models is not None:
        _validate.instance("models", models, Models, "Models, from open_models")
    if keep is not None:
        _validate.instance("keep", keep, Path, "a pathlib.Path of a folder")
    if models is not None and EXACT in settings.budgets:
        raise InputError("a budget of exact probabilities is for the length-only scorer")
    if keep is None and models is not None:
        raise _validate.complaint("keep", "a folder, for checkpoints", "None")
    done: dict[str, Outcome] = {}
    folder = None if keep is None else keep / _digest(corpus, settings, models)
    runs = list(_runs(settings))
    outcomes = []
    for one in tqdm(runs, unit="run", disable=not progress):
        if one.name not in done:
            done[one.name] = _kept(one, folder) or _finish(one, corpus, settings, models, folder)
        outcomes.append(replace(done[one.name], unit=one.unit))
    return outcomes


def _runs(settings: Settings) -> Iterator[_Run]:
    for unit in settings.units:
        for budget in settings.budgets:
            for seed in range(settings.seeds):
                for name in settings.arms:
                    yield _Run(find_arm(name), unit, budget, seed)


def _digest(corpus: Corpus, settings: Settings, models: "Models | None") -> str:
    """Return a name for the data and settings that determine the results of all runs."""
    which = {"arms": (), "budgets": (), "seeds": 0, "units": (), "report_to": ""}
    facts = asdict(settings) | which | {"model": "length" if models is None else models.name}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(corpus.lengths.tobytes())
    for pair in corpus.pairs:
        digest.update("\0".join(pair).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:12]


def _kept(one: _Run, folder: Path | None) -> Outcome | None:
    file = None if folder is None else folder / f"{one.name}.json"
    if file is None or not file.exists():
        return None
    return Outcome(**json.loads(file.read_text(encoding="utf-8")))


def _finish(
    one: _Run, corpus: Corpus, settings: Settings, models: "Models | None", folder: Path | None
) -> Outcome:
    train, test = corpus.split(settings.held_out, one.seed)
    open_ = np.flatnonzero(mean_signs(test.lengths))
    tied, test = 1.0 - len(open_) / len(test), test.take(open_[: settings.test_pairs])
    if not len(test):
        raise DataError("all held-out pairs tie: there is nothing to test on")
    test = test.take(np.argsort(test.lengths.max(axis=1)))  # batches with little padding
    if one.budget == EXACT:
        labels = expect(one.arm, train.lengths)
    else:
        labels = annotate(one.arm, train.lengths, one.budget, one.seed, one.unit)
    if not len(labels):
        raise InputError(f"budget {one.budget} leaves the arm {one.arm.name} no label")
    joint, pseudo, exact = None, None, one.budget == EXACT
    if one.arm.needs_heads:
        pseudo = learn_pseudo_labels(labels, train.lengths, None if exact else one.seed)
    if one.arm.method.information == "linked":
        joint = (
            true_joint() if exact
            else learn_joint(labels, train.lengths, settings.n_classes, one.seed)
        )  # fmt: skip
    if models is None:
        table = fit_score(
            one.arm, labels, train.lengths,
            joint=joint, pseudo=pseudo, alpha=settings.alpha, knot=settings.knot,
        )  # fmt: skip
        margins = table[test.lengths[:, 0] - 1] - table[test.lengths[:, 1] - 1]
    else:
        assert folder is not None
        known = (joint, pseudo)
        margins = _margins(one, labels, known, train, test, settings, models, folder / one.name)
    asked = 0 if one.budget == EXACT else labels.n_asked
    outcome = Outcome(
        one.arm.name, one.unit, one.budget, one.seed, asked, len(labels), labels.discarded,
        len(test), tied, accuracy(margins, test.lengths),
    )  # fmt: skip
    if folder is not None and _is_main():
        with results_folder(folder) as scratch:
            text = json.dumps(asdict(outcome), allow_nan=False)
            (scratch / f"{one.name}.json").write_text(text, encoding="utf-8")
    return outcome


def _margins(
    one: _Run,
    labels: Labels,
    known: "tuple[JointLikelihood | None, PseudoLabels | None]",
    train: Corpus,
    test: Corpus,
    settings: Settings,
    models: "Models",
    folder: Path,
) -> Floats:
    """Train, for each type if the arm knows them, and return the mean margins of test pairs."""
    rows = np.arange(len(test))
    ones, nobody = np.ones(len(test)), np.full(len(test), -1)
    questions = Labels(rows, ones, 0.0 * ones, nobody, nobody, 0, 0.0)  # the first as "chosen"
    asked = labelled_pairs(test, questions)
    margins = []
    for number, part in enumerate(labels.by_model(one.arm)):
        if not len(part):
            raise InputError(f"budget {one.budget} gives a type of the arm {one.arm.name} no label")
        trained = train_model(
            models,
            labelled_pairs(train, part, *known),
            asked,
            settings,
            one.arm,
            seed=one.seed,
            folder=folder / str(number),
        )
        margins.append(trained)
    return np.mean(margins, axis=0)


def train_model(
    models: "Models",
    train: Any,
    test: Any,
    settings: Settings,
    arm: Arm,
    *,
    seed: int,
    folder: Path,
) -> Floats:
    """Train one model, from its last checkpoint if there is one, and return its margins.

    Parameters
    ----------
    models : Models
    train, test : datasets.Dataset
        From `labelled_pairs`.
    settings : Settings
    arm : Arm
        Whose loss.
    seed : int
    folder : Path
        For checkpoints.

    Returns
    -------
    ndarray, shape (n,)
        Scores of the chosen minus those of the rejected text of each pair of `test`.

    Raises
    ------
    DataError
        If memory is too small, or test pairs are too long to be read.
    """
    import torch
    import trl
    from transformers import PrinterCallback

    from ..models import SMALL, of_memory, on_gpu
    from ..trainer import PreferenceTrainer, RewardModelTrainer

    options: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": settings.batch_size,
        "per_device_eval_batch_size": settings.batch_size,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "linear",
        "seed": seed,
        "max_length": LIMIT,
        "save_steps": settings.save_steps,
        "save_total_limit": 1,
        "report_to": settings.report_to,
        "bf16": on_gpu() and torch.cuda.is_bf16_supported(),
        "activation_checkpointing": models.name != SMALL,
        "dataloader_pin_memory": on_gpu(),
        "disable_tqdm": not _talks(),
    }
    shared: dict[str, Any] = {
        "model": models.new(settings.head, seed),
        "train_dataset": train,
        "eval_dataset": test,
        "processing_class": models.tokenizer,
        "peft_config": models.adapter(settings.head),
        "objective": objective(arm, settings.alpha),
        "n_labels": n_labels(arm),
    }
    trainer: Any
    try:
        if settings.head == "text":
            config = trl.DPOConfig(
                beta=settings.beta, precompute_ref_log_probs=settings.reference, **options
            )
            trainer = PreferenceTrainer(
                args=config, reference=settings.reference, shifted=settings.shifted, **shared
            )
        else:
            trainer = RewardModelTrainer(args=trl.RewardConfig(**options), **shared)
        if len(trainer.eval_dataset) != len(test):
            raise DataError("some held-out prompts alone are longer than the model reads")
        if not _talks():
            trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        trainer.objective = lambda margin, batch: margin.mean()  # margins are all that is asked for
        return np.asarray(trainer.predict(trainer.eval_dataset).predictions, dtype=np.float64)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, SocialPrefError) or not of_memory(error):
            raise
        raise DataError(
            f"there is too little memory to train {models.name} in batches of "
            f"{settings.batch_size} pairs; make the batches smaller"
        ) from error


def last_checkpoint(folder: Path) -> str | None:
    """Return the last complete checkpoint, or None."""
    found = []
    for state in folder.glob("checkpoint-*/trainer_state.json"):  # the last file of a checkpoint
        try:
            found.append((json.loads(state.read_text())["global_step"], str(state.parent)))
        except (ValueError, KeyError):
            continue
    return max(found)[1] if found else None


def _talks() -> bool:
    import sys

    return sys.stderr.isatty()


def _is_main() -> bool:
    """Return whether this is the process that writes, under ``accelerate launch``."""
    import os

    return os.environ.get("RANK", "0") == "0"


def summary(outcomes: Sequence[Outcome], level: float = 0.95) -> "pd.DataFrame":
    """Return mean accuracy and gain over DPO by unit, budget and arm, with t intervals over seeds.

    The gain is over the arm ``anonymous`` of the same unit, budget and seed.

    Parameters
    ----------
    outcomes : sequence of Outcome
    level : float
        Of the intervals, which are empty (NaN) for one seed.
    """
    import pandas as pd

    _validate.number("level", level, 0.0, 1.0, above=True, below=True)
    for outcome in outcomes:
        _validate.instance("outcomes", outcome, Outcome, "a sequence of Outcome")
    if not outcomes:
        raise _validate.complaint("outcomes", "at least one", "none")
    frame = pd.DataFrame([asdict(o) for o in outcomes])
    keys = ["unit", "budget", "seed"]
    base = frame[frame["arm"] == BASELINE][[*keys, "accuracy"]]
    frame = frame.merge(base.rename(columns={"accuracy": "base"}), on=keys, how="left")
    frame["gain"] = frame["accuracy"] - frame["base"]
    rows = []
    for (unit, budget, arm), group in frame.groupby(["unit", "budget", "arm"], sort=False):
        row = {"unit": unit, "budget": budget, "arm": arm, "seeds": len(group)}
        for name in ("n_asked", "n_pairs", "discarded", "n_tested", "tied"):
            row[name] = group[name].mean()
        for name in ("accuracy", "gain"):
            row |= _interval(name, group[name].to_numpy(), level)
        rows.append(row)
    return pd.DataFrame(rows)


def _interval(name: str, values: Floats, level: float) -> dict[str, float]:
    from scipy.stats import t

    mean, half = float(values.mean()), float("nan")
    if len(values) > 1:
        half = float(t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1))
        half /= len(values) ** 0.5
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
