"""Training with torch: losses, policies, fits, and their verification.

Needs the extra ``train``.
"""
# ruff: noqa: E402 - without torch the imports below fail

from .._extras import require

require("train", "socialpref.training")

from .certification import Certification, OwnPopulation, certify
from .dataset import dataset_of
from .exact import Fit, fit_exact
from .learning import Fitting, learn, train
from .minibatch import fit_minibatch
from .objectives import (
    Batch,
    JointLikelihood,
    TrueJoint,
    agreement_only,
    corrected,
    dpo,
    orthogonal_loss,
)
from .orthogonal import to_pseudo_labels
from .policies import MLP, Tabular
from .rivals import margin_loss
from .verdicts import LimitVerdict, OrderVerdict
from .verification import Report, Verification, populations, verify

__all__ = [
    "MLP",
    "Batch",
    "Certification",
    "Fit",
    "Fitting",
    "JointLikelihood",
    "LimitVerdict",
    "OrderVerdict",
    "OwnPopulation",
    "Report",
    "Tabular",
    "TrueJoint",
    "Verification",
    "agreement_only",
    "certify",
    "corrected",
    "dataset_of",
    "dpo",
    "fit_exact",
    "fit_minibatch",
    "learn",
    "margin_loss",
    "orthogonal_loss",
    "populations",
    "to_pseudo_labels",
    "train",
    "verify",
]
