"""Chat templates: the text that a server puts in front of a model's answer.

Templates come with models, from strangers: they run in jinja2's sandbox, see only strings, and may use what transformers
offers them. Knows nothing about where templates come from, or about tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llm_audit.common.errors import InvalidInput


def render(template: str, prompt: str, special_tokens: Mapping[str, str]) -> str:
    """One user message as the model reads it, up to where its answer begins.

    Args:
        template: Jinja source. Some ask for today's date.
        prompt: the user's message. Control tokens in it look like the template's own, as they do to a server.
        special_tokens: what the template calls `bos_token`, `eos_token` and so on; those missing are empty.

    Raises:
        InvalidInput: the template is broken, refuses the message, or tries what the sandbox forbids.
    """
    extensions = ["jinja2.ext.loopcontrols", GenerationTag]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    environment.filters["tojson"] = lambda value, **layout: json.dumps(value, **{"ensure_ascii": False} | layout)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)  # noqa: DTZ005  # the user's date
    messages = [{"role": "user", "content": prompt}]
    context = {**special_tokens, "messages": messages, "tools": None, "documents": None, "add_generation_prompt": True}
    try:
        return environment.from_string(template).render(context)
    except Exception as error:  # a template is a program: it can fail in every way
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InvalidInput(f"The model's chat template fails on this prompt: {reason}.") from error


class GenerationTag(Extension):
    """`{% generation %}` marks the answers for training; it changes no text."""

    tags = {"generation"}  # noqa: RUF012  # as jinja2 declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Text between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)
