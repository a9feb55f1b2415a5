"""Seeds of tests: derived from the data and the question, or registered in a seed file before the test.

Without a file the seed follows from the data tested, so that nobody can try seeds until one pleases; but changing a word of
the data gives another seed. Knows nothing about the tests.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llm_audit.common.errors import InvalidConfiguration, InvalidInput, NotAvailable
from llm_audit.common.files import create

KIND = "llm-audit seed"


@dataclass(frozen=True)
class Question:
    """The identity of a test, by content.

    Attributes:
        test: name of the test.
        data: SHA-256 over all data tested, in order.
        model: digest of the model.
        draws: rearrangements to draw.
        alpha: of the decision.
        settings: all other settings chosen beforehand.
    """

    test: str
    data: str
    model: str
    draws: int
    alpha: float
    settings: str = ""

    @property
    def own_seed(self) -> str:
        """32 hexadecimal digits that follow from test, data, model and settings, not from alpha or the number of draws."""
        fields = [self.test, self.data, self.model, self.settings]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:32]


def seed_for(question: Question, file: Path | None, created: str) -> str:
    """The seed of a question: its own or, with a file, the one registered there; a file that is missing is written.

    Args:
        question: what is about to be tested.
        file: of the seed; None: the question's own.
        created: the time to write into a new file, ISO 8601.

    Raises:
        AuditError: the file cannot be read or written, or registers another question.
    """
    if file is None:
        return question.own_seed
    fields: dict[str, Any] = {"kind": KIND} | asdict(question)
    if not file.exists():
        seed = secrets.token_hex(16)
        try:
            create(file, (json.dumps(fields | {"seed": seed, "created": created}, indent=2) + "\n").encode())
        except OSError as error:
            raise NotAvailable(f"Cannot write the seed file {file}: {error.strerror}.") from error
        return seed
    try:
        registered = json.loads(file.read_bytes())
        seed = registered["seed"]
        different = [key for key in fields if registered.get(key) != fields[key]]
    except OSError as error:
        raise InvalidInput(f"The seed file {file} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{file} is no seed file; name one that a test has written, or a new one.") from error
    if different:
        key = different[0]
        raise InvalidConfiguration(
            f"The seed file {file} was registered for another {key} ({registered.get(key)!r}, not {fields[key]!r}); test what "
            "was registered, or name a new file."
        )
    return str(seed)
