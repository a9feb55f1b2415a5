"""Watermarks: tests whether a text carries the mark of a key, marking of test texts, and probing of endpoints without a key.

`schemes` turns token ids and a key into scores whose null law is known, `counts` and `alignment` turn these into p-values,
`keys` reads and writes key files, `readings` turns text into tokens; one file a rule; `run` tests texts, `probing` endpoints.
"""
