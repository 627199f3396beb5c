"""Which fields of a form a refusal is about, so that each fault stands at its field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from chalicelib.api.protocol.problems import OWN_PREFIX

RULE = re.compile(r"([A-Za-z_]{1,40}(?:\.[A-Za-z0-9_]{1,40}){0,6}): (.+)", re.DOTALL)
"""What rules of the domain say of a field: its name, then what is wrong."""

Words = Mapping[str, str]
"""What a form calls fields of the body that is made of it; "" leaves a part of a name out."""


def faults_at_fields(
    error: Exception, typed: Mapping[str, str], words: Words | None = None
) -> dict[str, str]:
    """The faults that a refusal names, by the fields of the form that they are about.

    `typed` are the fields as they were sent, blank ones included. With `words` the form is made
    anew from the body, with its rows numbered as there; else they keep the places that they had,
    where blank ones may be between. A rule that names no row stands at no field of several rows.

    >>> typed = {"rows.0.at": "", "rows.4.at": "x", "plan.window": "400"}
    >>> faults_at_fields(ValueError("window: at most 90 days"), typed)
    {'plan.window': 'at most 90 days'}
    """
    found: dict[str, str] = {}
    for parts, message in _named(error):
        name = _spelled(parts, typed) if words is None else _worded(parts, words)
        ending = [each for each in typed if each.endswith(f".{name}")]
        if name in typed or words is not None:
            found.setdefault(name, message)
        elif len(ending) == 1:
            found.setdefault(ending[0], message)
    return found


def _named(error: Exception) -> Iterator[tuple[Sequence[str | int], str]]:
    cause = error if isinstance(error, ValidationError) else error.__cause__
    if isinstance(cause, ValidationError):
        for fault in cause.errors(include_url=False, include_input=False, include_context=False):
            message = fault["msg"].removeprefix(OWN_PREFIX)
            if fault["loc"]:
                yield fault["loc"], message
            else:
                yield from _by_rule(message)
    else:
        yield from _by_rule(str(error))


def _by_rule(text: str) -> Iterator[tuple[Sequence[str | int], str]]:
    if rule := RULE.fullmatch(text):
        yield rule[1].split("."), rule[2]


def _worded(parts: Sequence[str | int], words: Words) -> str:
    """The name of a field in the words of the form.

    >>> _worded(("partitions", 0, "site"), {"partitions": "points"})
    'points.0.site'
    """
    spoken = (words.get(str(part), str(part)) for part in parts)
    return ".".join(filter(None, spoken))


def _spelled(parts: Sequence[str | int], typed: Mapping[str, str]) -> str:
    """The name of a field, with the places that the rows of its lists have in the form.

    What stands before the fields, such as the kind of the form, is left out.
    """
    begins = {name.partition(".")[0] for name in typed}
    start = next((at for at, part in enumerate(parts) if part in begins), 0)
    name = ""
    for part in parts[start:]:
        own = _place(name, part, typed) if isinstance(part, int) else part
        name = f"{name}.{own}" if name else own
    return name


def _place(list_name: str, index: int, typed: Mapping[str, str]) -> str:
    """The place of a row among those of a list that were filled in."""
    begin = f"{list_name}."
    places = {
        int(place)
        for name, text in typed.items()
        if text.strip() and name.startswith(begin)
        if (place := name.removeprefix(begin).partition(".")[0]).isdecimal()
    }
    filled = sorted(places)
    return str(filled[index] if index < len(filled) else index)
