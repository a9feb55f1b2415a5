"""The datasheet of a population, stored in its file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Datasheet(BaseModel):
    """The datasheet of a population, after Gebru et al., "Datasheets for Datasets" (2021).

    Attributes:
        name: on the command line and next to every p-value.
        description: one line.
        sources: source -> number of documents.
        collected: when the texts were written or collected, as far as known.
        language: ISO 639-1 code; texts in any other language are not assessed.
        not_covered: kinds of text that it says nothing about.
        created: day of calibration, ISO 8601.
        target_n: documents that the longest judged window must have.
        scorer: digest of everything that determines the scores: model, dtype, decoding, reference.
        model, reference: names of the models, for messages.
        weights: code -> digest of the trained weights behind its scores.
        author: the candidate that wrote the texts, of reference generations; None: people.
        groups: names of the kinds of text, in the order in which `Population.groups` numbers them; empty: unknown.
        writers: who wrote the texts (pupils, learners of English, ...) -> number of documents; empty: unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    sources: dict[str, int]
    collected: str
    language: str
    not_covered: tuple[str, ...]
    created: str
    target_n: int
    scorer: str
    model: str
    reference: str | None = None
    weights: dict[str, str] = {}
    author: str | None = None
    groups: tuple[str, ...] = ()
    writers: dict[str, int] = {}
