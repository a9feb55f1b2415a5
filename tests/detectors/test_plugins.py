"""Somebody else's detectors, installed as real packages beside ours."""

from __future__ import annotations

import dataclasses
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from llm_audit.common.errors import AuditError
from llm_audit.detectors import StatisticRule, announced, available, find, known_to, registry
from llm_audit.detectors.announced import GROUP, code_digest, files_digest
from llm_audit.detectors.integrity.base import examine, find_rules
from llm_audit.detectors.membership.base import find_scores
from llm_audit.detectors.plugins import survey
from llm_audit.setup import manifest
from llm_audit.testing import check_rule, sample_scores
from tests.detectors.installing import SAMPLE, installed, pip_install

OURS = ("AUD101", "AUD102", "AUD103", "AUD104", "AUD110")
ONE = "one = detector('one', 'AUD150')\n"


@pytest.fixture(scope="module")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed sample plugin."""
    return pip_install(SAMPLE, tmp_path_factory.mktemp("plugin") / "site")


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What a test imports and hashes, no other test sees."""
    yield
    for name in [name for name in sys.modules if name.startswith(("module_", "sample_plugin"))]:
        del sys.modules[name]
    files_digest.cache_clear()


@pytest.fixture
def sample(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(sample_site))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of installed packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def broken() -> list[str]:
    """What is said of everything that cannot be used."""
    return [each.reason for each in survey("origin") if each.status == "broken"]


def left_out() -> list[str]:
    """The codes of all detectors, after one warning for each broken one."""
    reasons = sorted(broken())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        rules = [detector.code for detector in find(())]
    assert sorted(str(warning.message) for warning in said) == [f"{reason} It is left out." for reason in reasons]
    return rules


@pytest.mark.usefixtures("sample")
def test_a_plugin_is_found_and_passes_the_contract() -> None:
    assert {"surprise", "broken"} <= {announcement.name for announcement in available(f"{GROUP}.origin")}
    (detector,), (score,) = find(["surprise"]), find_scores(["mean-logprob"])
    check_rule(detector)
    check_rule(score)
    for thing in (detector, score):
        assert thing.plugin is not None
        assert thing.plugin.package == "llm-audit-sample-plugin 1.0"
    assert find(["lrr"])[0].plugin is None


@pytest.mark.usefixtures("sample")
def test_a_broken_plugin_is_named_and_stops_nobody_else() -> None:
    with pytest.warns(UserWarning, match=r"'broken' .* does not load: ImportError: this plugin needs a library"):
        assert [detector.code for detector in find(())] == [*OURS, "AUD199"]
    with pytest.raises(AuditError, match="does not load"):
        find(["broken"])


