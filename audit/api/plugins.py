"""Detectors and membership scores of other packages: what is announced, the contract, and a package to begin with."""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from llm_audit.detectors import Detector
from llm_audit.detectors.announced import DETECTORS, SWITCH, Announcement, in_words, switched_off
from llm_audit.detectors.integrity.base import GROUP as INTEGRITY
from llm_audit.detectors.integrity.base import IntegrityRule
from llm_audit.detectors.membership.base import GROUP as MEMBERSHIP
from llm_audit.detectors.membership.base import MembershipScore
from llm_audit.detectors.plugins import Surveyed, unfit_code
from llm_audit.detectors.plugins import survey as survey_group
from llm_audit.errors import AuditError, InvalidConfiguration, NotAvailable
from llm_audit.files import create

__all__ = ["SWITCH", "clauses", "loaded", "new_package", "survey", "survey_every_group", "switched_off"]

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

[project.entry-points."llm_audit.detectors"]
$name = "$module:detector"

[tool.setuptools]
py-modules = ["$module"]
"""

DETECTOR = '''\
"""$rule: how many tokens were among the ten that the model found likeliest."""

import numpy as np

from llm_audit.detectors import Detector


def top_ten(scores):
    """Share of tokens of rank 10 or better. Higher is more machine-like."""
    return float(np.mean(scores.rank <= 10))


detector = Detector(
    rule="$rule",
    name="$name",
    title="Tokens among the ten likeliest",
    unit="share of tokens",
    method="GLTR (Gehrmann et al. 2019), the share of green tokens",
    statistic=top_ten,
)
'''

TEST = """\
from llm_audit.testing import check_detector

from $module import detector


def test_the_detector_keeps_the_contract():
    check_detector(detector)
"""

README = """\
# $name

A detector for llm-audit, code $rule.

    pip install --editable .
    llm-audit plugins check $name      # does it keep the contract?
    pytest                             # the same as a test

A statistic becomes a p-value by comparison with human texts, so score some with it, one JSON object with a "text" a line:

    llm-audit calibrate human.jsonl --name mine
    llm-audit detect essay.txt --population mine

After every change of the code the population must be calibrated anew; llm-audit says so.

In `$module.py`, `scores` has one row per token: `logprob`, `entropy`, `varentropy`, `rank` and more, see
`help(llm_audit.scoring.tokens.TokenScores)`. Codes AUD150 to AUD199 are for plugins; two that are used together need two.
"""


def survey() -> list[Surveyed[Detector] | Surveyed[MembershipScore]]:
    """Load every detector and membership score that is announced, and say what became of it."""
    return [*survey_group(DETECTORS, Detector, "detector"), *survey_group(MEMBERSHIP, MembershipScore, "membership score")]


def survey_every_group() -> list[Surveyed[Detector] | Surveyed[MembershipScore] | Surveyed[IntegrityRule]]:
    """The same with integrity rules."""
    return [*survey(), *survey_group(INTEGRITY, IntegrityRule, "integrity rule")]


def new_package(name: str, folder: Path) -> str:
    """Write a package with one detector that works, to be changed into one's own; returns its code.

    Raises:
        InvalidConfiguration: the name or the folder is taken, or is no name of a package.
        NotAvailable: the folder cannot be written.
    """
    words = {"name": name, "module": _module(name), "rule": _free_code(name)}
    files = {
        "pyproject.toml": PYPROJECT,
        f"{words['module']}.py": DETECTOR,
        f"test_{words['module']}.py": TEST,
        "README.md": README,
    }
    try:
        folder.mkdir(parents=True)
        for file, template in files.items():
            create(folder / file, Template(template).substitute(words).encode())
    except FileExistsError:
        raise InvalidConfiguration(f"{folder} exists already; name a new folder.") from None
    except OSError as error:
        raise NotAvailable(f"{folder} cannot be written: {error.strerror}.") from error
    return words["rule"]


def loaded(target: str) -> Iterator[tuple[str, Any, str]]:
    """What is to be checked, as (title, detector or score, why it cannot be used).

    Args:
        target: name of something installed, or MODULE:ATTRIBUTE.

    Raises:
        AuditError: there is nothing of that name, or plugins are switched off.
    """
    if ":" in target:
        yield _imported(target)
        return
    surveyed = survey()
    named = [each for each in surveyed if each.announcement.name == target]
    if not named:
        names = ", ".join(dict.fromkeys(each.announcement.name for each in surveyed))
        raise InvalidConfiguration(f"There is no detector or membership score {target!r}; choose from {names}.")
    for each in named:
        if each.status == "off":
            raise NotAvailable(each.reason)
        code = f"{each.thing.rule}, " if each.thing else ""
        yield f"{target} ({code}{each.announcement.package})", each.thing, each.reason


def _imported(target: str) -> tuple[str, Any, str]:
    try:
        thing = Announcement("", "", target, "", "").load()
    except AuditError as error:
        return target, None, str(error)
    if not isinstance(thing, Detector | MembershipScore):
        return target, None, f"It is a {type(thing).__name__}, neither a Detector nor a MembershipScore."
    why = unfit_code(thing.rule)
    return f"{thing.name} ({thing.rule}, {target})", thing, f"It {why}." if why else ""


def clauses(thing: Any) -> Iterator[tuple[str, str]]:
    """Every promise, with the complaint if it is broken."""
    from llm_audit.testing import DETECTOR_CONTRACT, MEMBERSHIP_CONTRACT

    contract: dict[str, Callable[[Any], None]] = dict(DETECTOR_CONTRACT if isinstance(thing, Detector) else MEMBERSHIP_CONTRACT)
    for promise, check in contract.items():
        try:
            check(thing)
        except KeyboardInterrupt:
            raise
        except AssertionError as error:
            yield promise, str(error) or in_words(error)
        except BaseException as error:  # the plugin's code runs here, and may raise whatever it likes
            yield promise, in_words(error)
        else:
            yield promise, ""


def _module(name: str) -> str:
    """The module of a package of that name; AuditError if there cannot or should not be one."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InvalidConfiguration(
            f"{name!r} is no name for a package here: use lower-case letters and digits, with single '-' between."
        )
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or find_spec(module):
        raise InvalidConfiguration(f"{module!r} is a module of Python or of an installed package; choose another name.")
    return module


def _free_code(name: str) -> str:
    """A code that nothing installed has: it depends on the name, so that two authors seldom choose the same."""
    surveyed = survey()
    if any(each.announcement.name == name for each in surveyed):
        raise InvalidConfiguration(f"There is a detector or membership score {name!r} already; choose another name.")
    taken = {each.thing.rule for each in surveyed if each.thing}
    first = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    codes = (f"AUD{150 + (first + step) % 50}" for step in range(50))
    free = next((code for code in codes if code not in taken), None)
    if free is None:
        raise InvalidConfiguration("Installed plugins have all codes from AUD150 to AUD199; uninstall one.")
    return free
