"""Numbers that are given where text is expected."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from pydantic import ValidationError

from chalicelib.api.values.numbers import javascript_text
from tests.http import JSON, Gateway
from tests.request_schemas import parts

FEATURE = {"type_id": 3, "start_date": "2020-01-01", "end_date": "2099-12-31"}
SPELLINGS: tuple[int | Decimal, ...] = (
    62,
    *map(Decimal, ("62.0", "6.10", "1e21", "1e-7", "-0.0", "9007199254740993")),
)


@pytest.mark.usefixtures("app")
def test_each_field_that_takes_a_number_as_text_writes_it_as_javascript_does() -> None:
    taking: set[str] = set()
    for part in parts():
        if part.innermost() not in ("str", "union", "any"):
            continue
        for number in SPELLINGS:
            try:
                value = part.validator().validate_python(number)
            except ValidationError:
                continue
            if isinstance(value, str):
                assert value == javascript_text(number), part.where
                taking.add(part.where.rpartition(".")[2])
    assert {"id", "user_id", "name", "description", "value", "allowed_values"} <= taking


def test_a_user_is_one_however_the_number_of_the_id_is_spelled(gateway: Gateway) -> None:
    feature_id = gateway.post("/api/feature", {**FEATURE, "name": "x"}).json["id"]
    body = {"variants": [{"feature_id": feature_id, "value": 6.1}]}
    (variant,) = gateway.post(f"/api/feature/{feature_id}/variants", body).json
    assert variant["value"] == "6.1"

    def create(user_id: str) -> int:
        raw = f'{{"id": {user_id}, "variant_id": {variant["id"]}, "ip_address": "10.0.0.1"}}'
        return gateway.send("POST", "/api/users", raw=raw.encode(), headers=JSON).status

    for spellings in (("62", "62.0", '"62"', "6.2e1"), ("1e21", '"1e+21"'), ("-0", "0")):
        assert [create(each) for each in spellings] == [200] + [403] * (len(spellings) - 1)
    raw = f'{{"user_id": 62.00, "variant_id": {variant["id"]}}}'.encode()
    assert gateway.send("POST", "/api/events", raw=raw, headers=JSON).status == 200
    assert {user["id"] for user in gateway.get("/api/users").json} == {"62", "1e+21", "0"}
    assert create("1e400") == 403


@pytest.mark.parametrize(
    ("sent", "named"),
    [("5.0", "5"), ("1e21", "1e+21"), ("1e400", "Infinity"), ('"5.0"', "5.0"), ("true", "true")],
)
def test_a_refusal_repeats_the_name_of_a_block_as_javascript_writes_it(
    gateway: Gateway, sent: str, named: str
) -> None:
    raw = f'{{"name": {sent}, "feature_id": "none"}}'.encode()
    answer = gateway.send("PUT", "/api/userblocks", raw=raw, headers=JSON)
    assert answer.status == 403
    assert json.loads(answer.text) == f"Error in updating userblock with name {named} in postgres"
