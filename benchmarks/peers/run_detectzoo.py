"""Run detectzoo's own four detectors on some texts, one after the other, as its users do; print seconds and scores as JSON.

Called as a program in an environment where `detectzoo` 0.1.4 is importable. Its vision and audio parts, which its
`__init__` imports, are stubbed. Loading the models is not timed.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import sys
import time
import types
from unittest.mock import MagicMock

STUBBED = (
    "detectzoo.datasets.audio",
    "detectzoo.datasets.image",
    "detectzoo.datasets.text",
    "detectzoo.detectors.audio",
    "detectzoo.detectors.image",
)


def stub(name: str) -> types.ModuleType:
    """A module that has every name."""

    def attribute(wanted: str) -> MagicMock:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        return MagicMock()

    module = types.ModuleType(name)
    module.__getattr__ = attribute  # type: ignore[method-assign]  # PEP 562
    return module


WANTED = {
    "PIL",
    "cv2",
    "datasets",
    "librosa",
    "modelscope",
    "nltk",
    "pandas",
    "peft",
    "soundfile",
    "spacy",
    "timm",
    "torchaudio",
    "torchvision",
}
"""Libraries that other parts of detectzoo import at the top."""


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for libraries that are not installed: whatever is taken from them is a mock that nobody calls."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in WANTED:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return stub(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def main(folder: str, texts: list[str]) -> None:
    """Load, warm up on the first text, then time every detector on every text."""
    import torch
    import transformers  # before the stubs: it looks around for optional libraries

    transformers.AutoModelForCausalLM  # noqa: B018  # the attribute is what loads it
    for name in STUBBED:
        sys.modules[name] = stub(name)
    sys.meta_path.append(Absent())
    from detectzoo.detectors.text.binoculars import BinocularsDetector
    from detectzoo.detectors.text.fast_detect_gpt import FastDetectGPTDetector
    from detectzoo.detectors.text.log_rank import LogRankDetector
    from detectzoo.detectors.text.lrr import LRRDetector

    torch.set_num_threads(2)
    detectors = {
        "fast_detectgpt": FastDetectGPTDetector(model_name=folder, reference_model_name=folder),
        "binoculars": BinocularsDetector(observer_model=folder, performer_model=folder),
        "log_rank": LogRankDetector(model_name=folder),
        "lrr": LRRDetector(model_name=folder),
    }
    for detector in detectors.values():
        detector.predict(texts[0])
    seconds, scores = {}, {}
    for name, detector in detectors.items():
        begin = time.perf_counter()
        scores[name] = [float(detector.predict(text).score) for text in texts]
        seconds[name] = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "scores": scores}))


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
