"""A running experiment moves from one server to another with every participant's condition."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from infra.transfer.__main__ import main
from tests.api.upgrade_setup import design, start

POINT_KEY = {"site": "lesson", "target": "start"}


class Site:
    """A server, as administrators and clients call it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def send(self, method: str, path: str, body: Any = None, user_id: str = "") -> Any:
        headers = {"User-Id": user_id} if user_id else {}
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def call(self, path: str, user_id: str, body: Any) -> Any:
        return self.send("POST", f"/api/v6/{path}", body, user_id)

    def codes(self, user_id: str) -> list[str]:
        assigned = self.call("assign", user_id, {"context": "home"})
        return sorted(each["assignedCondition"][0]["conditionCode"] for each in assigned)

    def enrolled(self, *experiment_ids: str) -> list[tuple[int, int]]:
        body = {"experimentIds": experiment_ids}
        rows = self.send("POST", "/api/stats/enrollment", body)
        return [(row["users"], row["groups"]) for row in rows]


@pytest.fixture
def sites(start_server: Any) -> tuple[Site, Site]:
    old = start_server(TABLE_PREFIX="switchyard-old").url
    new = start_server(TABLE_PREFIX="switchyard-new").url
    for url in (old, new):
        requests.delete(f"{url}/api/v5/clearDB", timeout=20).raise_for_status()
    return Site(old), Site(new)


def reweighted(site: Site, experiment_id: str) -> None:
    """From now on everybody who is not enrolled gets the second condition."""
    path = f"/api/experiments/single/{experiment_id}"
    whole = site.send("GET", path)
    for condition, weight in zip(whole["conditions"], (0, 100), strict=True):
        condition["assignmentWeight"] = weight
    site.send("PUT", f"/api/experiments/{experiment_id}", whole)


def test_everybody_keeps_the_condition(sites: tuple[Site, Site], capsys: Any) -> None:
    old, new = sites
    metric = {"metricUnit": [{"metric": "time", "datatype": "continuous"}], "context": ["home"]}
    old.send("POST", "/api/metric/save", metric)
    query = {
        "name": "time",
        "query": {"operationType": "avg"},
        "metric": {"key": "time"},
        "repeatedMeasure": "MEAN",
    }
    alone = start(old.send, design(("lesson", "start"), weights=(100, 0), queries=[query]))
    together = start(
        old.send,
        design(
            ("lesson", "end"),
            weights=(100, 0),
            assignmentUnit="group",
            group="classId",
            consistencyRule="group",
        ),
    )
    ids = [alone["id"], together["id"]]
    groups = {"group": {"classId": ["c"]}, "workingGroup": {"classId": "c"}}
    for user_id in ("ada", "bob"):
        old.call("init", user_id, groups)
        for target in ("start", "end"):
            old.call("mark", user_id, {"data": {"site": "lesson", "target": target}})
    old.call("init", "eve", {})
    refused = {"data": POINT_KEY, "status": "condition not applied"}
    old.call("mark", "eve", refused)
    for experiment_id in ids:
        reweighted(old, experiment_id)
    move = ["--from", old.url, "--to", new.url, *ids]
    assert main(move) == 0
    assert "individualAssignment: 4 stored, 0 there already, 0 refused" in capsys.readouterr().out
    assert main(move) == 0
    assert "individualAssignment: 0 stored, 4 there already, 0 refused" in capsys.readouterr().out
    assert new.enrolled(*ids) == old.enrolled(*ids) == [(2, 0), (2, 1)]
    for site in (old, new):
        for user_id in ("newcomer", "classmate"):
            site.call("init", user_id, groups if user_id == "classmate" else {})
        assert site.codes("ada") == site.codes("bob") == ["control", "control"]
        assert site.codes("eve") == []
        assert site.codes("newcomer") == ["variant"]
        assert site.codes("classmate") == ["control", "variant"]
    kept = [site.send("GET", f"/api/experiments/single/{ids[0]}") for site in sites]
    assert kept[0]["queries"][0]["id"] == kept[1]["queries"][0]["id"]
    assert kept[1]["state"] == "running"
    assert [c["id"] for c in kept[0]["conditions"]] == [c["id"] for c in kept[1]["conditions"]]


def test_an_experiment_that_is_not_there_is_named(sites: tuple[Site, Site], capsys: Any) -> None:
    old, new = sites
    missing = "11111111-1111-4111-8111-111111111111"
    assert main(["--from", old.url, "--to", new.url, missing]) == 1
    assert missing in capsys.readouterr().err


def test_a_backend_that_does_not_answer_ends_the_move_with_a_word(capsys: Any) -> None:
    nobody = "http://127.0.0.1:9"
    assert main(["--from", nobody, "--to", nobody, "x"]) == 1
    assert "Start it again" in capsys.readouterr().err
