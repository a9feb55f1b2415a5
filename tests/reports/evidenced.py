"""A report with a piece of evidence of every kind, as small as it can be, and a manifest with every field filled."""

from __future__ import annotations

from llm_audit.results import Mark, Plugin, Report, Span
from llm_audit.results import evidence as e
from llm_audit.results import membership_evidence as m
from llm_audit.results import substitution_evidence as s
from llm_audit.results import watermark_evidence as w
from tests.reports import factory

CONFORMAL = e.Conformal(
    population="essays-en", digest="0" * 64, rules=("AUD101",), weights=(), parts=(e.Part(start=0, stop=64, statistics=(0.1,)),)
)
RATIO = e.Ratio(rivals=(-1.0,), null=-2.0)
AGAINST = e.Against(candidate=0, settings=(RATIO,))
MARK = Mark(
    kind="c2pa_selectors", start=0, end=9, manifest_sha256="0" * 64, manifest_bytes=9, reference="x", defect="x",
    claim_generator="x", signer="x", signature="valid", reason="x",
)  # fmt: skip
LAW: dict[str, str | int | float] = {"kind": "x", "shape": 1.0}
SUMMED = w.Summed(reading="x", tokens=9, scored=8, distinct=8, total=1.0, law=LAW)
READINGS: tuple[w.Reading, ...] = (
    SUMMED,
    w.LinedUp(reading="x", tokens=9, keys=9, block=9, cells=9, cost=1.0),
    w.FreshKeys(reading="x", alignment="edit", tokens=9, keys=9, cost=1.0, draws=9, exceeding=1, most=9, stop=1),
)
KEYED = w.KeyedText(key="0" * 12, scheme="x", tests=1, readings=READINGS)
PROBED = w.ProbedChoices(
    statistic="log_odds", words=("x", "y"), counts=(((1, 2), (2, 1)),), unread=0, draws=9, seed="5",
)  # fmt: skip
KINDS: tuple[e.Derivation, ...] = (
    CONFORMAL,
    e.MartingaleZ(tokens=1, deviation=0.1, variance=1.0, vocabulary=9),
    e.Tempering(peak=(0.1,), end=(0.1,), without=None, strongest=1, outside=0, tests=1),
    e.LikelihoodRatio(peak=RATIO, end=RATIO, without=None, strongest=1, tests=1),
    e.Fisher(
        tokens=1, total=1.0, impossible=0, outside=None, share=0.0, without=None, kolmogorov_smirnov=0.5, anderson_darling=0.5,
        tests=1,
    ),
    e.Characters(
        count=3, tolerated=2, named=(e.Odd(code_point=0x200B, count=3),), others=0, ways=(e.Way(how="white", count=3),),
        first="x",
    ),
    m.Drawn(effect="gain"),
    m.Versions(table=((1.0, 2.0),), groups=(0,)),
    m.TwoSample(suspect=1, held_out=1, scores=(0.1, 0.2)),
    m.RankSum(exceeding=(1,), draws=(9,), gains=(0.1,), t=0.5),
    m.Continued(exceeding=(1,), draws=(9,), written=(16,), agreeing=(0.5,), by_chance=(0.04,)),
    m.Signs(signs=(m.Sign(name="sorting", exceeding=1, draws=9),)),
    s.OnlineRanks(
        yardstick="local", measure="distance", unit="nats", seed="5", requests=("question 1",), missing=0, asked=1,
        variants=(s.Variant(name="f32", endpoint=(0.1,), honest=(0.1,)),),
    ),
    s.Exceedance(),
    s.RelativeRanks(seed="5", scores=(0.1,), references=((0.1,),)),
    s.Discrepancy(yardstick="local", seed="5", prompts=(s.Kernel(first=1, size=2, above=(0.1,)),), raw_p=0.1),
    s.Change(before=1, rows=((0.1,), (0.2,))),
    KEYED,
    w.KeyedWindows(
        key="0" * 12, scheme="x", tests=1, reading="x", distinct=9, law=LAW, least=2, draws=9, seed="5", sums=(1.0,),
    ),
    w.KeyedBets(key="0" * 12, scheme="x", tests=1, reading="x", distinct=9, log_e=0.1, log_peak=0.1),
    w.KeyedCalibration(key="0" * 12, scheme="x", tests=1, log_p=-1.0, references=(-0.5,)),
    w.KeyedTogether(tests=(KEYED,)),
    w.KeyedTraining(key="0" * 12, scheme="x", mode="reading", texts=1, counted=SUMMED),
    PROBED,
    w.ProbedRepeats(answers=9, distinct=8, repeats=1, expected=0.5),
    w.ProbedPhases(words=("x", "y"), fresh=(1, 2), again=(2, 1), unread=0),
    w.ProbedTogether(tests=(PROBED,)),
    s.Conformance(
        changes=("x",), asked="x", named=("y",), longer=0, counted=1, miscounted=0, fewer=0,
        flaws=(s.Flaw(name="x", answers=1),), parameters=(s.Parameter(name="stop", tried=2, ignored=1),),
    ),
    s.PromptCounts(asked=1, prompts=(s.PromptCount(name="x", characters=9, reference=3, billed=4),)),
    s.LogOdds(
        seed="5",
        asked=75,
        forced=5,
        obeyed=5,
        variants=("x", "y"),
        points=(s.TurningPoint(lower=0.5, upper=0.508, expected=(0.503, 0.51)),) * 10,
        honest=((1.0, 1.01),) * 10,
    ),
    s.BorderChange(seed="5", repeats=(1, 0), inputs=(s.FirstTokens(before=(3, 2, 0), after=(2, 2, 1)),)),
    s.BorderInputs(
        seed="5", asked=9, variants=("x",),
        inputs=(s.BorderInput(tokens=("x", "y"), told=8, first=4, second=3, expected=((0.4, 0.3),)),),
    ),
)  # fmt: skip


