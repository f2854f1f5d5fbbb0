"""Training with torch: simulated annotations, losses, policies, fits, and their verification."""

from .annotations import Annotations, Cells, expected_cells, simulate
from .fit import Fit, fit_exact
from .joint import ClassChoice, LatentClasses, choose_classes, fit_latent_classes
from .learn import Fitting, learn, trains
from .minibatch import fit_minibatch
from .objectives import Batch, JointLikelihood, TrueJoint, agreement_only, corrected, dpo
from .policies import MLP, Tabular
from .verification import Certification, Report, Verification, certify, populations, verify

__all__ = [
    "MLP",
    "Annotations",
    "Batch",
    "Cells",
    "Certification",
    "ClassChoice",
    "Fit",
    "Fitting",
    "JointLikelihood",
    "LatentClasses",
    "Report",
    "Tabular",
    "TrueJoint",
    "Verification",
    "agreement_only",
    "certify",
    "choose_classes",
    "corrected",
    "dpo",
    "expected_cells",
    "fit_exact",
    "fit_latent_classes",
    "fit_minibatch",
    "learn",
    "populations",
    "simulate",
    "trains",
    "verify",
]
