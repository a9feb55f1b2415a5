"""What is left of power when a text is changed so as not to be found: spelling errors, words swapped, translated and back.

`python -m benchmarks.attacks [MACHINE HUMAN [BEGINNING]]` prints the table of `docs/measurements/power.md`: so many texts of
the test part of the sample, which neither trains nor calibrates, each judged by its first 256 tokens. The attacker does not
know the detector: words are chosen by chance; neighbours are those of the model's embedding vectors, four at most. BEGINNING:
only the attacks whose names begin so.

Two programs attack, where they are installed. Apertium (Debian: apertium, apertium-eng-spa, apertium-eng-cat) translates by
rules and dictionaries, and makes more mistakes than a neural translator. unslop (PyPI, 0.7) rewrites stock phrases by rules.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from benchmarks.sources import interval
from llm_audit.detectors import find, populations
from llm_audit.detectors.origin import generated
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.store import Store
from llm_audit.text import scored
from llm_audit.training import evaluate
from llm_audit.training.labelled import Labelled
from tools.score_corpus import default_session, default_tokenizer, sample

Attack = Callable[[str, np.random.Generator], str]

WORD = re.compile(r"[A-Za-z]{4,}")
"""What is misspelt or swapped."""

LEAST_WORDS = 120
NEIGHBOURS, LIKE = 4, 0.35
"""Most words that one may become, and the least cosine between them."""


def misspelt(text: str, generator: np.random.Generator, *, rate: float) -> str:
    """A letter left out, doubled, replaced or swapped with the next, in this share of the words."""

    def one(match: re.Match[str]) -> str:
        word = match.group()
        if generator.random() >= rate:
            return word
        at, kind = int(generator.integers(1, len(word) - 1)), int(generator.integers(4))
        letter = "abcdefghijklmnopqrstuvwxyz"[int(generator.integers(26))]
        middle = ("", word[at] * 2, letter, word[at + 1] + word[at])[kind]
        return word[:at] + middle + word[at + (2 if kind == 3 else 1) :]

    return WORD.sub(one, text)


@cache
def vectors() -> tuple[dict[str, int], list[str], NDArray[np.float32]]:
    """Whole lower-case words of the vocabulary: word -> row, the words, and their embedding vectors (n, d) of length 1."""
    folder = Store().resolve(DEFAULT_MODEL, offline=True).folder
    with safe_open(next(folder.glob("*.safetensors")), framework="pt") as file:
        table = file.get_tensor("model.embed_tokens.weight").float().numpy()
    vocabulary = default_tokenizer().get_vocab()
    words = {name[1:]: place for name, place in vocabulary.items() if re.fullmatch("Ġ[a-z]{4,}", name)}
    kept = sorted(words)
    found = table[[words[word] for word in kept]]
    return {word: row for row, word in enumerate(kept)}, kept, found / np.linalg.norm(found, axis=1, keepdims=True)


@cache
def neighbours(word: str) -> tuple[str, ...]:
    """Words that stand in like places; not its own other forms."""
    rows, words, table = vectors()
    if word not in rows:
        return ()
    likeness = table @ table[rows[word]]
    nearest = [int(row) for row in np.argsort(-likeness)[1:16] if likeness[row] > LIKE]
    return tuple([words[row] for row in nearest if words[row][:4] != word[:4]][:NEIGHBOURS])


def swapped(text: str, generator: np.random.Generator, *, rate: float) -> str:
    """Words replaced by a neighbour, where they have one, in this share of them."""

    def one(match: re.Match[str]) -> str:
        word = match.group()
        others = neighbours(word.lower()) if generator.random() < rate else ()
        if not others:
            return word
        other = others[int(generator.integers(len(others)))]
        return other.capitalize() if word[0].isupper() else other

    return WORD.sub(one, text)


def shuffled(text: str, generator: np.random.Generator) -> str:
    """The sentences in an order drawn by chance."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    return " ".join(sentences[i] for i in generator.permutation(len(sentences)))


def half(text: str, generator: np.random.Generator) -> str:
    """The second half: a text that begins in the middle."""
    return text[text.find(" ", len(text) // 2) + 1 :]


def through(text: str, _: np.random.Generator, *, commands: tuple[str, ...]) -> str:
    """The text after it went through other programs, from standard input to standard output; as it was, if one refuses it."""
    for command in commands:
        done = subprocess.run(command.split(), input=text, capture_output=True, text=True)
        text = done.stdout if done.returncode == 0 else text
    return text


ATTACKS: dict[str, Attack] = {
    "none": lambda text, _: text,
    "spelling errors in 5 % of the longer words": partial(misspelt, rate=0.05),
    "in 10 %": partial(misspelt, rate=0.1),
    "10 % of the longer words swapped": partial(swapped, rate=0.1),
    "20 %": partial(swapped, rate=0.2),
    "sentences shuffled": shuffled,
    "the second half alone": half,
}


PROGRAMS = {
    "to Spanish and back (Apertium)": ("apertium -u eng-spa", "apertium -u spa-eng"),
    "to Catalan and back (Apertium)": ("apertium -u eng-cat", "apertium -u cat-eng"),
    "humanised (unslop, against detectors)": ("unslop --deterministic --mode anti-detector --stdin",),
}
"""Attacks by programs that are not ours: those that are installed here are run."""


def chosen(label: str, count: int) -> list[Labelled]:
    """So many texts of the test part, drawn by their digest."""
    own = [text for text in sample("test").texts if text.label == label and len(text.text.split()) >= LEAST_WORDS]
    return sorted(own, key=lambda text: hashlib.sha256(f"attack {text.text}".encode()).digest())[:count]


def main(machine: int = 120, human: int = 60, beginning: str = "") -> None:
    """Print the table, a row as soon as it is there."""
    here = {name: commands for name, commands in PROGRAMS.items() if shutil.which(commands[0].split()[0])}
    attacks = ATTACKS | {name: partial(through, commands=commands) for name, commands in here.items()}
    population, detectors = populations.load(populations.DEFAULT_POPULATION), find(())
    session = default_session()
    print("| attack | machine texts | found at .05 | at .01 | human texts | flagged at .05 | at .01 |")
    print("|---|---|---|---|---|---|---|")
    for name, attack in attacks.items():
        if not name.startswith(beginning):
            continue
        cells = [name]
        for label, count in (("machine", machine), ("human", human)):
            texts = []
            for text in chosen(label, count):
                seed = int.from_bytes(hashlib.sha256(f"{name} {text.text}".encode()).digest()[:8], "big")
                texts.append(replace(text, text=scored(attack(text.text, np.random.default_rng(seed)))))
            judged = evaluate.judge(session, population, detectors, texts)
            p = np.array([one.p_value[generated.rule.code] for one in judged])
            cells += [str(len(p)), *(interval(p <= alpha) for alpha in (0.05, 0.01))]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
