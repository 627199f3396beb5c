"""A new UpGrade design, step by step: the address holds the draft."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.api.dashboard.serving.drafts import LONGEST, OUTGROWN
from tests.api.dashboard.pages import Seen, load, submit
from tests.http import Gateway

NEW = "/dashboard/new/design"
HOSTILE = "<script>alert(1)</script>\"'&\u202e"

SIMPLE = {
    "name": "Hints",
    "context": "home",
    "conditions.0.code": "control",
    "conditions.1.code": "hint",
    "points.0.site": "lesson",
    "points.0.target": "hint",
}


def step(gateway: Gateway, name: str, fields: dict[str, str]) -> Seen:
    return load(gateway, f"{NEW}?{urlencode({**fields, 'step': name})}")


def created(gateway: Gateway, fields: dict[str, str]) -> Any:
    """The design that a draft becomes."""
    page = step(gateway, "review", fields)
    assert "Everything fits together" in page.text, page.text
    sent = {name: value for name, value in page.fields.items() if value}
    page = submit(gateway, NEW, sent)
    assert page.status == 200, page.text
    assert "was created" in page.text
    (found,) = gateway.get("/api/experiments").json
    return found


def test_a_draft_begins_with_the_basics_and_what_can_be_imported(gateway: Gateway) -> None:
    page = load(gateway, NEW)
    assert page.status == 200
    assert "1. Basics" in page.text
    assert "action-import" in page.testids
    assert "action-create" not in page.testids


@pytest.mark.parametrize(
    "name", ["basics", "conditions", "points", "payloads", "metrics", "audience", "schedule"]
)
def test_every_step_keeps_what_the_others_asked(gateway: Gateway, name: str) -> None:
    fields = {**SIMPLE, "tags": HOSTILE, "end": "2031-01-01T00:00", "queries.0.name": "Time"}
    page = step(gateway, name, fields)
    assert page.status == 200
    assert fields.items() <= {**page.fields, "context": "home"}.items()
    assert "<script>alert" not in page.answer.text


def test_a_simple_design_is_created_with_equal_shares(gateway: Gateway) -> None:
    found = created(gateway, SIMPLE)
    assert [each["conditionCode"] for each in found["conditions"]] == ["control", "hint"]
    assert [each["assignmentWeight"] for each in found["conditions"]] == [50, 50]
    assert found["state"] == "inactive"
    assert (found["partitions"][0]["site"], found["partitions"][0]["target"]) == ("lesson", "hint")


def test_a_factorial_design_combines_the_levels(gateway: Gateway) -> None:
    fields = {
        "name": "Colours and shapes",
        "context": "home",
        "type": "Factorial",
        "factors.0.name": "Color",
        "factors.0.levels": "red = #f00\nblue",
        "factors.1.name": "Shape",
        "factors.1.levels": "circle\nsquare",
        "points.0.site": "lesson",
    }
    first = {name: fields[name] for name in ("name", "context", "type")}
    page = step(gateway, "conditions", first)
    assert "factors.0.name" in page.fields, "without factors there is nothing to combine"
    page = step(gateway, "factors", fields)
    assert "4 combinations so far" in page.text
    page = step(gateway, "conditions", fields)
    assert "Color=red; Shape=square" in page.testids["variants"][0]
    weights = {
        f"conditions.{n}.weight": weight for n, weight in enumerate(("40", "20", "20", "20"))
    }
    fields = {**fields, **page.fields, **weights}
    payload = {
        "payloads.0.condition": "Color=red; Shape=circle",
        "payloads.0.type": "json",
        "payloads.0.value": "{}",
    }
    found = created(gateway, {**fields, **payload})
    assert [each["assignmentWeight"] for each in found["conditions"]] == [40, 20, 20, 20]
    elements = found["conditions"][1]["levelCombinationElements"]
    assert [each["level"]["name"] for each in elements] == ["red", "square"]
    assert found["factors"][0]["levels"][0]["payload"] == {"type": "string", "value": "#f00"}
    assert found["conditionPayloads"][0]["payload"] == {"type": "json", "value": "{}"}


def test_more_than_forty_combinations_are_said_to_be_too_many(gateway: Gateway) -> None:
    levels = "\n".join(map(str, range(7)))
    factors = {
        f"factors.{n}.{name}": value
        for n in range(2)
        for name, value in (("name", f"f{n}"), ("levels", levels))
    }
    page = step(gateway, "conditions", {**SIMPLE, "type": "Factorial", **factors})
    assert "or more than 40" in page.text


def test_a_group_design_has_lists_rules_and_ends(gateway: Gateway) -> None:
    found = created(
        gateway,
        {
            **SIMPLE,
            "unit": "group",
            "group": "classId",
            "rule": "group",
            "filter_mode": "excludeAll",
            "points.0.exclude": "yes",
            "lists.0.side": "include",
            "lists.0.kind": "classId",
            "lists.0.members": "one\ntwo\none",
            "lists.1.side": "exclude",
            "lists.1.kind": "Individual",
            "lists.1.members": "anna",
            "state": "scheduled",
            "start": "2031-01-01T08:00",
            "end": "2031-02-01T08:00",
            "users": "5",
            "groups": "20",
            "post_rule": "assign",
            "revert_to": "hint",
            "payloads.0.condition": "hint",
            "payloads.0.point": "lesson / hint",
            "payloads.0.value": "look here",
        },
    )
    assert (found["group"], found["consistencyRule"]) == ("classId", "group")
    included = found["experimentSegmentInclusion"][0]["segment"]
    groups = [each["groupId"] for each in included["groupForSegment"]]
    assert sorted(groups) == ["one", "two"]
    assert found["enrollmentCompleteCondition"] == {"userCount": 5, "groupCount": 20}
    assert found["revertTo"] == found["conditions"][1]["id"]
    assert found["partitions"][0]["excludeIfReached"] is True
    payloads = {each["parentCondition"]: each["payload"] for each in found["conditionPayloads"]}
    assert payloads[found["revertTo"]] == {"type": "string", "value": "look here"}


def test_a_design_within_subjects_has_an_order(gateway: Gateway) -> None:
    fields = {**SIMPLE, "unit": "within-subjects"}
    page = step(gateway, "review", fields)
    assert "conditionOrder: required within subjects" in page.text
    found = created(gateway, {**fields, "order": "random round robin"})
    assert found["conditionOrder"] == "random round robin"
    assert found["consistencyRule"] is None


def test_the_review_says_what_the_api_would_refuse(gateway: Gateway) -> None:
    page = step(gateway, "review", {**SIMPLE, "name": ""})
    assert "name: " in page.text
    page = step(gateway, "review", {**SIMPLE, "conditions.0.code": "default"})
    assert "'default' as ConditionCode is not allowed" in page.text
    page = step(gateway, "review", {**SIMPLE, "queries.0.metric": "unknown"})
    assert "there is no metric unknown" in page.text
    page = step(gateway, "review", {**SIMPLE, "payloads_json": "{}"})
    assert "conditionPayloads: this must be a list" in page.text
    page = step(gateway, "review", {**SIMPLE, "algorithm": "stratified random sampling"})
    assert "stratificationFactor" in page.text


def test_a_draft_that_is_refused_is_kept(gateway: Gateway) -> None:
    fields = {**SIMPLE, "conditions.0.weight": "half"}
    page = submit(gateway, NEW, fields)
    assert page.status == 422
    assert "conditions.0.assignmentWeight: must be a number" in page.text
    assert fields.items() <= page.fields.items()
    assert submit(gateway, NEW, {"conditions": "x", "conditions.0.code": "y"}).status == 422


def test_payloads_of_a_draft_can_be_json(gateway: Gateway) -> None:
    more = '[{"parentCondition": "hint", "payload": {"type": "csv", "value": "1,2"}}]'
    found = created(gateway, {**SIMPLE, "payloads_json": more})
    assert {"type": "csv", "value": "1,2"} in [
        each["payload"] for each in found["conditionPayloads"]
    ]


def test_strata_and_segments_and_queries_can_be_chosen(gateway: Gateway) -> None:
    metric = {"metricUnit": [{"metric": "tool", "datatype": "categorical"}], "context": ["home"]}
    assert gateway.post("/api/metric/save", metric).status == 200
    segment = {
        "id": "7f3a1e60-1111-4222-8333-944455556666",
        "name": "Pilots",
        "context": "home",
        "type": "public",
        "userIds": ["anna"],
        "groups": [],
        "subSegmentIds": [],
    }
    assert gateway.post("/api/segments", segment).status == 200
    page = step(gateway, "audience", SIMPLE)
    assert "Pilots" in page.text
    found = created(
        gateway,
        {
            **SIMPLE,
            "algorithm": "stratified random sampling",
            "stratification": "grade",
            "lists.0.kind": "Segment",
            "lists.0.segment": str(segment["id"]),
            "queries.0.metric": "tool",
            "queries.0.operation": "percentage",
            "queries.0.measure": "MOST RECENT",
            "queries.0.compare_fn": "=",
            "queries.0.compare_value": "pen",
        },
    )
    assert found["stratificationFactor"] == {"stratificationFactorName": "grade"}
    listed = found["experimentSegmentInclusion"][0]["segment"]
    assert listed["subSegments"][0]["name"] == "Pilots"
    (query,) = found["queries"]
    assert query["query"] == {
        "operationType": "percentage",
        "compareFn": "=",
        "compareValue": "pen",
    }


def test_a_draft_that_outgrows_its_address_is_told_so(gateway: Gateway) -> None:
    fields = {**SIMPLE, "lists.0.members": "\n".join(f"user-{n:04d}" for n in range(900))}
    page = step(gateway, "review", fields)
    assert page.testids["draft-fault"] == [OUTGROWN]
    assert "Everything fits together" not in page.text
    assert page.fields["lists.0.members"] == fields["lists.0.members"]


def test_line_ends_count_as_browsers_send_them(gateway: Gateway) -> None:
    named = urlencode({**SIMPLE, "step": "review", "lists.0.members": ""})
    room = LONGEST - len(named)
    most = room // len(f"{'x' * 9}%0D%0A")
    for lines, told in ((most - 20, ""), (most + 20, OUTGROWN)):
        assert len(named) + 12 * lines < LONGEST, "with one character each they would all fit"
        fields = {**SIMPLE, "lists.0.members": "\n".join(["x" * 9] * lines)}
        assert "".join(step(gateway, "review", fields).testids.get("draft-fault", [])) == told


def test_the_review_of_what_the_api_would_refuse_leads_to_the_step_with_the_fault(
    gateway: Gateway,
) -> None:
    page = step(gateway, "review", {**SIMPLE, "conditions.1.weight": "half"})
    assert "conditions.1.assignmentWeight: must be a number" in page.testids["draft-fault"][0]
    assert page.fields["conditions.1.weight"] == "half"
    assert '<template data-fault="conditions.1.weight"' in page.answer.text
    assert "action-create" not in page.testids
    page = step(gateway, "review", {**SIMPLE, "unit": "group"})
    assert 'name="group"' in page.answer.text


PLANNED = {
    "conditions.0.code": "hint",
    "conditions.0.weight": "20",
    "conditions.1.code": "control",
    "conditions.1.weight": "80",
    "queries.0.metric": "seconds",
    "queries.0.operation": "avg",
    "direction": "decrease",
    "smallest_effect": "2",
    "expected_spread": "10",
    "users_per_day": "50",
}


def save_metric(gateway: Gateway) -> None:
    unit = {"metric": "seconds", "datatype": "continuous"}
    gateway.post("/api/metric/save", {"metricUnit": [unit], "context": ["home"]})


def test_a_draft_says_how_long_it_takes_by_its_weights(gateway: Gateway) -> None:
    save_metric(gateway)
    for name in ("metrics", "review"):
        (told,) = step(gateway, name, {**SIMPLE, **PLANNED}).testids["duration"]
        found = re.search(
            r"^([0-9,]+) users .*: ([0-9,]+) of the control and ([0-9,]+) of each", told
        )
        assert found is not None, told
        users, control, variant = (int(each.replace(",", "")) for each in found.groups())
        assert variant == pytest.approx(control / 4, abs=1), "a fifth is a fourth of four fifths"
        assert users == pytest.approx(control / 0.8, abs=5)
        assert f"after {-(-users // 50)} days" in told


def test_what_is_planned_is_created_with_the_design(gateway: Gateway) -> None:
    save_metric(gateway)
    made = created(gateway, {**SIMPLE, **PLANNED, "state": "enrolling"})
    answer = gateway.get(f"/api/results/experiment/{made['id']}/plan").json
    assert answer["plan"]["smallest_effect"] == 2
    (primary,) = answer["plan"]["metrics"]
    assert (primary["role"], primary["direction"]) == ("primary", "decrease")
    assert answer["fixed"]["plan"]["expected_spread"] == 10
    assert answer["changes"] == []


def test_without_a_plan_the_defaults_hold(gateway: Gateway) -> None:
    save_metric(gateway)
    fields = {**SIMPLE, **PLANNED, "direction": "increase"}
    for name in ("smallest_effect", "expected_spread", "users_per_day"):
        del fields[name]
    made = created(gateway, fields)
    plan = gateway.get(f"/api/results/experiment/{made['id']}/plan").json["plan"]
    assert (plan["metrics"], plan["smallest_effect"]) == ([], None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"users_per_day": "many"}, "users_per_day: must be a number, not many"),
        ({"users_per_day": "0"}, "more than 0"),
        ({"conditions.0.weight": "half"}, "weight: must be a number"),
        ({"conditions.1.weight": "0"}, "control and at least one other"),
        ({"smallest_effect": "much"}, "smallest_effect"),
        ({"users_per_day": ""}, "type how many you expect"),
        ({"smallest_effect": ""}, "is worked out from the smallest effect"),
        ({"smallest_effect": "-2"}, "smallest_effect: more than 0"),
        ({"queries.0.operation": "median"}, "median is only described"),
        ({"direction": "sideways"}, "direction: one of"),
        ({"type": "Factorial"}, "which compares levels"),
        ({"unit": "within-subjects"}, "calculator"),
    ],
)
def test_why_there_is_no_duration_is_told(
    gateway: Gateway, fields: dict[str, str], said: str
) -> None:
    page = step(gateway, "metrics", {**SIMPLE, **PLANNED, **fields})
    assert page.status == 200
    assert said in page.text


def users_needed(gateway: Gateway, **fields: str) -> int:
    page = step(gateway, "metrics", {**SIMPLE, **PLANNED, **fields})
    return int(page.testids["duration"][0].partition(" ")[0].replace(",", ""))


def test_without_an_end_more_users_are_needed(gateway: Gateway) -> None:
    with_end = users_needed(gateway, end="2031-01-01T00:00")
    assert users_needed(gateway) > 1.5 * with_end
    assert users_needed(gateway, users="1000") == with_end


def test_a_rate_needs_other_users_to_fall_than_to_rise(gateway: Gateway) -> None:
    share = {"expected_spread": "", "expected_mean": "0.9", "smallest_effect": "0.05"}
    kind = {"queries.0.operation": "percentage", "end": "2031-01-01T00:00"}
    falls = users_needed(gateway, **share, **kind)
    rises = users_needed(gateway, **share, **kind, direction="increase")
    assert rises < falls, "rates near 1 vary least"


@pytest.mark.parametrize(
    ("fields", "said", "place"),
    [
        ({"smallest_effect": "-2"}, "smallest_effect: more than 0", "metrics"),
        ({"expected_spread": "-1"}, "expected_spread: more than 0", "metrics"),
        ({"queries.0.metric": ""}, "smallest_effect: only with a query", "metrics"),
        ({"users": "many"}, "userCount", "schedule"),
        ({"state": "scheduled"}, "start", "schedule"),
        ({"payloads_json": "{"}, "conditionPayloads", "payloads"),
        ({"lists.0.members": "x" * 600}, "experimentSegmentInclusion", "audience"),
    ],
)
def test_what_creation_would_refuse_the_review_refuses_at_its_step(
    gateway: Gateway, fields: dict[str, str], said: str, place: str
) -> None:
    save_metric(gateway)
    for page in (
        step(gateway, "review", {**SIMPLE, **PLANNED, **fields}),
        submit(gateway, NEW, {**SIMPLE, **PLANNED, **fields}),
    ):
        assert said in page.testids["draft-fault"][0]
        assert f'value="{place}" formnovalidate aria-current="step"' in page.answer.text
    assert gateway.get("/api/experiments").json == []


def test_a_plan_that_makes_no_sense_is_refused_in_the_words_of_the_api(gateway: Gateway) -> None:
    save_metric(gateway)
    page = submit(gateway, NEW, {**SIMPLE, **PLANNED, "smallest_effect": "-2"})
    assert page.status == 422
    assert "smallest_effect: more than 0" in page.text
    assert gateway.get("/api/experiments").json == []
