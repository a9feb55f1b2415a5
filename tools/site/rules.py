"""The pages of the rules: what each rule says of itself comes from the registry, the rest is written by hand.

`docs/rules/AUD310.md` holds what no code can know: what was measured, and an example. Its heading and everything that
`llm-audit explain AUD310` prints are put in front of it. A code of several rules has one page with all of them.
"""

from __future__ import annotations

from collections import defaultdict

from llm_audit.api.rules import AnyRule, in_words, rules

FOLDER = "rules"
FAMILIES = {
    "input": "Input",
    "origin": "Was this text machine-generated?",
    "attribution": "Which model wrote it?",
    "membership": "Was it in the training data?",
    "substitution": "Does an endpoint serve the model it claims?",
    "watermark": "Does it carry a watermark?",
    "integrity": "Was the text tampered with?",
}
"""Family -> heading of its part in the list of rules."""


def completed(written: dict[str, str]) -> dict[str, str]:
    """The page of every rule of ours, and the list of all.

    Args:
        written: pages written by hand, path -> Markdown.

    Raises:
        ValueError: a rule has no page, or a page no rule.
    """
    by_code: dict[str, list[AnyRule]] = defaultdict(list)
    for rule in rules():
        if rule.plugin is None:
            by_code[rule.code].append(rule)
    pages = {f"{FOLDER}/{code}.md": page(found, written.get(f"{FOLDER}/{code}.md")) for code, found in by_code.items()}
    orphans = {path for path in written if path.startswith(f"{FOLDER}/AUD")} - pages.keys()
    if orphans:
        raise ValueError(f"no rule has the page {', '.join(sorted(orphans))}")
    return pages | {f"{FOLDER}/index.md": _list(by_code)}


def page(found: list[AnyRule], by_hand: str | None) -> str:
    """The page of the rules of one code.

    Raises:
        ValueError: nothing was written by hand.
    """
    code = found[0].code
    if not by_hand or not by_hand.strip():
        raise ValueError(f"docs/{FOLDER}/{code}.md is missing: write what was measured of {code}, and an example")
    title = found[0].title if len(found) == 1 else ", ".join(rule.name for rule in found)
    parts = [f"# {code} {title}"]
    for rule in found:
        parts += [f"## {rule.title}"] if len(found) > 1 else []
        # A page does not say where it is.
        parts.append("\n".join(_definition(*part) for part in in_words(rule) if part[0] != "Page"))
    return "\n\n".join([*parts, by_hand.strip()]) + "\n"


def _definition(name: str, sentences: tuple[str, ...]) -> str:
    code = name in ("Name", "Family")
    shown = [f"`{each}`" if code else each for each in sentences]
    return f"{name}\n" + "\n".join(f":   {each}\n" for each in shown)


def _list(by_code: dict[str, list[AnyRule]]) -> str:
    lines = [
        "# Rules",
        "Each rule asks one question, under one null hypothesis, and has one code that never changes its meaning. "
        "`llm-audit explain AUD310` prints the beginning of each page.",
    ]
    for family, heading in FAMILIES.items():
        found = {code: each for code, each in by_code.items() if each[0].family == family}
        if found:
            lines += [f"## {heading}", "\n".join(["| code | name | question |", "|---|---|---|", *map(_row, found.values())])]
    return "\n\n".join(lines) + "\n"


def _row(found: list[AnyRule]) -> str:
    code, names = found[0].code, ", ".join(f"`{rule.name}`" for rule in found)
    return f"| [{code}]({code}.md) | {names} | {found[0].question} |"
