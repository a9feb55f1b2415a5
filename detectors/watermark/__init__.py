"""Keyed watermarks: whether a text carries the mark of a key that its holder knows, and making marked text to try it on.

`schemes` turns token ids and a key into scores whose null law is known, `test` turns these into p-values, `keys` reads and
writes key files. Nothing here opens a model, a tokenizer or a report.
"""
