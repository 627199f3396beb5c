"""The routes that UpGrade's clients call."""

from __future__ import annotations

from typing import Any

from chalicelib.api.upgrade.experiments.participation import Assignment, MarkedPoint
from chalicelib.api.upgrade.participants.users import StoredUser
from chalicelib.domain.experiments.experiments import DesignType
from chalicelib.domain.participants.participants import EnrollmentCode
from infra.openapi.routes.about import About
from infra.openapi.routes.experiment_examples import CONDITIONS, EXPERIMENT_ID, STAMPS

GROUP = {"schoolId": ["north"], "classId": ["3a", "3b"]}
WORKING_GROUP = {"schoolId": "north", "classId": "3a"}
USER: StoredUser = {"id": "ada", "group": GROUP, "workingGroup": WORKING_GROUP}
INIT = {"group": GROUP, "workingGroup": WORKING_GROUP}

ASSIGNED: Assignment = {
    "site": "lesson",
    "target": "start",
    "condition": "short",
    "experimentType": DesignType.SIMPLE,
    "assignedCondition": [
        {
            "id": CONDITIONS[0],
            "conditionCode": "short",
            "payload": {"type": "string", "value": "short"},
            "experimentId": EXPERIMENT_ID,
        }
    ],
}
MARK = {
    "data": {
        "site": "lesson",
        "target": "start",
        "assignedCondition": {"conditionCode": "short", "experimentId": EXPERIMENT_ID},
    },
    "status": "condition applied",
}
MARKED: MarkedPoint = {
    "id": "5d0c6d7e-1111-4f0a-8f3f-0c3c1f0f9a21",
    "userId": "ada",
    "site": "lesson",
    "target": "start",
    "experimentId": EXPERIMENT_ID,
    "condition": "short",
    "enrollmentCode": EnrollmentCode.ALGORITHM,
}
LOG = {
    "value": [
        {
            "timestamp": "2026-11-22T09:00:00.000Z",
            "metrics": {
                "attributes": {"stars": 3},
                "groupedMetrics": [
                    {
                        "groupClass": "workspace",
                        "groupKey": "areas",
                        "groupUniquifier": "monday",
                        "attributes": {"timeSeconds": 41.5},
                    }
                ],
            },
        }
    ]
}
ROW: dict[str, Any] = {
    "timeStamp": "2026-11-22T09:00:00.000Z",
    "uniquifier": None,
    "data": {"stars": 3},
    "metrics": [
        {
            **STAMPS,
            "key": "stars",
            "type": "continuous",
            "allowedData": None,
            "context": ["home"],
        }
    ],
    "user": {**STAMPS, **USER, "requestedUserId": "ada"},
    "id": 1,
}
FLAGS = ["larger-type"]
CONTEXT = {"context": "home"}
GROUP_SETS_NOTE = (
    "Groups besides the stored ones, or in place of them, are told in one of three ways at most:"
    " `groupsForSession` with `includeStoredUserGroups`; `useSingleGroupSet`; or"
    " `useMultipleGroupSets`, which is answered set by set. The user need not be known where no set"
    " asks for the stored groups."
)
GROUPS_NOTE = "Groups and working groups are by the context's types of groups."


def _both(method: str, name: str, v5: About, v6: About) -> dict[str, About]:
    return {f"{method} /api/v5/{name}": v5, f"{method} /api/v6/{name}": v6}


def _calls(method: str, name: str, body: dict[str, Any], example: Any, *,
           user: str = "userId", refused: tuple[int, ...] = (404,), note: str = "",
           ) -> dict[str, About]:  # fmt: skip
    """A route of both versions: v5 names the user in the body, v6 in the header."""

    def about(sent: dict[str, Any]) -> About:
        return About(example, sent, refused, note=note)

    return _both(method, name, about({user: "ada", **body}), about(body))


CLIENT_ROUTES: dict[str, About] = {
    **_calls("POST", "init", INIT, USER, user="id", refused=(), note=GROUPS_NOTE),
    **_calls(
        "PATCH",
        "groupmembership",
        {"group": GROUP},
        USER,
        user="id",
    ),
    **_calls(
        "PATCH",
        "workinggroup",
        {"workingGroup": WORKING_GROUP},
        USER,
        user="id",
    ),
    **_calls(
        "PATCH",
        "useraliases",
        {"aliases": ["ada@example.com"]},
        {"userId": "ada", "aliases": ["ada@example.com"], "userAliases": ["ada@example.com"]},
    ),
    **_calls("POST", "assign", CONTEXT, [ASSIGNED]),
    **_calls("POST", "mark", MARK, MARKED),
    **_calls("POST", "log", LOG, [ROW]),
    **_both(
        "POST",
        "featureflag",
        About(FLAGS, {"userId": "ada", **CONTEXT}, (404,)),
        About(FLAGS, CONTEXT, (404,), note=GROUP_SETS_NOTE),
    ),
    "POST /api/v5/bloblog": About(
        [{**ROW, **STAMPS}],
        {"userId": "ada", **LOG},
        (404,),
        note="A body that does not say it is JSON is read as JSON all the same; whatever is wrong"
        " with it then, but for its length, is 404.",
    ),
    "POST /api/v6/reward": About(
        body={"rewardValue": "SUCCESS", "experimentId": EXPERIMENT_ID},
        refused=(404,),
        note="Adaptive experiments are switched off: every reward is refused.",
    ),
    **_both(
        "DELETE",
        "clearDB",
        About("DB truncate successful"),
        About("DB truncate successful"),
    ),
}
