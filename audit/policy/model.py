"""Policy: its fields, and the settings for one document. Knows nothing of files: paths are relative to the policy's folder.

In TOML the settings are written in kebab-case. Settings that only the documents' verdicts depend on can differ by path; the
level and the population cannot, since the false discovery rate is one statement about all documents together.
"""

from __future__ import annotations

import hashlib
import json
import re
from difflib import get_close_matches
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from llm_audit.results import Model
from llm_audit.results.base import empty

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_LONGEST = 40
"""Most characters of a user's word that a sentence repeats."""

Outcome = Literal["finding", "error", "inconclusive", "not_assessable"]


class Rules(NamedTuple):
    """Settings of the policy for one document.

    Attributes:
        select, ignore: codes of rules or their beginnings; see `counts`.
        minimum_tokens: a text with fewer is not assessable; None: the detectors' own minimum.
        fail_on: what makes the document fail.
    """

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    minimum_tokens: int | None
    fail_on: tuple[Outcome, ...]

    def counts(self, code: str) -> bool:
        """Whether a finding of this rule counts: it is selected and not ignored."""
        return code.startswith(self.select) and not code.startswith(self.ignore)


def quoted(word: str) -> str:
    """A user's word as a message quotes it: shortened, and in ASCII, so that look-alike letters show."""
    return ascii(word[:_LONGEST]) + ("..." if len(word) > _LONGEST else "")


