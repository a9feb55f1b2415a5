"""Build the population that ships with llm-audit from the calibration half of the human texts.

`python -m tools.build_population` writes `detectors/populations/english-mixed.safetensors`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from llm_audit.detectors import find
from llm_audit.detectors.populations import DEFAULT_POPULATION, MINIMUM_TOKENS, Datasheet, build
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.text import why_not_prose
from llm_audit.training.labelled import marks
from tools.score_corpus import REQUEST, default_session, sample

SOURCES = {
    "l2r": "l2r: 19 domains, program code left out (github ranhli/l2r_data, CC BY 3.0)",
    "fastdetect": "fast-detect-gpt: XSum, WritingPrompts, PubMedQA (github baoguangsheng/fast-detect-gpt)",
    "fastdetect-open": "fast-detect-gpt: XSum, WritingPrompts, SQuAD (github baoguangsheng/fast-detect-gpt)",
    "glimpse": "glimpse: XSum, WritingPrompts, PubMedQA (github baoguangsheng/glimpse)",
    "imbd": "ImBD: news and stories (github Jiaqi-Chen-00/ImBD, Apache-2.0)",
    "outfox": "OUTFOX: essays of US school grades 6-12 (github ryuryukke/OUTFOX)",
}


def main() -> None:
    """Scores from the cache, then the file."""
    session = default_session()
    texts = sample("calibration").texts
    chosen = [
        (text, scores)
        for text, scores in zip(texts, session.score([text.text for text in texts], REQUEST), strict=True)
        if len(scores) >= MINIMUM_TOKENS and not why_not_prose(text.text)
    ]
    sheet = Datasheet(
        name=DEFAULT_POPULATION,
        description="English news, stories, school essays, abstracts, reviews and other prose, one text per source document",
        sources=dict(sorted(Counter(SOURCES[text.source] for text, _ in chosen).items())),
        collected="texts from public research corpora published 2018-2024; most were written before 2022, none is dated",
        language="en",
        not_covered=(
            "learners of English (no such group was set apart, so no rate is known for them)",
            "texts after about 2023, when people began to write with machines",
            "poetry, transcripts of speech, chat, source code, tables, lists of references",
            "translated text and any language but English",
            "texts whose line breaks, mark-up or citations carry meaning: white space is normalised away",
        ),
        created="2026-11-21",
        target_n=1000,
        scorer=session.conditions(REQUEST),
        model=DEFAULT_MODEL,
    )
    members = np.unique(np.concatenate([marks(text) for text, _ in chosen]))
    population = build(sheet, (scores for _, scores in chosen), find(()), members)
    path = Path(__file__).parents[1] / "detectors" / "populations" / f"{DEFAULT_POPULATION}.safetensors"
    path.write_bytes(population.content)
    print(
        f"{path}: {population.n} documents, windows of at most {population.longest_window} tokens, {path.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
