"""Attribution on real generations: size under the true settings, power against others, and between two models.

Draws what is missing into the user cache (about 40 minutes on two cores), scores it (15 minutes; the scores are cached) and
prints the tables of README.md. Run: `python -m benchmarks.attribution_real`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from llm_audit.cli import cli
from llm_audit.common.paths import cache_root
from llm_audit.detectors.attribution.candidate import Candidate
from llm_audit.detectors.attribution.generations import Generation, read_generations, reference_population
from llm_audit.detectors.attribution.likelihood_ratio import least
from llm_audit.detectors.attribution.run import find_rules
from llm_audit.detectors.attribution.text import Author, Scores, Text
from llm_audit.detectors.attribution.unknown import REFERENCE_REQUEST
from llm_audit.results import Attribution
from llm_audit.scoring.cache import ScoreCache
from llm_audit.scoring.request import Prompted, Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store
from llm_audit.scoring.tokenizer import load_tokenizer
from llm_audit.text import RawText
from tests.detectors.attribution.world import attributions, person

PROMPTS = Path(__file__).with_name("prompts.txt")
ALPHAS = (0.05, 0.01, 0.001)
LENGTHS = (50, 100, 200, 300)
WORDS = (5, 10, 20, 40)
SETTINGS = {
    "t1": "smollm2-135m-instruct",
    "t08": "smollm2-135m-instruct@temperature=0.8",
    "p95": "smollm2-135m-instruct@top_p=0.95",
}
PAIR = {"plain": "smollm2-135m-instruct@template=none", "gemma": "gemma3-270m@template=none"}


class Run(NamedTuple):
    """One call of `llm-audit generate`."""

    name: str
    author: str
    count: int
    max_tokens: int
    seed: int


RUNS = (
    *(Run(f"{name}-short", spec, 240, 100, seed) for seed, (name, spec) in enumerate(SETTINGS.items(), start=1)),
    *(Run(f"{name}-long", spec, 60, 300, 10 + seed) for seed, (name, spec) in enumerate(SETTINGS.items(), start=1)),
    *(Run(name, spec, 180, 64, seed) for seed, (name, spec) in enumerate(PAIR.items(), start=4)),
)


def generations(run: Run) -> list[Generation]:
    """The texts of a run, drawn first if they are not here."""
    path = cache_root() / "generations" / f"{run.name}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        options = ["-n", run.count, "--max-tokens", run.max_tokens, "--seed", run.seed, "--prompts", PROMPTS, "-o", path]
        cli.main(["generate", run.author, *map(str, options)], standalone_mode=False)
    found = read_generations(path)
    assert len(found) == run.count, f"{path} is incomplete; remove it"
    return found


def score(records: Sequence[Generation], authors: Sequence[Author], *, as_drawn: bool) -> list[list[Scores]]:
    """Per text and author, in one pass of each model; `as_drawn`: the drawn tokens, else the text read anew."""
    table: list[list[Scores]] = [[] for _ in records]
    for session in dict.fromkeys(author.session for author in authors):
        mine = [author for author in authors if author.session is session]
        decodings = tuple(dict.fromkeys(decoding for author in mine for decoding in author.decodings))
        tokenizer = load_tokenizer(session.model.folder)
        # A text that is read as it was drawn is scored once for both tables.
        as_read = [tuple(tokenizer.encode(one.text, add_special_tokens=False).ids) == one.token_ids for one in records]
        prompted = [
            Prompted(one.text, mine[0].candidate.fill(session.model, one.prompt), one.token_ids if as_drawn or same else None)
            for one, same in zip(records, as_read, strict=True)
        ]
        for row, found in zip(
            table, session.score_each(prompted, Request(Windowing(512, first_only=True)), decodings), strict=True
        ):
            row.append(dict(zip(decodings, found, strict=True)))
        session.release()
    each = list(dict.fromkeys(author.session for author in authors))
    return [[row[each.index(author.session)] for author in authors] for row in table]


def judge(record: Generation, authors: Sequence[Author], scores: Sequence[Scores]) -> list[Attribution]:
    """What `attribute` says of every candidate."""
    raw = RawText("generated", "0" * 64, "utf-8", record.text, len(record.text))
    return list(attributions(Text(raw, person(), authors, scores), "known", 0.01))


def rate(hits: int, n: int) -> str:
    """A share with its exact 95 % interval."""
    interval = binomtest(hits, n).proportion_ci(0.95, "exact")
    return f"{hits / n:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


class Cell(NamedTuple):
    """Texts drawn under one setting and tested under another, cut to one length."""

    drawn: str
    tested: str
    tokens: int
    p_values: NDArray[np.float64]  # (texts, 5): AUD201 to AUD204, and all that decide


def settings_cells(*, as_drawn: bool) -> Iterator[Cell]:
    """Every pair of settings at every length that 20 texts reach."""
    session = _session("smollm2-135m-instruct")
    authors = [Author(Candidate.parse(spec), "candidate", session) for spec in SETTINGS.values()]
    for drawn in SETTINGS:
        records = [one for run in RUNS if run.name.startswith(f"{drawn}-") for one in generations(run)]
        scored = score(records, authors, as_drawn=as_drawn)
        for tokens in LENGTHS:
            judged = []
            for record, row in zip(records, scored, strict=True):
                cut = [{decoding: scores[:tokens] for decoding, scores in one.items()} for one in row]
                if len(next(iter(cut[0].values()))) == tokens:
                    judged.append(judge(record, authors, cut))
            if len(judged) >= 20:
                for tested, found in zip(SETTINGS, zip(*judged, strict=True), strict=True):
                    p_values = [[test.p_value for test in one.tests] + [one.p_value] for one in found]
                    yield Cell(drawn, tested, tokens, np.array(p_values, dtype=np.float64))


def settings_table(*, as_drawn: bool) -> list[str]:
    """Drawn under each setting, tested under each: the share with p <= alpha."""
    rows = [
        f"Texts {'as drawn, token by token' if as_drawn else 'read anew by the tokenizer'}.",
        "Share of texts with p <= .05 / .01 / .001.",
        "",
        "| drawn with | tested as | tokens | texts | AUD201 z (approximate) | AUD202 | AUD203 | AUD204 | all (Bonferroni) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for drawn, tested, tokens, p in settings_cells(as_drawn=as_drawn):
        cells = [" / ".join(f"{(column <= alpha).mean():.3f}" for alpha in ALPHAS) for column in p.T]
        mark = f"**{tested}**" if tested == drawn else tested
        rows.append(f"| {drawn} | {mark} | {tokens} | {len(p)} | " + " | ".join(cells) + " |")
    return rows


class Pair(NamedTuple):
    """Texts of one of two models, cut to a number of words: how many have e >= 100 against the other, against the true one."""

    writer: str
    words: int
    n: int
    right: int
    wrong: int


def pair_cells() -> Iterator[Pair]:
    """Two models with different tokenizers, each other's only rival."""
    authors = [Author(Candidate.parse(spec), "candidate", _session(spec.split("@")[0])) for spec in PAIR.values()]
    for writer, name in enumerate(PAIR):
        (run,) = [run for run in RUNS if run.name == name]
        records = generations(run)
        scored = score(records, authors, as_drawn=False)
        for words in WORDS:
            right = wrong = n = 0
            for record, row in zip(records, scored, strict=True):
                ends = [match.end() for match in re.finditer(r"\S+", record.text)]
                if len(ends) <= words:
                    continue
                n += 1
                cut = [
                    {
                        decoding: found[: int(np.searchsorted(found.char_end, ends[words - 1], "right"))]
                        for decoding, found in one.items()
                    }
                    for one in row
                ]
                raw = RawText("generated", "0" * 64, "utf-8", record.text, len(record.text))
                text = Text(raw, person(), authors, cut)
                right += least(text.against([1 - writer], [writer])) >= np.log(100)
                wrong += least(text.against([writer], [1 - writer])) >= np.log(100)
            yield Pair(name, words, n, right, wrong)


