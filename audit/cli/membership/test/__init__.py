"""`llm-audit membership test`: tests whose null hypothesis is exact."""

from llm_audit.cli import group_of
from llm_audit.cli.membership import MEMBERSHIP

TESTS = {
    "canary": "Is a published random string more likely than its unpublished siblings?",
    "dataset": "Do suspect documents score above held-out ones, on a half kept for the test?",
    "identifier": "Are hashes and ids inside the documents more likely than fresh ones?",
    "order": "Is a data set's canonical order more likely than shuffled ones?",
    "paired": "Are published versions more likely than private rephrasings?",
    "watermark": "Was a model trained on text that carries the mark of your key?",
}
"""Name -> one line of help."""

command = group_of(__name__, MEMBERSHIP, TESTS)
