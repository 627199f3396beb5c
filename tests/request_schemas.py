"""What requests may hold: a walk through the types of all that the views of all routes take."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaValidator

from chalicelib import api
from chalicelib.api.testlab.models import Answer

NOT_INPUT = frozenset(
    {
        "metadata",
        "serialization",
        "default",
        "cls",
        "config",
        "function",
        "json_schema_input_schema",
    }
)
"""Parts of a schema that say nothing of what may come."""

MODEL_FIELD = "model-field"
"""What holds the schema of a field, and is none itself."""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A part of what a request may hold: where it is, and what pydantic's core knows of it."""

    where: str
    schema: Schema
    definitions: Mapping[str, Schema]

    def validator(self) -> SchemaValidator:
        """What validates this part alone."""
        definitions = list(self.definitions.values())
        whole: Any = {"type": "definitions", "schema": self.schema, "definitions": definitions}
        return SchemaValidator(whole if definitions else self.schema)

    def chain(self) -> Iterator[Schema]:
        """This schema, and what it calls, down to what is validated."""
        schema = self.schema
        yield schema
        while "schema" in schema:
            schema = schema["schema"]
            yield schema

    def innermost(self) -> str:
        """The type of what is validated, without what is called before and after that."""
        *_, last = self.chain()
        kind: str = last["type"]
        return kind


@functools.cache
def parts() -> tuple[Part, ...]:
    """All parts of all requests; models that no view names are of files within requests."""
    return tuple(_all_parts())


def _all_parts() -> Iterator[Part]:
    for route in api.all_routes():
        for name, hint in route.arguments.items():
            yield from _parts(f"{route.method} {route.path} {name}", hint)
    for model in _models(BaseModel):
        if model.__module__.startswith(api.__name__) and not issubclass(model, Answer):
            yield from _parts(model.__name__, model)


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _parts(where: str, hint: Any) -> Iterator[Part]:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    adapter.rebuild(force=True)
    schema: Any = adapter.core_schema
    definitions: dict[str, Schema] = {}
    if schema["type"] == "definitions":
        definitions = {each["ref"]: each for each in schema["definitions"]}
        schema = schema["schema"]
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
    for trail, found in _nested(schema, ""):
        yield Part(f"{where}{trail and ' '}{trail}", found, definitions)


def _nested(value: Any, trail: str, *, within_model: bool = False) -> Iterator[tuple[str, Schema]]:
    """The schemas in a schema; those of another model are found with that one."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _nested(each, trail, within_model=within_model)
    elif isinstance(value, dict):
        is_model = value.get("type") == "model"
        if isinstance(value.get("type"), str) and value["type"] != MODEL_FIELD:
            yield trail, value
        if is_model and within_model:
            return
        for name, each in value.items():
            if name not in NOT_INPUT:
                named = isinstance(each, dict) and each.get("type") == MODEL_FIELD
                inner = f"{trail}.{name}" if named else trail
                yield from _nested(each, inner, within_model=within_model or is_model)
