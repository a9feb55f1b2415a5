"""A corpus of any size: every document judged once, whatever happens on the way, and the findings counted over all of it.

The machine behind `llm-audit scan`. `llm_audit.detectors.origin.run` judges one document; this package judges many.
"""
