"""What other versions of this program stored, with more fields or fewer than this one knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.api_keys import ApiKey, Role
from chalicelib.storage import designs
from chalicelib.storage.stored_forms import read_as
from tests.unit.measure_samples import flag, metric
from tests.unit.upgrade_samples import factorial, segment

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

FORMS: dict[str, tuple[dict[str, Any], Callable[[Any], Any], set[str]]] = {
    "experiment": (
        designs.to_values(factorial("colour", "size")),
        designs.from_values,
        {"id", "name", "context", "created_at", "updated_at", "version"},
    ),
    "segment": (
        designs.segment_values(segment("listed")),
        designs.segment_of,
        {"id", "name", "context", "type", "version", "created_at", "updated_at"},
    ),
    "flag": (
        designs.flag_values(flag()),
        designs.flag_of,
        {"id", "number", "name", "key", "context", "created_at", "updated_at", "version"},
    ),
    "metric": (
        designs.metric_values(metric("stars")),
        designs.metric_of,
        {"key", "type", "created_at", "updated_at", "version"},
    ),
    "key": (
        designs.key_values(ApiKey("a", Role.CLIENT, "digest", NOON)),
        designs.key_of,
        {"id", "role", "digest", "created_at"},
    ),
}
"""What is stored, how it is read, and the fields that it cannot do without."""


@pytest.mark.parametrize("form", FORMS)
def test_a_field_that_this_version_does_not_know_is_passed_over(form: str) -> None:
    values, read, _ = FORMS[form]
    assert read({**values, "newer": [1]}) == read(values)


@pytest.mark.parametrize("form", FORMS)
def test_a_field_that_an_older_version_did_not_store_has_a_default(form: str) -> None:
    values, read, needed = FORMS[form]
    for name in values.keys() - needed:
        fewer = {key: value for key, value in values.items() if key != name}
        again = read(fewer)
        assert isinstance(getattr(again, name), type(getattr(read(values), name)) | type(None))


def test_what_is_read_keeps_what_was_converted() -> None:
    @dataclass(frozen=True)
    class Stored:
        a: int
        b: str | None
        c: tuple[int, ...] = ()

    assert read_as(Stored, {"a": "1", "z": 0}, a=1) == Stored(1, None)
