"""Sampler chains: what stands between a model's logits and the drawn token, as data, and the orders that servers use.

Knows no torch: `samplers` computes what is only named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from llm_audit.scoring.tokens import Decoding

Number = float | int

STEPS: Mapping[str, tuple[str, ...]] = {
    "penalties": ("repetition_penalty", "presence_penalty", "frequency_penalty", "penalty_last_n"),
    "no_repeat_ngram": ("no_repeat_ngram",),
    "dry": ("dry_multiplier", "dry_base", "dry_allowed_length", "dry_last_n"),
    "temperature": ("temperature",),
    "top_k": ("top_k",),
    "top_p": ("top_p",),
    "min_p": ("min_p",),
    "typical_p": ("typical_p",),
    "xtc": ("xtc_probability", "xtc_threshold"),
    "mirostat": ("mirostat", "mirostat_tau", "mirostat_eta"),
}
"""Step -> the numbers that it needs, the one that switches it on first. In the order that is used when no server is named:
that of `transformers`, and of llama.cpp for what only llama.cpp has."""

OFF: Mapping[str, Number] = {
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "penalty_last_n": 0,
    "no_repeat_ngram": 0,
    "dry_multiplier": 0.0,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_last_n": 0,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "xtc_probability": 0.0,
    "xtc_threshold": 0.1,
    "mirostat": 0,
    "mirostat_tau": 5.0,
    "mirostat_eta": 0.1,
}
"""The number with which a step changes nothing; of numbers that only shape a step, what they usually are."""

EXCLUDING = ("no_repeat_ngram", "top_k", "top_p", "min_p", "typical_p", "xtc", "mirostat", "greedy")
"""Steps that give tokens probability zero."""

LOOKING_BACK = ("penalties", "no_repeat_ngram", "dry", "mirostat")
"""Steps that depend on what was written before."""


@dataclass(frozen=True)
class Chain(Decoding):
    """How tokens are drawn from logits, step by step in a stated order; see `Decoding` for the order of transformers alone.

    Made by `chain`, which leaves out steps that change nothing. Given what stands before it, every step but `xtc` is a
    function of the logits; `xtc` is a mixture of two, with a known probability. So the law of the next token is known exactly.

    Attributes:
        order: of the steps, first to last; `greedy` keeps the likeliest token (temperature 0).
        typical_p: locally typical sampling (Meister et al. 2023): the tokens whose surprisal is nearest to the entropy.
        repetition_penalty: divides a positive logit of each token that occurred, multiplies a negative one (CTRL, 2019).
        presence_penalty, frequency_penalty: taken from the logit of a token that occurred, once and per occurrence.
        penalty_last_n: tokens before the next one that penalties look at; 0: all.
        penalise_prompt: whether presence and frequency count the prompt's tokens; repetition always does.
        no_repeat_ngram: no n-gram occurs twice, prompt included; 0: off.
        dry_multiplier, dry_base, dry_allowed_length, dry_last_n: what would go on with a repetition of l tokens loses
            multiplier * base^(l - allowed length); dry_last_n as for penalties.
        xtc_probability, xtc_threshold: with that probability, all tokens above the threshold go but the least likely of them.
        mirostat, mirostat_tau, mirostat_eta: version 1 or 2 (Basu et al. 2021): a bound on surprisal, in bits, that follows
            the surprisal of what was drawn, from 2 tau.
        escaped: the law that escapes the exclusions instead: as the chain inside the kept set, whose mass there is that of
            the law without exclusions, and as the latter outside.
    """

    order: tuple[str, ...] = ()
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    penalty_last_n: int = 0
    penalise_prompt: bool = True
    no_repeat_ngram: int = 0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_last_n: int = 0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    escaped: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        sound = (
            0 < self.typical_p <= 1
            and self.repetition_penalty > 0
            and min(self.penalty_last_n, self.no_repeat_ngram, self.dry_multiplier, self.dry_last_n) >= 0
            and self.dry_base >= 1
            and self.dry_allowed_length >= 1
            and 0 <= self.xtc_probability <= 1
            and 0 <= self.xtc_threshold <= 1
            and self.mirostat in (0, 1, 2)
            and self.mirostat_tau > 0
            and self.mirostat_eta >= 0
        )
        if not sound:
            raise ValueError(f"not a sampler chain: {self!r}")

    @property
    def truncates(self) -> bool:
        """Whether some tokens have probability zero."""
        return not self.escaped and any(step in EXCLUDING for step in self.order)

    @property
    def free(self) -> Decoding:
        """The law that a token follows which escapes the exclusions."""
        return Chain(**{each.name: getattr(self, each.name) for each in fields(self)} | {"escaped": True})

    @property
    def looks_back(self) -> bool:
        """Whether the law depends on which tokens stand before, beyond the model's own reading of them."""
        return any(step in LOOKING_BACK for step in self.order)

    def __str__(self) -> str:
        said = [_said(step, self) for step in self.order]
        return (said or ["temperature 1"])[0] if len(said) < 2 else f"in this order: {', '.join(said)}"


