"""`llm-audit membership`: whether data was in a model's training set."""

from llm_audit.cli import COMMANDS, group_of

MEMBERSHIP = {
    "blind": "Can suspect and held-out texts be told apart without any model?",
    "canary": "Draw random strings to publish one of, with a commitment; check that commitment.",
    "frequencies": "Count a corpus with a model's tokenizer, for the score DC-PDD.",
    "score": "Rank texts by membership scores, beside held-out texts: a screening, if the blind baseline allows it.",
    "test": "Tests whose null hypothesis is exact: order, canary, continuation, paired and more.",
}
"""Name -> one line of help."""

command = group_of(__name__, COMMANDS, MEMBERSHIP)
