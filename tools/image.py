"""The steps of the Dockerfile, run into a folder where there is no container engine, and programs run in what they made.

    python -m tools.image FOLDER

For the base image stands this machine: its system folders and this Python, bound at their own places. Each step then
runs with the folder as its root, under the names that the file gives, so that nothing of it is rewritten. Needs Linux with
`unshare` and `setpriv`, a network for the build, and the right to make namespaces: root, or a kernel that lets anybody.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SYSTEM = ("bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "usr")
KNOWN = {"ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
"""Instructions that are understood here, which are those that the file uses."""


@dataclass
class Stage:
    """The steps of a stage of the Dockerfile, in order."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        """What follows each instruction of this name."""
        return [rest for step, rest in self.steps if step == word]

    @property
    def variables(self) -> dict[str, str]:
        """What its ENV instructions set; `${PATH}` stands for the one of the base image."""
        return dict(pair.split("=", 1) for rest in self.all("ENV") for pair in shlex.split(rest))


@dataclass(frozen=True)
class Image:
    """What the steps made.

    Attributes:
        folder: its root.
        environment: variables that its programs get, and no others.
        user: number of the user and the group that they run as.
        entrypoint: the program.
        arguments: what follows it if nothing else is asked for.
    """

    folder: Path
    environment: dict[str, str]
    user: str
    entrypoint: list[str]
    arguments: list[str]


def stages() -> list[Stage]:
    """The stages of the Dockerfile."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    found: list[Stage] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word not in KNOWN:
            raise SystemExit(f"The Dockerfile says {word}, which is not understood here: add it to tools/image.py.")
        if word == "FROM":
            found.append(Stage(rest.partition(" AS ")[2]))
        elif found:
            found[-1].steps.append((word, rest))
    return found


def copy_sources(target: Path) -> None:
    """Copy what the build stage takes of this checkout into a new folder, but for compiled files, as .dockerignore says."""
    target.mkdir(parents=True, exist_ok=True)
    for rest in stages()[0].all("COPY"):
        *sources, place = rest.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target / place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, target / place / source)


def build(folder: Path) -> Image:
    """Run all steps into a new folder.

    Raises:
        SystemExit: a step fails; with its last words.
    """
    build_stage, final = stages()
    base = f"{Path(sys.base_prefix, 'bin')}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for name in ("tmp", "work", "root"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    # Where pip finds packages is this machine's business, as it is of the machine that builds an image.
    asked = {
        key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_")) or key.lower().endswith("_proxy")
    }
    environment = asked | {"PATH": base, "HOME": "/root"} | build_stage.variables
    place = "/"
    for word, rest in build_stage.steps:
        if word == "WORKDIR":
            place = rest
            copy_sources(folder / rest.strip("/"))
        elif word == "RUN":
            done = _inside(folder, ["/bin/sh", "-c", rest], environment, place=place)
            if done.returncode:
                raise SystemExit(f"{rest}\n{done.stderr[-2000:]}")
    for rest in final.all("COPY"):
        if not re.fullmatch(r"--from=build (\S+) \1", rest):
            raise SystemExit(f"COPY {rest} is not understood here: add it to tools/image.py.")
    shutil.rmtree(folder / "src")
    shutil.rmtree(folder / "root")
    variables = {name: value.replace("${PATH}", base) for name, value in final.variables.items()}
    (user,), (entrypoint,), (arguments,) = final.all("USER"), final.all("ENTRYPOINT"), final.all("CMD")
    return Image(folder, variables, user, json.loads(entrypoint), json.loads(arguments))


def command(image: Image, arguments: list[str], *, work: Path, network: bool = False) -> list[str]:
    """What to execute, with `image.environment`, to run a program in the image as its user.

    Everything is read-only but /tmp, which is new and in memory, as with `docker run --read-only --tmpfs /tmp`.

    Args:
        image: made by `build`.
        arguments: the program, and what follows it.
        work: folder that is /work.
        network: whether there is any; else it has not even 127.0.0.1.
    """
    return _command(image.folder, arguments, "/work", image.user, work, network)


def run(image: Image, arguments: list[str], *, work: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in the image as its user, without a network; see `command`."""
    return subprocess.run(command(image, arguments, work=work), env=image.environment, capture_output=True, text=True)


def _inside(folder: Path, arguments: list[str], environment: dict[str, str], *, place: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(folder, arguments, place), env=environment, capture_output=True, text=True)


def _command(
    folder: Path, arguments: list[str], place: str, user: str = "", work: Path | None = None, network: bool = True
) -> list[str]:
    """A mount namespace of its own, the base bound into the folder, and the folder as the root of the program."""
    script = ["set -e", "mount --make-rprivate /", 'mount --bind "$0" "$0"', 'cd "$0"']
    for name in SYSTEM:
        if (link := Path("/", name)).is_symlink():
            script.append(f"[ -L {name} ] || ln -s {shlex.quote(str(link.readlink()))} {name}")
        elif link.is_dir():
            script.append(f"mkdir -p {name} && mount --rbind /{name} {name}")
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        prefix = shlex.quote(sys.base_prefix.strip("/"))
        script.append(f"mkdir -p {prefix} && mount --bind {shlex.quote(sys.base_prefix)} {prefix}")
    if work:
        script.append(f"mount --bind {shlex.quote(str(work))} work")
    if user:
        script += ["mount -t tmpfs -o mode=1777 tmpfs tmp", 'mount -o remount,bind,ro "$0"', 'cd "$0"']
    become: list[str] = []
    if user and os.geteuid() == 0:
        uid, _, gid = user.partition(":")
        become = ["setpriv", "--reuid", uid, "--regid", gid or uid, "--clear-groups", "--no-new-privs"]
    elif user:
        uid, _, gid = user.partition(":")
        become = ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid or uid}"]
    inner = shlex.join([*become, "sh", "-c", 'cd "$0" && exec "$@"', place])
    script.append(f'exec chroot . {inner} "$@"')
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *own, "--mount", *([] if network else ["--net"]), "sh", "-c", "\n".join(script), str(folder), *arguments]


def main() -> None:
    """Run the steps into the folder that the command line names, and print how to go on."""
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        raise SystemExit("Give the name of one new folder: python -m tools.image FOLDER")
    made = build(Path(sys.argv[1]).resolve())
    size = sum(path.lstat().st_size for path in (made.folder / "opt").rglob("*")) / 1e6
    print(f"{made.folder}: {size:,.0f} MB of program and model; runs as {made.user}")


if __name__ == "__main__":
    main()
