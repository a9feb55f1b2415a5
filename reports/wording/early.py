"""Conditions of a collection, parsed from the facts of reports of llm-audit 0.1, which stored them as sentences alone."""

from __future__ import annotations

import math
import re

from llm_audit.results import Conditions, Manifest, Membership
from llm_audit.results.membership import StartToken, Table

_START = re.compile(r"token (?P<id>\S+) \((?P<kind>bos|eos)\) before every text")
_SEED = re.compile(r"(?P<seed>[^,]+)(, of the file (?P<file>.+); that the file is older than this run, its owner has to show)?")
_UNITS = re.compile(r"[\d,]+ different identifiers: (?P<formats>.+)")
_FORMAT = re.compile(r"([\d,]+) of (.+)")
_DOCUMENTS = re.compile(r"Were these ([\d,]+) documents in ")
_ROOM = re.compile(r"(?:to the first|is longer than) ([\d,]+) tokens$")
_OTHER = re.compile(r"; and the model (.+)$")
_SURPRISAL = re.compile(r"a model that knows nothing has ([\d.]+)$")
_TABLE = re.compile(
    r"(?P<name>.+?): (?P<description>.*) (?P<documents>[\d,]+) documents, (?P<total>[\d,]+) tokens, counted with the target's "
    r"tokenizer \(digest (?P<tokenizer>\w+)\), Laplace-smoothed"
)


def conditions_of(membership: Membership, manifest: Manifest) -> Conditions:
    """The conditions in an early report's facts, from which its claim and facts are written again and compared.

    A condition that is not in the exact words of that version is left out, so that its sentence is not reproduced.
    """
    facts = {fact.name: fact.value for fact in membership.facts}
    seed = _SEED.match(facts.get("Seed", ""))
    start = _START.fullmatch(facts.get("Start token", ""))
    units = _UNITS.fullmatch(facts.get("Independent units", ""))
    room = _ROOM.search(facts.get("Truncation", ""))
    other = _OTHER.search(facts.get("Noise level and control", ""))
    surprisal = _SURPRISAL.search(facts.get("Are the log-probabilities real", ""))
    table = _TABLE.fullmatch(facts.get("Token frequencies", ""))
    documents = _DOCUMENTS.match(membership.claim)
    formats = [_FORMAT.fullmatch(part) for part in units["formats"].split(", ")] if units else []
    return Conditions(
        model=manifest.model.name if manifest.model else None,
        precision=manifest.model.dtype if manifest.model else None,
        start=StartToken.model_validate(start.groupdict()) if start else None,
        seed=seed["seed"] if seed else None,
        seed_file=seed["file"] if seed else None,
        control=next(
            ((model.name, model.digest) for model in manifest.further_models if other and model.name == other[1]), None
        ),
        documents=_number(documents[1]) if documents else None,
        formats=tuple((match[2], _number(match[1])) for match in formats if match),
        commitments=tuple(fact.value for fact in membership.facts if fact.name == "Commitment"),
        room=_number(room[1]) if room else None,
        vocabulary=round(math.exp(float(surprisal[1]))) if surprisal else None,
        table=_table(table) if table else None,
    )


def _table(match: re.Match[str]) -> Table:
    counts = {name: _number(match[name]) for name in ("documents", "total")}
    return Table.model_validate(match.groupdict() | counts)


def _number(number: str) -> int:
    return int(number.replace(",", "") or 0)
