"""A model ready to score with torch: Llamas by `llama.py`, anything else by transformers.

Serves other devices, other types and other architectures; a Llama in float32 on a CPU needs none of this (`lean.py`).

Knows nothing about where models come from (`store.py`) or what is computed from them (`engine.py`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from llm_audit.common.errors import InvalidConfiguration, NotAvailable
from llm_audit.scoring import llama, precision
from llm_audit.scoring.head import Head
from llm_audit.scoring.request import context_length, plain_llama
from llm_audit.scoring.tokenizer import Reader, load_tokenizer, prefix_token
from llm_audit.scoring.tokens import STATE_BLOCK, Decoding


class Body(Protocol):
    """Token ids to hidden states, for sequences laid end to end; see `llama.LlamaBody.__call__`."""

    n_layers: int

    def __call__(
        self, token_ids: torch.Tensor, lengths: Sequence[int], layers: Sequence[int] = ()
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Normalised last hidden states (n_tokens, hidden), and the residual streams `layers`."""


@dataclass(frozen=True, eq=False)
class LanguageModel(Reader):
    """A causal language model as the engine needs it: body, output weights, device.

    Attributes:
        body: the decoder stack.
        head_weight: (vocabulary, hidden); head_bias: (vocabulary,) or None.
        device: where it computes.
        logits: the type that logits are rounded to; None: they stay float32.
    """

    body: Body
    head_weight: torch.Tensor
    head_bias: torch.Tensor | None
    device: torch.device
    logits: torch.dtype | None = None

    @property
    def dtype(self) -> str:
        """`float32` or `bfloat16`."""
        return str(self.head_weight.dtype).removeprefix("torch.")

    def head(self, decodings: Sequence[Decoding] = ()) -> Head:
        """The head that scores under these settings."""
        return Head(self.head_weight, *decodings, bias=self.head_bias, rounded=self.logits)

    def computing(self) -> AbstractContextManager[object]:
        """Context of every pass: torch's inference mode, which keeps no graph for gradients."""
        return torch.inference_mode()

    def run(
        self, token_ids: NDArray[np.int64], lengths: Sequence[int], layers: Sequence[int] = ()
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Hidden states of packed sequences; see `Body`."""
        return self.body(torch.from_numpy(token_ids).to(self.device), lengths, layers)

    def release(self) -> None:
        """Do nothing: unlike in `lean.LeanModel`, passes share no buffers."""

    def block_means(self, taps: Sequence[torch.Tensor], first: int, blocks: int) -> NDArray[np.float16]:
        """(blocks, layers, hidden): each layer's states from row `first` on, averaged over blocks of `STATE_BLOCK`."""
        rows = slice(first, first + blocks * STATE_BLOCK)
        means = [tap[rows].float().reshape(blocks, STATE_BLOCK, tap.shape[-1]).mean(1) for tap in taps]
        return torch.stack(means, 1).to(torch.float16).cpu().numpy()


def load(
    name: str,
    digest: str,
    folder: Path,
    device_name: str = "cpu",
    dtype: torch.dtype | None = None,
    rounded: torch.dtype | str | None = None,
    logits: torch.dtype | None = None,
) -> LanguageModel:
    """Load a folder that the store has checked: float32 on the CPU, bfloat16 on a GPU, unless `dtype` says otherwise.

    With `rounded`, weights are first rounded to that type (a string: a precision of `precision.WEIGHTS`), and the computation
    stays in `dtype`; with `logits`, logits are finally rounded to that type.
    """
    device = find_device(device_name)
    dtype = dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32)
    _keep_the_heap_small()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if plain_llama(config):
        weights = Weights(folder, device, dtype, rounded)
        body: Body = (lean := llama.LlamaBody(config, weights))
        head_weight = weights.get("lm_head.weight", lean.embedding)
        head_bias = None
    else:
        body, head_weight, head_bias = _load_with_transformers(folder, device, dtype, rounded)
    return LanguageModel(
        name=name,
        digest=digest,
        tokenizer=load_tokenizer(folder),
        body=body,
        head_weight=head_weight,
        head_bias=head_bias,
        prefix=prefix_token(config),
        max_length=context_length(config),
        device=device,
        logits=logits,
    )