def _said(step: str, chain: Chain) -> str:
    if step == "penalties":
        last = f" over the last {chain.penalty_last_n} tokens" if chain.penalty_last_n else ""
        kinds = [
            f"{kind} penalty {value:g}"
            for kind, value, off in (
                ("repetition", chain.repetition_penalty, 1.0),
                ("presence", chain.presence_penalty, 0.0),
                ("frequency", chain.frequency_penalty, 0.0),
            )
            if value != off
        ]
        return " and ".join(kinds) + last
    return {
        "no_repeat_ngram": f"no {chain.no_repeat_ngram}-gram twice",
        "dry": f"DRY {chain.dry_multiplier:g} (base {chain.dry_base:g}, from {chain.dry_allowed_length} tokens)",
        "temperature": f"temperature {chain.temperature:g}",
        "top_k": f"top-k {chain.top_k}",
        "top_p": f"top-p {chain.top_p:g}",
        "min_p": f"min-p {chain.min_p:g}",
        "typical_p": f"typical-p {chain.typical_p:g}",
        "xtc": f"XTC {chain.xtc_probability:g} above {chain.xtc_threshold:g}",
        "mirostat": f"mirostat {chain.mirostat} (tau {chain.mirostat_tau:g}, eta {chain.mirostat_eta:g})",
        "greedy": "greedy (temperature 0)",
    }[step]


@dataclass(frozen=True)
class Server:
    """A server's sampler: the order of its steps, and what it does unless a request says otherwise.

    Attributes:
        name: on the command line.
        version: read or run by us in this version; earlier and later ones may differ.
        order: of the steps it has.
        defaults: of the numbers that are not `OFF`.
        penalise_prompt: see `Chain`.
        greedy_keeps: steps that still come before the likeliest token is taken at temperature 0.
    """

    name: str
    version: str
    order: tuple[str, ...]
    defaults: Mapping[str, Number] = field(default_factory=dict)
    penalise_prompt: bool = True
    greedy_keeps: tuple[str, ...] = ("penalties", "no_repeat_ngram", "dry")


_TRANSFORMERS = ("penalties", "no_repeat_ngram", "temperature", "top_k", "top_p", "min_p", "typical_p")
_LLAMA = ("penalties", "dry", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature")
SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server("transformers", "5.24 (`generate` with do_sample=True)", _TRANSFORMERS, {"top_k": 50}),
        Server(
            "llama.cpp",
            "b11549 (October 2026)",
            (*_LLAMA, "mirostat"),
            {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "penalty_last_n": 64, "dry_last_n": 64},
            greedy_keeps=_LLAMA,
        ),
        Server(
            "vllm",
            "0.32, V1 engine, without the model's generation_config.json",
            ("penalties", "temperature", "min_p", "top_k", "top_p"),
            penalise_prompt=False,
        ),
        Server(
            "openai",
            "its public description of 2025; the order is not documented",
            ("penalties", "temperature", "top_p"),
            penalise_prompt=False,
        ),
    )
}


def chain(order: tuple[str, ...], numbers: Mapping[str, Number], *, server: Server | None = None) -> Decoding:
    """A decoding setting of these steps; a plain `Decoding` where that says the same.

    Args:
        order: of steps, see `STEPS`.
        numbers: by name; those missing are `OFF`. Temperature 0 is greedy.
        server: whose habits the chain has; None: those of transformers.

    Raises:
        ValueError: a number that no sampler can have.
    """
    values: dict[str, Any] = {**OFF, **numbers}
    if values["mirostat"] and "mirostat" in order:  # llama.cpp: temperature and mirostat, nothing else
        order = ("temperature", "mirostat")
    greedy = values["temperature"] == 0
    if greedy:
        keeps = server.greedy_keeps if server else ("penalties", "no_repeat_ngram", "dry")
        order = tuple("greedy" if step == "temperature" else step for step in order if step in (*keeps, "temperature"))
        order = order if "greedy" in order else (*order, "greedy")
        values["temperature"] = 1.0
    active = tuple(step for step in order if step == "greedy" or _active(step, values))
    used = {name for step in active if step != "greedy" for name in STEPS[step]}
    kept: dict[str, Any] = {name: value if name in used else OFF[name] for name, value in values.items()}
    penalise = server.penalise_prompt if server and "penalties" in active else True
    made = Chain(**kept, order=active, penalise_prompt=penalise)  # checks the numbers
    plain = tuple(step for step in ("temperature", "top_k", "top_p", "min_p") if step in active)
    return Decoding(made.temperature, made.top_k, made.top_p, made.min_p) if active == plain else made


def _active(step: str, values: Mapping[str, Number]) -> bool:
    if step == "penalties":
        return any(values[name] != OFF[name] for name in STEPS[step][:3])
    switch = STEPS[step][0]
    return values[switch] != OFF[switch]
