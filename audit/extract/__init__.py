"""Text out of documents that may be hostile. Runs in a child process of its own: `python -m llm_audit.extract KIND`.

The child gets the document on standard input and answers in lines of JSON. It limits itself before it reads, and imports one
parser and nothing else of llm-audit: no NumPy, whose threads alone would take most of its memory limit. Knows nothing of files,
names and reports. The other end is `llm_audit.text.child`.
"""

SECONDS = 30
"""Most seconds for one answer, both of CPU time and by the clock."""

MEMORY = 1_000_000_000
"""Bytes of address space that the child may have."""
