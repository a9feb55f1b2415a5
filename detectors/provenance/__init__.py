"""Marks of provenance in a text: C2PA."""
