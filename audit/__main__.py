"""`python -m llm_audit`: the command line."""

from llm_audit.cli import main

main()
