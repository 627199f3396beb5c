"""The routes about flags, and flags as files."""

from __future__ import annotations

from typing import Any

from infra.openapi.routes.about import About
from infra.openapi.routes.experiment_examples import (
    EXPORTED_LIST,
    LIST_FILE,
    NEW_LIST,
    PAGE,
    SEGMENT,
    SEGMENT_COLUMNS,
    SEGMENT_ID,
    STAMPS,
)

FLAG_ID = "f1111111-2222-4333-8444-555555555555"
FLAG_PATH = {"flag_id": FLAG_ID}
SEGMENT_PATH = {"segment_id": SEGMENT_ID}
MISSING = (404,)
TAKEN = (409,)
ATTACHED = ("ContentDisposition",)

NEW_FLAG: dict[str, Any] = {
    "name": "Larger type",
    "key": "larger-type",
    "description": "",
    "status": "enabled",
    "context": ["home"],
    "tags": [],
    "filterMode": "includeAll",
}
FLAG: dict[str, Any] = {**STAMPS, "id": FLAG_ID, **NEW_FLAG}
LIST_COLUMNS: dict[str, Any] = {
    **STAMPS,
    "segmentId": SEGMENT_ID,
    "featureFlagId": FLAG_ID,
    "enabled": True,
    "listType": "classId",
}
WHOLE: dict[str, Any] = {
    **FLAG,
    "featureFlagSegmentInclusion": [{**LIST_COLUMNS, "segment": SEGMENT}],
    "featureFlagSegmentExclusion": [],
}
ADD_LIST = {"id": FLAG_ID, "enabled": True, "listType": "classId", "segment": NEW_LIST}
ADDED_LIST = {**LIST_COLUMNS, "featureFlag": FLAG, "segment": SEGMENT}
SIDES = ("inclusionList", "exclusionList")
FILES = {"files": [{"fileName": "larger-type.json", "fileContent": "the flag, as JSON text"}]}
TAKEN_FILE = {"fileName": "larger-type.json", "error": None, "reason": None}

FLAG_ROUTES: dict[str, About] = {
    "GET /api/flags": About([FLAG]),
    "POST /api/flags": About(FLAG, NEW_FLAG, TAKEN),
    "POST /api/flags/paginated": About(
        {
            "total": 1,
            "nodes": [
                {
                    **FLAG,
                    "featureFlagExposures": 17,
                    "featureFlagSegmentInclusion": [LIST_COLUMNS],
                }
            ],
            **PAGE,
        },
        PAGE,
    ),
    "GET /api/flags/{flag_id}": About(WHOLE, refused=MISSING, headers=("Link",), path=FLAG_PATH),
    "PUT /api/flags/{flag_id}": About(WHOLE, NEW_FLAG, (*MISSING, *TAKEN), ("Link",), FLAG_PATH),
    "DELETE /api/flags/{flag_id}": About([FLAG], refused=MISSING, path=FLAG_PATH),
    "PATCH /api/flags/status": About(FLAG, {"flagId": FLAG_ID, "status": "enabled"}, MISSING),
    "PATCH /api/flags/filterMode": About(
        FLAG, {"flagId": FLAG_ID, "filterMode": "includeAll"}, MISSING
    ),
    **{f"POST /api/flags/{side}": About(ADDED_LIST, ADD_LIST, MISSING) for side in SIDES},
    **{
        f"PUT /api/flags/{side}/{{segment_id}}": About(
            ADDED_LIST, ADD_LIST, MISSING, path=SEGMENT_PATH
        )
        for side in SIDES
    },
    **{
        f"DELETE /api/flags/{side}/{{segment_id}}": About(
            SEGMENT_COLUMNS, refused=MISSING, path=SEGMENT_PATH
        )
        for side in SIDES
    },
    "POST /api/flags/import/validation": About(
        [{"fileName": "larger-type.json", "compatibilityType": "compatible", "reason": None}],
        FILES,
    ),
    "POST /api/flags/import": About([TAKEN_FILE], FILES),
    "GET /api/flags/export/{flag_id}": About(
        WHOLE,
        headers=(*ATTACHED, "Link"),
        path=FLAG_PATH,
        note="Laid out for people.",
        as_text=MISSING,
    ),
    "POST /api/flags/lists/import": About(
        [{"fileName": "pilot classes.json", "error": None, "reason": None}],
        {"flagId": FLAG_ID, "filterType": "inclusion", "files": [LIST_FILE]},
        MISSING,
    ),
    **{
        f"GET /api/flags/export/{side}/{{flag_id}}": About(
            [EXPORTED_LIST],
            refused=MISSING,
            headers=ATTACHED,
            path=FLAG_PATH,
        )
        for side in ("includeLists", "excludeLists")
    },
}
