"""The score cache: a row is right or a miss, and a cache that cannot be used costs time, never a run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from llm_audit.scoring import cache as cache_module
from llm_audit.scoring.cache import ScoreCache, Scorer
from llm_audit.scoring.request import Prompted, Request, Windowing
from llm_audit.scoring.tokens import COLUMNS_VERSION, RENYI_ORDERS, Decoding, TokenScores

SCORER = Scorer(model="m" * 64, dtype="float32", device="cpu", request=Request())
VARIANTS = {
    "as it is": SCORER,
    "model": replace(SCORER, model="n" * 64),
    "reference": replace(SCORER, reference="m" * 64),
    "other reference": replace(SCORER, reference="n" * 64),
    "dtype": replace(SCORER, dtype="bfloat16"),
    "device": replace(SCORER, device="cuda"),
    "window size": replace(SCORER, request=Request(Windowing(256))),
    "overlap": replace(SCORER, request=Request(Windowing(512, overlap=64))),
    "balanced": replace(SCORER, request=Request(Windowing(512, balanced=True))),
    "first only": replace(SCORER, request=Request(Windowing(512, first_only=True))),
    "temperature": replace(SCORER, request=Request(decoding=Decoding(temperature=0.7))),
    "decoding top-k": replace(SCORER, request=Request(decoding=Decoding(top_k=50))),
    "top-p": replace(SCORER, request=Request(decoding=Decoding(top_p=0.9))),
    "min-p": replace(SCORER, request=Request(decoding=Decoding(min_p=0.1))),
    "hidden layers": replace(SCORER, request=Request(hidden_layers=(1,))),
    "other hidden layers": replace(SCORER, request=Request(hidden_layers=(1, 2))),
    "reported top-k": replace(SCORER, request=Request(top_k=50)),
}


def scores_of(seed: int, n: int = 40) -> TokenScores:
    """Random columns; a different seed gives different ones."""
    rng = np.random.default_rng(seed)

    def column(name: str) -> np.ndarray:
        if name in {"token_id", "char_start", "char_end", "window", "context", "rank"}:
            return rng.integers(0, 1000, n).astype(np.int32)
        return rng.standard_normal((n, len(RENYI_ORDERS)) if name == "renyi" else n).astype(np.float32)

    return TokenScores(**{field.name: column(field.name) for field in fields(TokenScores) if field.default is not None})


def same(a: TokenScores, b: TokenScores) -> bool:
    return a.to_bytes() == b.to_bytes()


TEXTS = [f"Text number {number}." for number in range(20)]
KEYS = [SCORER.key(text) for text in TEXTS]
STORED = {key: scores_of(seed) for seed, key in enumerate(KEYS)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "scores.sqlite"


@pytest.fixture
def full(path: Path) -> Path:
    with ScoreCache(path) as cache:
        cache.put(STORED.items())
    return path


def rightly_found(cache: ScoreCache) -> int:
    """How many rows are hits; a hit with other numbers than were stored fails the test."""
    hits = {key: scores for key in KEYS if (scores := cache.get(key)) is not None}
    assert all(same(scores, STORED[key]) for key, scores in hits.items())
    return len(hits)


def test_scorers_that_differ_in_anything_share_no_key() -> None:
    keys = {name: scorer.key("the same text") for name, scorer in VARIANTS.items()}
    assert [pair for pair in combinations(keys, 2) if keys[pair[0]] == keys[pair[1]]] == []


def test_the_variants_above_leave_no_setting_out() -> None:
    def varied(of: Callable[[Scorer], object]) -> set[str]:
        values = [of(scorer) for scorer in VARIANTS.values()]
        return {field.name for field in fields(values[0]) if len({getattr(value, field.name) for value in values}) > 1}

    assert varied(lambda scorer: scorer) == {field.name for field in fields(Scorer)}
    assert varied(lambda scorer: scorer.request) == {field.name for field in fields(Request)}
    assert varied(lambda scorer: scorer.request.windowing) == {field.name for field in fields(Windowing)}
    assert varied(lambda scorer: scorer.request.decoding) == {field.name for field in fields(Decoding)}


@pytest.mark.parametrize("other", ["", "A text", "a text.", "a text ", "a\u00a0text"])
def test_texts_that_differ_in_a_character_share_no_key(other: str) -> None:
    assert SCORER.key(other) != SCORER.key("a text")


def test_the_key_of_a_plain_text_is_what_it_was_before_there_were_prompts() -> None:
    identity = {"columns": COLUMNS_VERSION, "text": hashlib.sha256(b"a text").hexdigest(), **asdict(SCORER)}
    assert SCORER.key("a text") == hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=32).digest()


def test_texts_with_other_prompts_or_tokens_share_no_key() -> None:
    different: list[str | Prompted] = [
        "a text",
        Prompted("a text"),
        Prompted("a text", ""),
        Prompted("a text", "a prompt"),
        Prompted("a text", "a prompt "),
        Prompted("prompt a text", "a "),
        Prompted("a prompt", "a text"),
        Prompted("a text", "null"),
        Prompted("a text", "a prompt", ()),
        Prompted("a text", "a prompt", (1, 23)),
        Prompted("a text", "a prompt", (12, 3)),
        Prompted("a text", token_ids=(12, 3)),
        '["a text", "a prompt", null]',
        Prompted("a text \ud83d"),  # half a character, as a model may spell it
        Prompted("a text", "\ud83d"),
    ]
    keys = [SCORER.key(text) for text in different]
    assert len(set(keys)) == len(different)
    assert keys == [SCORER.key(text if isinstance(text, str) else replace(text)) for text in different]


def test_equal_settings_give_the_same_key_in_every_process() -> None:
    code = (
        "from llm_audit.scoring.cache import Scorer; from llm_audit.scoring.request import Request; "
        "print(Scorer(model='m' * 64, dtype='float32', device='cpu', request=Request()).key('a text').hex())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert printed == SCORER.key("a text").hex()


def test_two_models_never_share_a_row(path: Path) -> None:
    with ScoreCache(path) as cache:
        for seed, scorer in enumerate(VARIANTS.values()):
            cache.put([(scorer.key("the same text"), scores_of(seed))])
        assert cache.info().rows == len(VARIANTS)
        for seed, scorer in enumerate(VARIANTS.values()):
            found = cache.get(scorer.key("the same text"))
            assert found is not None
            assert same(found, scores_of(seed))


def test_what_was_put_is_got_also_by_another_process_later(full: Path) -> None:
    with ScoreCache(full) as cache:
        assert rightly_found(cache) == len(KEYS)
        assert cache.get(SCORER.key("never scored")) is None
        assert cache.verify() == (len(KEYS), 0)
        assert cache.info().rows == len(KEYS)
        assert cache.info().size >= full.stat().st_size


def test_putting_a_row_again_replaces_it(full: Path) -> None:
    with ScoreCache(full) as cache:
        cache.put([(KEYS[0], scores_of(99))])
        found = cache.get(KEYS[0])
        assert found is not None
        assert same(found, scores_of(99))
        assert cache.info().rows == len(KEYS)


@pytest.mark.parametrize("large", [1, 100, 3000])
def test_a_large_row_is_written_in_pieces_and_is_the_same(path: Path, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, key = scores_of(3), SCORER.key("large")
    rows = []
    for limit in (1 << 20, large):
        monkeypatch.setattr(cache_module, "LARGE", limit)
        with ScoreCache(path) as cache:
            cache.put([(key, scores)])
            found = cache.get(key)
        assert found is not None and same(found, scores)
        with sqlite3.connect(path) as connection:
            rows.append(connection.execute("SELECT key, checksum, value FROM scores").fetchall())
        connection.close()
    assert rows[0] == rows[1] and len(rows[0]) == 1


def test_only_its_owner_can_read_the_cache(full: Path) -> None:
    with ScoreCache(full) as cache:
        cache.put([(b"k" * 32, scores_of(0))])
        for file in full.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name


@pytest.mark.filterwarnings("ignore:The score cache", "ignore:Scores were not cached", "ignore:No score cache")
def test_a_flipped_bit_anywhere_in_the_file_is_at_worst_a_miss(full: Path) -> None:
    rng = np.random.default_rng(20240607)
    sound = full.read_bytes()
    # The first hundred bytes say how to read the rest: many of the flips go there and into the first page.
    offsets = [*rng.integers(0, 100, 30), *rng.integers(0, 4096, 30), *rng.integers(0, len(sound), 90)]
    hits, complete = [], 0
    for offset in offsets:
        damaged = bytearray(sound)
        damaged[offset] ^= 1 << int(rng.integers(8))
        full.write_bytes(damaged)
        with ScoreCache(full) as cache:
            hits.append(rightly_found(cache))
            rows, wrong = cache.verify()
            cache.info()
            cache.put([(SCORER.key("one more"), scores_of(7))])
            again = cache.get(SCORER.key("one more"))
            assert again is None or same(again, scores_of(7))
            complete += (rows, wrong) == (len(KEYS), 0)
            cache.clear()
        with ScoreCache(full) as cache:
            assert rightly_found(cache) == 0
            cache.clear()
    assert min(hits) < len(KEYS) == max(hits)  # the flips did hurt, and the undamaged rows were still used
    assert complete < len(offsets)


def test_rows_changed_behind_our_back_are_misses(full: Path) -> None:
    changes = [
        "UPDATE scores SET value = zeroblob(length(value)) WHERE key = ?",
        "UPDATE scores SET value = CAST(value || 'x' AS BLOB) WHERE key = ?",
        "UPDATE scores SET value = substr(value, 1, length(value) - 1) WHERE key = ?",
        "UPDATE scores SET value = 'text' WHERE key = ?",
        "UPDATE scores SET value = 1 WHERE key = ?",
        "UPDATE scores SET checksum = zeroblob(16) WHERE key = ?",
        "UPDATE scores SET checksum = 'text' WHERE key = ?",
        "UPDATE scores SET (checksum, value) = (SELECT checksum, value FROM scores LIMIT 1 OFFSET 19) WHERE key = ?",
    ]
    connection = sqlite3.connect(full)
    with connection:
        for key, change in zip(KEYS, changes, strict=False):
            assert connection.execute(change, (key,)).rowcount == 1
    connection.close()
    with ScoreCache(full) as cache:
        assert [cache.get(key) for key in KEYS[: len(changes)]] == [None] * len(changes)
        assert rightly_found(cache) == len(KEYS) - len(changes)
        assert cache.verify() == (len(KEYS), len(changes))
        cache.put([(key, STORED[key]) for key in KEYS[: len(changes)]])
        assert rightly_found(cache) == len(KEYS)
        assert cache.verify() == (len(KEYS), 0)


@pytest.mark.filterwarnings("ignore:The score cache", "ignore:Scores were not cached")
@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_at_worst_empty(full: Path, share: float) -> None:
    size = full.stat().st_size
    os.truncate(full, int(size * share))
    with ScoreCache(full) as cache:
        assert rightly_found(cache) < len(KEYS)
        rows, wrong = cache.verify()
        assert rows - wrong < len(KEYS)
        cache.put([(KEYS[0], STORED[KEYS[0]])])
        rightly_found(cache)


def test_a_file_that_is_no_database_is_named_ignored_and_kept(full: Path) -> None:
    full.write_bytes(b"Dear diary, " * 1000)
    with pytest.warns(UserWarning, match=r"The score cache .*scores\.sqlite is damaged and ignored; `llm-audit cache clear`"):
        cache = ScoreCache(full)
    with cache:
        assert rightly_found(cache) == 0
        cache.put(STORED.items())
        assert cache.verify() == (1, 1)
        assert cache.info().rows == 0
        assert full.read_bytes().startswith(b"Dear diary")


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE scores (id INTEGER PRIMARY KEY, player TEXT, points INTEGER)",
        "CREATE TABLE scores (key TEXT, checksum TEXT, value TEXT)",
        "CREATE VIEW scores AS SELECT 1 AS key, 2 AS checksum, 3 AS value",
    ],
)
@pytest.mark.filterwarnings("ignore:Scores were not cached", "ignore:No score cache")
def test_a_database_of_another_program_gives_nothing(path: Path, schema: str) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute(schema)
    connection.close()
    with ScoreCache(path) as cache:
        assert rightly_found(cache) == 0
        cache.put(STORED.items())
        rightly_found(cache)
        cache.verify()
        cache.info()


@pytest.mark.parametrize("damage", ["none", "garbage", "truncated", "missing"])
@pytest.mark.filterwarnings("ignore:The score cache")
def test_clear_removes_the_files_in_any_state(full: Path, damage: str) -> None:
    match damage:
        case "garbage":
            full.write_bytes(os.urandom(5000))
        case "truncated":
            os.truncate(full, 5000)
        case "missing":
            full.unlink()
    for suffix in ("-wal", "-shm"):
        full.with_name(full.name + suffix).write_bytes(b"left behind")
    with ScoreCache(full) as cache:
        cache.clear()
    assert list(full.parent.iterdir()) == []


def test_where_no_cache_can_be_one_sentence_says_so() -> None:
    with pytest.warns(UserWarning) as caught:
        cache = ScoreCache(Path("/dev/null/x/scores.sqlite"))
    assert [str(warning.message) for warning in caught] == [
        "No score cache: /dev/null/x/scores.sqlite cannot be written (Not a directory)."
    ]
    with cache:
        cache.put(STORED.items())
        assert rightly_found(cache) == 0
        assert cache.verify() == (0, 0)
        assert cache.info().rows == 0


READER = """
import sys, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[2])
warnings.showwarning = lambda message, *rest, **more: print("Warning:", message)
from tests.scoring.test_cache import STORED, ScoreCache, rightly_found
with ScoreCache(Path(sys.argv[1])) as cache:
    print(rightly_found(cache), "found")
    cache.put(STORED.items())
