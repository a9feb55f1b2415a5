"""The library: what `import llm_audit` offers, and what the command line calls.

One module for each kind of subject: `documents` (detect, attribute), `gate`, `membership`, `endpoints`, `corpora` (scan and
bench), `stored` (read_report, verify), `populations`, `making` (classifiers, texts), `machine` (models, cache, policy),
`plugins`.
Knows nothing about options and terminals.
"""
