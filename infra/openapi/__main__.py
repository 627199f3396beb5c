"""Write the document of the API anew: `make openapi`."""

from __future__ import annotations

import json

from chalicelib.api.documentation import DOCUMENT
from infra.openapi.document import document


def text() -> str:
    """The document as it is kept with the code."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it."""
    DOCUMENT.write_text(text(), encoding="utf-8")
    print(f"{DOCUMENT} has {DOCUMENT.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
