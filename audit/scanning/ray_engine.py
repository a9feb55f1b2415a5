"""The engine for many processes and machines: Ray Data reads the corpus and distributes its blocks to workers.

Tasks read one section of the corpus each and hand its blocks to actors, each of which loads the model once; the records come
back in any order to this process, the only one that writes. A block lost with its machine is judged again.
The engine knows nothing of models: `start`, such as a `WorkerFactory`, makes a judge in each actor.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from llm_audit.common.errors import AuditError, NotAvailable
from llm_audit.common.terminal import one_line
from llm_audit.scanning.corpus import Block
from llm_audit.scanning.header import Header, differences
from llm_audit.scanning.record import Record, judge_block
from llm_audit.scanning.run import Engine, Work
from llm_audit.setup import Setup

Judge = Callable[[Block], list[Record]]

TRIES = 3
"""Number of rounds in which unfinished blocks are given to new actors, and of resends of a block whose actor died."""

IN_FLIGHT = 64 << 20
"""Approximate bytes of blocks that are read ahead and not judged yet."""

STORE = 128 << 20
"""Bytes of shared memory for a cluster started here; Ray's minimum is 75 MiB."""

TOGETHER = {"cpu": 1, "cuda": 16}
"""Blocks that an actor gets at a time: each handover costs Ray some ms, during which a graphics card would be idle."""

PATIENCE = 10
"""Seconds to wait for the cluster to answer."""

CORES_PER_READER, MOST_TASKS = 8, 1000
"""Cores that one reading task can keep busy, and most reading tasks."""


@dataclass(frozen=True)
class Judged:
    """Outcome of a block: its records; or why there are none, and whether it is `final`, since no other try will help."""

    records: list[Record]
    failure: str | None = None
    final: bool = False


@dataclass(frozen=True)
class WorkerFactory:
    """Factory for the judge of a worker; it refuses machines whose model, population or packages differ from the scan's.

    Attributes:
        setup: opened on the worker's machine.
        header: of the scan.
    """

    setup: Setup
    header: Header

    def __call__(self) -> Judge:
        """Open the setup and return the judge. Raises NotAvailable: this machine has another model, population or package."""
        alpha = self.header.manifest.alpha
        ready = ExitStack().enter_context(self.setup.open())  # as long as the process
        local = self.header.model_copy(update={"manifest": ready.manifest(alpha), "weights": ready.weights})
        if local.key() != self.header.key():
            changed = "; ".join(differences(self.header, local, (), ()))
            raise NotAvailable(f"On the machine {socket.gethostname()} not all is as where the scan began ({changed}).")
        settings = self.header.settings(ready)
        return lambda block: judge_block(block, ready.session, settings)


def check_installed() -> None:
    """Raise NotAvailable if Ray Data is not installed."""
    if not (find_spec("ray") and find_spec("pyarrow")):
        raise NotAvailable("The engine ray is not installed: `pip install 'llm-audit[ray]'`.")


@contextmanager
def ray_engine(start: Callable[[], Judge], device: str) -> Iterator[Engine]:
    """The engine that judges on the cluster that `RAY_ADDRESS` names, or in a process for each core of this machine.

    Args:
        start: makes the judge, called once in each actor; must be picklable by Ray.
        device: "cuda" gives every actor a graphics card, "cpu" a core.

    Raises:
        NotAvailable: by the engine: the cluster cannot be reached or breaks; another machine has a different model or different
            files; a block failed repeatedly.
    """
    with ExitStack() as stack:

        def engine(work: Work) -> Iterator[list[Record]]:
            if any(True for _ in work.parts()):  # else there is no need of a cluster
                stack.enter_context(_connected(device))
                yield from _judge_all(work, start, device)

        yield engine


