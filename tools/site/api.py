"""The Python API, from signatures and docstrings of what `import llm_audit` offers."""

from __future__ import annotations

import inspect
import re
from typing import Any

import llm_audit

KINDS = (
    (
        "Questions",
        (
            *("detect", "attribute", "watermark", "gate", "scan", "bench"),
            *("audit_endpoint", "watch_endpoint", "probe_watermark", "verify"),
        ),
    ),
    ("Membership", ()),
    ("Setup", ("Setup", "EndpointSetup", "Text", "File", "load_policy")),
    ("Reports", ("Report", "Scan", "ScanInterrupted", "read_report", "Compliance", "file_compliance", "Verdict")),
    (
        "Making things",
        (
            *("calibrate", "train", "generate", "new_canary", "new_watermark_key", "watermark_schemes"),
            *("count_frequencies", "plan_audit", "probe_endpoint", "record_endpoint"),
        ),
    ),
    ("Rules", ("rules", "explain")),
    ("Errors", ("AuditError", "InvalidConfiguration", "InvalidInput", "NotAvailable")),
)
"""Heading -> names under it; names that are in none come last."""

SECTIONS = ("Args", "Returns", "Raises", "Attributes", "Yields")


def pages() -> dict[str, str]:
    """The one page."""
    parts = [
        "# Python API",
        "Everything is imported when it is first used: `import llm_audit` takes less than 50 ms. Errors are `NotAvailable`, "
        "`InvalidConfiguration` and `InvalidInput`, all of them `AuditError`, with one sentence that says what to do. What "
        "`report.documents[0]`, `report.membership` and the other parts of a report hold: [The JSON of a report](report.md); "
        "the fields have the same names. Threads may share an open `Setup`; processes open one each.",
    ]
    placed = {name for _, names in KINDS for name in names} | {"membership", "__version__"}
    kinds = [*KINDS, ("Others", tuple(name for name in llm_audit.__all__ if name not in placed))]
    for heading, names in kinds:
        described = [describe(f"llm_audit.{name}", getattr(llm_audit, name)) for name in names]
        if heading == "Membership":
            module = llm_audit.membership
            described = [describe(f"llm_audit.membership.{name}", getattr(module, name)) for name in module.__all__]
        if described:
            parts += [f"## {heading}", *described]
    return {"reference/python.md": "\n\n".join(parts) + "\n"}


def describe(name: str, thing: Any) -> str:
    """A function or a class: its signature, then its docstring as Markdown."""
    parts = [f"### {name}", f"```text\n{signature(name, thing)}\n```", markdown(inspect.getdoc(thing) or "")]
    if inspect.isclass(thing) and not issubclass(thing, Exception):
        for method, value in vars(thing).items():
            function = inspect.isfunction(value) or isinstance(value, classmethod)
            if function and not method.startswith("_") and inspect.getdoc(value):
                bound = getattr(thing, method)
                parts += [
                    f"#### {name}.{method}",
                    f"```text\n{signature(method, bound)}\n```",
                    markdown(inspect.getdoc(bound) or ""),
                ]
    return "\n\n".join(part for part in parts if part)


def signature(name: str, thing: Any) -> str:
    """How it is called: `llm_audit.detect(texts, *, alpha=0.01, ...)`, without types; a line for each word if it is long."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return name
    words, keyword = [], False
    for parameter in parameters:
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            words.append("*")
            keyword = True
        default = "" if parameter.default is parameter.empty else f"={_default(parameter.default)}"
        words.append(f"{parameter}".split(":")[0].split("=")[0] + default)
    line = f"{name}({', '.join(words)})"
    return line if len(line) <= 100 else f"{name}(\n" + "".join(f"    {word},\n" for word in words) + ")"


def _default(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)


def markdown(docstring: str) -> str:
    """A docstring in our style (sections with an indented entry each) as Markdown."""
    lines, out, inside = docstring.splitlines(), [], False
    example: list[str] = []
    for line in [*lines, ""]:
        if line.startswith((">>>", "...")) or (example and line.strip()):
            example.append(line)
            continue
        if example:
            out += ["", "```pycon", *example, "```", ""]
            example = []
        if match := re.fullmatch(rf"({'|'.join(SECTIONS)}):", line.strip()):
            out += ["", f"*{match[1]}*", ""]
            inside = True
        elif inside and re.match(r"    \S", line):
            name, colon, rest = line.strip().partition(": ")
            out.append(f"- `{name}`: {rest}" if colon and len(name) < 60 else f"- {line.strip()}")
        elif inside and line.startswith("        "):
            out[-1] += f" {line.strip()}"
        else:
            inside = inside and not line.strip()
            out.append(line)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()
    return _paragraphs_of_code(text)


def _paragraphs_of_code(text: str) -> str:
    """Indented blocks of a docstring are code: fenced, since an indented one after a list would be part of the list."""
    return re.sub(r"(?m)(?:^    .*\n?)+", lambda block: "```text\n" + inspect.cleandoc("\n" + block[0]) + "\n```\n", text)
