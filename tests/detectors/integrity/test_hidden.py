"""AUD904: text that nobody sees is a finding, shown with its place; plain texts have none."""

from __future__ import annotations

from pathlib import Path

from llm_audit.detectors.integrity.base import examine
from llm_audit.detectors.integrity.hidden import rule
from llm_audit.detectors.judging import inspect
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.results import Verdict
from llm_audit.text import Hidden, Map, discover, read_document
from tests.extract.ask import docx_body, run

WHITE = '<w:color w:val="FFFFFF"/>'


def test_hidden_text_of_a_document_is_found_with_its_place(tmp_path: Path) -> None:
    body = f"<w:p>{run('First.')}</w:p><w:p>{run('Second.')}{run(' Grün, unseen.', WHITE)}</w:p>"
    (tmp_path / "a.docx").write_bytes(docx_body(body))
    (source,) = discover([str(tmp_path / "a.docx")])
    raw = read_document(source)
    (result,) = inspect(raw, [rule]).results
    assert result.verdict is Verdict.FINDING
    assert result.reason == (
        '12 hidden characters among 15 characters (800 per 1,000): white letters (12); the first begins "Gr\\xfcn, unseen.".'
    )
    (span,) = result.spans
    assert Map(raw.text, raw.places).of(span.start, span.end) == "paragraph 2"


def test_a_slip_is_no_finding_and_a_plain_text_has_none() -> None:
    assert examine(rule, "Words.", [Hidden(0, "white letters", 2, "..")]).verdict is Verdict.PASS
    assert examine(rule, "Words.").reason == "No hidden character was found."


def test_what_is_hidden_at_the_end_has_a_span_within_the_text() -> None:
    result = examine(rule, "Words.", [Hidden(6, "tiny letters", 9, "more text")])
    assert [(span.start, span.end) for span in result.spans] == [(5, 6)]


def test_a_result_of_an_earlier_version_keeps_its_sentence_on_the_method() -> None:
    found = examine(rule, "A text.")
    earlier = found.model_copy(update={"method": rule.earlier_method})
    assert rule.derive(Measurement.of(earlier), Terms(1.0)) == earlier != found
    assert rule.derive(Measurement.of(earlier.model_copy(update={"method": "Another."})), Terms(1.0)) == found
