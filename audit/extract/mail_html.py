"""Messages in HTML without what they quote and how they are signed, as mail programs mark both."""

from __future__ import annotations

import re
from typing import Any

from lxml import html as lxml_html

from llm_audit.extract.draft import Draft

_CLASSES = frozenset({
    "gmail_quote", "gmail_extra", "gmail_signature", "yahoo_quoted", "moz-cite-prefix", "moz-signature",
    "moz-forward-container", "protonmail_quote", "protonmail_signature_block",
})  # fmt: skip
_SIGNATURES = frozenset({"Signature", "signature", "ms-outlook-mobile-signature"})
_FROM_HERE_ON = frozenset({"divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container"})
_HEADERS = re.compile(r"\s*(?:From|Von|De|Da|Van):.{1,300}?(?:Sent|Date|Gesendet|Datum|Envoyé|Inviato|Verzonden):", re.S)
_LONGEST_HEADERS = 1_000  # characters


def without_quotes(page: str, draft: Draft, kind: str) -> str:
    """A page without quoted and forwarded messages and signatures, which are counted under `kind`."""
    if not page.strip():
        return page
    parser = lxml_html.HTMLParser(huge_tree=True, no_network=True, encoding="utf-8")
    root = lxml_html.document_fromstring(page.encode(), parser=parser)
    if any(error.type_name == "ERR_RESOURCE_LIMIT" for error in parser.error_log):
        return page  # which whoever reads it refuses
    changed = False
    for element in list(root.iter()):
        if not isinstance(element.tag, str) or not _is_in(element, root):
            continue
        if _is_quote(element):
            element.drop_tree()
            draft.left_out[kind] += 1
            changed = True
        elif _begins_another(element):
            _cut(element)
            draft.left_out[kind] += 1
            return str(lxml_html.tostring(root, encoding="unicode"))
    return str(lxml_html.tostring(root, encoding="unicode")) if changed else page


def _is_in(element: Any, root: Any) -> bool:
    """Whether an element is still part of the page."""
    return element is root or next(reversed(list(element.iterancestors())), None) is root


def _is_quote(element: Any) -> bool:
    cited = element.tag == "blockquote" and (element.get("type") or "").lower() == "cite"
    classes = set((element.get("class") or "").split())
    return element.getparent() is not None and (cited or bool(classes & _CLASSES) or element.get("id") in _SIGNATURES)


def _begins_another(element: Any) -> bool:
    """Whether another message, or the signature, follows from here on to the end of the page."""
    if element.get("id") in _FROM_HERE_ON:
        return True
    if element.tag not in ("div", "p", "span", "td"):
        return False
    if "border-top" in (element.get("style") or ""):  # Outlook's line above the headers
        return bool(_HEADERS.match(element.text_content()[:_LONGEST_HEADERS]))
    return len(element) == 0 and (element.text or "").strip("\u00a0 \r\n") == "--"


def _cut(element: Any) -> None:
    """Remove an element and everything behind it."""
    for around in [element, *element.iterancestors()]:
        for later in [*around.itersiblings()]:
            later.getparent().remove(later)
        around.tail = None
    element.drop_tree()
