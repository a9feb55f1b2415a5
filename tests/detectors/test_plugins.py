"""Somebody else's detectors, installed as a real package beside ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_audit.detectors import available, find, known_to
from llm_audit.errors import AuditError
from llm_audit.testing import check_detector

PLUGIN = Path(__file__).parents[1] / "sample_plugin"
OURS = ("AUD101", "AUD102", "AUD103", "AUD104", "AUD110")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed plugin."""
    folder = tmp_path_factory.mktemp("plugin")
    source = folder / "source"
    subprocess.run(["cp", "-r", str(PLUGIN), str(source)], check=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    return folder / "site"


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in ("sample_plugin", "sample_plugin_broken"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("installed")
def test_a_plugin_is_found_and_passes_the_contract() -> None:
    assert {"surprise", "broken"} <= {point.name for point in available()}
    (detector,) = find(["surprise"])
    check_detector(detector)


@pytest.mark.usefixtures("installed")
def test_a_broken_plugin_is_named_and_stops_nobody_else() -> None:
    with pytest.warns(UserWarning, match=r"'broken' .* does not load: this plugin needs a library"):
        assert [detector.rule for detector in find(())] == [*OURS, "AUD199"]
    with pytest.raises(AuditError, match="does not load"):
        find(["broken"])


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore:The detector 'broken':UserWarning")
def test_a_plugin_without_calibration_is_left_out_unless_asked_for() -> None:
    with pytest.warns(UserWarning, match="no scores of the detector surprise"):
        assert [detector.rule for detector in known_to(OURS, ())] == list(OURS)
    assert [detector.rule for detector in known_to(OURS, ["surprise"])] == ["AUD199"]


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore:The detector 'broken':UserWarning")
def test_two_detectors_with_one_code_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    import sample_plugin  # type: ignore[import-not-found]  # on the path for this test only

    monkeypatch.setattr(sample_plugin, "detector", dataclasses.replace(sample_plugin.detector, rule="AUD103"))
    with pytest.raises(AuditError, match="both claim the code AUD103"):
        find(())
