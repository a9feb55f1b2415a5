"""Attribution when sampler chains are named: three engines draw, each under twelve settings, and every setting is named.

`python -m benchmarks.samplers --cells FOLDER` prints the tables of docs/measurements/auditor.md: how often the true setting is
refuted, and each other one. Texts come in rounds of 20: every engine and setting, then all of them again; each 20 are a file of
the folder, written when they are done, so that a run that was stopped goes on where it was. The model is that of
`fixtures/membership`; `--model smollm2-135m-instruct` takes the embedded one (hours on two cores).
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.attribution_real import rate
from fixtures.servers.gguf import write
from fixtures.servers.llama import serve
from llm_audit.detectors.attribution.candidate import Candidate
from llm_audit.detectors.attribution.text import Author, Text
from llm_audit.scoring.generate import Sampler
from llm_audit.scoring.model import causal_model
from llm_audit.scoring.request import Prompted, Request, Windowing
from llm_audit.scoring.session import Session
from llm_audit.scoring.store import Store, StoredModel
from llm_audit.scoring.tokenizer import decode_tokens, encode_prompt, load_tokenizer, prefix_token
from llm_audit.text import RawText
from tests.detectors.attribution.world import attributions, person
from tests.servers.ask import PROMPTS, post
from tests.servers.test_samplers import THEIRS

FIXTURE = str(Path(__file__).parents[1] / "fixtures" / "membership" / "model")
TOKENS, ALPHA = 100, 0.01

TEXTS, ROUNDS = 20, 3
"""Texts of a round, and rounds."""

FEWEST = 16
"""Tokens of a text; the model ended shorter ones at once."""

COMMON = (
    "temperature=1",
    "temperature=0.8",
    "temperature=1.3",
    "temperature=1,top_k=40",
    "temperature=1,top_p=0.9",
    "temperature=0.8,top_k=40,top_p=0.95,min_p=0.05",
    "temperature=1.5,min_p=0.1",
    "temperature=1,typical_p=0.9",
    "temperature=0.8,repetition_penalty=1.15",
    "temperature=0",
)
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "transformers": (*COMMON, "temperature=1,no_repeat_ngram=3", "temperature=1.2,top_k=20,typical_p=0.8"),
    "llama.cpp": (*COMMON, "temperature=1,xtc_probability=0.5", "temperature=1,mirostat=2,mirostat_tau=4"),
    "ours": (*COMMON, "temperature=1,presence_penalty=0.6,frequency_penalty=0.3", "temperature=1,dry_multiplier=0.8"),
}
OFF = {"top_k": 0, "top_p": 1, "min_p": 0}


class Drawn(NamedTuple):
    """A text, as it was drawn."""

    text: str
    prompt: str
    token_ids: tuple[int, ...]


def numbers(setting: str) -> dict[str, Any]:
    """A setting's numbers by name."""
    each = (one.split("=") for one in setting.split(","))
    return {key: float(value) if "." in value or key.endswith("_p") else int(value) for key, value in each}


def named(engine: str, setting: str) -> str:
    """The candidate: every number of the engine's sampler is named."""
    off = ",".join(f"{key}={value}" for key, value in OFF.items() if f"{key}=" not in setting)
    return f"m@template=none{'' if engine == 'ours' else f',sampler={engine}'},{','.join(filter(None, (setting, off)))}"


def draw(engine: str, model: StoredModel, setting: str, turn: int, url: str) -> Iterator[Drawn]:
    """The texts of a round, for the prompts in turn."""
    prompts = [PROMPTS[i % len(PROMPTS)] for i in range(TEXTS)]
    tokenizer, prefix = load_tokenizer(model.folder), prefix_token(model.config)
    if engine == "ours":
        (decoding,) = Candidate.parse(named(engine, setting)).decodings
        for prompt, sample in zip(prompts, Sampler(model)(prompts, decoding, TOKENS, 7 + turn), strict=True):
            yield Drawn(sample.text, prompt, sample.token_ids)
    elif engine == "llama.cpp":
        fields = {THEIRS.get(name, name): value for name, value in {**OFF, **numbers(setting)}.items()}
        for seed, prompt in enumerate(prompts, start=TEXTS * turn):
            found = post(
                f"{url}/completion", {"prompt": prompt, "n_predict": TOKENS, "seed": seed, "return_tokens": True} | fields
            )
            ids = tuple(found["tokens"])
            yield Drawn(decode_tokens(tokenizer, ids), prompt, ids)
    else:
        network = causal_model(model.folder, torch.device("cpu"), torch.float32)
        given = OFF | numbers(setting)
        given["no_repeat_ngram_size"] = given.pop("no_repeat_ngram", 0)
        chance = {"do_sample": False} if given["temperature"] == 0 else {"do_sample": True} | given
        end = network.generation_config.eos_token_id
        for seed, prompt in enumerate(
            dict.fromkeys(prompts)
        ):  # the texts of one prompt together: no padding, which penalties see
            torch.manual_seed(seed)
            encoded = encode_prompt(tokenizer, prefix, prompt)
            ids = torch.tensor([encoded] * prompts.count(prompt))
            out = network.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, min_new_tokens=0, pad_token_id=0, **chance
            )
            for row in out[:, len(encoded) :].tolist():
                mine = tuple(row[: row.index(end)] if end in row else row)
                yield Drawn(decode_tokens(tokenizer, mine), prompt, mine)


