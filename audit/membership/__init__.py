"""Was it in the training data: the gate, the scores and the tests with an exact null.

From collections of texts to `results.Membership`. Knows nothing about the command line or file formats of reports.
"""
