"""Stored JSON as dataclasses, whichever version of this program wrote it."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any, TypeVar, cast

T = TypeVar("T")
Word = TypeVar("Word", bound=Enum)


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


def word(value: Any, stand_in: Word) -> Word:
    """The member of an enumeration that is stored; `stand_in` for one that is not known here."""
    try:
        return type(stand_in)(value)
    except ValueError:
        return stand_in


def read_words(values: Mapping[str, Any], stand_ins: Mapping[str, Enum]) -> dict[str, Any]:
    """The fields that each hold a member of an enumeration, by name, and those `newer`.

    What is missing, or was stored by a newer version and is not known here, has its stand-in. Of
    the latter `newer` has the names, with what is stored.
    """
    words = {name: word(values.get(name), stand_in) for name, stand_in in stand_ins.items()}
    newer = (name for name, each in words.items() if values.get(name) not in (None, each.value))
    return {**words, "newer": tuple((name, values[name]) for name in newer)}


def stored_words(values: Mapping[str, Any], stand_ins: Mapping[str, Enum]) -> dict[str, Any]:
    """`values` as they are stored: where a stand-in was left as it is, what it stands in for."""
    newer = {name: kept for name, kept in values["newer"] if values[name] == stand_ins[name]}
    return {name: newer.get(name, each) for name, each in values.items() if name != "newer"}
