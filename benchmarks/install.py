"""What each way to install llm-audit costs: seconds, megabytes, packages; and what the installed program can do.

    python -m benchmarks.install [light] [core] [local] [uvx] [pipx] [container]

Builds the wheel once and installs it into environments that it deletes at once. Prints a Markdown table, a line as soon as it
is known. Each way is installed twice: cold, with an empty cache of packages, then warm, with what that left. Seconds of the
clock are what this machine, its other work and its network made of it; seconds of the processor are the installer's own.
Needs a network, and 3 GB of room in the folder for temporary files.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tools import image

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "fixtures" / "golden" / "finding.json"
ESSAY = ROOT / "fixtures" / "texts" / "essay-machine.txt"
TORCH = "torch==2.13.0"
HEAD = (
    "| way | seconds, cold (of the processor) | seconds, warm (of the processor) | MB of wheels | MB installed | packages "
    "| torch | verify, report, explain | detect |"
)


SIZE = re.compile(r"Downloading \S+ \(([\d.]+) (bytes|kB|MB|GB)\)")
UNITS = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}
"""Of a line that pip prints for a file that it fetches."""


class Installed(NamedTuple):
    """An environment with llm-audit in it.

    Attributes:
        program: the command, as one would type it.
        packages: the folder of its packages.
        wheels: megabytes of the files that were unpacked, where the installer says so.
    """

    program: list[str]
    packages: Path
    wheels: float | None = None


class Clock:
    """Seconds since it was made: of the clock, and of the processor in child processes that have ended."""

    def __init__(self) -> None:
        self.begin, self.used = time.perf_counter(), _children()

    def __str__(self) -> str:
        return f"{time.perf_counter() - self.begin:.0f} ({_children() - self.used:.0f})"


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Shell(NamedTuple):
    """A folder for temporary files, the wheel, and variables under which every cache lies in that folder."""

    folder: Path
    wheel: Path
    environment: dict[str, str]

    def run(self, *command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if check and done.returncode:
            raise SystemExit(f"{' '.join(words)}\n{done.stderr[-2000:]}")
        return done


def megabytes(folder: Path) -> float:
    """Of all files below a folder, a file with several names counted once."""
    seen = {(status.st_dev, status.st_ino): status.st_size for status in _files(folder)}
    return sum(seen.values()) / 1e6


def _files(folder: Path) -> Iterator[os.stat_result]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name).lstat() for name in names)


def by_pip(*steps: tuple[str, ...]) -> Callable[[Shell], Installed]:
    def install(shell: Shell) -> Installed:
        shell.run(sys.executable, "-m", "venv", "here")
        python = shell.folder / "here" / "bin" / "python"
        wheels = 0.0
        for step in steps:
            words = [word.format(wheel=shell.wheel) for word in step]
            said = shell.run(python, "-m", "pip", "install", "--report", shell.folder / "report.json", *words).stdout
            wheels += sum(float(size) * UNITS[unit] for size, unit in SIZE.findall(said)) + _on_disk(
                shell.folder / "report.json"
            )
        program = [str(shell.folder / "here" / "bin" / "llm-audit")]
        return Installed(program, _packages(shell.folder / "here"), wheels)

    return install


def _on_disk(report: Path) -> float:
    """Megabytes of the files that pip took from an index on this disk, of which it prints no size."""
    urls = [urlsplit(each["download_info"]["url"]) for each in json.loads(report.read_text())["install"]]
    return sum(Path(unquote(url.path)).stat().st_size for url in urls if url.scheme == "file") / 1e6


def _packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python3*/site-packages")
    return found


def by_uvx(shell: Shell) -> Installed:
    """The environment that uvx runs the program in; it keeps one in its cache."""
    program = [sys.executable, "-m", "uv", "tool", "run", "--from", str(shell.wheel), "llm-audit"]
    shell.run(*program, "--version")
    where = shell.run(*program[:-1], "python", "-c", "import numpy; print(numpy.__path__[0])")
    return Installed(program, Path(where.stdout.strip()).parent)


def by_pipx(shell: Shell) -> Installed:
    pipx = [sys.executable, "-m", "uv", "tool", "run", "pipx"]
    shell.run(*pipx, "install", "--python", sys.executable, shell.wheel)
    environment = Path(shell.environment["PIPX_HOME"], "venvs", "llm-audit")
    return Installed([str(environment / "bin" / "llm-audit")], _packages(environment))


WAYS: dict[str, tuple[str, Callable[[Shell], Installed]]] = {
    "light": (
        "`pip install --no-deps llm-audit`, `pip install -r tools/light.txt`",
        by_pip(("--no-deps", "{wheel}"), ("-r", str(ROOT / "tools" / "light.txt"))),
    ),
    "core": ("`pip install llm-audit`", by_pip(("{wheel}",))),
    "local": ("`pip install 'llm-audit[local]'`, CPU build of torch", by_pip((TORCH,), ("{wheel}[local]",))),
    "uvx": ("`uvx llm-audit`", by_uvx),
    "pipx": ("`pipx install llm-audit`", by_pipx),
}


def abilities(shell: Shell, installed: Installed) -> tuple[str, str, str]:
    """Whether torch is there; whether stored reports are verified, rendered and explained; whether a text is judged."""
    torch = "yes" if (installed.packages / "torch").is_dir() else "no"
    reports = [
        shell.run(*installed.program, *command, check=False).returncode
        for command in (["explain", "AUD100"], ["verify", REPORT], ["report", REPORT, "-o", "report.html"])
    ]
    judged = shell.run(*installed.program, "detect", ESSAY, "--offline", "--no-cache", check=False)
    works = judged.returncode == 1 and "Finding" in judged.stdout
    return torch, "yes" if reports == [0, 0, 1] else f"no: {reports}", "yes" if works else "no"


def measure(name: str, wheel: Path) -> str:
    """A line of the table."""
    title, install = WAYS[name]
    with tempfile.TemporaryDirectory(prefix="llm-audit-install-") as temporary:
        folder = Path(temporary)
        caches = {
            variable: str(folder / "caches" / variable.lower())
            for variable in ("PIP_CACHE_DIR", "UV_CACHE_DIR", "PIPX_SHARED_LIBS")
        }
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "VIRTUAL_ENV", "UV_", "PIPX_", "PIP_CACHE", "PIP_NO_CACHE"))
        }
        seconds: list[str] = []
        wheels = None
        for turn in ("cold", "warm"):
            place = folder / turn
            place.mkdir()
            homes = {"PIPX_HOME": str(place / "pipx"), "PIPX_BIN_DIR": str(place / "bin")}
            shell = Shell(place, wheel, kept | caches | homes)
            if name == "pipx":  # the tool itself is not what is measured
                shell.run(sys.executable, "-m", "uv", "tool", "run", "pipx", "--version")
            clock = Clock()
            installed = install(shell)
            seconds.append(str(clock))
            if turn == "cold":
                wheels = installed.wheels
                if megabytes(folder / "caches") < 1:  # the index forbids to keep what it sends
                    seconds.append("nothing is kept")
                    break
                if name != "uvx":  # which runs it out of its cache
                    shutil.rmtree(place)
        count = len(list(installed.packages.glob("*.dist-info")))
        cells = [
            title,
            *seconds,
            "" if wheels is None else f"{wheels:.0f}",
            f"{megabytes(installed.packages):.0f}",
            str(count),
        ]
        cells += abilities(shell, installed)
    return "| " + " | ".join(cells) + " |"


def measure_image() -> str:
    """The line of the container: the steps of the Dockerfile, run where there is no engine."""
    with tempfile.TemporaryDirectory(prefix="llm-audit-image-") as temporary:
        clock = Clock()
        built = image.build(Path(temporary, "image"))
        seconds = str(clock)
        inside = Path(temporary, "image", "opt", "llm-audit")
        packages = _packages(inside / "venv")
        done = image.run(built, [*built.entrypoint, "detect", "--offline", "--no-cache", ESSAY.name], work=ESSAY.parent)
        judged = "yes" if done.returncode == 1 else "no"
        cells = ["container, without its base image", seconds, "", "", f"{megabytes(inside):.0f}, model included"]
        cells += [str(len(list(packages.glob("*.dist-info")))), "yes" if (packages / "torch").is_dir() else "no", "", judged]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    names = sys.argv[1:] or [*WAYS, "container"]
    if unknown := set(names) - {*WAYS, "container"}:
        raise SystemExit(f"No such way: {', '.join(sorted(unknown))}. There are: {', '.join([*WAYS, 'container'])}.")
    print(HEAD, "|" + "---|" * HEAD.count(" | ") + "---|", sep="\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="llm-audit-wheel-") as temporary:
        source = Path(temporary, "source")
        image.copy_sources(source)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", temporary, str(source)]
        subprocess.run(command, check=True)
        (wheel,) = Path(temporary).glob("*.whl")
        for name in names:
            print(measure_image() if name == "container" else measure(name, wheel), flush=True)


if __name__ == "__main__":
    main()