"""


def test_a_read_only_folder_is_read_and_not_written(full: Path) -> None:
    folder = full.parent.with_name("read?only#100%20")  # characters that mean something in sqlite's file: addresses
    shutil.move(full.parent, folder)
    mounted = f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}" && exec "$@"'
    if subprocess.run(["unshare", "-rm", "sh", "-c", mounted, "sh", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no process mount a folder read-only")
    reader = [sys.executable, "-c", READER, str(folder / full.name), str(Path(__file__).parents[2])]
    result = subprocess.run(["unshare", "-rm", "sh", "-c", mounted, "sh", *reader], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    found, warning = result.stdout.splitlines()
    assert found == f"{len(KEYS)} found"
    assert warning.startswith("Warning: Scores were not cached in ")
    assert "readonly" in warning


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.scoring.test_cache import KEYS, STORED, ScoreCache, rightly_found
sys.stdin.read()  # all start together
for turn in range(5):
    with ScoreCache(Path(sys.argv[1])) as cache:
        for key in KEYS:
            cache.put([(key, STORED[key])])
        assert rightly_found(cache) == len(KEYS)
"""


def test_four_processes_write_the_same_file_at_once(path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), str(Path(__file__).parents[2])]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
        writer.stdin = None
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [(b"", 0)] * 4
    with ScoreCache(path) as cache:
        assert rightly_found(cache) == len(KEYS)
        assert cache.verify() == (len(KEYS), 0)  # and no duplicates


def test_a_second_connection_of_a_process_leaves_the_locks_of_the_first_to_it(path: Path) -> None:
    """Without them another process takes itself for the last one, and removes the log that the first still writes."""
    log = path.with_name(path.name + "-wal")
    with ScoreCache(path) as first:
        with ScoreCache(path) as second:
            second.put(STORED.items())
            assert log.exists()
            code = "import sys; from pathlib import Path; from llm_audit.scoring.cache import ScoreCache as Cache\n"
            code += "with Cache(Path(sys.argv[1])) as cache: print(cache.info().rows)"
            other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
            assert other.stdout.split() == [str(len(KEYS))]
            assert log.exists()
        first.put(STORED.items())
        assert rightly_found(first) == len(KEYS)
