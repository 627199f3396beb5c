"""How times are answered."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from chalicelib.api.testlab.fields import Moment


@pytest.mark.parametrize(
    ("moment", "answered"),
    [
        (datetime(2026, 11, 22, 9, 8, 7, 6999, UTC), "2026-11-22T09:08:07.006Z"),
        (datetime(777, 6, 29, tzinfo=UTC), "0777-06-29T00:00:00.000Z"),
    ],
)
def test_times_have_milliseconds_and_years_four_digits(moment: datetime, answered: str) -> None:
    assert TypeAdapter(Moment).dump_python(moment) == answered
