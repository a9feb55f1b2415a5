"""How much memory a process of a test held at most."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
"""Where Linux says it; other systems do not."""


def peak() -> int:
    """Bytes that this process held at most, by the kernel's high-water mark; 0 where the system does not say it.

    Not `ru_maxrss`: that begins with what the process held that started this one.
    """
    if not STATUS.exists():
        return 0
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")) * 1024
