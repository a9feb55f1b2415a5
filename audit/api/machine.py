"""State of this machine: models, the cache of scores, and the policy of the working directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.api.arguments import checked
from llm_audit.api.running import StrPath
from llm_audit.common.progress import Progress, silent
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store

if TYPE_CHECKING:
    from llm_audit.policy import Loaded
    from llm_audit.scoring.cache import ScoreCache

__all__ = ["DEFAULT_MODEL", "Loaded", "Store", "load_policy", "model_card", "score_cache"]


@checked
def load_policy(config: StrPath | None = None, *, isolated: bool = False) -> Loaded:
    """The policy of the working directory, for `gate`.

    Args:
        config: file that holds it; None: the nearest llm-audit.toml, or pyproject.toml with [tool.llm-audit].
        isolated: no file at all, only defaults.

    Raises:
        InvalidConfiguration: it cannot be read, or something in it is wrong.

    >>> llm_audit.load_policy(isolated=True).policy.alpha
    0.01
    """
    from llm_audit.policy import load

    return load(None if config is None else Path(config), isolated=isolated)


def model_card(model: str, progress: Progress = silent) -> list[tuple[str, object]]:
    """Labels and values of a model of this machine: digest, shape, licence, files. Raises NotAvailable: it is not here."""
    store = Store()
    stored = store.resolve(model, offline=True, progress=progress)
    config = stored.config
    lines = [("name", stored.name), ("digest", stored.digest), ("folder", stored.folder)]
    lines += [("architecture", ", ".join(map(str, config.get("architectures") or [config.get("model_type", "?")])))]
    lines += [("vocabulary", config.get("vocab_size", "?")), ("layers", config.get("num_hidden_layers", "?"))]
    lines += [("hidden size", config.get("hidden_size", "?"))]
    if pin := store.pins.get(model):
        lines += [("licence", f"{pin.licence}, {pin.terms}" if pin.terms else pin.licence), ("source", pin.source)]
    return lines + [("file", f"{digest}  {name}") for name, digest in sorted(stored.files.items())]


@contextmanager
def score_cache() -> Iterator[ScoreCache]:
    """Open the cache of token scores, which keeps any text from being scored twice."""
    from llm_audit.common.paths import cache_root
    from llm_audit.scoring.cache import ScoreCache

    with ScoreCache(cache_root() / "scores.sqlite") as cache:
        yield cache
