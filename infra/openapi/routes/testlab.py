"""Test Lab's routes, with the examples of its documentation; and those of neither API."""

from __future__ import annotations

from typing import Any

from infra.openapi.routes.about import About

PAGED = ("Link",)
FEATURE_PATH = {"feature_id": 4730}

NEW_FEATURE: dict[str, Any] = {
    "type_id": 3,
    "name": "experiment with sidenav",
    "start_date": "2/23/23",
    "end_date": "4/24/23",
    "is_running": True,
    "user_percentage": 0.5,
}
EXPERIMENT: dict[str, Any] = {
    "id": 4730,
    "type_id": 3,
    "name": "experiment with sidenav",
    "start_date": "2023-02-23T00:00:00.000Z",
    "end_date": "2023-04-24T00:00:00.000Z",
    "is_running": True,
    "user_percentage": 0.5,
    "description": "",
    "variant_arr": [],
}
BLUE: dict[str, Any] = {"id": 5001, "value": "blue", "is_control": True, "weight": "0.5"}
RED: dict[str, Any] = {"id": 5002, "value": "red", "is_control": False, "weight": "0.5"}
RUNNING = {**EXPERIMENT, "variant_arr": [BLUE, RED]}
ROLLOUT = {**EXPERIMENT, "id": 2918, "type_id": 2, "name": "rollout"}
EDIT = {
    "id": 4730,
    "type_id": 3,
    "name": "experiment with sidenav",
    "start_date": "2023-02-23T00:00:00.000Z",
    "end_date": "2024-02-23T00:00:00.000Z",
    "is_running": False,
    "user_percentage": 0.5,
    "description": "",
}
NEW_VARIANTS = {
    "variants": [
        {"feature_id": 4730, "value": "blue", "is_control": True, "weight": 0.5},
        {"feature_id": 4730, "value": "red", "is_control": False, "weight": 0.5},
    ]
}
OWNED = {"id": 14, "name": "70", "feature_id": 4730}
FREE = {"id": 2, "name": "10", "feature_id": None}
TIME = "2023-03-15T17:35:58.511Z"
EVENT = {"id": 2241, "variant_id": 5001, "user_id": "61", "time_stamp": TIME}
FEATURE_EVENT = {
    "event_id": 2241,
    "variant_id": 5001,
    "user_id": "61",
    "time_stamp": TIME,
    "feature_id": 4730,
    "value": "blue",
    "is_control": True,
    "weight": "0.5",
}
MEASURED = {**EVENT, "id": 2242, "metric": "revenue", "value": 12.5}
FEATURE_MEASURED = {**FEATURE_EVENT, "event_id": 2242, "metric": "revenue", "metric_value": 12.5}
NEW_USER = {"id": "61", "variant_id": 5001, "ip_address": "192.0.2.21"}
USER = {**NEW_USER, "time_stamp": TIME}
TOTALS = {"event_total": 6, "distinct_user_events_total": 2, "total_users": 2}

LATER = "2026-11-23T09:00:00.000Z"
EXPORT: dict[str, Any] = {
    "id": "61",
    "testlab": {
        "feature": {"id": 4730, "name": "experiment with sidenav"},
        "variant": {"id": 5001, "name": "blue"},
        "ip_address": "192.0.2.21",
        "time_stamp": TIME,
        "deleted": False,
    },
    "events": [
        {
            "id": 2241,
            "feature": {"id": 4730, "name": "experiment with sidenav"},
            "variant": {"id": 5001, "name": "blue"},
            "time_stamp": TIME,
        }
    ],
    "profile": None,
    "enrollments": [],
    "marks_within_subjects": [],
    "exclusions": [],
    "points": [],
    "lifted": [],
    "flags": [],
    "preview": None,
    "strata": {"pretest": "high"},
    "lists": [],
    "old_lists": [],
    "logs": [],
    "answers": [{"status": 200, "body": "Event added to database.", "expires_at": LATER}],
    "others": [],
    "aliases": [],
}

