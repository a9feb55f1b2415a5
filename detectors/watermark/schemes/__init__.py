"""The schemes by name, one file per family, and the unsupported ones with the reason."""

from __future__ import annotations

from types import MappingProxyType

from llm_audit.common.errors import AuditError
from llm_audit.detectors.watermark.schemes.base import KeyedScheme
from llm_audit.detectors.watermark.schemes.kgw_lm_watermarking import LmWatermarking
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, Its
from llm_audit.detectors.watermark.schemes.markllm import MarkLlmDip, MarkLlmExp, MarkLlmExpGumbel, MarkLlmKgw
from llm_audit.detectors.watermark.schemes.sglang import SglangGumbel
from llm_audit.detectors.watermark.schemes.synthid import SynthIdReference, SynthIdTransformers
from llm_audit.detectors.watermark.schemes.textseal import TextSeal
from llm_audit.detectors.watermark.schemes.unigram import Unigram
from llm_audit.detectors.watermark.schemes.vllm import VllmDualKeyGumbel, VllmGumbel, VllmRedGreen

_CLASSES: tuple[type[KeyedScheme], ...] = (
    VllmGumbel,
    VllmDualKeyGumbel,
    VllmRedGreen,
    SglangGumbel,
    TransformersKgw,
    SynthIdTransformers,
    SynthIdReference,
    Exp,
    Its,
    Unigram,
    LmWatermarking,
    TextSeal,
    MarkLlmKgw,
    MarkLlmExp,
    MarkLlmExpGumbel,
    MarkLlmDip,
)

SCHEMES: MappingProxyType[str, type[KeyedScheme]] = MappingProxyType({cls.scheme: cls for cls in _CLASSES})
"""Every supported scheme by the name that a key file gives."""

UNSUPPORTED: MappingProxyType[str, str] = MappingProxyType(
    {
        "adaptive": "its detector needs a trained semantic model",
        "markllm-kgw-self": "MarkLLM's own code for it does not run",
        "markllm-its-edit": "MarkLLM draws its key from a global generator, so that its detector never tries the key in use",
        "morphmark": "its bias depends on the model's probabilities; detect it as the green list that it is built on",
        "mpac": "testing every payload of a multi-bit mark is not built yet",
        "postmark": "its detector needs a neural sentence encoder",
        "prc": "no public implementation for text is known",
        "semstamp": "its detector needs a neural sentence encoder",
        "sir": "its green lists come from a trained network",
        "sweet": "it leaves out tokens by the model's entropy, which the text alone does not give",
        "tensorrt-llm-gumbel": "its recipe is declared a prototype that may change",
        "ts": "its green lists come from a trained network",
        "unbiased": "its detector needs the model's probabilities",
        "upv": "its detector is a trained network",
        "vllm-sbw": "vLLM's generator and detector of it disagree, and the package behind it may not be copied",
        "watermax": "it chooses among drafts; detect it as the green list or Gumbel mark that it is built on",
    }
)
"""Name of a known but unsupported scheme -> the reason."""


def scheme_class(name: str) -> type[KeyedScheme]:
    """The class of the watermark scheme with this name.

    Raises:
        AuditError: it is not supported, with the reason, or not known.
    """
    if name in SCHEMES:
        return SCHEMES[name]
    if name in UNSUPPORTED:
        raise AuditError(f"watermark scheme {name} is not supported: {UNSUPPORTED[name]}")
    raise AuditError(f"there is no watermark scheme of that name: take one of {', '.join(SCHEMES)}")
