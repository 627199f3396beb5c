"""What an answer can be used for: OpenAPI's links from one operation to others.

Readers see from them which value goes where, and programs that walk the document (`make contract`)
reach with them what they could not guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.openapi.schemas import Json

ID = "$response.body#/id"
FIRST = "$response.body#/0"
USER = "$request.header.User-Id"
EXPERIMENTS = "/api/experiments"
FLAGS = "/api/flags"
SEGMENTS = "/api/segments"


@dataclass(frozen=True, slots=True)
class Link:
    """A route (method and path) that takes something of an answer.

    `parameters` are by place and name (`path.feature_id`). `body` are parts of the body, where it
    takes some.
    """

    to: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


def _all(routes: Iterable[str], **parameters: str) -> list[Link]:
    """Links to routes that take the same values in their paths."""
    return [
        Link(route, {f"path.{name}": value for name, value in parameters.items()})
        for route in routes
    ]


def _of_feature(feature_id: str) -> list[Link]:
    return _all(
        (
            "GET /api/feature/{feature_id}",
            "PUT /api/feature/{feature_id}",
            "DELETE /api/feature/{feature_id}",
            "GET /api/feature/{feature_id}/variants",
            "POST /api/feature/{feature_id}/variants",
            "GET /api/analysis/feature/{feature_id}",
            "GET /api/events/feature/{feature_id}",
        ),
        feature_id=feature_id,
    )


def _of_user(user_id: str, variant_id: str) -> list[Link]:
    return [
        Link("POST /api/events", body={"user_id": user_id, "variant_id": variant_id}),
        *_all(["DELETE /api/users/{user_id}"], user_id=user_id),
    ]


def _of_experiment(experiment_id: str) -> list[Link]:
    named = {"experimentId": experiment_id}
    return [
        *_all(
            (
                f"GET {EXPERIMENTS}/single/{{experiment_id}}",
                f"DELETE {EXPERIMENTS}/{{experiment_id}}",
                f"GET {EXPERIMENTS}/conditions/{{experiment_id}}",
                f"GET {EXPERIMENTS}/export/includeLists/{{experiment_id}}",
                f"GET {EXPERIMENTS}/export/excludeLists/{{experiment_id}}",
                f"GET {EXPERIMENTS}/getGroupAssignmentStatus/{{experiment_id}}",
            ),
            experiment_id=experiment_id,
        ),
        Link(
            f"PUT {EXPERIMENTS}/{{experiment_id}}",
            {"path.experiment_id": experiment_id},
            {"id": experiment_id},
        ),
        Link(f"POST {EXPERIMENTS}/state", body={**named, "state": "enrolling"}),
        Link(f"POST {EXPERIMENTS}/inclusionList", body=named),
        Link(f"POST {EXPERIMENTS}/exclusionList", body=named),
        Link(f"POST {EXPERIMENTS}/lists/import", body=named),
        Link("POST /api/stats/enrollment", body={"experimentIds": [experiment_id]}),
        Link("POST /api/stats/enrollment/detail", body=named),
        Link("POST /api/stats/enrollment/date", body=named),
    ]


def _of_design(design: str) -> list[Link]:
    """Links that take parts of an experiment besides its id."""
    forced = {
        "experiment": {"id": f"{design}/id"},
        "experimentCondition": {"id": f"{design}/conditions/0/id"},
    }
    return [
        Link("POST /api/previewusers", body={"assignments": [forced]}),
        Link("POST /api/query/analyse", body={"queryIds": [f"{design}/queries/0/id"]}),
    ]


def _of_flag(flag_id: str) -> list[Link]:
    return [
        *_all(
            (
                f"GET {FLAGS}/{{flag_id}}",
                f"PUT {FLAGS}/{{flag_id}}",
                f"DELETE {FLAGS}/{{flag_id}}",
                f"GET {FLAGS}/export/{{flag_id}}",
                f"GET {FLAGS}/export/includeLists/{{flag_id}}",
                f"GET {FLAGS}/export/excludeLists/{{flag_id}}",
            ),
            flag_id=flag_id,
        ),
        Link(f"PATCH {FLAGS}/status", body={"flagId": flag_id}),
        Link(f"PATCH {FLAGS}/filterMode", body={"flagId": flag_id}),
        Link(f"POST {FLAGS}/inclusionList", body={"id": flag_id}),
        Link(f"POST {FLAGS}/exclusionList", body={"id": flag_id}),
    ]


def _of_segment(segment_id: str) -> list[Link]:
    parent = {"parentSegmentId": segment_id}
    return [
        *_all(
            (
                f"GET {SEGMENTS}/{{segment_id}}",
                f"GET {SEGMENTS}/status/{{segment_id}}",
                f"DELETE {SEGMENTS}/{{segment_id}}",
            ),
            segment_id=segment_id,
        ),
        Link(f"GET {SEGMENTS}/export/json", {"query.ids": segment_id}),
        Link(f"GET {SEGMENTS}/export/csv", {"query.ids": segment_id}),
        Link(f"POST {SEGMENTS}/list", body=parent),
        Link(f"POST {SEGMENTS}/list/import", body=parent),
    ]


def _of_list(lists: str, segment_id: str) -> list[Link]:
    routes = (f"{method} {lists}/{{segment_id}}" for method in ("PUT", "DELETE"))
    return _all(routes, segment_id=segment_id)


def _of_preview_user(user_id: str) -> list[Link]:
    return [
        *_all(
            (f"{method} /api/previewusers/{{user_id}}" for method in ("GET", "PUT", "DELETE")),
            user_id=user_id,
        ),
        Link("POST /api/previewusers/assign", body={"id": user_id}),
    ]


def _of_client(
    version: str, user_id: str, name: Callable[[str, str], Mapping[str, Any]]
) -> list[Link]:
    """What a user can do once init has answered; `name` gives the link's part that names them."""
    fields = {
        "groupmembership": "id",
        "workinggroup": "id",
        "useraliases": "userId",
        "assign": "userId",
        "mark": "userId",
        "log": "userId",
        "featureflag": "userId",
    }
    method = {"groupmembership": "PATCH", "workinggroup": "PATCH", "useraliases": "PATCH"}
    return [
        Link(f"{method.get(route, 'POST')} /api/{version}/{route}", **name(key, user_id))
        for route, key in fields.items()
    ]