def closest(word: str, known: tuple[str, ...]) -> str:
    """The end of a message: `; did you mean 'x'?` or, if nothing is close, a full stop."""
    near = get_close_matches(word, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else "."


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    from pathspec import GitIgnoreSpec  # 15 ms, which defaults do not need

    for pattern in patterns:
        try:
            (compiled,) = GitIgnoreSpec.from_lines([pattern], backend="simple").patterns
        except ValueError:
            raise ValueError(f"{quoted(pattern)} is no pattern of gitignore.") from None
        if compiled.include is None:
            raise ValueError(f"{quoted(pattern)} matches nothing: it is empty or a comment.")
    return patterns


@cache
def document_rules() -> tuple[str, ...]:
    """Codes of our own rules that decide about a document: that of all detectors together, and each integrity rule."""
    from llm_audit.detectors.origin import generated
    from llm_audit.detectors.registry import shipped

    return (generated.rule.code, *(rule.code for rule in shipped("integrity")))


def known_codes() -> tuple[str, ...]:
    """The codes of `document_rules` and those of plugins, sorted. Importing plugins takes time."""
    from llm_audit.detectors.integrity.base import find_rules

    return tuple(sorted({*document_rules(), *(rule.code for rule in find_rules())}))


def _rules(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        if not _names(entry, document_rules()):
            known = known_codes()
            if not _names(entry, known):
                raise ValueError(f"{quoted(entry)} is no rule that decides about a document{closest(entry.upper(), known)}")
    return entries


def _names(entry: str, known: tuple[str, ...]) -> bool:
    return len(entry) >= len("AUD") and any(code.startswith(entry) for code in known)


def _detectors(names: tuple[str, ...]) -> tuple[str, ...]:
    if names:
        from llm_audit.detectors.announced import GROUP, available

        known = tuple(announced.name for announced in available(f"{GROUP}.origin"))
        for name in names:
            if name not in known:
                raise ValueError(f"no detector is called {quoted(name)}{closest(name, known)}")
    return names


def _file_of_key(name: str) -> str:
    if re.fullmatch(r"(0x)?[0-9a-fA-F]+", name) or name.lstrip().startswith("{"):
        raise ValueError("a key never stands in a policy, which many read; name a key file.")
    return name


def _enough(tokens: int) -> int:
    from llm_audit.detectors.populations import MINIMUM_TOKENS

    if tokens < MINIMUM_TOKENS:
        raise ValueError(f"with fewer than {MINIMUM_TOKENS} tokens no detector can tell people and machines apart.")
    return tokens


def _apart(names: tuple[str, ...]) -> tuple[str, ...]:
    if names:
        from llm_audit.text.frame import INCLUDABLE

        for name in names:
            if name not in INCLUDABLE:
                raise ValueError(f"nothing that stands apart is called {quoted(name)}{closest(name, tuple(INCLUDABLE))}")
    return names


Listed = BeforeValidator(_tuple)
Name = Annotated[str, Field(min_length=1)]
Patterns = Annotated[tuple[Name, ...], Listed, AfterValidator(_patterns)]
Codes = Annotated[tuple[Name, ...], Listed, AfterValidator(_rules)]
Outcomes = Annotated[tuple[Outcome, ...], Listed]
Tokens = Annotated[int, AfterValidator(_enough)]

CODES, TOKENS = "a list of codes of rules (see `llm-audit explain`) or of their beginnings", "a whole number of tokens"
OUTCOMES = "a list of 'finding', 'error', 'inconclusive' and 'not_assessable'"
PATTERNS = "a list of gitignore patterns, relative to the folder of the policy"


class _Settings(Model):
    """Base of the policy's tables. The descriptions of fields complete the error message "must be ..."."""

    model_config = ConfigDict(strict=True, alias_generator=lambda name: name.replace("_", "-"), validate_by_name=True)


class Override(_Settings):
    """Settings that differ for some paths; None: as in the rest of the policy."""

    paths: Patterns = Field(min_length=1, description=PATTERNS)
    select: Codes | None = Field(default=None, description=CODES)
    ignore: Codes | None = Field(default=None, description=CODES)
    minimum_tokens: Tokens | None = Field(default=None, description=TOKENS)
    fail_on: Outcomes | None = Field(default=None, description=OUTCOMES)


Must = Literal["carry", "not-carry"]


class Watermark(_Settings):
    """A watermark check: texts at some paths must carry the mark of a key, or must not.

    Attributes:
        paths: of the texts.
        key_file: from the folder of the policy; the key itself never stands in a policy.
        must: "carry" or "not-carry".
        tokenizer: of the marked model, as `llm-audit watermark detect --tokenizer` takes it; None: that of the scoring model.
    """

    paths: Patterns = Field(min_length=1, description=PATTERNS)
    key_file: Annotated[Name, AfterValidator(_file_of_key)] = Field(
        description="the name of a key file, from the folder of the policy"
    )
    must: Must = Field(description="'carry' or 'not-carry'")
    tokenizer: Name | None = Field(default=None, description="a folder, a file tokenizer.json, or a hub id with revision")


class Policy(_Settings):
    """The settings of a policy: which texts are judged, how, and what counts as a failure.

    Attributes:
        alpha: level: for one text of its p-value, for many texts of their false discovery rate.
        population: human texts to compare with; None: those that ship.
        model: that scores the texts; None: the embedded one.
        classifier: a trained one in the place of the one that ships.
        text_field: where JSON lines, CSV and Parquet files hold their texts.
        minimum_tokens: a text with fewer is not assessable; None: the detectors' own minimum.
        detectors: the only ones to run; none: all.
        score_also: what stands apart from running text and is scored all the same: "references", "quotes", ...
        select, ignore: rules that count, see `Rules.counts`.
        fail_on: what makes a document fail.
        inline_suppressions: whether a text may say of itself that a rule does not count.
        include, exclude: documents to judge, as gitignore patterns; no `include`: all that are not excluded.
        overrides: settings that differ by path; of those that fit a path, the last one that has a setting decides.
        watermarks: what is asked of the texts at some paths; all that fit a path hold.
    """

    alpha: float = Field(default=0.01, gt=0, lt=1, description="a number above 0 and below 1")
    population: Name | None = Field(default=None, description="the name of a population")
    model: Name | None = Field(default=None, description="a folder, or a hub id with revision, org/name@commit")
    classifier: Name | None = Field(default=None, description="the name or the file of a classifier")
    text_field: Name = Field(default="text", description="the name of a field")
    minimum_tokens: Tokens | None = Field(default=None, description=TOKENS)
    detectors: Annotated[tuple[Name, ...], Listed, AfterValidator(_detectors)] = Field(
        default=(), description="a list of names, see `llm-audit plugins list`"
    )
    score_also: Annotated[tuple[Name, ...], Listed, AfterValidator(_apart)] = Field(
        default=(), description="a list of what stands apart: 'headings', 'quotes', 'tables', 'captions', 'references', 'forms'"
    )
    select: Codes = Field(default_factory=document_rules, description=CODES)
    ignore: Codes = Field(default=(), description=CODES)
    fail_on: Outcomes = Field(default=("finding", "error"), description=OUTCOMES)
    inline_suppressions: bool = Field(default=True, description="true or false")
    include: Patterns = Field(default=(), description=PATTERNS)
    exclude: Patterns = Field(default=(), description=PATTERNS)
    overrides: Annotated[tuple[Override, ...], Listed] = Field(default=(), description="tables, [[overrides]]")
    watermarks: Annotated[tuple[Watermark, ...], Listed] = Field(
        default=(), exclude_if=empty, description="tables, [[watermarks]]"
    )

    def for_path(self, path: PurePath | str | None) -> Rules:
        """Settings for the document at a path, relative to the policy's folder; None: outside, where no pattern fits."""
        settings: dict[str, Any] = {name: getattr(self, name) for name in Rules._fields}
        for override in self.overrides:
            if _match(override.paths, path):
                settings |= {name: value for name in Rules._fields if (value := getattr(override, name)) is not None}
        return Rules(**settings)

    def watermarks_at(self, path: PurePath | str | None) -> tuple[Watermark, ...]:
        """The watermark checks for a document at a path relative to the policy's folder; None: outside, no pattern fits."""
        return tuple(watermark for watermark in self.watermarks if _match(watermark.paths, path))

    def covers(self, path: PurePath | str | None) -> bool:
        """Whether the document at a path, relative to the policy's folder, is to be judged; None: outside."""
        return (not self.include or _match(self.include, path)) and not _match(self.exclude, path)

    def digest(self) -> str:
        """SHA-256 of all settings, defaults included: JSON, names sorted, without white space, plain ASCII."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def _match(patterns: tuple[str, ...], path: PurePath | str | None) -> bool:
    """Whether a relative path fits gitignore patterns. Unlike in git, `!` can take a file back from an excluded folder."""
    return path is not None and _compiled(patterns).match_file(path)


@cache
def _compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    # One backend everywhere: the others are used where they happen to be installed.
    return GitIgnoreSpec.from_lines(patterns, backend="simple")
