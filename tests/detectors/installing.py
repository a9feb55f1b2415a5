"""Packages to install beside ours: the real sample through pip, small ones as the files that an installer leaves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "sample_plugin"

DETECTOR = """
from llm_audit.detectors import statistic_rule
def detector(name, code, statistic=lambda scores: float(scores.logprob.mean()), **others):
    return statistic_rule(statistic, code=code, name=name, title="T", unit="nats", method="ours", **others)
"""


def pip_install(source: Path, site: Path) -> Path:
    """Install a package into a folder, as `pip install` would; the sources are copied, for builds leave files."""
    copy = site.parent / f"{site.name}-source"
    subprocess.run(["cp", "-r", str(source), str(copy)], check=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(site), str(copy)], check=True, capture_output=True)
    return site


def installed(
    site: Path,
    distribution: str,
    code: str,
    entries: Mapping[str, str],
    *,
    module: str,
    group: str = "llm_audit.rules.origin",
    metadata: str | None = None,
) -> Path:
    """A package of one module; `entries` are name -> attribute. Returns the folder of the module."""
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_text(DETECTOR + code)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(metadata or f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    points = "".join(f"{name} = {module}:{attribute}\n" for name, attribute in entries.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{points}")
    return site
