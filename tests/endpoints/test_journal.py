"""What is written down, and what damaged files come to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_audit.common.errors import AuditError
from llm_audit.endpoints.client import Endpoint
from llm_audit.endpoints.journal import Journal, Replay
from llm_audit.endpoints.records import Ask, Failure, Reply
from tests.endpoints.server import KEY, Exchange, fine, serving

ASKS = [Ask(f"q{i}", f"question {i}", "chat", 1, 0.0, 2) for i in range(3)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Of a run whose second question failed."""

    def behave(exchange: Exchange) -> None:
        if exchange.body["messages"][0]["content"] == "question 1":
            exchange.send(400, {"error": "no"}, Set_Cookie="session=1", X_Request_Id="r-1")
        else:
            fine(exchange)

    path = tmp_path / "journal.jsonl"
    with serving(behave) as server:
        Endpoint(server.url, "m", KEY, journal=Journal(path), clock=lambda: 1_800_000_000.0).ask(ASKS)
    return path


def test_a_line_per_attempt_with_everything_but_the_key(journal: Path) -> None:
    head, *entries = map(json.loads, journal.read_text().splitlines())
    assert head.keys() == {"format", "url", "model"}
    failed = next(entry for entry in entries if entry["name"] == "q1")
    assert failed["request"]["messages"] == [{"role": "user", "content": "question 1"}]
    assert (failed["status"], failed["kind"], failed["attempt"], failed["body"]) == (400, "status", 1, '{"error": "no"}')
    assert failed["started"] == "2027-01-15T08:00:00.000+00:00"
    assert failed["headers"]["x-request-id"] == "r-1"
    assert "set-cookie" not in failed["headers"]
    assert len(entries) == 3


def test_a_replay_needs_no_server_and_knows_nothing_else(journal: Path) -> None:
    replay = Replay(journal)
    first, second, third = replay.ask(ASKS)
    assert isinstance(first, Reply)
    assert isinstance(third, Reply)
    assert second == Failure(ASKS[1], "status", "Status 400: no.", 400, 1)
    other = Ask("q0", "question 0", "chat", 2, 0.0, 2)
    for unknown in (replay.ask([other])[0], replay.renamed("n").ask(ASKS)[0]):
        assert isinstance(unknown, Failure)
        assert unknown.kind == "not recorded"


def test_every_cut_of_the_file_is_continued(journal: Path) -> None:
    whole = journal.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in {*range(0, len(whole), 97), *ends, *(end - 1 for end in ends)}:
        journal.write_bytes(whole[:cut])
        complete = cut in (0, *ends)
        if cut >= ends[0]:
            replay = Replay(journal)
            assert bool(replay.notes) != complete
            assert journal.stat().st_size == cut  # reading changes nothing
        again = Journal(journal)
        assert bool(again.records.notes) != complete
        again.begin(json.loads(whole[: ends[0]])["url"], "m")
        kept = max([end for end in ends if end <= cut], default=ends[0])
        assert journal.read_bytes() == whole[:kept]


@pytest.mark.parametrize("line", [b"{}", b"[]", b"half", b'{"digest": 1}', b"\xff", b"[" * 9999])
def test_a_damaged_line_is_named(journal: Path, line: bytes) -> None:
    lines = journal.read_bytes().splitlines()
    for number in (1, 3):
        journal.write_bytes(b"\n".join([*lines[: number - 1], line, *lines[number:], b""]))
        for read in (Journal, Replay):
            with pytest.raises(AuditError, match=f"^Line {number} of "):
                read(journal)


@pytest.mark.parametrize(
    "change",
    [
        *({"ask": ask} for ask in (None, [1], {}, {"name": "q"})),
        *({"status": "200"}, {"kind": "odd"}, {"kind": [1]}, {"started": 5}, {"seconds": "x"}, {"digest": [1]}),
        *({"body": 5}, {"body": "{}"}, {"body": "[" * 99_999}, {"attempt": "1"}, {"attempt": True}, {"headers": None}),
    ],
)
def test_an_entry_of_other_types_is_named(journal: Path, change: dict[str, object]) -> None:
    lines = journal.read_text().splitlines()
    entry = next(at for at, line in enumerate(lines) if json.loads(line).get("kind", "") is None)
    lines[entry] = json.dumps(json.loads(lines[entry]) | change)
    journal.write_text("\n".join([*lines, ""]))
    with pytest.raises(AuditError, match=f"^Line {entry + 1} of "):
        Replay(journal)


@pytest.mark.parametrize(
    "change", [{"max_tokens": "4"}, {"temperature": None}, {"surface": "odd"}, {"name": 5}, {"prompt": "\ud800"}, {"more": 1}]
)
def test_a_question_of_other_types_is_named(journal: Path, change: dict[str, object]) -> None:
    *lines, last = journal.read_text().splitlines()
    entry = json.loads(last)
    journal.write_text("\n".join([*lines, json.dumps(entry | {"ask": entry["ask"] | change}), ""]))
    with pytest.raises(AuditError, match=f"^Line {len(lines) + 1} of "):
        Replay(journal)


def test_what_a_stranger_wrote_into_a_journal_does_nothing_to_a_terminal(journal: Path) -> None:
    content = journal.read_text().replace("Status 400: no.", "\\u001b[2J")
    journal.write_text(content)
    assert [getattr(outcome, "reason", "") for outcome in Replay(journal).ask(ASKS)] == ["", "\\x1b[2J", ""]


@pytest.mark.parametrize("content", [b"my only copy", b'{"kind": "a baseline"}', b"\0" * 99])
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thesis.txt"
    path.write_bytes(content)
    with pytest.raises(AuditError, match="is no journal; name another file"):
        Journal(path)
    assert path.read_bytes() == content


def test_a_journal_about_another_endpoint_is_refused(journal: Path) -> None:
    url = json.loads(journal.read_text().splitlines()[0])["url"]
    before = journal.read_bytes()
    for other, model in ((url, "n"), ("http://127.0.0.1:1/v1", "m")):
        with pytest.raises(AuditError, match="name another file"):
            Endpoint(other, model, journal=Journal(journal))
    assert journal.read_bytes() == before


def test_files_that_cannot_be_used_are_errors_a_user_can_act_on(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for path in (tmp_path / "none", tmp_path, empty, Path("/dev/zero")):
        with pytest.raises(AuditError):
            Replay(path)
    with pytest.raises(AuditError, match="not a plain file"):
        Journal(tmp_path)
    with pytest.raises(AuditError, match="Cannot write the journal"):
        Endpoint("http://127.0.0.1:1/v1", "m", journal=Journal(tmp_path / "no" / "folder"))


def test_a_disk_that_fills_up_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with serving(fine) as server:
        endpoint = Endpoint(server.url, "m", journal=Journal(path))
        endpoint.ask(ASKS[:1])
        path.unlink()
        path.symlink_to("/dev/full")
        for _ in range(2):
            with pytest.raises(AuditError, match="Cannot write the journal"):
                endpoint.ask(ASKS)
