"""The types of values in the Test Lab API: what is accepted, and how it is answered.

JSON numbers with a fraction come as `Decimal` (`api.requests`).
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from chalicelib.api.values.numbers import as_javascript, javascript_text
from chalicelib.domain.features.result_plans import NAME_CHARACTERS

ADDRESS = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?")
INTEGER = re.compile(r"-?[0-9]{1,10}")
NUMBER = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
NUMBER_LENGTH = 200
"""Characters of a number as text: as many digits as it may have, and zeros before them."""

TEXT_LENGTH = 100
"""Characters of a date or an address; a longer one is none."""

INT32 = range(-(2**31), 2**31)
INT32_DIGITS = 10
DIGITS = 38
"""Digits that a number may have in DynamoDB."""
PIVOT_YEAR = 70
"""Two-digit years from here on belong to the 20th century, as in the original's database."""
SMALLEST_EXPONENT = -130
"""Power of ten of the smallest number that DynamoDB holds."""


def _integer(value: Any) -> int:
    if isinstance(value, str) and INTEGER.fullmatch(value):
        value = int(value)
    elif isinstance(value, Decimal) and value.adjusted() < INT32_DIGITS and value == int(value):
        value = int(value)  # 2.0 is an integer, as in JavaScript
    if not _is_int(value):
        raise ValueError("must be an integer")
    number = int(value)
    if number not in INT32:
        raise ValueError("must be an integer of 32 bits")
    return number


def _integer_text(text: str) -> str:
    _integer(text)
    return text


def _decimal(value: Any) -> Decimal:
    if _is_int(value) or (
        isinstance(value, str) and len(value) <= NUMBER_LENGTH and NUMBER.fullmatch(value)
    ):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise ValueError("must be a number")
    if len(value.as_tuple().digits) > DIGITS or value.adjusted() >= DIGITS:
        raise ValueError(f"must have at most {DIGITS} digits")
    if int(value.as_tuple().exponent) < SMALLEST_EXPONENT:
        raise ValueError("must not be so close to 0")
    return value if value else value.copy_abs()


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int | Decimal):
        text = javascript_text(as_javascript(value))
    elif isinstance(value, str):
        text = value
    else:
        raise ValueError("must be text")
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return text


def metric_name(text: str) -> str:
    """The name of a metric.

    Raises:
        ValueError: if it is empty or too long.
    """
    if not 1 <= len(text) <= NAME_CHARACTERS:
        raise ValueError(f"must have from 1 to {NAME_CHARACTERS} characters")
    return text


def _day(value: Any) -> date:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH:
        raise ValueError("must be a date as text")
    try:
        if us := re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})", value):
            month, day, year = (int(part) for part in us.groups())
            if len(us[3]) == 2:
                year += 2000 if year < PIVOT_YEAR else 1900
            return date(year, month, day)
        if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T|$)", value):
            # The day as it is written: no conversion from the zone that may follow.
            datetime.fromisoformat(value)
            return date.fromisoformat(value[:10])
    except ValueError as error:
        raise ValueError(f"is no date: {error}") from None
    raise ValueError("must be a date like 2/23/23, 2/23/2023, 2023-02-23 or ISO 8601")


def _address(value: Any) -> str:
    # Narrower than the library, which takes zones and netmasks: as the original's database.
    if not isinstance(value, str) or len(value) > TEXT_LENGTH or not ADDRESS.fullmatch(value):
        raise ValueError("must be an IPv4 or IPv6 address")
    try:
        interface = ipaddress.ip_interface(value)
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address") from None
    network = interface.network
    suffix = "" if network.prefixlen == network.max_prefixlen else f"/{network.prefixlen}"
    if isinstance(interface, ipaddress.IPv6Interface) and interface.ipv4_mapped:
        return f"::ffff:{interface.ipv4_mapped}{suffix}"
    return f"{interface.ip}{suffix}"


def _plain_number(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)


MOMENT_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization")

Integer = Annotated[
    int,
    BeforeValidator(_integer),
    WithJsonSchema({"type": ["integer", "string"], "pattern": f"^{INTEGER.pattern}$"}),
]
"""An integer of 32 bits: a JSON integer (2.0 is one), or digits. true is none."""

IntegerText = Annotated[
    str,
    BeforeValidator(_integer_text),
    WithJsonSchema({"type": ["integer", "string"], "pattern": f"^{INTEGER.pattern}$"}),
]
"""An integer of 32 bits in a path, as it is spelled there."""

NUMBER_SCHEMA = WithJsonSchema(
    {"type": ["number", "string"], "pattern": f"^{NUMBER.pattern}$"}, mode="validation"
)

Share = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(_plain_number, return_type=int | float),
    NUMBER_SCHEMA,
]
"""A number, exact: JSON number or text; answered as a JSON number."""

Weight = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(lambda weight: format(weight, "f"), return_type=str),
    NUMBER_SCHEMA,
]
"""A number, exact: JSON number or text; answered as text with the digits it was given."""

Boolean = Annotated[
    bool,
    WithJsonSchema({"type": ["boolean", "string", "integer"], "examples": [True, "true", 1]}),
]
"""true or false, or the words and numbers that stand for them."""

Text = Annotated[
    str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
"""Text without NUL; numbers and booleans become text as JavaScript writes them."""

METRIC_NAME_SCHEMA = WithJsonSchema(
    {"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS}
)

MetricName = Annotated[Text, AfterValidator(metric_name), METRIC_NAME_SCHEMA]
"""The name of a metric; numbers and booleans become text as in `Text`."""

Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema(
        {
            "type": "string",
            "description": "M/D/YY, M/D/YYYY, YYYY-MM-DD, or an ISO 8601 date-time, whose date"
            " counts as written.",
            "examples": ["2/23/23", "2023-02-23", "2023-02-23T07:00:00.000Z"],
        }
    ),
]
"""A day: M/D/YY, M/D/YYYY, YYYY-MM-DD, or an ISO 8601 date-time, whose date counts as written."""

AnsweredDay = Annotated[
    date,
    PlainSerializer(lambda day: f"{day.isoformat()}T00:00:00.000Z", return_type=str),
    MOMENT_SCHEMA,
]
"""A day as it is answered: the date-time of its beginning."""

Moment = Annotated[
    datetime,
    PlainSerializer(
        lambda moment: moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z",
        return_type=str,
    ),
    MOMENT_SCHEMA,
]
"""A time in UTC, answered with milliseconds."""

IpAddress = Annotated[str, BeforeValidator(_address)]
"""An IPv4 or IPv6 address in canonical short form; a network suffix stays unless it is full."""
