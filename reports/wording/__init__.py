"""Sentences of reports, made from the facts in them: the same facts give the same sentence."""
