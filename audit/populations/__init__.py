"""Reference populations: what a text is compared with."""
