"""A corpus of any size: every document judged once, whatever happens on the way, and the findings counted over all of it.

The machine behind `llm-audit scan`. What one document comes to is `llm_audit.plan`'s; here is what becomes of many.
"""
