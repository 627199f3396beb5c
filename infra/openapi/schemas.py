"""JSON schemas of pydantic's types, as components of one document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]
Key = tuple[str, Mode]

REFERENCE = "#/components/schemas/{model}"


class _Untitled(GenerateJsonSchema):
    """Without titles that only repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def normalize_name(self, name: str) -> str:
        """The name of a page of experiments, which is generic, in letters alone."""
        return "".join(filter(str.isalnum, name))

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Json:
        """Optional fields, without the null that stands for their absence."""
        made: Json = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made


class Schemas:
    """Collects types first, so that what they share is described once."""

    def __init__(self) -> None:
        self._wanted: list[tuple[str, Mode, TypeAdapter[Any]]] = []

    def want(self, name: str, kind: Any, mode: Mode) -> Key:
        """Ask for the schema of a type, as it is read or as it is sent; the key to it."""
        self._wanted.append((name, mode, TypeAdapter(kind)))
        return name, mode

    def made(self) -> tuple[Mapping[Key, Json], Json]:
        """The schemas by key, and the components that they refer to."""
        schemas, whole = TypeAdapter.json_schemas(
            self._wanted, ref_template=REFERENCE, schema_generator=_Untitled
        )
        found: Mapping[Key, Json] = schemas
        components: Json = whole.get("$defs", {})
        return found, dict(sorted(components.items()))
