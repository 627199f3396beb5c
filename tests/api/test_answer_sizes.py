"""No answer outgrows a response, whatever is stored and whatever is asked for."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from chalicelib.api import all_routes
from chalicelib.api.pages.answer_sizes import ANSWER_BYTES, LONGEST_ANSWER
from chalicelib.api.upgrade.wire.texts import NAME_LENGTH
from chalicelib.domain.catalogue.answer_room import answer_bytes
from chalicelib.domain.experiments.metrics import Metric, MetricType
from chalicelib.domain.participants.preview_users import PreviewAssignment, PreviewUser
from tests.api.in_memory import InMemory, in_memory, next_of
from tests.api.upgrade_setup import design, entry, measure, query, segment
from tests.http import Answer, Gateway

__all__ = ["in_memory"]

LONG_TEXT = "x" * 60_000

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FLAG = {
    "name": "flag", "key": "flag", "description": LONG_TEXT, "status": "enabled",
    "context": ["home"], "tags": [], "filterMode": "includeAll",
}  # fmt: skip
GROUPS = {"class": [f"class {number:05}" for number in range(3_000)]}


def sent(gateway: Gateway, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway.send(method, path, body, named)
    assert answer.status == 200, answer.text[:500]
    assert answer_bytes(answer.text) < LONGEST_ANSWER
    return answer


class TestLogs:
    def log(self, gateway: Gateway, entries: list[Any], version: str = "v6/log") -> Any:
        body = {"userId": "ada", "value": entries}
        answer = sent(gateway, "POST", f"/api/{version}", body, user_id="ada")
        assert answer_bytes(answer.text) <= ANSWER_BYTES
        return answer.json

    def prepared(self, gateway: Gateway, *names: str, groups: Any = None) -> None:
        measure(lambda *call: sent(gateway, *call).json, *names)
        sent(gateway, "POST", "/api/v6/init", {"group": groups or {}}, user_id="ada")

    def test_a_log_of_many_rows_names_each_without_the_users_groups(self, gateway: Gateway) -> None:
        self.prepared(gateway, "time", groups=GROUPS)
        entries = [entry(1, {"time": number}) for number in range(2_300)]
        rows = self.log(gateway, entries)
        assert len({row["id"] for row in rows}) == len(rows) == len(entries)
        assert [row["data"] for row in rows] == [{"time": number} for number in range(2_300)]
        assert rows[0].keys() == {"id", "uniquifier", "timeStamp", "data", "userId"}

    def test_a_log_that_changes_a_long_row_many_times_names_it_once(self, gateway: Gateway) -> None:
        names = [f"m{number:03}" for number in range(150)]
        self.prepared(gateway, *names)
        self.log(gateway, [entry(1, dict.fromkeys(names, "x" * 500))])
        entries = [entry(2, {names[0]: number}) for number in range(400)]
        [row] = self.log(gateway, entries, "v5/bloblog")
        assert (row["data"][names[0]], row["data"][names[1]]) == (399, "x" * 500)

    def test_where_even_the_rows_with_their_values_are_too_much_they_are_named(
        self, gateway: Gateway, monkeypatch: Any
    ) -> None:
        self.prepared(gateway, "time")
        monkeypatch.setattr("chalicelib.api.pages.answer_sizes.ANSWER_BYTES", 1_000)
        rows = self.log(gateway, [entry(1, {"time": number}) for number in range(100)])
        assert 0 < len(rows) < 100
        assert all(row.keys() == {"id", "uniquifier", "timeStamp"} for row in rows)

    def test_a_short_log_is_answered_as_recorded(self, gateway: Gateway) -> None:
        self.prepared(gateway, "time", groups={"class": ["a"]})
        rows = self.log(gateway, [entry(1, {"time": 1}), entry(1, {"time": 2})])
        assert [row["user"]["group"] for row in rows] == [{"class": ["a"]}] * 2
        assert all(row["metrics"] for row in rows)


def test_a_refusal_repeats_the_request_unless_that_is_too_long(gateway: Gateway) -> None:
    for length, repeated in ((10, True), (4_000_000, False)):
        body = {"name": "😀" * (length // 4), "context": 5}
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
        answer = gateway.send("POST", "/api/segments", headers=headers, raw=raw)
        assert answer.status == 400
        assert answer_bytes(answer.text) < LONGEST_ANSWER
        assert answer.json["request"] == (body if repeated else {})


class TestExperiments:
    """What is stored is shown, and what was done is answered, whatever grew meanwhile."""

    def shown(self, api: InMemory, experiment_id: str) -> list[Any]:
        return [
            api.granted("GET", f"/api/experiments/single/{experiment_id}").json,
            *(api.granted("GET", f"/api/experiments{path}").json[0] for path in ("", "/export")),
        ]

    def grow(self, api: InMemory, name: str, length: int) -> None:
        values = ["x" * length]
        unit = {"metric": name, "datatype": "categorical", "allowedValues": values}
        api.granted("POST", "/api/metric/save", {"metricUnit": [unit], "context": ["home"]})

    def test_metrics_that_grow_are_shown_by_their_keys(self, in_memory: InMemory) -> None:
        self.grow(in_memory, "stars", 10)
        body = design(("s", ""), queries=[query("stars")] * 100)
        made = in_memory.granted("POST", "/api/experiments", body).json["id"]
        for answer in self.shown(in_memory, made):
            assert answer["queries"][0]["metric"]["allowedData"] == ["x" * 10]
        self.grow(in_memory, "stars", 60_000)
        for answer in self.shown(in_memory, made):
            assert [each["metric"] for each in answer["queries"]] == [{"key": "stars"}] * 100
        moved = {"experimentId": made, "state": "enrolling"}
        assert in_memory.granted("POST", "/api/experiments/state", moved).json["state"] == "running"
        again = {**self.shown(in_memory, made)[0], "state": "running"}
        edited = in_memory.granted("PUT", f"/api/experiments/{made}", again).json
        assert len(edited["queries"]) == 100

    def test_a_batch_whose_answer_would_be_too_long_creates_nothing(
        self, in_memory: InMemory
    ) -> None:
        queries = [query("stars")] * 10
        self.grow(in_memory, "stars", 10)
        bodies = [design(("s", ""), queries=queries, description=LONG_TEXT) for _ in range(8)]
        answer = in_memory.send("POST", "/api/experiments/batch", bodies)
        assert (answer.status, "fewer experiments" in answer.json["message"]) == (400, True)
        assert in_memory.granted("GET", "/api/experiments").json == []
        assert len(in_memory.granted("POST", "/api/experiments/batch", bodies[:2]).json) == 2

    def test_a_change_of_state_is_answered_whatever_is_stored(self, in_memory: InMemory) -> None:
        self.grow(in_memory, "stars", 4_000)
        body = design(("s", ""), queries=[query("stars")] * 60, description="x" * 30_000)
        points = [{**body["partitions"][0], "id": str(uuid.uuid4())} for _ in range(80)]
        body["partitions"] = [
            {**each, "site": f"s{number}", "description": "d" * 4_000}
            for number, each in enumerate(points)
        ]
        made = in_memory.granted("POST", "/api/experiments", body).json["id"]
        for state in ("enrolling", "cancelled", "archived"):
            moved = {"experimentId": made, "state": state}
            in_memory.granted("POST", "/api/experiments/state", moved)

    def test_preview_users_of_long_experiments_are_shown(self, in_memory: InMemory) -> None:
        ids = []
        name = "x" * NAME_LENGTH
        for number in range(80):
            context = ("home", "add")[number % 2]
            codes = "c" * 60_000, "d"
            body = design(("s", ""), codes=codes, name=name, context=[context])
            made = in_memory.granted("POST", "/api/experiments", body).json
            ids.append((made["id"], made["conditions"][0]["id"]))
        assigned = [
            {"experiment": {"id": one}, "experimentCondition": {"id": arm}} for one, arm in ids
        ]
        body = {"id": "ada", "assignments": assigned}
        for answer in (
            in_memory.granted("POST", "/api/previewusers", body).json,
            in_memory.granted("GET", "/api/previewusers/ada").json,
            in_memory.granted("GET", "/api/previewusers").json[0],
        ):
            assert len(answer["assignments"]) == 80
            shown = answer["assignments"][0]
            assert shown["experiment"]["name"] == "x" * 200
            assert shown["experimentCondition"]["conditionCode"] == "c" * 200

    def test_strata_whose_answer_would_be_too_long_are_not_stored(
        self, in_memory: InMemory, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("chalicelib.api.pages.answer_sizes.ANSWER_BYTES", 1_000)
        names = ",".join(f"{'f' * 100} {number}" for number in range(20))
        file = {"file": f"uuid,{names}\r\nada{',x' * 20}"}
        answer = in_memory.send("POST", "/api/stratification", {"files": [file]})
        assert (answer.status, "send fewer" in answer.json["message"]) == (400, True)
        assert in_memory.granted("GET", "/api/stratification").json == []

    def test_lists_whose_own_texts_are_too_long_are_named(self, in_memory: InMemory) -> None:
        made = in_memory.granted("POST", "/api/experiments", design(("s", ""))).json["id"]
        flag = in_memory.granted("POST", "/api/flags", FLAG).json["id"]
        wide = segment("ada", type="private", name="n" * 1_000, description="x" * 350_000)
        for _ in range(13):
            body = {"experimentId": made, "list": wide}
            in_memory.granted("POST", "/api/experiments/inclusionList", body)
            body = {"id": flag, "enabled": True, "listType": "any", "segment": wide}
            in_memory.granted("POST", "/api/flags/inclusionList", body)
        for answer in (
            *self.shown(in_memory, made),
            in_memory.granted("GET", f"/api/flags/{flag}").json,
        ):
            lists = (
                answer.get("experimentSegmentInclusion") or answer["featureFlagSegmentInclusion"]
            )
            for each in lists:
                part = each["segment"]
                assert (part["name"], part["description"]) == ("n" * 200, None)
                assert (part["individualForSegment"], part["membersTotal"]) == ([], 1)
        path = f"/api/experiments/single/{made}"
        [whole] = in_memory.parts(next_of(path, in_memory.granted("GET", path)))
        assert whole.json["description"] == "x" * 350_000
        less = {**wide, "id": whole.json["id"], "userIds": []}
        assert in_memory.send("POST", "/api/segments", less).status == 409

    def test_a_file_whose_design_no_answer_could_show_is_refused_whole(
        self, in_memory: InMemory
    ) -> None:
        metric = {"key": "new", "type": "categorical", "allowedData": ["a"]}
        queries = [{**query("new"), "metric": metric}] * 60
        body = design(("s", ""), queries=queries, description=LONG_TEXT)
        files = [{"fileName": "wide.json", "fileContent": body}]
        for route in ("validation", "import"):
            [judged] = in_memory.granted("POST", f"/api/experiments/{route}", files).json
            assert judged["compatibilityType"] == "incompatible"
            assert "shorten its description" in judged["error"]
        assert not in_memory.services.metrics.all()

    def test_a_file_with_long_metrics_is_shown_after_its_import(self, in_memory: InMemory) -> None:
        metric = {"key": "new", "type": "categorical", "allowedData": [LONG_TEXT]}
        queries = [{**query("new"), "id": str(uuid.uuid4()), "metric": metric} for _ in range(75)]
        body = design(("s", ""), queries=queries)
        files = [{"fileName": "wide.json", "fileContent": body}]
        [taken] = in_memory.granted("POST", "/api/experiments/import", files).json
        assert taken["compatibilityType"] == "compatible"
        for answer in self.shown(in_memory, body["id"]):
            assert answer["queries"][0]["metric"] == {"key": "new"}


# Every route: driven with very much stored or asked for, or bounded for a reason.

SMALL = "a few fields, or one thing without lists"
WHOLE = "what would not fit is refused when it is made (tests/unit/catalogue/test_answer_room.py)"
ITEM = "one item of the store, or parts of one: 400 KB"
SHOWN = "what no answer could show is refused when it is made (the same tests)"
PAGED = "pages by size (tests/unit/running/test_paging.py, tests/api/test_user_data.py)"
BRIEF = "a line for each of at most 100 files, cut off at some 5,000 characters"
LISTS = "driven in tests/api/test_long_lists.py"
ROWS = "at most 250 rows, as many as fit 4 MB (tests/api/test_results.py)"
SERIES = "a line for each variant and metric, and 12,000 points of one series (results/series.py)"
PICKED = "at most 1,000 users or experiments, asked for by id; refused if that is too long"

BOUNDED = {
    SMALL: """
        POST /api/feature · PUT /api/feature/{feature_id} · DELETE /api/feature/{feature_id}
        PUT /api/feature/current · DELETE /api/feature/current · GET /api/feature/{feature_id}
        POST /api/feature/{feature_id}/variants · GET /api/feature/{feature_id}/variants
        POST /api/events · GET /api/analysis/feature/{feature_id} · POST /api/users
        DELETE /api/users/{user_id} · GET /api/userblocks · GET /api/userblocks/{name}
        PUT /api/userblocks · PUT /api/userblocks/reset · GET /api/userblocks/reset
        POST /api/v5/mark · POST /api/v6/mark · POST /api/v6/reward
        GET /api/experiments/contextMetaData
        GET /api/experiments/getGroupAssignmentStatus/{experiment_id}
        GET /api/experiments/mooclet-rewards/{experiment_id}
        DELETE /api/experiments/inclusionList/{segment_id}
        DELETE /api/experiments/exclusionList/{segment_id}
        POST /api/flags · DELETE /api/flags/{flag_id} · PATCH /api/flags/status
        PATCH /api/flags/filterMode · DELETE /api/flags/inclusionList/{segment_id}
        DELETE /api/flags/exclusionList/{segment_id} · DELETE /api/segments/list/{segment_id}
        DELETE /api/segments/{segment_id} · DELETE /api/previewusers/{user_id}
        DELETE /api/stratification/{factor} · GET /api/setting · POST /api/setting · GET /api
        GET /api/version · DELETE /api/v5/clearDB · DELETE /api/v6/clearDB
        GET /api/openapi.json · GET /swagger · GET /swagger/{asset} · GET /health
        GET /health/ready · POST /api/results/plan
    """,
    WHOLE: """
        GET /api/feature · GET /api/feature/current · POST /api/v5/assign · POST /api/v6/assign
        POST /api/v5/featureflag · POST /api/v6/featureflag
    """,
    ITEM: """
        POST /api/v5/init · POST /api/v6/init · PATCH /api/v5/groupmembership
        PATCH /api/v6/groupmembership · PATCH /api/v5/workinggroup · PATCH /api/v6/workinggroup
        PATCH /api/v5/useraliases · PATCH /api/v6/useraliases
        DELETE /api/experiments/{experiment_id}
        POST /api/previewusers · POST /api/previewusers/assign · GET /api/previewusers/{user_id}
        PUT /api/previewusers/{user_id} · POST /api/stats/enrollment/detail
        POST /api/stats/enrollment/date · POST /api/stratification
        POST /api/check/individualAssignment · POST /api/check/individualExclusion
        POST /api/check/monitoredExperimentPoint · POST /api/check/groupAssignment
        POST /api/check/groupExclusion
        GET /api/results/feature/{feature_id}/plan · PUT /api/results/feature/{feature_id}/plan
        GET /api/results/experiment/{experiment_id}/plan
        PUT /api/results/experiment/{experiment_id}/plan
    """,
    SHOWN: """
        POST /api/experiments · GET /api/experiments/conditions/{experiment_id}
        POST /api/experiments/state · POST /api/experiments/batch
    """,
    PAGED: """
        GET /api/users · GET /api/events · GET /api/events/feature/{feature_id}
        GET /api/users/{user_id}/export · GET /api/results
    """,
    BRIEF: """
        POST /api/experiments/validation · POST /api/experiments/import
        POST /api/experiments/lists/import · POST /api/flags/import/validation
        POST /api/flags/import · POST /api/flags/lists/import · POST /api/segments/validation
        POST /api/segments/import/validation · POST /api/segments/import
        POST /api/segments/list/import/validation · POST /api/segments/list/import
    """,
    SERIES: """
        GET /api/results/feature/{feature_id} · GET /api/results/experiment/{experiment_id}
    """,
    ROWS: """
        GET /api/results/feature/{feature_id}/participants
        GET /api/results/experiment/{experiment_id}/participants
    """,
    PICKED: """
        POST /api/batch-assign · POST /api/stats/enrollment · POST /api/query/analyse
    """,
    LISTS: """
        POST /api/experiments/inclusionList · POST /api/experiments/exclusionList
        PUT /api/experiments/inclusionList/{segment_id}
        PUT /api/experiments/exclusionList/{segment_id}
        POST /api/flags/inclusionList · POST /api/flags/exclusionList
        PUT /api/flags/inclusionList/{segment_id} · PUT /api/flags/exclusionList/{segment_id}
        POST /api/segments/list · POST /api/segments
        POST /api/v5/log · POST /api/v6/log · POST /api/v5/bloblog
    """,
}
"""By reason, why the answers of routes cannot be too long without being driven here."""

DRIVEN = """
    GET /api/experiments · GET /api/experiments/names · GET /api/experiments/partitions
    POST /api/experiments/paginated · GET /api/experiments/single/{experiment_id}
    PUT /api/experiments/{experiment_id} · GET /api/experiments/export
    GET /api/experiments/export/all · GET /api/experiments/export/includeLists/{experiment_id}
    GET /api/experiments/export/excludeLists/{experiment_id}
    GET /api/flags · POST /api/flags/paginated · GET /api/flags/{flag_id}
    PUT /api/flags/{flag_id} · GET /api/flags/export/{flag_id}
    GET /api/flags/export/includeLists/{flag_id} · GET /api/flags/export/excludeLists/{flag_id}
    GET /api/segments · POST /api/segments/paginated · GET /api/segments/global
    GET /api/segments/status/{segment_id} · GET /api/segments/{segment_id}
    GET /api/segments/export/json · GET /api/segments/export/csv
    GET /api/metric · GET /api/metric/{key} · POST /api/metric/save · DELETE /api/metric/{key}
    GET /api/previewusers · POST /api/previewusers/paginated
    GET /api/stratification · GET /api/stratification/download/{factor}
    GET /api/check/individualAssignment · GET /api/check/individualExclusion
    GET /api/check/monitoredExperimentPoint · GET /api/check/groupAssignment
    GET /api/check/groupExclusion
