"""Records of drawn texts, and the population that they make: on the tiny model, from drawing to p-value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import betabinom

from llm_audit.common.errors import AuditError
from llm_audit.detectors.attribution.candidate import Candidate
from llm_audit.detectors.attribution.generations import Generation, read_generations, read_prompts, reference_population
from llm_audit.detectors.attribution.run import find_rules
from llm_audit.detectors.attribution.text import Author, under
from llm_audit.detectors.attribution.unknown import REFERENCE_REQUEST
from llm_audit.detectors.populations import Population
from llm_audit.scoring.generate import Sampler
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.scoring.tokens import Decoding

RULES = find_rules()
SETTINGS = "temperature=0.8,top_k=60,template=none"
PROMPTS = [f"{number} {word}?" for number in range(22) for word in ("Why", "木", "<s>", "12")]


def stored(folder: Path) -> StoredModel:
    return Store(folder.parent / "store").resolve(str(folder), offline=True)  # not the user's


def author(folder: Path, settings: str = SETTINGS) -> Author:
    return Author(Candidate.parse(f"{folder}@{settings}"), "candidate", Session(stored(folder)))


def drawn(folder: Path, prompts: Sequence[str], seed: int = 0) -> list[Generation]:
    """A text of at most 90 tokens for each prompt."""
    by = author(folder)
    (decoding,) = by.candidate.decodings
    model = by.session.model
    samples = Sampler(model)(prompts, decoding, 90, seed)
    return [
        Generation(
            text=sample.text, prompt=prompt, template="none", token_ids=sample.token_ids, finished=sample.finished,
            model=model.name, digest=model.digest, temperature=decoding.temperature, top_k=decoding.top_k,
            top_p=decoding.top_p, min_p=decoding.min_p, max_tokens=90, seed=seed, number=number,
        )
        for number, (prompt, sample) in enumerate(zip(prompts, samples, strict=True))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def generations(tiny_llama: Path) -> list[Generation]:
    return drawn(tiny_llama, PROMPTS)


@pytest.fixture(scope="module")
def population(tiny_llama: Path, generations: list[Generation]) -> Population:
    """Of the first 60; the others are left to be tested."""
    return reference_population("mine", generations[:60], author(tiny_llama), RULES)


def p_values(by: Author, population: Population, texts: Sequence[str]) -> np.ndarray:
    """Of the texts that are long enough, all detectors in one."""
    (decoding,) = by.candidate.decodings
    found = []
    for scores in by.session.score_each(texts, REFERENCE_REQUEST, by.decodings):
        own = under(dict(zip(by.decodings, scores, strict=True)), decoding)
        if len(own) >= 64:
            found.append(population.compare_all(own, [d for d in RULES if not d.needs_rivals]).p_value)
    return np.array(found)


def test_a_further_text_of_the_same_model_is_refuted_no_more_often_than_alpha(
    tiny_llama: Path, generations: list[Generation], population: Population
) -> None:
    p = p_values(author(tiny_llama), population, [one.text.rstrip("\n") for one in generations[60:]])
    assert len(p) > 20
    for alpha in (0.05, 0.2):
        k = int(alpha * (population.n + 1))
        most = betabinom(len(p), k, population.n + 1 - k).isf(1e-3)  # the population itself is one draw
        assert (p <= alpha).sum() <= most
    assert (p > 0.2).mean() > 0.5


def test_the_population_says_whose_texts_it_holds(tiny_llama: Path, tiny_rival: Path, population: Population) -> None:
    sheet = population.datasheet
    assert set(population.scores) == {"AUD201", "AUD202", "AUD203"}  # the fourth needs rivals
    assert sheet.author == f"{tiny_llama}, temperature 0.8, top-k 60"
    assert sheet.sources == {"generations": 60}
    assert 40 < population.n <= 60
    settings = [SETTINGS, SETTINGS.replace("none", "chat"), SETTINGS.replace("60", "61"), "temperature=0.8,template=none"]
    authors = [*(author(tiny_llama, each) for each in settings), author(tiny_rival)]
    terms = [one.reference_terms(one.candidate.decodings[0]) for one in authors]
    assert sheet.scorer == terms[0]
    assert len(set(terms)) == len(terms)


def test_its_scores_are_the_detectors_of_the_texts_beginnings(
    tiny_llama: Path, generations: list[Generation], population: Population
) -> None:
    by = author(tiny_llama)
    (decoding,) = by.candidate.decodings
    assert by.decodings == (decoding, Decoding(0.8))  # and the untruncated law that the truncated tests need
    texts = [one.text.rstrip("\n") for one in generations[:10]]
    each = by.session.score_each(texts, REFERENCE_REQUEST, by.decodings)
    windows = [under(dict(zip(by.decodings, found, strict=True)), decoding) for found in each]
    long_enough = [own for own in windows if len(own) >= 64]
    assert all(own.kept is not None for own in long_enough)
    for detector in RULES[:3]:
        expected = np.array([detector.statistic(own[:64]) for own in long_enough])
        assert len(expected) > 5
        off = np.abs(population.scores[detector.code][:, 0] - expected[:, None]).min(axis=1)
        assert off.max() < 1e-3


def test_one_text_for_each_prompt_counts(tiny_llama: Path, generations: list[Generation]) -> None:
    def built(records: Sequence[Generation]) -> Population:
        return reference_population("mine", records, author(tiny_llama), RULES)

    few = [one for one in generations if len(one.token_ids) == 90][:6]
    once = built(few)
    assert once.n == once.datasheet.sources["generations"] == 6
    second = [one.model_copy(update={"text": few[0].text}) for one in few]  # other texts for the same prompts
    again = built([*few, *second])
    for rule, scores in once.scores.items():
        np.testing.assert_array_equal(np.sort(scores, axis=0), np.sort(again.scores[rule], axis=0))
    same = built([few[0], few[0].model_copy(update={"prompt": "Another"})])
    assert same.n == 2
    np.testing.assert_array_equal(same.scores["AUD201"][0], same.scores["AUD201"][1])


def test_line_ends_at_its_end_are_no_part_of_a_text(tiny_llama: Path, generations: list[Generation]) -> None:
    few = generations[:3]
    more = [one.model_copy(update={"text": one.text.rstrip("\n") + "\n\n"}) for one in few]
    one, two = (reference_population("mine", records, author(tiny_llama), RULES) for records in (few, more))
    assert one.digest == two.digest


# Files


def test_records_are_read_as_they_were_written(generations: list[Generation], tmp_path: Path) -> None:
    path = tmp_path / "drawn.jsonl"
    path.write_text("".join(one.model_dump_json() + "\n" for one in generations), encoding="utf-8")
    assert read_generations(path) == generations
    assert generations[0].decoding == Decoding(0.8, 60)


@pytest.mark.parametrize("change", [{"temperature": 0.9}, {"min_p": 0.1}, {"digest": "1" * 64}, {"template": "chat"}])
def test_records_of_several_kinds_are_refused(generations: list[Generation], tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "drawn.jsonl"
    lines = [one.model_dump_json() for one in (generations[0], generations[1].model_copy(update=change))]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(AuditError, match="mixes models or settings"):
        read_generations(path)


@pytest.mark.parametrize(
    ("name", "content", "prompts"),
    [
        ("a.txt", "One?\n\n \t \nTwo? \n", ["One?", "Two? "]),
        ("a.txt", '{"prompt": "One?"}', ['{"prompt": "One?"}']),
        ("a", "  Indented?\r\nWindows?", ["  Indented?", "Windows?"]),
        ("a.jsonl", '{"prompt": "Two\\nlines?", "n": 1}\n\n{"prompt": ""}\n', ["Two\nlines?", ""]),
    ],
)
def test_prompts(tmp_path: Path, name: str, content: str, prompts: list[str]) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert read_prompts(tmp_path / name) == prompts


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.txt", b"", "holds no prompts"),
        ("a.txt", b" \n", "holds no prompts"),
        ("a.txt", b"caf\xe9", "is not UTF-8"),
        ("a.jsonl", b'{"prompt": ""}\nOne?', "Line 2 of .* is not a JSON object"),
        ("a.jsonl", b'["prompt"]', "Line 1 of .* is not a JSON object"),
        ("a.jsonl", b'{"text": ""}', "Line 1 of .* has no text in the field 'prompt'"),
        ("a.jsonl", b"[" * 100_000, "Line 1 of .* is not a JSON object"),
        ("a.jsonl", b'{"prompt": null}', "Line 1 of .* has no text in the field 'prompt'"),
        (".", None, "cannot be read: Is a directory"),
        ("missing", None, "cannot be read: No such file"),
    ],
)
def test_what_holds_no_prompts_is_one_sentence(tmp_path: Path, name: str, content: bytes | None, complaint: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(AuditError, match=complaint):
        read_prompts(tmp_path / name)


def test_a_record_is_one_line_whatever_was_drawn(generations: list[Generation]) -> None:
    odd = generations[0].model_copy(update={"text": "\n\r\x85\u2028\x00 \ufffd🪚"})
    line = odd.model_dump_json()
    assert "\n" not in line
    assert "\r" not in line
    assert Generation.model_validate_json(line) == odd
    assert json.loads(line)["text"] == odd.text


def test_texts_for_one_prompt_are_no_population(tiny_llama: Path, generations: list[Generation]) -> None:
    alike = [one.model_copy(update={"prompt": ""}) for one in generations[:5]]
    with pytest.raises(AuditError, match="All generations are for one prompt"):
        reference_population("mine", alike, author(tiny_llama), RULES)
