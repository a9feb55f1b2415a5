"""Whether data was in a model's training set: exact tests of collections, and scores that rank texts; see `base`."""
