"""Training with torch: simulated annotations, losses, policies, fits, and their verification."""

from .annotations import Annotations, Cells, expected_cells, simulate
from .fit import (
    Batch,
    Fit,
    JointLikelihood,
    TrueJoint,
    agreement_only,
    corrected,
    dpo,
    fit_exact,
    fit_minibatch,
)
from .policies import MLP, Tabular

__all__ = [
    "MLP",
    "Annotations",
    "Batch",
    "Cells",
    "Fit",
    "JointLikelihood",
    "Tabular",
    "TrueJoint",
    "agreement_only",
    "corrected",
    "dpo",
    "expected_cells",
    "fit_exact",
    "fit_minibatch",
    "simulate",
]