@pytest.mark.usefixtures("sample")
@pytest.mark.filterwarnings("ignore:The rule 'broken':UserWarning")
def test_a_plugin_without_calibration_is_left_out_unless_asked_for() -> None:
    with pytest.warns(UserWarning, match="no scores of the detector surprise"):
        assert [detector.code for detector in known_to(OURS, ())] == list(OURS)
    with pytest.raises(AuditError, match="no scores of the detector surprise; `llm-audit calibrate` makes one that has"):
        known_to(OURS, ["surprise"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ValueError('several\\nlines\\tof \\x1b[31mcomplaint.')", "ValueError: several lines of \x1b[31mcomplaint."),
        ("raise SystemExit(0)", "does not load: SystemExit: 0."),
        ("class Odd(BaseException):\n    def __str__(self): raise ValueError\nraise Odd", "does not load: Odd."),
        ("one = = 1", "does not load: SyntaxError: invalid syntax"),
        ("two = 2", "AttributeError: module 'module_1' has no attribute 'one'"),
        ("one = 'a string'", "is not a Rule"),
        ("one = detector", "is not a Rule"),
        ("one = detector('one', 'AUD1')", "ValueError: a code is AUD and three digits"),
        ("one = detector('one', 'AUD103')", "claims the code AUD103; plugins have the upper half of a hundred"),
        ("one = detector('one', 'AUD100')", "claims the code AUD100"),
        ("one = detector('one', 'AUD350')", "claims the code AUD350, which is none of the family origin that it is announced"),
        ("one = detector('curvature', 'AUD150')", "calls itself 'curvature'; the two names must agree"),
        ("import time\ntime.sleep(100)", "TooSlow: its import took longer than 0.2 seconds"),
        ("while True:\n    try:\n        while True: pass\n    except Exception: pass", "TooSlow"),
    ],
)
def test_whatever_a_plugin_does_wrong_is_said_in_one_line(
    site: Path, code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announced, "LOAD_SECONDS", 0.2)
    installed(site, "faulty", code, {"one": "one"}, module="module_1")
    (reason,) = broken()
    assert said in reason
    assert reason.startswith("The rule 'one' (module_1:one, faulty 1.0) ")
    assert reason.endswith(".") and not reason.endswith("..") and len(reason.splitlines()) == 1
    assert left_out() == list(OURS)
    with pytest.raises(AuditError, match="The rule 'one'"):
        find(["one"])


def test_ctrl_c_is_the_users(site: Path) -> None:
    installed(site, "faulty", "raise KeyboardInterrupt", {"one": "one"}, module="module_1")
    with pytest.raises(KeyboardInterrupt):
        find(())


def test_what_a_plugin_prints_on_import_is_no_result(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installed(site, "chatty", "print('hello')\n" + ONE, {"one": "one"}, module="module_1")
    assert left_out() == [*OURS, "AUD150"]
    assert capsys.readouterr() == ("", "hello\n")


def test_a_plugin_loads_in_any_thread(site: Path) -> None:
    installed(site, "fine", ONE, {"one": "one"}, module="module_1")
    found: list[StatisticRule] = []
    thread = threading.Thread(target=lambda: found.extend(find(["one"])))
    thread.start()
    thread.join()
    assert [detector.code for detector in found] == ["AUD150"]


def test_ours_keep_their_names(site: Path) -> None:
    installed(site, "thief", "lrr = detector('lrr', 'AUD150')", {"lrr": "lrr"}, module="module_1")
    assert "has the name of one that comes with llm-audit" in broken()[0]
    assert left_out() == list(OURS)
    with pytest.warns(UserWarning, match="thief 1.0. has the name"):
        assert [detector.code for detector in find(["lrr"])] == ["AUD104"]
    assert "module_1" not in sys.modules


def test_of_two_plugins_with_one_name_none_is_used(site: Path) -> None:
    for number in (1, 2):
        installed(site, f"twin-{number}", ONE, {"one": "one"}, module=f"module_{number}")
    assert "as one of twin-2 1.0; remove one of them" in broken()[0]
    assert left_out() == list(OURS)
    with pytest.raises(AuditError, match="has the same name"):
        find(["one"])


def test_of_two_plugins_with_one_code_none_is_used(site: Path) -> None:
    installed(site, "first", ONE, {"one": "one"}, module="module_1")
    installed(site, "second", "two = detector('two', 'AUD150')", {"two": "two"}, module="module_2")
    assert "has the code AUD150, as has 'two' of second 1.0; remove one of them" in broken()[0]
    assert left_out() == list(OURS)


def test_a_package_with_damaged_metadata_announces_nothing_and_stops_nobody(site: Path) -> None:
    installed(site, "damaged", ONE, {"one": "one"}, module="module_1")
    installed(site, "fine", "two = detector('two', 'AUD151')", {"two": "two"}, module="module_2")
    (site / "module_1-1.0.dist-info" / "entry_points.txt").write_bytes(b"[llm_audit.rules.origin]\n\xff no equals sign")
    assert left_out() == [*OURS, "AUD151"]


def test_names_of_packages_have_one_line(site: Path) -> None:
    installed(site, "", ONE, {"one": "one"}, module="module_1", metadata="Name: a\n  forged line\nVersion: 1.0\n")
    (announcement,) = (each for each in available(f"{GROUP}.origin") if each.name == "one")
    assert announcement.package == "a forged line 1.0"


# The switch


@pytest.mark.usefixtures("sample")
def test_off_imports_no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_AUDIT_PLUGINS", "off")
    assert [detector.code for detector in find(())] == list(OURS)
    assert "mean-logprob" not in {score.name for score in find_scores()}
    assert "sample_plugin" not in sys.modules
    with pytest.raises(AuditError, match=r"'surprise' .* is a plugin, and LLM_AUDIT_PLUGINS=off"):
        find(["surprise"])
    assert manifest.collect(None, alpha=0.01, rules=()).plugins is None


def test_the_switch_has_one_position(monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    installed(site, "fine", ONE, {"one": "one"}, module="module_1")
    monkeypatch.setenv("LLM_AUDIT_PLUGINS", "0")
    with pytest.raises(AuditError, match="LLM_AUDIT_PLUGINS is '0'; set it to 'off'"):
        find(())
    assert "module_1" not in sys.modules


# What a report and a population know of a plugin


def test_the_manifest_names_the_plugins_that_took_part(site: Path) -> None:
    installed(site, "fine", ONE, {"one": "one"}, module="module_1")
    used = find(["one", "lrr"])
    (plugin,) = manifest.collect(None, alpha=0.01, rules=(), used=used).plugins or ()
    assert plugin.model_dump() == {
        "rule": "AUD150",
        "name": "one",
        "distribution": "fine",
        "version": "1.0",
        "digest": code_digest("module_1"),
    }


def test_a_population_is_valid_for_one_version_of_the_code(site: Path) -> None:
    installed(site, "fine", ONE, {"one": "one"}, module="module_1")
    (before,) = find(["one"])
    with (site / "module_1.py").open("a") as file:
        file.write("\n# a change\n")
    files_digest.cache_clear()
    del sys.modules["module_1"]
    (after,) = find(["one"])
    rules, weights = ("AUD150",), {"AUD150": before.digest}
    assert known_to(rules, ["one"], replacements=[before], weights=weights) == [before]
    assert after.digest != before.digest
    with pytest.raises(AuditError, match="scores of another one"):
        known_to(rules, ["one"], weights=weights)


def test_weights_and_code_both_count(site: Path) -> None:
    code = "import dataclasses\none = dataclasses.replace(detector('one', 'AUD150'), digest='weights')"
    installed(site, "fine", code, {"one": "one"}, module="module_1")
    (detector,) = find(["one"])
    assert detector.digest not in ("weights", code_digest("module_1"))


def test_the_digest_covers_the_whole_package_and_nothing_is_imported(site: Path) -> None:
    package = site / "area" / "pack"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError")
    (package / "detector.py").write_text("")
    (site / "area" / "other.py").write_text("")
    before = code_digest("area.pack.detector")
    assert before
    for path, counts in (("area/other.py", False), ("area/pack/__pycache__/x.pyc", False), ("area/pack/data/w.bin", True)):
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text("new")
        files_digest.cache_clear()
        assert (code_digest("area.pack.detector") != before) is counts
    assert code_digest("no_such_module") is None
    assert code_digest("sys") is None
    assert "area.pack" not in sys.modules


@pytest.mark.parametrize(
    ("statistic", "said"),
    [("lambda scores: 1 / 0", "ZeroDivisionError: division by zero"), ("lambda scores: float('nan')", "its number is nan")],
)
def test_a_plugin_that_fails_on_a_text_is_named(site: Path, statistic: str, said: str) -> None:
    installed(site, "fine", f"one = detector('one', 'AUD150', {statistic})", {"one": "one"}, module="module_1")
    (detector,) = find(["one"])
    scores = sample_scores(64, np.random.default_rng(0))
    with pytest.raises(AuditError, match=f"The plugin 'one' .fine 1.0. failed on a text: .*{said}"):
        detector.statistic(scores)


@pytest.mark.usefixtures("sample")
def test_a_score_that_fails_on_a_text_is_named() -> None:
    import sample_plugin  # type: ignore[import-not-found]  # on the path for this test only

    sample_plugin.score = dataclasses.replace(sample_plugin.score, statistic=lambda passes: 1 / 0)
    (score,) = find_scores(["mean-logprob"])
    assert [each.name for each in available(f"{GROUP}.membership") if not each.shipped] == ["mean-logprob"]
    with pytest.raises(AuditError, match=r"The plugin 'mean-logprob' .* failed on a text: ZeroDivisionError"):
        score.statistic(None)  # type: ignore[arg-type]  # it fails before it reads anything


# Plugins of llm-audit 0.1


@pytest.mark.parametrize("group", registry.OLD_GROUPS)
def test_a_plugin_of_an_earlier_version_is_left_out_with_one_sentence(site: Path, group: str) -> None:
    installed(site, "old", "raise SystemExit", {"one": "one"}, module="module_1", group=group)
    (sentence,) = registry.outdated()
    assert sentence.startswith(
        f"The plugin 'one' of old 1.0 announces itself under '{group}', as for llm-audit 0.1; it is left out"
    )
    assert "`llm-audit plugins new`" in sentence
    with pytest.warns(UserWarning, match="as for llm-audit 0.1"):
        assert [detector.code for detector in find(())] == list(OURS)
    assert "module_1" not in sys.modules


def test_off_says_nothing_of_an_earlier_version(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(site, "old", "", {"one": "one"}, module="module_1", group=registry.OLD_GROUPS[0])
    monkeypatch.setenv("LLM_AUDIT_PLUGINS", "off")
    assert registry.outdated() == []


# The registry


@pytest.fixture
def anew() -> Iterator[None]:
    """The rules are looked for again, before and after."""
    registry._loaded.cache_clear()
    yield
    registry._loaded.cache_clear()


@pytest.mark.usefixtures("anew")
def test_the_rule_of_a_plugin_is_found_by_code_and_explained(site: Path) -> None:
    installed(site, "fine", ONE, {"one": "one"}, module="module_1")
    rule = registry.find_rule("AUD150")
    assert rule is registry.explain("one") is registry.explain("aud150") and rule.plugin and rule.plugin.package == "fine 1.0"
    assert registry.described("AUD150").title == "T"
    assert registry.described("AUD151") == registry.RuleFacts(
        "AUD151", "AUD151", "AUD151", "A test of a plug-in: its null hypothesis is in the message."
    )
    assert registry.find_rule("AUD777") is registry.find_rule("nonsense") is None


def test_ours_are_listed_without_looking_at_plugins(site: Path) -> None:
    installed(site, "fine", "raise SystemExit", {"one": "one"}, module="module_1")
    families = ("origin", "attribution", "membership", "substitution", "integrity", "input")
    listed = {family: [rule.name for rule in registry.shipped(family)] for family in families}
    assert "module_1" not in sys.modules
    for family in families:
        if family != "origin":  # of which the plugin is
            assert listed[family] == [rule.name for rule in registry.rules(family)]


@pytest.mark.usefixtures("anew")
def test_an_integrity_rule_of_a_plugin_that_fails_on_a_text_is_named(site: Path) -> None:
    code = """
from llm_audit.detectors.integrity.base import integrity_rule
odd = integrity_rule(lambda text: 1 / 0, code="AUD950", name="odd", title="Odd", noun="oddity", null="None.", method="Ours.")
"""
    installed(site, "fine", code, {"odd": "odd"}, module="module_1", group="llm_audit.rules.integrity")
    (rule,) = (rule for rule in find_rules() if rule.code == "AUD950")
    with pytest.raises(AuditError, match=r"The plugin 'odd' .fine 1.0. failed on a text: ZeroDivisionError"):
        examine(rule, "text")
