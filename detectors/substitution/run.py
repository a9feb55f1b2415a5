"""Run an audit of an endpoint, from the first question to `results.Substitution`.

Knows nothing about the command line or report formats.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.common.errors import InvalidConfiguration
from llm_audit.common.progress import Progress, named, silent
from llm_audit.detectors.rule import Terms
from llm_audit.detectors.substitution import (
    border_inputs,
    conformance,
    log_odds,
    parameters,
    prompt_tokens,
    rank_uniformity,
    two_samples,
)
from llm_audit.detectors.substitution.prompts import FEWEST, Allotment, allot, pool_of
from llm_audit.detectors.substitution.questions import texts
from llm_audit.detectors.substitution.reference import Reference
from llm_audit.detectors.substitution.run_distances import DistanceTests
from llm_audit.detectors.substitution.settings import Settings
from llm_audit.detectors.substitution.subject import Gathered, concluded, endpoint_of
from llm_audit.endpoints.address import RESPONSES
from llm_audit.endpoints.probe import Capabilities, SurfaceCapabilities
from llm_audit.endpoints.records import Reply, Source
from llm_audit.reports.wording import notes
from llm_audit.results import Substitution

TEXTS = rank_uniformity.rule.code, two_samples.rule.code


def audit(
    source: Source,
    capabilities: Capabilities,
    reference: Reference,
    prompts: Sequence[str],
    settings: Settings,
    progress: Progress = silent,
) -> Substitution:
    """Audit an endpoint: ask it, compare its answers with the reference, conclude.

    Args:
        source: the endpoint, or the journal of one.
        capabilities: of its surface that `reference` is asked on, too.
        reference: what the endpoint is held against.
        prompts: best drawn from real traffic.
        settings: fixed beforehand.
        progress: gets the share of each stage that is done.

    Raises:
        AuditError: the settings or prompts cannot come to a decision.
    """
    allotment = deal(reference, prompts, settings)
    surface = capabilities.chat if reference.surface == "chat" else capabilities.completions
    gathered = Gathered([], [], [])
    if surface is not None:
        gathered.greedy = surface.deterministic is not False
        if not gathered.greedy:
            gathered.notes.append(notes.DIFFERENT.write())
        mismatch = DistanceTests(source, surface, reference, allotment, settings, gathered, progress).run()
        count = settings.prompts_of_texts(surface.top_logprobs)
        if count and not mismatch:
            _texts(source, reference, prompts, count, settings, gathered, progress)
            if surface.one_token:
                _borders(source, reference, prompts, settings, gathered, progress)
                if gathered.greedy:  # else a token may turn at any bias
                    _log_odds(source, reference, allotment, settings, gathered, progress)
    replies = [outcome for outcome in gathered.outcomes if isinstance(outcome, Reply)]
    if replies:
        # Last: where a cap on requests cuts the run short, it costs these first.
        untried = settings.sequential or endpoint_of(source).endswith(RESPONSES)  # which knows none of the parameters
        trials = [] if untried else parameters.trials(replies)
        tried = source.ask(trials, named(progress, "Trying parameters")) if trials else []
        measured = conformance.measure(gathered.outcomes, source.model, tried)
        gathered.results.append(conformance.derive(measured, Terms(settings.alpha)))
        if surface is not None and not settings.sequential:
            _counts(source, surface, reference, settings, gathered, progress)
    return concluded(source, capabilities, reference, allotment, settings, gathered)


def deal(reference: Reference, prompts: Sequence[str], settings: Settings) -> Allotment:
    """The allotment of prompts to endpoint and reference, the same at every call. Call it before anything is asked.

    Raises:
        AuditError: nothing could be found under these settings, or the prompts are too few.
    """
    if settings.requests > settings.honest:
        raise InvalidConfiguration(
            "There are more requests than honest answers to hold them against; ask for --honest as many or more."
        )
    if len(reference.allowed) < 2:
        raise InvalidConfiguration(
            f"One {reference.words.variant} gives no honest distance: how far may an honest endpoint be from it? Allow two or "
            "more."
        )
    return allot(prompts, settings.requests, settings.honest, settings.generator("prompts"), cut=reference.supports_prefixes)


def _texts(
    source: Source,
    reference: Reference,
    prompts: Sequence[str],
    count: int,
    settings: Settings,
    gathered: Gathered,
    progress: Progress,
) -> None:
    """Add the tests of texts to `gathered`: the endpoint's texts at temperature 1 against those of the reference."""
    pool = reference.text_prompts(prompts)
    chosen = [pool[i] for i in settings.generator("text prompts").permutation(len(pool))[:count]]
    asks = texts(chosen, reference.surface, settings.text_tokens, settings.draws)
    outcomes = source.ask(asks, named(progress, "Asking for texts"))
    gathered.outcomes += outcomes
    written = [(outcome.ask.prompt, outcome.text) for outcome in outcomes if isinstance(outcome, Reply)]
    complete = {prompt for prompt in chosen if sum(answered == prompt for answered, _ in written) == settings.draws}
    if len(complete) < FEWEST:
        few = notes.TOO_FEW_TEXTS.write(complete=len(complete), first=TEXTS[0], second=TEXTS[1], fewest=FEWEST)
        gathered.notes.append(few)
        return
    if not any(text.strip() for _, text in written):  # a server that leaves out what it was asked for, not another law
        gathered.notes.append(notes.NO_TEXTS.write(texts=len(written), first=TEXTS[0], second=TEXTS[1]))
        return
    tests = reference.measure_texts([pair for pair in written if pair[0] in complete], settings, progress)
    gathered.results += [rule.derive(measured, Terms(settings.alpha)) for rule, measured in tests]


