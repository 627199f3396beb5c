"""Which fields of a body are ignored, and how they are named."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chalicelib.api.values.ignored_fields import LOOKED_AT, NAME_LENGTH, NAMED, ignored_fields


class Part(BaseModel):
    weight: int = Field(0, alias="theWeight")
    parts: tuple[Part, ...] = ()


class Other(BaseModel):
    """Parts of a list may be of several kinds."""

    kind: str


class Body(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: str = Field("", alias="theName")
    part: Part | None = None
    parts: Annotated[
        list[Part | Other], BeforeValidator(lambda v: [v] if isinstance(v, dict) else v)
    ] = Field([], alias="theParts")
    anything: Any = None
    attributes: dict[str, str] = {}
    texts: tuple[str, ...] = ()


def named(sent: Any) -> list[str]:
    line = ignored_fields(Body.model_validate(sent), sent)
    return line.split(", ") if line else []


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, []),
        ({"theName": "x", "name": "y"}, []),
        ({"nmae": 1}, ["nmae"]),
        ({"part": None}, []),
        ({"part": {"weight": 1, "theWeight": 1}}, ["part.weight"]),
        ({"theParts": [{"theWeight": 1}, {"kind": "x", "y": 1}]}, ["theParts.1.y"]),
        ({"parts": [{"parts": [{"z": 1}]}]}, ["parts.0.parts.0.z"]),
        ({"theParts": {"x": 1}}, ["theParts.x"]),
        ({"anything": {"x": 1}, "attributes": {"x": "y"}, "texts": ["x"]}, []),
    ],
)
def test_what_no_model_knows_is_named_with_its_place(sent: Any, fields: list[str]) -> None:
    assert named(sent) == fields


def test_lists_of_models_are_looked_into_too() -> None:
    sent = [{"x": 1}, {}, {"part": {"y": 1}}]
    body = [Body.model_validate(each) for each in sent]
    assert ignored_fields(body, sent) == "0.x, 2.part.y"


def test_what_is_neither_an_object_nor_a_list_has_no_fields() -> None:
    assert ignored_fields(Body(), []) == ""
    assert ignored_fields("text", {"x": 1}) == ""


def test_of_many_those_in_one_place_come_first() -> None:
    parts = [{"createdAt": 1, "updatedAt": 1} for _ in range(NAMED)]
    parts[-1]["wieght"] = 1
    found = named({"theParts": parts, "is_runing": 1})
    assert found[:2] == ["is_runing", f"theParts.{NAMED - 1}.wieght"]
    assert len(found) == NAMED


def test_names_are_safe_in_a_header_and_short() -> None:
    hostile = ["a,b", "a\r\nX-Evil: 1", "a\x00b", "é", "\ud800", "x" * 500, "", " ", '"\\']
    line = ignored_fields(Body(), dict.fromkeys(hostile))
    assert re.fullmatch(r"[ -~]*", line)
    assert len(line.split(", ")) == len(hostile)
    assert max(map(len, line.split(", "))) == NAME_LENGTH
    assert "X-Evil: 1" not in line


def test_looking_ends_where_there_are_more_than_enough() -> None:
    def level(below: Any) -> dict[str, Any]:
        return {**{str(number): 1 for number in range(LOOKED_AT)}, "part": below}

    class Counted(BaseModel):
        part: Any = None

    sent = level({"deep": 1})
    assert "part.deep" not in named(sent)
    assert len(named(sent)) == NAMED
    assert ignored_fields(Counted(part=None), sent).count(",") == NAMED - 1
