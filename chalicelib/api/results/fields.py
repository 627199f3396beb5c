"""The types of values in the routes of plans and results: what is accepted, how it is answered."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    WithJsonSchema,
    model_validator,
)

from chalicelib.api.testlab.fields import METRIC_NAME_SCHEMA, Share, metric_name
from chalicelib.api.upgrade.wire.texts import Text

FIELDS = 20
"""Fields that a body may have; each that is not known is named where it is refused."""

DIGITS = 15
"""Significant digits of a number; with so many each JSON reader has it exactly."""

LARGEST = 10**12
SMALLEST = Decimal("1e-12")
"""What a number other than 0 is at least, whatever its sign."""

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class OwnBody(BaseModel):
    """A body, or a part of one, that has no other fields than it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > FIELDS:
            raise ValueError(f"must not have {len(value)} fields")
        return value


def _exact(value: Decimal) -> Decimal:
    if value and not SMALLEST <= abs(value) <= LARGEST:
        raise ValueError("must be 0, or from 1e-12 to 1e12, whatever its sign")
    if len(value.normalize().as_tuple().digits) > DIGITS:
        raise ValueError(f"must have at most {DIGITS} significant digits")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,13}", value):
        value = int(value)
    elif isinstance(value, Decimal) and value.adjusted() <= DIGITS and value == int(value):
        value = int(value)  # 2.0 is a whole number, as in JavaScript
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")
    if not 0 <= value <= LARGEST:
        raise ValueError("must be a whole number from 0 to 10^12")
    return value


def _day(value: Any) -> date:
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise ValueError("must be a date like 2026-02-23")
    return date.fromisoformat(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


Exact = Annotated[Share, AfterValidator(_exact)]
"""A number of at most 15 digits, exact: JSON number or text; answered as a JSON number."""

Whole = Annotated[
    int,
    BeforeValidator(_whole),
    WithJsonSchema({"type": ["integer", "string"], "pattern": "^[0-9]{1,13}$"}, mode="validation"),
]
"""A whole number from 0 to 10^12: a JSON integer (2.0 is one), or digits."""

CalendarDay = Annotated[
    date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})
]
"""A day (UTC) as YYYY-MM-DD."""

Flag = Annotated[bool, BeforeValidator(_flag)]
"""true or false."""

Name = Annotated[Text, AfterValidator(metric_name), METRIC_NAME_SCHEMA]
"""The name of a metric."""
