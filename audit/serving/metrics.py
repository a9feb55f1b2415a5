"""Counters of a server, for Prometheus. Holds numbers and verdicts, never a name or a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from llm_audit.results import Verdict

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Counters of one server; each has its own, so that two in one process do not mix."""

    def __init__(self, waiting: Callable[[], float], kept: Callable[[], float]) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("llm_audit_requests", "Answers by route and status.", ("route", "status"), registry=registry)
        self._texts = Counter("llm_audit_texts", "Texts judged, by verdict.", ("verdict",), registry=registry)
        self._seconds = Histogram("llm_audit_text_seconds", "Seconds to judge one text.", buckets=SECONDS, registry=registry)
        Gauge("llm_audit_jobs_waiting", "Requests that are read, wait or run.", registry=registry).set_function(waiting)
        Gauge("llm_audit_jobs_kept", "Finished jobs that are kept.", registry=registry).set_function(kept)

    def answered(self, route: str, status: int) -> None:
        """Count an answer. `route`: a pattern such as "/v1/jobs/{id}", not a path."""
        self._requests.labels(route, str(status)).inc()

    def judged(self, verdicts: Sequence[Verdict], seconds: float) -> None:
        """Count the verdicts of a text's documents, and the seconds that it took."""
        self._seconds.observe(seconds)
        for verdict in verdicts:
            self._texts.labels(verdict.value).inc()

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)
