"""Items as DynamoDB sends them, of which no class here knows the attributes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def plain(value: Mapping[str, Any]) -> object:
    """An attribute in DynamoDB's own JSON as a value; bytes as base64, sets as sorted lists."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return _number(content)
        case "NS":
            return sorted(map(_number, content))
        case "SS":
            return sorted(content)
        case "B":
            return _text(content)
        case "BS":
            return sorted(map(_text, content))
        case "L":
            return [plain(each) for each in content]
        case "M":
            return {name: plain(each) for name, each in content.items()}
        case "NULL":
            return None
        case _:
            return content  # text, or true and false


def _number(digits: str) -> int | float:
    return int(digits) if digits.lstrip("-").isdigit() else float(digits)


def _text(content: bytes | str) -> str:
    return content if isinstance(content, str) else base64.b64encode(content).decode()
