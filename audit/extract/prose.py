"""Whether a stretch of a document looks like prose or like program code: an essay may stand in a block of code."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")
_FIRST_CODE = re.compile(
    r"^\s*(?:[$>%#]{1,3} \S|(?:import|from|def|class|return|const|let|var|function|if|for|while|public|sudo)\b.*[({:;=/.])",
    re.M,
)
_SIGNS = re.compile(r"[{}\[\]=<>|\\/_$@#;&*+`~^]")


def looks_like_prose(text: str, least: int = 25) -> bool:
    """Whether a text has at least `least` words, and hardly anything but words."""
    words = _WORD.findall(text)
    if len(words) < least:
        return False
    visible = sum(map(len, text.split()))
    lines = [line for line in text.split("\n") if line.strip()]
    coded = sum(bool(_FIRST_CODE.match(line)) or line.rstrip().endswith((";", "{", "}", ")")) for line in lines)
    return (
        sum(map(len, words)) > 0.75 * visible
        and len(_SIGNS.findall(text)) < 0.03 * visible
        and coded < 0.2 * len(lines)
        and len(words) > 4 * len(lines)
    )
