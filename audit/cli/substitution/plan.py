"""`llm-audit substitution plan`: requests that a question needs."""

from __future__ import annotations

import click

from llm_audit.cli.substitution import SUBSTITUTION

HELP = (
    SUBSTITUTION["plan"]
    + """

    From effects measured on a small model behind a real llama.cpp server; a larger model moves less at the same precision.
    """
)


@click.command(help=HELP, short_help=SUBSTITUTION["plan"])
@click.option("--effect", required=True, metavar="NAME", help="What may be served instead: q8, q5 or q4.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of requests answered by it.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Of the whole audit.",
)
@click.option(
    "--power",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Chance to find it.",
)
@click.option("--tokens", type=click.IntRange(1), default=8, show_default=True, help="As of the audit.")
def command(effect: str, rate: float, alpha: float, power: float, tokens: int) -> None:  # fmt: skip
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    from rich.console import Console

    from llm_audit.detectors.substitution.plan import effects, measured_size, plan
    from llm_audit.reports.console import line, plain_table, say, show

    plans = plan(effect, rate=rate, alpha=alpha, power=power, tokens=tokens)
    console, table = Console(), plain_table()
    for name in ("test", "requests", "tokens answered", "note"):
        table.add_column(name)
    for one in plans:
        table.add_row(
            one.rule,
            f"{one.requests:,}" if one.requests else "more than is sensible",
            f"{one.tokens:,}" if one.tokens else "–",
            line(one.note),
        )
    say(console, f"{effect}: {effects()[effect].description}")
    say(
        console,
        f"in {rate:.0%} of requests, to be found at alpha {alpha:g} with power {power:g}, against {measured_size()} honest "
        "answers:",
    )
    show(console, table, 2)
