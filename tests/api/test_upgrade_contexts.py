"""Contexts whose names have capital letters: administrators and files may write them anyhow."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.api.upgrade_files_setup import file
from tests.api.upgrade_setup import design, flag, segment

SPELLINGS = ["Home", "home", "HOME"]
CONTEXTS = {"Home": {"GROUP_TYPES": ["classId"]}, "add": {}}
SECONDS = 20


class Client:
    """Somebody who calls a server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = requests.request(
            method, f"{self._url}{path}", json=body, headers=headers, timeout=SECONDS
        )
        return answer.json() if answer.ok else answer.status_code

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def contexts_of_lists(self, path: str) -> set[str]:
        """The contexts of all lists of what is shown somewhere."""
        shown = self.get(path)
        lists = [
            each
            for kind in ("experimentSegment", "featureFlagSegment")
            for side in ("Inclusion", "Exclusion")
            for each in shown.get(f"{kind}{side}", ())
        ]
        return {each["segment"]["context"] for each in lists}


@pytest.fixture(scope="module")
def url(start_server: Any) -> str:
    settings = {"TABLE_PREFIX": "switchyard-contexts", "CONTEXT_METADATA": json.dumps(CONTEXTS)}
    address: str = start_server(DEMO_MODE="true", **settings).url
    return address


