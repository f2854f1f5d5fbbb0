"""Arms of the experiment: which labels are asked for, of whom, and what is learned from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ..._extras import require
from ...estimators.orthogonal import PseudoLabels
from ...limits.agreement import AgreementOnly
from ...limits.corrected import CorrectedDPO
from ...limits.dpo import DPO
from ...limits.method import Method
from ...limits.orthogonal import Orthogonal
from ...links import Logistic
from ..data import Corpus, check_pairs
from .rewards import TYPES, reward_gaps

if TYPE_CHECKING:
    from datasets import Dataset

    from ...training import JointLikelihood

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Unit = Literal["labels", "pairs"]
UNITS: tuple[Unit, ...] = ("labels", "pairs")
N_TYPES = len(TYPES)
LINK = Logistic()


@dataclass(frozen=True)
class Arm:
    """One way to ask for labels and to learn from them.

    Attributes
    ----------
    name : str
    method : type of Method
        The class of the method whose loss is used: DPO, CorrectedDPO, AgreementOnly or Orthogonal.
    meaning : str
        In words.
    labels_per_pair : int
        Comparisons that one compared pair costs.
    by_type : bool
        Whether one model is trained for each type and their scores are averaged.
    pooled : callable, optional
        For labels that no single annotator gives: takes the types' reward gaps, shape (types, n),
        and returns the gaps, shape (n,), by which labels are drawn.
    """

    name: str
    method: type[Method]
    meaning: str
    labels_per_pair: int = 1
    by_type: bool = False
    pooled: Callable[[Floats], Floats] | None = None

    @property
    def knows_types(self) -> bool:
        """Whether it is known of which type an annotator is."""
        return self.by_type or self.needs_heads

    @property
    def needs_heads(self) -> bool:
        """Whether one model learns from pseudo-labels, which need the types' reward gaps."""
        return self.method.information == "typed"


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        arm.name: arm
        for arm in (
            Arm("anonymous", DPO, "one label of an annotator of a random type"),
            Arm(
                "average",
                DPO,
                "one label by the mean reward: the control for label noise",
                pooled=lambda gaps: gaps.mean(axis=0),
            ),
            Arm(
                "agreement-law",
                AgreementOnly,
                "one label by the law of unanimous panels, as published; no annotator gives it",
                pooled=lambda gaps: gaps.sum(axis=0),
            ),
            Arm(
                "agreement",
                AgreementOnly,
                "a panel of one label of each type, kept if all labels agree",
                labels_per_pair=N_TYPES,
            ),
            Arm("linked", CorrectedDPO, "two comparisons by each annotator"),
            Arm("typed", DPO, "one label, the type known; a model for each type", by_type=True),
            Arm("orthogonal", Orthogonal, "one label, the type known; one model, of pseudo-labels"),
        )
    }
)  # fmt: skip


BASELINE = "anonymous"
"""The arm with which `summary` compares the others."""


