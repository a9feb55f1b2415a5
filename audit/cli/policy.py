"""The policy on the command line: the defaults that options take from it, and the digest of what was in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource

from llm_audit.common.errors import AuditError

if TYPE_CHECKING:
    from llm_audit.api.machine import Loaded

CONFIG, ISOLATED, POLICY = "llm_audit.config", "llm_audit.isolated", "llm_audit.policy"


class PolicyDefaults(Mapping[str, Any]):
    """Defaults that the policy file sets for a command's options, as a default map of click.

    The file is read when click first asks, which it does about every option that was not given, --help among them: no command
    starts under a policy that is wrong, and help needs none.

    Args:
        settings: of the policy, and names of the command's parameters.
    """

    def __init__(self, *settings: str) -> None:
        self.settings = settings

    def __getitem__(self, name: str) -> Any:
        if click.get_current_context().resilient_parsing:  # help is shown, or a shell completes
            raise KeyError(name)
        loaded = chosen()
        if name not in self.settings or name not in loaded.policy.model_fields_set:
            raise KeyError(name)
        value = getattr(loaded.policy, name)
        return loaded.anchored(value) if name in ("model", "classifier") else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)


def _all(names: str, defaults: PolicyDefaults) -> dict[str, PolicyDefaults]:
    return dict.fromkeys(names.split(), defaults)


_LEVEL = PolicyDefaults("alpha")  # what these commands call a model is what they audit, not what scores texts
_TEXTS = PolicyDefaults("alpha", "population", "model", "classifier", "text_field", "detectors", "score_also")
DEFAULTS: Mapping[str, Any] = {
    "attribute": PolicyDefaults("alpha", "text_field"),
    **_all("detect gate scan", _TEXTS),
    "serve": PolicyDefaults("alpha", "population", "model", "classifier", "detectors"),
    "membership": {"score": _LEVEL, "test": _all("canary continuation dataset identifier order paired watermark", _LEVEL)},
    "watermark": _all("detect probe", _LEVEL),
    "substitution": _all("audit plan watch", _LEVEL),
}
"""Command -> the options that it takes from the policy. Commands that build something or show stored reports take none."""


def chosen() -> Loaded:
    """The policy of the working directory or --config, before options override it. Raises AuditError if it is wrong."""
    meta = click.get_current_context().meta
    if POLICY not in meta:
        from llm_audit.api.machine import load_policy

        meta[POLICY] = load_policy(meta.get(CONFIG), isolated=meta.get(ISOLATED, False))
    return cast("Loaded", meta[POLICY])


def in_force() -> Loaded:
    """The policy of `chosen`, overridden by the options of the running command."""
    context = click.get_current_context()
    settings: tuple[str, ...] = context.default_map.settings if isinstance(context.default_map, PolicyDefaults) else ()
    names = (name for name in settings if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)
    return chosen().override({name: context.params[name] for name in names})


def digest_in_force() -> str | None:
    """Digest of the policy that gave the running command its settings; None: it takes none, or there is no file."""
    if not isinstance(click.get_current_context().default_map, PolicyDefaults) or chosen().file is None:
        return None
    return in_force().policy.digest()


@contextmanager
def blaming() -> Iterator[None]:
    """Add to errors of the block where the policy file sets the value at fault."""
    try:
        yield
    except AuditError as error:
        context = click.get_current_context()
        if error.setting is None or context.get_parameter_source(error.setting) is not ParameterSource.DEFAULT_MAP:
            raise
        raise type(error)(f"{error} It is set at {chosen().origin(error.setting)}.") from error
