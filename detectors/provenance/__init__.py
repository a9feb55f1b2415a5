"""Provenance marks (C2PA) in a text."""
