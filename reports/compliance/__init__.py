"""Compliance reports: requirement, evidence, result, limits. They state the evidence, and leave the verdict to people.

The requirements and all words about them are in a TOML file of a framework, one of ours or the user's.
"""