def _marked(first: str) -> Json:
    condition = f"{first}/assignedCondition/0"
    return {
        "site": f"{first}/site",
        "target": f"{first}/target",
        "assignedCondition": {
            "conditionCode": f"{condition}/conditionCode",
            "experimentId": f"{condition}/experimentId",
        },
    }


def _kept(links: Iterable[Link]) -> list[Link]:
    """Without those that delete: a list is not asked for to delete what is first in it."""
    return [link for link in links if not link.to.startswith("DELETE")]


LINKS: dict[str, Sequence[Link]] = {
    "POST /api/feature": _of_feature(ID),
    "GET /api/feature": _kept(_of_feature(f"{FIRST}/id")),
    "POST /api/feature/{feature_id}/variants": [
        *_all(["GET /api/feature/{feature_id}/variants"], feature_id="$request.path.feature_id"),
        Link("POST /api/users", body={"variant_id": f"{FIRST}/id"}),
    ],
    "POST /api/users": _of_user(ID, "$response.body#/variant_id"),
    "GET /api/users": _kept(_of_user(f"{FIRST}/id", f"{FIRST}/variant_id")),
    "GET /api/userblocks": [
        *_all(["GET /api/userblocks/{name}"], name=f"{FIRST}/name"),
        Link("PUT /api/userblocks", body={"name": f"{FIRST}/name"}),
    ],
    f"POST {EXPERIMENTS}": [*_of_experiment(ID), *_of_design("$response.body#")],
    f"GET {EXPERIMENTS}": _of_design(FIRST),
    f"POST {EXPERIMENTS}/state": [
        Link(f"POST /api/{version}/assign", body={"context": "$response.body#/context/0"})
        for version in ("v5", "v6")
    ],
    f"GET {EXPERIMENTS}/names": _kept(_of_experiment(f"{FIRST}/id")),
    f"POST {EXPERIMENTS}/inclusionList": _of_list(
        f"{EXPERIMENTS}/inclusionList", "$response.body#/segment/id"
    ),
    f"POST {EXPERIMENTS}/exclusionList": _of_list(
        f"{EXPERIMENTS}/exclusionList", "$response.body#/segment/id"
    ),
    f"POST {FLAGS}": _of_flag(ID),
    f"GET {FLAGS}": _kept(_of_flag(f"{FIRST}/id")),
    f"POST {FLAGS}/inclusionList": _of_list(f"{FLAGS}/inclusionList", "$response.body#/segmentId"),
    f"POST {FLAGS}/exclusionList": _of_list(f"{FLAGS}/exclusionList", "$response.body#/segmentId"),
    f"POST {SEGMENTS}": _of_segment(ID),
    f"GET {SEGMENTS}": _kept(_of_segment("$response.body#/segmentsData/0/id")),
    f"POST {SEGMENTS}/list": [
        Link(
            f"DELETE {SEGMENTS}/list/{{segment_id}}",
            {"path.segment_id": ID},
            {"parentSegmentId": "$request.body#/parentSegmentId"},
        ),
    ],
    "POST /api/previewusers": _of_preview_user(ID),
    "POST /api/metric/save": [
        *_all(["DELETE /api/metric/{key}"], key=f"{FIRST}/key"),
        *_all(["GET /api/metric/{key}"], key=f"{FIRST}/context/0"),
    ],
    "POST /api/stratification": _all(
        ("GET /api/stratification/download/{factor}", "DELETE /api/stratification/{factor}"),
        factor=f"{FIRST}/factor",
    ),
    "POST /api/v5/init": _of_client("v5", ID, lambda key, user_id: {"body": {key: user_id}}),
    "POST /api/v6/init": _of_client(
        "v6", ID, lambda _, user_id: {"parameters": {"header.User-Id": user_id}}
    ),
    "POST /api/v5/assign": [
        Link(
            "POST /api/v5/mark",
            body={"userId": "$request.body#/userId", "data": _marked(FIRST)},
        )
    ],
    "POST /api/v6/assign": [
        Link("POST /api/v6/mark", {"header.User-Id": USER}, {"data": _marked(FIRST)})
    ],
}
"""By the route whose answer it is, method and path."""


def links(route: str, operation_ids: Mapping[str, str]) -> Json:
    """The links of a route's answer by name, each to an operation by its id."""
    made: Json = {}
    for link in LINKS.get(route, ()):
        operation_id = operation_ids[link.to]
        made[operation_id] = {
            "operationId": operation_id,
            **({"parameters": dict(link.parameters)} if link.parameters else {}),
            **({"requestBody": link.body} if link.body is not None else {}),
        }
    return made
