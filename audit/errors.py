"""The errors that a user can act on. Each message is one sentence: what is wrong and what to do."""

from __future__ import annotations


class AuditError(Exception):
    """An error whose message is meant for the user; the command line prints it without a traceback and exits with 2."""
