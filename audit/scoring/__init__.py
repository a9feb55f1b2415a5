"""The scoring engine: texts and a model in, TokenScores out."""
