"""The policy: its settings, its file, its patterns."""
