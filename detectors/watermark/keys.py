"""Key files of watermarks: reading, making, and the id, which is all that may be shown of a key.

A key file is a JSON object: "schema", "scheme", the scheme's fields (keys as strings of digits, because 64-bit numbers do not
survive every reader of JSON), and if known the "tokenizer" (a digest) and a "note". Whoever holds it can find the mark and
forge it, so it is written with mode 0600, and no message, log or report of ours holds more than its id. The id is a digest;
who knows the scheme and guesses a weak key (42) can confirm the guess by it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SecretStr, ValidationError

from llm_audit.common.errors import AuditError, InvalidConfiguration
from llm_audit.common.files import create
from llm_audit.detectors.watermark.schemes import scheme_class
from llm_audit.detectors.watermark.schemes.base import KeyedScheme, TokenisedText, TokenScheme

SCHEMA = "llm-audit/watermark-key/1"
LARGEST = 1 << 20
"""Most bytes of a key file."""

_DOMAIN = b"llm-audit watermark key id 1\0"


@dataclass(frozen=True)
class Key:
    """The content of a key file: a scheme with its key, and notes.

    Attributes:
        scheme: ready to observe and to embed.
        tokenizer: digest of the tokenizer whose ids it marks, if the file names one.
        note: of whoever made the file.
    """

    scheme: KeyedScheme
    tokenizer: str | None = None
    note: str | None = None

    @property
    def id(self) -> str:
        """12 hexadecimal digits by which reports, logs and errors name the key."""
        canonical = json.dumps(_fields(self.scheme), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(_DOMAIN + canonical.encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        return f"Key({self.scheme.scheme}, id {self.id})"


def read_key(path: Path, expected: str | None = None) -> Key:
    """The key in a file.

    Args:
        path: of the file.
        expected: the scheme that it must be of, if that is known.

    Raises:
        AuditError: unreadable, malformed, or of a scheme that is not supported or not the expected one; the message holds
            nothing of the key.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise AuditError(f"cannot read the key file {path}: {error.strerror or 'input/output error'}") from None
    key = parse_key(content, f"the key file {path}")
    if expected is not None and key.scheme.scheme != expected:
        raise AuditError(f"the key file {path} is of the scheme {key.scheme.scheme}, not {expected}: give the other key file")
    return key


def exposure(path: Path) -> str | None:
    """A warning if others than the owner can read or write the file, else None."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    if mode & 0o077 == 0:
        return None
    return f"the key file {path} has mode {mode:04o}: others than its owner can use the key; run chmod 600 on it"


def parse_key(content: bytes, origin: str) -> Key:
    """The key in a file's content.

    Args:
        content: JSON, UTF-8.
        origin: what to call it in an error, such as "the key file k.json".

    Raises:
        AuditError: as in `read_key`.
    """
    if len(content) > LARGEST:
        raise AuditError(f"{origin} is too large for a key file: give the file that watermark keygen wrote")
    try:
        data = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise AuditError(
            f"{origin} is not a JSON object, one in the file and each name once: give the file that watermark keygen wrote"
        ) from None
    if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
        raise AuditError(f'{origin} is no key file: it must be a JSON object whose "schema" is "{SCHEMA}"')
    name, tokenizer, note = data.pop("scheme", None), data.pop("tokenizer", None), data.pop("note", None)
    if not isinstance(name, str):
        raise AuditError(f'{origin} names no scheme: add "scheme"')
    if not all(value is None or isinstance(value, str) for value in (tokenizer, note)):
        raise AuditError(f'{origin}: "tokenizer" and "note" must be strings')
    try:
        scheme = scheme_class(name).model_validate(data)
    except AuditError as error:
        raise AuditError(f"{origin}: {error}") from None
    except ValidationError as error:
        raise AuditError(f"{origin} does not fit the scheme {name}: {_explained(error)}") from None
    return Key(scheme, tokenizer, note)


def new_key(scheme: str, tokenizer: str | None = None, note: str | None = None, **parameters: Any) -> Key:
    """A fresh key from the system's source of randomness.

    Args:
        scheme: name.
        tokenizer: digest, if known.
        note: free text.
        parameters: public fields of the scheme, such as vocab_size or context_width.

    Raises:
        AuditError: an unknown scheme, or parameters that do not fit it.
    """
    cls = scheme_class(scheme)
    drawn = cls.draw_keys(secrets.randbits)
    if set(parameters) & _secret_fields(cls):
        raise AuditError(
            f"a new key of the scheme {scheme} is drawn, not given: leave out {', '.join(sorted(_secret_fields(cls)))}"
        )
    try:
        return Key(cls.model_validate(parameters | drawn), tokenizer, note)
    except ValidationError as error:
        raise AuditError(f"these parameters do not fit the scheme {scheme}: {_explained(error)}") from None


def write_key(path: Path, key: Key) -> None:
    """Write a new key file that only its owner can read; an existing file is never overwritten.

    Raises:
        AuditError: the file exists, or cannot be written.
    """
    content = {"schema": SCHEMA, "scheme": key.scheme.scheme, **_fields(key.scheme)}
    content |= {name: value for name, value in (("tokenizer", key.tokenizer), ("note", key.note)) if value is not None}
    try:
        create(path, (json.dumps(content, indent=2) + "\n").encode(), mode=0o600)
    except FileExistsError:
        raise AuditError(
            f"the file {path} exists and is not overwritten: a lost key cannot be made again; name another"
        ) from None
    except OSError as error:
        raise AuditError(f"cannot write the key file {path}: {error.strerror or 'input/output error'}") from None


def check_computable(key: Key) -> None:
    """Refuse a key whose scheme cannot be computed here, such as lists drawn on a GPU.

    Raises:
        InvalidConfiguration: with the reason.
    """
    try:
        if isinstance(key.scheme, TokenScheme):
            key.scheme.observe(TokenisedText.of(np.arange(2), np.arange(2), from_start=True))
    except AuditError as error:
        raise InvalidConfiguration(f"Key {key.id} cannot be used: {error}.") from None


def _fields(scheme: KeyedScheme) -> dict[str, Any]:
    """All fields of a scheme with its secrets in the clear: for the id's digest and the key file only."""
    return {"scheme": scheme.scheme} | {name: _clear(getattr(scheme, name)) for name in type(scheme).model_fields}


def _clear(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return [_clear(part) for part in value] if isinstance(value, tuple) else value


def _secret_fields(cls: type[KeyedScheme]) -> set[str]:
    return set(cls.draw_keys(lambda bits: 0))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("a name occurs twice")
    return data


def _explained(error: ValidationError) -> str:
    """The faults of a key file, field by field, without the values."""
    sentences = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        field, reason = str(fault["loc"][0]) if fault["loc"] else "", fault["msg"].removeprefix("Value error, ")
        if not field:  # of several fields together
            sentences.append(reason)
        elif fault["type"] == "extra_forbidden":
            plain = field.isidentifier() and len(field) <= 40 and not any(map(str.isdigit, field))  # else it might be the key
            sentences.append(f"the scheme has no field {field}" if plain else "it has a field that the scheme does not have")
        elif fault["type"] == "string_type":
            sentences.append(f"{field} must be a string in quotes")
        elif fault["type"] == "missing":
            sentences.append(f"{field} is missing")
        else:
            sentences.append(f"{field}: {reason}")
    return "; ".join(sentences)
