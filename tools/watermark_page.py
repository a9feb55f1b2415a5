"""Write docs/reference/watermark-schemes/: one page for each scheme, and a list of them, from the scheme objects themselves.

.venv/bin/python -m tools.watermark_page
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from llm_audit.detectors.watermark.schemes import SCHEMES, UNSUPPORTED
from llm_audit.detectors.watermark.schemes.base import ContextScheme, KeyedScheme, TokenScheme
from llm_audit.stats.lattice_laws import CoarseExponential, WeightedBits
from llm_audit.stats.laws import Bernoulli, Exponential, Law, Urn, WeightedExponential

FOLDER = Path(__file__).parents[1] / "docs" / "reference" / "watermark-schemes"

HEAD = """# Watermark schemes

Written by `python -m tools.watermark_page` from the schemes themselves. The name is that of `--scheme` and of the field
`scheme` in a key file; the parameters are set by `llm-audit watermark keygen --set NAME=VALUE`. Keys are drawn, never set.

| Scheme | Name | Keeps the model's distribution | Parts, growing texts | Of a trained model |
|---|---|---|---|---|
"""

TAILS: dict[type[Law], str] = {
    Bernoulli: "1 with the share of the list as its probability, else 0; the sum is binomial",
    Exponential: "exponential with mean 1; the sum of n is Gamma(n, 1)",
    WeightedExponential: "a weighted sum of two exponentials; the tail of the sum of n is one integral over two Gamma(n, 1)",
    WeightedBits: "a weighted sum of bits; the law of the sum of n is found by a tilted Fourier transform",
    CoarseExponential: "a value that the hash can take; the law of the sum of n is found by a tilted Fourier transform",
    Urn: "whether a distinct token is on the list; the number of n is hypergeometric",
}


def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    rows = [
        f"| [{cls.title}]({name}.md) | `{name}` | {_yes(not cls.biased)} | {_yes(_scored(cls))} | {_yes(_learnt(cls))} |"
        for name, cls in SCHEMES.items()
    ]
    missing = [f"- `{name}`: {reason}." for name, reason in sorted(UNSUPPORTED.items())]
    index = HEAD + "\n".join(rows) + "\n\n## Known and not supported\n\n" + "\n".join(missing) + "\n"
    return {"index.md": index} | {f"{name}.md": page(cls) for name, cls in SCHEMES.items()}


def page(cls: type[KeyedScheme]) -> str:
    """What one scheme is, where it comes from, what is tested, and its parameters."""
    what = " ".join((cls.__doc__ or "").split())
    how = inspect.getdoc(sys.modules[cls.__module__]) or ""
    secret = set(cls.draw_keys(lambda bits: 0))
    rows = [f"| `{name}` | {_default(field)} |" for name, field in cls.model_fields.items() if name not in secret]
    kept = (
        "No: tokens on its lists become likelier, and the mean over keys moves, too."
        if cls.biased
        else "Yes: averaged over keys, each token keeps its probability."
    )
    device = (
        'Text that was marked on a GPU has other random numbers: see "Marks that were made on a GPU" in '
        "[Watermarks](../../how-to/watermark.md)."
        if "device" in cls.model_fields
        else "Any: the random numbers do not depend on it."
        if not cls.__module__.endswith(("markllm", "kuditipudi"))
        else "CPU: the random numbers are those of torch's generator there."
    )
    learnt = (
        "Yes: [AUD504](../../rules/AUD504.md)."
        if _learnt(cls)
        else "No: a model that reads marked text could copy the mark from it."
    )
    facts = {
        "Score of a token by chance": TAILS[cls.law] if cls.law else "none: the text is lined up with the sequence of keys",
        "Whole text": "[AUD501](../../rules/AUD501.md), " + ("exact" if cls.law else "in closed form or among fresh keys"),
        "Parts, and texts that grow": "[AUD502](../../rules/AUD502.md), [AUD503](../../rules/AUD503.md)"
        if _scored(cls)
        else "No: whole texts are lined up.",
        "Was a model trained on it": learnt,
        "Keeps the model's distribution": kept,
        "Device of the generation": device,
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return (
        f"# {cls.title}: `{cls.scheme}`\n\n{what}\n\n{how}\n\nSource: {cls.source}. "
        f"How often its marks are found, and how long that takes: [Watermarks](../../measurements/watermark.md).\n\n"
        f"## What is tested\n\n| | |\n|---|---|\n{table}\n\n"
        f"## Parameters\n\n| Parameter | Default |\n|---|---|\n" + "\n".join(rows) + "\n\n"
        f"## Try it\n\n```sh\nllm-audit watermark keygen --scheme {cls.scheme} -o key.json\n"
        "llm-audit watermark generate --key-file key.json --prompts prompts.txt --max-tokens 200 -o marked.jsonl\n"
        "llm-audit watermark detect --token-ids marked.jsonl --key-file key.json\n```\n"
    )


def _scored(cls: type[KeyedScheme]) -> bool:
    """Whether it scores token by token."""
    return isinstance(_one(cls), TokenScheme)


def _learnt(cls: type[KeyedScheme]) -> bool:
    """Whether radioactivity can be tested, at its defaults."""
    scheme = _one(cls)
    return isinstance(scheme, ContextScheme) and scheme.context_length > 0


def _one(cls: type[KeyedScheme]) -> KeyedScheme:
    """The scheme at its defaults, with some key."""
    size = {"vocab_size": 100} if "vocab_size" in cls.model_fields else {}
    return cls.model_validate(size | cls.draw_keys(lambda bits: 3))


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _default(field: Any) -> str:
    if field.is_required():
        return "must be given; `keygen` takes it from the model"
    return "not set" if field.default is None else f"`{field.default}`"


if __name__ == "__main__":
    for name, content in pages().items():
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / name).write_text(content, encoding="utf-8")
