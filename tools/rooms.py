"""Print the import graph between the rooms of the package: `python -m tools.rooms`.

A room is a top-level module or folder of `llm_audit`, a family of `detectors` or one of its own modules counting as one each.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import grimp


def room(module: str) -> str:
    """The room that a module is in."""
    parts = module.split(".")[1:]
    return ".".join(parts[:2]) if parts[:1] == ["detectors"] and len(parts) > 1 else (parts[0] if parts else "llm_audit")


def arrows() -> dict[str, set[str]]:
    """Room -> the other rooms that it imports."""
    graph = grimp.build_graph("llm_audit")
    found: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules:
        found[room(module)] |= {room(each) for each in graph.find_modules_directly_imported_by(module)} - {room(module)}
    return dict(found)


def top_level(drawn: dict[str, set[str]]) -> dict[str, set[str]]:
    """Top-level room -> the others that it imports: `detectors` is one room with its families."""
    top: dict[str, set[str]] = defaultdict(set)
    for name, others in drawn.items():
        top[name.split(".")[0]] |= {each.split(".")[0] for each in others} - {name.split(".")[0]}
    return dict(top)


def circle(drawn: dict[str, set[str]]) -> list[str]:
    """Rooms that import each other in turn, the first one again at the end; none if there is no circle."""
    try:
        TopologicalSorter(drawn).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def main() -> None:
    """Print each room with its arrows, and their numbers."""
    drawn = arrows()
    for name in sorted(drawn):
        print(f"{name:<28} {', '.join(sorted(drawn[name]))}")
    top = top_level(drawn)
    around = " -> ".join(circle(top)) or "none"
    print(f"{len(top)} top-level rooms, {sum(map(len, top.values()))} arrows, circles: {around}", file=sys.stderr)


if __name__ == "__main__":
    main()