def _borders(
    source: Source,
    reference: Reference,
    prompts: Sequence[str],
    settings: Settings,
    gathered: Gathered,
    progress: Progress,
) -> None:
    """Add the test of border inputs to `gathered`, if the reference finds such prompts."""
    if not reference.first_texts:
        return
    rng = settings.generator("border inputs")
    pool = pool_of(prompts, border_inputs.CANDIDATES, rng)
    chosen = [pool[i] for i in rng.permutation(len(pool))[: border_inputs.CANDIDATES]]
    (chances,) = reference.next_texts(chosen, named(progress, "Looking for border inputs"), variants=1).values()
    borders = border_inputs.find(dict(zip(chosen, chances, strict=True)))
    expected = reference.next_texts([border.prompt for border in borders], named(progress, "Border inputs")) if borders else {}
    asks = border_inputs.questions(borders, reference.surface) if len(borders) >= border_inputs.FEWEST else []
    outcomes = source.ask(asks, named(progress, "Asking border inputs")) if asks else []
    measured = border_inputs.measure(outcomes, borders, expected, reference.first_texts, settings.seed)
    gathered.results.append(border_inputs.derive(measured, Terms(settings.alpha)))


def _log_odds(
    source: Source,
    reference: Reference,
    allotment: Allotment,
    settings: Settings,
    gathered: Gathered,
    progress: Progress,
) -> None:
    """Add the test of log-odds to `gathered`, if the reference knows its logits and the interface has a bias."""
    if endpoint_of(source).endswith(RESPONSES):
        return
    favoured = reference.favoured(allotment.audited, named(progress, "Choosing tokens"))[: log_odds.INPUTS]
    if not favoured:
        return
    expected = reference.turning_points(favoured, named(progress, "Log-odds of the reference"))
    reference_inputs = reference.favoured(allotment.honest, named(progress, "Choosing tokens"))
    honest = reference.turning_points(reference_inputs, named(progress, "Log-odds of the reference"))
    centres = log_odds.centred(next(iter(expected.values())))
    bisected = log_odds.ask(source, reference.surface, favoured, centres, named(progress, "Asking under biases"))
    measured = log_odds.measure(bisected, expected, honest, settings.seed)
    gathered.results.append(log_odds.derive(measured, Terms(settings.alpha)))


def _counts(
    source: Source,
    surface: SurfaceCapabilities,
    reference: Reference,
    settings: Settings,
    gathered: Gathered,
    progress: Progress,
) -> None:
    """Add the counts of prompt tokens to `gathered`, if the reference knows its own."""
    known = reference.token_counts(tuple(prompt_tokens.PROMPTS.values()))
    if not known:
        return
    asks = prompt_tokens.questions(surface, settings.tokens)
    counted = source.ask(asks, named(progress, "Counting tokens")) if asks else []
    gathered.results.append(prompt_tokens.derive(prompt_tokens.measure(counted, known), Terms(settings.alpha)))
