"""Which routes need which key: the one place that says so.

A route that is not named here needs an administrator's key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from chalicelib.domain.access.api_keys import Role


class Route(NamedTuple):
    """A method and a path as it is declared; GET stands for HEAD too."""

    method: str
    path: str


OPEN = frozenset(
    {
        Route("GET", "/api"),
        Route("GET", "/api/openapi.json"),
        Route("GET", "/health"),
        Route("GET", "/health/ready"),
        Route("GET", "/swagger"),
        Route("GET", "/swagger/{asset}"),
    }
)
"""Routes that answer everybody: they say nothing of anybody."""

CLIENT = frozenset(
    {
        Route("GET", "/api/feature"),
        Route("GET", "/api/feature/current"),
        Route("GET", "/api/feature/{feature_id}"),
        Route("GET", "/api/feature/{feature_id}/variants"),
        Route("GET", "/api/userblocks"),
        Route("GET", "/api/userblocks/{name}"),
        Route("POST", "/api/events"),
        Route("POST", "/api/users"),
    }
)
"""Routes of client programs of Test Lab; those of UpGrade are known by their version."""

CLIENT_PREFIXES = ("/api/v5/", "/api/v6/")
ADMINISTRATION = frozenset({Route("DELETE", "/api/v5/cleardb"), Route("DELETE", "/api/v6/cleardb")})
"""What is no client's call though its path begins like one, however that is spelled."""

WITHOUT_KEY = frozenset(
    {
        Route("GET", "/api/feature/current"),
        Route("POST", "/api/events"),
        Route("POST", "/api/users"),
    }
)
"""What the published SDKs of Test Lab call, which cannot send a key (TESTLAB_OPEN_CLIENT)."""

EMPTY_WITHOUT_KEY = Route("GET", "/api/users")
"""They read this list too; without a key it is empty."""

SCHEME = "bearer "


def role_of(route: Route) -> Role | None:
    """The role that a route needs; None for one that answers everybody."""
    if route in OPEN:
        return None
    lower = Route(route.method, route.path.lower())
    is_upgrade = lower.path.startswith(CLIENT_PREFIXES) and lower not in ADMINISTRATION
    if route in CLIENT or is_upgrade:
        return Role.CLIENT
    return Role.ADMIN


def presented_keys(headers: Mapping[str, str]) -> Iterator[str]:
    """What a request presents as its key; `headers` by lower-case name."""
    if key := headers.get("x-api-key"):
        yield key
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(SCHEME) and (token := authorization[len(SCHEME) :].strip()):
        yield token
