"""A candidate author: a model with its decoding settings, as one word on the command line.

`MODEL`, or `MODEL@temperature=0.8,top_p=0.95`; alternatives with a bar (`temperature=0.7|0.8|1`) mean that one of them was
used, and it is unknown which. `sampler=` names a server, with its order of steps and its defaults, or an order. Knows
nothing about texts or tests.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.scoring import chat
from llm_audit.scoring.chain import OFF, SERVERS, STEPS, Chain, Number, Server, by_hand, chain
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokens import Decoding

MOST_SETTINGS = 64
"""Most decoding settings of one candidate: each costs a pass over the logits, not over the model."""

_TEMPLATES = ("chat", "none")
_WORDS = ("sampler", "template", "weights")
_ALIASES = {
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "penalty_last_n",
    "no_repeat_ngram_size": "no_repeat_ngram",
    "typical": "typical_p",
    "typ_p": "typical_p",
    "dry_penalty_last_n": "dry_last_n",
    "num_beams": "beams",
    "temp": "temperature",
}
"""A server's name for a parameter -> ours."""

_STEP_ALIASES = {"typ_p": "typical_p", "temp": "temperature"}

UNKNOWN_LAWS = {
    **dict.fromkeys(
        ("logit_bias", "sequence_bias", "bad_words_ids", "suppress_tokens", "grammar", "json_schema", "guided_json"),
        "it changes single tokens, which a candidate cannot name",
    ),
    **dict.fromkeys(
        ("ignore_eos", "min_tokens", "min_new_tokens", "min_length", "min_keep"),
        "it forbids or keeps tokens by themselves, which a candidate cannot name; without it the test is of a model that could "
        "have ended the text at any token",
    ),
    **dict.fromkeys(
        ("adaptive_target", "adaptive_decay", "top_h", "top_a", "tfs_z", "tfs", "smoothing_factor", "smoothing_curve"),
        "its law of the next token is not computed here",
    ),
    **dict.fromkeys(
        ("guidance_scale", "cfg_scale", "negative_prompt", "penalty_alpha", "encoder_repetition_penalty"),
        "it takes a second model or context, so the law of the next token is not that of this model",
    ),
    **dict.fromkeys(
        ("num_beam_groups", "diversity_penalty", "best_of", "length_penalty"),
        "it chooses among whole texts, so no token has a probability given those before it",
    ),
}
"""A server's parameter for which no test is exact -> why."""

RANGES = (
    "temperature is 0 (greedy) or in [0.01, 100]; top_k, no_repeat_ngram, dry_multiplier, top_n_sigma, dynatemp_range and "
    "dynatemp_exponent are at least 0, penalty_last_n and dry_last_n too, or -1 (all); top_p and typical_p lie in (0, 1], "
    "min_p, xtc_probability and xtc_threshold in [0, 1], epsilon_cutoff and eta_cutoff in [0, 1); mirostat is 0, 1 or 2; "
    "repetition_penalty and mirostat_tau are above 0, dry_base and dry_allowed_length at least 1"
)


WEIGHTS = ("f32", "f16", "bf16", "q8_0", "q5_0", "q4_0", "int8")
"""Precisions to which a model's weights can be rounded, as in `scoring.precision`."""


@dataclass(frozen=True)
class Weighted:
    """A decoding setting of a model whose weights are stored in a stated precision."""

    weights: str
    decoding: Decoding

    @property
    def truncates(self) -> bool:
        """See `Decoding`."""
        return self.decoding.truncates

    @property
    def top_k(self) -> int:
        """See `Decoding`."""
        return self.decoding.top_k

    @property
    def free(self) -> Weighted:
        """See `Decoding`."""
        return Weighted(self.weights, self.decoding.free)

    def __str__(self) -> str:
        return f"{self.decoding}, weights {self.weights}"


Setting = Decoding | Weighted


def at(weights: str, decoding: Decoding) -> Setting:
    """The decoding setting for weights of a stated precision; "": the weights as they are."""
    return Weighted(weights, decoding) if weights else decoding


