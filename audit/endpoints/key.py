"""The API key: where it may come from, and how it is kept out of everything that is written."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

from llm_audit.common.errors import InvalidConfiguration

SHORTEST = 8
"""Fewest characters of a key: a shorter word could not be removed from texts without harming them."""

LONGEST = 2**14
"""Most characters of a key; a longer header is refused by every server."""

REMOVED = "[key removed]"


def read_key(*, env: str | None = None, file: str | os.PathLike[str] | None = None) -> str | None:
    """The key from the environment variable `env`, else from `file`; None if neither is named.

    Raises:
        InvalidConfiguration: the variable is not set, the file cannot be read, or what is there cannot be a key.
    """
    if env is not None:
        if env not in os.environ:
            raise InvalidConfiguration(
                f"The environment variable {env} is not set; put the API key into it, or name a key file."
            )
        return check_key(os.environ[env].strip(), f"The environment variable {env}")
    if file is not None:
        try:
            with Path(file).open("rb") as content:  # a device may have no end
                text = content.read(LONGEST + 1).decode("ascii").strip()
        except (OSError, ValueError) as error:
            fault = getattr(error, "strerror", None) or "it is not plain ASCII"
            raise InvalidConfiguration(
                f"Cannot read the key file {file}: {fault}."
            ) from None  # the cause would quote its content
        return check_key(text, f"The key file {file}")
    return None


def check_key(key: str, origin: str) -> str:
    """The key itself, if it can be sent in a header and recognised in a text.

    Raises:
        InvalidConfiguration: it cannot; the message does not have it.
    """
    if not re.fullmatch(r"[!-~]+", key):
        raise InvalidConfiguration(f"{origin} does not hold an API key: it must be one word of printable ASCII characters.")
    if len(key) > LONGEST:
        raise InvalidConfiguration(f"{origin} does not hold an API key: it has more than {LONGEST:,} characters.")
    if len(key) < SHORTEST:
        raise InvalidConfiguration(
            f"{origin} holds a key of fewer than {SHORTEST} characters, which cannot be kept out of the records safely; "
            "leave the key out if the server needs none."
        )
    return key


class Scrubber:
    """Removes keys from text: as they are, with any character as a JSON or percent escape, in base64, or as a list of bytes.

    A server that means to can write its client's key down in a way that this does not know, such as token by token.
    """

    def __init__(self, *keys: str) -> None:
        longest_first = sorted(set(keys), key=lambda key: (-len(key), key))  # one may hold another
        self._patterns = [(re.compile(pattern), instead) for key in longest_first for pattern, instead in _spellings(key)]

    def __call__(self, text: str) -> str:
        """The text without the keys. JSON stays JSON."""
        for pattern, instead in self._patterns:
            text = pattern.sub(instead, text)
        return text


def _spellings(key: str) -> list[tuple[str, str]]:
    """Patterns, and what is put in their place."""
    # JSON may put a backslash before these three and, like a URL, write any character as a number.
    plain = (rf"\\?{re.escape(c)}" if c in '/"\\' else re.escape(c) for c in key)
    escaped = "".join(rf"(?:{p}|\\u00(?i:{ord(c):02x})|%(?i:{ord(c):02x}))" for p, c in zip(plain, key, strict=True))
    base = base64.b64encode(key.encode()).decode().rstrip("=")[:-1]  # the rest depends on what follows the key
    listed = r"\s*,\s*".join(str(ord(c)) for c in key)  # as in the `bytes` of a token
    return [(f"{escaped}|{re.escape(base)}", REMOVED), (rf"\b{listed}\b", str(ord("?")))]
