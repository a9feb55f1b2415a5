"""Several processes give what one gives, to the bit; and what goes wrong in one of them is one sentence."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from fixtures.tiny_models import SENTENCES
from llm_audit.common.errors import NotAvailable
from llm_audit.scoring.pool import ONE_THREAD
from llm_audit.scoring.request import Prompted, Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokens import Decoding

TEXTS = ["", *SENTENCES, " ".join(SENTENCES) * 9, Prompted(SENTENCES[0], "<s>Q:")]
REQUEST = Request(Windowing(60), hidden_layers=(1, 2), top_k=3)


@pytest.fixture(scope="module")
def pooled(tiny_llama: Path) -> Iterator[Session]:
    session = Session(Store().resolve(str(tiny_llama), offline=True), jobs=2)
    yield session
    session.release()


@pytest.mark.parametrize(
    "decodings",
    [pytest.param((Decoding(),), marks=pytest.mark.slow), (Decoding(temperature=0.7, top_p=0.9), Decoding())],
    ids=str,
)
def test_two_processes_give_the_same_bytes(pooled: Session, decodings: tuple[Decoding, ...]) -> None:
    before = dict(os.environ)
    alone = Session(pooled.model)
    expected, found = (
        [[scores.to_bytes() for scores in each] for each in session.score_each(TEXTS, REQUEST, decodings)]
        for session in (alone, pooled)
    )
    assert found == expected
    assert dict(os.environ) == before and ONE_THREAD


def test_progress_counts_the_tokens_of_a_single_long_text(pooled: Session) -> None:
    for session in (Session(pooled.model), pooled):
        shares: list[float] = []

        def show(share: float | None, stage: str = "", shares: list[float] = shares) -> None:
            shares.append(share or 0.0)

        list(session.score([" ".join(SENTENCES) * 60], Request(Windowing(60)), show))
        assert len(shares) > 5 and shares == sorted(shares) and shares[-1] == 1.0


def test_a_killed_process_is_one_sentence(tiny_llama: Path) -> None:
    session = Session(Store().resolve(str(tiny_llama), offline=True), jobs=2)
    list(session.score([SENTENCES[0]], REQUEST))
    pool: Any = session._pool
    os.kill(next(iter(pool._processes._processes)), signal.SIGKILL)
    with pytest.raises(NotAvailable, match="A process of --jobs died"):
        for _ in range(50):  # until it is noticed
            list(session.score([" ".join(SENTENCES) * 9], REQUEST))
    session.release()


def test_processes_end_when_the_pool_says_so_even_if_nobody_ends_them(tiny_llama: Path) -> None:
    session = Session(Store().resolve(str(tiny_llama), offline=True), jobs=2)
    list(session.score([SENTENCES[0]], REQUEST))
    pool: Any = session._pool
    processes = list(pool._processes._processes.values())
    pool._holding.close()  # as when another one died
    for process in processes:
        assert wait([process.sentinel], 60)  # its exit code is for one thread to fetch, and the executor's may come first
    session.release()


def test_what_a_pass_refuses_is_refused_here(tiny_llama: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_llama, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"] * float("inf")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    session = Session(Store().resolve(str(folder), offline=True), jobs=2)
    with pytest.raises(NotAvailable, match="numbers that are not finite"):
        list(session.score([SENTENCES[0]], REQUEST))
    session.release()


def test_how_long_a_text_is_may_be_told_without_the_model(pooled: Session) -> None:
    session = Session(pooled.model)
    assert not session.longer_than("abc", 4)
    assert "_models" not in vars(session)
    n = len(next(iter(session.score([SENTENCES[0]], Request()))))
    assert session.longer_than(SENTENCES[0], n - 1) and not session.longer_than(SENTENCES[0], n)
