"""Record a trusted endpoint's answers to the questions of an audit in its journal. Knows nothing about tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from llm_audit.common.errors import NotAvailable
from llm_audit.common.progress import Progress, named, silent
from llm_audit.detectors.substitution import prompt_tokens
from llm_audit.detectors.substitution.prompts import pool_of
from llm_audit.detectors.substitution.questions import is_question, questions, texts
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.endpoints.probe import Capabilities
from llm_audit.endpoints.records import Failure, Reply, Source, Surface

FIRST_SEED = 10**8
"""First seed of recorded texts, unlike those of an audit: an endpoint that honours seeds would repeat the same texts."""


def record(
    source: Source,
    capabilities: Capabilities,
    prompts: Sequence[str],
    surface: Surface,
    count: int,
    repeats: int,
    settings: Settings,
    progress: Progress = silent,
) -> tuple[int, Counter[str]]:
    """Ask everything; returns how many answers can be compared, and for each reason how many questions have no such answer.

    Raises:
        AuditError: the endpoint gives no answers on that surface.
    """
    known = capabilities.chat if surface == "chat" else capabilities.completions
    if known is None:
        because = capabilities.failures[0].reason if capabilities.failures else ""
        raise NotAvailable(f"The endpoint gives no answers on the surface {surface}; nothing was recorded. {because}".strip())
    # A fixed draw, so that another run asks the same; which questions an audit uses is drawn later.
    pool = pool_of(prompts, count, np.random.default_rng(0))[:count]
    wanted = min(settings.alternatives, known.top_logprobs) or None
    outcomes = source.ask(questions(pool, known, settings.tokens, wanted, repeats), named(progress, "Asking"))
    chosen = prompts[: settings.prompts_of_texts(known.top_logprobs)]
    outcomes += source.ask(
        texts(chosen, surface, settings.text_tokens, settings.draws, FIRST_SEED),
        named(progress, "Asking for texts"),
    )
    outcomes += source.ask(prompt_tokens.questions(known, settings.tokens), named(progress, "Counting tokens"))
    silent = not any(outcome.text for outcome in outcomes if isinstance(outcome, Reply))
    lost = Counter(filter(None, (_fault(outcome, silent) for outcome in outcomes)))
    return len(outcomes) - lost.total(), lost


def _fault(outcome: Reply | Failure, silent: bool) -> str:
    """Why an outcome is nothing that another endpoint can be held against, as a sentence; "" if it can be.

    An honest model may write nothing now and then; `silent`: the endpoint never writes anything.
    """
    if isinstance(outcome, Failure):
        return outcome.reason
    if is_question(outcome) and outcome.defects:
        return outcome.defects[0]
    return "The answer has no text." if silent else ""