def pair_table() -> list[str]:
    """The rates of `pair_cells`, with intervals."""
    rows = [
        "Texts read anew; both models got the prompt as plain text. Right: e >= 100 against the other model; wrong: against "
        "the true one. The rest is undecided.",
        "",
        "| written by | words | texts | right | wrong | undecided |",
        "|---|---|---|---|---|---|",
    ]
    for name, words, n, right, wrong in pair_cells():
        rows.append(f"| {name} | {words} | {n} | {rate(right, n)} | {rate(wrong, n)} | {(n - right - wrong) / n:.3f} |")
    return rows


class Unknown(NamedTuple):
    """Texts whose prompt is held to be unknown, against reference generations for other prompts."""

    drawn: str
    n: int
    references: int
    p_values: list[float]


def unknown_cells() -> Iterator[Unknown]:
    """Reference: T = 1, 180 prompts. Tested: texts for 60 other prompts, drawn with each setting."""
    session = _session("smollm2-135m-instruct")
    author = Author(Candidate.parse(SETTINGS["t1"]), "candidate", session)
    short, *_ = [run for run in RUNS if run.name == "t1-short"]
    rules = find_rules()
    reference = reference_population("t1", generations(short)[60:], author, rules)
    author = replace(author, references=(reference,))
    for drawn in SETTINGS:
        (run,) = [run for run in RUNS if run.name == f"{drawn}-long"]
        p_values = []
        for record in generations(run):
            (found,) = session.score_each([record.text], REFERENCE_REQUEST, author.decodings)
            raw = RawText("generated", "0" * 64, "utf-8", record.text, len(record.text))
            text = Text(raw, person(), [author], [dict(zip(author.decodings, found, strict=True))])
            (judged,) = attributions(text, None, 0.05)
            if judged.p_value is not None:
                p_values.append(judged.p_value)
        yield Unknown(drawn, len(p_values), reference.n, p_values)


def unknown_table() -> list[str]:
    """The share with p <= .05."""
    rows = [
        "The prompt held to be unknown: texts for 60 prompts against reference generations at temperature 1 for 180 others.",
        "",
        "| drawn with | texts | references | p <= .05 |",
        "|---|---|---|---|",
    ]
    for drawn, n, references, p_values in unknown_cells():
        rows.append(f"| {drawn} | {n} | {references} | {rate(sum(p <= 0.05 for p in p_values), n)} |")
    return rows


@cache
def _session(model: str) -> Session:
    return Session(Store().resolve(model, offline=False), cache=ScoreCache(cache_root() / "generations" / "scores.sqlite"))


def main() -> None:
    """Print every table."""
    for as_drawn in (True, False):
        print("\n".join(settings_table(as_drawn=as_drawn)), end="\n\n", flush=True)
    print("\n".join(pair_table()), end="\n\n", flush=True)
    print("\n".join(unknown_table()))


if __name__ == "__main__":
    main()
