"""Which prompt goes where: all different, at random, enough of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors.substitution.prompts import allot, pool_of, read_prompts


def sentences(count: int, words: int = 12) -> list[str]:
    return [f"prompt {i} " + " ".join(f"w{i}x{j}" for j in range(words)) for i in range(count)]


def test_prompts_are_dealt_at_random_and_none_twice() -> None:
    prompts = sentences(100)
    found = allot(prompts, 40, 60, np.random.default_rng(1))
    assert (len(found.audited), len(found.honest), found.cut) == (40, 60, 0)
    assert sorted(found.audited + found.honest) == sorted(prompts)
    again = [allot(prompts, 40, 60, np.random.default_rng(seed)).audited for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]
    went = np.mean([prompts[0] in allot(prompts, 40, 60, np.random.default_rng(seed)).audited for seed in range(1000)])
    assert abs(went - 0.4) < 0.06


def test_beginnings_join_where_prompts_do_not_suffice() -> None:
    found = allot(sentences(10), 40, 60, np.random.default_rng(1))
    assert (len(found.audited), len(found.honest), found.cut) == (40, 60, 90)
    every = found.audited + found.honest
    assert len(set(every)) == 100
    assert all(len(text.split()) >= 4 for text in every)


def test_the_beginnings_of_a_prompt_without_end_are_not_all_made() -> None:
    pool = pool_of(["word " * 200_000 + "end", "of few words as they are"], 10**6, np.random.default_rng(1))
    assert max(len(text.split()) for text in pool[2:]) == 400 and sum(map(len, pool[1:])) < 10**6


def test_few_prompts_are_shared_out_as_was_asked() -> None:
    found = allot(sentences(4), 20, 80, np.random.default_rng(1))
    assert len(found.audited) == 10 and 30 <= len(found.honest) <= 80


@pytest.mark.parametrize("prompts", [["one"], ["one two three four five"], sentences(3, 2)])
def test_too_few_prompts_are_refused_with_the_number_needed(prompts: list[str]) -> None:
    with pytest.raises(AuditError, match=r"different questions; an audit needs 20 or more"):
        allot(prompts, 60, 200, np.random.default_rng(1))


def test_prompts_are_lines_or_fields_and_copies_count_once(tmp_path: Path) -> None:
    text, rows = tmp_path / "p.txt", tmp_path / "p.jsonl"
    text.write_text("first\n\n  second \nfirst\n")
    rows.write_text('{"prompt": "first"}\n{"text": "second"}\n')
    assert read_prompts(text) == read_prompts(rows) == ("first", "second")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.txt", b"\n \n", "holds no prompts"),
        ("p.txt", b"\xff\xfe\n", "Line 1 .* is not UTF-8"),
        ("p.jsonl", b'{"prompt": "a"}\n{"other": 1}\n', "Line 2 .* no text in the field prompt or text"),
        ("p.jsonl", b"[1]\n", "Line 1"),
    ],
)
def test_what_holds_no_prompts_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AuditError, match=said):
        read_prompts(path)
