"""Was this text machine-generated? Zero-shot statistics, AUD1xx."""
