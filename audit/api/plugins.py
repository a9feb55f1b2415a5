"""Rules of other packages (plugins): list the installed ones, check them against the contract, write a template package."""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from llm_audit.common.errors import AuditError, InvalidConfiguration, NotAvailable
from llm_audit.common.files import create
from llm_audit.detectors.announced import GROUP, SWITCH, Announcement, in_words, switched_off
from llm_audit.detectors.plugins import Surveyed, survey, unfit_code
from llm_audit.detectors.registry import outdated
from llm_audit.detectors.rule import Rule
from llm_audit.results.rules import FAMILIES

__all__ = ["GROUP", "SWITCH", "clauses", "described", "loaded", "new_package", "outdated", "switched_off"]

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


def $module(scores):
    """Share of tokens of rank 10 or better. Higher is more machine-like."""
    return float(np.mean(scores.rank <= 10))


rule = statistic_rule(
    $module,
    code="$code",
    name="$name",
    title="Tokens among the ten likeliest",
    unit="share of tokens",
    method="GLTR (Gehrmann et al. 2019), the share of green tokens",
)
'''

TEST = """\
import numpy as np
from llm_audit.testing import check_rule, sample_scores

from $module import $module, rule


def test_it_is_the_share_of_tokens_of_rank_ten_or_better():
    scores = sample_scores(90, np.random.default_rng(0))
    assert $module(scores) == sum(rank <= 10 for rank in scores.rank.tolist()) / 90


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

After every change of the code, its words included, the population must be calibrated anew; llm-audit says so. That takes
seconds: the scores of the tokens are kept. `population = "mine"` in llm-audit.toml makes it the default.

In `$module.py`, `scores` has one row per token: `logprob`, `entropy`, `varentropy`, `rank` and more, see
`help(llm_audit.scoring.tokens.TokenScores)`. Codes from AUD and 150 to AUD and 199 are for such plugins; two that are used
together need two.
"""


def survey_all() -> list[Surveyed]:
    """Every rule announced by an entry point, family by family, loaded, with its status."""
    return [entry for digit in sorted(FAMILIES) for entry in survey(FAMILIES[digit])]


def described() -> list[dict[str, Any]]:
    """One dictionary for each announced rule: name, code, package, digest, status and reason, as `plugins list` shows them."""
    return [
        {
            "name": entry.announcement.name,
            "rule": entry.rule.code if entry.rule else None,
            "group": entry.announcement.group,
            "target": entry.announcement.target,
            "distribution": entry.announcement.distribution,
            "version": entry.announcement.version,
            "digest": entry.announcement.digest,
            "shipped": entry.announcement.shipped,
            "status": entry.status,
            "reason": entry.reason,
        }
        for entry in survey_all()
    ]


def new_package(name: str, folder: Path) -> str:
    """Write a template package with one working detector, to be adapted; return the rule code that it has.

    Raises:
        InvalidConfiguration: the name or the folder is taken, or is no name of a package.
        NotAvailable: the folder cannot be written.
    """
    words = {"name": name, "module": _module(name), "code": _free_code(name)}
    files = {
        "pyproject.toml": PYPROJECT,
        f"{words['module']}.py": RULE,
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
    return words["code"]


def loaded(target: str) -> Iterator[tuple[str, Any, str]]:
    """Load the rules that a name stands for, as (title, rule or None, why it cannot be used or "").

    Args:
        target: name of something installed, or MODULE:ATTRIBUTE.

    Raises:
        AuditError: there is nothing of that name, or plugins are switched off.
    """
    if ":" in target:
        yield _imported(target)
        return
    surveyed = survey_all()
    named = [entry for entry in surveyed if entry.announcement.name == target]
    if not named:
        names = ", ".join(dict.fromkeys(entry.announcement.name for entry in surveyed))
        raise InvalidConfiguration(f"There is no rule {target!r}; choose from {names}.")
    for entry in named:
        if entry.status == "off":
            raise NotAvailable(entry.reason)
        code = f"{entry.rule.code}, " if entry.rule else ""
        yield f"{target} ({code}{entry.announcement.package})", entry.rule, entry.reason


def _imported(target: str) -> tuple[str, Any, str]:
    try:
        rule = Announcement("", "", target, "", "").load()
    except AuditError as error:
        return target, None, str(error)
    if not isinstance(rule, Rule):
        return target, None, f"It is a {type(rule).__name__}, not a Rule."
    why = unfit_code(rule.code)
    return f"{rule.name} ({rule.code}, {target})", rule, f"It {why}." if why else ""


def clauses(rule: Any) -> Iterator[tuple[str, str]]:
    """Check each clause of the contract; yield it with what is wrong, or "" if it is kept."""
    from llm_audit import testing

    for promise, check in testing.clauses(rule).items():
        try:
            check(rule)
        except KeyboardInterrupt:
            raise
        except AssertionError as error:
            yield promise, str(error) or in_words(error)
        except BaseException as error:  # the plugin's code runs here, and may raise whatever it likes
            yield promise, in_words(error)
        else:
            yield promise, ""


def _module(name: str) -> str:
    """The name of the Python module for a package of that name; AuditError if it cannot or should not be one."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InvalidConfiguration(
            f"{name!r} is no name for a package here: use lower-case letters and digits, with single '-' between."
        )
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or find_spec(module):
        raise InvalidConfiguration(f"{module!r} is a module of Python or of an installed package; choose another name.")
    return module


def _free_code(name: str) -> str:
    """A rule code that no installed rule has, derived from the name so that two authors seldom get the same."""
    surveyed = survey_all()
    if any(entry.announcement.name == name for entry in surveyed):
        raise InvalidConfiguration(f"There is a rule {name!r} already; choose another name.")
    taken = {entry.rule.code for entry in surveyed if entry.rule}
    first = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    codes = (f"AUD{150 + (first + step) % 50}" for step in range(50))
    free = next((code for code in codes if code not in taken), None)
    if free is None:
        raise InvalidConfiguration("Installed plugins have all codes that such a detector can have; uninstall one.")
    return free
