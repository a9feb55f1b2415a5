"""`llm-audit substitution`: whether an endpoint serves the model that it names."""

from llm_audit.cli import COMMANDS, group_of

SUBSTITUTION = {
    "audit": "Compare an endpoint's answers with those of a reference model here, or of trusted endpoints.",
    "plan": "How many requests does a question need? Before money is spent.",
    "probe": "What does an endpoint really return, and which tests does that allow?",
    "record": "Keep a trusted endpoint's answers, to hold others against (`audit --trusted`).",
    "watch": "Has an endpoint changed since a stored baseline? One token a request.",
}
"""Name -> one line of help."""

command = group_of(__name__, COMMANDS, SUBSTITUTION)
