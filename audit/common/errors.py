"""The errors that a user can act on. Each message is one sentence: what is wrong and what to do.

`except AuditError` catches all of them; its subclasses tell apart what a program can do about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class AuditError(Exception):
    """An error whose message is meant for the user; the command line prints it without a traceback and exits with 2.

    Attributes:
        setting: field of `Setup` whose value is at fault, such as "model"; None if it is not known.
    """

    setting: str | None = None


class NotAvailable(AuditError):
    """Something that the run needs is not here: a model, a population, a package, the network, room on the disk."""


class InvalidInput(AuditError):
    """An input to judge, compare or verify cannot be read, or cannot be what it should be."""


class InvalidConfiguration(AuditError):
    """Options, settings or a policy are wrong, or do not go together."""


@contextmanager
def about(setting: str) -> Iterator[None]:
    """Note on errors of the block which setting they are about; see `AuditError.setting`."""
    try:
        yield
    except AuditError as error:
        error.setting = error.setting or setting
        raise


LOCAL_PACKAGES = frozenset({"sklearn", "torch", "transformers"})
"""Modules that only the extra `local` installs; a test holds them to pyproject.toml."""


def not_installed(error: ModuleNotFoundError) -> NotAvailable | None:
    """The error that names the missing package and how to install it; None if the missing module is ours."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "llm_audit"):
        return None
    ours = "'llm-audit[local]'" if package in LOCAL_PACKAGES else "llm-audit"
    return NotAvailable(f"This needs {package}, which is not installed: run `pip install {ours}`.")


@contextmanager
def local_packages() -> Iterator[None]:
    """For a block that imports packages of the extra `local`: if they are missing, the error says how to install them.

    Raises:
        NotAvailable: a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise not_installed(error) or error from None