def p_values(session: Session, engine: str, texts: Sequence[Drawn], settings: Sequence[str]) -> NDArray[np.float64]:
    """(texts, settings) p of every named setting, the others being its rivals."""
    authors = [Author(Candidate.parse(named(engine, setting)), "candidate", session) for setting in settings]
    decodings = tuple(dict.fromkeys(decoding for author in authors for decoding in author.decodings))
    prompted = [Prompted(one.text, one.prompt, one.token_ids) for one in texts]
    rows = []
    for one, found in zip(
        texts, session.score_each(prompted, Request(Windowing(TOKENS, first_only=True)), decodings), strict=True
    ):
        scores = dict(zip(decodings, found, strict=True))
        raw = RawText("drawn", "0" * 64, "utf-8", one.text, len(one.text))
        judged = attributions(Text(raw, person(), authors, [scores] * len(authors)), "known", ALPHA)
        rows.append([np.nan if each.p_value is None else each.p_value for each in judged])
    return np.array(rows)


def keep(path: Path, make: Callable[[], NDArray[np.float64]]) -> None:
    """Write (texts, named) p-values into a file, unless it is there. None stands for no p-value."""
    if not path.exists():
        found = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps([[None if np.isnan(p) else float(f"{p:.6g}") for p in row] for row in found]))
        part.replace(path)


def kept(cells: Path, stem: str) -> NDArray[np.float64]:
    """(texts, named) p-values of all rounds."""
    rows = [row for path in sorted(cells.glob(f"{stem}-[0-9].json")) for row in json.loads(path.read_text())]
    return np.array(rows, dtype=np.float64)


def stem_of(model: StoredModel, engine: str, number: int) -> str:
    """Name of the files of a setting without the round."""
    return f"{model.digest[:8]}-{engine}-{number + 1}"


def measure(model: StoredModel, engines: Sequence[str], rounds: int, cells: Path) -> None:
    """All that is missing, a round after the other."""
    session = Session(model)
    with tempfile.TemporaryDirectory() as folder, serve(write(model, "F32", Path(folder))) as url:
        for turn, engine in itertools.product(range(rounds), engines):
            for number, setting in enumerate(SETTINGS[engine]):

                def make(engine: str = engine, setting: str = setting, turn: int = turn) -> NDArray[np.float64]:
                    texts = [one for one in draw(engine, model, setting, turn, url) if len(one.token_ids) >= FEWEST]
                    return p_values(session, engine, texts, SETTINGS[engine])

                keep(cells / f"{stem_of(model, engine, number)}-{turn}.json", make)


def table(model: StoredModel, engines: Sequence[str], cells: Path) -> Iterator[str]:
    """Rows of Markdown: per engine and drawn setting, how often each named one is refuted."""
    for engine in engines:
        settings = SETTINGS[engine]
        yield f"\n{engine}: share of texts in which the named setting (column) is refuted at {ALPHA:g}\n"
        yield f"| drawn with | texts | {' | '.join(str(i + 1) for i in range(len(settings)))} |"
        yield "|---" * (len(settings) + 2) + "|"
        hits = total = 0
        for i, setting in enumerate(settings):
            found = kept(cells, stem_of(model, engine, i))
            if not len(found):
                continue
            shares = np.nanmean(found <= ALPHA, axis=0)
            hits, total = hits + int((found[:, i] <= ALPHA).sum()), total + int(np.isfinite(found[:, i]).sum())
            row = (f"**{share:.2f}**" if k == i else f"{share:.2f}" for k, share in enumerate(shares))
            yield f"| {i + 1}. {setting} | {len(found)} | {' | '.join(row)} |"
        if total:
            yield f"\n{engine}: the truth refuted in {rate(hits, total)} of {total:,} texts"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=FIXTURE)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {TEXTS} texts; 0: only print")
    parser.add_argument("--engine", action="append", choices=list(SETTINGS))
    parser.add_argument("--cells", type=Path, required=True, help="folder of what was measured already")
    chosen = parser.parse_args()
    model, engines = Store().resolve(chosen.model, offline=True), chosen.engine or list(SETTINGS)
    measure(model, engines, chosen.rounds, chosen.cells)
    for line in table(model, engines, chosen.cells):
        print(line)


if __name__ == "__main__":
    main()