@dataclass(frozen=True)
class Candidate:
    """A model, under one or several settings, that may have written a text.

    Attributes:
        name: as written on the command line.
        model: what the store resolves.
        decodings: how tokens were drawn; several: one of them, unknown which.
        template: `chat` gives the prompt through the model's chat template, `none` as plain text.
        samplers: the servers or orders of steps that are named; none: the order of transformers.
        weights: precisions in which they may have been stored; several: one of them, unknown which; "": as they are here.
    """

    name: str
    model: str
    decodings: tuple[Decoding, ...] = (Decoding(),)
    template: str = "chat"
    samplers: tuple[str, ...] = ()
    weights: tuple[str, ...] = ("",)

    @classmethod
    def parse(cls, spec: str) -> Candidate:
        """Read `MODEL[@settings]`. Raises AuditError with a sentence for anything else."""
        if not spec.strip():
            raise InvalidConfiguration("A candidate names no model; write MODEL or MODEL@temperature=0.8.")
        model, separator, settings = spec.rpartition("@")
        if not separator or not _are_settings(settings):
            return cls(spec, spec)  # a hub model's @revision, or no @ at all
        chosen = _chosen(spec, settings)
        template = chosen.pop("template", ["chat"])
        if len(template) > 1 or template[0] not in _TEMPLATES:
            raise InvalidConfiguration(f"{spec!r}: template is chat or none, not {'|'.join(template)!r}.")
        if not model:
            raise InvalidConfiguration(f"{spec!r} names no model; write MODEL@{settings}.")
        weights = tuple(dict.fromkeys(chosen.pop("weights", [""])))
        if wrong := [name for name in weights if name not in ("", *WEIGHTS)]:
            raise InvalidConfiguration(
                f"{spec!r}: weights is one of {', '.join(WEIGHTS)}, or several with a bar; not {wrong[0]!r}."
            )
        named = chosen.pop("sampler", [])
        samplers = [_sampler(spec, name) for name in named or [""]]
        numbers = {key: [_number(spec, key, value) for value in values] for key, values in chosen.items()}
        if any(count != 1 for count in numbers.pop("beams", [])):
            raise InvalidConfiguration(
                f"{spec!r}: beam search chooses among whole texts, so no token has a probability given those before it and no "
                "test is exact; leave beams out, or name how single tokens are drawn."
            )
        count = math.prod(map(len, numbers.values())) * len(samplers) * len(weights)
        if count > MOST_SETTINGS:
            raise InvalidConfiguration(f"{spec!r} stands for {count:,} settings; at most {MOST_SETTINGS} are tried.")
        decodings: list[Decoding] = []
        for order, server in samplers:
            _check_steps(spec, numbers, order, server)
            for combination in itertools.product(*numbers.values()):
                decodings += _meant(spec, dict(zip(numbers, combination, strict=True)), order, server)
        return cls(spec, model, tuple(dict.fromkeys(decodings)) or (Decoding(),), template[0], tuple(named), weights)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every combination of weights and decoding under which it may have written a text."""
        return tuple(at(weights, decoding) for weights in self.weights for decoding in self.decodings)

    @property
    def order_assumed(self) -> bool:
        """Whether the order of its steps matters and was not named, so that the default order is an assumption."""
        return not self.samplers and any(decoding.temperature != 1 and decoding.truncates for decoding in self.decodings)

    def fill(self, model: StoredModel, prompt: str) -> str:
        """The prompt as the model reads it. Raises AuditError if it has no chat template, or one that fails."""
        if self.template == "none":
            return prompt
        if model.chat_template is None:
            raise InvalidConfiguration(
                f"{self.model} has no chat template, so it is unknown how it was given the prompt; if as plain text, write "
                f"{self.model}@template=none."
            )
        return chat.render(model.chat_template, prompt, model.special_tokens)


_KEYS = (*OFF, "beams", *_WORDS)


def _are_settings(written: str) -> bool:
    """Whether what follows the last @ is settings: a word in small letters and =, or a setting's name in whatever letters."""
    key = re.match(r"\s*([A-Za-z_]+)\s*=", written)
    return key is not None and (key[1].islower() or _ALIASES.get(key[1].lower(), key[1].lower()) in (*_KEYS, *UNKNOWN_LAWS))


