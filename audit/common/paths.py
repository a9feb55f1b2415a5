"""Folders in which llm-audit keeps models, scores and the user's populations. Knows nothing about the contents."""

from __future__ import annotations

import os
from pathlib import Path

from llm_audit.common.errors import NotAvailable


def cache_root() -> Path:
    """Folder of models and scores, which can be deleted at any time: `LLM_AUDIT_CACHE`, else the user's cache folder."""
    return _root("LLM_AUDIT_CACHE", "user_cache_path")


def data_root() -> Path:
    """Folder of the user's own populations, worth a backup: `LLM_AUDIT_DATA`, else the user's data folder."""
    return _root("LLM_AUDIT_DATA", "user_data_path")


def _root(variable: str, default: str) -> Path:
    if value := os.environ.get(variable):
        return Path(value).expanduser()
    import platformdirs

    path: Path = getattr(platformdirs, default)("llm-audit")
    return path


def working_folder() -> Path:
    """The folder in which the process works. Raises NotAvailable: it was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise NotAvailable("The folder in which this runs is no longer there: change into one that is.") from None
