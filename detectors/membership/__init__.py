"""Scores that rank texts by how likely they were in a model's training data (AUD301-303). Screening, never a verdict."""
