"""E-mails (RFC 5322): the writer's own words, without headers, signature and what is quoted or forwarded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from typing import BinaryIO

from llm_audit.extract.draft import Draft, Refused
from llm_audit.extract.html import add_page

_SIGNATURE = re.compile(r"--\s?")
_QUOTED = re.compile(r"\s*>")
_REPLY = re.compile(
    r"\s*(?:(?:On|Am|Le|El|Il|Op)\b.{5,200}(?:wrote|schrieb|écrit|escribió|ha scritto|schreef)\s?:"
    r"|-{2,}\s*(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Message d'origine)\s*-{2,}"
    r"|_{20,}|Begin forwarded message:)\s*"
)
_FROM = re.compile(r"\s*\*?(?:From|Von|De):\*?\s.*\S@\S.*|\s*\*?(?:From|Von|De):\*?\s.+")
_HEADER = re.compile(r"\s*\*?(?:Sent|Date|To|Subject|Gesendet|An|Betreff|Envoyé|À|Objet):\*?\s")


def read(stream: BinaryIO) -> Iterator[dict[str, object]]:
    """The text of one message, with "line 14" of its body, or "paragraph 3" of an HTML message, as places."""
    message = BytesParser(policy=policy.default).parse(stream)
    assert isinstance(message, EmailMessage)
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        raise Refused("has no text, only attachments" if message.is_multipart() else "has no text")
    draft = Draft()
    text = _content(body)
    if body.get_content_subtype() == "html":
        _add_html(text, draft)
    else:
        _add_own(text, draft)
    draft.left_out["attachment"] = sum(1 for _ in message.iter_attachments()) if message.is_multipart() else 0
    yield draft.answer("has no words of its writer: it quotes, or forwards, and says nothing")


def _content(body: MIMEPart) -> str:
    try:
        return str(body.get_content())
    except LookupError:  # a character set that nobody knows
        payload = body.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _add_html(page: str, draft: Draft) -> None:
    """Add an HTML message without what it quotes, which mail programs mark as block quotes or by their own classes."""
    page = re.sub(r"(?is)<div[^>]+class=\"?(?:gmail_quote|yahoo_quoted|moz-cite-prefix).*", "", page)
    message = re.sub(r"(?is)<blockquote[^>]*type=\"?cite.*?</blockquote>", "", page)
    add_page(message, draft, whole=True)


def _add_own(text: str, draft: Draft) -> None:
    lines = text.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        following = lines[number : number + 3]
        joined = " ".join([line, *lines[number : number + 1]])
        begins_reply = _REPLY.fullmatch(line) or (line.lstrip().startswith(("On ", "Am ", "Le ")) and _REPLY.fullmatch(joined))
        if _SIGNATURE.fullmatch(line) or (_FROM.fullmatch(line) and any(map(_HEADER.match, following))):
            draft.left_out["signature, quoted or forwarded message"] += 1
            return
        if begins_reply:
            rest = lines[number:]
            if not any(_QUOTED.match(later) for later in rest):
                draft.left_out["signature, quoted or forwarded message"] += 1
                return
        elif _QUOTED.match(line):
            draft.left_out["quoted line"] += 1
        elif not (_REPLY.fullmatch(" ".join(lines[max(number - 2, 0) : number])) and number > 1):
            draft.add(line.strip(), f"line {number}", end="\n")
