"""`llm-audit membership test`: tests whose null hypothesis is exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from llm_audit.cli import command_of, group_of
from llm_audit.cli.membership import MEMBERSHIP
from llm_audit.cli.membership.common import CHANCE, CONTROL, FIELD, MODEL, PROVENANCE, audit_options, echo_options
from llm_audit.cli.options import COMPUTING, COUNT, PATH, alpha_option, output_options, setup_options
from llm_audit.cli.publishing import Output
from llm_audit.cli.substitution.common import endpoint_options
from llm_audit.cli.watermark.common import key_file_option
from llm_audit.common.errors import InvalidConfiguration

TESTS = {
    "canary": "Is a published random string more likely than its unpublished siblings?",
    "continuation": "Does an endpoint go on with a published random string as it was published?",
    "dataset": "Do suspect documents score above held-out ones, on a half kept for the test?",
    "identifier": "Are hashes and ids inside the documents more likely than fresh ones?",
    "order": "Is a data set's canonical order more likely than shuffled ones?",
    "paired": "Are published versions more likely than private rephrasings?",
    "watermark": "Was a model trained on text that carries the mark of your key?",
}
"""Name -> one line of help."""

CANARY = """
NAME: of a canary that `llm-audit membership canary new NAME` has drawn; both its files are read, and the commitment is
checked first. Several canaries are one test together.

With --endpoint each string is one request, the unpublished ones too, beside ten: whoever runs it knows them afterwards.
"""
CONTINUATION = """
URL: of an OpenAI-compatible server that continues texts (the surface completions). It needs to return nothing but text.

Of a canary of 64 letters 7 beginnings are asked for, or 8 if a text was published before it, each --continuations times: 56
or 64 requests of 16 tokens. Several canaries are one test together.
"""
ORDER = """
DATA: JSON lines with a text, or a folder of texts, in the order in which it was published.

With --endpoint each order is one request: (1 + --draws) times --shards, beside ten.
"""
PAIRED = """
PAIRS: JSON lines with the fields public (the version that was published) and private (a rephrasing, or a list of
them). A coin must have decided which version was published; a field document names items that one coin decided.

With --endpoint each version is one request, beside ten.
"""
WATERMARK = """
MARKED: texts that carry the mark: JSON lines with a text (and perhaps token_ids), text files or folders. The model reads
them, and the tokens that it holds likeliest are tested for the mark.

For a model that you cannot read with, collect answers (JSON lines with a text, and the prompt) and name them with
--answers; with MARKED beside, only contexts of the marked texts count.
"""

command = group_of(__name__, MEMBERSHIP, TESTS)


def test(name: str, more: str = "") -> Callable[[Callable[..., int]], None]:
    """Make a function the command of that name. Its help is its line in `TESTS` and, with --help, also `more`."""
    return lambda function: command.add_command(command_of(TESTS, name, more)(function), name)


@test("canary", CANARY)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@audit_options
@echo_options
def canary(names: tuple[str, ...], seed_file: Path | None, output: Output, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    if seed_file:
        raise InvalidConfiguration(
            "A canary's randomness was drawn when it was made; its commitment takes the place of --seed-file."
        )
    return output.run("membership.canary", names, **options)


@test("continuation", CONTINUATION)
@click.option("--canary", "names", multiple=True, required=True, metavar="NAME", help="As `test canary` takes it; repeatable.")
@click.option("--continuations", type=COUNT, default=8, help="Requests for each beginning.")
@alpha_option("Report a finding when the p-value is at most this.")
@endpoint_options
@output_options
def continuation(endpoint: Any, names: tuple[str, ...], output: Output, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return output.run("membership.continuation", endpoint, names, stage="", **options)


@test("dataset")
@click.argument("paths", nargs=-1, required=True, metavar="SUSPECT...")
@click.option(
    "--held-out", multiple=True, required=True, metavar="FILE", help="Texts of the same kind that the model cannot have seen."
)
@PROVENANCE
@CONTROL
@FIELD
@audit_options
def dataset(paths: tuple[str, ...], held_out: tuple[str, ...], output: Output, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return output.run("membership.dataset", paths, held_out, **options)


@test("identifier")
@click.argument("paths", nargs=-1, required=True, metavar="DOCUMENTS...")
@click.option("--draws", type=COUNT, default=19, help="Fresh identifiers for each that is found.")
@FIELD
@audit_options
def identifier(paths: tuple[str, ...], output: Output, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return output.run("membership.identifier", paths, **options)


@test("order", ORDER)
@click.argument("paths", nargs=-1, required=True, metavar="DATA...")
@click.option("--draws", type=COUNT, default=99, help="Shuffles, per shard.")
@click.option("--shards", type=COUNT, default=1, help="Parts, each shuffled within itself.")
@CHANCE
@CONTROL
@FIELD
@audit_options
@echo_options
def order(paths: tuple[str, ...], output: Output, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return output.run("membership.order", paths, **options)


@test("paired", PAIRED)
@click.argument("path", type=PATH, metavar="PAIRS")
@CHANCE
@CONTROL
@audit_options
@echo_options
def paired(path: Path, output: Output, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return output.run("membership.paired", path, **options)


@test("watermark", WATERMARK)
@click.argument("marked", nargs=-1, metavar="[MARKED]...")
@key_file_option(multiple=False)
@click.option("--answers", multiple=True, metavar="FILE", help="Answers of the model, which then is not loaded; repeatable.")
@FIELD
@alpha_option("Report a finding when the p-value is at most this.")
@setup_options("model", *COMPUTING, help=MODEL)
@output_options
def watermark(marked: tuple[str, ...], key_file: str, output: Output, **options: Any) -> int:
    """Run the test; the docstring for users is in `TESTS`."""
    return output.run("membership.watermark", marked, key=key_file, **options)
