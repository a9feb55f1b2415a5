"""What is said of a corpus: null and assumptions."""

from __future__ import annotations

NULL = "Of every document by itself: the text was written like the human texts of the population {}."

ASSUMPTIONS = (
    "Benjamini-Hochberg over all judged documents. It keeps the expected share of mistakes among the findings below alpha when "
    "documents are independent of each other and share one calibration set (Bates, Candes, Lei, Romano and Sesia 2023: such "
    "p-values are positively dependent, PRDS). Proven there for one fixed score; ours ranks several scores together and cuts "
    "the population to the document's length, for which it was checked by simulation, not proven.",
    "Copies, equal but for white space, are one test. Versions and excerpts of one text are not recognised: where there are "
    "many, they are found or missed together.",
    "Documents that could not be judged are no tests. Which ones those are does not depend on any score.",
    "Each document is exchangeable with the population's texts under its null hypothesis; see `llm-audit detect`.",
)
