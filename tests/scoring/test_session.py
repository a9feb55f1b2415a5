"""Scoring behind the cache: nothing is scored twice, and a warm run needs no model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.common.errors import AuditError
from llm_audit.scoring import session as session_module
from llm_audit.scoring.cache import ScoreCache
from llm_audit.scoring.engine import Engine
from llm_audit.scoring.passes import Computed, Pack, Passes
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.scoring.tokens import Decoding, TokenScores

REQUEST = Request(Windowing(64))
TEXTS = [SENTENCES[0] * 3, SENTENCES[1], SENTENCES[0] * 3, "", SENTENCES[2]]


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of texts that are looked up together, made small."""
    monkeypatch.setattr(session_module, "GROUP", 8)
    return 8


@pytest.fixture
def model(tiny_llama: Path) -> StoredModel:
    return Store().resolve(str(tiny_llama), offline=True)


@pytest.fixture(autouse=True)
def _not_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_AUDIT_CACHE", str(tmp_path))


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that reaches the engine."""
    texts: list[str] = []
    engine = Engine.score_each

    def recorded(self: Engine, batch: list[str], *rest: object) -> object:
        texts.extend(batch)
        return engine(self, batch, *rest)

    monkeypatch.setattr(Engine, "score_each", recorded)
    return texts


def test_threads_that_share_a_session_get_the_numbers_that_each_alone_would_get(model: StoredModel) -> None:
    texts = [" ".join(SENTENCES[number % 3 :]) * (2 + number) for number in range(6)]
    session = Session(model)
    alone = [contents(session, [text]) for text in texts]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(3):
            with ThreadPoolExecutor(len(texts)) as threads:
                assert list(threads.map(lambda text: contents(session, [text]), texts)) == alone
    finally:
        sys.setswitchinterval(interval)


def contents(session: Session, texts: list[str] = TEXTS, request: Request = REQUEST) -> list[bytes]:
    return [scores.to_bytes() for scores in session.score(texts, request)]


def test_scores_are_the_same_with_and_without_a_cache(model: StoredModel, tmp_path: Path) -> None:
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        cold, warm = (contents(Session(model, cache=cache)) for _ in range(2))
    assert cold == warm == contents(Session(model))
    assert cold[0] == cold[2] != cold[1]


def test_each_distinct_text_is_scored_once_however_often_it_occurs(model: StoredModel, scored: list[str]) -> None:
    contents(Session(model))
    assert sorted(scored) == sorted(set(TEXTS))


WINDOWS = Request(Windowing(24, balanced=True), hidden_layers=(1,))


def taken(session: Session, texts: list[str], request: Request = WINDOWS) -> list[list[bytes]]:
    return list(session.take(texts, request, TokenScores.to_bytes))


@pytest.mark.parametrize("long", [10, 150, 10_000])
def test_windows_come_one_by_one_as_they_stand_in_the_whole(
    model: StoredModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: int
) -> None:
    monkeypatch.setattr(session_module, "LONG", long)
    texts = [SENTENCES[0] * 3, SENTENCES[1], SENTENCES[0] * 3, "", SENTENCES[2] * 2]
    alone = {text: next(Session(model).score([text], WINDOWS)) for text in texts if len(text) > long}
    short = [text for text in texts if len(text) <= long]
    scored = alone | dict(zip(short, Session(model).score(short, WINDOWS), strict=True))
    whole = [[window.to_bytes() for window in scored[text].windows()] for text in texts]
    shares: list[float | None] = []
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        cold, warm = (taken(Session(model, cache=cache), texts) for _ in range(2))
        list(Session(model, cache=cache).take(texts, WINDOWS, len, lambda share, _="": shares.append(share)))
    assert cold == warm == taken(Session(model), texts) == whole
    assert all(0 <= (share or 0) <= 1 + 1e-9 for share in shares)


def test_a_long_text_that_is_known_needs_no_model(model: StoredModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "LONG", 100)
    texts = [SENTENCES[0] * 5]
    with ScoreCache(tmp_path / "windows.sqlite") as cache, ScoreCache(tmp_path / "whole.sqlite") as earlier:
        found = taken(Session(model, cache=cache), texts)
        contents(Session(model, cache=earlier), texts, WINDOWS)  # as every command cached it before
        monkeypatch.setattr(session_module, "load_models", None)
        assert found == taken(Session(model, cache=cache), texts) == taken(Session(model, cache=earlier), texts)
        assert earlier.info().rows == 1 and cache.info().rows == len(found[0]) + 1


def test_a_long_text_that_was_interrupted_goes_on_where_it_was(
    model: StoredModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "LONG", 100)
    monkeypatch.setattr("llm_audit.scoring.engine.PACK_TOKENS", 60)
    texts, packs, most = [SENTENCES[0] * 5], list[Pack](), [1000]
    computed = Passes.__call__

    def counted(self: Passes, pack: Pack) -> Computed:
        if len(packs) == most[0]:
            raise KeyboardInterrupt
        packs.append(pack)
        return computed(self, pack)

    monkeypatch.setattr(Passes, "__call__", counted)
    expected, undisturbed = taken(Session(model), texts), len(packs)
    packs.clear()
    most[0] = 2
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        with pytest.raises(KeyboardInterrupt):
            taken(Session(model, cache=cache), texts)
        assert 0 < cache.info().rows < len(expected[0])
        most[0] = 1000
        assert taken(Session(model, cache=cache), texts) == expected
    assert len(packs) == undisturbed > 2


def test_a_text_that_comes_back_after_many_others_is_not_scored_again(
    model: StoredModel, scored: list[str], group: int
) -> None:
    texts = ["first", *(f"n{number}" for number in range(group)), "first", "last", "n3"]
    found = contents(Session(model), texts)
    assert sorted(scored) == sorted(set(texts))
    assert found[0] == found[-3]
    assert found[4] == found[-1]
    assert len(set(found)) == len(set(texts))


def test_only_new_texts_are_scored(model: StoredModel, tmp_path: Path, scored: list[str]) -> None:
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        contents(Session(model, cache=cache))
        scored.clear()
        contents(Session(model, cache=cache), [*TEXTS, "A new one."])
        assert scored == ["A new one."]


def test_another_request_or_model_is_scored_anew(
    model: StoredModel, tiny_rival: Path, tmp_path: Path, scored: list[str]
) -> None:
    rival = Store().resolve(str(tiny_rival), offline=True)
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        found = [
            contents(Session(model, cache=cache), TEXTS[:1]),
            contents(Session(model, cache=cache), TEXTS[:1], Request(Windowing(32))),
            contents(Session(model, cache=cache), TEXTS[:1], Request(Windowing(64), Decoding(temperature=0.5))),
            contents(Session(rival, cache=cache), TEXTS[:1]),
            contents(Session(model, rival, cache=cache), TEXTS[:1]),
        ]
        assert cache.info().rows == len(found)
    assert len({scores for (scores,) in found}) == len(found) == len(scored)


@pytest.mark.parametrize("warm", [False, True])
def test_progress_rises_to_the_end(model: StoredModel, tmp_path: Path, group: int, warm: bool) -> None:
    texts = [f"n{number}" for number in range(2 * group + 5)]
    with ScoreCache(tmp_path / "scores.sqlite") as cache:
        session, seen = Session(model, cache=cache), []
        if warm:
            contents(session, texts)
        list(session.score(texts, REQUEST, lambda share, _="": seen.append(share)))
    assert seen == sorted(seen)
    assert seen[0] >= 0
    assert seen[-1] == 1.0


def test_no_texts_need_no_model(model: StoredModel, scored: list[str]) -> None:
    assert contents(Session(model), []) == []
    assert scored == []


RUN = """
import json, sys
from pathlib import Path
from llm_audit.scoring.cache import ScoreCache
from llm_audit.scoring.request import Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
model = Store().resolve(sys.argv[1], offline=True)
with ScoreCache(Path(sys.argv[2])) as cache:
    scores = list(Session(model, cache=cache).score(json.loads(sys.argv[3]), Request(Windowing(64))))