@pytest.fixture(params=SPELLINGS)
def spelling(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def client(url: str) -> Client:
    made = Client(url)
    made.call("DELETE", "/api/v5/clearDB")
    return made


def grouped(context: str, **fields: Any) -> dict[str, Any]:
    return segment("ada", groups=[("classId", "c1")], context=context, **fields)


class TestSegments:
    def test_a_segment_is_in_the_context_that_is_configured(
        self, client: Client, spelling: str
    ) -> None:
        made = client.post("/api/segments", grouped(spelling, type="public"))
        assert made["context"] == "Home"
        body = grouped(spelling, parentSegmentId=made["id"])
        assert client.post("/api/segments/list", body)["context"] == "Home"
        assert client.post("/api/segments", grouped("Homes", type="public")) == 400

    def test_files_of_segments_and_of_lists_in_them(self, client: Client, spelling: str) -> None:
        sent = [file(grouped(spelling, type="public", name="s"), "s.json")]
        for path in ("import/validation", "import"):
            assert client.post(f"/api/segments/{path}", sent)[0]["error"] is None
        (made,) = client.get("/api/segments")["segmentsData"]
        assert made["context"] == "Home"
        (again,) = client.post("/api/segments/import", sent)
        assert "already used by another segment" in again["error"]
        listing = [file(grouped(spelling, listType="classId"), "l.json")]
        checked = client.post("/api/segments/list/import/validation", listing)
        assert checked[0]["error"] is None
        body = {"files": listing, "parentSegmentId": made["id"]}
        assert client.post("/api/segments/list/import", body)[0]["error"] is None
        (part,) = client.get(f"/api/segments/{made['id']}")["subSegments"]
        assert part["context"] == "Home"

    def test_a_global_exclusion_shuts_out_of_its_context(
        self, client: Client, spelling: str
    ) -> None:
        client.call("POST", "/api/v6/init", {}, **{"User-Id": "ada"})
        client.post("/api/experiments", design(("s", ""), context=[spelling], state="running"))
        asked = ("POST", "/api/v6/assign", {"context": "Home"})
        assert len(client.call(*asked, **{"User-Id": "ada"})) == 1
        shut_out = client.get("/api/segments/global")[0]
        body = segment("ada", context=spelling, type="global_exclude", id=shut_out["id"])
        assert client.post("/api/segments", body)["context"] == "Home"
        assert client.call(*asked, **{"User-Id": "ada"}) == []


class TestDesigns:
    def test_lists_of_an_experiment(self, client: Client, spelling: str) -> None:
        along = {"segment": {"type": "private", "individualForSegment": [{"userId": "ada"}]}}
        lists: dict[str, Any] = {"experimentSegmentInclusion": [along]}
        body = design(("s", ""), context=[spelling], **lists)
        client.post("/api/experiments", body)
        added = {"experimentId": body["id"], "list": grouped(spelling)}
        made = client.post("/api/experiments/exclusionList", added)["segment"]
        client.call("PUT", f"/api/experiments/exclusionList/{made['id']}", added)
        sent = {"experimentId": body["id"], "filterType": "exclusion"}
        sent["files"] = [file(grouped(spelling), "l.json")]
        assert client.post("/api/experiments/lists/import", sent)[0]["error"] is None
        path = f"/api/experiments/single/{body['id']}"
        assert client.contexts_of_lists(path) == {"Home"}
        assert len(client.get(path)["experimentSegmentExclusion"]) == 2
        other = design(("s", ""), context=[spelling], **lists)
        assert client.post("/api/experiments/import", [file(other)])[0]["error"] is None
        assert client.contexts_of_lists(f"/api/experiments/single/{other['id']}") == {"Home"}
        unknown = {**added, "list": grouped("nowhere")}
        assert client.post("/api/experiments/exclusionList", unknown) == 400

    def test_lists_of_a_flag(self, client: Client, spelling: str) -> None:
        made = client.post("/api/flags", flag(context=[spelling]))
        kind = {"enabled": True, "listType": "classId"}
        added = {"id": made["id"], **kind, "segment": grouped(spelling)}
        assert client.post("/api/flags/inclusionList", added)["segment"]["context"] == "Home"
        sent = {"flagId": made["id"], "filterType": "exclusion"}
        sent["files"] = [file(grouped(spelling, listType="classId"), "l.json")]
        assert client.post("/api/flags/lists/import", sent)[0]["error"] is None
        assert client.contexts_of_lists(f"/api/flags/{made['id']}") == {"Home"}
        listing = {**kind, "segment": grouped(spelling)}
        other = flag("other", context=[spelling], featureFlagSegmentInclusion=[listing])
        taken = client.post("/api/flags/import", {"files": [file(other, "f.json")]})
        assert taken[0]["error"] is None
        for each in client.get("/api/flags"):
            assert client.contexts_of_lists(f"/api/flags/{each['id']}") == {"Home"}

    def test_batch_assign_finds_the_experiments_of_the_context(
        self, client: Client, spelling: str
    ) -> None:
        client.call("POST", "/api/v6/init", {}, **{"User-Id": "ada"})
        client.post("/api/experiments", design(("s", ""), context=["Home"], state="running"))
        asked = {"context": spelling, "site": "s", "target": "", "userIds": ["ada"]}
        assert client.post("/api/batch-assign", asked)["ada"]["site"] == "s"

    def test_clients_spell_a_context_as_it_is_configured(
        self, client: Client, spelling: str
    ) -> None:
        client.call("POST", "/api/v6/init", {}, **{"User-Id": "ada"})
        for path in ("assign", "featureflag"):
            answer = client.call(
                "POST", f"/api/v6/{path}", {"context": spelling}, **{"User-Id": "ada"}
            )
            assert answer == ([] if spelling == "Home" else 400)


class TestMetrics:
    def test_metrics_are_saved_and_found_in_the_context_that_is_configured(
        self, client: Client, spelling: str
    ) -> None:
        unit = {"metric": "time", "datatype": "continuous"}
        saved = client.post("/api/metric/save", {"metricUnit": [unit], "context": [spelling]})
        assert saved[0]["context"] == ["Home"]
        for name in SPELLINGS:
            assert [each["key"] for each in client.get(f"/api/metric/{name}")] == ["time"]
        assert client.get("/api/metric/add") == client.get("/api/metric/nowhere") == 404
        body = {"metricUnit": [unit], "context": [spelling, "nowhere"]}
        assert client.post("/api/metric/save", body) == 400

    @pytest.mark.parametrize("elsewhere", [None, ["nowhere"], ["nowhere", "HOME"]])
    def test_metrics_of_a_file_come_to_the_contexts_that_are_here(
        self, client: Client, spelling: str, elsewhere: list[str] | None
    ) -> None:
        metric = {"key": "time", "type": "continuous", "allowedData": None, "context": elsewhere}
        asked = {
            "name": "q",
            "query": {"operationType": "avg"},
            "metric": metric,
            "repeatedMeasure": "MEAN",
        }
        body = design(("s", ""), context=[spelling], queries=[asked])
        assert client.post("/api/experiments/import", [file(body)])[0]["error"] is None
        (saved,) = client.get("/api/metric/HOME")
        assert saved["context"] == ["Home"]
