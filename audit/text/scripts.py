"""Scripts whose letters stand alone: what is invisible between them has no work to do."""

PLAIN_SCRIPTS = r"\p{Latin}\p{Cyrillic}\p{Greek}\p{Coptic}\p{Armenian}\p{Cherokee}\p{Georgian}\p{Deseret}\p{Lisu}"
"""For a character class of the package `regex`."""
