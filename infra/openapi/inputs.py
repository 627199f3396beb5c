"""Parameters and bodies of requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from chalicelib.api.http.calls import BODY, QUERY, QUERY_VALUES
from chalicelib.api.http.routes import Route
from chalicelib.api.protocol.requests import JSON_TYPE
from chalicelib.api.testlab.dialect import TestLabDialect
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.access.idempotency import KEY_LENGTH
from infra.openapi.routes.about import UNSAID, About
from infra.openapi.schemas import Json, Key, Schemas

Found = Mapping[Key, Json]
Part = Callable[[Found], Json]
"""A part of the document, made once all schemas are there."""

CLIENT_TOKEN = "clientToken"  # noqa: S105 - the name of a scheme
HEADER_KEY = {
    Role.CLIENT: "clientKey",
    Role.ADMIN: "administratorKey",
}
BEARER_KEY = {role: f"{name}AsBearer" for role, name in HEADER_KEY.items()}
KEYS_OF = {
    Role.CLIENT: "A key of a client program, or of an administrator; asked for with `AUTH=on`.",
    Role.ADMIN: "A key of an administrator; asked for with `AUTH=on`.",
}
SECURITY_SCHEMES: Json = {
    **{
        HEADER_KEY[role]: {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": said,
        }
        for role, said in KEYS_OF.items()
    },
    **{
        BEARER_KEY[role]: {"type": "http", "scheme": "bearer", "description": said}
        for role, said in KEYS_OF.items()
    },
    CLIENT_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Signed with HS256 and the shared secret; its only claim, besides `iat` and"
        ' `exp`, is `{"APIKey": <the key>}`. Asked for while the setting `toCheckAuth` is on.',
    },
}

USER_ID: Json = {
    "name": "User-Id",
    "in": "header",
    "required": True,
    "description": "The user.",
    "schema": {"type": "string", "minLength": 1},
    "example": "ada",
}
CLIENT_VERSIONS = ("/api/v5/", "/api/v6/")

IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an answer that the client has: 304 if it still holds.",
    "schema": {"type": "string"},
}
IF_MODIFIED_SINCE: Json = {
    "name": "If-Modified-Since",
    "in": "header",
    "description": "The Last-Modified of an answer that the client has (`Sun, 22 Nov 2026"
    " 09:00:00 GMT`): 304 if nothing changed since. If-None-Match, if sent, decides alone.",
    "schema": {"type": "string"},
}


IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag with which the thing was read or written last, or `*`: 412 if it has"
    " changed since, and nothing is changed. Without it the request changes what there is.",
    "schema": {"type": "string"},
}

IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Drawn by the client, one for each request that it means: the same request sent"
    " again within 24 hours takes no effect again and gets the first answer, also when both arrive"
    " at once; with another body it is refused (422). Answers of 500 and above are"
    " not kept, nor is a refusal because something is not there.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
    "example": "0b5a4ea9-0a2e-4f0f-9d8b-6d1f7f6c9a53",
}


def is_client_route(route: Route) -> bool:
    """Whether client programs call it, for a user, with a token if one is asked for."""
    return route.path.startswith(CLIENT_VERSIONS) and BODY in route.arguments


def needed_key(route: Route) -> Role | None:
    """The role whose key a route asks for while keys are asked for; None for an open route."""
    return route.access.role


def heeds_if_match(route: Route) -> bool:
    """Whether requests of a route may insist on the state of what they change."""
    concerns = route.concerns
    return concerns is not None and concerns.heeds_if_match and route.method != "GET"


def takes_anything(route: Route) -> bool:
    """Whether there is anything in a request that can be wrong."""
    return bool(route.arguments)


def wanted(route: Route, about: About, schemas: Schemas) -> Part:
    """Ask for the schemas of what a route takes; how to describe that with them."""
    name = f"{route.method} {route.path}"
    keys = {
        argument: schemas.want(f"{name} {argument}", kind, "validation")
        for argument, kind in route.arguments.items()
        if argument not in (QUERY, QUERY_VALUES)
    }

    def made(found: Found) -> Json:
        parameters: list[Json] = []
        for argument, kind in route.arguments.items():
            if argument in (QUERY, QUERY_VALUES):
                parameters += _query_parameters(kind)
            elif argument != BODY:
                parameters.append(_path_parameter(argument, found[keys[argument]], about))
        parameters += _headers(route)
        parts: Json = {}
        if parameters:
            parts["parameters"] = parameters
        if BODY in keys:
            parts["requestBody"] = _body(route, about, found[keys[BODY]])
        if security := _security(route):
            parts["security"] = security
        return parts

    return made


def _security(route: Route) -> list[Json]:
    """What a caller may show; nothing at all while nothing is asked for."""
    role = needed_key(route)
    if role is None:
        return []
    tokens = [CLIENT_TOKEN] if is_client_route(route) else []
    return [*({name: []} for name in (HEADER_KEY[role], BEARER_KEY[role], *tokens)), {}]


def _path_parameter(name: str, schema: Json, about: About) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": _of_text(schema),
        **({"example": about.path[name]} if name in about.path else {}),
    }


def _of_text(schema: Json) -> Json:
    """What a text stands for; Swagger UI cannot fill in what may be of several types."""
    types = schema.get("type")
    return {"type": types[0]} if isinstance(types, list) else schema


def _query_parameters(model: Any) -> list[Json]:
    """The fields of the model of a query; those that can be null can be left out."""
    schema: Json = model.model_json_schema()
    return [
        {
            "name": field,
            "in": "query",
            "required": field in schema.get("required", ()),
            **_described(each),
        }
        for field, each in schema["properties"].items()
    ]


def _described(field: Json) -> Json:
    schema = {key: value for key, value in field.items() if key not in ("title", "description")}
    if schema.get("default", ...) is None:
        del schema["default"]
    options = [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]
    if options:
        (schema,) = [{**options[0], **schema}]
    described: Json = {"schema": _of_text(schema)}
    if "description" in field:
        described = {"description": field["description"], **described}
    return described


def _headers(route: Route) -> list[Json]:
    headers: list[Json] = []
    if is_client_route(route) and route.path.startswith("/api/v6/"):
        headers.append(USER_ID)
    if route.idempotent:
        headers.append(IDEMPOTENCY_KEY)
    if heeds_if_match(route):
        headers.append(IF_MATCH)
    if route.conditional:
        headers.append(IF_NONE_MATCH)
        if isinstance(route.dialect, TestLabDialect):
            headers.append(IF_MODIFIED_SINCE)
    return headers


def _body(route: Route, about: About, schema: Json) -> Json:
    content: Json = {"schema": schema}
    if about.body is not UNSAID:
        content["example"] = about.body
    types = [JSON_TYPE, "text/plain"] if route.any_type else [JSON_TYPE]
    return {"required": True, "content": dict.fromkeys(types, content)}


def asks(route: Route, model: type[BaseModel]) -> bool:
    """Whether a route's query is what a model says."""
    query = route.arguments.get(QUERY, route.arguments.get(QUERY_VALUES))
    return isinstance(query, type) and issubclass(query, model)
