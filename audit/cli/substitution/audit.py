"""`llm-audit substitution audit`: an endpoint's answers against a reference model on this machine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click
from typing_extensions import Unpack

from llm_audit.cli.options import (
    check_outputs,
    computing_options,
    output_options,
    publish,
    scoring_session,
    show_warnings_as_sentences,
    stages,
)
from llm_audit.cli.substitution import SUBSTITUTION
from llm_audit.cli.substitution.common import ALPHA, TOKENS, Asked, choose_surface, endpoint_options, prompts_option, source_of

if TYPE_CHECKING:
    from llm_audit.scoring.session import Session

HELP = (
    SUBSTITUTION["audit"]
    + """

    URL: of an OpenAI-compatible server, such as https://api.example.com/v1.

    Exit code 3 if nothing could be measured, which is never called consistent.
    """
)


@click.command(help=HELP, short_help=SUBSTITUTION["audit"])
@prompts_option(required=False)
@click.option(
    "--reference",
    metavar="MODEL",
    help="What the endpoint is said to serve: folder, or org/name@commit. Default: the embedded model.",
)
@click.option(
    "--trusted",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="JOURNAL",
    help="Instead of a model here: recorded answers (`llm-audit substitution record`) and their prompts; repeatable.",
)
@click.option(
    "--surface",
    type=click.Choice(["auto", "chat", "completions"]),
    default="auto",
    show_default=True,
    help="What to ask the endpoint for. auto: chat if the reference has a chat template.",
)
@click.option("--requests", type=click.IntRange(10), default=60, show_default=True, help="To the endpoint.")
@click.option(
    "--honest",
    type=click.IntRange(10),
    default=200,
    show_default=True,
    help="Questions that the reference answers for comparison.",
)
@TOKENS
@click.option(
    "--allow",
    "precisions",
    multiple=True,
    type=click.Choice(["f32", "f16", "bf16", "bf16-logits"]),
    default=("f32", "f16", "bf16", "bf16-logits"),
    show_default=True,
    help="Precisions that are as promised; two or more.",
)
@click.option(
    "--texts",
    type=click.IntRange(0),
    default=None,
    help="Prompts for the tests of texts. Default: 20 where the endpoint hides log-probabilities, else none.",
)
@click.option(
    "--sequential", is_flag=True, help="Stop as soon as the teacher-forced comparison suffices; then exceedance is not run."
)
@ALPHA
@endpoint_options
@output_options
@computing_options
def command(
    prompts: Path | None,
    trusted: tuple[Path, ...],
    reference: str | None,
    surface: str,
    requests: int,
    honest: int,
    tokens: int,
    precisions: tuple[str, ...],
    texts: int | None,
    sequential: bool,
    alpha: float,
    outputs: tuple[str, ...],
    format_: str,
    strict: bool,
    device: str,
    offline: bool,
    no_cache: bool,
    **asked: Unpack[Asked],
) -> int:  # fmt: skip
    """Run the command; the docstring for users is in `SUBSTITUTION`."""
    show_warnings_as_sentences()
    import hashlib
    from dataclasses import replace

    from llm_audit.detectors.substitution import run
    from llm_audit.detectors.substitution.local import LocalModel
    from llm_audit.detectors.substitution.prompts import digest, read_prompts
    from llm_audit.detectors.substitution.reference_model import ReferenceModel
    from llm_audit.detectors.substitution.settings import Settings
    from llm_audit.detectors.substitution.trusted import Trusted
    from llm_audit.endpoints.journal import Replay
    from llm_audit.endpoints.probe import probe
    from llm_audit.manifest import collect

    check_outputs(outputs, format_)
    settings = Settings(
        requests=requests, honest=honest, tokens=tokens, precisions=tuple(dict.fromkeys(precisions)), texts=texts,
        alpha=alpha, sequential=sequential,
    )  # fmt: skip
    with ExitStack() as stack:
        session: Session | None = None
        compared: Trusted | LocalModel
        if trusted:
            if prompts or reference or surface != "auto":
                raise click.UsageError("--trusted brings its own prompts and surface, and needs no model: give no other.")
            if len({path.resolve() for path in trusted}) < len(trusted):
                raise click.UsageError("A --trusted journal is named twice; name each once.")
            compared = Trusted([Replay(path) for path in trusted], tokens)
            questions, known = compared.prompts, " ".join(fact.value for fact in compared.facts)
        elif prompts is None:
            raise click.UsageError("Name a file of --prompts, or --trusted journals that hold theirs.")
        else:
            questions = read_prompts(prompts)
            session = stack.enter_context(scoring_session(reference, None, device, offline, no_cache))
            chosen = cast('Literal["chat", "completions"]', choose_surface(surface, session.model.chat_template))
            compared = LocalModel(ReferenceModel(session.model, chosen, device, session.cache), settings.precisions, tokens)
            known = session.model.digest
        seed = hashlib.sha256(f"{digest(questions)} {known} {replace(settings, alpha=0.0)}".encode()).hexdigest()[:32]
        settings = replace(settings, seed=seed)
        run.deal(compared, questions, settings)  # what cannot come to a decision is refused before anything is asked
        source = source_of(asked)
        progress = stack.enter_context(stages())
        found = run.audit(
            source, probe(source), compared, questions, settings,
            progress,
        )  # fmt: skip
    rules = sorted({test.rule for test in found.tests})
    return publish(run.report(found, collect(session, alpha=alpha, rules=rules)), outputs, format_, strict)
