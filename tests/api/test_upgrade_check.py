"""Records of participants, listed and brought in through the API."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from chalicelib.api.upgrade.catalogue.check import CURSORS
from chalicelib.domain.experiments.transfer import RecordKind
from tests.api.upgrade_setup import design, start
from tests.cursors import forged
from tests.http import Answer, Gateway

TABLES = (
    "individualAssignment", "individualExclusion", "monitoredExperimentPoint",
    "groupAssignment", "groupExclusion",
)  # fmt: skip
AT = "2025-05-06T07:08:09.123Z"
GROUPS = {"group": {"classId": ["c1"]}, "workingGroup": {"classId": "c1"}}


def send(gateway: Gateway) -> Any:
    return lambda method, path, body: gateway.send(method, path, body).json


def client(gateway: Gateway, path: str, user_id: str, body: Any) -> Any:
    answer = gateway.send("POST", f"/api/v6/{path}", body, {"user-id": user_id})
    assert answer.status == 200, answer.text
    return answer.json


def listed(gateway: Gateway, table: str, query: str = "") -> list[dict[str, Any]]:
    answer = gateway.get(f"/api/check/{table}{query}")
    assert answer.status == 200, answer.text
    rows: list[dict[str, Any]] = answer.json
    return rows


def brought_in(gateway: Gateway, table: str, rows: Any) -> dict[str, Any]:
    answer = gateway.post(f"/api/check/{table}", rows)
    assert answer.status == 200, answer.text
    report: dict[str, Any] = answer.json
    return report


def columns(**fields: Any) -> dict[str, Any]:
    return {"createdAt": AT, "updatedAt": AT, "versionNumber": 1, **fields}


def user_row(user_id: str) -> dict[str, Any]:
    return columns(id=user_id, **GROUPS)


def code_of(gateway: Gateway, user_id: str) -> Any:
    client(gateway, "init", user_id, {})
    assigned = client(gateway, "assign", user_id, {"context": "home"})
    return [each["assignedCondition"][0]["conditionCode"] for each in assigned]


@pytest.fixture
def experiment(gateway: Gateway) -> dict[str, Any]:
    return start(send(gateway), design(("site", "t"), weights=(100, 0)))


def test_rows_of_the_original_move_a_participant_with_the_condition(
    gateway: Gateway, experiment: dict[str, Any]
) -> None:
    variant = experiment["conditions"][1]
    row = columns(
        id=str(uuid.uuid4()),
        experimentId=experiment["id"],
        userId="ada",
        groupId=None,
        enrollmentCode="participant enrolled via algorithm",
        conditionId=variant["id"],
        experiment=columns(id=experiment["id"], name="x"),
        user=user_row("ada"),
        condition=variant,
    )
    new = {"stored": 1, "unchanged": 0, "refused": []}
    assert brought_in(gateway, "individualAssignment", [row]) == new
    again = brought_in(gateway, "individualAssignment", [row])
    assert again == {"stored": 0, "unchanged": 1, "refused": []}
    assert code_of(gateway, "ada") == ["variant"]
    assert code_of(gateway, "bob") == ["control"]
    (shown,) = listed(gateway, "individualAssignment")
    assert {key: shown[key] for key in ("createdAt", "userId", "conditionId", "experimentId")} == {
        key: row[key] for key in ("createdAt", "userId", "conditionId", "experimentId")
    }
    assert shown["user"]["group"] == GROUPS["group"]
    assert shown["partition"] == {"site": "site", "target": "t"}
    assert shown["experiment"]["state"] == "enrolling"


def test_exclusions_and_points_move(gateway: Gateway, experiment: dict[str, Any]) -> None:
    exclusion = columns(
        id=f"{experiment['id']}_ada",
        groupId=None,
        exclusionCode="participant was on the exclusion list",
    )
    assert brought_in(gateway, "individualExclusion", [exclusion])["stored"] == 1
    assert code_of(gateway, "ada") == []
    assert listed(gateway, "individualExclusion") == [exclusion]
    point = columns(
        id=str(uuid.uuid4()),
        site="site",
        target=None,
        experimentId=None,
        condition="x",
        user=user_row("bob"),
        monitoredPointLogs=[columns(id=1)],
    )
    assert brought_in(gateway, "monitoredExperimentPoint", [point])["stored"] == 1
    (shown,) = listed(gateway, "monitoredExperimentPoint")
    assert shown == {**point, "target": "", "monitoredPointLogs": []}


def test_a_point_keeps_the_id_that_it_came_with(gateway: Gateway) -> None:
    row = columns(id="lesson-ada", user=user_row("ada"), site="lesson", target="start")
    assert brought_in(gateway, "monitoredExperimentPoint", [row])["stored"] == 1
    data = {"site": "lesson", "target": "start"}
    marked = client(gateway, "mark", "ada", {"data": data, "status": "condition applied"})
    assert marked["id"] == "lesson-ada"


def test_groups_move(gateway: Gateway) -> None:
    body = design(
        ("site", "t"),
        weights=(100, 0),
        assignmentUnit="group",
        group="classId",
        consistencyRule="group",
    )
    experiment = start(send(gateway), body)
    variant = experiment["conditions"][1]
    enrolled = columns(
        id="1",
        experimentId=experiment["id"],
        groupId="c1",
        conditionId=variant["id"],
        condition=variant,
    )
    excluded = columns(
        id=f"{experiment['id']}_c2",
        experimentId=experiment["id"],
        exclusionCode="participant was on the exclusion list",
        groupId="c2",
    )
    assert brought_in(gateway, "groupAssignment", [enrolled])["stored"] == 1
    assert brought_in(gateway, "groupExclusion", [excluded])["stored"] == 1
    client(gateway, "init", "ada", GROUPS)
    assert code_of(gateway, "ada") == ["variant"]
    (shown,) = listed(gateway, "groupAssignment")
    assert (shown["groupId"], shown["conditionId"]) == ("c1", variant["id"])
    assert listed(gateway, "groupExclusion") == [excluded]


def test_what_one_server_lists_another_takes(gateway: Gateway, experiment: dict[str, Any]) -> None:
    for user_id in ("ada", "bob"):
        client(gateway, "init", user_id, GROUPS)
        client(gateway, "mark", user_id, {"data": {"site": "site", "target": "t"}})
    mark = {"data": {"site": "site", "target": "t"}, "status": "condition not applied"}
    client(gateway, "init", "eve", GROUPS)
    client(gateway, "mark", "eve", mark)
    before = {table: listed(gateway, table) for table in TABLES}
    assert [len(before[table]) for table in TABLES] == [2, 1, 3, 0, 0]
    gateway.delete("/api/v5/clearDB")
    made = gateway.post("/api/experiments", design(("site", "t"), id=experiment["id"])).json
    ids = {
        old["id"]: new["id"]
        for old, new in zip(experiment["conditions"], made["conditions"], strict=True)
    }
    for row in before["individualAssignment"]:
        row["conditionId"] = ids[row["conditionId"]]
    for table in TABLES:
        assert brought_in(gateway, table, before[table])["refused"] == []
    after = {table: listed(gateway, table) for table in TABLES}
    for table in TABLES:
        assert _bare(after[table]) == _bare(before[table])


def _bare(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the experiment and the condition, which were made anew."""
    kept = [{k: v for k, v in row.items() if k not in ("experiment", "condition")} for row in rows]
    return sorted(kept, key=lambda row: str(row["id"]))


