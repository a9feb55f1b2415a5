"""The interpreter of a command."""

from __future__ import annotations

import subprocess
import sys

LOST = """
import signal, sys, time
from llm_audit.common.process import settle

class Lost:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv[1] == "settled":
    settle()
try:
    Lost()
    time.sleep(3)
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
"""

BROKEN = """
from llm_audit.common.process import settle

class Broken:
    def __del__(self):
        raise ValueError("a defect")

settle()
Broken()
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)


def test_a_ctrl_c_that_python_would_forget_interrupts() -> None:
    forgotten, kept = run(LOST, "as it is"), run(LOST, "settled")
    assert (forgotten.stdout, forgotten.stderr[:17]) == ("went on\n", "Exception ignored")
    assert (kept.stdout, kept.stderr) == ("interrupted\n", "")


def test_settling_again_adds_no_second_hook() -> None:
    code = "import sys; from llm_audit.common.process import settle; settle(); one = sys.unraisablehook; settle()"
    assert run(f"{code}; print(one is sys.unraisablehook)").stdout == "True\n"


def test_other_exceptions_in_such_places_are_printed_as_ever() -> None:
    assert "ValueError: a defect" in run(BROKEN).stderr
