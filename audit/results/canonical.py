"""The content digest of a stored report, independent of the layout of its JSON.

The canonical form: of the report as JSON leave out `content_digest`, and members that are null, an empty list or an empty
object (a later version may add such); sort members by name; write without white space, everything beyond ASCII as \\u escapes,
numbers as Python does, that is as the shortest decimal that reads back as the same number. The digest is the SHA-256 of these
bytes.

It reveals damage and careless edits. Whoever forges a report can compute it anew; only a signature reveals that.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def content_digest(content: dict[str, Any]) -> str:
    """SHA-256 of a report, given as parsed JSON, without the stored digest itself and without empty fields."""
    kept = _pruned({name: value for name, value in content.items() if name != "content_digest"})
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(member) for name, member in value.items() if member is not None and member != [] and member != {}}
    return [_pruned(element) for element in value] if isinstance(value, list) else value
