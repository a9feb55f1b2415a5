"""Read a framework from its TOML file; errors name the line of a mistake.

Knows nothing of audit reports.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.reports.compliance.model import Framework, LegalDate, Requirement, Selector, Source
from llm_audit.results.base import Model

FOLDER = Path(__file__).parent
FRAMEWORKS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
"""The frameworks that come with llm-audit."""

_TABLES: dict[str, type[Model]] = {"sources": Source, "dates": LegalDate, "requirements": Requirement}


def load(name: str) -> tuple[Framework, str]:
    """A framework of ours by its name, or the user's own by its path; and the SHA-256 of its file.

    Raises:
        InvalidConfiguration: there is none of this name, or something in the file is wrong; the line and the nearest right word
            are named.
    """
    if name not in FRAMEWORKS and not name.endswith(".toml"):
        hint = did_you_mean(name, FRAMEWORKS)
        raise InvalidConfiguration(
            f"There is no framework “{name}”{hint}; known are {', '.join(FRAMEWORKS)}, or give a .toml file."
        )
    path = FOLDER / f"{name}.toml" if name in FRAMEWORKS else Path(name)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except OSError as error:
        raise InvalidConfiguration(f"Cannot read the framework {path}: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"The framework {path} is not UTF-8 text; save it as UTF-8.") from error
    return parse(text, str(path)), hashlib.sha256(data).hexdigest()


def parse(text: str, name: str) -> Framework:
    """A framework from the text of its file; `name` is for messages. Raises InvalidConfiguration."""
    try:
        framework = Framework.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{name} is not valid TOML: {error}.") from error
    except ValidationError as error:
        # A misspelt key is reported twice: as unknown and, of the right name, as missing. The first helps more.
        first = min(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
        place = first["loc"][:-1] if first["type"] == "missing" else first["loc"]
        raise InvalidConfiguration(f"{name}, line {_line(text, place, first['input'])}: {_complaint(first)}.") from error
    _check_references(framework, text, name)
    return framework


def _check_references(framework: Framework, text: str, name: str) -> None:
    """Check that every source referred to is listed, and that no two sources or requirements share an id."""
    for table, ids in (
        ("sources", [source.id for source in framework.sources]),
        ("requirements", [requirement.id for requirement in framework.requirements]),
    ):
        for number, id_ in enumerate(ids):
            if id_ in ids[:number]:
                line = _line(text, (table, number, "id"), id_)
                raise InvalidConfiguration(f"{name}, line {line}: the id “{id_}” is taken; give each entry its own.")
    known = [source.id for source in framework.sources]
    referring: dict[str, tuple[LegalDate | Requirement, ...]] = {
        "dates": framework.dates,
        "requirements": framework.requirements,
    }
    for table, entries in referring.items():
        for number, entry in enumerate(entries):
            if entry.source not in known:
                line = _line(text, (table, number, "source"), entry.source)
                hint = did_you_mean(entry.source, known)
                raise InvalidConfiguration(
                    f"{name}, line {line}: there is no source “{entry.source}”{hint}; list it under [[sources]]."
                )


def _complaint(error: Any) -> str:
    """One of pydantic's errors as a sentence without its full stop."""
    loc, kind = error["loc"], error["type"]
    key = loc[-1]
    if kind == "extra_forbidden":
        return f"unknown key “{key}”{did_you_mean(str(key), _fields(loc))}; the keys are {', '.join(_fields(loc))}"
    if kind == "missing":
        return f"the key “{key}” is missing"
    if kind == "enum":
        return (
            f"unknown evidence “{error['input']}”{did_you_mean(str(error['input']), Selector)}; known are {', '.join(Selector)}"
        )
    if kind == "literal_error":
        allowed = _literals(loc)
        hint = did_you_mean(str(error["input"]), allowed)
        return f"“{error['input']}” is no value of “{key}”{hint}; the values are {', '.join(allowed)}"
    reason = error.get("ctx", {}).get("error") or error["msg"]
    return f"“{next(part for part in reversed(loc) if isinstance(part, str))}”: {reason}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the nearest known word: " (did you mean “asks”?)"; empty if none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f" (did you mean “{near[0]}”?)" if near else ""


def _fields(loc: Sequence[int | str]) -> tuple[str, ...]:
    model = _TABLES[str(loc[0])] if len(loc) > 1 else Framework
    return tuple(model.model_fields)


def _literals(loc: Sequence[int | str]) -> tuple[str, ...]:
    return get_args(_TABLES[str(loc[0])].model_fields[str(loc[-1])].annotation)


def _line(text: str, loc: Sequence[int | str], value: Any) -> int:
    """The line of a key, or of the value in its list; of a `loc` without a key that of its table's head.

    tomllib keeps no lines, so the text is searched: for the table with its number, then for the key, then for the value.
    """
    lines = text.splitlines()
    head, keys = 0, list(loc)
    if len(loc) > 1 and loc[0] in _TABLES:
        heads = [number for number, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{loc[0]}\s*\]\]", line)]
        head = heads[int(loc[1])] if int(loc[1]) < len(heads) else 0  # tables may be written inline, too
        keys = keys[2:]
    if not keys:
        return head + 1
    pattern = re.compile(rf"""\s*(\[+\s*)?["']?{re.escape(str(keys[0]))}["']?\s*[]=.]""")
    place = next((number for number in range(head, len(lines)) if pattern.match(lines[number])), head)
    if isinstance(value, str) and len(keys) > 1:
        place = next((number for number in range(place, len(lines)) if value in lines[number]), place)
    return place + 1