print(json.dumps([len(scores), "torch" in sys.modules, "transformers" in sys.modules]))
"""


def imported(folder: Path, cache: Path, texts: list[str]) -> list[object]:
    """Texts scored in a process of its own, and whether it imported torch and transformers."""
    command = [sys.executable, "-c", RUN, str(folder), str(cache), json.dumps(texts)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def test_a_llama_is_scored_without_torch(model: StoredModel, tmp_path: Path) -> None:
    assert imported(model.folder, tmp_path / "scores.sqlite", TEXTS) == [len(TEXTS), False, False]


def test_a_warm_run_of_any_model_imports_no_torch(tiny_gpt2: Path, tmp_path: Path) -> None:
    assert imported(tiny_gpt2, tmp_path / "scores.sqlite", TEXTS) == [len(TEXTS), True, True]
    assert imported(tiny_gpt2, tmp_path / "scores.sqlite", TEXTS) == [len(TEXTS), False, False]


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_model_damaged_after_it_was_found_is_one_sentence(model: StoredModel, tmp_path: Path, file: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder)
    found = Store().resolve(str(folder), offline=True)
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(b"\xff" * 64 + content[64:])
    with pytest.raises(AuditError, match="does not load") as caught:
        contents(Session(found))
    assert "\n" not in str(caught.value)


def test_a_model_without_one_of_its_tensors_is_one_sentence(model: StoredModel, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder)
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(AuditError, match="does not load"):
        contents(Session(Store().resolve(str(folder), offline=True)))
