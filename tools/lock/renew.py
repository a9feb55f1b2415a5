"""Lock the versions that `make` installs: `make update` runs this.

One resolution by uv for Python 3.11 and newer on Linux and macOS, with the digests of every file, written as two
requirement files: `dev.txt`, and `cuda.txt` with torch and the CUDA libraries for machines where pip finds no CPU build. The
digests of the CPU builds come from another index: they stand in `torch.txt`, which is edited by hand.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = (
    "compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade --generate-hashes --no-header --no-annotate"
)
HEAD = "# {}. Made by `make update`; do not edit.\n"
CUDA = re.compile(r"(torch|nvidia-|cuda-)")


PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")


def uv(arguments: str) -> str:
    """Standard output of `uv pip`; stops at the first failure."""
    command = [sys.executable, "-m", "uv", "pip", *arguments.split()]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Resolve anew, write both files, and see that every platform and Python finds a file for each package."""
    locked = uv(COMMAND)
    packages = re.findall(r"^\S.*(?:\n +.*)*\n", locked, re.MULTILINE)
    folder = Path(__file__).parent
    for name, title, cuda in (
        ("dev.txt", "Everything but torch", False),
        ("cuda.txt", "torch as Linux machines get it that find no CPU build", True),
    ):
        chosen = [package for package in packages if bool(CUDA.match(package)) == cuda]
        (folder / name).write_text(HEAD.format(title) + "".join(chosen))
        print(f"{folder / name}: {len(chosen)} packages")
    for version in ("3.11", "3.12", "3.13"):
        for platform in PLATFORMS:
            uv(
                f"install --quiet --dry-run --require-hashes --no-deps --target build/none --python-version {version} "
                f"--python-platform {platform} --only-binary :all: --requirement {folder / 'dev.txt'}"
            )


if __name__ == "__main__":
    main()
