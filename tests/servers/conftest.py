"""Real servers on the fixture model, shared by the tests of this package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.scoring.store import Store, StoredModel

MODEL = Path(__file__).parents[2] / "fixtures" / "membership" / "model"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> StoredModel:
    return Store(tmp_path_factory.mktemp("store")).resolve(str(MODEL), offline=True)


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the GGUF files of this run are."""
    return tmp_path_factory.mktemp("gguf")


@pytest.fixture(scope="session")
def honest(model: StoredModel, ladder: Path) -> Iterator[str]:
    with serve(write(model, "F32", ladder)) as url:
        yield url


@pytest.fixture(scope="session")
def cheap(model: StoredModel, ladder: Path) -> Iterator[str]:
    """What calls itself the same and is Q4_0."""
    with serve(write(model, "Q4_0", ladder)) as url:
        yield url
