"""Provenance marks as a report states them: their claims, and whether their signatures are valid.

A mark without a valid signature is a string that anybody can write. Signatures are checked if c2pa-python is installed (the
extra `c2pa`), without network: revocation of certificates is not checked, and manifests stored elsewhere are not fetched.
"""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from typing import Any, Literal, NamedTuple

from llm_audit.results import Mark
from llm_audit.text.marks import Wrapper, without_marks

OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


class Checked(NamedTuple):
    """Outcome of c2pa-python's check of a manifest against a text."""

    signature: Literal["valid", "invalid", "not_checked"]
    reason: str
    claim_generator: str | None = None
    signer: str | None = None


def describe(wrapper: Wrapper, text: str, exact: bool) -> Mark:
    """The report's description of a mark, with the state of its signature.

    Args:
        wrapper: the mark.
        text: as read, with its marks.
        exact: whether the text in UTF-8 equals the file byte for byte, since signatures cover bytes.
    """
    checked = _check(wrapper, text, exact)
    where = "in invisible characters" if wrapper.kind == "selectors" else "in a block of its own"
    size = f", {len(wrapper.manifest):,} bytes," if wrapper.manifest else ""
    return Mark(
        kind="c2pa_selectors" if wrapper.kind == "selectors" else "c2pa_block",
        start=wrapper.start,
        end=wrapper.end,
        manifest_sha256=hashlib.sha256(wrapper.manifest).hexdigest() if wrapper.manifest else None,
        manifest_bytes=len(wrapper.manifest) if wrapper.manifest else None,
        reference=wrapper.reference,
        defect=wrapper.defect or None,
        claim_generator=checked.claim_generator,
        signer=checked.signer,
        signature=checked.signature,
        reason=f"The text carries a C2PA provenance mark {where}{size} at character {wrapper.start:,}. {checked.reason}",
    )


def _check(wrapper: Wrapper, text: str, exact: bool) -> Checked:
    if wrapper.defect:
        return Checked("not_checked", f"It {wrapper.defect}, so it is evidence of nothing.")
    if wrapper.manifest is None:
        return Checked("not_checked", f"It refers to {wrapper.reference}, which was not fetched. {_NO_EVIDENCE}")
    if not exact:
        return Checked("not_checked", f"Its signature was not checked: the text is not plain UTF-8. {_NO_EVIDENCE}")
    try:
        import c2pa
    except ImportError:
        return Checked("not_checked", f"Its signature was not checked: install llm-audit[c2pa] to do so. {_NO_EVIDENCE}")
    # Signed is the file but for the mark, which the manifest says by leaving its place out, or by not knowing of it at all.
    manifest_store: dict[str, Any] = {}
    for content in (text, without_marks(text, (wrapper,))):
        try:
            with c2pa.Context.from_dict(OFFLINE) as context:
                reader = c2pa.Reader("text/plain", BytesIO(content.encode()), wrapper.manifest, context)
                manifest_store = json.loads(reader.json())
        except (c2pa.C2paError, ValueError):
            return Checked("invalid", f"It cannot be read by c2pa-python. {_NO_EVIDENCE}")
        if manifest_store.get("validation_state") in ("Valid", "Trusted"):
            break
    return _checked(manifest_store)


_NO_EVIDENCE = "Without a valid signature it is no evidence of origin: anybody can write one."


def _checked(manifest_store: dict[str, Any]) -> Checked:
    manifest = manifest_store.get("manifests", {}).get(manifest_store.get("active_manifest"), {})
    generator = next((str(info.get("name")) for info in manifest.get("claim_generator_info") or ()), None)
    signed = manifest.get("signature_info") or {}
    signer = ", ".join(str(signed[key]) for key in ("common_name", "issuer") if signed.get(key)) or None
    says = f" It names {generator} as the program that made it." if generator else ""
    state = manifest_store.get("validation_state")
    if state not in ("Valid", "Trusted"):
        codes = ", ".join(sorted({str(status.get("code")) for status in manifest_store.get("validation_status") or ()}))
        reason = f"Its signature does not verify for this text ({codes or 'no reason given'}).{says} {_NO_EVIDENCE}"
        return Checked("invalid", reason, generator, signer)
    trust = (
        "The certificate is on a list of trusted ones."
        if state == "Trusted"
        else "The certificate is on no list of trusted ones here: it is evidence of origin as far as you trust that signer."
    )
    return Checked(
        "valid", f"Its signature by {signer or 'an unnamed signer'} verifies for this text.{says} {trust}", generator, signer
    )
