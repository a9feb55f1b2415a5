"""A candidate author: a model and how its tokens were drawn, as one word on the command line.

`MODEL`, or `MODEL@temperature=0.8,top_p=0.95`; alternatives with a bar (`temperature=0.7|0.8|1`) say that one of them was
used and that nobody knows which. Knows nothing about texts or tests.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from llm_audit.errors import AuditError
from llm_audit.scoring import chat
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokens import Decoding

MOST_SETTINGS = 64
"""Decoding settings of one candidate: each costs a pass over the logits, not over the model."""

_NUMBERS: dict[str, Callable[[str], float]] = {"temperature": float, "top_k": int, "top_p": float, "min_p": float}
_TEMPLATES = ("chat", "none")


@dataclass(frozen=True)
class Candidate:
    """Who may have written a text.

    Attributes:
        name: as written on the command line.
        model: what the store resolves.
        decodings: how tokens were drawn; several: one of them, unknown which.
        template: `chat` gives the prompt through the model's chat template, `none` as plain text.
    """

    name: str
    model: str
    decodings: tuple[Decoding, ...] = (Decoding(),)
    template: str = "chat"

    @classmethod
    def parse(cls, spec: str) -> Candidate:
        """Read `MODEL[@settings]`. Raises AuditError with a sentence for anything else."""
        model, separator, settings = spec.rpartition("@")
        if not separator or not re.match(r"[a-z_]+\s*=", settings):
            return cls(spec, spec)  # a hub model's @revision, or no @ at all
        chosen: dict[str, list[str]] = {}
        for setting in settings.split(","):
            key, _, values = (part.strip() for part in setting.partition("="))
            if key not in (*_NUMBERS, "template"):
                raise AuditError(f"{spec!r}: there is no setting {key!r}; choose from {', '.join((*_NUMBERS, 'template'))}.")
            if key in chosen:
                raise AuditError(f"{spec!r} sets {key} twice; write alternatives with a bar: {key}=A|B.")
            chosen[key] = [value.strip() for value in values.split("|")]
        template = chosen.pop("template", ["chat"])
        if len(template) > 1 or template[0] not in _TEMPLATES:
            raise AuditError(f"{spec!r}: template is chat or none, not {'|'.join(template)!r}.")
        if not model:
            raise AuditError(f"{spec!r} names no model; write MODEL@{settings}.")
        numbers = {key: [_number(spec, key, value) for value in values] for key, values in chosen.items()}
        count = math.prod(map(len, numbers.values()))
        if count > MOST_SETTINGS:
            raise AuditError(f"{spec!r} stands for {count:,} settings; at most {MOST_SETTINGS} are tried.")
        decodings = []
        for combination in itertools.product(*numbers.values()):
            try:
                if not 0.01 <= dict(zip(numbers, combination, strict=True)).get("temperature", 1.0) <= 100:
                    raise ValueError
                decodings.append(Decoding(**dict(zip(numbers, combination, strict=True))))  # type: ignore[arg-type]  # top_k is an int
            except ValueError:
                said = ", ".join(f"{key}={value:g}" for key, value in zip(numbers, combination, strict=True))
                raise AuditError(
                    f"{spec!r}: {said} is no decoding setting; temperature is in [0.01, 100], top_k at least 0, top_p in "
                    "(0, 1], min_p in [0, 1]. Greedy decoding (temperature 0) leaves nothing to chance, hence nothing to test."
                ) from None
        return cls(spec, model, tuple(dict.fromkeys(decodings)) or (Decoding(),), template[0])

    def fill(self, model: StoredModel, prompt: str) -> str:
        """The prompt as the model reads it. Raises AuditError if it has no chat template, or one that fails."""
        if self.template == "none":
            return prompt
        if model.chat_template is None:
            raise AuditError(
                f"{self.model} has no chat template, so it is unknown how it was given the prompt; if as plain text, write "
                f"{self.model}@template=none."
            )
        return chat.render(model.chat_template, prompt, model.special_tokens)


def describe(decoding: Decoding) -> str:
    """A setting in words: `temperature 0.8, top-p 0.95`."""
    parts = [f"temperature {decoding.temperature:g}"]
    parts += [f"top-k {decoding.top_k}"] if decoding.top_k else []
    parts += [f"top-p {decoding.top_p:g}"] if decoding.top_p < 1 else []
    parts += [f"min-p {decoding.min_p:g}"] if decoding.min_p else []
    return ", ".join(parts)


def _number(spec: str, key: str, value: str) -> float:
    try:
        number = _NUMBERS[key](value) if math.isfinite(float(value)) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise AuditError(f"{spec!r}: {key} is {'a whole number' if key == 'top_k' else 'a number'}, not {value!r}.")
    return number
