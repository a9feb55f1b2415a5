"""Texts to TokenScores on real (tiny) models: against a float64 loop, alone and in company, short and long."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.tiny_models import SENTENCES
from llm_audit.errors import AuditError
from llm_audit.scoring.engine import Engine
from llm_audit.scoring.model import LanguageModel, load
from llm_audit.scoring.request import Request, Window, Windowing
from llm_audit.scoring.tokens import Decoding, TokenScores
from tests.scoring import oracle
from tests.scoring.test_head import assert_within_oracle_error

TEXTS = ["", "a", "ab", SENTENCES[2], " ".join(SENTENCES) * 3, "🪚", SENTENCES[3] * 9, "x" * 300]


@pytest.fixture(scope="module")
def llama(tiny_llama: Path) -> LanguageModel:
    return load("tiny", "digest", tiny_llama)


def score(model: LanguageModel, texts: list[str], request: Request | None = None) -> list[TokenScores]:
    return list(Engine(model, request or Request()).score(texts))


def by_transformers(folder: Path, scores: TokenScores, dtype: torch.dtype, decoding: Decoding) -> dict[str, np.ndarray]:
    """The oracle on the logits of transformers, computed throughout in `dtype`."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    rows = []
    with torch.inference_mode():
        for window in scores.windows():
            ids = torch.tensor([[0, *window.token_id.tolist()]])
            logits = model(ids).logits[0]
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


def test_the_lean_forward_pass_has_the_bits_of_transformers(tiny_llama: Path, llama: LanguageModel) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    lengths = [1, 2, 37, 200]
    ids = torch.randint(400, (sum(lengths),), generator=generator)
    with torch.inference_mode():
        for part in ids.split(lengths):
            ours, (middle,) = llama.body(part, [len(part)], layers=(1,))
            theirs = model.model(part[None], output_hidden_states=True)
            assert torch.equal(ours, theirs.last_hidden_state[0])
            assert torch.equal(middle, theirs.hidden_states[1][0])


def test_a_text_does_not_depend_on_its_batch_mates(llama: LanguageModel) -> None:
    together = score(llama, TEXTS)
    backwards = score(llama, TEXTS[::-1])[::-1]
    for text, a, b in zip(TEXTS, together, backwards, strict=True):
        (alone,) = score(llama, [text])
        for other in (a, b):
            np.testing.assert_array_equal(other.rank, alone.rank)
            for name in oracle.NUMERIC:
                np.testing.assert_allclose(getattr(other, name), getattr(alone, name), atol=1e-4, err_msg=name)


