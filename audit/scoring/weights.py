"""The tensors of a folder's safetensors files, memory-mapped: nothing is read before it is used, and processes that use the
same model share one copy. Knows no torch, and nothing of what the tensors mean.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_audit.common.errors import NotAvailable

Matrix = NDArray[np.float32]


class _Place(NamedTuple):
    """Place of a tensor: its file, and the bytes [start, end) of its numbers."""

    file: int
    start: int
    end: int
    dtype: str
    shape: tuple[int, ...]


class Weights(Mapping[str, Matrix]):
    """Tensors by name, as float32: views of the file if they are stored as such, widened copies of half precision.

    A file that is replaced keeps its old content here; one that is truncated while mapped ends the process.

    Raises:
        NotAvailable: a file is no safetensors file, or a tensor has another type.
    """

    def __init__(self, folder: Path) -> None:
        self._bytes: list[NDArray[np.uint8]] = []
        self._places: dict[str, _Place] = {}
        for number, path in enumerate(sorted(folder.glob("*.safetensors"))):
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if hasattr(mmap, "MADV_WILLNEED"):
                mapped.madvise(mmap.MADV_WILLNEED)  # from a cold disk, it is read while other things happen
            self._bytes.append(np.frombuffer(mapped, np.uint8))
            first = 8 + int.from_bytes(mapped[:8], "little")
            for name, entry in json.loads(mapped[8:first]).items():
                if name != "__metadata__":
                    start, end = entry["data_offsets"]
                    if first + end > len(mapped):
                        raise NotAvailable(f"{path} ends before the tensor {name}: fetch or copy it again.")
                    self._places[name] = _Place(number, first + start, first + end, entry["dtype"], tuple(entry["shape"]))

    def __getitem__(self, name: str) -> Matrix:
        place = self._places[name]
        raw = self._bytes[place.file][place.start : place.end]
        if place.dtype == "F32":
            return raw.view("<f4").reshape(place.shape)
        if place.dtype == "F16":
            return raw.view("<f2").astype(np.float32).reshape(place.shape)
        if place.dtype == "BF16":  # the upper half of a float32
            return (raw.view("<u2").astype("<u4") << 16).view("<f4").reshape(place.shape)
        raise NotAvailable(f"The tensor {name} is stored as {place.dtype}; F32, F16 and BF16 are understood.")

    def joined(self, names: Sequence[str]) -> Matrix:
        """Matrices of one width stacked: a view if they lie so in the file, else a copy."""
        places = [self._places[name] for name in names]
        in_a_row = all(a.file == b.file and a.end == b.start for a, b in pairwise(places))
        if in_a_row and {place.dtype for place in places} == {"F32"}:
            whole = self._bytes[places[0].file][places[0].start : places[-1].end]
            return whole.view("<f4").reshape(-1, places[0].shape[1])
        return np.concatenate([self[name] for name in names])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
