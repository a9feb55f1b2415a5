"""Signatures of provenance marks, made and checked with c2pa-python; what is said of a mark without a valid one."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import c2pa
import pytest
from c2pa_text import embed_manifest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from llm_audit.detectors.provenance.c2pa import describe
from llm_audit.results import Mark
from llm_audit.text import find_marks

TEXT = "A text that a machine wrote, and that its maker signed."


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests")])


def certified(signer: str, issuer: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate with what C2PA asks of a signer's."""
    now, authority = datetime.now(UTC), signer == issuer
    usage = [not authority, False, False, False, False, authority, authority, False, False]
    builder = x509.CertificateBuilder(name(issuer), name(signer), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(authority, None), True)
    builder = builder.add_extension(x509.KeyUsage(*usage), True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False)
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), True)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def manifest() -> bytes:
    """A manifest store that signs `TEXT`."""
    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = certified("Signer", "Root", key, root) + certified("Root", "Root", root, root)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    claim = {"claim_generator_info": [{"name": "write-bot"}], "format": "text/plain", "assertions": [
        {"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType":
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"}]}}]}  # fmt: skip
    builder = c2pa.Builder(json.dumps(claim))
    builder.set_no_embed()
    with c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, secret, None)) as signer:
        return bytes(builder.sign(signer, "text/plain", io.BytesIO(TEXT.encode()), io.BytesIO()))


def described(text: str, exact: bool = True) -> Mark:
    (wrapper,) = find_marks(text)
    return describe(wrapper, text, exact)


def test_t14_a_valid_signature_is_told_with_its_signer_and_what_it_is_worth(manifest: bytes) -> None:
    mark = described(embed_manifest(TEXT, manifest))
    assert (mark.signature, mark.claim_generator, mark.signer) == ("valid", "write-bot", "Signer, Tests")
    assert "as far as you trust that signer" in mark.reason


@pytest.mark.parametrize("changed", [TEXT + " And more.", TEXT.replace("machine", "person"), ""])
def test_t14_a_mark_pasted_under_another_text_is_no_evidence(manifest: bytes, changed: str) -> None:
    mark = described(embed_manifest(changed, manifest))
    assert mark.signature == "invalid"
    assert "assertion.dataHash.mismatch" in mark.reason
    assert "no evidence of origin: anybody can write one" in mark.reason


def test_a_manifest_of_nonsense_is_invalid(manifest: bytes) -> None:
    for broken in (manifest[:100] + b"\xff" * (len(manifest) - 100), manifest[:-1] + b"\x00" + b""):
        assert described(embed_manifest(TEXT, broken)).signature in ("invalid", "not_checked")


def test_what_is_not_checked_says_why(manifest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = embed_manifest(TEXT, manifest)
    assert "not plain UTF-8" in described(marked, exact=False).reason
    assert "was not fetched" in described("-----BEGIN C2PA MANIFEST----- https://x.example -----END C2PA MANIFEST-----").reason
    assert "evidence of nothing" in described(marked[:-9]).reason
    monkeypatch.setitem(sys.modules, "c2pa", None)
    mark = described(marked)
    assert (mark.signature, mark.claim_generator) == ("not_checked", None)
    assert "install llm-audit[c2pa]" in mark.reason
