"""Write the document of the API anew: `make openapi`."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.api.documentation import DOCUMENT
from infra.openapi.document import document


def text() -> str:
    """The document as it is kept with the code: a line for each path and each component."""
    whole = document()
    parts = [f"{_compact(name)}:{_lines(value)}" for name, value in whole.items()]
    return "{" + ",\n".join(parts) + "}\n"


def _lines(value: Any) -> str:
    """The members of the paths, and of the kinds of components, on lines of their own."""
    if not isinstance(value, dict):
        return _compact(value)
    return "{\n" + ",\n".join(f"{_compact(k)}:{_members(v)}" for k, v in value.items()) + "}"


def _members(value: Any) -> str:
    if not isinstance(value, dict):
        return _compact(value)
    return "{\n " + ",\n ".join(f"{_compact(k)}:{_compact(v)}" for k, v in value.items()) + "}"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def main() -> None:
    """Write it."""
    DOCUMENT.write_text(text(), encoding="utf-8")
    print(f"{DOCUMENT} has {DOCUMENT.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
