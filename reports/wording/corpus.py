"""Sentences about many texts judged together: null hypothesis, assumptions, and the outcome of their false discovery rate."""

from __future__ import annotations

from llm_audit.reports.format import p_value
from llm_audit.reports.wording.attribution import AS_DRAWN
from llm_audit.results import Discovery

NULL = "Of every document by itself: the text was written like the human texts of the population {}."

_NO_TESTS = (
    "Documents that could not be judged are no tests, nor are those that repeat themselves or that models know by heart. "
    "Length, language and form decide that, and scores for the last alone: leaving out small p-values makes none smaller."
)

EARLIER = {
    "Documents that could not be judged are no tests. Which ones those are does not depend on any score.": _NO_TESTS,
    "The text is read by the candidate's tokenizer in its one canonical way. Where the model had put the same letters together "
    "from other tokens, this is not what it drew.": AS_DRAWN,
}
"""Assumption of an earlier version -> its replacement."""

ASSUMPTIONS = (
    "Benjamini-Hochberg over all judged documents. It keeps the expected share of mistakes among the findings below alpha when "
    "documents are independent of each other and share one calibration set (Bates, Candes, Lei, Romano and Sesia 2023: such "
    "p-values are positively dependent, PRDS). Proven there for one fixed score; ours ranks several scores together and cuts "
    "the population to the document's length, for which it was checked by simulation, not proven.",
    "Copies, equal but for white space, are one test. Versions and excerpts of one text are not recognised: where there are "
    "many, they are found or missed together.",
    _NO_TESTS,
    "Each document is exchangeable with the population's texts under its null hypothesis; see `llm-audit detect`.",
)


def summary(discovery: Discovery) -> str:
    """Summary of the outcome; if the population is too small for any finding, it says so."""
    if not discovery.tests:
        return "No document could be judged."
    texts = "text was" if discovery.tests == 1 else "different texts were"
    tested = f"{discovery.tests:,} {texts} tested"
    if discovery.found:
        verb = "is" if discovery.found == 1 else "are"
        return f"{tested}; {discovery.found:,} {verb} unlike human writing, at a false discovery rate of {discovery.alpha:g}."
    if discovery.fewest is None:
        return (
            f"{tested}, and nothing could be found: among {discovery.tests:,} {'test' if discovery.tests == 1 else 'tests'} "
            f"the smallest p-values of this population, from {p_value(discovery.floor or 0.0)} on, are too large for a false "
            f"discovery rate of {discovery.alpha:g}. Use a larger population."
        )
    none = f"{tested}; none can be called unlike human writing at a false discovery rate of {discovery.alpha:g}."
    impossible = discovery.tests - discovery.possible
    if impossible > 0 and discovery.fewest == 1:
        return (
            f"{none} For {impossible:,} of them no finding was possible: even their smallest p-values are "
            "too large among so many tests, unless others are found with them. A larger population or fewer texts would help."
        )
    if impossible > 0:
        return (
            f"{none} For {impossible:,} of them no finding was possible: among so many tests this population allows findings "
            f"only {discovery.fewest:,} or more at a time, because no p-value of it is below "
            f"{p_value(discovery.floor or 0.0)}; {discovery.at_floor:,} reached "
            f"{'its' if discovery.at_floor == 1 else 'their'} smallest. A larger population or a smaller corpus would help."
        )
    return none