@contextmanager
def _connected(device: str) -> Iterator[None]:
    """Connect to a cluster, or start one, without Ray's output and usage reports."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_IGNORE_UNHANDLED_ERRORS": "1", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    if not (os.environ.get("RAY_ADDRESS") or "RAY_AUTH_MODE" in os.environ):  # our own cluster is nobody else's
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray
    import ray.data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Ray prints what happens to its workers, whatever it is told: what matters of it comes back with the blocks.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            with _as_it_was():
                ray.init(**_cluster(device), log_to_driver=False, logging_level=logging.CRITICAL)
            yield
        except (ray.exceptions.RayError, OSError) as error:
            why = one_line(str(error.__cause__ or error))[:200].rstrip(".") or type(error).__name__
            raise NotAvailable(f"The Ray cluster failed ({why}); what was judged so far is kept.") from error
        finally:
            ray.shutdown()


def _cluster(device: str) -> dict[str, Any]:
    """Arguments of `ray.init`: an address, or the resources of a local cluster."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("LLM_AUDIT_")}
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"} if device == "cpu" else {}
    common = {"runtime_env": {"env_vars": ours | threads}}
    if address := os.environ.get("RAY_ADDRESS"):
        host, _, port = address.rpartition(":")
        if port.isdecimal():  # Ray would try for minutes
            socket.create_connection((host.rpartition("/")[2], int(port)), timeout=PATIENCE).close()
        return common | {"address": address}
    local = {"address": "local", "_node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": STORE}
    return common | local


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Restore the SIGTERM handler and standard error, which Ray changes when it starts."""
    handler, saved, nowhere = signal.getsignal(signal.SIGTERM), os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
        signal.signal(signal.SIGTERM, handler)


def _judge_all(work: Work, start: Callable[[], Judge], device: str) -> Iterator[list[Record]]:
    failures: set[str] = set()
    for _ in range(TRIES):
        failures.clear()
        for judged in _judge_once(work, start, device):
            if judged.final:
                raise NotAvailable(judged.failure or "")
            if judged.failure:
                failures.add(judged.failure)
            else:
                yield judged.records
        left = sum(part.wanted.count(1) for part in work.parts())
        if not left:
            return
    reasons = "; ".join(sorted(failures)[:3]) or "the processes that judged them died"
    raise NotAvailable(
        f"{left:,} documents could not be judged in {TRIES} tries ({reasons}); what was judged is kept, and the same command "
        "tries the rest again."
    )


def _judge_once(work: Work, start: Callable[[], Judge], device: str) -> Iterator[Judged]:
    """The outcomes of all blocks of the work, except those lost with their actors."""
    import ray.data
    from ray.util.annotations import RayDeprecationWarning

    parts = [{"part": part} for part in work.parts()]
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_min_block_size = context.target_max_block_size = 1  # rows are passed on immediately
    context.max_errored_blocks = -1  # lost blocks are found by comparing with the work
    options = context.execution_options
    options.resource_limits = options.resource_limits.copy(object_store_memory=IN_FLIGHT)
    cores = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]  # Ray's own lack of types
    warnings.filterwarnings("ignore", category=RayDeprecationWarning)  # of max_task_retries, until 2.64
    judged = (
        ray.data.from_items(parts, override_num_blocks=min(len(parts), MOST_TASKS))
        .map_batches(
            _read,  # type: ignore[arg-type]  # Ray does not know its own columns of objects
            fn_args=(TOGETHER[device],),
            batch_size=1,
            compute=ray.data.TaskPoolStrategy(size=max(1, int(cores) // CORES_PER_READER)),
            num_cpus=0,  # it mostly waits
        )
        .map_batches(
            _Actor,
            fn_constructor_args=(start,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=1 if device == "cuda" else 0,
            max_task_retries=TRIES,
        )
    )
    for batch in judged.iter_batches(batch_size=None, prefetch_batches=0):
        yield from batch["judged"]


@dataclass(frozen=True)
class _Read:
    """Some blocks of a part; or why the rest cannot be read."""

    blocks: list[Block]
    failure: str | None = None


def _read(rows: Mapping[str, Any], together: int) -> Iterator[dict[str, Any]]:
    """Read the blocks of a part, `together` at a time."""
    (part,) = rows["part"]
    blocks = iter(part)
    try:
        while some := list(islice(blocks, together)):
            yield {"read": [_Read(some)]}
    except AuditError as error:
        yield {"read": [_Read([], str(error))]}


class _Actor:
    """A Ray actor: a process that judges one block after the other."""

    def __init__(self, start: Callable[[], Judge]) -> None:
        self._refused: str | None = None
        try:
            self._judge = start()
        except AuditError as error:
            self._refused = str(error)

    def __call__(self, rows: Mapping[str, Sequence[_Read]]) -> dict[str, list[Judged]]:
        return {"judged": [judged for read in rows["read"] for judged in self._judged(read)]}

    def _judged(self, read: _Read) -> Iterator[Judged]:
        if self._refused or read.failure:
            yield Judged([], self._refused or read.failure, final=bool(self._refused))
            return
        for block in read.blocks:
            try:
                yield Judged(self._judge(block))
            except AuditError as error:
                yield Judged([], str(error).rstrip("."))
            except Exception as error:  # whatever it is must cost no other block
                yield Judged([], f"{type(error).__name__}: {one_line(str(error))[:200]}")
