"""The version of llm-audit, as reports and `--version` state it."""

__version__ = "0.2.0"