def report() -> Report:
    """Texts of `attribute`, with one result a kind."""
    document = factory.attributed(tokens=20)
    tests = tuple(document.combined.model_copy(update={"evidence": kind}) for kind in KINDS) if document.combined else ()
    placed = Span(start=0, end=1, p_value=None, p_floor=None, q_value=None, n=0, place="page 1")
    tests = (*tests[1:], tests[0].model_copy(update={"spans": (placed,)}))
    settings = e.Settings(
        settings=(e.Setting(name="T = 1", tests=(e.Deciding(rule="AUD202", evidence=KINDS[2]),)),),
        shown=0,
        same=(1,),
        other_tokens=False,
    )
    first, *others = document.attributions
    attributions = (
        first.model_copy(update={"evidence": settings}),
        *(other.model_copy(update={"evidence": e.Generations(settings=(CONFORMAL,))}) for other in others),
    )
    members = e.Members(against=(AGAINST,), outside=(AGAINST,))
    sets = tuple(one.model_copy(update={"evidence": members}) for one in document.sets)
    made = factory.attribution_report(
        document.model_copy(update={"results": tests, "attributions": attributions, "sets": sets, "marks": (MARK,)})
    )
    manifest = made.manifest
    assert manifest.model is not None
    model = manifest.model.model_copy(update={"files": {"model.safetensors": "0" * 64}})
    more = {
        "model": model,
        "further_models": (model,),
        "finished": manifest.started,
        "weights": {"AUD110": "0" * 64},
        "inputs": {"corpus.txt": "0" * 64},
        "seeds": ("5",),
        "policy": "0" * 64,
        "device": "cpu",
        "plugins": (Plugin(rule="AUD199", name="mine", distribution="mine", version="1", digest="0" * 64),),
    }
    return made.model_copy(update={"manifest": manifest.model_copy(update=more), "content_digest": "0" * 64})
