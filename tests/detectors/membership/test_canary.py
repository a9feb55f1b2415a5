"""Canaries: the strings, the commitment, the rank."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.membership import canary
from llm_audit.results import Verdict
from tests.detectors.laws import judge
from tests.detectors.membership.readers import Reader, holds

GOLDEN = "7fd82142197aa946c4ac7c3f9d1639731344998c3643a2f95bcd704219ed4a19"


def draw(folder: Path, name: str = "trap", count: int = 99, **changes: str) -> str:
    path = str(folder / name)
    canary.new(path, count=count, length=64, before=changes.get("before", ""), created="2026-11-21")
    return path


def test_letters_are_uniform_and_strings_differ() -> None:
    drawn = canary.strings(b"seed", 2000, 64)
    assert len(set(drawn)) == 2000 and all(len(string) == 64 for string in drawn)
    counts = np.array([Counter("".join(drawn))[letter] for letter in canary.LETTERS])
    expected = 2000 * 64 / 26
    assert ((counts - expected) ** 2 / expected).sum() < 60  # chi-squared, 25 degrees of freedom: p = 1e-4


def test_strings_never_change_between_versions() -> None:
    """A commitment made years ago must still be checkable: this value is part of the format."""
    digest = hashlib.sha256("".join(canary.strings(bytes(32), 10, 64)).encode()).hexdigest()
    assert digest == GOLDEN


def test_the_published_file_holds_no_secret_and_the_secret_file_is_private(tmp_path: Path) -> None:
    name = draw(tmp_path)
    secret = json.loads(Path(f"{name}.secret.json").read_text())
    public = Path(f"{name}.public.json").read_text()
    assert secret["seed"] not in public
    assert json.loads(public)["published"] == canary.check(name).strings()[0]
    assert stat.S_IMODE(Path(f"{name}.secret.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("field", ["seed", "count", "length", "before", "created"])
def test_a_changed_secret_does_not_match(tmp_path: Path, field: str) -> None:
    name = draw(tmp_path)
    path = Path(f"{name}.secret.json")
    content = json.loads(path.read_text())
    content[field] = 50 if isinstance(content[field], int) else content[field][::-1] + "a"
    path.write_text(json.dumps(content))
    with pytest.raises(AuditError, match="does not match the commitment"):
        canary.check(name)


def test_a_changed_published_string_does_not_match(tmp_path: Path) -> None:
    name = draw(tmp_path)
    path = Path(f"{name}.public.json")
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"published": canary.check(name).strings()[1]}))
    with pytest.raises(AuditError, match="'published'"):
        canary.check(name)


@pytest.mark.parametrize(
    "spelling",
    [str, str.upper, lambda text: " ".join(text[at : at + 4] for at in range(0, 64, 4)), lambda text: text[20:28]],
)
def test_a_text_before_that_quotes_the_string_is_refused(tmp_path: Path, spelling: Callable[[str], str]) -> None:
    """The strings follow from the seed alone, so that a text before them can be written with knowledge of them."""
    name = draw(tmp_path)
    drawn = canary.check(name)
    quoted = replace(drawn, before=f"The key {spelling(drawn.strings()[0])} is ours. Again: ")
    for kind, content in (("secret", asdict(quoted)), ("public", quoted.public)):
        stored = {"kind": f"llm-audit canary {kind}", "version": 1} | content
        Path(f"{name}.{kind}.json").write_text(json.dumps(stored))
    with pytest.raises(AuditError, match="holds a part of the string, which any model copies"):
        canary.check(name)


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"kind": "llm-audit canary secret", "version": 1, "seed": 7}', "\x00"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, damage: str) -> None:
    name = draw(tmp_path)
    Path(f"{name}.secret.json").write_text(damage)
    with pytest.raises(AuditError):
        canary.check(name)


def test_a_canary_is_drawn_once(tmp_path: Path) -> None:
    name = draw(tmp_path)
    with pytest.raises(AuditError, match="exists already"):
        draw(tmp_path)
    assert canary.check(name).count == 99


def test_too_few_siblings_are_refused_with_the_number_needed(tmp_path: Path) -> None:
    few = canary.check(draw(tmp_path, count=98))
    with pytest.raises(AuditError, match="--count 99"):
        canary.check_decidable([few], 0.01)
    canary.check_decidable([few, canary.check(draw(tmp_path, "other", count=98))], 0.01)


def test_a_seen_string_is_found_and_an_unseen_one_is_not(tmp_path: Path) -> None:
    secret = canary.check(draw(tmp_path, before="The code is "))
    # With what stands before it: else one secret in a hundred has a sibling that chance makes as likely.
    seen = judge(canary, Reader(seen=[f"The code is {secret.strings()[0]}"], gain=20.0), [secret], alpha=0.01)
    assert (seen.verdict, seen.p_value) == (Verdict.FINDING, 0.01)
    assert seen.draws and (seen.draws.count, seen.draws.exceeding) == (99, 0)
    unseen = judge(canary, Reader(seen=[secret.strings()[5]], gain=20.0), [secret], alpha=0.01)
    assert unseen.verdict is Verdict.PASS


@pytest.mark.parametrize("runs", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_size_of_one_and_of_three_canaries(runs: int) -> None:
    """Secrets drawn anew, under a model that has seen none of them."""
    reader, single, several = Reader(), [], []
    for number in range(runs):
        secrets = [canary.Secret(f"{number} {i}", 19, 8, "", "") for i in range(3)]
        totals = reader.totals(secrets[0].strings())
        single.append((1 + np.sum(totals[1:] >= totals[0])) / 20)
        if number < min(2 * runs // 5, 500):
            several.append(judge(canary, reader, secrets, alpha=0.01).p_value)
    assert holds(single)
    assert holds(several)  # type: ignore[arg-type]  # p-values are there
    assert abs(np.mean(several) - 0.5) < 0.05


def test_a_canary_named_twice_is_refused(tmp_path: Path) -> None:
    secret = canary.check(draw(tmp_path))
    with pytest.raises(AuditError, match="named twice"):
        canary.check_decidable([secret, canary.check(str(tmp_path / "." / "trap"))], 0.01)
