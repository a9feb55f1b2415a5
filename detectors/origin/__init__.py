"""Origin: whether a text was machine-generated, by zero-shot statistics and a classifier (AUD1xx)."""
