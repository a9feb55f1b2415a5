"""State of this machine: models, the cache of scores, and the policy of the working directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store

if TYPE_CHECKING:
    from llm_audit.policy import Loaded
    from llm_audit.scoring.cache import ScoreCache

__all__ = ["DEFAULT_MODEL", "Loaded", "Store", "load_policy", "score_cache"]


def load_policy(config: Path | None = None, *, isolated: bool = False) -> Loaded:
    """The policy of the working directory, for `gate`.

    Args:
        config: file that holds it; None: the nearest llm-audit.toml, or pyproject.toml with [tool.llm-audit].
        isolated: no file at all, only defaults.

    Raises:
        InvalidConfiguration: it cannot be read, or something in it is wrong.

    >>> load_policy(isolated=True).policy.alpha
    0.01
    """
    from llm_audit.policy import load

    return load(config, isolated=isolated)


@contextmanager
def score_cache() -> Iterator[ScoreCache]:
    """The scores that are kept so that no text is scored twice."""
    from llm_audit.common.paths import cache_root
    from llm_audit.scoring.cache import ScoreCache

    with ScoreCache(cache_root() / "scores.sqlite") as cache:
        yield cache
