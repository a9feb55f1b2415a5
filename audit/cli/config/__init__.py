"""`llm-audit config`: the policy in force."""

from llm_audit.cli import COMMANDS, group_of

CONFIG = {"show": "List every setting with its value and where it comes from, and the policy's digest."}
"""Name -> one line of help."""

command = group_of(__name__, COMMANDS, CONFIG)
