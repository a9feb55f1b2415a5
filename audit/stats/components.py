"""Connected components of a graph given by its edges."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def components(links: Iterable[tuple[str, str]]) -> Callable[[str], str]:
    """A function from a name to the smallest name in its connected component."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for left, right in links:
        first, second = root(left), root(right)
        parent[max(first, second)] = min(first, second)
    return root
