"""A signed statement about a report: DSSE envelope, Ed25519, in-toto test result. Offline; keys are the user's files.

https://github.com/secure-systems-lab/dsse, https://in-toto.io/Statement/v1, https://in-toto.io/attestation/test-result/v0.1.
Knows nothing about how a report came about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_audit.common.errors import InvalidConfiguration, NotAvailable
from llm_audit.results import Report, Verdict

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey

PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"

MISSING = "Signatures need the extra packages of `pip install llm-audit[sign]`."


def load_key(path: Path) -> CryptoSigner:
    """An Ed25519 private key without a passphrase, as `openssl genpkey -algorithm ed25519` writes it. Raises AuditError."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from securesystemslib.signer import CryptoSigner
    except ImportError as error:
        raise NotAvailable(MISSING) from error
    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError:
        raise InvalidConfiguration(
            f"The key {path} has a passphrase; signing needs one without, in a file that only you read."
        ) from None
    except ValueError:
        raise InvalidConfiguration(f"{path} holds no private key in PEM form.") from None  # the cause may quote the file
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidConfiguration(f"The key {path} is no Ed25519 key; make one with `openssl genpkey -algorithm ed25519`.")
    return CryptoSigner(key)


def load_public_key(path: Path) -> SSlibKey:
    """An Ed25519 public key, as `openssl pkey -pubout` writes it. Raises AuditError."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from securesystemslib.signer import SSlibKey
    except ImportError as error:
        raise NotAvailable(MISSING) from error
    try:
        key = load_pem_public_key(_read(path))
    except ValueError:
        raise InvalidConfiguration(f"{path} holds no public key in PEM form.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidConfiguration(f"The key {path} is no Ed25519 key.")
    return SSlibKey.from_crypto(key)


def envelope(key: CryptoSigner, report: Report, name: str, content: bytes) -> str:
    """The signed statement about a report, as JSON.

    Args:
        key: from `load_key`.
        report: what the file holds.
        name: of the file.
        content: of the file.
    """
    from securesystemslib.dsse import Envelope

    dsse = Envelope(_payload(report, name, content), PAYLOAD, {})
    dsse.sign(key)
    return json.dumps(dsse.to_dict(), indent=2) + "\n"


def problem(key: SSlibKey, report: Report, content: bytes, signed: Path) -> str | None:
    """The fault of a report's signature, as a sentence; None: it is signed with the key, as it stands.

    Args:
        key: from `load_public_key`.
        report: what the file holds.
        content: of the file.
        signed: the envelope beside it.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError

    try:
        text = signed.read_bytes()
    except OSError as error:
        return f"There is no signature to check: {signed} cannot be read ({error.strerror})."
    try:
        fields = json.loads(text)
        dsse = Envelope.from_dict(json.loads(text))
        same = dsse.to_dict() == fields  # base64 has several spellings of the same bytes
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        same = False
    if not same:
        return f"The envelope {signed} is damaged."
    try:
        dsse.verify([key], 1)
    except VerificationError:
        return f"The envelope {signed} was not signed with this key, or was changed since."
    try:
        statement = json.loads(dsse.payload)
        name = statement["subject"][0]["name"]
        digest = statement["subject"][0]["digest"]["sha256"]
    except (ValueError, KeyError, TypeError, IndexError):
        return f"The envelope {signed} holds no statement about a report."
    if digest != hashlib.sha256(content).hexdigest():
        return f"The envelope {signed} is about another report: this one was changed, or is not the one that was signed."
    if dsse.payload_type != PAYLOAD or dsse.payload != _payload(report, name, content):
        return f"The statement in {signed} does not follow from this report."
    return None


def _payload(report: Report, name: str, content: bytes) -> bytes:
    by_verdict = dict(_tests(report))
    failed = sorted(test for test, verdict in by_verdict.items() if verdict is Verdict.FINDING)
    passed = sorted(test for test, verdict in by_verdict.items() if verdict is Verdict.PASS)
    warned = sorted(by_verdict.keys() - set(failed) - set(passed))
    subjects = [(name, hashlib.sha256(content).hexdigest())]
    subjects += [(document.name, document.sha256) for document in report.documents if document.sha256]
    subjects += report.manifest.inputs.items()
    statement = {
        "_type": STATEMENT,
        "subject": [_resource(*entry) for entry in dict.fromkeys(subjects)],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "FAILED" if failed else "WARNED" if warned else "PASSED",
            "configuration": [_resource(*entry) for entry in _configuration(report)],
            "passedTests": passed,
            "warnedTests": warned,
            "failedTests": failed,
        },
    }
    return json.dumps(statement, sort_keys=True).encode("ascii")


def _tests(report: Report) -> Iterator[tuple[str, Verdict]]:
    """Every verdict, with the name of its subject."""
    for document in report.documents:
        verdict = document.verdict
        if document.gate:  # a failure need not be a finding, nor a finding a failure
            passed = verdict is Verdict.PASS
            verdict = Verdict.FINDING if document.gate.failures else Verdict.PASS if passed else Verdict.INCONCLUSIVE
        yield f"{document.name}: {report.question}", verdict
    for subject in (report.membership, report.substitution):
        if subject is not None:
            yield subject.claim, subject.verdict
    if report.corpus is not None:
        yield f"corpus {report.corpus.inputs}: {report.question}", report.corpus.verdict


def _configuration(report: Report) -> Iterator[tuple[str, str]]:
    """Models, population and policy of the run, by name and SHA-256."""
    manifest = report.manifest
    for model in (manifest.model, manifest.reference_model, *manifest.further_models):
        if model is not None:
            yield f"model {model.name}", model.digest
    if manifest.population and manifest.population_digest:
        yield f"population {manifest.population}", manifest.population_digest
    if manifest.policy:
        yield "policy", manifest.policy


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidConfiguration(f"The key {path} cannot be read: {error.strerror}.") from error
