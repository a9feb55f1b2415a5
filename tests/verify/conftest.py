"""A report of every command that writes one, each made once, as a user would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from fixtures.membership import grammar
from fixtures.membership.world import world
from fixtures.servers.chaos import chaos
from fixtures.tiny_models import SENTENCES
from llm_audit.cli import main
from llm_audit.common.paths import cache_root
from llm_audit.detectors.membership.canary import Secret
from llm_audit.scoring.pins import DEFAULT_MODEL
from tests.cli.conftest import write_texts
from tests.cli.tool import ESSAYS, HUMAN, MACHINE, SHORT
from tests.servers.conftest import MODEL, cheap, honest, ladder, model

__all__ = ["cheap", "honest", "ladder", "model"]

PROMPTED = str(ESSAYS / "essay-machine.prompt")


class Made:
    """Stored reports, each made when it is first asked for, by one of the processes of a run.

    Attributes:
        folder: shared by them, of the reports, their inputs, and a cache and populations of their own.
        urls: of an honest server and of a cheap one, where there are any.
    """

    def __init__(self, folder: Path, tiny: Path, rival: Path) -> None:
        self.folder, self.tiny, self.rival = folder, tiny, rival
        self.urls: dict[str, str] = {}
        self.lock = FileLock(f"{folder}.lock")
        with self.lock:
            if not folder.exists():
                (folder / "cache" / "models").mkdir(parents=True)
                (folder / "cache" / "models" / DEFAULT_MODEL).symlink_to(cache_root() / "models" / DEFAULT_MODEL)

    def __getitem__(self, name: str) -> Path:
        path = self.folder / f"{name}.json"
        if path.exists():  # whole: it is published at once
            return path
        with self.lock:
            if not path.exists():
                with self.here():
                    code = MAKERS[name](self, "-o", path)
                assert code in (0, 1, 2), name
        return path

    def text(self, name: str) -> str:
        return self[name].read_text(encoding="utf-8")

    @contextmanager
    def here(self) -> Iterator[None]:
        """Run as if in the place where they were made."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LLM_AUDIT_CACHE", str(self.folder / "cache"))
            patch.setenv("LLM_AUDIT_DATA", str(self.folder / "data"))
            yield


@pytest.fixture(scope="session")
def made(shared_root: Path, tiny_llama: Path, tiny_rival: Path) -> Made:
    """For the reports in `FAST`, of tiny models and the one whose training data is known."""
    return Made(shared_root / "verify", tiny_llama, tiny_rival)


@pytest.fixture(scope="session")
def made_slowly(made: Made, honest: str, cheap: str) -> Made:
    """For the reports in `SLOW` as well."""
    made.urls.update(honest=honest, cheap=cheap)
    return made