TESTLAB_ROUTES: dict[str, About] = {
    "POST /api/feature": About(
        EXPERIMENT, NEW_FEATURE, refused=(409,), headers=("ETag", "XBlocks")
    ),
    "GET /api/feature": About([ROLLOUT, RUNNING]),
    "GET /api/feature/current": About(
        {
            "experiments": [RUNNING],
            "toggles": [],
            "rollouts": [ROLLOUT],
            "userblocks": [FREE, OWNED],
        }
    ),
    "PUT /api/feature/current": About(refused=(422,)),
    "DELETE /api/feature/current": About(refused=(422,)),
    "GET /api/feature/{feature_id}": About(RUNNING, refused=(404,), path=FEATURE_PATH),
    "PUT /api/feature/{feature_id}": About(
        {**RUNNING, "end_date": "2024-02-23T00:00:00.000Z", "is_running": False},
        EDIT,
        headers=("XBlocks",),
        refused=(404, 409),
        path=FEATURE_PATH,
    ),
    "DELETE /api/feature/{feature_id}": About(
        "feature with id 4730 successfully deleted.", refused=(404,), path=FEATURE_PATH
    ),
    "POST /api/feature/{feature_id}/variants": About(
        [{"feature_id": 4730, **BLUE}, {"feature_id": 4730, **RED}],
        body=NEW_VARIANTS,
        refused=(404, 409),
        path=FEATURE_PATH,
        note="The variants that there were go, with their users and those users' events.",
    ),
    "GET /api/feature/{feature_id}/variants": About([BLUE, RED], path=FEATURE_PATH),
    "POST /api/events": About(
        "Event added to database.",
        body={"user_id": "61", "variant_id": 5001},
        refused=(404,),
        note="With `metric` it is an event of a metric that the plan of the feature names, and"
        " `value` is what it adds to the user's total: at most 4 decimals, from -100000 to 100000,"
        " 1 if left out.",
    ),
    "GET /api/events": About([EVENT, MEASURED], headers=PAGED),
    "GET /api/events/feature/{feature_id}": About(
        [FEATURE_EVENT, FEATURE_MEASURED],
        headers=PAGED,
        path=FEATURE_PATH,
        note="`value` is that of the variant; an event of a metric has a `metric_value`.",
    ),
    "GET /api/analysis/feature/{feature_id}": About(
        [{**BLUE, **TOTALS}, {**RED, **TOTALS}], path=FEATURE_PATH
    ),
    "POST /api/users": About(USER, body=NEW_USER, refused=(404, 409)),
    "GET /api/users": About([USER], headers=PAGED),
    "DELETE /api/users/{user_id}": About(
        "User with id 61 was deleted",
        refused=(404, 409),
        path={"user_id": "61"},
        note="With `everything=true` all goes that either API stores under the id, with aliases,"
        " and the answer names the lists that the user was taken off: who leaves one that excludes"
        " is let in again. The id of an alias is refused, with that of its owner. A call that has"
        " more to erase than it has time for is answered 503; sent again it goes on.",
    ),
    "GET /api/users/{user_id}/export": About(
        EXPORT,
        refused=(404, 409),
        headers=("CacheControl", *PAGED),
        path={"user_id": "61"},
        note="The id of an alias is refused, with that of its owner, whose export has the aliases."
        " What is more than 4 MB, or takes long to read, comes in parts, each with further records"
        " of the lists. It is no snapshot: each part is read when it is asked for.",
    ),
    "GET /api/userblocks": About([FREE, OWNED]),
    "GET /api/userblocks/{name}": About(OWNED, refused=(404,), path={"name": "70"}),
    "PUT /api/userblocks": About(
        {**FREE, "feature_id": 86}, body={"feature_id": "86", "name": "10"}, refused=(404,)
    ),
    "PUT /api/userblocks/reset": About([FREE, {**OWNED, "feature_id": None}]),
    "GET /api/userblocks/reset": About(refused=(404,)),
    "GET /api/openapi.json": About(),
    "GET /health": About({"status": "ok"}, headers=("CacheControl",)),
    "GET /health/ready": About({"status": "ok"}, headers=("CacheControl",)),
    "GET /swagger": About(media_type="text/html"),
    "GET /swagger/{asset}": About(
        media_type="text/*", refused=(404,), path={"asset": "swagger-ui.css"}
    ),
}
