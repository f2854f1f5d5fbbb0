"""Training with torch: simulated annotations, losses, policies, fits, and their verification."""

from ..comparisons.classes import ClassChoice, ClassMixture, choose_classes, fit_latent_classes
from ..comparisons.counts import Cells
from ..comparisons.simulation import expected_cells, simulate
from ..comparisons.table import Comparisons
from .certification import Certification, certify
from .exact import Fit, fit_exact
from .learning import Fitting, learn, train
from .minibatch import fit_minibatch
from .objectives import Batch, JointLikelihood, TrueJoint, agreement_only, corrected, dpo
from .policies import MLP, Tabular
from .verification import Report, Verification, populations, verify

__all__ = [
    "MLP",
    "Batch",
    "Cells",
    "Certification",
    "ClassChoice",
    "ClassMixture",
    "Comparisons",
    "Fit",
    "Fitting",
    "JointLikelihood",
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
    "train",
    "verify",
]
