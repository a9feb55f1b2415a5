"""`llm-audit plugins new`: a package with one detector that works, to be changed into one's own."""

from __future__ import annotations

import hashlib
import keyword
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click

from llm_audit.cli.plugins import PLUGINS, survey_all
from llm_audit.errors import AuditError
from llm_audit.files import create
from llm_audit.terminal import terminal_safe

PYPROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "$name"
version = "0.1.0"
description = "A detector for llm-audit."
requires-python = ">=3.11"
dependencies = ["llm-audit"]

[project.entry-points."llm_audit.rules.origin"]
$name = "$module:rule"

[tool.setuptools]
py-modules = ["$module"]
"""

RULE = '''\
"""How many tokens were among the ten that the model found likeliest."""

import numpy as np

from llm_audit.detectors import statistic_rule


def top_ten(scores):
    """Share of tokens of rank 10 or better. Higher is more machine-like."""
    return float(np.mean(scores.rank <= 10))


rule = statistic_rule(
    top_ten,
    code="$code",
    name="$name",
    title="Tokens among the ten likeliest",
    unit="share of tokens",
    method="GLTR (Gehrmann et al. 2019), the share of green tokens",
)
'''

TEST = """\
from llm_audit.testing import check_rule

from $module import rule


def test_the_rule_keeps_the_contract():
    check_rule(rule)
"""

README = """\
# $name

A detector for llm-audit, code $code.

    pip install --editable .
    llm-audit plugins check $name      # does it keep the contract?
    pytest                             # the same as a test

A statistic becomes a p-value by comparison with human texts, so score some with it, one JSON object with a "text" a line:

    llm-audit calibrate human.jsonl --name mine
    llm-audit detect essay.txt --population mine

After every change of the code the population must be calibrated anew; llm-audit says so.

In `$module.py`, `scores` has one row per token: `logprob`, `entropy`, `varentropy`, `rank` and more, see
`help(llm_audit.scoring.tokens.TokenScores)`. Codes from AUD and 150 to AUD and 199 are for such plugins; two that are used
together need two.
"""


@click.command(
    help=PLUGINS["new"] + "\n\nNAME is that of the package and of the detector. DIR must not exist; default: ./NAME.",
    short_help=PLUGINS["new"],
)
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def command(name: str, folder: Path | None) -> None:
    """Run the command; the docstring for users is in `PLUGINS`."""
    module = _module(name)
    folder = folder or Path(name)
    words = {"name": name, "module": module, "code": _free_code(name)}
    files = {"pyproject.toml": PYPROJECT, f"{module}.py": RULE, f"test_{module}.py": TEST, "README.md": README}
    try:
        folder.mkdir(parents=True)
        for file, template in files.items():
            create(folder / file, Template(template).substitute(words).encode())
    except FileExistsError:
        raise AuditError(f"{folder} exists already; name a new folder.") from None
    except OSError as error:
        raise AuditError(f"{folder} cannot be written: {error.strerror}.") from error
    click.echo(terminal_safe(f"{folder} holds the detector {name}, code {words['code']}. Next:"))
    click.echo(terminal_safe(f"  pip install --editable {shlex.quote(str(folder))}\n  llm-audit plugins check {name}"))


def _module(name: str) -> str:
    """The module of a package of that name; AuditError if there cannot or should not be one."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise AuditError(f"{name!r} is no name for a package here: use lower-case letters and digits, with single '-' between.")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or find_spec(module):
        raise AuditError(f"{module!r} is a module of Python or of an installed package; choose another name.")
    return module


def _free_code(name: str) -> str:
    """A code that nothing installed has: it depends on the name, so that two authors seldom choose the same."""
    surveyed = survey_all()
    if any(each.announcement.name == name for each in surveyed):
        raise AuditError(f"There is a rule {name!r} already; choose another name.")
    taken = {each.rule.code for each in surveyed if each.rule}
    first = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    codes = (f"AUD{150 + (first + step) % 50}" for step in range(50))
    free = next((code for code in codes if code not in taken), None)
    if free is None:
        raise AuditError("Installed plugins have all codes that such a detector can have; uninstall one.")
    return free
