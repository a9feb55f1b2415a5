"""Records of texts drawn from a model (generations), and the reference population that they make.

Knows nothing about how texts are drawn (`scoring.generate`) or tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_audit.common.errors import InvalidInput
from llm_audit.common.progress import Progress, silent
from llm_audit.common.terminal import terminal_safe
from llm_audit.detectors.attribution.base import CandidateRule
from llm_audit.detectors.attribution.text import Author, under
from llm_audit.detectors.attribution.unknown import REFERENCE_REQUEST
from llm_audit.detectors.populations import Datasheet, Population, build
from llm_audit.scoring.chain import Chain
from llm_audit.scoring.tokens import Decoding
from llm_audit.text.lines import open_lines, parse


class Generation(BaseModel):
    """One drawn text.

    Attributes:
        text: the decoded `token_ids`.
        prompt: the prompt given to the model; "" for none.
        template: `chat` or `none`: how the prompt was given.
        token_ids: as drawn. Reading `text` anew may give other tokens.
        finished: the model ended the text itself.
        model, digest: which model.
        temperature, top_k, top_p, min_p: how its tokens were drawn, in the order of transformers.
        sampler: how they were drawn, if in another way.
        max_tokens: where a text was cut.
        seed, number: text `number` of the run used the stream (seed, number).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    prompt: str
    template: str
    token_ids: tuple[int, ...]
    finished: bool
    model: str
    digest: str
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    sampler: Chain | None = Field(default=None, exclude_if=lambda value: value is None)
    max_tokens: int
    seed: int
    number: int

    @property
    def decoding(self) -> Decoding:
        """The decoding setting with which its tokens were drawn."""
        return self.sampler or Decoding(self.temperature, self.top_k, self.top_p, self.min_p)


def read_generations(path: Path) -> list[Generation]:
    """The records of a file by `llm-audit generate`; AuditError: a line is no record, or models or settings differ."""
    records, kinds = [], set()
    for number, line in enumerate(open_lines(path), start=1):
        try:
            records.append(record := Generation.model_validate_json(line))
            kinds.add((record.digest, record.decoding, record.template))
        except (ValidationError, ValueError) as error:
            raise InvalidInput(f"Line {number} of {path} was not written by `llm-audit generate`; remove it.") from error
    if not records:
        raise InvalidInput(f"{path} holds no generations.")
    if len(kinds) > 1:
        raise InvalidInput(f"{path} mixes models or settings; a population is of one model under one setting.")
    return records


def read_prompts(path: Path) -> list[str]:
    """The prompts in a file, one per line or, in JSON lines (.jsonl), in the field `prompt`; blank lines are skipped."""
    prompts = []
    for number, line in enumerate(open_lines(path), start=1):
        if line.strip():
            prompts.append(_prompt(line, ".jsonl" in path.suffixes, f"Line {number} of {path}"))
    if not prompts:
        raise InvalidInput(f"{path} holds no prompts.")
    return prompts


def _prompt(line: bytes, as_json: bool, where: str) -> str:
    if not as_json:
        try:
            return line.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{where} is not UTF-8; convert the file first.") from error
    row = parse(line)
    if isinstance(row, str):
        raise InvalidInput(f"{where} {row}; mend or remove it.")
    if not isinstance(row.get("prompt"), str):
        raise InvalidInput(f"{where} has no text in the field 'prompt'; mend or remove it.")
    return str(row["prompt"])


def reference_population(
    name: str,
    generations: Sequence[Generation],
    author: Author,
    rules: Sequence[CandidateRule],
    progress: Progress = silent,
) -> Population:
    """The population of a model's own texts, scored by it without their prompts, for texts whose prompt is unknown.

    One text per prompt: texts for one prompt are alike, and a tested text is exchangeable only with texts for other prompts of
    the same kind. Equal texts for different prompts both count. Rules that need rivals are left out.
    """
    (decoding,) = author.candidate.decodings
    if len({generation.prompt for generation in generations}) < 2:
        raise InvalidInput("All generations are for one prompt; draw some for many, like those that the tested texts answer.")
    first = {generation.prompt: generation for generation in reversed(generations)}
    texts = [generation.text.rstrip("\n") for generation in first.values()]
    sheet = Datasheet(
        name=name,
        description=f"texts by {terminal_safe(author.name)} ({decoding}), each for another prompt",
        sources={"generations": len(texts)},
        collected="generated",
        language="any",
        not_covered=("prompts unlike those it was drawn with", "other models, other settings, edited texts"),
        created=datetime.now(UTC).date().isoformat(),
        target_n=min(1000, max(1, len(texts) // 2)),
        scorer=author.reference_terms(decoding),
        model=author.session.model.name,
        author=f"{terminal_safe(author.session.model.name)}, {decoding}",
    )
    scored = author.session.score_each(texts, REFERENCE_REQUEST, author.decodings, progress)
    windows = (under(dict(zip(author.decodings, scores, strict=True)), decoding) for scores in scored)
    return build(sheet, windows, [rule for rule in rules if not rule.needs_rivals])
