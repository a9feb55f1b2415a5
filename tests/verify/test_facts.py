"""Facts of an endpoint's report: none is lost, moved or invented, and each agrees with what the report states elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llm_audit.endpoints.journal import FACTS, REQUESTS, TOKENS, UNCOUNTED
from llm_audit.reports.wording.substitution import FIXED, MULTIPLICITY, QUESTIONS, REFERENCE, TRUSTED, reference, rows
from llm_audit.results import Asking, Fact, Manifest, ModelIdentity, Substitution
from llm_audit.verification.ledger import Ledger
from llm_audit.verification.substitution import substitution
from tests.detectors.substitution.test_conclude import ALPHA, audited, tracked
from tests.reports import factory

DIGEST = "0123456789ab" + "c" * 52


def manifest(*, local: bool) -> Manifest:
    model = ModelIdentity(name="tiny", digest=DIGEST, dtype="float32")
    return factory.report().manifest.model_copy(update={"alpha": ALPHA, "model": model if local else None, "seeds": ("1", "5")})


def facts(*references: tuple[str, str]) -> dict[str, str]:
    """The facts of an audit whose costs are those of `audited`."""
    cost = audited(1.0).cost
    journal = dict.fromkeys(FACTS, "none") | {
        "Endpoint": "http://localhost/v1",
        "Model asked for": "served",
        "Requests": REQUESTS.write(requests=cost.requests, attempts=cost.attempts),
        "Tokens": TOKENS.write(prompts=cost.prompt_tokens, answers=cost.completion_tokens) + UNCOUNTED.write(answers=3),
    }
    questions = QUESTIONS.write(audited=20, honest=60, cut=0, digest="0123456789ab")
    fixed = {FIXED: f"requests: 20, texts: 9, alpha: {ALPHA}, sequential: false"}
    return fixed | dict(references) | {"Questions": questions, "Multiplicity": MULTIPLICITY, "Seed": "5"} | journal


LOCAL = facts((REFERENCE, reference("tiny", DIGEST, "chat")))
TRUSTED_TWO = facts(*((TRUSTED.write(at=at), f"http://localhost/{at}, model served, asked never") for at in (1, 2)))


def subject(stated: dict[str, str], **more: object) -> Substitution:
    given = tuple(Fact(name=name, value=value) for name, value in stated.items())
    asking = Asking(surface="chat", rounded=0.0, remarks=0)
    settled = {"endpoint": "http://localhost/v1", "model": "served", "facts": given, "asking": asking, "notes": ()}
    return audited(1.0).model_copy(update=settled | more)


def named(found: Substitution, *, local: bool = True) -> set[str]:
    """Facts that a verification names."""
    ledger = Ledger()
    substitution("endpoint", found, manifest(local=local), ledger)
    return {mismatch.path for mismatch in ledger.mismatches if mismatch.path.startswith("endpoint.facts")}


def test_the_facts_of_an_audit_hold() -> None:
    assert named(subject(LOCAL)) == set()
    assert named(subject(TRUSTED_TWO, allowed=("trusted endpoint 1", "trusted endpoint 2")), local=False) == set()
    repeats = ("trusted endpoint 1, answer 1", "trusted endpoint 1, answer 2", "trusted endpoint 2")
    assert named(subject(TRUSTED_TWO, allowed=repeats), local=False) == set()


@pytest.mark.parametrize("name", LOCAL)
def test_none_is_lost(name: str) -> None:
    without = {kept: value for kept, value in LOCAL.items() if kept != name}
    assert "endpoint.facts" in named(subject(without))


@pytest.mark.parametrize("name", [TRUSTED.write(at=at) for at in (1, 2)])
def test_no_trusted_endpoint_is_lost(name: str) -> None:
    without = {kept: value for kept, value in TRUSTED_TWO.items() if kept != name}
    lost = subject(without, allowed=("trusted endpoint 1", "trusted endpoint 2"))
    assert "endpoint.facts" in named(lost, local=False)


def test_none_is_added_or_moved() -> None:
    assert "endpoint.facts" in named(subject(LOCAL | {"Certificate": "A person has confirmed the verdict."}))
    moved = named(subject(dict(reversed(LOCAL.items()))))
    assert {"endpoint.facts[0]", "endpoint.facts[1]"} <= moved


CHANGES: dict[str, Callable[[str], str]] = {
    FIXED: lambda value: value.replace(f"alpha: {ALPHA}", "alpha: 0.05"),
    REFERENCE: lambda value: value.replace("tiny", "large"),
    "Multiplicity": lambda value: "none",
    "Seed": lambda value: "7",
    "Endpoint": lambda value: value.replace("localhost", "example.com"),
    "Model asked for": lambda value: "other",
    "Requests": lambda value: value.replace(" in ", "0 in "),
    "Tokens": lambda value: value.replace("3 answers do not say", "no answer is wrong"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_follows_from_the_rest_of_the_report_agrees_with_it(name: str) -> None:
    changed = CHANGES[name](LOCAL[name])
    assert changed != LOCAL[name]
    assert named(subject(LOCAL | {name: changed})) == {f"endpoint.facts[{list(LOCAL).index(name)}].value"}


def test_the_rows_of_a_comparison_are_those_that_were_compared() -> None:
    def watched(stated: dict[str, str]) -> set[str]:
        given = tuple(Fact(name=name, value=value) for name, value in stated.items())
        found = tracked(1.0).model_copy(update={"endpoint": "http://localhost/v1", "model": "served", "facts": given})
        return named(found, local=False)

    journal = {name: LOCAL[name] for name in FACTS}
    assert watched({"Rows": rows(8, 8)} | journal) == set()
    assert watched({"Rows": rows(8, 9)} | journal) == {"endpoint.facts[0].value"}
    assert watched(journal) == {"endpoint.facts"}
    assert watched({"Answers": "8 before, 8 now, to 2 prompts"} | journal) == {"endpoint.facts[0]"}
    untested = tracked(1.0).model_copy(update={"tests": (), "facts": tuple(Fact(name=name, value="") for name in FACTS)})
    for name in ("Rows", "Answers"):
        stated = untested.model_copy(update={"facts": (Fact(name=name, value=""), *untested.facts)})
        assert "endpoint.facts" not in named(stated, local=False) and "endpoint.facts[0]" not in named(stated, local=False)
    assert "endpoint.facts" in named(untested, local=False)
