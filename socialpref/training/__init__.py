"""Training with torch: simulated annotations, losses, policies, fits, and their verification."""

from .annotations import Annotations, Cells, expected_cells, simulate

__all__ = ["Annotations", "Cells", "expected_cells", "simulate"]
