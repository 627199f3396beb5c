"""Pages as they are made: templates, what every page has, and the headers that go with them.

Templates and Jinja are loaded with the first page: processes that serve the APIs alone start
without them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.api.dashboard.serving.static_files import asset_names
from chalicelib.api.http.reading import Reading, requested_path
from chalicelib.api.http.rendering import Rendered
from chalicelib.api.protocol.attachments import attachment
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.domain.access.api_keys import Right
from chalicelib.domain.access.sessions import Session
from chalicelib.domain.catalogue.overview import Kind, Order, Phase

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parents[1] / "templates"
HTML_TYPE = "text/html; charset=utf-8"
TOKEN = "token"  # noqa: S105 - the name of a field
"""The field of a form that proves that it comes from a page of the same session."""

FORM = "do"
"""The field that tells forms apart that are sent to the same place."""

SEEN = ("seen", "plan_seen", "version")
"""The fields that tell what a form showed; a refused form keeps them, for it shows that still."""

ONLY_OWN = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: ResponseHeaders = {
    "Content-Type": HTML_TYPE,
    "Content-Security-Policy": ONLY_OWN,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # What pages show is for who is signed in, and changes.
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be shown: its template, and what that shows.

    `faults` are what is wrong with fields of a form, by their names; `refused` tells that form from
    others that are sent to the same place. `words` says what the form calls the fields of the body
    that is made of it (`field_faults`).
    """

    template: str
    shown: Mapping[str, Any] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK
    faults: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    words: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a form leads to: a place below /dashboard, with a cookie if there is one to set."""

    place: str
    cookie: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be kept, for who may see the page that leads to it."""

    name: str
    extension: str
    content_type: str
    text: str


def root_of(path: str) -> str:
    """The relative way from the page of a path to the root, whatever stands before the path.

    >>> root_of("/dashboard"), root_of("/dashboard/flag/1")
    ('./', '../../')
    """
    return "../" * (path.count("/") - 1) or "./"


def rendered(
    page: Page, reading: Reading, session: Session | None, *, signs_in: bool
) -> Rendered[str]:
    """A page as it is sent. `signs_in`: people sign in here, and may sign out."""
    path = requested_path(reading.request)
    text = (
        _environment()
        .get_template(page.template)
        .render(
            page.shown,
            root=root_of(path),
            token="" if session is None else session.form_token,
            signed_in=signs_in and session is not None,
            own_key="" if session is None else session.key.id,
            may={right.value: session is None or session.key.grants(right) for right in Right},
            assets=asset_names(),
            here=path,
            done=_done(reading),
            faults=page.faults,
            refused_form=page.refused,
        )
    )
    return Rendered(text, dict(HEADERS), page.status.value)


def refused(path: str, status: HTTPStatus, reason: str) -> Rendered[str]:
    """The page that says why a request was not granted."""
    text = (
        _environment()
        .get_template("refused.html")
        .render(
            heading=status.phrase,
            reason=reason,
            root=root_of(path),
            signed_in=False,
            assets=asset_names(),
            here=path,
            done="",
            faults={},
            refused_form="",
        )
    )
    return Rendered(text, dict(HEADERS), status.value)


def redirected(to: Elsewhere, reading: Reading) -> Rendered[str]:
    """The way to another page, by GET."""
    way = root_of(requested_path(reading.request))
    headers: ResponseHeaders = {"Location": f"{way}dashboard{to.place}"}
    if to.cookie is not None:
        headers["Set-Cookie"] = to.cookie
    return Rendered("", {**headers, "Cache-Control": "no-store"}, HTTPStatus.SEE_OTHER.value)


def downloaded(file: Download) -> Rendered[str]:
    """A file as it is sent: browsers save it."""
    return Rendered(
        file.text,
        {
            "Content-Type": file.content_type,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **attachment(file.name, file.extension),
        },
    )


def _done(reading: Reading) -> str:
    """What the form did that led here, in words: a page is loaded anew after it."""
    from chalicelib.api.dashboard import words

    return words.done(reading.query())


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from chalicelib.api.dashboard import words

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(words.FILTERS)
    environment.globals.update(
        navigation=words.NAVIGATION, kinds=[*Kind], phases=[*Phase], orders=[*Order]
    )
    return environment
