"""A corpus on a terminal: the outcome, the counts, and the top of the list of documents; the page has more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_audit.common.terminal import one_line
from llm_audit.reports import format as fmt
from llm_audit.reports.terminal.console import STYLES, label, line, plain_table, say
from llm_audit.reports.views.corpus import taken_alone, title, why_unread
from llm_audit.results import Corpus, Manifest, Verdict

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 10
"""Most documents listed on a terminal; the page has more."""


def print_corpus(corpus: Corpus, manifest: Manifest, console: Console) -> None:
    """The outcome, the counts and the documents least like the population."""
    discovery = corpus.discovery
    say(console, title(corpus), style="bold")
    say(console, corpus.summary)
    console.print()
    table = plain_table()
    table.add_column("")
    table.add_column("documents", justify="right")
    for verdict, count in corpus.verdicts.items():
        if count:
            table.add_row(label(fmt.LABELS[verdict], STYLES[verdict], console), fmt.count(count))
    console.print(table)
    console.print()
    if discovery.tests:
        say(console, taken_alone(discovery))
    if corpus.ranked:
        console.print()
        say(console, "Least like the population", style="bold")
        table = plain_table()
        table.add_column("document", overflow="fold")
        for name in ("p", "q"):
            table.add_column(name, justify="right")
        table.add_column("")
        for document in corpus.ranked[:SHOWN]:
            table.add_row(
                line(one_line(document.name)),
                fmt.p_cell(document.p_value, document.p_floor),
                fmt.p_value(document.q_value, discovery.alpha),
                label(fmt.LABELS[document.verdict], STYLES[document.verdict], console),
            )
        console.print(table)
    for unread in corpus.unread[:SHOWN]:
        say(console, why_unread(unread), style=STYLES[Verdict.ERROR])
    if manifest.policy:
        console.print()
        say(console, f"Policy {fmt.short_digest(manifest.policy)}")
