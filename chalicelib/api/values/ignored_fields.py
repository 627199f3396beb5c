"""Fields of a body that no model knows: they are ignored, and named in X-Ignored-Fields.

Only names are told, never values. What a model takes as a map (the attributes of a log, groups by
their types) has no fields. What is in files goes by `fileContent`. A model that takes older forms
brings them to the form of today in a validator of that name, `of_today`, before it is looked at.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast, get_args

from pydantic import BaseModel

HEADER = "X-Ignored-Fields"
NAMED = 20
"""Fields that the header names."""
LOOKED_AT = 1000
"""Ignored fields among which those are chosen; a body may have hundreds of thousands."""
NAME_LENGTH = 80
UNSAFE = frozenset(',"\\')

Path = tuple[str | int, ...]

_noted: ContextVar[list[Path] | None] = ContextVar("ignored fields", default=None)


@contextmanager
def noting() -> Iterator[list[Path]]:
    """Within it, a request's ignored fields are noted in this list."""
    found: list[Path] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def note(body: object, sent: object, *place: str) -> None:
    """Note the fields that were `sent` at a place of a request and that its model does not have."""
    found = _noted.get()
    if found is not None:
        _collect(body, sent, place, found)


def ignored_fields(body: object, sent: object) -> str:
    """The names of fields that were `sent` and that the model `body` does not have.

    >>> class Body(BaseModel):
    ...     name: str
    >>> ignored_fields(Body(name="x"), {"name": "x", "tpye": "y"})
    'tpye'
    """
    found: list[Path] = []
    _collect(body, sent, (), found)
    return named(found)


def named(found: list[Path]) -> str:
    """The names of ignored fields as a header has them.

    The place of each is written with dots (`conditions.0.wieght`). Where there are more than can
    be named, those come first that occur in one place: people mistype one field, while what
    clients send back as they have read it is in every part.
    """
    if len(found) > NAMED:
        places = Counter(path[-1] for path in found)
        found.sort(key=lambda path: places[path[-1]])
    return ", ".join(map(_name, found[:NAMED]))


def _collect(body: object, sent: object, path: Path, found: list[Path]) -> None:
    """Add the paths of ignored fields to `found`, until there are enough of them."""
    fields = _fields(cast("Hashable", type(body)))
    if fields is not None:
        if not isinstance(sent, dict):
            return
        sent = sent if fields.of_today is None else fields.of_today(sent)
        if not sent.keys() <= fields.known:
            found.extend((*path, key) for key in sent if key not in fields.known)
            del found[LOOKED_AT:]
        for name, keys in fields.nested:
            for key in keys:
                if key in sent and len(found) < LOOKED_AT:
                    _collect(getattr(body, name), sent[key], (*path, key), found)
                    break
    elif isinstance(body, list) or isinstance(body, tuple):  # noqa: SIM101 - a union takes longer
        if not isinstance(sent, list):
            _collect(next(iter(body), None), sent, path, found)  # one passes for a list of one
            return
        for number, (each, of) in enumerate(zip(body, sent, strict=False)):
            _collect(each, of, (*path, number), found)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The keys that a model knows, and those of each field that holds models."""

    known: frozenset[str]
    nested: tuple[tuple[str, tuple[str, ...]], ...]
    of_today: Callable[[Any], Any] | None


@functools.cache
def _fields(kind: Hashable) -> _Fields | None:
    """The fields of a model; None for any other type."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return None
    by_name = kind.model_config.get("populate_by_name", False)
    keys = {
        name: (field.alias, name) if field.alias and by_name else (field.alias or name,)
        for name, field in kind.model_fields.items()
    }
    return _Fields(
        frozenset(key for each in keys.values() for key in each),
        tuple(
            (name, each)
            for name, each in keys.items()
            if any(_models(kind.model_fields[name].annotation))
        ),
        getattr(kind, "of_today", None),
    )


def _models(annotation: Any) -> Iterator[bool]:
    """Whether a type, or a part of it, is a model."""
    yield isinstance(annotation, type) and issubclass(annotation, BaseModel)
    for part in get_args(annotation):
        yield from _models(part)


def _name(path: Path) -> str:
    name = ".".join(map(str, path))[:NAME_LENGTH]
    return "".join(c if " " < c < "\x7f" and c not in UNSAFE else "?" for c in name)
