"""Tensors as they lie on the disk: the same numbers as the library reads, and no copy of what need not be copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from llm_audit.common.errors import NotAvailable
from llm_audit.scoring.weights import Weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(rows, 6, generator=generator) for name, rows in (("gate", 4), ("up", 5), ("x", 3))}
    save_file(tensors, tmp_path / "a.safetensors", metadata={"format": "pt"})
    halves = {"half": torch.randn(4, 6, generator=generator).half(), "brain": torch.randn(7, generator=generator).bfloat16()}
    save_file(halves | {"whole": torch.arange(4)}, tmp_path / "b.safetensors")
    return tmp_path


def test_the_numbers_are_those_of_the_library(folder: Path) -> None:
    weights = Weights(folder)
    for file in folder.glob("*.safetensors"):
        for name, tensor in load_file(file).items():
            if name != "whole":
                np.testing.assert_array_equal(weights[name], tensor.float().numpy())
    assert len(weights) == len(list(weights)) == 6


def test_float32_is_neither_copied_nor_writable(folder: Path) -> None:
    weights = Weights(folder)
    gate = weights["gate"]
    assert np.shares_memory(gate, weights["gate"]) and not gate.flags.writeable
    both = weights.joined(["gate", "up"])
    assert np.shares_memory(both, gate)
    np.testing.assert_array_equal(both, np.concatenate([gate, weights["up"]]))


@pytest.mark.parametrize("names", [["up", "gate"], ["gate", "x"], ["gate", "half"]])
def test_what_does_not_lie_in_a_row_is_copied(folder: Path, names: list[str]) -> None:
    weights = Weights(folder)
    np.testing.assert_array_equal(weights.joined(names), np.concatenate([weights[name] for name in names]))


def test_a_file_that_was_cut_short_is_one_sentence(folder: Path) -> None:
    file = folder / "a.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(NotAvailable, match=r"a.safetensors ends before the tensor .*: fetch or copy it again."):
        Weights(folder)


def test_whole_numbers_are_no_weights(folder: Path) -> None:
    with pytest.raises(NotAvailable, match="stored as I64"):
        Weights(folder)["whole"]
