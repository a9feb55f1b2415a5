"""The rank among unmarked texts: like is compared with like, whether texts are read or given as token ids, under many keys."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors.rule import Measurement
from llm_audit.detectors.watermark import calibrated, run
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.readings import Reading
from llm_audit.detectors.watermark.run import Settings, Subject
from llm_audit.detectors.watermark.schemes.base import TokenisedText
from llm_audit.results.watermark_evidence import Compared, KeyedCalibration
from llm_audit.text import RawText
from tests.detectors.laws import found_again
from tests.detectors.watermark.test_rules import TERMS, V, ids, key

ALPHAS = (0.05, 0.01, 0.001)


def read(tokens: list[int], name: str) -> Subject:
    """A text in two readings, of which the second has another first token, as behind a space."""
    ways = (("as it stands", tokens), ("behind a space", [(tokens[0] + 1) % V, *tokens[1:]]))
    readings = tuple(Reading(way, TokenisedText.of(np.array(each), from_start=True), tokenizer="0" * 64) for way, each in ways)
    return Subject(RawText(name, f"{len(tokens)}{sum(tokens)}", "utf-8", "", 0), readings)


def ranked(subject: Subject, settings: Settings) -> list[KeyedCalibration]:
    found = [result.evidence for result in run.judge(subject, settings).results if result.rule == calibrated.rule.code]
    return [evidence for evidence in found if isinstance(evidence, KeyedCalibration)]


@pytest.mark.parametrize("scheme", ["vllm-gumbel", "kuditipudi-exp", "kuditipudi-its"])
@pytest.mark.parametrize("compared", ["best", "first"])
def test_a_text_is_its_own_equal(scheme: str, compared: Compared) -> None:
    """Among the references it has the very p-value that it has as the tested text, although another key is tested, too."""
    settings = Settings(0.01, (key(scheme), key("unigram", 7)))  # more fresh keys than for one key alone
    tokens = ids(key(scheme), 20)
    text = read(tokens, "text")
    tested = text if compared == "best" else dataclasses.replace(run.read_ids("ids", tokens, settings), raw=text.raw)
    settings = dataclasses.replace(settings, calibration={compared: run.references([text], settings, compared)})
    evidence = ranked(tested, settings)
    assert len(evidence) == 2
    for one in evidence:
        assert one.compared == compared and one.log_p == one.references[0]
    document = run.judge(tested, settings)
    assert found_again(document, TERMS) == document


@pytest.mark.parametrize("compared", ["best", "first"])
def test_size_of_10_000_draws(compared: Compared) -> None:
    """Unmarked texts of one fixed key; references are read, the tested text is read as well ("best") or given as ids."""
    settings, rng = Settings(0.05, (key("vllm-gumbel"),)), np.random.default_rng(20261130)
    tokens = [rng.integers(V, size=20).tolist() for _ in range(1_100)]
    (references,) = run.references([read(each, "") for each in tokens], settings, compared)
    given = [read(each, "") if compared == "best" else run.read_ids("", each, settings) for each in tokens]
    own = np.array(run.references(given, settings, compared)[0])  # what a tested text gets, see above
    pool, p_values = np.array(references), np.empty(10_000)
    for number in range(len(p_values)):
        drawn = rng.permutation(len(pool))[:1_000]
        p_values[number] = (1 + np.count_nonzero(pool[drawn[1:]] <= own[drawn[0]])) / 1_000
    for alpha in ALPHAS:
        assert binomtest(int(np.count_nonzero(p_values <= alpha + 1e-9)), len(p_values), alpha).pvalue > 1e-4


def test_a_marked_text_stands_out_and_the_sentence_says_what_was_compared() -> None:
    marker: Key = key("vllm-gumbel")
    settings = Settings(0.05, (marker,))
    unmarked = [read(ids(None, 60, seed), str(seed)) for seed in range(10, 49)]
    references: dict[Compared, tuple[tuple[float, ...], ...]] = {
        way: run.references(unmarked, settings, way) for way in ("best", "first")
    }
    settings = dataclasses.replace(settings, calibration=references)
    marked = ids(marker, 60)
    for subject, said in (
        (read(marked, "text"), "of the best reading of each, uncorrected"),
        (run.read_ids("ids", marked, settings), "of the token ids as given, and of the first reading of each unmarked text"),
    ):
        (beside,) = [result for result in run.judge(subject, settings).results if result.rule == calibrated.rule.code]
        assert beside.p_value == 1 / 40 and said in beside.reason
    with pytest.raises(InvalidConfiguration, match="no unmarked text"):
        run.references([], settings, "first")


def test_an_early_result_is_derived_as_it_was() -> None:
    early = KeyedCalibration(key="0" * 12, scheme="vllm-gumbel", tests=2, log_p=-3.0, references=(-1.0,) * 19)
    assert "compared" not in early.model_dump()
    result = calibrated.rule.derive(Measurement(early), TERMS)
    assert result.p_value == 1 / 20 and "have a p-value as small as this one (p = 0.05); p = 0.05 among them" in result.reason