"""


def named(text: str) -> list[str]:
    return [each.strip() for line in text.splitlines() for each in line.split("·") if each.strip()]


def test_every_route_is_driven_or_bounded_for_a_reason() -> None:
    published = [f"{route.method} {route.path}" for route in all_routes()]
    classified = [each for text in (*BOUNDED.values(), DRIVEN) for each in named(text)]
    assert sorted(classified) == sorted(published), "say why a new route's answer has an end"


LARGE = 10_000


class Stored:
    """Very much of everything, in the application over the fakes."""

    def __init__(self, api: InMemory) -> None:
        self.api = api
        users = [f"user {number:05} {'x' * 400}" for number in range(LARGE)]
        wide: Any = {"name": "wide", "context": "home", "type": "public", "userIds": users}
        wide |= {"groups": [], "subSegmentIds": []}
        self.segment = api.granted("POST", "/api/segments", wide).json["id"]
        self.flag = api.granted("POST", "/api/flags", {**FLAG, "key": "k"}).json["id"]
        body = {**design(("site", "target")), "description": LONG_TEXT}
        self.experiment = api.granted("POST", "/api/experiments", body).json["id"]
        self.design = body
        inner = {**wide, "type": "private", "subSegmentIds": [self.segment]}
        for holder, sent in (
            ("experiments", {"experimentId": self.experiment}),
            ("flags", {"id": self.flag, "enabled": True, "listType": "any"}),
        ):
            part = "list" if holder == "experiments" else "segment"
            for side, one in (("inclusion", inner), ("exclusion", {**inner, "userIds": ["a"]})):
                api.granted("POST", f"/api/{holder}/{side}List", {**sent, part: one})
        self._copy_many()
        self.seed_records()

    def _copy_many(self) -> None:
        """Designs, flags, segments, metrics and preview users, a hundred times 60 KB of each."""
        memory = self.api.memory
        [design_] = memory.features.values()
        shown = design_.design
        assert shown is not None
        for number in range(100):
            experiment = replace(
                shown,
                id=str(uuid.uuid4()),
                name=LONG_TEXT,
                points=tuple(replace(each, site=f"site {number}") for each in shown.points),
            )
            memory.features[1000 + number] = replace(
                design_, id=1000 + number, name=LONG_TEXT, design=experiment
            )
            flag = memory.flags[self.flag]
            flag = replace(
                flag,
                id=str(uuid.uuid4()),
                feature_id=5000 + number,
                name=LONG_TEXT,
                key=f"key {number}",
            )
            memory.flags[flag.id] = flag
            segment = memory.segments[self.segment]
            segment = replace(
                segment, id=str(uuid.uuid4()), version=0, description=LONG_TEXT,
                sub_segments=(self.segment,),
            )  # fmt: skip
            memory.segments[segment.id] = segment
            allowed = (LONG_TEXT,)
            metric = Metric(
                f"class@__@key {number}@__@a",
                MetricType.CATEGORICAL,
                allowed,
                ("home",),
                NOW,
                NOW,
                1,
            )
            memory.metrics[metric.key] = metric
            preview = PreviewUser(
                f"p{number}", (PreviewAssignment("a", experiment.id, shown.conditions[0].id),),
                NOW, NOW,
            )  # fmt: skip
            memory.preview_users[preview.id] = preview
        memory.revision = memory.revision.following(NOW)

    def seed_records(self) -> None:
        """Users with long values of a factor, and enrollments that show a long experiment."""
        users = {f"user {number:05}": f"{number} {'v' * 900}" for number in range(5_000)}
        self.api.services.stratification.put({"factor": users})
        self.api.granted(
            "POST", "/api/experiments/state",
            {"experimentId": self.experiment, "state": "enrolling"},
        )  # fmt: skip
        point = {"site": "site", "target": "target"}
        mark = {"data": {**point, "assignedCondition": {"conditionCode": "control"}}}
        for number in range(100):
            user = f"marked {number}"
            self.api.granted("POST", "/api/v6/init", {}, user_id=user)
            self.api.granted("POST", "/api/v6/mark", mark, user_id=user)

    def call(self, route: str) -> tuple[str, str, Any]:
        """A call of a route, about what there is very much of."""
        method, path = route.split(" ")
        ids = {
            "{experiment_id}": self.experiment,
            "{flag_id}": self.flag,
            "{segment_id}": self.segment,
            "{key}": "home" if method == "GET" else "class@__@key 5@__@a",
            "{factor}": "factor",
        }
        for name, value in ids.items():
            path = path.replace(name, quote(value))
        if "segments/export" in path:
            path += f"?ids={self.segment}"
        if path.endswith("paginated"):
            return method, path, {"skip": 0, "take": 1000}
        if path.endswith("metric/save"):
            unit = {"groupClass": "c", "allowedKeys": [f"k{number}" for number in range(40)]}
            attribute = {"metric": "a", "datatype": "categorical", "allowedValues": [LONG_TEXT]}
            return (
                method,
                path,
                {"metricUnit": [{**unit, "attributes": [attribute]}], "context": ["home"]},
            )
        if method == "PUT" and "experiments" in path:
            return method, path, self.design
        if method == "PUT":
            return method, path, {**FLAG, "key": "k"}
        return method, path, None


def test_no_answer_is_too_long_however_much_is_stored(in_memory: InMemory) -> None:
    stored = Stored(in_memory)
    for route in named(DRIVEN):
        answer = in_memory.granted(*stored.call(route))
        if route not in EASY:
            assert len(answer.text) > HARD, f"{route} is no longer driven hard"


HARD = 3_000_000
EASY = named("""
    GET /api/segments/global · GET /api/check/groupAssignment · GET /api/check/groupExclusion
    GET /api/check/individualExclusion · GET /api/check/monitoredExperimentPoint
    DELETE /api/metric/{key} · GET /api/segments/export/csv · POST /api/previewusers/paginated
    GET /api/previewusers · GET /api/metric · GET /api/metric/{key} · POST /api/metric/save
    GET /api/experiments/export/excludeLists/{experiment_id}
    GET /api/flags/export/excludeLists/{flag_id}
    GET /api/experiments/export/includeLists/{experiment_id}
    GET /api/flags/export/includeLists/{flag_id}
    GET /api/experiments · GET /api/experiments/export · GET /api/experiments/export/all
    GET /api/stratification · GET /api/experiments/partitions · GET /api/segments
    POST /api/segments/paginated
""")
"""Of which little is stored, or where a row more would be too much."""
