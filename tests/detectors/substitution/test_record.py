"""What is recorded of a trusted endpoint, and what of it nothing can be held against."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_audit import EndpointSetup, record_endpoint
from tests.endpoints.server import Behaviour, answer, fine, serving

NOT_A_NUMBER = json.dumps(answer(logprob=-0.125)).replace("-0.125", "NaN")


@pytest.mark.parametrize(
    ("behaviour", "kept", "reasons"),
    [
        (fine, 36, {}),
        (lambda exchange: exchange.send(200, answer("", usage=None)), 0, {"The answer has no text.": 20}),
        (lambda exchange: exchange.send(200, NOT_A_NUMBER), 16, {"is not a finite number.": 20}),
    ],
    ids=["sound", "silent", "no numbers"],
)
def test_answers_that_cannot_be_compared_are_counted_by_reason(
    behaviour: Behaviour, kept: int, reasons: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "prompts.txt").write_text("".join(f"Tell me about number {i} and why it is odd\n" for i in range(20)))
    with serving(behaviour) as server:
        endpoint = EndpointSetup(server.url, "m", journal=tmp_path / "j.jsonl")
        found, lost = record_endpoint(endpoint, tmp_path / "prompts.txt", questions=20, repeats=1, tokens=1, texts=0)
    assert found == kept and len(lost) == len(reasons)
    for reason, times in lost.items():
        assert times == next(count for end, count in reasons.items() if reason.endswith(end))
