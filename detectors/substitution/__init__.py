"""Substitution: whether an endpoint serves the model that it names; from replies to results."""
