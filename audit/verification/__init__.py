"""Verification of stored reports: everything that follows from their numbers is computed again, without a model."""

from llm_audit.verification.ledger import Ledger, Mismatch, Unchecked
from llm_audit.verification.report import verify

__all__ = ["Ledger", "Mismatch", "Unchecked", "verify"]
