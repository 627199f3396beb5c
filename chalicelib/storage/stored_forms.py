"""Stored JSON as dataclasses, whichever version of this program wrote it."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar, cast

T = TypeVar("T")


def read_as(cls: type[T], values: Mapping[str, Any], **converted: Any) -> T:
    """The dataclass that holds `values`, some of them `converted`.

    A newer version may have stored fields that this one does not know: they are passed over. An
    older one may lack some: they have the defaults of the class, or are None where it has none.
    """
    given = {**values, **converted}
    return cls(**{name: given.get(name, default) for name, default in _known(cast(Hashable, cls))})


@functools.cache
def _known(cls: Any) -> tuple[tuple[str, Any], ...]:
    """The names of a dataclass' fields with their defaults."""
    return tuple((each.name, _default(each)) for each in fields(cls) if each.init)


def _default(each: Field[Any]) -> Any:
    return None if each.default is MISSING else each.default
