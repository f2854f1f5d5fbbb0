"""What comparisons teach a model, and whose preferences they are: everything in one result."""

from .disclosure import Disclosure, disclose
from .prompts import PromptAudit
from .result import Audit
from .run import audit

__all__ = ["Audit", "Disclosure", "PromptAudit", "audit", "disclose"]
