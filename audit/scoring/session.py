"""Scoring with a cache in front: the model is loaded only when some text has never been scored.

The only entry point to the engine. Knows nothing about detectors, populations or files of text.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from llm_audit.common.errors import AuditError, NotAvailable, not_installed
from llm_audit.common.progress import Progress, part, silent
from llm_audit.scoring.cache import ScoreCache, Scorer, window_key
from llm_audit.scoring.request import Prompted, Request, plain_llama
from llm_audit.scoring.store import StoredModel
from llm_audit.scoring.tokens import COLUMNS_VERSION, Decoding, TokenScores

if TYPE_CHECKING:
    from llm_audit.scoring.engine import Engine
    from llm_audit.scoring.lean import LeanModel
    from llm_audit.scoring.model import LanguageModel
    from llm_audit.scoring.pool import Pool

GROUP = 32
"""Texts looked up, scored and cached at a time: enough to fill the engine's packs, few enough that results come early."""

LONG = 1 << 16
"""Characters of a text from which `take` works window by window: about 15,000 tokens, 6 MB with four layers' states."""

Taken = TypeVar("Taken")

DTYPES = {"cpu": "float32", "cuda": "bfloat16"}


class Session:
    """One scoring model (and perhaps a reference model) on one device. Threads may share it: they compute one after another.

    Args:
        model, reference: from the store.
        device: `cpu` (float32) or `cuda` (bfloat16 body, float32 statistics).
        cache: None to score everything anew.
        dtype: type in which the body computes, if not the device's default; "float32 of float16" or "float32 of q4_0" rounds
            the weights alone, and "bfloat16 to bfloat16" the logits, too.
        jobs: number of processes that compute; with 1, this process does.
    """

    def __init__(
        self,
        model: StoredModel,
        reference: StoredModel | None = None,
        *,
        device: str = "cpu",
        cache: ScoreCache | None = None,
        dtype: str | None = None,
        jobs: int = 1,
    ) -> None:
        self.jobs = jobs
        self.model = model
        self.reference = reference
        self.device = device
        self.cache = cache
        self.dtype = dtype or DTYPES[device]
        self._lock = threading.Lock()  # threads of a scan may come at once
        # A model in this process has one set of buffers; processes of a pool have one each.
        self._computing: AbstractContextManager[object] = threading.RLock() if jobs == 1 else nullcontext()
        self._engines: dict[tuple[Request, tuple[Decoding, ...]], Engine] = {}

    def conditions(self, request: Request) -> str:
        """Digest of all that scores depend on, except the text and its windows: equal for comparable scores."""
        reference = self.reference.digest if self.reference else None
        identity = (COLUMNS_VERSION, self.model.digest, reference, self.dtype, asdict(request.decoding))
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def score(self, texts: Sequence[str | Prompted], request: Request, progress: Progress = silent) -> Iterator[TokenScores]:
        """Yield the scores of each text, in order; `progress` gets the share of the work done.

        A text that occurs again, however much later, is not scored again.
        """
        for (scores,) in self.score_each(texts, request, (request.decoding,), progress):
            yield scores

    def score_each(
        self,
        texts: Sequence[str | Prompted],
        request: Request,
        decodings: Sequence[Decoding],
        progress: Progress = silent,
    ) -> Iterator[tuple[TokenScores, ...]]:
        """Like `score`, under several decoding settings that replace the request's, all from one pass."""
        reference = self.reference.digest if self.reference else None
        scorers = [
            Scorer(self.model.digest, self.dtype, self.device, replace(request, decoding=decoding), reference)
            for decoding in decodings
        ]
        all_keys = [tuple(scorer.key(text) for scorer in scorers) for text in texts]
        last_use = {keys: position for position, keys in enumerate(all_keys)}
        ready: dict[tuple[bytes, ...], tuple[TokenScores, ...]] = {}
        for start in range(0, len(texts), GROUP):
            group, group_keys = texts[start : start + GROUP], all_keys[start : start + GROUP]
            ready = {keys: scores for keys, scores in ready.items() if last_use[keys] >= start}
            if self.cache:
                wanted = dict.fromkeys(keys for keys in group_keys if keys not in ready)
                cached = {keys: tuple(self.cache.get(key) for key in keys) for keys in wanted}
                ready |= {keys: scores for keys, scores in cached.items() if _all_here(scores)}
            missing = {keys: text for keys, text in zip(group_keys, group, strict=True) if keys not in ready}
            if missing:
                within = part(progress, start / len(texts), (start + len(group)) / len(texts))
                engine = self._engine(replace(request, decoding=Decoding()), tuple(decodings))
                with self._computing:
                    scored = dict(zip(missing, engine.score_each(list(missing.values()), within), strict=True))
                if self.cache:
                    self.cache.put(row for keys, scores in scored.items() for row in zip(keys, scores, strict=True))
                ready |= scored
            progress((start + len(group)) / len(texts))
            yield from (ready[keys] for keys in group_keys)

    def take(
        self, texts: Sequence[str], request: Request, take: Callable[[TokenScores], Taken], progress: Progress = silent
    ) -> Iterator[list[Taken]]:
        """Yield, per text and in order, the results of `take` for the scores of each of its windows.

        Long texts are scored and cached window by window: they cost no more memory than short ones, and an interrupted one
        is continued.
        """
        total = max(sum(map(len, texts)), 1)
        sizes = [len(text) / total for text in texts]
        long = [len(text) > LONG for text in texts]
        left = Counter(text for text, is_long in zip(texts, long, strict=True) if is_long)
        known: dict[str, list[Taken]] = {}
        done = {True: 0.0, False: 0.0}  # the share of all that long texts make, and short ones
        of_short = sum(size for size, is_long in zip(sizes, long, strict=True) if not is_long)

        def shown(share: float | None, stage: str = "", /) -> None:
            progress(None if share is None else done[True] + of_short * share, stage)

        short = self.score([text for text, is_long in zip(texts, long, strict=True) if not is_long], request, shown)
        for text, size, is_long in zip(texts, sizes, long, strict=True):
            if is_long:
                if text not in known:
                    start = done[True] + done[False]
                    known[text] = self._take_long(text, request, take, part(progress, start, start + size))
                left[text] -= 1
                yield known[text] if left[text] else known.pop(text)
            else:
                yield [take(window) for window in next(short).windows()]
            done[is_long] += size

    def _take_long(self, text: str, request: Request, take: Callable[[TokenScores], Taken], progress: Progress) -> list[Taken]:
        """The results of `take` for the windows of a long text, from the cache (one row, or one per window) or the engine."""
        reference = self.reference.digest if self.reference else None
        key = Scorer(self.model.digest, self.dtype, self.device, request, reference).key(text)
        cache, cached = self.cache, list[Taken]()
        if cache and (stored := cache.get(key)) is not None:
            return [take(window) for window in stored.windows()]
        while cache and (window := cache.get(window_key(key, len(cached)))) is not None:
            if not len(window):  # what stands behind the last
                return cached
            cached.append(take(window))

        def known(position: int) -> TokenScores | None:
            return cache.get(window_key(key, position)) if cache else None

        def keep(scored: Sequence[tuple[int, TokenScores]]) -> None:
            if cache:
                cache.put((window_key(key, position), scores) for position, scores in scored)

        engine = self._engine(replace(request, decoding=Decoding()), (request.decoding,))
        with self._computing:
            taken = engine.take(text, take, progress, known=known, keep=keep)
        keep([(len(taken), TokenScores.unscored(()))])
        return taken

    def _engine(self, request: Request, decodings: tuple[Decoding, ...]) -> Engine:
        with self._lock:
            if (request, decodings) not in self._engines:
                from llm_audit.scoring.engine import Engine

                model, reference = self._models
                self._engines[request, decodings] = Engine(model, request, reference, decodings=decodings, pool=self._pool)
            return self._engines[request, decodings]

    def rounded(self, weights: str) -> Session:
        """A session of the same model with weights rounded to a precision of `precision.WEIGHTS`; "": this very session.

        It computes in this process, whatever `jobs` is: rounded weights are not the memory-mapped file that processes share.
        """
        if not weights:
            return self
        dtype = f"{self.dtype} of {weights}"
        return Session(self.model, self.reference, device=self.device, cache=self.cache, dtype=dtype)

    def release(self) -> None:
        """Free the loaded models, so that the next session's fit into memory; they are loaded again when needed."""
        self._engines.clear()
        if pool := self.__dict__.pop("_pool", None):
            pool.close()
        self.__dict__.pop("_models", None)

    def longer_than(self, text: str, limit: int) -> bool:
        """Whether a text has more than `limit` tokens; most texts need not be tokenized for it, their bytes suffice."""
        if len(text.encode("utf-8", "surrogatepass")) < limit:  # no token is less than a byte, but for one before the text
            return False
        with self._lock:
            model = self._models[0]
        return len(model.read([text])[0][0]) > limit

    @cached_property
    def _models(self):  # type: ignore[no-untyped-def]  # its type would import torch
        return load_models(self.model, self.reference, self.device, self.dtype)

    @cached_property
    def _pool(self) -> Pool | None:
        if self.jobs == 1:
            return None
        from llm_audit.scoring.pool import Pool

        return Pool(self.jobs, (self.model, self.reference, self.device, self.dtype))


