"""E-mails as a mail program shows them: each message once, in its characters, without what others wrote."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from tests.extract.ask import answer, hidden
from tests.extract.test_formats import HEAD
from tests.text.prose import PARAGRAPHS

ONE, TWO = (" ".join(paragraph.split()) for paragraph in PARAGRAPHS[:2])


def plain(body: str, more: str = "Content-Type: text/plain; charset=utf-8") -> str:
    return f"{HEAD}{more}\n\n{body}"


def page(body: str) -> str:
    return plain(body, "Content-Type: text/html; charset=utf-8")


def both(text: str, html: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Message-ID"] = "a@x.org", "<1@x.org>"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def shown(data: bytes | str) -> str:
    return " ".join(str(answer("mail", data)["text"]).split())


def test_of_two_versions_that_say_the_same_the_plain_one_is_read() -> None:
    found = answer("mail", both(f"{ONE}\n\n{TWO}\n", f"<p>{ONE}</p><p>{TWO}</p>"))
    assert (" ".join(found["text"].split()), found["notes"]) == (f"{ONE} {TWO}", [])
    assert found["places"][0][1] == "line 1"


@pytest.mark.parametrize("text", ["This message needs a program that shows HTML.\n", f"{TWO}\n", "\n"])
def test_of_two_versions_that_differ_the_one_that_is_shown_is_read(text: str) -> None:
    found = answer("mail", both(text, f"<p>{ONE}</p>"))
    assert " ".join(found["text"].split()) == ONE
    assert found["notes"] == ["Left out: plain text that mail programs do not show (1)."] * bool(text.strip())


def test_all_parts_that_are_shown_are_read() -> None:
    parts = ["Content-Type: text/plain\n\nFirst.\n", "Content-Type: image/png\nContent-Disposition: inline\n\nzz\n"]
    parts += ["Content-Type: text/plain\n\nSecond.\n", 'Content-Type: text/plain; name="essay.txt"\n\nAttached.\n']
    found = answer("mail", plain("--x\n" + "--x\n".join(parts) + "--x--\n", 'Content-Type: multipart/mixed; boundary="x"'))
    assert (found["text"].split(), found["notes"]) == (["First.", "Second."], ["Left out: attachment (2)."])


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [("us-ascii", "utf-8"), ("us-ascii", "cp1252"), ("x-unknown", "cp1252"), ("utf-8", "cp1252"), ("iso-8859-1", "iso-8859-1")],
)
def test_a_character_set_that_is_wrong_or_unknown_loses_no_letters(kind: str, encoding: str) -> None:
    head = plain("", f"Content-Type: text/plain; charset={kind}\nContent-Transfer-Encoding: 8bit").encode()
    assert shown(head + "A café in Orléans.\n".encode(encoding)) == "A café in Orléans."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Mine.\n\nSent from my iPhone\n", "Mine."),
        ("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nMine.\n- -- \nAnn\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n"
         "-----END PGP SIGNATURE-----\n", "Mine."),
        ("2025-03-03 10:00 GMT+01:00 Bob <b@x.org>:\n> Not mine.\nMine.\n", "Mine."),
        ("Bob schrieb am 03.03.25 um 10:00:\n> Not mine.\nMine.\n", "Mine."),
        ("In article <1@x.org>, Bob writes:\n\n> Not mine.\n\nMine.\n", "Mine."),
        ("Mine.\n____________________________\n\nFrom: Bob\nSent: Monday\nTo: Ann\n\nNot mine.\n", "Mine."),
        ("Mine.\n>From here on it is mine as well.\n", "Mine. From here on it is mine as well."),
    ],
)  # fmt: skip
def test_what_others_wrote_and_signatures_are_left_out(body: str, text: str) -> None:
    assert shown(plain(body)) == text


@pytest.mark.parametrize(
    "body",
    [
        f"Before.\n____________________________\n{ONE}",
        f"Before.\n--\n{ONE} {TWO} {ONE}",
        "From: all of us.\nTo: you, with love.\nIt was a good year.",
        "He wrote this:\nIt was a good year.",
    ],
)
def test_words_of_the_writer_that_look_like_a_signature_or_heading_are_kept(body: str) -> None:
    assert shown(plain(body)) == " ".join(body.split())


def test_a_mark_of_quotation_that_is_stuffed_in_flowed_text_is_the_writers() -> None:
    assert (
        shown(plain(" > 5 is mine \nand goes on.\n> Not mine.\n", "Content-Type: text/plain; format=flowed"))
        == "> 5 is mine and goes on."
    )


MAILBOX = "From a@x Mon Mar  3 10:00:00 2025\n"
QUOTED = "<p>Not mine.</p>"


@pytest.mark.parametrize(
    "after",
    [
        f'<div class="gmail_quote gmail_quote_container">{QUOTED}</div>',
        f'<blockquote type="cite">{QUOTED}<blockquote type="cite">{QUOTED}</blockquote>{QUOTED}</blockquote>',
        f'<div id="divRplyFwdMsg"><b>From:</b> Bob<br><b>Sent:</b> Monday</div><div>{QUOTED}</div>',
        f'<div><div style="border-top:solid 1pt"><p><b>From:</b> Bob<br><b>Sent:</b> Monday</p></div></div>{QUOTED}',
        "<div>-- </div><div>Not mine.</div>",
        '<div class="moz-signature">Not mine.</div>',
    ],
)  # fmt: skip
def test_pages_lose_what_they_quote(after: str) -> None:
    found = answer("mail", page(f"<div>Mine.</div>{after}"))
    assert (found["text"], found["notes"]) == ("Mine.", ["Left out: signature, quoted or forwarded message (1)."])


def test_answers_below_a_quotation_are_kept_and_preheaders_are_hidden() -> None:
    unseen = "What only the list of the inbox shows of this message, in small."
    data = page(f'<div style="display:none">{unseen}</div><blockquote type="cite">{QUOTED}</blockquote><p>Mine.</p>')
    assert shown(data) == "Mine."
    assert hidden("mail", data) == [("display:none", unseen)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (plain("-----BEGIN PGP MESSAGE-----\n\nhQ==\n-----END PGP MESSAGE-----\n"), "is encrypted"),
        (plain("zz", "Content-Type: application/pkcs7-mime"), "is encrypted"),
        (f"{MAILBOX}{plain('One.')}\n\n{MAILBOX}{plain('Two.')}", "several e-mails"),
        (plain("\n"), "has no text"),
    ],
)  # fmt: skip
def test_messages_that_cannot_be_judged_say_so(data: str, reason: str) -> None:
    assert reason in answer("mail", data)["error"]


def test_a_mailbox_of_one_message_is_a_message() -> None:
    assert shown(f"{MAILBOX}{plain('Mine.')}") == "Mine."
