"""Options that hardly recur, such as texts: what annotators prefer in terms of features."""

from .audit import FeatureAudit, FeatureFinding, audit_features
from .classes import FeatureChoice, FeatureClasses, choose_feature_classes, fit_feature_classes
from .fit import FeatureFit, fit_features
from .recurring import Recurrence, recurrence

__all__ = [
    "FeatureAudit",
    "FeatureChoice",
    "FeatureClasses",
    "FeatureFinding",
    "FeatureFit",
    "Recurrence",
    "audit_features",
    "choose_feature_classes",
    "fit_feature_classes",
    "fit_features",
    "recurrence",
]
