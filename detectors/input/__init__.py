"""Could the input be read at all? What could not is never judged, and never passes."""
