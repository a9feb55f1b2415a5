"""E-mails (RFC 5322): the writer's own words, without headers, signature and what is quoted or forwarded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from typing import BinaryIO

from llm_audit.extract.draft import Draft, Empty, Refused
from llm_audit.extract.html import add_page
from llm_audit.extract.mail_html import without_quotes

_APART = "signature, quoted or forwarded message"
_SIGNATURE = re.compile(r"--\s*")
_LONGEST_SIGNATURE, _SIGNATURE_LINES = 60, 12  # words, lines: of one whose two dashes lack the space that RFC 3676 asks for
_DEVICE = re.compile(
    r"\s*(?:Sent from (?:my|Mail|Yahoo|Outlook)|Get Outlook for|Von meinem .{1,20} gesendet|Envoyé de mon).{0,60}"
)
_QUOTED, _QUOTED_FLOWED, _FROM_ESCAPED = re.compile(r"\s*>"), re.compile(">"), re.compile(r">+From ")
_REPLY = re.compile(
    r"\s*(?:(?:On|Am|Le|El|Il|Op)\b.{5,200}(?:wrote|schrieb|écrit|escribió|ha scritto|schreef)\s?:"
    r"|-{2,}\s*(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Message d'origine)\s*-{2,}"
    r"|Begin forwarded message:)\s*"
)
_ATTRIBUTION = re.compile(
    r".{0,200}(?:@|\d|\bwrites?\b|\bwrote\b|\bschrieb|\bécrit\b|\bescribió\b|\bscritto\b|\bschreef\b).{0,100}:\s*"
)
_RULE = re.compile(r"_{20,}\s*")
_FROM = re.compile(r"\s*\*?(?:From|Von|De):\*?\s.+")
_HEADER = re.compile(r"\s*\*?(?:Sent|Date|To|Cc|Subject|Gesendet|An|Betreff|Datum|Envoyé|À|Objet):\*?\s")
_SEVERAL = re.compile(rb"\n\r?\nFrom \S+ [^\n]*\d{4}[^\n]*\n[A-Za-z-]+:")
_ENCRYPTED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_PGP = re.compile(r"-----(BEGIN|END) PGP (SIGNED MESSAGE|SIGNATURE|MESSAGE)-----\s*")
_SAME = 0.8  # share of the words of a page that the plain text beside it has, where both are one message


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one message, with "line 14" of its body, or "paragraph 3" of an HTML message, as places."""
    data = stream.read()
    if data.startswith(b"From ") and _SEVERAL.search(data):
        raise Refused("holds several e-mails (a mailbox): save each as .eml and try again")
    message = BytesParser(policy=policy.default).parsebytes(data)
    assert isinstance(message, EmailMessage)
    draft = Draft()
    bodies = list(_bodies(message, draft))
    if not bodies:
        raise Refused("has no text, only attachments" if message.is_multipart() else "has no text")
    if not any(_content(body).strip() for body in bodies):
        raise Empty("has no text")
    for body in bodies:
        if body.get_content_subtype() == "html":
            add_page(without_quotes(_content(body), draft, _APART), draft, whole=True)
        else:
            _add_own(_content(body), draft, flowed=body.get_param("format") == "flowed")
    yield draft.answer("has no words of its writer: it quotes, or forwards, and says nothing")


def _bodies(part: MIMEPart, draft: Draft) -> Iterator[MIMEPart]:
    """The parts that a mail program shows as the message, in order; the others are counted."""
    kind = part.get_content_type()
    if kind in _ENCRYPTED:
        raise Refused("is encrypted: save it decrypted, or as plain text, and try again")
    if kind == "multipart/alternative":
        yield from _shown(list(part.iter_parts()), draft)
    elif kind == "multipart/related":
        for first in list(part.iter_parts())[:1]:
            yield from _bodies(first, draft)
    elif part.is_multipart() and part.get_content_maintype() == "multipart":
        for inner in part.iter_parts():
            yield from _bodies(inner, draft)
    elif kind in ("text/plain", "text/html") and not part.is_attachment() and not part.get_filename():
        yield part
    elif kind not in _SIGNED:
        draft.left_out["attachment"] += 1


def _shown(versions: Sequence[MIMEPart], draft: Draft) -> Iterator[MIMEPart]:
    """Of several versions of one message the page that a mail program shows, or the plain text, if it says the same."""
    shown = [list(_bodies(version, draft)) for version in versions]
    plain = next((bodies for bodies in shown if bodies and bodies[0].get_content_subtype() == "plain"), [])
    page = next((bodies for bodies in shown if bodies and bodies[0].get_content_subtype() == "html"), [])
    if page and plain and not _says_the_same(_content(plain[0]), _content(page[0])):
        draft.left_out["plain text that mail programs do not show"] += bool(_content(plain[0]).strip())
        plain = []
    yield from plain or page


