"""`python -m llm_audit`: the command line."""

from llm_audit.cli import main

if __name__ == "__main__":
    main()
