"""The family of unreadable inputs, which are never judged and never pass."""
