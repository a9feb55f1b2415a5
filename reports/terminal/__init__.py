"""Reports on a terminal: one module a subject."""
