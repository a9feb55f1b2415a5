"""Membership: whether data was in a model's training set, by exact tests of collections and scores that rank texts."""