def run(*args: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    assert isinstance(end.value.code, int)
    return end.value.code


def lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts(path: Path, rows: Iterable[str], **fields: Any) -> Path:
    return lines(path, ({"text": row, **fields} for row in rows))


def _detect(made: Made, *out: object) -> int:
    return run("detect", HUMAN, MACHINE, SHORT, made.folder / "not-here.txt", *_own(made), "--alpha", 0.2, *out)


def _long(made: Made, *out: object) -> int:
    words = Path(HUMAN).read_text().split()
    (made.folder / "long.txt").write_text(" ".join(np.random.default_rng(3).choice(words, 900)))
    return run("detect", made.folder / "long.txt", *_own(made), "--alpha", 0.1, *out)


def _short(made: Made, *out: object) -> int:
    return run("detect", SHORT, *_own(made), "--alpha", 0.2, *out)


def _gate(made: Made, *out: object) -> int:
    folder, words = made.folder / "gate", Path(HUMAN).read_text().split()
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    odd = [" ".join(rng.choice([words[number], words[-number]], 40)) for number in range(1, 11)]
    for number, text in enumerate(odd[:9]):
        said = 'llm-audit: ignore[AUD100] reason="Poetry" until=2999-01-01\n' if number % 3 == 0 else ""
        (folder / f"{number}.txt").write_text(said + text)
    (folder / "new.txt").write_text(odd[9])
    known = folder / "known.json"
    on = (*_own(made), "--alpha", 0.2, "--baseline", known)
    assert run("gate", *(folder / f"{number}.txt" for number in range(1, 9, 3)), *on, "--update-baseline") == 0
    return run("gate", folder, HUMAN, MACHINE, SHORT, folder / "not-here.txt", *on, *out)


def _own(made: Made) -> tuple[object, ...]:
    """Options for a population of the user's own."""
    if not (made.folder / "human.jsonl").exists():
        people = write_texts(made.folder / "human.jsonl", 60, 150)
        assert run("calibrate", people, "--name", "own", "--model", made.tiny) == 0
    return ("--model", made.tiny, "--population", "own")


def _unknown(made: Made, *out: object) -> int:
    prompts = made.folder / "prompts.txt"
    prompts.write_text("\n".join(f"Write about {word}." for word in sorted(set(Path(HUMAN).read_text().split()))[:40]))
    for name, settings in (("cool", "temperature=0.8"), ("warm", "temperature=1")):
        drawn, author = made.folder / f"{name}.jsonl", f"{made.tiny}@{settings},template=none"
        assert run("generate", author, "--prompts", prompts, "-n", 40, "--max-tokens", 90, "-o", drawn) == 0
        assert run("calibrate", drawn, "--generations", "--name", name) == 0
    candidates = ("--candidate", f"{made.tiny}@temperature=0.8|1,template=none", "--candidate", made.rival)
    return run("attribute", _foreign(made), *candidates, "--alpha", 0.05, *out)


def _foreign(made: Made) -> Path:
    """A text that is compared with no human writing, so that no large model is needed."""
    (made.folder / "foreign.txt").write_text(SENTENCES[4] * 6 + "\n")
    return made.folder / "foreign.txt"


def _tiny(made: Made, *out: object) -> int:
    (made.folder / "asked.txt").write_text("Write about a carpenter.")
    names = [f"{made.tiny}@temperature={settings},template=none" for settings in ("1|0.8", "0.7,top_k=5")]
    named = ("--sanctioned", names[0], "--other", names[1], "--other", f"{made.rival}@temperature=1,template=none")
    return run("attribute", _foreign(made), "--prompt", made.folder / "asked.txt", *named, *out)


def _test(kind: str, write: Callable[[Path], Sequence[object]]) -> Callable[..., int]:
    def make(made: Made, *out: object) -> int:
        return run("membership", *kind.split(), *write(made.folder), "--model", MODEL, *out)

    return make


def _canaries(*names: str) -> Callable[[Path], Sequence[object]]:
    def write(folder: Path) -> Sequence[object]:
        for name in names:
            write_canary(folder / name, replace(world().canaries[64 if name == "one" else 16], count=120))
        return [folder / name for name in names]

    return write


def write_canary(name: Path, secret: Secret) -> Path:
    """Write the two files of a canary, as `membership canary new` does of one that it draws."""
    for kind, content in (("secret", asdict(secret)), ("public", secret.public)):
        Path(f"{name}.{kind}.json").write_text(json.dumps({"kind": f"llm-audit canary {kind}", "version": 1} | content))
    return name


def _pairs(folder: Path) -> Sequence[object]:
    pairs = enumerate(world().pairs[16][:40])
    rows = [{"public": public, "private": private, "document": str(n // 2)} for n, (public, private) in pairs]
    return [lines(folder / "pairs.jsonl", rows)]


def _order(folder: Path) -> Sequence[object]:
    return [texts(folder / "order.jsonl", world().orders[64][:20])]


def _sides(folder: Path) -> Sequence[object]:
    seen = texts(folder / "seen.jsonl", world().members[16][:60])
    return [seen, "--held-out", texts(folder / "held.jsonl", world().non_members[:60])]


def _blind(made: Made, *out: object) -> int:
    return run("membership", "blind", *_sides(made.folder), *out)


def _labelled(folder: Path) -> Sequence[object]:
    rows = [{"text": text, "member": True, "group": str(n)} for n in (1, 64) for text in world().members[n][:30]]
    rows += [{"text": text, "member": False} for text in world().non_members[:100]]
    named = ("--provenance", "Drawn alike.", "--control", MODEL, "--score", "loss", "--score", "zlib")
    return [lines(folder / "labelled.jsonl", rows), "--member-field", "member", *named]


def _known(made: Made, *out: object) -> int:
    named = [word for each in ("0.7", "1", "0.7,top_k=2") for word in ("--candidate", _embedded(each))]
    return run("attribute", MACHINE, HUMAN, "--prompt", PROMPTED, *named, *out)


def _known_sets(made: Made, *out: object) -> int:
    named = ("--sanctioned", _embedded("1"), "--sanctioned", _embedded("0.5"), "--other", _embedded("0.7|0.9"))
    return run("attribute", MACHINE, HUMAN, "--prompt", PROMPTED, *named, *out)


def _embedded(settings: str) -> str:
    return f"{DEFAULT_MODEL}@temperature={settings},template=none"


def _audit(which: str, *options: object) -> Callable[..., int]:
    def make(made: Made, *out: object) -> int:
        rng, prompts = np.random.default_rng(5), made.folder / "questions.txt"
        prompts.write_text("".join(grammar.document(rng).replace("\n", " ")[:90] + "\n" for _ in range(60)))
        on = ("--reference", MODEL, "--model", "fixture", "--prompts", prompts, "--requests", 15, "--honest", 45, "--tokens", 4)
        with chaos(made.urls["honest"], "logprobs-dropped", range(10**6)) if which == "hidden" else nullcontext() as proxy:
            url = proxy.url if proxy else made.urls[which]
            return run("substitution", "audit", url, *on, *options, *out)

    return make


def _continuation(made: Made, *out: object) -> int:
    named = [word for name in _canaries("one", "two")(made.folder) for word in ("--canary", name)]
    options = ("--model", "fixture", "--continuations", 2)
    return run("membership", "test", "continuation", made.urls["honest"], *named, *options, *out)


def _watch(made: Made, *out: object) -> int:
    watch = ("--model", "fixture", "--baseline", made.folder / "baseline.json", "--surface", "completions")
    assert run("substitution", "watch", made.urls["honest"], *watch) == 0
    return run("substitution", "watch", made.urls["cheap"], *watch, *out)


def _watch_borders(made: Made, *out: object) -> int:
    watch = ("--model", "fixture", "--baseline", made.folder / "borders.json", "--surface", "completions")
    assert run("substitution", "watch", made.urls["honest"], *watch, "--border-inputs") == 0
    return run("substitution", "watch", made.urls["cheap"], *watch, *out)


FAST: dict[str, Callable[..., int]] = {
    "detect": _detect,
    "short": _short,
    "gate": _gate,
    "long": _long,
    "tiny": _tiny,
    "canary": _test("test canary", _canaries("one")),
    "canaries": _test("test canary", _canaries("one", "two")),
    "paired": _test("test paired", _pairs),
    "order": _test("test order", _order),
    "order-shards": _test("test order --shards 4 --draws 19", _order),
    "identifier": _test("test identifier --draws 9", lambda folder: [texts(folder / "ids.jsonl", world().identifiers[64])]),
    "score-alone": _test("score", lambda folder: [texts(folder / "alone.jsonl", world().members[64][:3])]),
}
"""Reports whose making takes seconds."""

SLOW: dict[str, Callable[..., int]] = {
    "unknown": _unknown,
    "dataset": _test("test dataset --provenance stated", _sides),
    "blind": _blind,
    "score": _test("score", _labelled),
    "known": _known,
    "known-sets": _known_sets,
    "audit": _audit("cheap", "--texts", 0),
    "audit-texts": _audit("honest", "--texts", 12),
    "audit-hidden": _audit("hidden", "--texts", 0),
    "audit-sequential": _audit("cheap", "--texts", 0, "--sequential"),
    "watch": _watch,
    "watch-borders": _watch_borders,
    "continuation": _continuation,
}
"""Those that need the embedded model, real servers, or patience."""

CONTROLLED: dict[str, Callable[..., int]] = {
    "paired-controlled": _test("test paired", lambda folder: [*_pairs(folder), "--control", MODEL]),
    "order-controlled": _test("test order", lambda folder: [*_order(folder), "--control", MODEL]),
}
"""Tests with a model that cannot have seen the data: here the target itself, whose numbers are no higher than its own."""

MAKERS = FAST | SLOW | CONTROLLED
