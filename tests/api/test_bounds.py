"""One request cannot exhaust the process that answers it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from chalicelib import api
from chalicelib.api.documentation import DOCUMENT
from chalicelib.api.http.calls import BODY
from chalicelib.api.http.reading import PARAMETERS
from chalicelib.api.http.routes import Route
from chalicelib.api.upgrade.wire.texts import NAME_LENGTH
from tests.api.upgrade_setup import design, flag, segment
from tests.http import JSON, Gateway
from tests.request_schemas import Part, parts

MANY = 2000
FAULTS = 40
"""Far fewer than `MANY`: one for each field of a body and of what is in it."""

COLLECTIONS = frozenset({"list", "tuple", "dict", "set", "frozenset", "generator"})
NO_VALUES = frozenset({"definition-ref", "model-fields"})
QUERIES = ("query_values", "IdsQuery")
"""Always a map of lists of texts: what they hold is never anything else."""

NAMED = (
    "DesignBody", "ExperimentBody", "EditExperimentBody", "ExperimentFile", "ListedSegment",
    "FlagBody", "FlagFile", "SegmentBody", "SubListBody", "SegmentParts", "ListedSegmentFile",
    "SubSegmentFile", "ListFile", "SegmentFile",
)  # fmt: skip
"""Bodies and files that name an experiment, a flag or a segment."""

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**400, Decimal("1e5000"), Decimal("0E-99999"), "", "x", "1", "\ud800",
    "\x00", "2024-13-45", [], [[]], {}, {"id": []}, {"": None}, [None], [{}], [{"id": 1}],
)  # fmt: skip


def with_bodies() -> list[Route]:
    return [route for route in api.all_routes() if BODY in route.arguments]


@pytest.mark.usefixtures("app")
def test_each_list_and_map_of_a_request_has_a_bound_and_is_judged_by_its_first_fault() -> None:
    found = [part for part in parts() if part.schema["type"] in COLLECTIONS]
    assert len(found) > 100
    for part in found:
        if part.schema["type"] == "tuple" and "variadic_item_index" not in part.schema:
            continue
        assert part.schema.get("max_length") is not None, part.where
        assert part.schema.get("fail_fast"), part.where


@pytest.mark.usefixtures("app")
def test_each_part_of_a_body_is_taken_or_refused_whatever_comes() -> None:
    for part in parts():
        if part.schema["type"] in NO_VALUES or any(name in part.where for name in QUERIES):
            continue
        validator = part.validator()
        for value in VALUES:
            with suppress(ValidationError):
                validator.validate_python(value)


@pytest.mark.usefixtures("app")
def test_no_number_of_a_body_is_written_out_before_it_is_judged() -> None:
    """1e999999999 takes eleven bytes, and as an integer a gigabyte of digits."""
    outermost: dict[str, Part] = {}
    for part in parts():
        if " query" not in part.where and not part.where.split()[0].endswith("Query"):
            outermost.setdefault(part.where, part)
    judged = [part for part in outermost.values() if part.innermost() == "int"]
    assert len(judged) > 20
    for part in judged:
        chain = list(part.chain())
        first = any(schema["type"] == "function-before" for schema in chain)
        assert first or chain[-1].get("strict"), part.where


def hostile(model: Any) -> Iterator[Any]:
    """Bodies with very many faults, in each field of a model and beside them."""
    wrong: tuple[Any, ...] = (
        [0] * MANY,
        [{}] * MANY,
        [[]] * MANY,
        {str(number): [] for number in range(MANY)},
        {str(number): {} for number in range(MANY)},
        {str(number): [0] * 10 for number in range(MANY)},
        {"x": [0] * MANY},
    )
    yield from wrong
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield from ({field.alias or name: value} for value in wrong)


def faults(adapter: TypeAdapter[Any], body: Any) -> int:
    try:
        adapter.validate_python(body)
    except ValidationError as error:
        return error.error_count()
    return 0


@pytest.mark.usefixtures("app")
def test_faults_are_reported_whatever_their_number() -> None:
    judged = 0
    for route in with_bodies():
        kind = route.arguments[BODY]
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        for body in hostile(kind):
            counted = faults(adapter, body)
            assert counted <= FAULTS, route.path
            judged += counted > 0
    assert judged > 1000


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/api/segments", b'{"userIds": [' + b"0," * 2_400_000 + b"0]}"),
        ("/api/v6/init", b"{" + b",".join(b'"%x":0' % n for n in range(400_000)) + b"}"),
        ("/api/v5/init", b'{"id": "u", "group": {"g": [' + b"0," * 2_400_000 + b"0]}}"),
        ("/api/stratification", b'{"files": [{"file": "uuid,' + b"a," * 240_000 + b'"}]}'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_of_faults_costs_little_more_than_reading_it(
    gateway: Gateway, path: str, raw: bytes
) -> None:
    tracemalloc.start()
    answer = gateway.send("POST", path, raw=raw, headers={**JSON, "user-id": "u"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status == 400
    assert len(answer.text) < 2000
    assert len(answer.headers["x-error-detail"]) <= 500
    assert peak < 50 * len(raw)


@pytest.mark.usefixtures("app")
def test_each_name_of_an_experiment_a_flag_or_a_segment_has_a_bound() -> None:
    found = {}
    for part in parts():
        model, _, field = part.where.partition(" .")
        if model in NAMED and field in ("name", "key") and part.schema["type"] == "str":
            found[part.where] = part.schema.get("max_length")
    assert found.keys() >= {f"{model} .name" for model in NAMED}
    assert set(found.values()) == {NAME_LENGTH}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/experiments", design(("site", "target"))),
        ("/api/flags", flag()),
        ("/api/segments", segment(type="public")),
    ],
    ids=["experiments", "flags", "segments"],
)
def test_a_name_is_as_long_as_the_texts_of_clients_at_the_most(
    gateway: Gateway, path: str, body: dict[str, Any]
) -> None:
    name = "n" * NAME_LENGTH
    too_long = {**body, "name": f"{name}n"}
    refusal = f"name: String should have at most {NAME_LENGTH} characters"
    refused = gateway.post(path, too_long)
    assert refused.status == 400
    assert refusal in refused.headers["x-error-detail"]
    file = {"fileName": "file.json", "fileContent": too_long}
    files = {"files": [file]} if path == "/api/flags" else [file]
    [judged] = gateway.post(f"{path}/import", files).json
    assert refusal in str(judged)
    assert gateway.post(path, {**body, "name": name}).json["name"] == name


def test_names_that_clients_choose_are_shortened_in_what_is_said_of_them(gateway: Gateway) -> None:
    body = {"group": {"g" * 900: [0], "x" * 90_000: []}}
    answer = gateway.send("POST", "/api/v6/init", body, {"user-id": "u"})
    assert answer.status == 400
    assert len(answer.json["message"]) < 500
    assert len(answer.headers["x-error-detail"]) <= 500


@pytest.mark.parametrize("digits", [19, 38, 39, 4_000])
def test_a_number_in_an_address_may_be_larger_than_a_machine_counts(
    gateway: Gateway, digits: int
) -> None:
    """A machine counts to 19 digits, DynamoDB to 38; Python reads 4,300."""
    number = 10**digits - 1
    experiment = gateway.post("/api/experiments", design(("site", "target"))).json["id"]
    made = gateway.post("/api/flags", flag()).json["id"]
    named = {"experiment_id": experiment, "flag_id": made, "key": "home", "feature_id": number}
    asked = [
        path.format_map(named) + ("?limit=" + str(number) if "limit" in parameters else "")
        for path, parameters in reads()
        if parameters & {"limit", "feature_id"}
    ]
    assert len(asked) >= 25
    for address in asked:
        answer = gateway.get(address)
        assert answer.status in (200, 400, 403, 404), (address[:99], answer)


def reads() -> Iterator[tuple[str, set[str]]]:
    """The paths of what can be read, and the names of parameters that each takes."""
    document = json.loads(DOCUMENT.read_text())
    for path, methods in document["paths"].items():
        if "get" in methods:
            parameters = methods["get"].get("parameters", ())
            yield path, {each["name"] for each in parameters if "name" in each}


@pytest.mark.parametrize("path", ["/api/users/ada", "/api/users", "/api/experiments/export"])
def test_a_query_of_too_many_parameters_is_refused(gateway: Gateway, path: str) -> None:
    method = "DELETE" if path.endswith("ada") else "GET"
    for query in ("ids=x&" * 100_000, "&".join(map(str, range(PARAMETERS + 1)))):
        answer = gateway.send(method, f"{path}?{query}")
        assert answer.status in (400, 403)
        assert f"at most {PARAMETERS}" in answer.headers["x-error-detail"]
        assert len(answer.text) < 10_000


@pytest.mark.usefixtures("app")
def test_a_list_of_fifty_thousand_users_is_taken() -> None:
    adapter = next(
        route.arguments[BODY] for route in with_bodies() if route.path == "/api/segments"
    )
    users = [f"user {number}" for number in range(50_000)]
    body = json.loads(json.dumps(segment(*users, type="public")))
    assert len(TypeAdapter(adapter).validate_python(body).users()) == len(users)


@pytest.mark.parametrize("depth", [500, 5000, 1_000_000])
def test_a_deeply_nested_body_is_refused(gateway: Gateway, depth: int) -> None:
    for left, right in (("[", "]"), ('{"a":', "}")):
        raw = f'{{"group": {left * depth}1{right * depth}}}'.encode()
        answer = gateway.send("POST", "/api/v6/init", raw=raw[: 5 * 2**20], headers=JSON)
        assert answer.status == 400
