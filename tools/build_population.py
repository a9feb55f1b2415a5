"""Build the population that ships with llm-audit from the calibration half of the human texts.

`python -m tools.build_population` writes `detectors/populations/english-mixed.safetensors`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from llm_audit.detectors import find
from llm_audit.detectors.populations import DEFAULT_POPULATION, MINIMUM_TOKENS, Datasheet, build
from llm_audit.scoring.pins import DEFAULT_MODEL
from llm_audit.scoring.session import Session
from llm_audit.scoring.tokens import TokenScores
from llm_audit.text import why_not_prose
from llm_audit.training.labelled import Labelled, marks
from tools.score_corpus import REQUEST, default_session, sample

SOURCES = {
    "l2r": "l2r: 19 domains, program code left out (github ranhli/l2r_data, CC BY 3.0)",
    "fastdetect": "fast-detect-gpt: XSum, WritingPrompts, PubMedQA (github baoguangsheng/fast-detect-gpt)",
    "fastdetect-open": "fast-detect-gpt: XSum, WritingPrompts, SQuAD (github baoguangsheng/fast-detect-gpt)",
    "glimpse": "glimpse: XSum, WritingPrompts, PubMedQA (github baoguangsheng/glimpse)",
    "imbd": "ImBD: news and stories (github Jiaqi-Chen-00/ImBD, Apache-2.0)",
    "outfox": "OUTFOX: essays of US school grades 6-12 (github ryuryukke/OUTFOX)",
    "biscope": "BiScope: abstracts, stories, student essays, reviews (CC BY-SA 4.0)",
    "ielts": "IELTS: exam essays of candidates, until 2023 (github tharuntrv/IELTS_Writing_Analysis_Web-App)",
    "ellipse": "ELLIPSE: essays of English learners, US grades 8-12 (github scrosseye/ELLIPSE-Corpus)",
    "asap": "ASAP: US school essays, grades 7-10, 2012 (Hewlett)",
    "usenet": "Usenet, 1993",
    "imdb": "IMDb: film reviews, until 2011 (Maas et al. 2011)",
    "bbc": "BBC: news, 2004-2005 (Greene & Cunningham 2006)",
    "reuters21578": "Reuters-21578: newswire, 1987",
    "gutenberg": "Project Gutenberg: fiction, 1811-1913",
    "spurgeon": "C. H. Spurgeon: sermons, 1855-1892",
    "scotus_oral": "US Supreme Court: oral argument",
    "oyez": "Oyez: case summaries",
    "bva": "US Board of Veterans' Appeals: decisions",
    "acl": "ACL Anthology: sections of papers, 1979-2016",
    "hppt": "HPPT: abstracts of computational linguistics",
    "f1000": "F1000Research: articles and peer reviews, 2013-2020",
    "18f": "18F: blog of US government technologists, until 2022",
    "changelog": "The Changelog: podcasts, 2013-2022 (CC BY-SA 4.0)",
    "digitalgov": "Digital.gov: blog of US civil servants, until 2022",
    "eips": "Ethereum Improvement Proposals, until 2022",
    "emberblog": "Ember: blog, until 2022",
    "handbooks": "Staff handbooks, until 2022",
    "iebudget": "Irish parliament: budget debates, 2008-2012",
    "juliablog": "Julia: blog, until 2022",
    "keps": "Kubernetes Enhancement Proposals, until 2022",
    "odin": "The Odin Project: lessons, until 2022",
    "osguide": "Open Source Guides, until 2022",
    "owasp": "OWASP: guides, until 2022",
    "peps": "Python Enhancement Proposals, until 2022",
    "policies": "Terms of use, until 2022",
    "ropensci": "rOpenSci: blog and guide, until 2022",
    "sotu": "State of the Union, 1790-2020",
    "ukmanifestos": "Manifestos of UK parties, 1945-2005",
}
"""Source -> how the datasheet names it."""

KINDS = {
    "essays of English learners": r"^(ellipse|ielts) ",
    "essays of pupils": r"^(outfox|asap) ",
    "news": r"news|xsum|^reuters|^imbd ",
    "fiction": r"fiction|stor(y|ies)|writing$|CreativeWriting|\(WritingPrompts\)",
    "research writing": r"research|abstract|pubmed|peer review|AcademicResearch",
    "law": r"legal|Legal|administrative decision|terms and policies",
    "spoken language": r"speech: (podcast|court)",
    "political speech": r"parliamentary|manifesto|State of the Union",
    "sermons and religious writing": r"sermon|Religious",
    "reviews": r"review|Entertainment",
    "blogs": r"blog",
    "lessons, guides and handbooks": r"lesson|guide|handbook|EducationMaterial",
    "technical proposals": r"technical proposal",
    "Usenet": r"usenet",
    "other writing on the web": r"",
}
"""Kind of text, as a report names it -> the first expression that "source domain" matches decides."""


WRITERS = {
    "learners of English": r"^(ellipse|ielts) ",
    "pupils": r"^(outfox|asap) ",
    "academics": r"^(acl|f1000|hppt) |abstract",
    "other adults": r"",
}
"""Who wrote a text -> the first expression that "source domain" matches decides."""


def kind(text: Labelled) -> str:
    """The kind of a text."""
    return _first(KINDS, text)


def writer(text: Labelled) -> str:
    """Who wrote a text."""
    return _first(WRITERS, text)


def _first(patterns: Mapping[str, str], text: Labelled) -> str:
    return next(name for name, pattern in patterns.items() if re.search(pattern, f"{text.source} {text.domain}"))


def members_of(session: Session) -> Iterator[tuple[Labelled, TokenScores]]:
    """The texts of the population, in its order, with their scores."""
    texts = sample("calibration").texts
    for text, scores in zip(texts, session.score([text.text for text in texts], REQUEST), strict=True):
        if len(scores) >= MINIMUM_TOKENS and not why_not_prose(text.text):
            yield text, scores


def main() -> None:
    """Scores from the cache, then the file."""
    session = default_session()
    chosen = list(members_of(session))
    sheet = Datasheet(
        name=DEFAULT_POPULATION,
        description=(
            "English news, fiction, essays of pupils and learners, reviews, papers, speeches, sermons, law, technical writing"
        ),
        sources=dict(sorted(Counter(SOURCES[text.source] for text, _ in chosen).items())),
        writers=dict(sorted(Counter(writer(text) for text, _ in chosen).items())),
        collected="texts from public corpora, written 1790-2024; nearly all before 30 November 2022",
        language="en",
        not_covered=(
            "texts after about 2023, when people began to write with machines",
            "poetry, chat, source code, tables, lists of references",
            "translated text and any language but English",
            "kinds of writing that no source holds: a source that is left out is flagged more or less often than alpha",
        ),
        created="2026-11-29",
        target_n=4000,
        scorer=session.conditions(REQUEST),
        model=DEFAULT_MODEL,
    )
    members = np.unique(np.concatenate([marks(text) for text, _ in chosen]))
    kinds = [kind(text) for text, _ in chosen]
    population = build(sheet, (scores for _, scores in chosen), find(()), members, kinds)
    path = Path(__file__).parents[1] / "detectors" / "populations" / f"{DEFAULT_POPULATION}.safetensors"
    path.write_bytes(population.content)
    print(
        f"{path}: {population.n} documents, windows of at most {population.longest_window} tokens, {path.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