def load_models(
    model: StoredModel, reference: StoredModel | None, device: str, dtype: str
) -> list[LanguageModel | LeanModel | None]:
    """The models of a session, both with torch or both without it."""
    models = (model, reference)
    without_torch = (device, dtype) == ("cpu", "float32") and all(plain_llama(stored.config) for stored in models if stored)
    return [_load(stored, device, dtype, without_torch) if stored else None for stored in models]


def _all_here(scores: tuple[TokenScores | None, ...]) -> TypeGuard[tuple[TokenScores, ...]]:
    return None not in scores


def _load(stored: StoredModel, device: str, dtype: str, without_torch: bool) -> LanguageModel | LeanModel:
    try:
        if without_torch:
            from llm_audit.scoring import lean

            return lean.load(stored.name, stored.digest, stored.folder)
        import torch

        from llm_audit.scoring.model import load

        rest, _, logits = dtype.partition(" to ")
        computed, _, rounded = rest.partition(" of ")
        types: list[Any] = [getattr(torch, name, name) if name else None for name in (computed, rounded, logits)]
        return load(stored.name, stored.digest, stored.folder, device, *types)
    except AuditError:
        raise
    except Exception as error:  # safetensors, tokenizers and transformers each have their own for a damaged file
        if isinstance(error, ModuleNotFoundError) and (missing := not_installed(error)):
            raise missing from None
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise NotAvailable(f"The model {stored.name} does not load ({why}): fetch or copy it again.") from error
