"""Training and judging classifiers: labelled data, losses, the fitting loop. Needs torch; nothing here runs in `detect`."""
