"""Times, dates and names that programs put before the turns of a conversation: in chats, transcripts and subtitles.

They are no writing, and a human chat in whose lines they stand looks like a machine's. A line that begins with a time of day or
a whole date bears a stamp, and so does a line that holds nothing but a name and a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

LEAST = 3
"""Fewest stamps of a text; fewer may be what it tells."""

_GAP = r"[ \t\u00a0\u202f]"
_TIME = rf"\d{{1,2}}:\d\d(?::\d\d)?(?:[.,]\d{{1,3}})?(?:{_GAP}?[AaPp]\.?[Mm]\.?)?"
_MONTH = r"\p{Lu}\p{Ll}{2,8}\.?"
_WEEKDAY = r"(?:Mon|Tue|Tues|Wednes|Wed|Thu|Thurs|Fri|Sat|Satur|Sun)(?:day)?"
_DATE = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|\d{{1,2}}\.? {_MONTH},? \d{{4}}|(?:{_WEEKDAY},? )?{_MONTH} \d{{1,2}},? \d{{4}})"
)
_DAY = rf"(?:{_DATE}|Today|Yesterday|{_WEEKDAY})"
_WHEN = rf"(?:{_DAY}(?:,|T|{_GAP}at)?{_GAP}*{_TIME}|{_TIME}(?:,?{_GAP}+{_DAY})?)"
_NICK = r"<[^<>\n]{1,40}>"
_SPEAKER = rf"(?:{_NICK}|\p{{Lu}}[\p{{L}}\d .'\u2019-]{{0,40}}:|~?{_GAP}?\+\d[\d ()-]{{6,18}}:)"
_NAME = r"\p{Lu}[\p{L}\p{M}.'\u2019-]*+(?:[ ,]{1,2}(?:\p{Lu}[\p{L}\p{M}.'\u2019-]*+|\d{1,3}|\([^()\n]{1,20}\))){0,3}"
_EDGE = r"[\u200e\u200f \t]*"
_STAMP = regex.compile(
    rf"^{_EDGE}(?:"
    rf"[\[(]?(?:{_WHEN}|{_DATE})[\])]?{_GAP}*(?:[-\u2013\u2014>|:]+{_GAP}*)?{_SPEAKER}?(?:{_GAP}+|$)"
    rf"|<[^<>\n\s]{{1,30}}>{_GAP}+"
    rf"|(?:\d{{1,4}}[ \t\r]*\n)?{_TIME}[ \t]*-+>[ \t]*{_TIME}[^\n]*$"
    rf"|{_NAME}{_GAP}*[,:|\u00b7\u2022\u2014\u2013-]?{_GAP}*[\[(]?{_WHEN}[\])]?:?[ \t]*$"
    rf")",
    regex.M,
)


def stamps(text: str) -> Iterator[tuple[int, int]]:
    """Character ranges of the stamps of a text, in order; none if there are fewer than `LEAST`."""
    ranges = [match.span() for match in _STAMP.finditer(text)]
    if len(ranges) >= LEAST:
        yield from ranges
