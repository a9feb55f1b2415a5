"""Was a text tampered with to fool a detector, or its reader? One file per rule; they look at characters, not at scores."""
