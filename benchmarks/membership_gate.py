"""What the blind gate says of real texts: random halves of one corpus, other domains, other times, and small shifts.

    python -m benchmarks.membership_gate

Human texts of `../shared/data`, and for time the Debian changelogs of this machine: one entry of each package before 2017
and one from 2019 on, of 40 words or more, as they are and with every digit masked (version and bug numbers grow with time).
Every package is on both sides, so the sides differ in time alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from llm_audit.detectors.membership import blind_classifier
from llm_audit.detectors.membership.collection import Collection, Item, collect
from llm_audit.detectors.membership.overlap import compare
from llm_audit.results import Gate
from llm_audit.text.lines import open_lines
from tools.corpus import humans

REPETITIONS, SHIFTED = 200, 20
CHANGELOGS = Path("/usr/share/doc")

Draw = Callable[[np.random.Generator], tuple[Sequence[str], Sequence[str]]]


def collection(texts: Sequence[str], name: str) -> Collection:
    return collect(Item(text, f"{name} {i}", f"{name} {i}") for i, text in enumerate(texts))


def gate(suspects: Sequence[str], held_out: Sequence[str], generator: np.random.Generator) -> Gate:
    """As `llm-audit membership` runs it: copies out first."""
    found = compare(collection(suspects, "s"), collection(held_out, "h"))
    return blind_classifier.judge(found.suspects, found.held_out, generator)


def halves(texts: Sequence[str], n: int, generator: np.random.Generator) -> tuple[list[str], list[str]]:
    drawn = [texts[i] for i in generator.permutation(len(texts))[: 2 * n]]
    return drawn[:n], drawn[n:]


def mixed(
    texts: Sequence[str], others: Sequence[str], share: float, n: int, generator: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Random halves of `texts`, a share of one half replaced by others."""
    suspects, held_out = halves(texts, n, generator)
    replaced = round(share * n)
    return [*halves(others, replaced, generator)[0], *suspects[replaced:]], held_out


def curled(texts: Sequence[str], share: float, n: int, generator: np.random.Generator) -> tuple[list[str], list[str]]:
    """Random halves, apostrophes curled in a share of one half."""
    suspects, held_out = halves(texts, n, generator)
    return [text.replace("'", "\u2019") if i < share * n else text for i, text in enumerate(suspects)], held_out


def repeated(name: str, draw: Draw, repetitions: int) -> None:
    gates = []
    for seed in range(repetitions):
        generator = np.random.default_rng(seed)
        gates.append(gate(*draw(generator), generator))
    found = [judged.auc for judged in gates if judged.auc]
    value = np.array([auc.value for auc in found])
    covers = np.mean([auc.lower <= value.mean() <= auc.upper for auc in found])
    shifted, below = np.mean([auc.lower > 0.5 for auc in found]), np.mean([auc.upper < 0.5 for auc in found])
    width = np.mean([auc.upper - auc.lower for auc in found]) / 2
    numbers = f"{value.mean():>6.3f} {value.std():>6.3f} {width:>6.3f} {shifted:>7.1%} {below:>7.1%} {covers:>7.1%}"
    print(f"{name:<48} {len(found):>4} {numbers}", flush=True)


def entries() -> Iterator[tuple[str, int, str]]:
    """(package, year, text) of every entry of every Debian changelog, without headings and signatures."""
    for path in sorted(CHANGELOGS.glob("*/changelog*.gz")):
        body: list[str] = []
        for raw in open_lines(path):
            line = raw.decode(errors="replace")
            if signature := re.match(r" -- .*> .*?\b((?:19|20)\d\d)\b", line):
                yield path.parent.name, int(signature[1]), "".join(body)
                body = []
            elif line.startswith("  "):
                body.append(line)


def old_and_new(generator: np.random.Generator) -> tuple[list[str], list[str]]:
    """One entry before 2017 and one from 2019 on, of every package that has both."""
    found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for package, year, text in entries():
        if len(text.split()) >= 40 and (year < 2017 or year >= 2019):
            found[package][year >= 2019].append(text)
    pairs = [both for both in found.values() if all(both)]
    return ([side[generator.integers(len(side))] for side in column] for column in zip(*pairs, strict=True))


def told(name: str, judged: Gate) -> None:
    auc = judged.auc
    assert auc
    features = "; ".join(f"{each.name} ({each.suspect:.3g} | {each.held_out:.3g})" for each in judged.features[:5])
    print(f"{name:<40} {judged.outcome:<20} {auc.value:.3f} [{auc.lower:.3f}, {auc.upper:.3f}]  {features}", flush=True)


def main() -> None:
    corpora: dict[str, list[str]] = defaultdict(list)
    for human in humans():
        corpora[human.domain if human.source != "l2r" else f"l2r {human.domain}"].append(human.text)
    for texts in corpora.values():
        texts.sort()  # so that nothing depends on the order of the files
    everything = [text for domain in sorted(corpora) for text in corpora[domain]]

    writing, xsum, squad, news = (corpora[domain] for domain in ("writing", "xsum", "squad", "l2r NewsArticle"))

    print("One pair each: outcome, AUC, and what gave it away (suspects | held-out)")
    generator = np.random.default_rng(0)
    told("xsum | pubmed", gate(xsum, corpora["pubmed"], generator))
    told("xsum | squad", gate(xsum, squad, generator))
    old, new = old_and_new(generator)
    told(f"changelogs, old | new ({len(old)})", gate(old, new, generator))
    masked = [[re.sub(r"\d", "0", text) for text in texts] for texts in (old, new)]
    told("the same, digits masked", gate(*masked, generator))
    mixed_up = [*masked[0], *masked[1]]
    told("random halves of those", gate(*halves(mixed_up, len(old), generator), generator))

    domains = sorted(domain for domain in corpora if domain.startswith("l2r"))
    found = {(a, b): gate(corpora[a], corpora[b], generator) for a, b in combinations(domains, 2)}
    shifted = sum(judged.outcome == "shifted" for judged in found.values())
    print(f"\nDomains of l2r: {shifted} of {len(found)} pairs shifted; the closest three")
    closest = sorted(found.items(), key=lambda pair: pair[1].auc.value if pair[1].auc else 0.0)[:3]
    for (a, b), judged in closest:
        told(f"{a[4:]} | {b[4:]}", judged)

    print("\nDrawn anew each time. +-: half the interval; covers: how often it holds the mean AUC of all runs")
    columns = f"{'AUC':>6} {'sd':>6} {'+-':>6} {'shifted':>7} {'below':>7} {'covers':>7}"
    print(f"{'texts per side':<48} {'runs':>4} {columns}")
    repeated("random halves: writing, 100", lambda generator: halves(writing, 100, generator), REPETITIONS)
    repeated("random halves: all human texts, 100", lambda generator: halves(everything, 100, generator), SHIFTED)
    repeated("30 % squad in xsum, 100", lambda generator: mixed(xsum, squad, 0.3, 100, generator), SHIFTED)
    repeated("50 % squad in xsum, 100", lambda generator: mixed(xsum, squad, 0.5, 100, generator), SHIFTED)
    repeated("30 % with curled apostrophes, 100", lambda generator: curled(writing, 0.3, 100, generator), SHIFTED)
    repeated("30 % news articles in xsum, 100", lambda generator: mixed(xsum, news, 0.3, 100, generator), SHIFTED)
    repeated("random halves: all human texts, 300", lambda generator: halves(everything, 300, generator), SHIFTED)


if __name__ == "__main__":
    main()
