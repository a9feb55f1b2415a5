"""Sampler chains as data: the steps between a model's logits and the drawn token, and the orders in which servers apply them.

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
    "top_n_sigma": ("top_n_sigma",),
    "temperature": ("temperature", "dynatemp_range", "dynatemp_exponent"),
    "top_k": ("top_k",),
    "top_p": ("top_p",),
    "min_p": ("min_p",),
    "typical_p": ("typical_p",),
    "epsilon_cutoff": ("epsilon_cutoff",),
    "eta_cutoff": ("eta_cutoff",),
    "xtc": ("xtc_probability", "xtc_threshold"),
    "mirostat": ("mirostat", "mirostat_tau", "mirostat_eta"),
}
"""Step -> its parameters; the first one switches it on. Steps are in the default order: that of `transformers`, and that of
llama.cpp for steps that only llama.cpp has."""

OFF: Mapping[str, Number] = {
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "penalty_last_n": -1,
    "no_repeat_ngram": 0,
    "dry_multiplier": 0.0,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_last_n": -1,
    "top_n_sigma": 0.0,
    "temperature": 1.0,
    "dynatemp_range": 0.0,
    "dynatemp_exponent": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "xtc_probability": 0.0,
    "xtc_threshold": 0.1,
    "mirostat": 0,
    "mirostat_tau": 5.0,
    "mirostat_eta": 0.1,
}
"""Parameter -> the value that switches its step off or, if it only shapes the step, its usual value.

`penalty_last_n` and `dry_last_n` are as llama.cpp has them: -1 for all tokens, and 0 switches the step off.
"""

EXCLUDING = (
    *("no_repeat_ngram", "top_n_sigma", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "xtc"),
    *("mirostat", "greedy"),
)
"""Steps that give tokens probability zero."""

LOOKING_BACK = ("penalties", "no_repeat_ngram", "dry", "mirostat")
"""Steps that depend on earlier tokens of the text."""


@dataclass(frozen=True)
class Chain(Decoding):
    """A sampler chain: how tokens are drawn, step by step in a stated order; see `Decoding` for the order of transformers.

    Made by `chain`, which leaves out steps that change nothing. Given the earlier tokens, every step but `xtc` is a function
    of the logits; `xtc` is a mixture of two with a known probability. So the distribution of the next token is known exactly.

    Attributes:
        order: of the steps, first to last; `greedy` keeps the likeliest token (temperature 0).
        typical_p: locally typical sampling (Meister et al. 2023): the tokens whose surprisal is nearest to the entropy.
        repetition_penalty: divides a positive logit of each token that occurred, multiplies a negative one (CTRL, 2019).
        presence_penalty, frequency_penalty: taken from the logit of a token that occurred, once and per occurrence.
        penalty_last_n: tokens before the next one that penalties look at; 0: all.
        penalise_prompt: whether presence and frequency count the prompt's tokens; repetition always does.
        no_repeat_ngram: no n-gram occurs twice, prompt included; 0: off.
        dry_multiplier, dry_base, dry_allowed_length, dry_last_n: the logit of a token that would extend a repetition of l
            tokens is lowered by multiplier * base^(l - allowed length); dry_last_n as for penalties.
        top_n_sigma: the tokens whose logit is at most that many standard deviations of all logits below the largest.
        dynatemp_range, dynatemp_exponent: the temperature lies within that range of the stated one, the higher the larger the
            entropy is, as a share of its maximum, to the power of the exponent.
        epsilon_cutoff: the tokens at least that likely, and the likeliest.
        eta_cutoff: the same with a bound that falls with the entropy H, min(eta, sqrt(eta) exp(-H)) (Hewitt et al. 2022).
        xtc_probability, xtc_threshold: with that probability, all above the threshold but the least likely go.
        mirostat, mirostat_tau, mirostat_eta: version 1 or 2 (Basu et al. 2021): a bound on surprisal, in bits, that starts at
            2 tau and follows the surprisal of the drawn tokens.
        wraps: whether a number of tokens beyond 2^31 that version 1 of mirostat keeps means one token, rather than all: C
            leaves it open, and llama.cpp keeps one on x86 and all on ARM.
        escaped: whether the distribution is instead the one of a token that may escape the exclusions: inside the kept set
            as the chain's, rescaled to the set's mass without exclusions; outside as without exclusions.
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
    top_n_sigma: float = 0.0
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    wraps: bool = False

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
            and min(self.top_n_sigma, self.dynatemp_range, self.dynatemp_exponent) >= 0
            and 0 <= self.epsilon_cutoff < 1
            and 0 <= self.eta_cutoff < 1
        )
        if not sound:
            raise ValueError(f"not a sampler chain: {self!r}")

    @property
    def truncates(self) -> bool:
        """Whether some tokens have probability zero."""
        return not self.escaped and any(step in EXCLUDING for step in self.order)

    @property
    def free(self) -> Decoding:
        """The decoding setting without the exclusions, for a token that escapes them."""
        return Chain(**{field.name: getattr(self, field.name) for field in fields(self)} | {"escaped": True})

    @property
    def looks_back(self) -> bool:
        """Whether the steps depend on earlier tokens, beyond the model's logits."""
        return any(step in LOOKING_BACK for step in self.order)

    def __str__(self) -> str:
        steps = [_step_text(step, self) for step in self.order]
        return (steps or ["temperature 1"])[0] if len(steps) < 2 else f"in this order: {', '.join(steps)}"


