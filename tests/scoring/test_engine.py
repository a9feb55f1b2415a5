"""Texts to TokenScores on real (tiny) models: against a float64 loop, alone and in company, short and long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.tiny_models import SENTENCES
from llm_audit.common.errors import AuditError
from llm_audit.scoring import lean
from llm_audit.scoring.engine import Engine
from llm_audit.scoring.lean import LeanBody, LeanModel
from llm_audit.scoring.llama import LlamaBody
from llm_audit.scoring.model import LanguageModel, load
from llm_audit.scoring.request import Prompted, Request, Window, Windowing
from llm_audit.scoring.tokens import Decoding, TokenScores
from tests.processors import sums_hang_on_no_place
from tests.scoring import oracle
from tests.scoring.test_head import assert_within_oracle_error

TEXTS = ["", "a", "ab", SENTENCES[2], " ".join(SENTENCES) * 3, "🪚", SENTENCES[3] * 9, "x" * 300]


Model = LanguageModel | LeanModel


@pytest.fixture(scope="module", params=["numpy", "torch"])
def llama(tiny_llama: Path, request: pytest.FixtureRequest) -> Model:
    """The two that compute a Llama: all that holds of one holds of the other."""
    return lean.load("tiny", "digest", tiny_llama) if request.param == "numpy" else load("tiny", "digest", tiny_llama)


def run(model: Model, ids: Sequence[int], lengths: Sequence[int], layers: Sequence[int] = ()) -> list[np.ndarray]:
    """Last hidden states and those of some layers, as arrays of their own."""
    with model.computing():
        last, taps = model.run(np.asarray(ids, np.int64), lengths, layers)
        return [np.asarray(each).copy() for each in (last, *taps)]


def score(model: Model, texts: Sequence[str | Prompted], request: Request | None = None) -> list[TokenScores]:
    return list(Engine(model, request or Request()).score(texts))


def by_transformers(
    folder: Path, scores: TokenScores, dtype: torch.dtype, decoding: Decoding, before: Sequence[int] = (0,)
) -> dict[str, np.ndarray]:
    """The oracle on the logits of transformers, computed throughout in `dtype`."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    rows = []
    with torch.inference_mode():
        for window in scores.windows():
            ids = torch.tensor([[*before, *window.token_id.tolist()]])
            logits = model(ids).logits[0, len(before) - 1 :]
            rows += [
                oracle.one_token(row, token, decoding) for row, token in zip(logits, window.token_id.tolist(), strict=False)
            ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("architecture", ["tiny_llama", "tiny_gpt2"])
@pytest.mark.parametrize("decoding", [Decoding(), Decoding(temperature=0.8, top_p=0.95)], ids=str)
def test_columns_agree_with_a_float64_loop(architecture: str, decoding: Decoding, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(architecture)
    model = load("tiny", "digest", folder)
    short, long = score(model, [TEXTS[1], TEXTS[3]], Request(Windowing(30), decoding))
    # Together: the oracle's own error on a single token is often zero by luck.
    exact, rounded = (
        {name: np.concatenate([columns[name] for columns in both]) for name in both[0]}
        for dtype in (torch.float64, torch.float32)
        for both in [[by_transformers(folder, scores, dtype, decoding) for scores in (short, long)]]
    )
    found = {name: np.concatenate([getattr(short, name), getattr(long, name)]) for name in exact}
    assert_within_oracle_error(found, exact, rounded)


def test_the_lean_forward_pass_is_that_of_transformers(tiny_llama: Path, llama: Model) -> None:
    """Both in float32 against transformers in float64; kernels and releases may order sums as they like."""
    from transformers import AutoModelForCausalLM

    theirs = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32)
    oracle64 = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float64)

    def by(model: Any, part: torch.Tensor) -> dict[str, np.ndarray]:
        output = model.model(part[None], output_hidden_states=True)
        return {"last": output.last_hidden_state[0].numpy(), "middle": output.hidden_states[1][0].numpy()}

    generator = torch.Generator().manual_seed(0)
    lengths = [1, 2, 37, 200]
    ids = torch.randint(400, (sum(lengths),), generator=generator)
    last, middle = run(llama, ids.tolist(), lengths, layers=(1,))
    with torch.inference_mode():
        exact, rounded = (
            {name: np.concatenate([each[name] for each in parts]) for name in ("last", "middle")}
            for model in (oracle64, theirs)
            for parts in [[by(model, part) for part in ids.split(lengths)]]
        )
    assert_within_oracle_error({"last": last, "middle": middle}, exact, rounded, factor=3)


