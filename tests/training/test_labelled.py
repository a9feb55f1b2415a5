from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.stats.components import components
from llm_audit.training.labelled import check_trainable, marks, read_labelled


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def row(text: str, label: str = "human", **more: Any) -> dict[str, Any]:
    return {"text": text, "label": label, **more}


def test_fields_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", row("One.", pair="p", domain="d", generator="g", population="native", level="B2"))
    data = read_labelled([path], columns=["level"])
    (text,) = data.texts
    found = (text.text, text.label, text.pair, text.domain, text.generator, text.population)
    assert found == ("One.", "human", "p", "d", "g", "native")
    assert text.columns == (("level", "B2"),)
    assert list(data.digests) == ["a.jsonl"]
    assert data.notes == ()


@pytest.mark.parametrize(("suffix", "opener"), [(".gz", gzip.open), (".xz", lzma.open)])
def test_compressed_files_are_the_same(tmp_path: Path, suffix: str, opener: Any) -> None:
    plain = write(tmp_path / "a.jsonl", row("One."), row("Two.", "machine"))
    packed = tmp_path / f"a.jsonl{suffix}"
    with opener(packed, "wb") as file:
        file.write(plain.read_bytes())
    assert read_labelled([packed]).digest == read_labelled([plain]).digest


def test_line_breaks_and_look_alikes_do_not_matter(tmp_path: Path) -> None:
    one = read_labelled([write(tmp_path / "a.jsonl", row("A plain\n\nsentence  here."))])
    other = read_labelled([write(tmp_path / "b.jsonl", row("A plain sentence h\u200bere."))])
    assert one.texts[0].text == other.texts[0].text


def test_repeated_texts_count_once_and_contradictions_not_at_all(tmp_path: Path) -> None:
    data = read_labelled(
        [write(tmp_path / "a.jsonl", row("One."), row("One."), row("Two."), row("Two.", "machine"), row("Three.", "machine"))]
    )
    assert [(text.text, text.label) for text in data.texts] == [("One.", "human"), ("Three.", "machine")]
    assert data.notes == ("2 repeated texts count once.", "1 texts occur under two labels and were left out.")


def test_a_shared_prefix_is_cut_off_both(tmp_path: Path) -> None:
    data = read_labelled(
        [
            write(
                tmp_path / "a.jsonl",
                row("Once upon a time a man walked.", pair="1"),
                row("Once upon a time the model wrote.", "machine", pair="1", shared_prefix_chars=17),
                row("Quite another story.", pair="2"),
            )
        ]
    )
    assert [text.text for text in data.texts] == ["a man walked.", "the model wrote.", "Quite another story."]
    assert "2 texts" in data.notes[0]


def test_texts_of_a_pair_and_texts_that_begin_alike_form_a_group(tmp_path: Path) -> None:
    long = "The very same beginning of a text that goes on for more than sixty letters and then "
    data = read_labelled(
        [
            write(
                tmp_path / "a.jsonl",
                row(long + "ends.", pair="1"),
                row(long + "goes on.", pair="2"),
                row("Rewritten.", "machine", pair="2"),
                row("Alone.", pair="3"),
            )
        ]
    )
    groups = [text.group for text in data.texts]
    assert len(set(groups[:3])) == 1
    assert groups[3] not in groups[:3]


def test_components_do_not_depend_on_order() -> None:
    links = [("a", "b"), ("c", "d"), ("b", "d"), ("e", "f")]
    forward, backward = components(links), components(links[::-1])
    assert [forward(name) for name in "abcdef"] == [backward(name) for name in "abcdef"] == [*"aaaaee"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "Line 1 of .* is not a JSON object"),
        ("[1]", "Line 1 of .* is not a JSON object"),
        ('{"label": "human"}', "no text in the field 'text'; choose another with --text-field"),
        ('{"text": "a"}', "has None in the field 'label', not one of human, machine, machine-revised"),
        ('{"text": "a", "label": "ai", "is_ai": 1}', "choose another field of is_ai, label, text with --label-field"),
        ('{"text": "\\ud800", "label": "human"}', "half a character"),
        ('{"text": "a", "label": "human", "shared_prefix_chars": -1}', "not a number of characters"),
        ("", "no labelled texts"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line)
    with pytest.raises(AuditError, match=complaint):
        read_labelled([path])


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cannot be read"):
        read_labelled([tmp_path / "missing.jsonl"])
    damaged = tmp_path / "a.jsonl.xz"
    damaged.write_bytes(lzma.compress(b'{"text": "a", "label": "human"}\n' * 99)[:40])
    with pytest.raises(AuditError, match="is damaged"):
        read_labelled([damaged])
    with pytest.raises(AuditError, match="no field 'level'; choose others with --group"):
        read_labelled([write(tmp_path / "b.jsonl", row("One."))], columns=["level"])


@pytest.mark.parametrize(
    ("humans", "machines", "complaint"),
    [
        (60, 0, "no texts labelled 'machine'"),
        (0, 60, "no texts labelled 'human'"),
        (60, 49, "only 49 texts labelled 'machine'"),
    ],
)
def test_what_cannot_train_is_refused(tmp_path: Path, humans: int, machines: int, complaint: str) -> None:
    rows = [row(f"h{i}") for i in range(humans)] + [row(f"m{i}", "machine") for i in range(machines)]
    with pytest.raises(AuditError, match=complaint):
        check_trainable(read_labelled([write(tmp_path / "a.jsonl", *rows)]).texts)


def test_a_pair_named_zero_is_a_pair(tmp_path: Path) -> None:
    data = read_labelled([write(tmp_path / "a.jsonl", row("One.", pair=0), row("Other.", "machine", pair=0, generator=0))])
    assert len({text.group for text in data.texts}) == 1
    assert data.texts[1].generator == "0"


def test_places_in_a_file_and_bare_pair_names_mean_nothing_elsewhere(tmp_path: Path) -> None:
    """Line 1 of two files, and pair 1 of two data sets, are different texts; a named source makes a pair's name its own."""
    found = {}
    for i, extra in enumerate(({}, {"pair": 1}, {"pair": 1, "source": "s"})):
        sides = []
        for folder in ("a", "b"):
            (tmp_path / f"{folder}{i}").mkdir()
            path = write(tmp_path / f"{folder}{i}" / "data.jsonl", row(f"Text of {folder}.", **extra))
            sides.append(marks(read_labelled([path]).texts[0]))
        found[i] = len(np.intersect1d(*sides))
    assert found == {0: 0, 1: 0, 2: 1}


def test_a_cut_text_is_recognised_whole(tmp_path: Path) -> None:
    rows = [row("Once upon a time a man.", pair=1), row("Once upon a time it.", "machine", pair=1, shared_prefix_chars=17)]
    cut = read_labelled([write(tmp_path / "a.jsonl", *rows)]).texts[0]
    whole = read_labelled([write(tmp_path / "b.jsonl", row("Once upon a time a man."))]).texts[0]
    assert cut.text == "a man."
    assert np.isin(marks(whole), marks(cut)).all()


def test_columns_that_are_grouped_by_anyway_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="grouped by 'domain' in any case"):
        read_labelled([write(tmp_path / "a.jsonl", row("One."))], columns=["domain"])
