"""Average rewards estimated from labels of known types: their fits and standard errors."""

from .orthogonal import PseudoLabels, pseudo_labels

__all__ = ["PseudoLabels", "pseudo_labels"]