def test_long_lists_come_in_pages(gateway: Gateway) -> None:
    for number in range(7):
        client(gateway, "init", f"u{number}", {})
        client(gateway, "mark", f"u{number}", {"data": {"site": "s", "target": ""}})
    users, query = [], "?limit=3"
    while query:
        answer = gateway.get(f"/api/check/monitoredExperimentPoint{query}")
        users += [row["user"]["id"] for row in answer.json]
        assert len(answer.json) <= 3
        query = next_page(answer)
    assert sorted(users) == [f"u{number}" for number in range(7)]


@pytest.mark.parametrize("table", ["individualAssignment", "groupAssignment"])
def test_a_row_that_does_not_fit_an_answer_is_shown_shortened(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    of_class: dict[str, Any] = {
        "assignmentUnit": "group",
        "consistencyRule": "group",
        "group": "classId",
    }
    body = design(("site", ""), description="d" * 9_000, tags=["t", "u"], **of_class)
    for each in body["conditions"]:
        each["description"] = "c" * 9_000
    made = start(send(gateway), body)
    for user in ("u1", "u2"):
        client(
            gateway,
            "init",
            user,
            {
                **GROUPS,
                "group": {"classId": [f"class of {user}"]},
                "workingGroup": {"classId": f"class of {user}"},
            },
        )
        data = {"site": "site", "target": "", "assignedCondition": {"conditionCode": "control"}}
        client(gateway, "mark", user, {"data": data})
    whole = listed(gateway, table)
    monkeypatch.setattr("chalicelib.api.pages.answer_sizes.ANSWER_BYTES", 4_000)
    rows, query = [], "?"
    while query:
        answer = gateway.get(f"/api/check/{table}{query}")
        rows += answer.json
        query = next_page(answer)
    assert [row["id"] for row in rows] == [row["id"] for row in whole]
    for row, before in zip(rows, whole, strict=True):
        assert row["condition"]["description"] == "c" * 200 + "…"
        assert {**row, "condition": 0, "experiment": 0} == {
            **before,
            "condition": 0,
            "experiment": 0,
        }
        if "experiment" in row:
            shown = row["experiment"]
            assert (shown["description"], shown["tags"]) == ("d" * 200 + "…", ["t"])
            assert shown["id"] == made["id"]


def next_page(answer: Answer) -> str:
    found = re.fullmatch(r'<(\?.*)>; rel="next"', answer.headers.get("link", ""))
    return found[1] if found else ""


def cursor(*position: str) -> str:
    kind = RecordKind.GROUP_EXCLUSIONS.value
    return f"?cursor={forged(CURSORS, position, kind=kind)}"


@pytest.mark.parametrize(
    "query",
    [
        "?limit=0", "?limit=2000", "?limit=x", "?cursor=x", "?cursor=W10",
        cursor("\ud800", "x"), cursor("x" * 2049, "x"), cursor("x", "x" * 1025),
    ],
)  # fmt: skip
def test_a_page_that_cannot_be_is_refused(gateway: Gateway, query: str) -> None:
    assert gateway.get(f"/api/check/groupExclusion{query}").status == 400


ROW = columns(
    id=f"{uuid.uuid4()}_u",
    experimentId=str(uuid.uuid4()),
    conditionId=str(uuid.uuid4()),
    userId="u",
    groupId="g",
    site="s",
    enrollmentCode="participant enrolled via algorithm",
    exclusionCode="participant was on the exclusion list",
)


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_unknown_experiments_are_refused_one_by_one(gateway: Gateway, table: str) -> None:
    report = brought_in(gateway, table, [ROW, ROW])
    if table == "monitoredExperimentPoint":
        assert (report["stored"], report["unchanged"]) == (1, 1)
    else:
        assert [each["index"] for each in report["refused"]] == [0, 1]
        assert "import its design first" in report["refused"][0]["reason"]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("individualAssignment", {"userId": None}),
        ("individualAssignment", {"enrollmentCode": "because"}),
        ("individualAssignment", {"createdAt": "yesterday"}),
        ("individualExclusion", {"id": "u"}),
        ("individualExclusion", {"id": 62}),
        ("individualExclusion", {"id": f"{uuid.UUID(int=1)}_\x00"}),
        ("individualExclusion", {"id": f"{uuid.UUID(int=1)}_\ud800"}),
        ("individualExclusion", {"id": f"{uuid.UUID(int=1)}_{'u' * 1000}"}),
        ("monitoredExperimentPoint", {"site": ""}),
        ("groupAssignment", {"conditionId": None}),
        ("groupExclusion", {"exclusionCode": None}),
    ],
)
def test_a_malformed_row_refuses_the_whole_call(
    gateway: Gateway, table: str, fault: dict[str, Any]
) -> None:
    assert gateway.post(f"/api/check/{table}", [ROW, {**ROW, **fault}]).status == 400
    assert listed(gateway, table) == []


@pytest.mark.parametrize("rows", [{}, {"0": ROW}, [ROW] * 1001])
def test_a_call_holds_a_list_of_so_many_rows(gateway: Gateway, rows: Any) -> None:
    assert gateway.post("/api/check/individualAssignment", rows).status == 400
