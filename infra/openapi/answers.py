"""Answers and refusals of a route."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NoReturn, get_args, get_origin, get_type_hints

from chalice.app import Response

from chalicelib.api.http.calls import BODY
from chalicelib.api.http.rendering import CRASH, Crash, GatewayRefusal, Rendered, Reply
from chalicelib.api.http.routes import Route
from chalicelib.api.pages.answer_pages import PartQuery
from chalicelib.api.protocol.problem_dialect import ProblemDialect
from chalicelib.api.protocol.problems import PROBLEM_TYPE, PlainError, Problem
from chalicelib.api.protocol.requests import JSON_TYPE
from chalicelib.api.testlab.dialect import TestLabDialect
from chalicelib.api.upgrade.access.dialect import UpgradeDialect
from chalicelib.api.upgrade.audiences.long_lists import ReplaceQuery
from chalicelib.api.upgrade.wire.error_bodies import UpgradeError
from chalicelib.domain.access.api_keys import Role
from infra.openapi.inputs import Found, Part, asks, heeds_if_match, needed_key, takes_anything
from infra.openapi.refusals import GATEWAY_OWN, REASONS, SAID, TESTLAB_OWN, UPGRADE_EXAMPLES
from infra.openapi.routes.about import UNSAID, About
from infra.openapi.schemas import Json, Schemas

ON_REQUEST = "Said so to clients that accept problem details."

REFUSES = (NoReturn, type(None))
"""What views return that only refuse."""

TEXT: Json = {"schema": {"type": "string"}}

HEADERS: Json = {
    "ETag": {
        "description": "For If-None-Match; where one thing was read or written and is still there,"
        " for If-Match too.",
        **TEXT,
    },
    "LastModified": {
        "description": "For If-Modified-Since: when everybody had the last change, in whole"
        " seconds; after a change a few seconds ahead.",
        **TEXT,
    },
    "Link": {
        "description": 'The next part of a long list, relative: `<?cursor=...>; rel="next"`. Of a'
        " list of members within another answer, where the members go on: a path to its segment.",
        **TEXT,
    },
    "XStale": {
        "description": "`true` while the database cannot be asked: the answer is the last that"
        " could be read, and may be older than it should.",
        "schema": {"const": "true"},
    },
    "XBlocks": {
        "description": "`1 of 4`: the next allocation would give the experiment one user block,"
        " though it asks for four; not there if it would get all.",
        **TEXT,
    },
    "XIgnoredFields": {
        "description": "The names of fields in the body that are not known and were ignored, at"
        " most 20: `is_runing, conditions.0.wieght`.",
        **TEXT,
    },
    "CacheControl": {"description": "Whether it may be stored, and when to ask again.", **TEXT},
    "ContentDisposition": {"description": "What to call the answer as a file.", **TEXT},
    "IdempotentReplayed": {
        "description": "`true` if the answer was given before, to the same Idempotency-Key.",
        **TEXT,
    },
    "XErrorDetail": {"description": "Why it was refused, in a line of ASCII.", **TEXT},
    "WWWAuthenticate": {
        "description": "How to show who calls. API Gateway renames it:"
        " `x-amzn-Remapped-WWW-Authenticate`.",
        **TEXT,
    },
    "RetryAfter": {
        "description": "Seconds after which the same request may succeed.",
        "schema": {"type": "integer"},
    },
}
HEADER_NAMES: Final = {name.replace("-", ""): name for name in (
    "ETag", "Last-Modified", "Link", "Cache-Control", "Content-Disposition", "X-Error-Detail",
    "Retry-After", "WWW-Authenticate", "X-Stale", "Idempotent-Replayed",
    "X-Ignored-Fields", "X-Blocks",
)}  # fmt: skip


def wanted(route: Route, about: About, schemas: Schemas) -> Part:
    """Ask for the schema of a route's answer; how to describe all its answers with it."""
    kind = _sent(get_type_hints(route.view, include_extras=True)["return"])
    key = None if kind in REFUSES else schemas.want(f"{_name(route)} answer", kind, "serialization")
    plain, problem = (
        schemas.want(f"{_name(route)} {refusal.__name__}", refusal, "serialization")
        for refusal in (PlainError, Problem)
    )

    def made(found: Found) -> Json:
        responses: Json = {}
        if key is not None:
            responses["200"] = _success(route, about, found[key])
        if route.conditional:
            responses["304"] = {
                "description": "The client has this answer already.",
                "headers": _headers([*_validators(route), *_staleness(route)]),
            }
        refusals = _refusals(route, about, found[plain], found[problem])
        return {**responses, **dict(sorted(refusals.items()))}

    return made


def wanted_components(schemas: Schemas) -> Part:
    """Ask for the schemas of refusals; how to describe those that routes share."""
    keys = {
        kind.__name__: schemas.want(kind.__name__, kind, "serialization")
        for kind in (PlainError, Problem, UpgradeError, GatewayRefusal, Crash)
    }

    def made(found: Found) -> Json:
        shared: Json = {}

        def refused(kind: type, status: int) -> Json:
            schema = found[keys[kind.__name__]]
            gateway = found[keys["GatewayRefusal"]]
            return {"anyOf": [schema, gateway]} if status in GATEWAY_OWN else schema

        for status in (400, 401, 412, 413, 415, 422, 503):
            shared[f"Plain{status}"] = _refusal(
                status,
                {
                    JSON_TYPE: {
                        "schema": refused(PlainError, status),
                        "example": {"error": REASONS[status]},
                    },
                    PROBLEM_TYPE: _problem(found[keys["Problem"]], status),
                },
            )
        for status in (404, 409, 422):
            content = {PROBLEM_TYPE: _problem(found[keys["Problem"]], status)}
            shared[f"Problem{status}"] = _refusal(status, content, " " + ON_REQUEST)
        for status in (400, 401, 403, 404, 413, 415, 503):
            schema = refused(Problem, status)
            shared[f"Own{status}"] = _refusal(status, {PROBLEM_TYPE: _problem(schema, status)})
        for status, example in UPGRADE_EXAMPLES.items():
            content = {JSON_TYPE: {"schema": refused(UpgradeError, status), "example": example}}
            shared[f"Upgrade{status}"] = _refusal(status, content)
        crash = {"schema": found[keys["Crash"]], "example": CRASH}
        shared["Crash"] = {"description": SAID[500], "content": {JSON_TYPE: crash}}
        return dict(sorted(shared.items()))

    return made


