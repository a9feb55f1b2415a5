"""The head on a GPU: correct first, then as fast as the bare product. Run `python -m benchmarks.gpu` on such a machine.

Per shape (tokens, hidden, vocabulary): correctness against the float64 oracle on a few rows; milliseconds and TFLOP/s of the
bare product in bfloat16, of `head.Head`, which writes blocks of logits, and of `triton_head`; peak memory beyond the inputs.
Samples are interleaved, median of thirty. No number of this script has been measured yet.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np
import torch

from llm_audit.scoring.head import Head

SHAPES = ((8192, 576, 49152), (8192, 896, 151936), (8192, 2048, 128256), (8192, 4096, 131072), (32768, 576, 49152))
"""SmolLM2-135M, Qwen2.5-0.5B, Llama-3.2-1B, Liger's benchmark; and the first once more, to see whether memory grows."""

SAMPLES = 30


def milliseconds(run: Callable[[], object]) -> float:
    """Of one run on the device."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()  # type: ignore[no-untyped-call]  # torch's own lack of types
    run()
    end.record()  # type: ignore[no-untyped-call]  # as above
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end))  # type: ignore[no-untyped-call]  # as above


def memory(run: Callable[[], object]) -> float:
    """Megabytes at most, beyond what is there before."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return float((torch.cuda.max_memory_allocated() - before) / 1e6)


def compare(n: int, hidden: int, vocabulary: int) -> dict[str, object]:
    """One row of the table."""
    from llm_audit.scoring import triton_head
    from tests.scoring import oracle

    generator = torch.Generator().manual_seed(0)
    # Logits as a trained model has them: standard deviation about 6.
    states = torch.randn(n, hidden, generator=generator)
    weight = torch.randn(vocabulary, hidden, generator=generator) * (6 / hidden**0.5)
    targets = torch.randint(vocabulary, (n,), generator=generator).cuda()
    states, weight = states.bfloat16().cuda(), weight.bfloat16().cuda()
    few = triton_head.statistics(states[:8].contiguous(), weight, targets[:8])
    exact = oracle.columns(states[:8].cpu(), weight.cpu(), targets[:8].cpu(), torch.float64)
    errors = {name: float(np.abs(few[name] - exact[name]).max()) for name in oracle.NUMERIC}
    if errors["logprob"] > 1e-3 or not np.array_equal(few["rank"], exact["rank"]):
        raise SystemExit(f"The kernel is wrong on {n, hidden, vocabulary}: {errors}")
    head = Head(weight)
    rows = min(n, 4096)  # of the bare product, whose output is as large as all logits
    runs: dict[str, Callable[[], object]] = {
        "product": lambda: torch.mm(states[:rows], weight.T),
        "head": lambda: head(states, targets),
        "kernel": lambda: triton_head.statistics(states, weight, targets),
    }
    for run in runs.values():
        run()  # compiles
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(SAMPLES):
        for name, run in runs.items():
            samples[name].append(milliseconds(run))
    flops = {name: 2.0 * (rows if name == "product" else n) * hidden * vocabulary for name in runs}
    median = {name: float(np.median(values)) for name, values in samples.items()}
    rates = {name: flops[name] / median[name] / 1e9 for name in runs}
    return {
        "tokens": n, "hidden": hidden, "vocabulary": vocabulary, "errors": errors, "milliseconds": median, "TFLOP/s": rates,
        "share of the bare product": rates["kernel"] / rates["product"],
        "MB": {name: memory(run) for name, run in runs.items()},
    }  # fmt: skip


def main() -> int:
    """Print a line of JSON per shape."""
    if not torch.cuda.is_available():
        print("No GPU here: nothing was measured.")
        return 1
    print(json.dumps({"device": torch.cuda.get_device_name(), "torch": torch.__version__}))
    for shape in SHAPES:
        print(json.dumps(compare(*shape)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
