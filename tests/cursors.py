"""Cursors as somebody writes them who has read the code."""

from __future__ import annotations

import base64
import json
from typing import Any

from chalicelib.api.pages.cursors import TAG_BYTES, Cursors


def forged(cursors: Cursors[Any], parts: Any, **narrowed: object) -> str:
    """A cursor that is bound to the route and the filter, and holds anything."""
    tag = cursors.write((), **narrowed)[: TAG_BYTES * 4 // 3]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    held = base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode()
    return tag + held.rstrip("=")
