"""`llm-audit substitution plan`: requests that a question needs."""

from __future__ import annotations

import click

import llm_audit
from llm_audit.cli.options import LEVEL, alpha_option
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import TOKENS

HELP = (
    SUBSTITUTION["plan"]
    + """

    From effects measured on a small model behind a real llama.cpp server; a larger model moves less at the same precision.
    """
)


@click.command(help=HELP, short_help=SUBSTITUTION["plan"])
@click.option("--effect", required=True, metavar="NAME", help="What may be served instead: q8, q5 or q4.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True,
              help="Share of requests answered by it.")  # fmt: skip
@alpha_option("Of the whole audit.")
@click.option("--power", type=LEVEL, default=0.9, show_default=True, help="Chance to find it.")
@TOKENS
def command(effect: str, rate: float, alpha: float, power: float, tokens: int) -> None:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    from rich.console import Console

    from llm_audit.reports.terminal.console import line, plain_table, say, show

    plan = llm_audit.plan_audit(effect, rate=rate, alpha=alpha, power=power, tokens=tokens)
    console, table = Console(), plain_table()
    for name in ("test", "requests", "tokens answered", "note"):
        table.add_column(name)
    for test in plan.tests:
        table.add_row(
            test.rule,
            f"{test.requests:,}" if test.requests else "more than is sensible",
            f"{test.tokens:,}" if test.tokens else "–",
            line(test.note),
        )
    say(console, f"{effect}: {plan.description}")
    sought = f"in {rate:.0%} of requests, to be found at alpha {alpha:g} with power {power:g}"
    say(console, f"{sought}, against {plan.honest} honest answers:")
    show(console, table, 2)
