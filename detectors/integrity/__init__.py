"""Integrity: whether a text was tampered with to fool a detector or its reader. Rules look at characters, not at scores."""
