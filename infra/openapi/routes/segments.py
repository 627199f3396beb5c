"""The routes about segments, and segments as files."""

from __future__ import annotations

from typing import Any

from infra.openapi.routes.about import About
from infra.openapi.routes.experiment_examples import NEW_LIST, OTHER_ID, PAGE, SEGMENT, SEGMENT_ID

MISSING = (404,)
SEGMENT_PATH = {"segment_id": SEGMENT_ID}

NEW_SEGMENT = {**NEW_LIST, "type": "public", "listType": None, "tags": ["pilot"]}
PUBLIC: dict[str, Any] = {**SEGMENT, "type": "public", "listType": None, "tags": ["pilot"]}
COLUMNS = {
    name: value
    for name, value in PUBLIC.items()
    if name not in ("individualForSegment", "groupForSegment", "subSegments")
}
SHUT_OUT = {**PUBLIC, "name": "home - Global Exclude", "type": "global_exclude", "tags": None}
SINGLE = {**PUBLIC, "experimentSegmentInclusion": None, "experimentSegmentExclusion": None}
USES: dict[str, Any] = {
    "experimentSegmentInclusionData": [],
    "experimentSegmentExclusionData": [],
    "featureFlagSegmentInclusionData": [],
    "featureFlagSegmentExclusionData": [],
    "allParentSegments": [],
}
OVERVIEW = {"segmentsData": [{**PUBLIC, "status": "unused"}], **USES}
PARENT = {"parentSegmentId": OTHER_ID}
FILES = [
    {
        "fileName": "pilot classes.json",
        "fileContent": '{"name": "pilot classes", "context": "home", "type": "public",'
        ' "userIds": ["ada"], "groups": [], "subSegmentIds": []}',
    }
]
JUDGED = [{"fileName": "pilot classes.json", "error": None, "compatibilityType": "compatible"}]
WARNED = {
    "fileName": "pilot classes.json",
    "error": "Invalid Segment data: Context hom not found. Please enter valid context in segment.",
    "compatibilityType": "incompatible",
}

SEGMENT_ROUTES: dict[str, About] = {
    "GET /api/segments": About(OVERVIEW),
    "POST /api/segments": About(PUBLIC, NEW_SEGMENT, MISSING),
    "POST /api/segments/paginated": About({"total": 1, "nodes": OVERVIEW, **PAGE}, PAGE),
    "GET /api/segments/global": About(
        [{**SHUT_OUT, "status": "excluded"}],
    ),
    "POST /api/segments/list": About(SEGMENT, {**NEW_LIST, **PARENT}, MISSING),
    "DELETE /api/segments/list/{segment_id}": About(
        {**COLUMNS, "type": "private"}, PARENT, MISSING, path=SEGMENT_PATH
    ),
    "GET /api/segments/status/{segment_id}": About(
        {"segment": {**SINGLE, "status": "unused"}, **USES},
        refused=MISSING,
        headers=("Link",),
        path=SEGMENT_PATH,
    ),
    "GET /api/segments/{segment_id}": About(SINGLE, refused=MISSING, path=SEGMENT_PATH),
    "DELETE /api/segments/{segment_id}": About(
        COLUMNS,
        refused=MISSING,
        path=SEGMENT_PATH,
        note="A segment that an experiment, a flag, another segment or a context uses is refused"
        " (400), and they are named. With `force=true` it is deleted all the same: whom it"
        " excluded is let in at once.",
    ),
    "POST /api/segments/validation": About([WARNED], FILES),
    "POST /api/segments/import/validation": About(JUDGED, FILES),
    "POST /api/segments/import": About(JUDGED, FILES),
    "POST /api/segments/list/import/validation": About(JUDGED, FILES),
    "POST /api/segments/list/import": About(JUDGED, {"files": FILES, **PARENT}, MISSING),
    "GET /api/segments/export/json": About([PUBLIC], refused=MISSING),
    "GET /api/segments/export/csv": About(
        [
            {
                "fileName": "pilot classes",
                "fileContent": "Type,UUID\r\nIndividual,ada\r\nclassId,3a",
            }
        ],
        refused=MISSING,
    ),
}