def _step_text(step: str, chain: Chain) -> str:
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
        "top_n_sigma": f"top-n-sigma {chain.top_n_sigma:g}",
        "dry": f"DRY {chain.dry_multiplier:g} (base {chain.dry_base:g}, from {chain.dry_allowed_length} tokens)",
        "temperature": f"temperature {chain.temperature:g}" + _range_text(chain),
        "top_k": f"top-k {chain.top_k}",
        "top_p": f"top-p {chain.top_p:g}",
        "min_p": f"min-p {chain.min_p:g}",
        "typical_p": f"typical-p {chain.typical_p:g}",
        "epsilon_cutoff": f"epsilon cutoff {chain.epsilon_cutoff:g}",
        "eta_cutoff": f"eta cutoff {chain.eta_cutoff:g}",
        "xtc": f"XTC {chain.xtc_probability:g} above {chain.xtc_threshold:g}",
        "mirostat": f"mirostat {chain.mirostat} (tau {chain.mirostat_tau:g}, eta {chain.mirostat_eta:g}{_WRAPS * chain.wraps})",
        "greedy": "greedy (temperature 0)",
    }[step]


_WRAPS = ", on x86"


def _range_text(chain: Chain) -> str:
    if not chain.dynatemp_range:
        return ""
    return f" give or take {chain.dynatemp_range:g} by entropy (exponent {chain.dynatemp_exponent:g})"


@dataclass(frozen=True)
class Server:
    """The sampler of an inference server: the order of its steps and its default parameters.

    Attributes:
        name: on the command line.
        version: the version that we read or ran; earlier and later ones may differ.
        order: of the steps that it has.
        defaults: of the parameters whose default is not `OFF`.
        penalise_prompt: see `Chain`.
        greedy_keeps: steps that it still applies at temperature 0, before it takes the likeliest token.
        lacks: parameters of its steps that it does not have.
    """

    name: str
    version: str
    order: tuple[str, ...]
    defaults: Mapping[str, Number] = field(default_factory=dict)
    penalise_prompt: bool = True
    greedy_keeps: tuple[str, ...] = ("penalties", "no_repeat_ngram", "dry")
    lacks: tuple[str, ...] = ("penalty_last_n", "dynatemp_range", "dynatemp_exponent")


_TRANSFORMERS = (
    *("penalties", "no_repeat_ngram", "temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff"),
)
_LLAMA = ("penalties", "dry", "top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature")
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
            lacks=(),
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


def by_hand(order: tuple[str, ...]) -> Server:
    """The sampler of a server with another order of steps than its own: llama.cpp, the only one whose requests may name it."""
    llama = SERVERS["llama.cpp"]
    parameters = {name for step in order for name in STEPS[step]}
    defaults = {name: value for name, value in llama.defaults.items() if name in parameters}
    return Server("", llama.version, order, defaults, greedy_keeps=order, lacks=())


def chain(order: tuple[str, ...], numbers: Mapping[str, Number], *, server: Server | None = None) -> Decoding:
    """The decoding setting with these steps: a `Chain`, or an equivalent plain `Decoding` where there is one.

    Args:
        order: of steps, see `STEPS`.
        numbers: parameters by name; those missing are `OFF`. Temperature 0 is greedy.
        server: whose conventions the chain follows; None: those of transformers.

    Raises:
        ValueError: a number that no sampler can have.
    """
    values: dict[str, Any] = {**OFF, **numbers}
    blind = {step for step, last in (("penalties", "penalty_last_n"), ("dry", "dry_last_n")) if values[last] == 0}
    order = tuple(step for step in order if step not in blind)
    if values["mirostat"] and "mirostat" in order:  # llama.cpp: temperature and mirostat, nothing else
        order = ("temperature", "mirostat")
        values["dynatemp_range"] = 0.0
    greedy = values["temperature"] == 0 and not values["dynatemp_range"]
    if greedy:
        keeps = server.greedy_keeps if server else ("penalties", "no_repeat_ngram", "dry")
        order = tuple("greedy" if step == "temperature" else step for step in order if step in (*keeps, "temperature"))
        order = order if "greedy" in order else (*order, "greedy")
        values["temperature"] = 1.0
    active = tuple(step for step in order if step == "greedy" or _active(step, values))
    used = {name for step in active if step != "greedy" for name in STEPS[step]}
    kept: dict[str, Any] = {name: value if name in used else OFF[name] for name, value in values.items()}
    kept |= {last: 0 for last in ("penalty_last_n", "dry_last_n") if kept[last] == -1}  # a `Chain` says 0 for all
    penalise = server.penalise_prompt if server and "penalties" in active else True
    full = Chain(**kept, order=active, penalise_prompt=penalise)  # checks the numbers
    plain = tuple(step for step in ("temperature", "top_k", "top_p", "min_p") if step in active)
    exact = active == plain and not full.dynatemp_range
    return Decoding(full.temperature, full.top_k, full.top_p, full.min_p) if exact else full


def _active(step: str, values: Mapping[str, Number]) -> bool:
    if step == "penalties":
        return any(values[name] != OFF[name] for name in STEPS[step][:3])
    switch = STEPS[step][0]
    return values[switch] != OFF[switch] or (step == "temperature" and values["dynatemp_range"] != 0)
