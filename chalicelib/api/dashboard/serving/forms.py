"""Forms as pages send them: flat names and texts, made into what models take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from chalicelib.api.dashboard.serving.page import TOKEN
from chalicelib.api.http.reading import Reading

DEPTH = 6
"""Dots that the name of a field may have."""

PLACES = 200
"""Places that a list in a form may have."""


class Form(BaseModel):
    """What a form holds. A field that was left blank is not there, and has its default.

    Names with dots are parts of others: `variants.0.value` is the value of the first variant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _of_fields(cls, fields: Any) -> Any:
        if not is_typed(fields):
            return fields
        return nested({name: values for name, values in fields.items() if name != TOKEN})


def is_typed(fields: Any) -> bool:
    """Whether these are the fields of a form, and not what else a model may be made of."""
    if not isinstance(fields, dict):
        return False
    values = fields.values()
    return all(
        isinstance(each, list) and each and all(isinstance(text, str) for text in each)
        for each in values
    )


def typed(reading: Reading) -> dict[str, str]:
    """What was typed into a form, by the names of its fields; of several values the last."""
    return {name: values[-1] for name, values in reading.form().items()}


def nested(fields: Mapping[str, list[str]]) -> dict[str, Any]:
    """The fields of a form as objects and lists, without those that were left blank.

    Raises:
        ValueError: if a name has too many parts.

    >>> nested({"name": ["a"], "variants.0.value": ["x"], "variants.1.value": ["y"], "note": [""]})
    {'name': 'a', 'variants': [{'value': 'x'}, {'value': 'y'}]}
    """
    tree: dict[str, Any] = {}
    for name, values in fields.items():
        value = values[-1].strip()
        if value:
            *way, last = name.split(".")
            if len(way) > DEPTH:
                raise ValueError(f"no field is called {name[:40]} ...")
            place = tree
            for part in way:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    break
            else:
                place[last] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    """Objects whose names are numbers as lists, in the order of the numbers."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() and int(key) < PLACES for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(each) for key, each in value.items()}
