"""Draw texts from a model, and keep what later tests need: prompt, token ids, settings, seed.

Each text has its own stream of random numbers, so that only rounding makes it depend on the texts drawn beside it. The
decoding transform is the one that the head scores under (`samplers.decode`), the forward pass is that of transformers, with its
key-value cache. Knows nothing about files of prompts or candidates on a command line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, part, silent
from llm_audit.scoring.chain import Chain
from llm_audit.scoring.model import causal_model, find_device
from llm_audit.scoring.request import context_length
from llm_audit.scoring.samplers import Past, decode, observe
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokenizer import breakers, decode_tokens, encode_prompt, load_tokenizer, prefix_token
from llm_audit.scoring.tokens import Decoding

Adjust = Callable[[int, NDArray[np.float64], Sequence[int], Sequence[int]], NDArray[np.float64]]
"""Function of (number of the text, logits after decoding, ids written, ids of the prompt) to the logits to draw from."""

BATCH = 64
"""Texts drawn in one batch."""


@dataclass(frozen=True)
class Sample:
    """One drawn text. `finished`: the model ended it itself; the ending token is not among `token_ids`."""

    text: str
    token_ids: tuple[int, ...]
    finished: bool


class Sampler:
    """Draws continuations of prompts.

    Args:
        stored: a model of the store.
        device: `cpu` (float32) or `cuda` (bfloat16).
    """

    def __init__(self, stored: StoredModel, device: str = "cpu") -> None:
        from transformers import GenerationConfig

        folder = stored.folder
        self.tokenizer, self.prefix = load_tokenizer(folder), prefix_token(stored.config)
        self.room = context_length(stored.config)

        self.device = find_device(device)
        self.model = causal_model(folder, self.device, torch.bfloat16 if device == "cuda" else torch.float32)
        # transformers 5.24 renamed the argument, architecture by architecture.
        named_arguments = inspect.signature(self.model.forward).parameters
        self.cache_name = "cache" if "cache" in named_arguments else "past_key_values"
        ends = self.model.config.eos_token_id
        if (folder / "generation_config.json").exists():  # chat models end their turn with a token that only this names
            named = GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id
            ends = ends if named is None else named
        self.ends = frozenset([] if ends is None else ends if isinstance(ends, list) else [ends])

    def __call__(
        self,
        prompts: Sequence[str | None],
        decoding: Decoding,
        max_tokens: int,
        seed: int,
        progress: Progress = silent,
        adjust: Adjust | None = None,
    ) -> Iterator[Sample]:
        """Check the prompts, then yield one text per prompt, in order.

        Args:
            prompts: as the model reads them, control tokens included; None: nothing but the prefix token.
            decoding: how tokens are drawn.
            max_tokens: where a text is cut that the model does not end itself.
            seed: text i uses the stream (seed, i).
            progress: gets a lower bound of the share that is done: texts that end early make it jump.
            adjust: changes the logits before each draw, as a watermark does.
        """
        encoded = [encode_prompt(self.tokenizer, self.prefix, prompt) for prompt in prompts]
        if not all(encoded):
            raise InvalidConfiguration("The model has no token to begin with; give it a prompt.")
        longest = max(map(len, encoded), default=0)
        if longest + max_tokens > self.room:
            raise InvalidConfiguration(
                f"A prompt of {longest:,} tokens and {max_tokens:,} to write exceed the {self.room:,} that the model can see."
            )
        return self._draw(encoded, decoding, max_tokens, seed, progress, adjust)

    def _draw(
        self,
        prompts: Sequence[Sequence[int]],
        decoding: Decoding,
        max_tokens: int,
        seed: int,
        progress: Progress,
        adjust: Adjust | None,
    ) -> Iterator[Sample]:
        for start in range(0, len(prompts), BATCH):
            batch = prompts[start : start + BATCH]
            streams = [np.random.default_rng((seed, start + i)) for i in range(len(batch))]
            within = part(progress, start / len(prompts), (start + len(batch)) / len(prompts))
            adjust_batch = None if adjust is None else partial(_from, start, adjust)
            yield from self._batch(batch, streams, decoding, max_tokens, within, adjust_batch)
        progress(1.0)

    @torch.inference_mode()
    def _batch(
        self,
        prompts: Sequence[Sequence[int]],
        streams: Sequence[np.random.Generator],
        decoding: Decoding,
        max_tokens: int,
        progress: Progress,
        adjust: Adjust | None = None,
    ) -> list[Sample]:
        """Draw a batch: prompts are padded on the left, so that all texts grow at one position; finished ones leave it."""
        from transformers import DynamicCache

        longest = max(map(len, prompts))
        ids = torch.zeros(len(prompts), longest, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(list(prompt))
            mask[row, longest - len(prompt) :] = 1
        ids, mask = ids.to(self.device), mask.to(self.device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        written: list[list[int]] = [[] for _ in prompts]
        finished = [False] * len(prompts)
        rows = list(range(len(prompts)))  # texts that still grow, by their place in the batch
        cache = DynamicCache(config=self.model.config)  # grows in place
        looks_back = decoding.looks_back
        bounds: dict[tuple[Chain, int], float] = {}  # of mirostat
        for step in range(max_tokens):
            output = self.model(
                ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1, **{self.cache_name: cache}
            )
            past = self._past(prompts, written, rows, longest + max_tokens, bounds) if looks_back else None
            law = drawn_from = decode(output.logits[:, -1].float(), decoding, past)
            if adjust is not None:
                laws = law.double().cpu().numpy()
                changed = [adjust(row, laws[i], written[row], prompts[row]) for i, row in enumerate(rows)]
                drawn_from = torch.from_numpy(np.stack(changed))
            drawn = draw(drawn_from, np.array([streams[row].random() for row in rows]))
            if past is not None and isinstance(decoding, Chain) and "mirostat" in decoding.order:
                for i, log_p in enumerate(law.log_softmax(1)):
                    observe(past, decoding, i, float(log_p[drawn[i]]))
            going = [i for i, token in enumerate(drawn) if token not in self.ends]
            for i, row in enumerate(rows):
                finished[row] = drawn[i] in self.ends
                if not finished[row]:
                    written[row].append(int(drawn[i]))
            if not going:
                break
            if len(going) < len(rows):
                kept = torch.tensor(going, device=self.device)
                cache.batch_select_indices(kept)
                mask, positions = mask[kept], positions[kept]
                rows = [rows[i] for i in going]
            ids = torch.from_numpy(drawn[going])[:, None].to(self.device)
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            positions = positions[:, -1:] + 1
            progress((step + 1) / max_tokens)
        return [
            Sample(decode_tokens(self.tokenizer, tokens), tuple(tokens), done)
            for tokens, done in zip(written, finished, strict=True)
        ]

    def _past(
        self,
        prompts: Sequence[Sequence[int]],
        written: Sequence[Sequence[int]],
        rows: Sequence[int],
        room: int,
        bounds: dict[tuple[Chain, int], float],
    ) -> Past:
        """The earlier tokens of the unfinished texts, for steps that look back. Each text keeps its place when others end."""
        tokens = np.zeros(room * len(prompts), np.int64)
        for row in rows:
            sequence = [*prompts[row], *written[row]]
            tokens[row * room : row * room + len(sequence)] = sequence
        start = np.array([row * room for row in rows])
        return Past(
            tokens,
            start,
            start + [len(prompts[row]) for row in rows],
            start + [len(prompts[row]) + len(written[row]) for row in rows],
            breakers=self._breakers,
            surprisal=bounds,
        )

    @cached_property
    def _breakers(self) -> NDArray[np.bool_]:
        return breakers(self.tokenizer, int(self.model.config.vocab_size))


def _from(
    start: int, adjust: Adjust, number: int, logits: NDArray[np.float64], written: Sequence[int], prompt: Sequence[int]
) -> NDArray[np.float64]:
    """Call `adjust` for a batch whose texts are numbered from `start`."""
    return adjust(start + number, logits, written, prompt)


def draw(logits: torch.Tensor, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """One token per row by inversion of the distribution function, in float64.

    Args:
        logits: (n, vocabulary) after the decoding transform.
        uniforms: (n,) in [0, 1).
    """
    cumulative = logits.double().softmax(1).cumsum(1).cpu()
    targets = torch.from_numpy(uniforms)[:, None] * cumulative[:, -1:]
    tokens: NDArray[np.int64] = torch.searchsorted(cumulative, targets, right=True)[:, 0].clamp(max=logits.shape[1] - 1).numpy()
    return tokens
