"""The gate: whether texts may pass, by a policy, a baseline of known findings, and suppressions inside the texts.

Apart from the scoring of texts, every step is a function of what the report stores, so that it can be verified.
"""
