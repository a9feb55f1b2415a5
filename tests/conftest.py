"""Fixtures that several test packages share."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from fixtures.tiny_models import write_gpt2, write_llama
from llm_audit.common.paths import cache_root
from llm_audit.scoring.pins import DEFAULT_MODEL

# How fast a machine is, and what else it does, is not under test. Two runs of one tree try the same examples; new ones are
# looked for by `make test-slow`.
settings.register_profile("explore", max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("any machine", settings.get_profile("explore"), max_examples=50, derandomize=True)
settings.load_profile("any machine")

# A shell starts what it runs in the background deaf to Ctrl-C, which is inherited: what is interrupted here has to hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Triton's functions are interpreted if this is set when they are first loaded, by whichever test or library comes first.
os.environ["TRITON_INTERPRET"] = "1"

# Many tests have a cache folder of their own. Kernels are compiled once for all of them.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_root() / "kernels"))

# What tests are made of stays to the end: looking for garbage among it again and again takes a seventh of the time.
gc.set_threshold(50_000, 10, 10)


def pytest_collection_finish() -> None:
    """Leave out of later searches for garbage what has been loaded so far."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> str:
    """The documentation has an address, which it has not while nobody has written one into pyproject.toml."""
    address = "https://docs.example/"
    monkeypatch.setattr("llm_audit.results.rules.documentation", lambda: address)
    return address


@pytest.fixture(scope="session")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of a run, for what takes long to make; whoever makes something there holds a lock."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def embedded_root(shared_root: Path) -> Path:
    """A cache of scores for the embedded model, which is scored slowly: shared, so that each text is scored once."""
    root = shared_root / "embedded"
    with FileLock(f"{root}.lock"):
        if not root.exists():
            (root / "models").mkdir(parents=True)
            (root / "models" / DEFAULT_MODEL).symlink_to(cache_root() / "models" / DEFAULT_MODEL)
    return root


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture(scope="session")
def tiny_rival(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another Llama with the same tokenizer."""
    return write_llama(tmp_path_factory.mktemp("models") / "rival", seed=1)


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gpt2(tmp_path_factory.mktemp("models") / "gpt2")
