"""Which files are unchanged since a branch began, according to git. Runs git without a shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from llm_audit.common.errors import AuditError, InvalidConfiguration
from llm_audit.common.terminal import one_line

_DEEPER = "fetch all of it (`git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout)"


AUTO = "auto"
"""Word in place of a revision: the base that the pipeline's environment names."""


def base_revision(environment: Mapping[str, str]) -> str | None:
    """The base revision of a pull or merge request, from the environment of GitHub, GitLab or pre-commit.

    None within a commit that pre-commit checks: it hands over what changed, and with `--all-files` all that is asked for.

    Raises:
        InvalidConfiguration: the environment is none of these.
    """
    if branch := environment.get("GITHUB_BASE_REF"):
        return f"origin/{branch}"
    if commit := environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"):
        return commit
    if revision := environment.get("PRE_COMMIT_FROM_REF"):  # of a push, or of --from-ref
        return revision
    if environment.get("PRE_COMMIT"):
        return None
    raise InvalidConfiguration(
        "This is no pull or merge request (neither GITHUB_BASE_REF nor CI_MERGE_REQUEST_DIFF_BASE_SHA is set): "
        f"name a revision in the place of {AUTO}."
    )


def unchanged_files(revision: str, folder: Path) -> set[Path]:
    """Files of the repository of `folder` that are ignored or unchanged since the merge base of `revision` and HEAD.

    A renamed file is a new one. Files of other repositories, submodules among them, are unknown here.

    Raises:
        InvalidConfiguration: there is no git, no repository, no such revision, or not enough history.
    """
    root = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel", failed=_no_repository)).removesuffix("\n"))
    shown = one_line(revision)
    shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
    hint = f"this clone is shallow, so {_DEEPER}" if shallow else "check its name, or fetch it"

    def unknown(_: str) -> AuditError:
        return AuditError(f"git knows no commit {shown}: {hint}.")

    def unrelated(_: str) -> AuditError:
        hint = f"this clone is shallow: {_DEEPER}" if shallow else "name one that HEAD started from"
        return AuditError(f"{shown} and HEAD have no commit in common; {hint}.")

    named = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", failed=unknown)
    base = _git(root, "merge-base", named.decode("ascii").strip(), "HEAD", failed=unrelated).decode("ascii").strip()
    compare = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-relative", "--ignore-submodules=all")
    changed = set(_git(root, *compare, base, "--").split(b"\0"))
    tracked = _git(root, "ls-files", "--cached", "-z").split(b"\0")
    ignored = _git(root, "ls-files", "--others", "--ignored", "--exclude-standard", "-z").split(b"\0")
    top = Path(os.path.realpath(root))
    return {top / os.fsdecode(name) for name in {*tracked, *ignored} - changed if name}


def _git(folder: Path, *arguments: str, failed: Callable[[str], AuditError] | None = None) -> bytes:
    # Neither a lock nor a helper of the repository's choosing: it is only read.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise InvalidConfiguration(
            f"git cannot be run ({why}): --changed-since needs it; install it, or name the files."
        ) from None
    if done.returncode:
        lines = done.stderr.decode(errors="backslashreplace").strip().split("\n")
        remedy = next((one_line(line.strip()) for line in lines[1:] if line.strip().startswith("git ")), "")  # git's own
        message = one_line(lines[0]).rstrip(".") + (f"; git's advice: {remedy}" if remedy else "")
        raise (
            failed(message)
            if callable(failed)
            else AuditError(f"git {arguments[0]} failed ({message}): see what `git status` says.")
        )
    return done.stdout


def _no_repository(message: str) -> AuditError:
    return AuditError(f"--changed-since needs a git repository here ({message}): run it in one, or name the files.")
