"""Scripts whose letters do not join, so that invisible characters between them have no function."""

PLAIN_SCRIPTS = r"\p{Latin}\p{Cyrillic}\p{Greek}\p{Coptic}\p{Armenian}\p{Cherokee}\p{Georgian}\p{Deseret}\p{Lisu}"
"""The scripts as a character class of the package `regex`."""
