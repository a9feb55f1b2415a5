"""Radioactivity: size where the model copies from marked text that it reads, power where it was trained on such text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_audit.common.errors import AuditError, InvalidConfiguration
from llm_audit.detectors.membership import run
from llm_audit.detectors.membership.conclude import conclude
from llm_audit.detectors.rule import Measurement, Terms
from llm_audit.detectors.watermark import radioactivity
from llm_audit.detectors.watermark.base import numbers
from llm_audit.detectors.watermark.counts import RandomBits
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.radioactivity import Read, Written, of_reading, of_writing
from llm_audit.detectors.watermark.schemes import SCHEMES
from llm_audit.detectors.watermark.schemes.base import ContextScheme, TokenisedText, number
from llm_audit.detectors.watermark.schemes.kgw_lm_watermarking import LmWatermarking
from llm_audit.results import Conditions, Verdict
from llm_audit.results.watermark_evidence import KeyedTraining
from tests.detectors.laws import again
from tests.detectors.watermark.texts import Ints, generate

V = 61
TERMS = Terms(0.01)
KEYED: dict[str, dict[str, Any]] = {
    "vllm-gumbel": {"key": "5", "context_width": 2},
    "vllm-dual-key-gumbel": {"key": "5", "context_width": 2},
    "vllm-red-green": {"key": "5", "context_width": 1},
    "sglang-gumbel": {"key": "5", "key_b": "6", "context_window": 2},
    "transformers-kgw": {"key": "5", "vocab_size": V},
    "synthid-reference": {"keys": ["5", "6", "7"], "ngram_len": 3},
    "lm-watermarking": {"key": "5", "vocab_size": V, "prf": "minhash_prf", "context_width": 2},
    "textseal": {"key": "5", "ngram": 2},
    "markllm-kgw": {"key": "5", "vocab_size": V},
    "markllm-exp": {"key": "5", "vocab_size": V, "prefix_length": 2},
    "markllm-dip": {"key": "05", "vocab_size": V, "prefix_length": 2},
}
TEXT = np.arange(1, 41) % 13
READ_HERE = Conditions(model="m", precision="float32", tokenizer=("words", "b" * 64))
TABLE = 1.5 * np.random.default_rng(3).standard_normal((V, V))


LIKELIEST = TABLE.argmax(axis=1)


def model(context: Ints) -> Any:
    """Logits of a language model that looks at one token."""
    return TABLE[context[-1]]


def key(name: str) -> Key:
    return Key(SCHEMES[name].model_validate(KEYED[name]))


def texts(marker: Key | None, seeds: Sequence[int], length: int) -> list[Ints]:
    scheme: Any = None if marker is None else marker.scheme
    return [generate(scheme, model, length, np.random.default_rng(seed), np.arange(1, 9)) for seed in seeds]


def copying(ids: Ints) -> Ints:
    """What a model expects that was never trained on a mark, and copies: what followed the last time, or what is frequent."""
    followed: dict[int, int] = {}
    seen: Counter[int] = Counter()
    expected = []
    for place, token in enumerate(ids):
        before = int(ids[place - 1]) if place else -1
        often = seen.most_common(1)[0][0] if seen else 0
        expected.append(followed.get(before, often if place % 2 else int(LIKELIEST[before])))
        followed[before] = int(token)
        seen[int(token)] += 1
    return np.array(expected)


def learnt(corpus: Sequence[Ints]) -> Callable[[Ints], Ints]:
    """A model of word pairs that was trained on a corpus, as what it expects while it reads."""
    pairs: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for ids in corpus:
        for before, token in pairwise(ids):
            pairs[int(before)][int(token)] += 1
    best = {before: counts.most_common(1)[0][0] for before, counts in pairs.items()}
    return lambda ids: np.array([-1, *(best.get(int(before), 0) for before in ids[:-1])])


def log_p(found: KeyedTraining) -> float:
    return numbers(found.counted).log_p


@pytest.mark.parametrize("name", KEYED)
def test_a_score_is_that_of_the_text_in_which_the_token_stands(name: str) -> None:
    scheme = key(name).scheme
    assert isinstance(scheme, ContextScheme)
    ids = np.random.default_rng(0).integers(1, V, 80)
    seen, width = scheme.observe(TokenisedText(ids)), scheme.context_length
    contexts = np.stack([ids[place - width : place] for place in seen.positions])
    scored = scheme.score(contexts, ids[seen.positions])
    assert np.array_equal(scored.inputs, seen.inputs) and np.array_equal(scored.scores, seen.scores)
    assert scored.law == seen.law and 0 < scored.context == seen.context
    other = scheme.score(contexts, (ids[seen.positions] + 1) % V)  # the context alone, whatever the token
    assert np.array_equal(other.inputs[:, : other.context], scored.inputs[:, : scored.context])


def slowly(marker: Key, read: Sequence[Read]) -> tuple[int, float]:
    """Number and sum of scores, one place after another, each as a text of its own."""
    scheme: Any = marker.scheme
    width, passed, count, total = scheme.context_length, set(), 0, 0.0
    for text in read:
        for place in range(width, len(text.ids)):
            context, token = text.ids[place - width : place], int(text.expected[place])
            (anything,) = scheme.score(context[None], np.array([0])).inputs
            function = tuple(anything[: scheme.score(context[None], np.array([0])).context])
            if function not in passed and token >= 0:
                alone = scheme.observe(TokenisedText(np.append(context, token)))
                if alone.keyless is None or not alone.keyless[-1]:
                    count, total = count + 1, total + float(alone.scores[-1])
            passed.add(function)
    return count, total


@pytest.mark.parametrize("name", KEYED)
def test_each_context_counts_where_it_stands_first_in_all_texts(name: str) -> None:
    marker = key(name)
    read = [Read(ids, copying(ids)) for ids in texts(marker, (1, 2, 3), 60)]
    read[1].expected[20:30] = -1
    found = of_reading(marker, read)
    assert (found.counted.distinct, pytest.approx(found.counted.total)) == slowly(marker, read)
    assert found.texts == 3 and found.counted.tokens == 180 and found.counted.scored < 180


def marked_at_once(schemes: Sequence[Any], length: int, rng: np.random.Generator) -> Ints:
    """Two texts of each of many keys of a red-green list, (keys, 2, length), drawn side by side from their whole lists."""
    every = np.arange(V)
    uniforms = [one.uniforms(number(one.key), every[:, None], np.broadcast_to(every, (V, V))) for one in schemes]
    bias = schemes[0].delta * (np.stack(uniforms) < schemes[0].gamma)
    ids = rng.integers(V, size=(len(schemes), 2, length))
    for place in range(1, length):
        before = ids[:, :, place - 1]
        weights = np.exp(TABLE[before] + np.take_along_axis(bias, before[:, :, None], axis=1)).cumsum(axis=2)
        ids[:, :, place] = (weights < rng.random((len(schemes), 2, 1)) * weights[:, :, -1:]).sum(axis=2)
    return ids


def test_texts_that_are_drawn_at_once_carry_the_mark_of_their_key() -> None:
    scheme: Any = key("vllm-red-green").scheme
    (texts_,) = marked_at_once([scheme], 2000, np.random.default_rng(0))
    seen = scheme.observe(TokenisedText(texts_[0]))
    one_by_one = scheme.observe(TokenisedText(texts(Key(scheme), (1,), 500)[0]))
    assert seen.scores[1:].mean() == pytest.approx(one_by_one.scores.mean(), abs=0.06) and seen.scores.mean() > 0.7


def rejected(keys: int, seed: int) -> tuple[dict[float, int], int]:
    """How often marked texts that a model reads and copies from are taken for its training; at .01 also as pairs are counted.

    Two texts of 50 tokens under each key: contexts come again within texts and between them.
    """
    rng = np.random.default_rng(seed)
    bits, scheme = RandomBits(rng), key("vllm-red-green").scheme
    ours, peers = dict.fromkeys((0.05, 0.01, 0.001), 0), 0
    for start in range(0, keys, 500):
        markers = [Key(scheme.rekeyed(bits)) for _ in range(min(500, keys - start))]
        drawn = marked_at_once([marker.scheme for marker in markers], 50, rng)
        for marker, ids_of in zip(markers, drawn, strict=True):
            read = [Read(ids, copying(ids)) for ids in ids_of]
            p = np.exp(log_p(of_reading(marker, read)))
            for alpha in ours:
                ours[alpha] += p <= alpha
            peers += _by_pairs(marker, read) <= 0.01
    return ours, peers


def _by_pairs(marker: Key, read: Sequence[Read]) -> float:
    """The p-value if each pair of context and expected token counts once, wherever the context has stood."""
    scheme: Any = marker.scheme
    contexts = np.concatenate([text.ids[:-1] for text in read])[:, None]
    found = scheme.score(contexts, np.concatenate([text.expected[1:] for text in read]))
    kept = found.taken(np.unique(found.inputs, axis=0, return_index=True)[1])
    return float(np.exp(kept.law.log_tail(float(kept.scores.sum()), len(kept))))


def assert_size(ours: dict[float, int], keys: int) -> None:
    for alpha, count in ours.items():
        assert binomtest(int(count), keys, alpha, alternative="greater").pvalue > 1e-4, (alpha, count, keys)


def test_a_model_that_copies_marked_text_is_not_accused_and_would_be_if_pairs_were_counted() -> None:
    ours, peers = rejected(500, 1)
    assert_size(ours, 500)
    assert peers > 25


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_size_over_ten_thousand_keys_each_with_its_own_marked_texts() -> None:
    ours, peers = rejected(10_000, 2)
    print("reading", ours, "by pairs at .01", peers)
    assert_size(ours, 10_000)


def answers(trained: Callable[[Ints], Ints], seed: int, prompt: Ints) -> Written:
    """What a model of word pairs writes: mostly what it expects, else any token."""
    rng, ids = np.random.default_rng(seed), prompt
    for _ in range(60):
        likely = int(trained(np.append(ids, 0))[-1])
        ids = np.append(ids, likely if rng.random() < 0.95 else rng.integers(1, V))
    return Written(prompt, ids[len(prompt) :])


def test_a_model_that_learnt_from_marked_text_is_found_and_one_that_did_not_is_not() -> None:
    marker = key("transformers-kgw")
    marked, plain = texts(marker, range(40), 60), texts(None, range(40), 60)
    fresh = texts(marker, range(100, 110), 60)
    for corpus, found in ((marked, True), (plain, False)):
        trained = learnt(corpus)
        read = of_reading(marker, [Read(ids, trained(ids)) for ids in fresh])
        wrote = [answers(trained, seed, np.array([1, 2])) for seed in range(20)]
        open_, closed = log_p(read), log_p(of_writing(marker, wrote))
        filtered = log_p(of_writing(marker, wrote, marked))
        assert (open_ < np.log(1e-3)) == (closed < np.log(1e-3)) == (filtered < np.log(1e-3)) == found, (open_, closed)
        result = radioactivity.rule.derive(Measurement(read), TERMS)
        assert result.verdict is (Verdict.FINDING if found else Verdict.PASS) and marker.id in result.reason


def test_contexts_of_a_prompt_and_pairs_that_come_again_do_not_count() -> None:
    marker = key("vllm-red-green")
    prompt, ids = np.array([1, 2, 3]), np.array([4, 5, 4, 5, 1, 7, 8])
    found = of_writing(marker, [Written(prompt, ids)]).counted
    assert (found.scored, found.distinct) == (7, 4)  # not 3 (in the prompt), 1 (in the prompt), 4 again
    limited = of_writing(marker, [Written(prompt, ids)], [np.array([5, 9, 7])]).counted
    assert limited.distinct == 3  # 5 -> 4, 5 -> 1, 7 -> 8


def test_schemes_that_do_not_tell_contexts_apart_are_refused() -> None:
    own = {"key": "5", "vocab_size": V, "seeding_scheme": "selfhash", "context_width": 4}
    refused = (
        SCHEMES["unigram"].model_validate({"key": "5", "vocab_size": V}),
        SCHEMES["transformers-kgw"].model_validate(own),
        LmWatermarking.named("selfhash", key="5", vocab_size=V),
        SCHEMES["synthid-transformers"].model_validate({"keys": ["5", "6"]}),
        SCHEMES["kuditipudi-exp"].model_validate({"key": "5", "vocab_size": V}),
    )
    for scheme in refused:
        with pytest.raises(InvalidConfiguration, match="copy the mark"):
            radioactivity.check(Key(scheme))


def test_a_token_beyond_the_vocabulary_of_the_key_is_an_error_in_a_text_and_ignored_as_an_expectation() -> None:
    marker, ids = key("transformers-kgw"), np.arange(1, 11)
    with pytest.raises(AuditError, match="outside the key's vocabulary"):
        of_reading(marker, [Read(np.array([1, V]), np.array([1, 1]))])
    assert of_reading(marker, [Read(ids, np.full(10, V))]).counted.distinct == 0
    assert of_reading(marker, [Read(ids, ids)]).counted.distinct == 9


def test_the_result_follows_from_what_is_stored_and_a_changed_number_shows() -> None:
    marker = key("vllm-gumbel")
    evidence = of_reading(marker, [Read(ids, ids) for ids in texts(marker, range(5), 60)])
    result = radioactivity.rule.derive(Measurement(evidence), TERMS)
    assert again(result, TERMS) == result and result.verdict is Verdict.FINDING
    assert "key" not in result.evidence.model_dump() or result.evidence.model_dump()["key"] == marker.id
    for field, value in (("total", 1.0), ("distinct", evidence.counted.distinct - 1)):
        counted = evidence.counted.model_copy(update={field: value})
        forged = result.model_copy(update={"evidence": evidence.model_copy(update={"counted": counted})})
        assert again(forged, TERMS) != result
    with pytest.raises(ValueError, match="more tokens"):
        counted = evidence.counted.model_copy(update={"distinct": 1000})
        radioactivity.rule.derive(Measurement(evidence.model_copy(update={"counted": counted})), TERMS)


@pytest.mark.parametrize("conditions", [READ_HERE, Conditions(tokenizer=("words", "b" * 64), marked_contexts=True)])
def test_claim_facts_and_sizes_are_concluded_from_what_is_stored(conditions: Conditions) -> None:
    marker = key("vllm-gumbel")
    reading = conditions.model is not None
    evidence = of_reading(marker, [Read(TEXT, TEXT)]) if reading else of_writing(marker, [Written(TEXT[:2], TEXT[2:])], [TEXT])
    result = radioactivity.rule.derive(Measurement(evidence), TERMS)
    found = run.concluded(0.01, tests=(result,), provenance="", conditions=conditions)
    model = "m" if reading else "the model whose answers these are"
    assert found.claim == f"Was {model} trained on text that carries the mark of key {marker.id}?"
    facts = {fact.name: fact.value for fact in found.facts}
    assert facts["Key"] == f"{marker.id}, {marker.scheme.title}" and facts["Tokenizer"] == "words, digest bbbbbbbbbbbb"
    assert ("Start token" in facts) is reading
    assert facts["What counts"].startswith("the likeliest token" if reading else "each token of the answers")
    assert ("only contexts that stand in the marked texts" in facts["What counts"]) is not reading
    assert (found.n_suspect, found.n_held_out) == (evidence.counted.distinct, 0)
    forged = {"claim": "Is it marked?", "facts": found.facts[1:], "n_suspect": 9}
    for field, value in forged.items():
        assert conclude(found.model_copy(update={field: value}), TERMS) == found


def test_a_law_of_another_scheme_is_no_evidence() -> None:
    marker = key("vllm-gumbel")
    evidence = of_reading(marker, [Read(TEXT, TEXT)])
    counted = evidence.counted.model_copy(update={"law": {"kind": "bernoulli", "share": 0.5}})
    with pytest.raises(ValueError, match=r"scores of vLLM, Gumbel follow another null law"):
        radioactivity.rule.derive(Measurement(evidence.model_copy(update={"counted": counted})), TERMS)


@pytest.mark.parametrize("name", sorted(KEYED))
def test_a_scheme_names_the_law_of_its_scores(name: str) -> None:
    scheme: Any = key(name).scheme
    assert scheme.law is type(scheme.observe(TokenisedText(TEXT)).law)


def test_too_few_contexts_decide_nothing_and_say_how_many_are_needed() -> None:
    marker = key("transformers-kgw")
    result = radioactivity.rule.derive(Measurement(of_reading(marker, [Read(np.arange(1, 4), np.arange(1, 4))])), TERMS)
    assert result.verdict is Verdict.INCONCLUSIVE and "a decision needs 4 at the very least" in result.reason
    found = run.concluded(0.01, tests=(result,), claim="", n_suspect=2, n_held_out=0, provenance="")
    assert found.verdict is Verdict.INCONCLUSIVE and found.summary.startswith("Undecided.")
