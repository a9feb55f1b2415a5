"""`llm-audit substitution plan`: requests that a question needs."""

from __future__ import annotations

import click

import llm_audit
from llm_audit.cli import command_of
from llm_audit.cli.options import LEVEL, alpha_option
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import TOKENS

MORE = """
From effects measured on a small model behind a real llama.cpp server; a larger model moves less at the same precision.
"""


@command_of(SUBSTITUTION, "plan", MORE)
@click.option("--effect", required=True, metavar="NAME", help="What may be served instead: q8, q5 or q4.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Share of requests that it answers.")
@alpha_option("Level of the whole audit.")
@click.option("--power", type=LEVEL, default=0.9, help="Chance to find the substitution.")
@TOKENS
def command(effect: str, rate: float, alpha: float, power: float, tokens: int) -> None:
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    from rich.console import Console

    from llm_audit.reports.terminal.console import say, show, table_of

    plan = llm_audit.plan_audit(effect, rate=rate, alpha=alpha, power=power, tokens=tokens)
    rows = [
        (
            test.rule,
            f"{test.requests:,}" if test.requests else "more than is sensible",
            f"{test.tokens:,}" if test.tokens else "–",
            test.note,
        )
        for test in plan.tests
    ]
    console = Console()
    say(console, f"{effect}: {plan.description}")
    sought = f"in {100 * rate:.3g}% of requests, to be found at alpha {alpha:g} with power {power:g}"
    say(console, f"{sought}, against {plan.honest} honest answers:")
    show(console, table_of(("test", "requests", "tokens answered", "note"), rows), 2)
