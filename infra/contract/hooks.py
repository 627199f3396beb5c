"""What schemathesis draws from besides its own inventions: the examples of the document.

No schema says all that a body needs to be accepted: that weights sum to 100, which contexts there
are. The examples are accepted, but where a name or an id must be new only once; so they are drawn
with others. Without that no sequence of requests would get beyond its first refusal.
"""

from __future__ import annotations

import copy
import itertools
import uuid
from collections.abc import Sequence
from typing import Any

import schemathesis
from hypothesis import strategies as st

NEW: dict[str, Sequence[str]] = {
    "POST /api/experiments": ("id", "name"),
    "POST /api/feature": ("name",),
    "POST /api/flags": ("name", "key"),
    "POST /api/segments": ("name",),
    "POST /api/users": ("id",),
}
"""Fields of an example that must not be taken, by method and path."""

_numbers = itertools.count()


@schemathesis.hook
def before_generate_body(
    context: schemathesis.HookContext, strategy: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """Let every other body be an example, if there is one."""
    operation = context.operation
    if operation is None or (example := _example(operation)) is None:
        return strategy
    new = NEW.get(operation.label, ())
    return st.one_of(st.builds(lambda: _renamed(example, new)), strategy)


def _example(operation: Any) -> Any:
    content = operation.definition.raw["requestBody"]["content"]
    return next((each["example"] for each in content.values() if "example" in each), None)


def _renamed(example: Any, fields: Sequence[str]) -> Any:
    """A copy of an example with something in `fields` that was not there before.

    It is not drawn: whoever draws looks for what fails with the same values again and again.
    """
    drawn = copy.deepcopy(example)
    for field in fields:
        drawn[field] = str(uuid.uuid5(uuid.NAMESPACE_URL, str(next(_numbers))))
    return drawn
