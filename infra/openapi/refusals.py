"""What the document says of refusals: their statuses, in words and by example."""

from __future__ import annotations

from chalicelib.api.testlab.dialect import DOCUMENTED
from infra.openapi.schemas import Json

SAID = {
    400: "The request cannot be read, or is not what the route takes.",
    401: "The API key, or the client's token, is missing or not good.",
    403: "The API key may not be used for this.",
    404: "Something that the request names is not there.",
    409: "It is taken by something else.",
    412: "What If-Match insists on is not so; ETag says what it is now, if it is there.",
    413: "The body is too long.",
    415: "The body is compressed in a way that is not known here.",
    422: "A value breaks a rule.",
    500: "The server is at fault.",
    503: "The store did not answer in time, or others were faster; the request may be repeated.",
}

REASONS = {
    400: "the body is not JSON: Expecting value: line 1 column 1 (char 0)",
    401: "an API key is needed: X-API-Key, or Authorization: Bearer",
    403: "this key may not be used for that",
    404: "there is no feature 4730",
    409: "feature 2918 has the name already",
    412: "If-Match: the feature 4730 has changed since: read it again, and decide anew",
    413: "the body may have 102400 bytes, not 102401",
    415: "Content-Encoding: only gzip and deflate can be read",
    422: "type_id: 1, 2 or 3, not 4",
    503: "the database did not answer in time",
}
"""Examples."""

TESTLAB_OWN = {status.value for status in DOCUMENTED}
"""What Test Lab's routes answer as 403 to clients that do not accept problem details."""

GATEWAY_OWN = {413}
"""What API Gateway answers by itself too, to bodies beyond 10 MB, whatever the route."""

UPGRADE_EXAMPLES: dict[int, Json] = {
    400: {
        "name": "BadRequestError",
        "message": "Invalid body, check 'errors' property for more info.",
        "endPoint": "/api/v6/assign",
        "errorCode": 400,
        "type": "Parameter not in the correct format",
        "request": {},
    },
    401: {
        "name": "TokenExpiredError",
        "message": "jwt expired",
        "endPoint": "/api/v6/assign",
        "errorCode": 401,
        "type": "Invalid token",
        "request": {"context": "home"},
    },
    403: {
        "name": "ForbiddenError",
        "message": "this key may not be used for that",
        "endPoint": "/api/experiments",
        "errorCode": 403,
        "request": {},
    },
    404: {
        "name": "Error",
        "message": "User not found: ada",
        "endPoint": "/api/v6/assign",
        "errorCode": 404,
        "type": "Experiment user not defined",
        "request": {"context": "home"},
    },
    409: {
        "name": "Error",
        "message": "Feature Flag with same key already exists for this app-context",
        "endPoint": "/api/flags",
        "errorCode": 409,
        "type": "Feature Flag with same key already exists for this app-context",
        "request": {"key": "larger-type"},
    },
    422: {
        "name": "UnprocessableEntityError",
        "message": "Idempotency-Key: it came before, with another body: draw a new one per request",
        "endPoint": "/api/v6/mark",
        "errorCode": 422,
        "type": "Parameter not in the correct format",
        "request": {},
    },
    412: {
        "name": "PreconditionFailedError",
        "message": "If-Match: the flag f1111111-2222-4333-8444-555555555555 has changed since:"
        " read it again, and decide anew",
        "endPoint": "/api/flags/status",
        "errorCode": 412,
        "request": {},
    },
    413: {
        "name": "PayloadTooLargeError",
        "message": "the body may have 1048576 bytes, not 1048577",
        "endPoint": "/api/v6/log",
        "errorCode": 413,
        "request": {},
    },
    415: {
        "name": "UnsupportedMediaTypeError",
        "message": "Content-Encoding: only gzip and deflate can be read",
        "endPoint": "/api/v6/log",
        "errorCode": 415,
        "request": {},
    },
    503: {
        "name": "Unavailable",
        "message": "the database did not answer in time",
        "endPoint": "/api/v6/mark",
        "errorCode": 503,
        "request": {},
    },
}
