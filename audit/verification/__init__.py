"""Is a stored report still what was found? Everything that follows from stored numbers is computed again, without a model."""

from llm_audit.verification.ledger import Ledger, Mismatch, Unchecked
from llm_audit.verification.report import verify

__all__ = ["Ledger", "Mismatch", "Unchecked", "verify"]
