"""`llm-audit generate`: draw texts from a model, for calibration and tests."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from llm_audit.cli import COMMANDS
from llm_audit.cli.options import computing_options, fraction_bar, scoring_session, show_warnings_as_sentences
from llm_audit.errors import AuditError
from llm_audit.files import Lines
from llm_audit.terminal import one_line


@click.command(help=COMMANDS["generate"], short_help=COMMANDS["generate"])
@click.argument("author", metavar="MODEL[@SETTINGS]")
@click.option("--prompts", type=click.Path(path_type=Path), metavar="FILE",
              help="One prompt a line, or JSON lines with a field 'prompt'. Without it: nothing is asked.")  # fmt: skip
@click.option(
    "-n",
    "count",
    type=click.IntRange(1),
    default=None,
    help="Texts to draw; prompts are taken in turn. Default: one per prompt.",
)
@click.option("--max-tokens", type=click.IntRange(1), default=300, show_default=True, help="Cut a text after so many tokens.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed draws the same texts.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE.jsonl", help="A new file.")
@computing_options
def command(
    author: str,
    prompts: Path | None,
    count: int | None,
    max_tokens: int,
    seed: int,
    output: Path,
    device: str,
    offline: bool,
    no_cache: bool,
) -> None:
    """Run the command; the docstring for users is in `COMMANDS`."""
    show_warnings_as_sentences()
    from llm_audit.detectors.attribution.candidate import Candidate
    from llm_audit.detectors.attribution.generations import Generation, read_prompts

    candidate = Candidate.parse(author)
    if len(candidate.decodings) > 1:
        raise AuditError(f"{author!r} stands for {len(candidate.decodings)} settings; texts are drawn under one.")
    (decoding,) = candidate.decodings
    if output.exists():
        raise AuditError(f"Cannot write {output}: it exists already.")
    asked = read_prompts(prompts) if prompts else [""]
    asked = [asked[i % len(asked)] for i in range(count or len(asked))]
    with scoring_session(candidate.model, None, device, offline, no_cache) as session:
        model = session.model
        read = [candidate.fill(model, prompt) if prompt else None for prompt in asked]
        from llm_audit.scoring.generate import Sampler

        with fraction_bar("Drawing") as progress, ExitStack() as stack:
            drawn = Sampler(model, device)(read, decoding, max_tokens, seed, progress)
            try:
                lines = stack.enter_context(Lines(output, new=True))
            except OSError as error:
                raise AuditError(f"Cannot write {output}: {error.strerror}.") from error
            for number, (prompt, sample) in enumerate(zip(asked, drawn, strict=True)):
                record = Generation(
                    text=sample.text,
                    prompt=prompt,
                    template=candidate.template,
                    token_ids=sample.token_ids,
                    finished=sample.finished,
                    model=model.name,
                    digest=model.digest,
                    temperature=decoding.temperature,
                    top_k=decoding.top_k,
                    top_p=decoding.top_p,
                    min_p=decoding.min_p,
                    max_tokens=max_tokens,
                    seed=seed,
                    number=number,
                )
                lines.append(record.model_dump_json().encode() + b"\n")  # what is drawn is kept, whatever happens next
    click.echo(f"{len(asked):,} texts by {one_line(author)} in {one_line(str(output))}.")