def _chosen(spec: str, settings: str) -> dict[str, list[str]]:
    """Key -> alternatives, as written."""
    chosen = dict[str, list[str]]()
    for setting in settings.lower().split(","):
        key, _, values = (part.strip() for part in setting.partition("="))
        key = _ALIASES.get(key, key)
        if key in UNKNOWN_LAWS:
            raise InvalidConfiguration(f"{spec!r}: {key} cannot be named: {UNKNOWN_LAWS[key]}.")
        if key not in _KEYS:
            raise InvalidConfiguration(f"{spec!r}: there is no setting {key!r}; choose from {', '.join(_KEYS)}.")
        if key in chosen:
            raise InvalidConfiguration(f"{spec!r} sets {key} twice; write alternatives with a bar: {key}=A|B.")
        chosen[key] = [value.strip() for value in values.split("|")]
    return chosen


def _sampler(spec: str, name: str) -> tuple[tuple[str, ...], Server | None]:
    """The order of steps that the value of `sampler=` names, and the server, if it names one."""
    if not name:
        return tuple(STEPS), None
    if name in SERVERS:
        return SERVERS[name].order, SERVERS[name]
    steps = tuple(_STEP_ALIASES.get(step.strip(), step.strip()) for step in name.split(";"))
    if not set(steps) <= set(STEPS) or len(set(steps)) < len(steps):
        raise InvalidConfiguration(
            f"{spec!r}: sampler is one of {', '.join(SERVERS)}, or an order of steps such as top_k;top_p;temperature, each "
            f"named once, of {', '.join(STEPS)}; not {name!r}."
        )
    return steps, by_hand(steps)


def _check_steps(spec: str, numbers: Mapping[str, list[Number]], order: tuple[str, ...], server: Server | None) -> None:
    """Refuse parameters of steps that the sampler lacks. Temperature 0 needs no step."""
    for key, values in numbers.items():
        step = next(step for step, names in STEPS.items() if key in names)
        if step not in order and any(value != OFF[key] for value in values) and (key, values) != ("temperature", [0.0]):
            owner = f"the sampler of {server.name}" if server and server.name else "the order that you give"
            raise InvalidConfiguration(
                f"{spec!r} sets {key}, and {owner} has no step {step}; leave it out, or give another order."
            )
        if server and key in server.lacks:
            raise InvalidConfiguration(f"{spec!r} sets {key}, which the sampler of {server.name} does not have; leave it out.")


def _meant(spec: str, numbers: dict[str, Number], order: tuple[str, ...], server: Server | None) -> list[Decoding]:
    """The decoding settings that a combination of parameters may mean.

    A parameter that is not named has the server's default; if other parameters are named, it may also be off, as in requests
    that switch it off explicitly: both are tried. So are those of llama.cpp where an order was given by hand.
    """
    defaults = server.defaults if server else {}
    shaping = {name: value for name, value in defaults.items() if name.endswith("_last_n")}
    ordered = server is not None and not server.name
    try:
        if not (numbers.get("temperature", 1) == 0 or 0.01 <= numbers.get("temperature", 1) <= 100):
            raise ValueError
        tried = [defaults, *([shaping] if numbers or ordered else []), *([{}] if ordered else [])]
        decodings = [chain(order, {**unnamed, **numbers}, server=server) for unnamed in tried]
    except ValueError:
        listed = ", ".join(f"{key}={value:g}" for key, value in numbers.items())
        raise InvalidConfiguration(f"{spec!r}: {listed} is no decoding setting; {RANGES}.") from None
    return [law for decoding in decodings for law in (decoding, *_elsewhere(decoding))]


def _elsewhere(decoding: Decoding) -> list[Decoding]:
    """What version 1 of mirostat does on other processors; see `Chain.wraps`."""
    return [replace(decoding, wraps=True)] if isinstance(decoding, Chain) and decoding.mirostat == 1 else []


def _number(spec: str, key: str, value: str) -> Number:
    whole, plain = isinstance(OFF.get(key, 0), int), re.fullmatch(r"[-+.0-9a-z]+", value)  # no 1_0, and no other digits
    try:
        number = (int if whole else float)(value) if plain and math.isfinite(float(value)) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidConfiguration(f"{spec!r}: {key} is {'a whole number' if whole else 'a number'}, not {value!r}.")
    return number