def test_the_lean_forward_pass_repeats_itself_to_the_bit(llama: Model) -> None:
    ids = (np.arange(60) * 7 % 400).tolist()
    first, again = run(llama, ids, [20, 40])[0], run(llama, ids, [20, 40])[0]
    np.testing.assert_array_equal(first, again)


def test_a_text_does_not_depend_on_its_batch_mates(llama: Model) -> None:
    together = score(llama, TEXTS)
    backwards = score(llama, TEXTS[::-1])[::-1]
    for text, a, b in zip(TEXTS, together, backwards, strict=True):
        (alone,) = score(llama, [text])
        for other in (a, b):
            np.testing.assert_array_equal(other.rank, alone.rank)
            for name in oracle.NUMERIC:
                np.testing.assert_allclose(getattr(other, name), getattr(alone, name), atol=1e-4, err_msg=name)


def test_more_texts_than_a_group(llama: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_audit.scoring.engine.GROUP_TEXTS", 3)
    monkeypatch.setattr("llm_audit.scoring.engine.PACK_TOKENS", 50)
    shares: list[float] = []
    scores = list(Engine(llama, Request()).score(TEXTS, shares.append))
    assert [len(s) for s in scores] == [len(s) for s in score(llama, TEXTS)]
    assert shares == sorted(shares) and len(shares) > 1 and shares[-1] == 1.0


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_token_has_its_characters(llama: Model, text: str) -> None:
    (scores,) = score(llama, [text])
    covered = np.zeros(len(text), bool)
    for start, end in zip(scores.char_start, scores.char_end, strict=True):
        assert 0 <= start < end <= len(text)
        covered[start:end] = True
    assert covered.all()
    assert (np.diff(scores.char_start) >= 0).all()


@pytest.mark.parametrize("text", ["naïve café", "🏴󠁧󠁢󠁳󠁣󠁴󠁿 and 👩‍👩‍👧", "木工は板を測った", "one\r\ntwo\r\n", "<s>not special</s>"])
def test_tokens_spell_the_text(llama: Model, text: str) -> None:
    (scores,) = score(llama, [text])
    assert llama.tokenizer.decode(scores.token_id.tolist(), skip_special_tokens=False) == text
    assert 0 not in scores.token_id  # "<s>" in a text is three characters, not the control token


@given(st.integers(0, 5000), st.integers(1, 600), st.data())
def test_windows_score_every_token_once(n: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    windows = Windowing(size, overlap).cut(n)
    assert [t for w in windows for t in range(w.scored, w.stop)] == list(range(n))
    assert all(w.stop - w.start <= size for w in windows)
    assert all(w.scored - w.start == min(overlap, w.scored) for w in windows)


@given(st.integers(0, 5000), st.integers(1, 600))
def test_balanced_windows_differ_by_one_token(n: int, size: int) -> None:
    windows = Windowing(size, balanced=True).cut(n)
    lengths = [w.stop - w.start for w in windows]
    assert sum(lengths) == n
    assert max(lengths, default=0) <= size
    assert max(lengths, default=0) - min(lengths, default=0) <= 1


def test_overlapping_windows_give_context(llama: Model) -> None:
    (scores,) = score(llama, [TEXTS[4]], Request(Windowing(40, overlap=16)))
    assert scores.context[:40].tolist() == list(range(40))
    assert (scores.context[40:] >= 16).all()
    assert scores.window.max() + 1 == len(Windowing(40, 16).cut(len(scores)))
    (whole,) = score(llama, [TEXTS[4]], Request(Windowing(1000)))
    np.testing.assert_allclose(scores.logprob[:40], whole.logprob[:40], atol=1e-4)
    assert abs(scores.logprob[40:] - whole.logprob[40:]).max() > 1e-3  # less context is another question


def test_states_are_means_over_whole_blocks_of_each_window(llama: Model) -> None:
    request = Request(Windowing(36), hidden_layers=(0, 2))
    (scores,) = score(llama, [TEXTS[4]], request)
    windows = request.windowing.cut(len(scores))
    assert scores.states is not None
    assert scores.state_start is not None
    assert scores.states.dtype == np.float16
    expected = [window.start + 16 * i for window in windows for i in range((window.stop - window.start) // 16)]
    assert scores.state_start.tolist() == expected
    assert scores.states.shape == (len(expected), 2, 64)
    last: Window = next(window for window in reversed(windows) if window.stop - window.start >= 16)
    ids = [0, *scores.token_id[last.start : last.stop].tolist()]
    _, embedding, top = run(llama, ids, [len(ids)], layers=(0, 2))
    row, end = expected.index(last.start), 1 + 16
    np.testing.assert_allclose(scores.states[row, 0], embedding[1:end].mean(0), atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(scores.states[row, 1], top[1:end].mean(0), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "request_", [Request(Windowing(40, 16), hidden_layers=(1,)), Request(Windowing(5), hidden_layers=(1,))]
)
def test_a_state_belongs_to_the_rows_of_its_block(llama: Model, request_: Request) -> None:
    """In overlapping windows the blocks are counted over the scored tokens; short windows have none."""
    (scores,) = score(llama, [TEXTS[4]], request_)
    assert scores.states is not None
    assert scores.state_start is not None
    windows = request_.windowing.cut(len(scores))
    assert scores.state_start.tolist() == [w.scored + 16 * i for w in windows for i in range((w.stop - w.scored) // 16)]
    assert len(scores.states) == len(scores.state_start)


@pytest.mark.parametrize(
    "request_",
    [Request(Windowing(36, balanced=True), hidden_layers=(1, 2)), Request(Windowing(40, 16), hidden_layers=(1,)), Request()],
)
@pytest.mark.parametrize("text", TEXTS)
def test_the_windows_that_are_taken_one_by_one_are_those_of_the_whole(llama: Model, text: str, request_: Request) -> None:
    engine = Engine(llama, request_)
    (whole,) = engine.score([text])
    expected = [window.to_bytes() for window in whole.windows()]
    kept: dict[int, bytes] = {}
    taken = engine.take(text, TokenScores.to_bytes, keep=lambda scored: kept.update({i: s.to_bytes() for i, s in scored}))
    assert taken == expected == [kept[position] for position in sorted(kept)]


def test_what_is_known_of_a_text_is_not_computed_again_but_with_its_whole_pack(
    llama: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_audit.scoring.engine.PACK_TOKENS", 100)
    engine = Engine(llama, Request(Windowing(40, balanced=True), hidden_layers=(1,)))
    packs: list[list[int]] = []
    whole: dict[int, TokenScores] = {}

    def keep(scored: Sequence[tuple[int, TokenScores]]) -> None:
        packs.append([position for position, _ in scored])
        whole.update(scored)

    expected = engine.take(TEXTS[4], TokenScores.to_bytes, keep=keep)
    first, second, *_ = before = [sorted(pack) for pack in packs]
    assert len(before) > 2 and len(first) == 2
    packs.clear()
    gone = {first[0], *second}
    shares: list[float | None] = []
    again = engine.take(
        TEXTS[4],
        TokenScores.to_bytes,
        lambda share, _="": shares.append(share),
        known=lambda position: None if position in gone else whole[position],
        keep=keep,
    )
    assert again == expected
    assert [sorted(pack) for pack in packs] == [first, second]
    assert shares[-1] == 1.0 and len(shares) == 2


def test_first_window_only(llama: Model) -> None:
    (first,) = score(llama, [TEXTS[4]], Request(Windowing(40, first_only=True)))
    (whole,) = score(llama, [TEXTS[4]], Request(Windowing(40)))
    assert len(first) == 40 < len(whole)
    np.testing.assert_array_equal(first.token_id, whole.token_id[:40])
    np.testing.assert_allclose(first.logprob, whole.logprob[:40], atol=1e-4)


def test_two_models_with_one_vocabulary(llama: Model, tiny_rival: Path) -> None:
    rival = (load if isinstance(llama, LanguageModel) else lean.load)("rival", "other", tiny_rival)
    (scores,) = Engine(llama, Request(), rival).score([TEXTS[3]])
    (own,) = score(llama, [TEXTS[3]])
    np.testing.assert_allclose(scores.logprob, own.logprob, atol=1e-5)
    assert scores.cross_entropy is not None
    assert (scores.cross_entropy > own.entropy.min()).all()
    assert scores.cross_varentropy is not None
    assert (scores.cross_varentropy > 0).all()


def test_different_vocabularies_are_refused(llama: Model, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    from fixtures.tiny_models import write_tokenizer

    write_tokenizer(tmp_path, 300)
    other = replace(llama, name="other", tokenizer=Tokenizer.from_file(str(tmp_path / "tokenizer.json")))
    with pytest.raises(AuditError, match="different vocabularies"):
        Engine(llama, Request(), other)


def test_windows_longer_than_the_model_sees_are_refused(llama: Model) -> None:
    with pytest.raises(AuditError, match="2048 tokens at once"):
        Engine(llama, Request(Windowing(2048)))


def test_bfloat16_body_stays_close(tiny_llama: Path, llama: Model) -> None:
    """The precision of a GPU run, here on the CPU: a sanity bound, not a claim of equality."""
    half = load("tiny", "digest", tiny_llama, dtype=torch.bfloat16)
    (low,), (full,) = score(half, [TEXTS[4]]), score(llama, [TEXTS[4]])
    assert low.logprob.dtype == np.float32
    assert np.sqrt(np.mean((low.logprob - full.logprob) ** 2)) < 0.3
    assert abs(low.logprob.mean() - full.logprob.mean()) < 0.05


# What stood before the text

PROMPT = "<s>Q: Zürich, 木工 or 🪚?\nA:"


@pytest.mark.parametrize("architecture", ["tiny_llama", "tiny_gpt2"])
@pytest.mark.parametrize("decoding", [Decoding(), Decoding(temperature=0.8, top_p=0.95)], ids=str)
def test_a_prompt_stands_before_the_text_instead_of_the_prefix(
    architecture: str, decoding: Decoding, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(architecture)
    model = load("tiny", "digest", folder)
    before = model.encode_prompt(PROMPT)
    (scores,) = score(model, [Prompted(TEXTS[3], PROMPT)], Request(Windowing(30), decoding))
    assert scores.window.max() > 0  # every window of the text follows the prompt
    found = {name: getattr(scores, name) for name in oracle.NUMERIC}
    exact, rounded = (by_transformers(folder, scores, dtype, decoding, before) for dtype in (torch.float64, torch.float32))
    assert_within_oracle_error(found, *({name: columns[name] for name in found} for columns in (exact, rounded)))
    (plain,) = score(model, [TEXTS[3]], Request(Windowing(30), decoding))
    for name in ("token_id", "char_start", "char_end", "window", "context"):
        np.testing.assert_array_equal(getattr(scores, name), getattr(plain, name))
    assert abs(scores.entropy - plain.entropy).max() > 0.1  # it is another question


def test_control_tokens_are_read_as_such_in_a_prompt_alone(llama: Model) -> None:
    assert llama.encode_prompt("<s>a<s>") == [0, *llama.tokenizer.encode("a").ids, 0]
    (scores,) = score(llama, [Prompted("<s>a<s>", "<s>a<s>")])
    assert 0 not in scores.token_id
    assert llama.decode(scores.token_id.tolist()) == "<s>a<s>"
    (alone,) = score(llama, ["<s>a<s>"])
    np.testing.assert_array_equal(scores.token_id, alone.token_id)
    assert llama.encode_prompt(None) == [0]


def test_a_prompt_that_is_the_prefix_changes_nothing(llama: Model) -> None:
    plain, none, prefix = score(llama, [TEXTS[3], Prompted(TEXTS[3]), Prompted(TEXTS[3], "<s>")])
    for scores in (none, prefix):
        np.testing.assert_array_equal(scores.rank, plain.rank)
        np.testing.assert_allclose(scores.logprob, plain.logprob, atol=1e-4)


@pytest.mark.parametrize("text", ["ab", SENTENCES[2]])
def test_with_nothing_before_it_the_first_token_has_no_score(llama: Model, text: str) -> None:
    without = replace(llama, prefix=None)
    for model, prompted in ((llama, Prompted(text, "")), (without, Prompted(text)), (without, text)):
        (scores,) = score(model, [prompted])
        ids = llama.tokenizer.encode(text)
        assert scores.token_id.tolist() == ids.ids[1:]
        assert list(zip(scores.char_start, scores.char_end, strict=True)) == ids.offsets[1:]
        assert scores.context.tolist() == list(range(1, len(ids.ids)))


def test_with_nothing_before_it_a_single_token_has_no_score(llama: Model) -> None:
    (scores,) = score(replace(llama, prefix=None), ["a"])
    assert len(scores) == 0


def test_with_nothing_before_it_a_last_window_of_one_token_has_no_score(llama: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_audit.scoring.engine.PACK_TOKENS", 10)
    (scores,) = score(replace(llama, prefix=None), ["7" * 21], Request(Windowing(10)))
    assert scores.context.tolist() == [*range(1, 10), *range(1, 10)]


def test_prompts_of_all_lengths_in_one_batch(llama: Model) -> None:
    rtol = 1e-7 if sums_hang_on_no_place() else 2e-5
    batch = [Prompted(text, prompt) for text in TEXTS for prompt in (None, "<s>", PROMPT, PROMPT * 5)]
    mixed: list[str | Prompted] = [*batch, *TEXTS]
    together = score(llama, mixed)
    for text, scores in zip(mixed, together, strict=True):
        (alone,) = score(llama, [text])
        np.testing.assert_array_equal(scores.rank, alone.rank)
        for name in oracle.NUMERIC:
            np.testing.assert_allclose(getattr(scores, name), getattr(alone, name), rtol=rtol, atol=1e-4, err_msg=name)


def test_states_are_those_of_the_text_after_its_prompt(llama: Model) -> None:
    (scores,) = score(llama, [Prompted(TEXTS[3], PROMPT)], Request(hidden_layers=(1,)))
    assert scores.states is not None
    assert scores.state_start is not None
    assert scores.state_start.tolist() == list(range(0, len(scores) - 15, 16))
    before = llama.encode_prompt(PROMPT)
    ids = [*before, *scores.token_id.tolist()]
    _, middle = run(llama, ids, [len(ids)], layers=(1,))
    own = middle[len(before) :][:16].mean(0)
    np.testing.assert_allclose(scores.states[0, 0], own, atol=1e-3, rtol=1e-3)


def test_a_long_prompt_makes_the_windows_small(llama: Model) -> None:
    (scores,) = score(llama, [Prompted(TEXTS[3], "<s>" * 2018)])
    assert len(scores) == len(score(llama, [TEXTS[3]])[0]) > 30
    assert scores.context.max() == 2048 - 2018 - 1


@pytest.mark.parametrize(("tokens", "overlap"), [(2048, 0), (2049, 0), (5000, 0), (2040, 8)])
def test_a_prompt_that_leaves_no_room_is_refused(llama: Model, tokens: int, overlap: int) -> None:
    with pytest.raises(AuditError, match=rf"^The prompt has {tokens:,} tokens, and tiny sees 2,048 at once: no room is left"):
        score(llama, ["a", Prompted("a", "<s>" * tokens)], Request(Windowing(64, overlap)))


# Tokens as they were sampled


def bytes_of(model: Model, text: str) -> tuple[int, ...]:
    """The text letter by letter, as no tokenizer would read it."""
    from tokenizers import pre_tokenizers

    (((spelt, _)),) = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    return tuple(model.tokenizer.token_to_id(letter) for letter in spelt)


def test_given_tokens_are_scored_instead_of_the_tokenizers(llama: Model) -> None:
    text = "naïve 🪚 木!"
    ids = bytes_of(llama, text)
    (scores,) = score(llama, [Prompted(text, token_ids=ids)])
    assert scores.token_id.tolist() == list(ids)
    (canonical,) = score(llama, [text])
    assert len(scores) == len(text.encode()) > len(canonical)
    ranges = list(zip(scores.char_start.tolist(), scores.char_end.tolist(), strict=True))
    assert ranges == [(i, i + 1) for i, letter in enumerate(text) for _ in letter.encode()]  # a character's bytes share it
    (hidden,) = run(llama, [0, *ids], [1 + len(ids)])
    logits = torch.from_numpy(hidden @ np.asarray(llama.head_weight).T)
    logprobs = logits.log_softmax(1)[:-1].gather(1, torch.tensor(ids)[:, None])[:, 0]
    np.testing.assert_allclose(scores.logprob, logprobs, atol=1e-4)


@pytest.mark.parametrize(
    "text", ["", "a", *SENTENCES, "🏴󠁧󠁢󠁳󠁣󠁴󠁿 and 👩‍👩‍👧", "木工は板を測った", "one\r\ntwo\r\n", "\ufeffa\u00a0\n\n b  c"]
)
def test_characters_of_given_tokens_are_those_of_the_tokenizer(llama: Model, text: str) -> None:
    """But that a token with only the first bytes of a character does not count as that character's."""
    encoding = llama.tokenizer.encode(text, add_special_tokens=False)
    for (start, end), (expected_start, expected_end) in zip(llama.offsets(encoding.ids), encoding.offsets, strict=True):
        assert start == expected_start
        assert max(start + 1, expected_end - 1) <= end <= expected_end
    # Not in one batch: some processors add the products of a row in an order that hangs on its place.
    (plain,), (given,) = (score(llama, [one]) for one in (text, Prompted(text, token_ids=tuple(encoding.ids))))
    assert given.to_bytes() == plain.to_bytes()


@given(st.lists(st.integers(1, 399), max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_tokens_have_their_characters(llama: Model, ids: list[int]) -> None:
    """Drawn at random, most bytes make no character; what does is in the range of its token."""
    text, ranges = llama.decode(ids), llama.offsets(ids)
    assert len(ranges) == len(ids)
    assert ranges == sorted(ranges)
    for token, (start, end) in zip(ids, ranges, strict=True):
        assert 0 <= start <= end <= len(text)
        said = llama.decode([token])
        assert not said.isascii() or text[start:end].endswith(said)


# Several settings


DECODINGS = [
    Decoding(temperature=0.7),
    Decoding(),
    Decoding(top_k=5),
    Decoding(temperature=0.7, top_p=0.9),
    Decoding(min_p=0.2),
]


@pytest.mark.parametrize(
    ("request_", "with_reference"),
    [(Request(Windowing(40)), True), (Request(Windowing(300), hidden_layers=(1,), top_k=7), False)],
)
def test_each_of_several_settings_is_scored_as_if_alone(
    llama: Model, tiny_rival: Path, request_: Request, with_reference: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = (load if isinstance(llama, LanguageModel) else lean.load)("rival", "other", tiny_rival) if with_reference else None
    texts = [TEXTS[0], TEXTS[4], Prompted(TEXTS[3], PROMPT)]
    alone = [list(Engine(llama, replace(request_, decoding=one), rival).score(texts)) for one in DECODINGS]
    seen: list[int] = []
    kind: Any = LlamaBody if isinstance(llama, LanguageModel) else LeanBody
    body = kind.__call__

    def counted(self: object, ids: Sequence[int], *rest: object) -> object:
        seen.append(len(ids))
        return body(self, ids, *rest)

    monkeypatch.setattr(kind, "__call__", counted)
    list(Engine(llama, request_, rival).score(texts))
    once = seen.copy()
    together = list(Engine(llama, request_, rival, decodings=DECODINGS).score_each(texts))
    assert seen == once * 2  # however many settings
    for text, found in enumerate(together):
        assert len(found) == len(DECODINGS)
        for setting, scores in enumerate(found):
            assert scores.to_bytes() == alone[setting][text].to_bytes()
    first = [scores.to_bytes() for scores in Engine(llama, request_, rival, decodings=DECODINGS).score(texts)]
    assert first == [scores.to_bytes() for scores in alone[0]]
