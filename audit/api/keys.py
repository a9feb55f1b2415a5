"""Key files of watermarks, as every function of the library reads them; no key is ever repeated in a message."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.api.running import StrPath
from llm_audit.common.errors import AuditError, InvalidConfiguration

if TYPE_CHECKING:
    from llm_audit.detectors.watermark.embedding import Marker
    from llm_audit.detectors.watermark.keys import Key


def marker_of(path: StrPath, seed: int, scheme: str | None = None) -> Marker:
    """The `Marker` that marks texts with the key in a file; `seed` is for the scheme's choices other than the draw itself.

    A key of another scheme than `scheme` is refused, as by `read_keys`.
    """
    from llm_audit.detectors.watermark.embedding import Marker

    return Marker(read_keys([str(path)], scheme)[0], seed)


def read_keys(paths: Sequence[str], scheme: str | None = None) -> tuple[Key, ...]:
    """The keys in these files, with a warning for each that others can read.

    Raises:
        InvalidConfiguration: a file is no key file, or of another scheme than `scheme` (None: each may have its own).
    """
    from llm_audit.detectors.watermark.keys import exposure, read_key
    from llm_audit.detectors.watermark.schemes import scheme_class

    if not paths:
        raise InvalidConfiguration("No key is given: name a key file; `llm-audit watermark keygen` writes one.")
    if scheme is not None:
        with as_configuration_errors():
            scheme_class(scheme)
    keys = []
    for path in paths:
        _refuse_key(path)
        with as_configuration_errors():
            keys.append(read_key(Path(path), scheme))
        if warning := exposure(Path(path)):
            warnings.warn(as_sentence(warning), UserWarning, stacklevel=3)
    return tuple(keys)


def _refuse_key(name: str) -> None:
    """Refuse an argument that looks like a key where a file is expected, without repeating it."""
    try:
        exists = Path(name).exists()
    except (OSError, ValueError):
        exists = False
    if not exists and re.match(r"(0x)?[0-9a-fA-F]+$|\s*[{[]|.*[0-9a-fA-F]{16}", name, re.DOTALL):
        raise InvalidConfiguration(
            "A key is never given by itself, where the list of processes and the shell's history show it: write it into a key "
            "file (mode 0600), and name the file."
        )


@contextmanager
def as_configuration_errors() -> Iterator[None]:
    """Turn errors about a key that the block raises into InvalidConfiguration, each a full sentence."""
    try:
        yield
    except AuditError as error:
        raise InvalidConfiguration(as_sentence(str(error))) from None


def as_sentence(words: str) -> str:
    """The words with a capital letter at the start and a full stop at the end."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
