"""Every number of the reference programs, reproduced: part of the set always, all of it where it lies beside the checkout."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.detectors.watermark.vector_checks import CHECKS

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / "fixtures" / "watermark" / "vectors"
ALL = Path(os.environ.get("LLM_AUDIT_WATERMARK_VECTORS", ROOT.parent / "shared" / "watermark")) / "vectors"


def load(folder: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", CHECKS)
def test_the_kept_vectors_are_reproduced(name: str) -> None:
    CHECKS[name](load(KEPT, name))


@pytest.mark.slow
@pytest.mark.skipif(not ALL.is_dir(), reason="the full set of vectors does not lie beside the checkout")
@pytest.mark.parametrize("name", CHECKS)
def test_all_vectors_are_reproduced(name: str) -> None:
    CHECKS[name](load(ALL, name))


def test_every_kept_file_has_a_check() -> None:
    assert {path.stem for path in KEPT.glob("*.json")} == set(CHECKS)