def _says_the_same(plain: str, page: str) -> bool:
    """Whether nearly all words that a reader of a page sees stand in a plain text, and the other way round."""
    shown = Draft()
    add_page(page, shown, whole=True)
    try:
        words = set(re.findall(r"\w+", str(shown.answer("")["text"]).lower()))
    except Refused:
        return bool(plain.strip())
    others = set(re.findall(r"\w+", re.sub(r"https?://\S+", "", plain).lower()))
    return len(words & others) >= _SAME * max(len(words), len(others))


def _content(body: MIMEPart) -> str:
    """The text of a part in the encoding that it names or, if that is wrong or unknown, in UTF-8 or Windows-1252."""
    payload = body.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    for encoding in (body.get_content_charset() or "utf-8", "utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("latin-1")


def _add_own(text: str, draft: Draft, *, flowed: bool) -> None:
    """Add the lines that the writer wrote; in flowed text (RFC 3676) a quotation mark stands at the very beginning."""
    quoted = _QUOTED_FLOWED if flowed else _QUOTED
    lines = _without_armour(text.replace("\r\n", "\n").split("\n"))
    attribution = 0  # lines of it still to be left out
    for number, line in enumerate(lines, start=1):
        after = lines[number:]
        if _ends(line, after, quoted):
            draft.left_out[_APART] += 1
            return
        if quoted.match(line) and not _is_escaped(line, after, quoted):
            draft.left_out["quoted line"] += 1
        elif attribution or (attribution := _attribution(line, after, quoted)):
            attribution -= 1
        elif _DEVICE.fullmatch(line):
            draft.left_out[_APART] += 1
        else:
            draft.add((line.lstrip(">") if _FROM_ESCAPED.match(line) else line).strip(), f"line {number}", end="\n")


def _without_armour(lines: list[str]) -> list[str]:
    """The lines with those of a signature by PGP emptied."""
    kept: list[str] = []
    until = ""  # what ends the lines that are left out: an empty line those of a head, the last line a signature
    for line in lines:
        mark = _PGP.fullmatch(line)
        if mark and mark[2] == "MESSAGE":
            raise Refused("is encrypted: save it decrypted, or as plain text, and try again")
        if mark:
            until = "" if mark[1] == "END" else "end" if mark[2] == "SIGNATURE" else "empty line"
        elif until == "empty line" and not line.strip():
            until = ""
        kept.append("" if mark or until else line[2:] if line.startswith("- -") else line)
    return kept


def _ends(line: str, after: list[str], quoted: re.Pattern[str]) -> bool:
    """Whether the writer's own words end here: a signature follows, or another message."""
    rest = [later for later in after if later.strip()]
    if _SIGNATURE.fullmatch(line):
        short = len(rest) <= _SIGNATURE_LINES and sum(len(later.split()) for later in rest) <= _LONGEST_SIGNATURE
        return line.rstrip("\r") == "-- " or short
    if _RULE.fullmatch(line):
        return bool(rest) and bool(_FROM.fullmatch(rest[0]))
    if _FROM.fullmatch(line):
        return sum(bool(_HEADER.match(later)) for later in after[:4]) >= 2
    return bool(_reply(line, after)) and not any(map(quoted.match, after))


def _reply(line: str, after: list[str]) -> int:
    """The number of lines of the words that introduce another message ("On Monday, Bob wrote:"), 0 if there are none."""
    if _REPLY.fullmatch(line):
        return 1
    begins = line.lstrip().startswith(("On ", "Am ", "Le ", "El ", "Il ", "Op "))
    return 2 if begins and after and _REPLY.fullmatch(f"{line} {after[0]}") else 0


def _attribution(line: str, after: list[str], quoted: re.Pattern[str]) -> int:
    """The number of lines that say who wrote what is quoted below, 0 if there are none."""
    if reply := _reply(line, after):
        return reply
    below = next((later for later in after if later.strip()), "")
    return int(bool(_ATTRIBUTION.fullmatch(line)) and bool(quoted.match(below)))


def _is_escaped(line: str, after: list[str], quoted: re.Pattern[str]) -> bool:
    """Whether a line is no quotation, but one that begins with "From " as mailboxes keep it."""
    return bool(_FROM_ESCAPED.match(line)) and not (after and quoted.match(after[0]))
