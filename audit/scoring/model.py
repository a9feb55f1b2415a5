"""A model ready to score: tokenizer, body, head weight, identity. Loads the lean Llama where it is exact, else transformers.

Knows nothing about where models come from (`store.py`) or what is computed from them (`engine.py`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Tokenizer

from llm_audit.errors import InvalidConfiguration, NotAvailable
from llm_audit.scoring import llama, precision
from llm_audit.scoring.request import context_length


class Body(Protocol):
    """Token ids to hidden states, for sequences laid end to end; see `llama.LlamaBody.__call__`."""

    n_layers: int

    def __call__(
        self, token_ids: torch.Tensor, lengths: Sequence[int], layers: Sequence[int] = ()
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Normalised last hidden states (n_tokens, hidden), and the residual streams `layers`."""


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """Everything the engine needs of a causal language model.

    Attributes:
        name, digest: identity, from the store.
        tokenizer: reads special-token strings in a text as plain text.
        body: the decoder stack.
        head_weight: (vocabulary, hidden); head_bias: (vocabulary,) or None.
        prefix: the token put before every window (begin of sequence, else end of text), or None if the model has neither.
        max_length: tokens the model can see at once.
        device: where it computes.
        logits: the type that logits are rounded to; None: they stay float32.
    """

    name: str
    digest: str
    tokenizer: Tokenizer
    body: Body
    head_weight: torch.Tensor
    head_bias: torch.Tensor | None
    prefix: int | None
    max_length: int
    device: torch.device
    logits: torch.dtype | None = None

    @property
    def dtype(self) -> str:
        """`float32` or `bfloat16`."""
        return str(self.head_weight.dtype).removeprefix("torch.")

    def offsets(self, token_ids: Sequence[int]) -> list[tuple[int, int]]:
        """The characters of each token in the text that the tokens decode to; tokens of one character share its range."""
        ends = [0]
        for count in range(1, len(token_ids) + 1):
            # The bytes of half a character decode to replacement characters.
            ends.append(len(self.decode(token_ids[:count]).rstrip("\ufffd")))
        found: list[tuple[int, int]] = []
        for start, end in reversed(list(pairwise(ends))):
            found.append(found[-1] if start == end and found else (start, end))
        return found[::-1]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of some tokens, control tokens as their names."""
        return decode_tokens(self.tokenizer, token_ids)

    def encode_prompt(self, prompt: str | None) -> list[int]:
        """Tokens before a text; see `encode_prompt`."""
        return encode_prompt(self.tokenizer, self.prefix, prompt)


def load_tokenizer(folder: Path) -> Tokenizer:
    """A folder's tokenizer, which reads special-token strings in a text as plain text, and neither pads nor cuts."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # "<|im_end|>" typed in an essay is eight characters, not a control token
    return tokenizer


def encode_prompt(tokenizer: Tokenizer, prefix: int | None, prompt: str | None) -> list[int]:
    """Tokens before a text: the prompt, its control tokens read as such; without one the prefix token, if any."""
    if prompt is None:
        return [] if prefix is None else [prefix]
    tokenizer.encode_special_tokens = False
    try:
        ids: list[int] = tokenizer.encode(prompt, add_special_tokens=False).ids
    finally:
        tokenizer.encode_special_tokens = True
    return ids


def decode_tokens(tokenizer: Tokenizer, token_ids: Sequence[int]) -> str:
    """The text of some tokens, control tokens as their names."""
    text: str = tokenizer.decode(list(token_ids), skip_special_tokens=False)
    return text


def breakers(tokenizer: Tokenizer, vocabulary: int) -> NDArray[np.bool_]:
    """(vocabulary,) which tokens contain a character over which DRY sees no repetition, by llama.cpp's default."""
    texts = tokenizer.decode_batch([[token] for token in range(vocabulary)], skip_special_tokens=False)
    return np.array([any(sign in text for sign in '\n:"*') for text in texts])


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

    With `rounded`, weights are rounded to that type first (a string: a precision of `precision.WEIGHTS`), and the computation
    stays in `dtype`; with `logits`, logits are rounded to that type at last.
    """
    device = find_device(device_name)
    dtype = dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32)
    _keep_the_heap_small()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if llama.supports(config):
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
    """Give large blocks back to the system when they are freed.

    glibc learns to put them on its heap, where the small results that outlive them keep it from shrinking: a document of
    100,000 tokens took a gigabyte more. Below 32 MiB, the most that glibc accepts, blocks stay on the heap: mapping the
    layers' activations anew each time cost a quarter of the speed.
    """
    m_mmap_threshold = -3  # malloc.h
    with contextlib.suppress(OSError, AttributeError):  # another C library: nothing to do
        ctypes.CDLL(None).mallopt(m_mmap_threshold, 32 << 20)


class Weights(Mapping[str, torch.Tensor]):
    """The tensors of a folder's safetensors files, each read when asked for and owned by whoever asked.

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


def prefix_token(config: dict[str, Any]) -> int | None:
    """The token that stands before a text: begin of sequence, else end of text, as the model's configuration names them."""
    for key in ("bos_token_id", "eos_token_id"):
        token = config.get(key)
        if token is not None:
            return int(token[0] if isinstance(token, list) else token)
    return None


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
    """The whole model by transformers, without its remarks on the terminal."""
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
