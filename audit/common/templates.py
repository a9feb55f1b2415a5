"""Templates of the notes in a report: each writes its sentence, and parses it again.

So `llm-audit verify` can tell a note of ours from one that somebody added. Holds no sentence itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

Value = int | float | str

_FIELD = re.compile(r"\{(?P<name>\w+)(?::(?P<kind>\w+))?\}")
_FORMS = {
    "count": r"\d{1,3}(?:,\d{3})*",
    "number": r"\d+",
    "decimal": r"\d+\.\d\d",
    "language": r"[a-z]{2,3}(?:-[a-z]+)?",
    "percent": r"\d+%",
    "share": r"\d+\.\d\d%",
    "nats": r"[\d.e+-]+",
    "name": r"'.+'|\S+",
    "quoted": r"'.+'|\".+\"",
    "request": r"question \d+|text \d+, draw \d+",
    "rule": r"AUD\d{3}",
    "syntax": r"(?:Expecting|Extra|Unterminated|Invalid|Illegal|Unexpected) [^.]{1,60}",
    "words": r".+",
}
"""Kind of a field -> regular expression of its values. `name`: quoted if it holds spaces, so that it cannot pass for a
sentence of ours. `syntax`: an error message of Python's JSON parser."""


@dataclass(frozen=True)
class Template:
    """A sentence with fields to fill in, such as `{held_out:count} texts of {path:name}`.

    A field without a kind is one of the words in `words`. A field may occur again, without its kind, for the same value.

    Attributes:
        sentence: with its fields.
        words: for each field without a kind, the words that it can hold.
    """

    sentence: str
    words: dict[str, Collection[str]] = field(default_factory=dict, hash=False)

    def write(self, **values: Value) -> str:
        """The sentence with its fields filled in."""
        return _FIELD.sub(lambda match: self._written(match["name"], values[match["name"]]), self.sentence)

    def read(self, sentence: str) -> dict[str, str] | None:
        """The values of the fields in a sentence, as strings; None: the sentence does not fit this template."""
        match = self._pattern.fullmatch(sentence)
        return match and match.groupdict()

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return {match["name"]: match["kind"] for match in _FIELD.finditer(self.sentence) if match["kind"]}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts, seen, end = [], set[str](), 0
        for match in _FIELD.finditer(self.sentence):
            parts.append(re.escape(self.sentence[end : match.start()]))
            name, end = match["name"], match.end()
            if name in seen:
                parts.append(f"(?P={name})")
                continue
            seen.add(name)
            form = "|".join(map(re.escape, self.words[name])) if name in self.words else _FORMS[self._kinds[name]]
            parts.append(f"(?P<{name}>{form})")
        return re.compile("".join([*parts, re.escape(self.sentence[end:])]), re.DOTALL)

    def _written(self, name: str, value: Value) -> str:
        match self._kinds.get(name):
            case "count":
                return f"{value:,}"
            case "decimal":
                return f"{value:.2f}"
            case "percent":
                return f"{value:.0%}"
            case "share":
                return f"{value:.2%}"
            case "nats":
                return f"{value:g}"
            case "name":
                return quoted(str(value))
            case "quoted":
                return repr(value)
        return str(value)


def known(sentence: str, templates: Iterable[Template]) -> dict[str, str] | None:
    """The values of a sentence's fields, by the first template that it fits; None: it fits none."""
    return next((values for template in templates if (values := template.read(sentence)) is not None), None)


def quoted(name: str) -> str:
    """A name as it stands in a sentence: in quotes if it holds a space."""
    return shlex.quote(name) if re.search(r"\s", name) else name
