"""A key with the table of bits that transformers' SynthID draws on a GPU, so that detection needs no GPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.detectors.watermark.keys import Key
from llm_audit.detectors.watermark.schemes.synthid import SynthIdTransformers
from llm_audit.scoring.model import find_device


def with_table(key: Key, device_name: str) -> Key:
    """The key with the table of a device, as transformers 4.46 to 5.24 draw it.

    Args:
        key: of the scheme "synthid-transformers".
        device_name: "cpu" or "cuda".

    Raises:
        InvalidConfiguration: the key is of another scheme.
        NotAvailable: there is no such device here.
    """
    scheme = key.scheme
    if not isinstance(scheme, SynthIdTransformers):
        raise InvalidConfiguration(
            f"Key {key.id} is of {scheme.title}, which has no table: only synthid-transformers looks bits up in one."
        )
    device = find_device(device_name)
    drawn = torch.Generator(device=device).manual_seed(scheme.sampling_table_seed)
    bits = torch.randint(0, 2, (scheme.sampling_table_size,), generator=drawn, device=device).cpu().numpy()
    table = np.packbits(bits.astype(np.uint8)).tobytes().hex()
    return replace(key, scheme=scheme.model_copy(update={"sampling_table": table, "device": device_name}))
