"""The alignment methods side by side: the table, how they are written, and their comparison."""

from .side_by_side import MethodComparison, compare_methods
from .table import METHODS, method_named
from .written import Entry, entries, methods_written

__all__ = [
    "METHODS",
    "Entry",
    "MethodComparison",
    "compare_methods",
    "entries",
    "method_named",
    "methods_written",
]
