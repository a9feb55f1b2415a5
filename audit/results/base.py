"""Base class of all report models, and the types that they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]

Numbers = tuple[float, ...]


def unset(value: object) -> bool:
    """Whether an optional fact is not known, so that JSON leaves it out: reports of earlier versions keep their bytes."""
    return value is None


def empty(value: object) -> bool:
    """Whether an optional list is empty, or an optional flag false, so that JSON leaves it out."""
    return not value


class Model(BaseModel):
    """Base of all report models: immutable, and a misspelt field is an error.

    A model's validator is built when the first one is made: who judges a text needs few of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    in_a_line: ClassVar[tuple[str, ...]] = ()
    """Fields and properties that `repr` shows of a model whose whole content would fill pages; none: every field."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [(name, getattr(self, name)) for name in self.in_a_line] or super().__repr_args__()
