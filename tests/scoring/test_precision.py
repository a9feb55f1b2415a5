"""Rounded weights against the files that llama.cpp reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize

from llm_audit.common.errors import AuditError
from llm_audit.scoring.precision import WEIGHTS, rounded

KINDS = {"f32": "F32", "f16": "F16", "bf16": "BF16", "q8_0": "Q8_0", "q5_0": "Q5_0", "q4_0": "Q4_0"}


@pytest.mark.parametrize("precision", KINDS)
def test_what_is_stored_is_what_a_file_gives_back(precision: str) -> None:
    values = np.random.default_rng(1).standard_normal((40, 96)).astype(np.float32)
    values[3] = 0
    kind = GGMLQuantizationType[KINDS[precision]]
    np.testing.assert_array_equal(
        rounded(torch.from_numpy(values), precision).numpy(), dequantize(quantize(values, kind), kind)
    )


def test_int8_keeps_each_row_within_half_a_step() -> None:
    values = torch.randn(7, 50, generator=torch.Generator().manual_seed(1))
    error = (rounded(values, "int8") - values).abs().amax(1)
    step = values.abs().amax(1) / 127
    assert (error <= step / 2 + 1e-6).all() and (error > step / 4).all()


def test_norms_stay_and_rows_that_no_block_divides_are_half_precision() -> None:
    norm, odd = torch.randn(64), torch.randn(4, 33)
    assert torch.equal(rounded(norm, "q4_0"), norm)
    assert torch.equal(rounded(odd, "q4_0"), odd.half().float())


def test_the_ladder_goes_down_and_knows_its_names() -> None:
    values = torch.randn(64, 64, generator=torch.Generator().manual_seed(2))
    errors = [float((rounded(values, name) - values).square().mean()) for name in ("f32", "f16", "q8_0", "q5_0", "q4_0")]
    assert errors == sorted(errors) and errors[0] == 0 < errors[1]
    assert set(KINDS) | {"int8"} == set(WEIGHTS)
    with pytest.raises(AuditError, match="no weight precision 'q9'; choose from f32, f16"):
        rounded(values, "q9")