def find_device(name: str) -> torch.device:
    """`cpu`, or `cuda` if there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise NotAvailable("There is no CUDA device here; leave out --device cuda.")
    return torch.device(name)


def _keep_the_heap_small() -> None:
    """Make glibc return large blocks to the system when they are freed.

    By default glibc comes to put them on its heap, which small results that live longer keep from shrinking: a document of
    100,000 tokens took a gigabyte more. Blocks below 32 MiB, glibc's limit, stay on the heap: mapping the layers' activations
    anew each time cost a quarter of the speed.
    """
    m_mmap_threshold = -3  # malloc.h
    with contextlib.suppress(OSError, AttributeError):  # another C library: nothing to do
        ctypes.CDLL(None).mallopt(m_mmap_threshold, 32 << 20)


class Weights(Mapping[str, torch.Tensor]):
    """The tensors of a folder's safetensors files, each read when it is accessed and owned by the caller.

    A memory-mapped file would stay in memory beside the matrices that are fused from it, as a second copy of the model.
    """

    def __init__(
        self, folder: Path, device: torch.device, dtype: torch.dtype, rounded: torch.dtype | str | None = None
    ) -> None:
        self._device, self._dtype, self._rounded = device, dtype, rounded
        self._files: dict[str, Path] = {}
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                self._files |= dict.fromkeys(file.keys(), path)

    def __getitem__(self, name: str) -> torch.Tensor:
        with safe_open(self._files[name], framework="pt") as file:
            tensor: torch.Tensor = file.get_tensor(name)
            return _as_stored(tensor, self._rounded).to(self._device, self._dtype, copy=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _as_stored(tensor: torch.Tensor, rounded: torch.dtype | str | None) -> torch.Tensor:
    if isinstance(rounded, str):
        return precision.rounded(tensor, rounded)
    return tensor if rounded is None else tensor.to(rounded)


class TransformersBody:
    """Any causal model of transformers, one sequence at a time: no padding, hence nothing to mask."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.n_layers = int(model.config.num_hidden_layers)

    def __call__(
        self, token_ids: torch.Tensor, lengths: Sequence[int], layers: Sequence[int] = ()
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """See `Body`."""
        outputs = [
            self.model(part[None], use_cache=False, output_hidden_states=bool(layers))
            for part in torch.split(token_ids, list(lengths))
        ]
        taps = [torch.cat([output.hidden_states[layer][0] for output in outputs]) for layer in layers]
        return torch.cat([output.last_hidden_state[0] for output in outputs]), taps


def causal_model(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """Load the whole model with transformers, without its messages on the terminal."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers does not type it
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    return model.eval().requires_grad_(False).to(device)


def _load_with_transformers(
    folder: Path, device: torch.device, dtype: torch.dtype, rounded: torch.dtype | str | None = None
) -> tuple[TransformersBody, torch.Tensor, torch.Tensor | None]:
    model = causal_model(folder, device, dtype)
    if isinstance(rounded, str):
        for parameter in model.parameters():
            parameter.copy_(precision.rounded(parameter, rounded))
    elif rounded is not None:
        model.to(rounded).to(dtype)
    head = model.get_output_embeddings()
    body = TransformersBody(model.base_model)
    # Some architectures scale or cap their logits after the head. Better refused than silently scored wrong.
    probe = torch.arange(min(8, head.weight.shape[0]), device=device)
    ours = torch.nn.functional.linear(body(probe, [len(probe)])[0], head.weight, head.bias)
    if not torch.allclose(ours.float(), model(probe[None]).logits[0].float(), rtol=1e-3, atol=1e-3):
        raise InvalidConfiguration(
            f"{model.config.model_type} models change their logits after the output layer, which llm-audit does not compute; "
            "choose another model."
        )
    return body, head.weight, head.bias