def test_more_texts_than_a_group(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_audit.scoring.engine.GROUP_TEXTS", 3)
    monkeypatch.setattr("llm_audit.scoring.engine.PACK_TOKENS", 50)
    done: list[tuple[int, int]] = []
    scores = list(Engine(llama, Request()).score(TEXTS, lambda a, b: done.append((a, b))))
    assert [len(s) for s in scores] == [len(s) for s in score(llama, TEXTS)]
    assert done[-1][0] == done[-1][1] == sum(len(s) for s in scores)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_token_has_its_characters(llama: LanguageModel, text: str) -> None:
    (scores,) = score(llama, [text])
    covered = np.zeros(len(text), bool)
    for start, end in zip(scores.char_start, scores.char_end, strict=True):
        assert 0 <= start < end <= len(text)
        covered[start:end] = True
    assert covered.all()
    assert (np.diff(scores.char_start) >= 0).all()


@pytest.mark.parametrize("text", ["naïve café", "🏴󠁧󠁢󠁳󠁣󠁴󠁿 and 👩‍👩‍👧", "木工は板を測った", "one\r\ntwo\r\n", "<s>not special</s>"])
def test_tokens_spell_the_text(llama: LanguageModel, text: str) -> None:
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


def test_overlapping_windows_give_context(llama: LanguageModel) -> None:
    (scores,) = score(llama, [TEXTS[4]], Request(Windowing(40, overlap=16)))
    assert scores.context[:40].tolist() == list(range(40))
    assert (scores.context[40:] >= 16).all()
    assert scores.window.max() + 1 == len(Windowing(40, 16).cut(len(scores)))
    (whole,) = score(llama, [TEXTS[4]], Request(Windowing(1000)))
    np.testing.assert_allclose(scores.logprob[:40], whole.logprob[:40], atol=1e-4)
    assert abs(scores.logprob[40:] - whole.logprob[40:]).max() > 1e-3  # less context is another question


def test_states_are_means_over_whole_blocks_of_each_window(llama: LanguageModel) -> None:
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
    ids = torch.tensor([0, *scores.token_id[last.start : last.stop].tolist()])
    with torch.inference_mode():
        _, (embedding, top) = llama.body(ids, [len(ids)], layers=(0, 2))
    row, end = expected.index(last.start), 1 + 16
    np.testing.assert_allclose(scores.states[row, 0], embedding[1:end].mean(0), atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(scores.states[row, 1], top[1:end].mean(0), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "request_", [Request(Windowing(40, 16), hidden_layers=(1,)), Request(Windowing(5), hidden_layers=(1,))]
)
def test_a_state_belongs_to_the_rows_of_its_block(llama: LanguageModel, request_: Request) -> None:
    """In overlapping windows the blocks are counted over the scored tokens; short windows have none."""
    (scores,) = score(llama, [TEXTS[4]], request_)
    assert scores.states is not None
    assert scores.state_start is not None
    windows = request_.windowing.cut(len(scores))
    assert scores.state_start.tolist() == [w.scored + 16 * i for w in windows for i in range((w.stop - w.scored) // 16)]
    assert len(scores.states) == len(scores.state_start)


def test_first_window_only(llama: LanguageModel) -> None:
    (first,) = score(llama, [TEXTS[4]], Request(Windowing(40, first_only=True)))
    (whole,) = score(llama, [TEXTS[4]], Request(Windowing(40)))
    assert len(first) == 40 < len(whole)
    np.testing.assert_array_equal(first.token_id, whole.token_id[:40])
    np.testing.assert_allclose(first.logprob, whole.logprob[:40], atol=1e-4)


def test_two_models_with_one_vocabulary(llama: LanguageModel, tiny_rival: Path) -> None:
    rival = load("rival", "other", tiny_rival)
    (scores,) = Engine(llama, Request(), rival).score([TEXTS[3]])
    (own,) = score(llama, [TEXTS[3]])
    np.testing.assert_allclose(scores.logprob, own.logprob, atol=1e-5)
    assert scores.cross_entropy is not None
    assert (scores.cross_entropy > own.entropy.min()).all()
    assert scores.cross_varentropy is not None
    assert (scores.cross_varentropy > 0).all()


def test_different_vocabularies_are_refused(llama: LanguageModel, tmp_path: Path) -> None:
    from dataclasses import replace

    from tokenizers import Tokenizer

    from fixtures.tiny_models import write_tokenizer

    write_tokenizer(tmp_path, 300)
    other = replace(llama, name="other", tokenizer=Tokenizer.from_file(str(tmp_path / "tokenizer.json")))
    with pytest.raises(AuditError, match="different vocabularies"):
        Engine(llama, Request(), other)


def test_windows_longer_than_the_model_sees_are_refused(llama: LanguageModel) -> None:
    with pytest.raises(AuditError, match="2048 tokens at once"):
        Engine(llama, Request(Windowing(2048)))


def test_bfloat16_body_stays_close(tiny_llama: Path, llama: LanguageModel) -> None:
    """The precision of a GPU run, here on the CPU: a sanity bound, not a claim of equality."""
    half = load("tiny", "digest", tiny_llama, dtype=torch.bfloat16)
    (low,), (full,) = score(half, [TEXTS[4]]), score(llama, [TEXTS[4]])
    assert low.logprob.dtype == np.float32
    assert np.sqrt(np.mean((low.logprob - full.logprob) ** 2)) < 0.3
    assert abs(low.logprob.mean() - full.logprob.mean()) < 0.05
