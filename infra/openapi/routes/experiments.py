"""The routes about experiments, and experiments as files."""

from __future__ import annotations

from chalicelib.api.upgrade.experiments.designs.shapes import (
    DecisionPointKey,
    ExperimentName,
)
from infra.openapi.routes.about import About
from infra.openapi.routes.experiment_examples import (
    ADDED_LIST,
    COLUMNS,
    CREATED,
    DESIGN,
    EDITED,
    EXPERIMENT_ID,
    EXPORTED,
    EXPORTED_LIST,
    LIST_FILE,
    MOVED,
    NEW_LIST,
    OWN_NAMES,
    PAGE,
    POINT,
    SEGMENT_ID,
    SHOWN_ARMS,
    SINGLE,
)

MISSING = (404,)
EXPERIMENT_PATH = {"experiment_id": EXPERIMENT_ID}
SEGMENT_PATH = {"segment_id": SEGMENT_ID}

ADD_LIST = {"experimentId": EXPERIMENT_ID, "list": NEW_LIST}
FILE = {"fileName": "Hints.json", "fileContent": "the experiment, as JSON text"}
JUDGED = [{"fileName": "Hints.json", "error": None, "compatibilityType": "compatible"}]
ATTACHED = ("ContentDisposition",)
STATES = "States go by the names that administrators know: running, paused, completed."
OWN_STATES = "States go by their own names: enrolling, enrollmentComplete, cancelled."

EXPERIMENT_ROUTES: dict[str, About] = {
    "POST /api/experiments": About(
        CREATED,
        DESIGN,
        note="Ids of conditions, partitions, payloads and queries are new; references to them"
        " within the request are followed.",
    ),
    "POST /api/experiments/batch": About([CREATED], [DESIGN]),
    "GET /api/experiments": About([SINGLE], note=STATES),
    "GET /api/experiments/names": About(
        [{"id": EXPERIMENT_ID, "name": "Hints"}], list[ExperimentName]
    ),
    "GET /api/experiments/partitions": About(
        [{"site": "lesson", "target": "start"}], list[DecisionPointKey]
    ),
    "GET /api/experiments/contextMetaData": About(
        {
            "contextMetadata": {
                "home": {
                    "CONDITIONS": ["control", "variant"],
                    "GROUP_TYPES": ["schoolId", "classId", "instructorId"],
                    "EXP_IDS": ["start"],
                    "EXP_POINTS": ["lesson"],
                }
            }
        },
    ),
    "POST /api/experiments/paginated": About(
        {
            "total": 1,
            "nodes": [
                {
                    **COLUMNS,
                    "partitions": [POINT],
                    "experimentSegmentInclusion": [],
                    "stateTimeLogs": [],
                }
            ],
            **PAGE,
        },
        PAGE,
        note="Archived ones are left out unless `searchParams` asks for a `status`.",
    ),
    "GET /api/experiments/single/{experiment_id}": About(
        SINGLE, refused=MISSING, headers=("Link",), path=EXPERIMENT_PATH, note=STATES
    ),
    "GET /api/experiments/conditions/{experiment_id}": About(
        SHOWN_ARMS, refused=MISSING, path=EXPERIMENT_PATH
    ),
    "POST /api/experiments/state": About(
        MOVED,
        {"experimentId": EXPERIMENT_ID, "state": "enrolling"},
        MISSING,
        note="The new entry of the log shows the experiment as it was.",
    ),
    "PUT /api/experiments/{experiment_id}": About(
        EDITED,
        {**DESIGN, "name": "Hints, again"},
        MISSING,
        headers=("Link",),
        path=EXPERIMENT_PATH,
        note="Parts that are left out are gone, and so is what refers to them.",
    ),
    "DELETE /api/experiments/{experiment_id}": About(
        [{**OWN_NAMES, "stratificationFactorStratificationFactorName": None}],
        refused=MISSING,
        path=EXPERIMENT_PATH,
    ),
    **{
        f"POST /api/experiments/{side}": About(ADDED_LIST, ADD_LIST, MISSING)
        for side in ("inclusionList", "exclusionList")
    },
    **{
        f"PUT /api/experiments/{side}/{{segment_id}}": About(
            ADDED_LIST, ADD_LIST, MISSING, path=SEGMENT_PATH
        )
        for side in ("inclusionList", "exclusionList")
    },
    **{
        f"DELETE /api/experiments/{side}/{{segment_id}}": About(
            [{"id": SEGMENT_ID, "name": "pilot classes"}],
            refused=MISSING,
            path=SEGMENT_PATH,
        )
        for side in ("inclusionList", "exclusionList")
    },
    "GET /api/experiments/getGroupAssignmentStatus/{experiment_id}": About(
        3, refused=MISSING, path=EXPERIMENT_PATH
    ),
    "GET /api/experiments/mooclet-rewards/{experiment_id}": About(path=EXPERIMENT_PATH),
    "POST /api/experiments/validation": About(JUDGED, [FILE]),
    "POST /api/experiments/import": About(JUDGED, [FILE]),
    "GET /api/experiments/export": About([EXPORTED], note=OWN_STATES),
    "GET /api/experiments/export/all": About([EXPORTED], note=OWN_STATES),
    "POST /api/experiments/lists/import": About(
        [{"fileName": "pilot classes.json", "error": None, "reason": None}],
        {"experimentId": EXPERIMENT_ID, "filterType": "inclusion", "files": [LIST_FILE]},
        MISSING,
    ),
    **{
        f"GET /api/experiments/export/{side}/{{experiment_id}}": About(
            [EXPORTED_LIST],
            refused=MISSING,
            headers=ATTACHED,
            path=EXPERIMENT_PATH,
        )
        for side in ("includeLists", "excludeLists")
    },
}
