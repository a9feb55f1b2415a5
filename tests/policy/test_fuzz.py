"""Whatever stands in the file, the outcome is a policy or one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_audit.common.errors import AuditError
from llm_audit.policy import Override, Policy, load

KEYS = [name.replace("_", "-") for name in (*Policy.model_fields, *Override.model_fields)]
WORDS = [
    "AUD",
    "AUD9",
    "AUD901",
    "AUD100",
    "lrr",
    "finding",
    "error",
    "*.md",
    "!docs/",
    "/a/**",
    "[z-a]",
    "[",
    "\\",
    "text",
    "",
]

scalars = st.one_of(
    st.sampled_from(WORDS), st.text(), st.integers(), st.floats(), st.booleans(), st.sampled_from([0.01, 0.5, 64, 100])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=5))
tables = st.dictionaries(keys, values, max_size=4)
policies = st.tuples(tables, st.lists(tables, max_size=2))


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    return str(value).lower()


def written(policy: tuple[dict[str, Any], list[dict[str, Any]]]) -> str:
    """A table of settings and overrides as TOML."""
    own, overrides = policy
    blocks = [("", own), *(("[[overrides]]\n", override) for override in overrides)]
    return "".join(head + "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items()) for head, table in blocks)


def check(path: Path, content: bytes) -> Policy | None:
    """The policy in a file of this content; None if it was refused properly."""
    path.write_bytes(content)
    try:
        loaded = load(path)
    except AuditError as error:
        assert str(error).endswith((".", "?")), error
        return None
    assert set(map(loaded.origin, Policy.model_fields)) - {"default"} or not loaded.policy.model_fields_set
    loaded.covers(Path("docs/a.md"))
    loaded.for_path(Path("docs/a.md"))
    return loaded.policy


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "llm-audit.toml"


@given(policies)
def test_any_settings_of_any_kind(path: Path, policy: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    check(path, written(policy).encode())


@given(st.one_of(st.text().map(str.encode), st.binary()))
def test_any_bytes(path: Path, content: bytes) -> None:
    check(path, content)


@given(st.text(alphabet="[]{}=.,'\"\\#\n at1-", max_size=60))
def test_anything_that_looks_like_toml(path: Path, content: str) -> None:
    check(path, content.encode())
    check(path, f"alpha = 0.02\nexclude = ['x']\n{content}".encode())


@given(st.data())
def test_a_policy_that_is_right_is_read_as_it_was_written(path: Path, data: st.DataObject) -> None:
    codes = st.lists(st.sampled_from(["AUD1", "AUD9", "AUD901", "AUD903"]), max_size=3)
    outcomes = st.lists(st.sampled_from(["finding", "error", "inconclusive", "not_assessable"]), max_size=3)
    patterns = st.lists(st.sampled_from(["*.md", "!docs/", "/a/**"]), min_size=1, max_size=3)
    by_path = {"select": codes, "ignore": codes, "fail-on": outcomes, "minimum-tokens": st.integers(64, 10**6)}
    wanted = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                **by_path,
                "alpha": st.floats(0, 1, exclude_min=True, exclude_max=True, allow_subnormal=False),
                "population": st.text(min_size=1),
                "inline-suppressions": st.booleans(),
                "include": patterns,
                "exclude": patterns,
            },
        )
    )
    overrides = data.draw(st.lists(st.fixed_dictionaries({"paths": patterns}, optional=by_path), max_size=2))
    policy = check(path, written((wanted, overrides)).encode())
    assert policy is not None
    found = policy.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert found == wanted | ({"overrides": overrides} if overrides else {})
