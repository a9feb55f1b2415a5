"""What the default `detect` does on texts that neither trained nor calibrated it: the tables of the README.

`python -m benchmarks.accuracy` prints them as Markdown, from the cached scores of `score_corpus`. What
`llm-audit bench test.jsonl` prints, and what attacks leave of a text.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_audit.detectors import StatisticRule, find, populations
from llm_audit.detectors.origin import generated
from llm_audit.detectors.populations import Population
from llm_audit.results.benchmark import Benchmark, FalseAlarms, Power
from llm_audit.text import normalise
from llm_audit.training import evaluate
from llm_audit.training.labelled import LabelledTexts
from tools.score_corpus import default_session, sample

ZERO_WIDTH = "\u200b"
LOOK_ALIKES = str.maketrans("aeopcyxi", "аеорсухі")  # Latin letters as Cyrillic ones


def judged_test(population: Population, detectors: Sequence[StatisticRule]) -> tuple[LabelledTexts, list[evaluate.Judged]]:
    """The test part, judged."""
    data = evaluate.fit_to_judge(sample("test"), detectors, population)
    return data, list(evaluate.judge(default_session(), population, detectors, data.texts))


def attacked(text: str) -> tuple[str, str]:
    """Every tenth letter as its look-alike, where it has one; a zero-width space after every tenth letter."""
    letters = [i for i, character in enumerate(text) if character.isalpha()][9::10]
    alike, invisible = list(text), list(text)
    for i in letters:
        alike[i] = text[i].translate(LOOK_ALIKES)
        invisible[i] = text[i] + ZERO_WIDTH
    return "".join(alike), "".join(invisible)


def attack_rows(judged: Sequence[evaluate.Judged], count: int = 60) -> list[tuple[str, int, int]]:
    """(attack, texts, texts whose normalised form is that of the untouched text) over some machine texts."""
    texts = [one.text.text for one in judged if one.text.is_machine][:count]
    same = [0, 0]
    for text in texts:
        for i, changed in enumerate(attacked(text)):
            same[i] += normalise(changed).text == text
    return [("look-alike letters", len(texts), same[0]), ("zero-width spaces", len(texts), same[1])]


def power_table(rows: Sequence[Power], first: str) -> list[str]:
    """Markdown."""
    lines = [f"| {first} | human | machine | AUROC | TPR at 1 % FPR | found at .05 | at .01 |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        name = row.detector if first == "detector" else row.group
        area = "–" if row.auroc is None else f"{row.auroc.value:.3f} [{row.auroc.lower:.3f}, {row.auroc.upper:.3f}]"
        tpr = "–" if row.tpr_at_1_percent_fpr is None else f"{row.tpr_at_1_percent_fpr.value:.2f}"
        found = f"{row.flagged_at_alpha_5_percent:.3f} | {row.flagged_at_alpha_1_percent:.3f}"
        lines.append(f"| {name} | {row.n_human} | {row.n_machine} | {area} | {tpr} | {found} |")
    return lines


def alarm_table(rows: Sequence[FalseAlarms]) -> list[str]:
    """Markdown."""
    lines = ["| human texts | n | alpha .05 | alpha .01 |", "|---|---|---|---|"]
    for row in rows:
        cells = (f"{r.value:.4f} [{r.lower:.4f}, {r.upper:.4f}]" for r in (row.at_5_percent, row.at_1_percent))
        lines.append(f"| {row.group} | {row.n} | {' | '.join(cells)} |")
    return lines


def benchmark() -> tuple[Benchmark, list[evaluate.Judged]]:
    """The default population and detectors on the test part."""
    population, detectors = populations.load(populations.DEFAULT_POPULATION), find(())
    data, judged = judged_test(population, detectors)
    return evaluate.evaluate(data, judged, detectors, population), judged


def main() -> None:
    """Print all tables."""
    found, judged = benchmark()
    print("\n".join(power_table([row for row in found.power if row.by == "all"], "detector")))
    for by in ("generator", "domain", "length", "label"):
        rows = [row for row in found.power if row.by == by and row.detector == generated.rule.code]
        print(f"\nAUD100 by {by}\n")
        print("\n".join(power_table(rows, by)))
    for by in ("all", "length", "domain", "population"):
        print(
            "\n"
            + "\n".join(
                alarm_table([row for row in found.false_alarms if row.by == by and row.detector == generated.rule.code])
            )
        )
    for attack, texts, same in attack_rows(judged):
        print(f"\n{attack}, every tenth letter: {same} of {texts} machine texts have the same normalised form as before")


if __name__ == "__main__":
    main()
