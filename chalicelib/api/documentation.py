"""What the API says of itself: /swagger over /api/openapi.json.

The document is made from the routes by `make openapi` and kept with the code, so that answering it
costs a process nothing. Swagger UI comes from a package. All links are relative: they are right
under any host, stage and base path.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from chalicelib.api.http.access import OPEN
from chalicelib.api.http.reading import Reading, requested_path
from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.protocol.conditional import names_tag
from chalicelib.api.protocol.problem_dialect import ProblemDialect
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.protocol.requests import JSON_TYPE
from chalicelib.domain.errors import NotFound

OWN_FILES = Path(__file__).with_name("swagger")
DOCUMENT = OWN_FILES / "openapi.json"
PACKAGE = "flask_swagger_ui"
"""Ships Swagger UI as it is published; found, but never imported: that would load Flask."""

HTML_TYPE = "text/html; charset=utf-8"
ASSET_TYPES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}

ALWAYS_ASK = "no-cache"
KEEP = "public, max-age=31536000, immutable"
"""For what is linked with its version."""

ONLY_OWN = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: Swagger UI writes styles into it, and draws with data: images."""


routes = Routes(__name__, ProblemDialect())


@dataclass(frozen=True, slots=True)
class File:
    """A text with the tag that tells its versions apart."""

    text: str
    tag: str


@functools.cache
def _file(path: Path) -> File:
    return _tagged(path.read_text(encoding="utf-8"))


def _tagged(text: str) -> File:
    return File(text, f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"')


@functools.cache
def _distribution() -> Path:
    """The folder with Swagger UI's files."""
    package = importlib.util.find_spec(PACKAGE)
    assert package is not None  # noqa: S101 - it is in requirements.txt
    assert package.origin is not None  # noqa: S101 - it has an __init__.py
    return Path(package.origin).with_name("dist")


def _version() -> str:
    """Names what the page links: Swagger UI's version, and that of our own script."""
    tag = _file(OWN_FILES / "start.js").tag.strip('"')
    return f"{_file(_distribution() / 'VERSION').text.strip()}-{tag}"


def _answer(
    reading: Reading, file: File, media_type: str, caching: str, **headers: str
) -> Rendered[Any]:
    sent: ResponseHeaders = {
        "ETag": file.tag,
        "Cache-Control": caching,
        "X-Content-Type-Options": "nosniff",
    }
    known = reading.headers.get("if-none-match")
    if known is not None and names_tag(known, file.tag):
        return Rendered("", sent, status_code=304)
    own: ResponseHeaders = {name.replace("_", "-"): value for name, value in headers.items()}
    return Rendered(file.text, {**sent, **own, "Content-Type": media_type})


@routes.endpoint("/api/openapi.json", access=OPEN, conditional=True)
def openapi_document(reading: Reading) -> Rendered[dict[str, Any]]:
    """This document, for programs."""
    return _answer(reading, _file(DOCUMENT), JSON_TYPE, ALWAYS_ASK)


@routes.endpoint("/swagger", access=OPEN, conditional=True)
def swagger_page(reading: Reading) -> Rendered[str]:
    """This document, for people: Swagger UI."""
    # Browsers resolve links against the folder that they see.
    root = "../" if requested_path(reading.request).endswith("/") else ""
    text = Template(_file(OWN_FILES / "page.html").text).substitute(root=root, version=_version())
    return _answer(reading, _tagged(text), HTML_TYPE, ALWAYS_ASK, Content_Security_Policy=ONLY_OWN)


@routes.endpoint("/swagger/{asset}", access=OPEN, conditional=True)
def swagger_asset(reading: Reading, asset: str) -> Rendered[str]:
    """A script or a style of that page."""
    if asset not in ASSET_TYPES:
        raise NotFound(f"there is no {asset}: the page uses {', '.join(ASSET_TYPES)}")
    folder = OWN_FILES if asset == "start.js" else _distribution()
    return _answer(reading, _file(folder / asset), ASSET_TYPES[asset], KEEP)
