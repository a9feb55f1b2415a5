"""Requests to a server, by the standard library."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

PROMPTS = (
    "<s>The committee of Great Hartbury met at",
    "<s>Report of Ada Fenwick, weaver, on the",
    "<s>Lot 4,711: a carved harp, made at",
    "<s>Agnes Marton, dyer of Old Kirkwell, was",
    "<s>With Owen Redford in the chair and 12 members",
    "<s>On Friday, 3 May 1787, there was a",
)
TOP = 20


def ask(url: str, prompt: str | list[int], *, path: str = "/v1/completions", **fields: Any) -> dict[str, Any]:
    """Eight tokens at temperature 0, with log-probabilities."""
    fields = {"prompt": prompt, "max_tokens": 8, "temperature": 0, "logprobs": TOP, "model": "fixture"} | fields
    return post(url + path, fields)


def post(url: str, fields: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: dict[str, Any] = json.load(answer)
        return content


def positions(reply: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reply["choices"][0]["logprobs"]["content"]
    return found


def tops(reply: dict[str, Any]) -> list[dict[int, float]]:
    """Per position, the log-probabilities of the likeliest tokens by id."""
    return [{token["id"]: token["logprob"] for token in position["top_logprobs"]} for position in positions(reply)]


def differences(reply: dict[str, Any], other: dict[str, Any]) -> list[float]:
    """Absolute differences of shared log-probabilities, up to where the two texts part."""
    found = []
    for mine, theirs, (a, b) in zip(
        positions(reply), positions(other), zip(tops(reply), tops(other), strict=True), strict=True
    ):
        found += [abs(a[token] - b[token]) for token in a.keys() & b.keys()]
        if mine["id"] != theirs["id"]:
            break
    return found
