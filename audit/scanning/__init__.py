"""Scanning a corpus of any size: every document is judged once, interruptions or not, with one false discovery rate over all.

The engine of `llm-audit scan`. `llm_audit.detectors.origin.run` judges one document; this package judges many.
"""
