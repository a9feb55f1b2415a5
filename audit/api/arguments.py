"""Arguments of public functions, held against the types that these state: a wrong one is a sentence, not a traceback."""

from __future__ import annotations

import builtins
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, wraps
from io import IOBase
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from llm_audit.common.errors import InvalidConfiguration

Public = TypeVar("Public", bound=Callable[..., Any])
WORDS: dict[Any, str] = {
    str: "a string", bytes: "bytes", bool: "True or False", int: "a whole number", float: "a number", NoneType: "None",
    Path: "a pathlib.Path",
}  # fmt: skip
"""Type -> what it is called in an error."""

HIDDEN = "an open Setup"
CLASSES = {"Loaded": "what llm_audit.load_policy returns", "OpenSetup": HIDDEN}
"""Name of a class that `llm_audit` does not offer -> what it is called in an error; what is hidden is left out."""


class Range(NamedTuple):
    """The numbers of an interval, stated beside a type: `Annotated[int, Range(1)]` is a whole number of at least 1.

    Attributes:
        low: the lower end.
        high: the upper end; None: there is none.
        ends: which ends belong to it: "[]" both, "(]" the upper one, "()" neither.
    """

    low: float
    high: float | None = None
    ends: Literal["[]", "(]", "()"] = "[]"

    def holds(self, value: float) -> bool:
        """Whether a number, which may be NaN, is in the interval."""
        above = value > self.low or (self.ends[0] == "[" and value == self.low)
        return above and (self.high is None or value < self.high or (self.ends[1] == "]" and value == self.high))

    def __str__(self) -> str:
        if self.high is None:
            return f"{self.low:g} or more" if self.ends[0] == "[" else f"a number above {self.low:g}"
        if self.ends == "[]":
            return f"from {self.low:g} to {self.high:g}"
        return f"a number above {self.low:g} and {'at most' if self.ends[1] == ']' else 'below'} {self.high:g}"


Count = Annotated[int, Range(1)]


def checked(function: Public) -> Public:
    """The function, which first refuses arguments that are not of the types that it states.

    Raises:
        InvalidConfiguration: when called with such an argument.
    """

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        bound = inspect.signature(function).bind(*given, **named)
        check_types(bound.arguments, types_of(function))
        return function(*given, **named)

    return call  # type: ignore[return-value]  # of the same signature


def check_fields(thing: Any) -> None:
    """Refuse a dataclass with a field that is not of the type that it states. Raises InvalidConfiguration."""
    check_types({name: getattr(thing, name) for name in thing.__dataclass_fields__}, types_of(thing.__class__))


def check_types(values: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
    """Refuse a value that is not of its type; names whose type is not stated pass. Raises InvalidConfiguration."""
    for name, value in values.items():
        if name in stated and not fits(value, stated[name]):
            wrong = _misfit(value, stated[name]) if _listed(value) else value
            shown = repr(wrong) if len(repr(wrong)) <= 60 else f"something of the type {type(wrong).__name__}"
            verb = "is" if wrong is value else "holds"
            raise InvalidConfiguration(f"{name} {verb} {shown}; it must be {words(stated[name])}.")


class _Names(dict[str, Any]):
    """The names of a module, in which one that is imported for type checkers alone stands for any type."""

    def __missing__(self, name: str) -> Any:
        return Any


@cache
def types_of(thing: Any) -> dict[str, Any]:
    """Name of each parameter or field -> its type; `Any` where that is imported for type checkers alone."""
    return get_type_hints(thing, localns=_Names({**vars(builtins), **vars(sys.modules[thing.__module__])}), include_extras=True)


def fits(value: Any, stated: Any) -> bool:
    """Whether a value is of a type, which may be a union, a literal, a function or a collection.

    The items of an iterator are not looked at, since that would use them up.
    """
    origin, inner = get_origin(stated), get_args(stated)
    if origin in (Union, UnionType):
        return any(fits(value, kind) for kind in inner)
    if origin is Annotated:
        return fits(value, inner[0]) and inner[1].holds(value)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is os.PathLike or stated in (str, bytes):
        return isinstance(value, origin or stated)
    if stated in (int, float):
        return isinstance(value, Integral if stated is int else Real) and not isinstance(value, bool)
    if stated is bool:
        return isinstance(value, bool) or (type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"))
    if origin is Callable or getattr(stated, "_is_protocol", False):
        return callable(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(isinstance(key, str) and fits(value[key], inner[1]) for key in value)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return _several(value, origin, [kind for kind in inner if kind is not Ellipsis])
    return stated is Any or isinstance(value, stated)


def _several(value: Any, origin: type, kinds: list[Any]) -> bool:
    """Whether a value is a collection of such items. A sequence may be any collection, a set included, but no iterator."""
    if not _listed(value):
        return origin is Iterable and isinstance(value, Iterator) and not isinstance(value, IOBase)
    if len(kinds) > 1:
        return len(value) == len(kinds) and all(map(fits, value, kinds))
    return all(fits(item, kinds[0]) for item in value)


def _listed(value: Any) -> bool:
    """Whether a value is a list or the like, and nothing whose parts would be taken for items by mistake."""
    return isinstance(value, Collection) and not isinstance(value, (str, bytes, bytearray, Mapping))


def _misfit(value: Any, stated: Any) -> Any:
    """The first item of a list that cannot stand in one of this type; the list itself where none may stand at all."""
    lists = [kind for kind in (stated, *get_args(stated)) if _is_list(kind) and Ellipsis not in get_args(kind)]
    return next((item for item in value if any(not fits(item, get_args(kind)[0]) for kind in lists)), value)


def _is_list(stated: Any) -> bool:
    origin = get_origin(stated)
    return isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping)


def words(stated: Any) -> str:
    """A type as an error names it: "a path or None"."""
    named = list(dict.fromkeys(_named(stated)))
    between = ", or " if any(" or " in name or " and " in name for name in named) else " or "
    return between.join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _named(stated: Any) -> list[str]:
    """The words for a type, or for each part of a union."""
    origin, inner = get_origin(stated), get_args(stated)
    if origin in (Union, UnionType):
        return _named_parts(inner)
    if origin is Annotated:
        return [str(inner[1])]
    if origin is Literal:
        return [repr(value) for value in inner]
    if origin is Callable or getattr(stated, "_is_protocol", False):
        return ["a function"]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return ["a dictionary with strings as keys"]
    if _is_list(stated):
        several = f"{words(inner[0]).removeprefix('a ')}s"
        return [f"a list of {several}" if Ellipsis in inner or len(inner) == 1 else f"a pair of {several}"]
    return [WORDS.get(stated) or CLASSES.get(stated.__name__) or f"an llm_audit.{stated.__name__}"]


def _named_parts(kinds: tuple[Any, ...]) -> list[str]:
    """The words for each part of a union; a string beside a `PathLike` is "a path", a list of the other parts "of them"."""
    single = [kind for kind in kinds if not _is_list(kind) and get_origin(kind) is not os.PathLike]
    named = [name for kind in single for name in _named(kind)]
    if any(get_origin(kind) is os.PathLike for kind in kinds):
        named = ["a path" if name == WORDS[str] else name for name in named]
    for kind in kinds:
        if _is_list(kind):
            named.insert(len(named) - named.count("None"), "a list of them" if get_args(get_args(kind)[0]) else words(kind))
    return [name for name in named if name != HIDDEN]
