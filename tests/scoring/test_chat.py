"""Chat templates, held against transformers' own rendering, and kept in their sandbox."""

from __future__ import annotations

from datetime import date

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from llm_audit.common.errors import AuditError
from llm_audit.scoring.chat import render
from llm_audit.scoring.pins import DEFAULT_PIN

LLAMA = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {{ raise_exception('System role not supported') }}
{%- endif -%}
{%- for message in messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- set role = "model" if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""

TOOLS = """{% set ns = namespace(seen=false) %}
{% for message in messages %}
    {% if message.role == 'user' %}
        {% set ns.seen = true %}
{{ message | tojson }} {{ message | tojson(indent=2) }} {{ documents is none }} {{ unheard_of }}
    {% endif %}
    {% generation %}{{ eos_token }}{% endgeneration %}
    {% break %}
{% endfor %}
{{ ns.seen }}
"""

PROMPTS = ["Why is the sky blue?", "  Zürich — 木工 & <b>'quotes'</b>\n\n{{ 7 * 7 }} {% endif %} <|im_end|> \n"]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize(
    "template", [DEFAULT_PIN.chat_template, LLAMA, GEMMA, TOOLS], ids=["smollm", "llama", "gemma", "tools"]
)
def test_rendering_is_that_of_transformers(template: str, prompt: str) -> None:
    special_tokens = {"bos_token": "<bos>", "eos_token": "<eos>"}
    oracle = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **special_tokens)
    conversation = [{"role": "user", "content": prompt}]
    expected = oracle.apply_chat_template(conversation, chat_template=template, tokenize=False, add_generation_prompt=True)
    assert render(template, prompt, special_tokens) == expected


def test_the_embedded_models_prompt_ends_where_its_answer_begins() -> None:
    assert DEFAULT_PIN.chat_template
    assert render(DEFAULT_PIN.chat_template, "Hello", {}) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_template_may_know_the_date_and_lack_a_token() -> None:
    before, text, after = date.today(), render(LLAMA, "Hello", {}), date.today()  # noqa: DTZ011  # the user's date
    assert any(f"Today Date: {day:%d %b %Y}\n" in text for day in (before, after))
    assert text.startswith("<|start_header_id|>system")


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{% if %}", "Expected an expression"),
        ("{{ raise_exception('Only\nSpanish.') }}", "Only Spanish"),
        ("{{ messages.append(1) }}", "not safely callable|unsafe"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ raise_exception.__globals__.json }}", "unsafe"),
        ("{{ '{0.__class__.__mro__}'.format(messages) }}", "unsafe"),
        ("{{ messages[0].name.first }}", "undefined|no attribute"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ messages | tojson(unheard_of=1) }}", "unheard_of"),
        ("{% include 'file' %}", "loader"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "recursion"),
    ],
)
def test_a_template_that_fails_is_one_sentence(template: str, complaint: str) -> None:
    with pytest.raises(
        AuditError, match=rf"^The model's chat template fails on this prompt: [^\n]*({complaint})[^\n]*\.$"
    ) as caught:
        render(template, "Hello", {})
    assert "\n" not in str(caught.value)