def find_arm(name: str) -> Arm:
    """Return an arm by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    return ARMS[_validate.choice("arm", name, ARMS)]


def check_arm(arm: Arm) -> None:
    """Refuse a value that is not an Arm, such as an arm's name."""
    _validate.instance("arm", arm, Arm, "an Arm, such as ARMS['anonymous']")


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of pairs of a corpus; panels that disagree are left out.

    Attributes
    ----------
    pair : ndarray of int, shape (n,)
        Number of the pair in its corpus.
    wins, losses : ndarray, shape (n,)
        1 and 0 if the first was preferred, 0 and 1 if the second; or how likely that is.
    annotator, annotator_type : ndarray of int, shape (n,)
        Who; -1 where the arm does not know.
    n_asked : int
        Labels that were asked for; 0 if `wins` are probabilities.
    discarded : float
        Share of them that is thrown away.
    """

    pair: Integers
    wins: Floats
    losses: Floats
    annotator: Integers
    annotator_type: Integers
    n_asked: int
    discarded: float

    def __post_init__(self) -> None:
        arrays = (self.pair, self.wins, self.losses, self.annotator, self.annotator_type)
        if len({np.shape(array) for array in arrays}) > 1 or np.ndim(self.pair) != 1:
            shapes = ", ".join(str(np.shape(array)) for array in arrays)
            raise _validate.complaint("labels", "arrays of one length", f"shapes {shapes}")
        if not np.issubdtype(np.asarray(self.pair).dtype, np.integer):
            raise _validate.complaint("pair", "integers", f"type {np.asarray(self.pair).dtype}")
        wins, losses = (
            _validate.real_array(name, values, 1)
            for name, values in (("wins", self.wins), ("losses", self.losses))
        )
        most = 1.0 + _validate.SUM_TOLERANCE
        wrong = (wins < 0.0) | (losses < 0.0) | ~(wins + losses > 0.0) | (wins + losses > most)
        if wrong.any():
            got = f"{wins[wrong][0]:g} and {losses[wrong][0]:g} in row {wrong.argmax()}"
            raise _validate.complaint("wins and losses", "shares whose sum is in (0, 1]", got)

    def __len__(self) -> int:
        return len(self.pair)

    def check_within(self, n_pairs: int) -> None:
        """Refuse labels of pairs that a corpus of `n_pairs` does not have."""
        if len(self) and not 0 <= self.pair.min() <= self.pair.max() < n_pairs:
            got = f"{self.pair.min()} to {self.pair.max()}"
            raise _validate.complaint("pair", f"numbers in 0..{n_pairs - 1}", got)

    def by_model(self, arm: Arm) -> "list[Labels]":
        """Return the labels that each of an arm's models learns from: all, or one type's."""
        check_arm(arm)
        if not arm.by_type:
            return [self]
        return [self._take(self.annotator_type == kind) for kind in range(N_TYPES)]

    def _take(self, rows: NDArray[np.bool_]) -> "Labels":
        arrays = ("pair", "wins", "losses", "annotator", "annotator_type")
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **columns)


def check_pseudo(pseudo: PseudoLabels, labels: Labels) -> None:
    """Refuse what are not the pseudo-labels of labels."""
    _validate.instance("pseudo", pseudo, PseudoLabels, "PseudoLabels, or None")
    if len(pseudo.values) != len(labels):
        raise _validate.complaint("pseudo", f"of {len(labels)} labels", len(pseudo.values))


def annotate(arm: Arm, lengths: Integers, budget: int, seed: int, unit: Unit = "labels") -> Labels:
    """Ask for labels until the budget is spent.

    Pairs come in random order, and again in another one once all were asked for; every arm that
    can pay for as many is asked for the same ones.

    Parameters
    ----------
    arm : Arm
    lengths : ndarray of int, shape (n, 2)
        Of the two texts of each pair.
    budget : int
        How many labels, or compared pairs, to pay for. A panel of T labels costs T
        and one pair; two linked comparisons cost two of either.
    seed : int
    unit : {"labels", "pairs"}

    Returns
    -------
    Labels

    Raises
    ------
    InputError
        If the budget does not pay for two pairs, or the unit is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from socialpref.llm.experiments import ARMS, annotate
    >>> lengths = np.array([[40, 500], [260, 120], [300, 310]])
    >>> labels = annotate(ARMS["agreement"], lengths, 3000, seed=0)
    >>> len(labels), labels.n_asked, round(labels.discarded, 2)
    (142, 3000, 0.86)
    """
    check_arm(arm)
    _validate.choice("unit", unit, UNITS)
    _validate.integer("budget", budget)
    _validate.integer("seed", seed)
    lengths = check_pairs(lengths)
    if not len(lengths):
        raise _validate.complaint("lengths", "those of at least one pair", "none")
    each = arm.labels_per_pair
    n_pairs = budget // each if unit == "labels" else budget
    n_pairs -= n_pairs % 2  # linked comparisons come in twos
    if n_pairs < 2:
        raise _validate.complaint("budget", f"at least {2 * each} for the arm {arm.name}", budget)
    order, who, coin = (np.random.default_rng((seed, stream)) for stream in (1, 2, 3))
    rounds = -(-n_pairs // len(lengths))
    pair = np.concatenate([order.permutation(len(lengths)) for _ in range(rounds)])[:n_pairs]
    gaps = reward_gaps(lengths[pair])
    rows, nobody = np.arange(n_pairs), np.full(n_pairs, -1)
    annotator = rows // 2 if arm.method.information == "linked" else nobody
    if arm.labels_per_pair > 1:
        votes = coin.random(gaps.shape) < LINK(gaps)
        alike = (votes == votes[0]).all(axis=0)
        wins = votes[0].astype(float)
        labels = Labels(pair, wins, 1.0 - wins, annotator, nobody, n_pairs * each, 0.0)
        return replace(labels._take(alike), discarded=float(1.0 - alike.mean()))
    if arm.pooled is not None:
        chance, kind = LINK(arm.pooled(gaps)), nobody
    else:
        types = who.integers(N_TYPES, size=n_pairs)
        types = types[annotator] if arm.method.information == "linked" else types
        chance, kind = LINK(gaps[types, rows]), types if arm.knows_types else nobody
    wins = (coin.random(n_pairs) < chance).astype(float)
    return Labels(pair, wins, 1.0 - wins, annotator, kind, n_pairs, 0.0)


def expect(arm: Arm, lengths: Integers) -> Labels:
    """Return the expected labels of each pair, as probabilities."""
    check_arm(arm)
    gaps = reward_gaps(lengths)
    pair = np.arange(gaps.shape[1])
    p, discarded = LINK(gaps), 0.0
    wins, losses, kind = p.mean(axis=0), (1.0 - p).mean(axis=0), np.full(len(pair), -1)
    if arm.labels_per_pair > 1:
        wins, losses = p.prod(axis=0), (1.0 - p).prod(axis=0)
        discarded = float(1.0 - (wins + losses).mean())
    elif arm.knows_types:
        wins, losses = p.ravel(), 1.0 - p.ravel()
        kind, pair = np.repeat(np.arange(N_TYPES), len(pair)), np.tile(pair, N_TYPES)
    elif arm.pooled is not None:
        wins = LINK(arm.pooled(gaps))
        losses = 1.0 - wins
    return Labels(pair, wins, losses, np.full(len(pair), -1), kind, 0, discarded)


def labelled_pairs(
    corpus: Corpus,
    labels: Labels,
    joint: "JointLikelihood | None" = None,
    pseudo: PseudoLabels | None = None,
) -> "Dataset":
    """Return the labelled pairs as a data set that TRL's preference trainers take unchanged.

    Prompts are explicit and texts are plain, because HH-RLHF's dialogues are texts, and no chat
    template may change how long they are. Columns: ``prompt``, ``chosen``, ``rejected``;
    ``label``, the share of labels that prefer the chosen one; ``annotator`` and
    ``annotator_type``; the lengths of both whole texts; and ``joint``, if a joint likelihood is
    given: ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of preferring the chosen one; and
    ``pseudo_label`` and ``pseudo_weight``, if pseudo-labels are.

    Parameters
    ----------
    corpus : Corpus
    labels : Labels
    joint : JointLikelihood, optional
        Of lengths: see `learn_joint`.
    pseudo : PseudoLabels, optional
        Of the gap of the first text over the second of each label: see `learn_pseudo_labels`.

    Raises
    ------
    InputError
        If labels are of pairs that the corpus does not have, or the extra ``llm`` is missing.
    """
    require("llm", "labelled_pairs")
    from datasets import Dataset

    _validate.instance("corpus", corpus, Corpus, "a Corpus")
    _validate.instance("labels", labels, Labels, "Labels")
    labels.check_within(len(corpus))
    swapped = labels.losses > labels.wins
    lengths = corpus.lengths[labels.pair]
    chosen, rejected = np.where(swapped, lengths.T[::-1], lengths.T)
    columns: dict[str, Any] = {
        "prompt": [corpus.pairs[i].prompt for i in labels.pair],
        "chosen": [corpus.pairs[i][1 + s] for i, s in zip(labels.pair, swapped, strict=True)],
        "rejected": [corpus.pairs[i][2 - s] for i, s in zip(labels.pair, swapped, strict=True)],
        "label": np.maximum(labels.wins, labels.losses) / (labels.wins + labels.losses),
        "annotator": labels.annotator,
        "annotator_type": labels.annotator_type,
        "chosen_length": chosen,
        "rejected_length": rejected,
    }
    if joint is not None:
        moments = joint.moments(np.zeros_like(chosen), chosen - 1, rejected - 1)
        columns["joint"] = np.stack(moments, axis=1).tolist()
    if pseudo is not None:
        check_pseudo(pseudo, labels)
        columns["pseudo_label"] = np.where(swapped, -pseudo.values, pseudo.values)
        columns["pseudo_weight"] = pseudo.weights / pseudo.weights.mean()
    return Dataset.from_dict(columns)