def _sent(kind: Any) -> Any:
    """The shape of an answer: of a reply, of what is JSON already, of what may be sent again."""
    shapes = [each for each in get_args(kind) if each is not Response]
    if get_origin(kind) in (Reply, Rendered) or Response in get_args(kind):
        (shape,) = shapes
        return _sent(shape)
    return kind


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


def _success(route: Route, about: About, schema: Json) -> Json:
    content: Json = {"schema": schema}
    if about.example is not UNSAID:
        content["example"] = about.example
    also = {kind: {**TEXT, "example": text} for kind, text in about.also_as.items()}
    replayed = ["IdempotentReplayed"] if route.idempotent else []
    linked = ["Link"] if "Link" not in about.headers and _comes_in_parts(route) else []
    ignored = ["XIgnoredFields"] if BODY in route.arguments and not _is_own(route) else []
    headers = [
        *_validators(route),
        *_staleness(route),
        *replayed,
        *ignored,
        *about.headers,
        *linked,
    ]
    if route.concerns is not None and "ETag" not in headers:
        headers.insert(0, "ETag")
    return {
        "description": "Done.",
        **({"headers": _headers(headers)} if headers else {}),
        "content": {about.media_type: content, **also},
    }


def _is_own(route: Route) -> bool:
    """Whether a route belongs to neither API; those refuse unknown fields."""
    return isinstance(route.dialect, ProblemDialect)


def _comes_in_parts(route: Route) -> bool:
    """Whether a Link may lead to more: where pages are asked for, or long lists are replaced."""
    return any(asks(route, model) for model in (PartQuery, ReplaceQuery))


def _validators(route: Route) -> list[str]:
    if not route.conditional:
        return []
    if _is_own(route):
        return ["ETag", "CacheControl"]
    if isinstance(route.dialect, UpgradeDialect):
        return ["ETag"]
    return ["ETag", "LastModified"]


def _staleness(route: Route) -> list[str]:
    return ["XStale"] if needed_key(route) is Role.CLIENT else []


def _headers(names: list[str]) -> Json:
    return {HEADER_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusals(route: Route, about: About, plain: Json, problem: Json) -> Json:
    statuses = {500, 503, *about.refused}
    if takes_anything(route):
        statuses.add(400)
    if BODY in route.arguments:
        statuses |= {413, 415}
    if needed_key(route) is not None:
        statuses |= {401, 403}
    if route.idempotent:
        statuses.add(422)
    if heeds_if_match(route):
        statuses.add(412)
    if asks(route, ReplaceQuery):
        statuses.add(409)
    if isinstance(route.dialect, TestLabDialect):
        return _testlab(route, statuses, plain, problem)
    prefix = "Own" if _is_own(route) else "Upgrade"
    texts = {
        str(status): {"description": SAID[status], "content": {"text/plain": TEXT}}
        for status in about.as_text
    }
    return {**{str(status): _shared(prefix, status) for status in statuses}, **texts}


def _testlab(route: Route, statuses: set[int], plain: Json, problem: Json) -> Json:
    """The refusals of a route of Test Lab: 403 with its text, or the status of problem details.

    A key that may not be used for the route is 403 too, with the text of any other refusal.
    """
    if takes_anything(route):
        statuses = statuses | {HTTPStatus.UNPROCESSABLE_ENTITY.value}
    own = TESTLAB_OWN - {HTTPStatus.UNPROCESSABLE_ENTITY} if route.idempotent else TESTLAB_OWN
    return {
        **{str(s): _shared("Problem" if s in own else "Plain", s) for s in statuses},
        "403": _forbidden(route, plain, problem),
    }


def _shared(prefix: str, status: int) -> Json:
    name = "Crash" if status == HTTPStatus.INTERNAL_SERVER_ERROR else f"{prefix}{status}"
    return {"$ref": f"#/components/responses/{name}"}


def _forbidden(route: Route, plain: Json, problem: Json) -> Json:
    if isinstance(route.refusal, str):
        schema: Json = {"const": route.refusal}
        example = route.refusal
    else:
        example = route.refusal({"name": "13"})
        schema = {"type": "string"}
    return {
        "description": "It was refused, or the API key may not be used for this; X-Error-Detail"
        " says why.",
        "headers": _headers(["XErrorDetail"]),
        "content": {
            JSON_TYPE: {"schema": {"anyOf": [schema, plain]}, "example": example},
            PROBLEM_TYPE: _problem(problem, HTTPStatus.FORBIDDEN),
        },
    }


def _refusal(status: int, content: Mapping[str, Json], note: str = "") -> Json:
    hints = {401: ["WWWAuthenticate"], 412: ["ETag"], 503: ["RetryAfter"]}
    headers = ["XErrorDetail", *hints.get(status, [])]
    said = SAID[status] + note
    return {"description": said, "headers": _headers(headers), "content": dict(content)}


def _problem(schema: Json, status: int) -> Json:
    title = HTTPStatus(status).phrase
    example = {"type": "about:blank", "title": title, "status": status, "detail": REASONS[status]}
    return {"schema": schema, "example": example}
