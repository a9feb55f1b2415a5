"""Training and evaluating classifiers: labelled data, losses, the fitting loop. Needs torch; `detect` uses none of it."""
