"""Reading of requests: a form with files and pasted text, or JSON, becomes the texts of a job.

Files go into a folder that only this process's user can enter, under numbers of ours; a name that was sent is shown and never
used as a path. A server that was killed leaves its folder behind, and the next one removes it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from llm_audit.api.documents import File, Text
from llm_audit.common.files import CHUNK, scratch
from llm_audit.serving.jobs import Item, discard
from llm_audit.serving.settings import Limits
from llm_audit.text.sources import RECORDS, kind_of

PREFIX = "llm-audit-serve-"
LONGEST_NAME = 200
PASTED = "pasted text"
MOST_FIELDS = 16
YOUNG = 60.0
"""Seconds that a folder without a lock is left alone: the server that made it may be about to lock it."""


class Refused(Exception):
    """A request that is not answered: the HTTP status, and one sentence for whoever sent it. No part of a text is in it.

    `retry_after`: seconds after which it may be answered.
    """

    def __init__(self, status: int, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after


class _Sent(BaseModel):
    """One text of a request in JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: str
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] = "text"


class Sent(BaseModel):
    """A request in JSON. There is nothing in it that names a file or an address: neither is ever opened."""

    model_config = ConfigDict(extra="forbid", strict=True)
    texts: Annotated[list[_Sent], Field(min_length=1)]
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = None
    keep_text: bool = True


@dataclass(frozen=True)
class Submission:
    """The content of a request: texts and settings. `fields`: the other fields of a form."""

    items: list[Item]
    alpha: float | None
    keep_text: bool
    fields: dict[str, str]


class Folder:
    """The private folder of a server. Use `private_folder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers = itertools.count(1)

    def keep(self, upload: UploadFile, name: str) -> File:
        """Write an upload under a number; its suffix stays, if it says how to read the file. Raises OSError."""
        suffix = Path(name).suffix.lower() if kind_of(Path(name)) else ""
        path = self.path / f"{next(self._numbers)}{suffix}"
        with scratch(path) as file:
            shutil.copyfileobj(upload.file, file, CHUNK)
        return File(path, name)


@contextmanager
def private_folder() -> Iterator[Folder]:
    """A folder for uploads, removed at the end, with all temporary files of this process in it."""
    _remove_leftovers(Path(tempfile.gettempdir()))
    path = Path(tempfile.mkdtemp(prefix=PREFIX))  # mode 0700
    before = tempfile.tempdir
    with FileLock(path / ".lock"):
        tempfile.tempdir = str(path)  # where forms are spooled
        try:
            yield Folder(path)
        finally:
            tempfile.tempdir = before
            shutil.rmtree(path, ignore_errors=True)


def _remove_leftovers(root: Path) -> None:
    """Folders of servers that were killed: nobody holds their locks."""
    for path in root.glob(f"{PREFIX}*"):
        with suppress(OSError, Timeout):
            status = path.lstat()
            ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
            if not ours or (not (path / ".lock").exists() and time.time() - status.st_mtime < YOUNG):
                continue
            with FileLock(path / ".lock", timeout=0):
                shutil.rmtree(path, ignore_errors=True)


async def read(request: Request, limits: Limits, folder: Folder) -> Submission:
    """The texts of a request. Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await _from_json(request, limits)
    if kind == "multipart/form-data":
        return await _from_form(request, limits, folder)
    raise Refused(415, "Send a form (multipart/form-data) with files, or JSON: see /openapi.json.")


async def _from_json(request: Request, limits: Limits) -> Submission:
    body = await request.body()
    try:
        sent = await run_in_threadpool(Sent.model_validate_json, body)
    except ValidationError as error:
        raise Refused(422, _what_is_wrong(error)) from None
    _check_number(len(sent.texts), limits)
    items = [Item(Text(entry.text, _shown(entry.name))) for entry in sent.texts]
    return Submission(items, sent.alpha, sent.keep_text, {})


async def _from_form(request: Request, limits: Limits, folder: Folder) -> Submission:
    items: list[Item] = []
    fields: dict[str, str] = {}
    try:
        async with _whole_form(request, limits) as form:
            for field, value in form.multi_items():
                if isinstance(value, UploadFile):
                    if value.filename:  # a browser sends an empty one where no file was chosen
                        items.append(await _kept(value, folder))
                elif field == "text":
                    items += [Item(Text(value, PASTED))] if value.strip() else []
                else:
                    fields[field] = value
        if not items:
            raise Refused(422, "There is no text in the request: choose files, or paste a text.")
        _check_number(len(items), limits)
        return Submission(items, _level(fields.pop("alpha", "")), fields.pop("keep_text", "true") != "false", fields)
    except BaseException:  # also when the client went away
        for item in items:
            discard(item)
        raise


class _Parser(MultiPartParser):
    """A form that knows whether its end has come. Its files are on the disk, in our folder, from the first 64 kB on."""

    spool_max_size = 65_536
    whole = False

    def on_end(self) -> None:
        self.whole = True


@asynccontextmanager
async def _whole_form(request: Request, limits: Limits) -> AsyncIterator[FormData]:
    """The fields and files of a form. Raises Refused, also for one that was cut off: a file would be missing or halved."""
    sizes = {"max_files": limits.texts, "max_fields": MOST_FIELDS, "max_part_size": limits.size}
    async with aclosing(request.stream()) as stream:
        parser = _Parser(request.headers, stream, **sizes)
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise Refused(400, f"{error.message.rstrip('.')}.") from None
    try:
        if not parser.whole:
            raise Refused(400, "The form was cut off: send it again.")
        yield form
    finally:
        for file in parser._files_to_close_on_error:  # all of them, also the one that was cut off and is in no form
            file.close()


def _level(written: str) -> float | None:
    try:
        alpha = float(written) if written.strip() else None
    except ValueError:
        alpha = -1.0
    if alpha is not None and not 0 < alpha < 1:
        raise Refused(422, "alpha must be a number above 0 and below 1, such as 0.01.")
    return alpha


async def _kept(upload: UploadFile, folder: Folder) -> Item:
    name = _shown(upload.filename or "")
    if kind_of(Path(name)) in RECORDS:
        raise Refused(
            422, "JSON lines and tables hold many texts, and one file is one text here: use `llm-audit scan`, or send JSON."
        )
    try:
        return Item(await run_in_threadpool(folder.keep, upload, name))
    except OSError:
        raise Refused(507, "There is no room on this machine for the files: send fewer at a time.") from None


def _shown(name: str) -> str:
    """The last part of a name as browsers of any system send it: no folder, and no longer than a line."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].strip() or "file"
    return last if len(last) <= LONGEST_NAME else f"…{last[-LONGEST_NAME:]}"


def _check_number(number: int, limits: Limits) -> None:
    if number > limits.texts:
        raise Refused(413, f"There are {number} texts in the request, more than the {limits.texts} that are judged at once.")


def _what_is_wrong(error: ValidationError) -> str:
    """The first complaint with its place, and without what was sent."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in _FIELDS)
    return f"The JSON is not a request{f' (at {place})' if place else ''}: {first['msg']}. See /openapi.json."


_FIELDS = frozenset({*Sent.model_fields, *_Sent.model_fields})
