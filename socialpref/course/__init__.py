"""The course: notebooks for Jupyter, and checks of the answers that a reader writes in them.

The notebooks are the pages of ``docs/notebooks``, which travel with the package.
"""

from .checking import Verdict, check
from .writing import notebooks, to_jupyter, write_notebooks

__all__ = ["Verdict", "check", "notebooks", "to_jupyter", "write_notebooks"]
