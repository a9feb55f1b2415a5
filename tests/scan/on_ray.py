"""The scan of `driver` on Ray, disturbed in a way that its argument names; prints what the engine said and a line of counts.

python -m tests.scan.on_ray CORPUS DIR DISTURBANCE
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

from llm_audit.common.errors import AuditError
from llm_audit.scanning.corpus import Block
from llm_audit.scanning.ray_engine import Judge, ray_engine
from llm_audit.scanning.record import Record
from tests import memory
from tests.scan.driver import judge, run


def first_time(marker: Path) -> bool:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def disturbed(block: Block, disturbance: str, where: Path) -> list[Record]:
    """Judge, but for the block of document 0, and what else is asked for."""
    if block.first == 0 and disturbance == "failing":
        raise ValueError("it is the first")
    if block.first == 0 and disturbance == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if disturbance == "rough":
        if block.first == 0 and first_time(where / "failed"):
            raise ValueError("only once")
        if block.first > 0 and first_time(where / "killed"):
            os.kill(os.getpid(), signal.SIGKILL)
    return judge(block)


def start(disturbance: str, where: Path) -> Judge:
    if disturbance == "other":
        raise AuditError("On this machine not all is the same.")
    return partial(disturbed, disturbance=disturbance, where=where)


def main() -> None:
    corpus, out, disturbance = sys.argv[1:]
    try:
        with ray_engine(partial(start, disturbance, Path(out)), "cpu") as engine:
            run([corpus], Path(out), engine)
    except AuditError as error:
        print(error)
    print(memory.peak())


if __name__ == "__main__":
    main()
