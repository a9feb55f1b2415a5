"""The queue: how long answers stay, how long the rest takes, and what those hear who wait for a model that cannot be loaded."""

from __future__ import annotations

import asyncio
from typing import Any

import jsonschema
import pytest

from llm_audit.api.documents import Text
from llm_audit.common.errors import AuditError
from llm_audit.serving import jobs, openapi, worker
from llm_audit.serving.answers import state_of
from llm_audit.serving.jobs import Item, Job, Queue
from llm_audit.serving.metrics import Metrics
from llm_audit.serving.settings import Limits, Service


class Clock:
    """A clock that goes on when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(jobs.time, "monotonic", made)
    return made


def job(texts: int = 1) -> Job:
    async def made() -> Job:
        return Job([Item(Text("A text.", name=f"text {number}")) for number in range(texts)], alpha=0.01)

    return asyncio.run(made())


def test_an_answer_stays_for_a_time_after_it_was_last_looked_at(clock: Clock) -> None:
    queue, asked = Queue(Limits(kept_seconds=60)), job()
    queue.put(asked)
    asked.state, asked.ended = "finished", clock.now
    for _ in range(3):
        clock.now += 50
        assert queue.get(asked.id) is asked
    clock.now += 61
    assert queue.get(asked.id) is None


def test_the_rest_takes_as_long_as_what_is_judged_did(clock: Clock) -> None:
    asked = job(10)
    assert asked.seconds_left is None
    clock.now = asked.began + 40
    for item in asked.items[:4]:
        item.state = "finished"
    assert asked.seconds_left == pytest.approx(60)


def test_those_who_wait_for_a_model_that_cannot_be_loaded_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*texts: Any, **options: Any) -> None:
        raise AuditError("The weights are damaged.")

    monkeypatch.setattr(worker, "detect", refuse)
    queue, asked = Queue(Limits()), job()
    queue.put(asked)
    setup: Any = None
    judging = worker.Worker(queue, setup, Metrics(lambda: 0, lambda: 0))
    judging.start()
    judging.stop()
    assert judging.state == "failed" and (asked.state, asked.error) == ("failed", "The weights are damaged.")


def test_the_description_names_every_field_of_a_job() -> None:
    schema = openapi.document(Service())["components"]["schemas"]["Job"]
    state = state_of(job(2))
    assert set(state) == set(schema["properties"])
    jsonschema.validate(state, schema)
