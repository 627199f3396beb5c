"""Resources with an ETag of their own: If-None-Match on reads, If-Match on changes.

RFC 9110, sections 8.8.3 and 13. The tags are strong: the same tag means the same answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from chalice.app import Response

from chalicelib.api.http.calls import Call
from chalicelib.api.http.rendering import Reply
from chalicelib.api.protocol.conditional import has_answer
from chalicelib.api.protocol.problems import ResponseHeaders, quoted
from chalicelib.domain.catalogue.entity_tags import Kind, Subject
from chalicelib.services import Services

ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Concern:
    """The resource that a route reads or changes, declared beside the route.

    `named` takes its id from the arguments of the view; a route that makes one has none, and its
    id is `made` out of the answer. A route `creates` if it would succeed though there is no such
    thing.
    """

    kind: Kind
    named: Callable[[Services, Mapping[str, Any]], int | str | None] | None = None
    made: Callable[[Any], int | str] | None = None
    creates: bool = False

    def subject(self, services: Services, arguments: Mapping[str, Any]) -> Subject | None:
        """The resource that a request names; None if it names none."""
        found = None if self.named is None else self.named(services, arguments)
        return None if found is None else Subject(self.kind, found)

    @property
    def heeds_if_match(self) -> bool:
        """Whether requests may insist on a state of the resource."""
        return self.named is not None


def of_path(kind: Kind, name: str, *, creates: bool = False) -> Concern:
    """The resource whose id is a part of the path."""
    return Concern(kind, lambda _, arguments: arguments[name], creates=creates)


def of_body(kind: Kind, read: Callable[[Any], str]) -> Concern:
    """The resource whose id is read from the body."""
    return Concern(kind, lambda _, arguments: read(arguments["body"]))


def new(kind: Kind) -> Concern:
    """The resource that the route creates; its id is read from the answer."""
    return Concern(kind, made=lambda answer: answer["id"])


def around(concern: Concern, method: str) -> Callable[[Call, ResponseHeaders], Any]:
    """The step before a view that reads (GET) or changes one resource."""
    return partial(read if method == "GET" else change, concern)


def read(concern: Concern, call: Call, headers: ResponseHeaders) -> Any:
    """Answer a read with the tag of the resource; 304 to a client that has it.

    The tag is of before the answer: what changes in between, a client with that tag is told anew.
    """
    subject = concern.subject(call.services, call.converted())
    tag = None if subject is None else call.services.entity_tags.current(subject)
    if tag is None:
        return call()
    if has_answer(call.reading.headers, quoted(tag)):
        headers["ETag"] = quoted(tag)
        return Response("", status_code=304)
    answer = call()
    headers["ETag"] = quoted(tag)
    return answer


def change(concern: Concern, call: Call, headers: ResponseHeaders) -> Any:
    """Make a change if the resource is in the state on which the client insists.

    Raises:
        PreconditionFailed: if it is not.
    """
    tags = call.services.entity_tags
    subject = concern.subject(call.services, call.converted())
    condition = call.reading.headers.get("if-match")
    if condition is not None and concern.heeds_if_match:
        tags.insist(subject, _accepting(condition), creates=concern.creates)
    answer = call()
    if subject is None and concern.made is not None:
        subject = Subject(concern.kind, concern.made(_shown(answer)))
    tag = None if subject is None else tags.written(subject)
    if tag is not None:
        headers["ETag"] = quoted(tag)
    return answer


def _shown(answer: Any) -> Any:
    if isinstance(answer, Response):
        return json.loads(answer.body)
    return answer.body if isinstance(answer, Reply) else answer


def _accepting(if_match: str) -> Callable[[str], bool]:
    """Whether a tag is one of those that a client insists on; weak ones are never (13.1.1)."""
    if if_match.strip() == "*":
        return lambda _: True
    strong = {tag for weak, tag in ENTITY_TAG.findall(if_match) if not weak}
    return strong.__contains__
