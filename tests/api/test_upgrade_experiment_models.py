"""The JSON of UpGrade's experiments."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from chalicelib.api.upgrade.audiences.segment_models import ListBody
from chalicelib.api.upgrade.experiments.designs import experiment_answers as answers
from chalicelib.api.upgrade.experiments.designs.answer_parts import EXPERIMENT_SEARCH
from chalicelib.api.upgrade.experiments.designs.design_checks import DanglingReference, ReservedCode
from chalicelib.api.upgrade.experiments.designs.experiment_models import (
    MAX_CONDITIONS,
    EditExperimentBody,
    ExperimentBody,
    StateBody,
)
from chalicelib.api.upgrade.experiments.designs.experiment_requests import (
    edited_experiment,
    new_experiment,
    requested_lists,
)
from chalicelib.api.upgrade.wire.pages import PageBody, page
from chalicelib.api.upgrade.wire.state_names import display_name
from chalicelib.domain.audiences.contexts import UnknownAppContext
from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.listings import Listing
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    ConditionPayload,
    Experiment,
    Payload,
    PostRule,
    State,
    StateChange,
    Unit,
)
from chalicelib.domain.participants.participants import GroupKey

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
DESIGNS = Path(__file__).parent / "upgrade_designs"
PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}")
TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
CONTEXTS = {"home", "add"}
METRIC = "totalTimeSeconds"
METRICS: dict[str, Any] = {
    METRIC: {
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "versionNumber": 1,
        "key": METRIC,
        "type": "continuous",
        "allowedData": None,
        "context": ["home", "add", "sub", "mul"],
    }
}
VOLATILE = {"createdAt", "updatedAt", "versionNumber"}

Ids = Callable[[], str]


@pytest.fixture
def new_id() -> Ids:
    numbers = itertools.count(1)
    return lambda: str(UUID(int=next(numbers)))


def two_characters(used: Collection[str]) -> str:
    marks = (a + b for a, b in itertools.product("ABCDEFGHIJ", repeat=2))
    return next(mark for mark in marks if mark not in used)


def recorded(name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads((DESIGNS / name).read_text(encoding="utf-8"))
    return items


def filled(value: Any, bound: dict[str, str]) -> Any:
    """A recorded request; a placeholder without a value becomes a UUID."""
    if isinstance(value, dict):
        return {key: filled(each, bound) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, bound) for each in value]
    if isinstance(value, str) and (found := PLACEHOLDER.fullmatch(value)):
        return bound.setdefault(found[1], str(UUID(int=2**64 + len(bound))))
    return value


def matching(expected: Any, got: Any, bound: dict[str, str]) -> dict[str, str] | None:
    """The values of the placeholders if `got` is as recorded, else None; lists are sets."""
    if isinstance(expected, str) and (found := PLACEHOLDER.fullmatch(expected)):
        if found[1] == "any":
            return bound
        if found[1] == "timestamp":
            return bound if TIMESTAMP.fullmatch(str(got)) else None
        return bound | {found[1]: got} if bound.get(found[1], got) == got else None
    if isinstance(expected, dict):
        if not isinstance(got, dict) or expected.keys() != got.keys():
            return None
        for key, each in expected.items():
            found_here = matching(each, got[key], bound)
            if found_here is None:
                return None
            bound = found_here
        return bound
    if isinstance(expected, list):
        return matching_set(expected, got, bound)
    return bound if type(expected) is type(got) and expected == got else None


def matching_set(expected: list[Any], got: Any, bound: dict[str, str]) -> dict[str, str] | None:
    if not isinstance(got, list) or len(expected) != len(got):
        return None
    if not expected:
        return bound
    for position, each in enumerate(got):
        found = matching(expected[0], each, bound)
        if found is not None:
            rest = matching_set(expected[1:], got[:position] + got[position + 1 :], found)
            if rest is not None:
                return rest
    return None


def design(**changes: object) -> dict[str, Any]:
    """A body of POST /api/experiments: two conditions at one point, a payload, a query."""
    steps = recorded("experiment_administration.json")
    body: dict[str, Any] = filled(steps[0]["request"], {})
    return body | changes


def create(body: dict[str, Any], new_id: Ids, metrics: Collection[str] = (METRIC,)) -> Experiment:
    return new_experiment(
        ExperimentBody.model_validate(body),
        contexts=CONTEXTS,
        now=NOW,
        new_id=new_id,
        two_characters=two_characters,
        known_metrics=metrics,
    )


def edit(
    body: dict[str, Any],
    before: Experiment,
    new_id: Ids,
    metrics: Collection[str] = (METRIC,),
) -> Experiment:
    return edited_experiment(
        EditExperimentBody.model_validate(body),
        before,
        contexts=CONTEXTS,
        now=LATER,
        new_id=new_id,
        two_characters=two_characters,
        known_metrics=metrics,
    )


def stable(value: Any) -> Any:
    """An answer without what changes by itself, as clients send it back."""
    if isinstance(value, dict):
        return {key: stable(each) for key, each in value.items() if key not in VOLATILE}
    return [stable(each) for each in value] if isinstance(value, list) else value


def read(experiment: Experiment) -> dict[str, Any]:
    """The experiment as a client reads it, to be sent back."""
    answer = answers.single(experiment, metrics=METRICS, listings={})
    body: dict[str, Any] = json.loads(json.dumps(stable(answer)))
    return body


def with_variant_ids(experiment: Experiment) -> Experiment:
    conditions = (replace(each, variant_id=n) for n, each in enumerate(experiment.conditions, 11))
    return replace(experiment, conditions=tuple(conditions))


EVERY_DESIGN = [
    pytest.param(
        filled(entry["body"], {}), id=f"{entry['scenario']}-{entry['body']['id'].strip('{}')}"
    )
    for entry in recorded("experiments.json")
]


@pytest.mark.parametrize("body", EVERY_DESIGN)
def test_every_recorded_design_is_accepted(body: dict[str, Any], new_id: Ids) -> None:
    metrics = {query["metric"]["key"] for query in body["queries"]}
    experiment = create(body, new_id, metrics)
    assert [each.code for each in experiment.conditions] == [
        each["conditionCode"] for each in body["conditions"]
    ]
    assert len(experiment.payloads) == len(body["conditionPayloads"])
    assert len(experiment.queries) == len(body["queries"])
    created = answers.created(experiment, metrics={})
    assert json.loads(json.dumps(created)) == created


@pytest.mark.parametrize("body", EVERY_DESIGN)
def test_sending_back_what_was_read_changes_the_version_and_missing_payloads_only(
    body: dict[str, Any], new_id: Ids
) -> None:
    metrics = {query["metric"]["key"] for query in body["queries"]}
    before = with_variant_ids(create(body, new_id, metrics))
    after = edit(read(before), before, new_id, metrics)
    assert after == replace(before, version=2, updated_at=LATER, payloads=after.payloads)
    assert set(before.payloads) <= set(after.payloads)
    again = edit(read(after), after, new_id, metrics)
    assert again == replace(after, version=3)


class Administration:
    """An experiment on its way through the recorded steps, by the functions under test."""

    def __init__(self, new_id: Ids) -> None:
        self.new_id = new_id
        self.experiment: Experiment
        self.listings: dict[str, Listing] = {}

    def answer(self, method: str, path: str, request: Any) -> Any:
        """The answer to a recorded step that succeeded."""
        if path.endswith("/state"):
            return self.change_state(StateBody.model_validate(request).state)
        if path.endswith("/inclusionList"):
            return self.include(ListBody.model_validate(request))
        if path.endswith("/paginated"):
            body = PageBody.model_validate(request)
            found = page([self.experiment], body, EXPERIMENT_SEARCH)
            return json.loads(found.response(found.rows, answers.list_item).body)
        if method == "POST":
            self.experiment = create(request, self.new_id)
            return answers.created(self.experiment, metrics=METRICS)
        if method == "PUT":
            self.experiment = edit(request, self.experiment, self.new_id)
            return answers.edited(self.experiment, metrics=METRICS, listings=self.listings)
        if method == "DELETE":
            return answers.deleted(self.experiment)
        if path.endswith("/names"):
            return [answers.name(self.experiment)]
        if path.endswith("/partitions"):
            return list(
                map(
                    answers.point_in_use,
                    answers.points_in_use_by([self.experiment, self.experiment]),
                )
            )
        if "/conditions/" in path:
            return answers.conditions(self.experiment)
        return answers.single(self.experiment, metrics=METRICS, listings=self.listings)

    def change_state(self, state: State) -> Any:
        before = self.experiment
        change = StateChange(self.new_id(), before.state, state, NOW)
        self.experiment = replace(
            before, state=state, state_changes=(*before.state_changes, change)
        )
        return answers.state_changed(before, self.experiment, metrics=METRICS)

    def include(self, body: ListBody) -> Any:
        given = body.list
        segment = Segment(
            id=self.new_id(),
            name=given.name,
            context=given.context,
            type=given.type,
            version=1,
            groups=given.group_keys(),
            sub_segments=(),
            description=given.description,
            tags=given.tags or (),
            list_type=given.list_type,
            created_at=NOW,
            updated_at=NOW,
        )
        listing = Listing(segment, given.users())
        self.listings[segment.id] = listing
        self.experiment = replace(self.experiment, include=(ListEntry(segment.id),))
        return answers.added_list(self.experiment, listing)


def test_an_experiments_life_is_answered_as_recorded(new_id: Ids) -> None:
    administration = Administration(new_id)
    bound: dict[str, str] = {}
    answered = [step for step in recorded("experiment_administration.json") if "answer" in step]
    for step in answered:
        if step["status"] != 200:
            continue
        request = filled(copy.deepcopy(step["request"]), bound)
        got = administration.answer(step["method"], step["path"], request)
        # As the client has it: keys and values that JSON cannot tell apart are the same.
        found = matching(step["answer"], json.loads(json.dumps(got)), bound)
        assert found is not None, f"{step['name']}: {json.dumps(got, indent=1)}"
        for name, path in step.get("save", {}).items():
            here: Any = got
            for part in path.split("."):
                here = here[int(part)] if part.isdigit() else here[part]
            assert here == found[name], f"{step['name']}: {path}"
        bound = found


def test_what_was_refused_is_refused(new_id: Ids) -> None:
    refused = {
        step["name"]: filled(step["request"], {})
        for step in recorded("experiment_administration.json")
        if step["status"] == 400 and step["request"]
    }
    assert len(refused) == 6
    for name, body in refused.items():
        if name == "unknown state":
            with pytest.raises(ValidationError):
                StateBody.model_validate(body)
        elif "unknown context" in name:
            with pytest.raises(
                UnknownAppContext, match=r'^The app context "nope" is not defined in'
            ):
                create(body, new_id)
        elif "called default" in name:
            with pytest.raises(
                ReservedCode, match=r"^'default' as ConditionCode is not allowed\.$"
            ):
                create(body, new_id)
        else:
            with pytest.raises(ValidationError):
                ExperimentBody.model_validate(body)


CONDITION = {"id": "c", "conditionCode": "a", "assignmentWeight": 1, "order": 1}
POINT = {"id": "p", "site": "s", "target": "t", "order": 1, "excludeIfReached": False}
QUERY = {
    "name": "q",
    "query": {"operationType": "avg"},
    "metric": {"key": METRIC},
    "repeatedMeasure": "MEAN",
}


@pytest.mark.parametrize(
    "fault",
    [
        {"id": "abc"},
        {"id": 5},
        {"name": ""},
        {"name": None},
        {"name": "a\x00"},
        {"name": "\ud800"},
        {"description": 5},
        {"context": "home"},
        {"context": []},
        {"context": ["home", "add"]},
        {"state": "sleeping"},
        {"state": ["running"]},
        {"type": "Complex"},
        {"assignmentUnit": "school"},
        {"assignmentUnit": "group", "group": ""},
        {"assignmentUnit": "group", "group": 5},
        {"group": "classId"},
        {"consistencyRule": None},
        {"consistencyRule": "always"},
        {"conditionOrder": "random"},
        {"assignmentUnit": "within-subjects"},
        {"assignmentUnit": "within-subjects", "conditionOrder": "sorted"},
        {"assignmentAlgorithm": "fair"},
        {"postExperimentRule": None},
        {"filterMode": "some"},
        {"moocletPolicyParameters": {"assignmentAlgorithm": "ts_configurable"}},
        {"enrollmentCompleteCondition": {"userCount": -1}},
        {"enrollmentCompleteCondition": {"userCount": Decimal("1.5")}},
        {"stratificationFactor": {}},
        {"startOn": "tomorrow"},
        {"startOn": 5},
        {"endOn": "0001-01-01T00:00:00+05:00"},
        {"tags": "t1"},
        {"tags": [1]},
        {"conditions": None},
        {"conditions": [CONDITION, CONDITION]},
        {"conditions": [{**CONDITION, "id": ""}]},
        {"conditions": [{**CONDITION, "conditionCode": ""}]},
        {"conditions": [{**CONDITION, "assignmentWeight": "50"}]},
        {"conditions": [{**CONDITION, "assignmentWeight": -1}]},
        {"conditions": [{**CONDITION, "assignmentWeight": True}]},
        {"conditions": [{**CONDITION, "assignmentWeight": Decimal("1E+400")}]},
        {"conditions": [{**CONDITION, "order": Decimal("1.5")}]},
        {"conditions": [{**CONDITION, "order": Decimal("1E+999999")}]},
        {"conditions": [{**CONDITION, "order": 2**31}]},
        {"conditions": [{**CONDITION, "order": True}]},
        {"conditions": [{**CONDITION, "levelCombinationElements": [{"id": "e"}]}]},
        {"partitions": {}},
        {"partitions": [POINT, POINT]},
        {"partitions": [{**POINT, "site": ""}]},
        {"partitions": [{**POINT, "excludeIfReached": "false"}]},
        {"partitions": [{**POINT, "target": 1}]},
        {"conditionPayloads": [{"id": "x", "parentCondition": "c"}]},
        {"factors": [{"name": "f", "order": 1}]},
        {
            "factors": [
                {"name": "f", "order": 1, "levels": [{"id": "l", "name": "a"}] * 2},
            ]
        },
        {"queries": [{**QUERY, "metric": METRIC}]},
        {"queries": [{**QUERY, "repeatedMeasure": "LAST"}]},
        {"queries": [{**QUERY, "query": {"operationType": "guess"}}]},
        {"queries": [{**QUERY, "query": {"operationType": "avg", "compareValue": True}}]},
        {
            "queries": [
                {**QUERY, "query": {"operationType": "avg", "compareValue": Decimal("1E999")}}
            ]
        },
        {"experimentSegmentInclusion": [{"segment": {"type": "secret"}}]},
    ],
    ids=lambda fault: json.dumps(fault, default=str)[:60],
)
def test_faulty_designs_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ExperimentBody.model_validate(design(**fault))


@pytest.mark.parametrize(
    "field",
    [
        "name",
        "context",
        "state",
        "type",
        "assignmentUnit",
        "consistencyRule",
        "postExperimentRule",
        "filterMode",
        "conditions",
        "partitions",
    ],
)
def test_a_design_must_say_everything_that_has_no_default(field: str) -> None:
    body = design()
    del body[field]
    with pytest.raises(ValidationError):
        ExperimentBody.model_validate(body)


def test_the_rest_has_defaults(new_id: Ids) -> None:
    body = design()
    for field in ("id", "description", "assignmentAlgorithm", "tags", "queries"):
        del body[field]
    del body["conditionPayloads"]
    experiment = create(body, new_id)
    assert UUID(experiment.id)
    assert experiment.description is None
    assert experiment.algorithm is Algorithm.RANDOM
    assert (experiment.tags, experiment.queries, experiment.payloads) == ((), (), ())


def test_an_experiment_has_no_more_than_forty_conditions() -> None:
    several = [{**CONDITION, "id": f"c{n}", "conditionCode": f"c{n}"} for n in range(41)]
    body = design(conditions=several[:MAX_CONDITIONS], conditionPayloads=[])
    assert len(ExperimentBody.model_validate(body).conditions) == 40
    with pytest.raises(ValidationError):
        ExperimentBody.model_validate(body | {"conditions": several})


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("running", State.ENROLLING),
        ("paused", State.ENROLLMENT_COMPLETE),
        ("completed", State.CANCELLED),
        *((state.value, state) for state in State),
    ],
)
def test_states_go_by_both_their_names(name: str, state: State) -> None:
    assert ExperimentBody.model_validate(design(state=name)).state is state
    assert display_name(state) in {name, "running", "paused", "completed"}


def test_within_subjects_there_is_an_order_instead_of_a_rule(new_id: Ids) -> None:
    body = design(assignmentUnit="within-subjects", conditionOrder="random")
    experiment = create(body, new_id)
    assert experiment.unit is Unit.WITHIN_SUBJECTS
    assert experiment.rule is None
    assert read(experiment)["conditionOrder"] == "random"


def test_dates_are_kept_in_utc(new_id: Ids) -> None:
    body = design(startOn="2026-05-01T10:00:00+02:00", endOn="2026-06-01")
    experiment = create(body, new_id)
    assert experiment.start_on == "2026-05-01T08:00:00.000Z"
    assert experiment.end_on == "2026-06-01T00:00:00.000Z"


def test_contexts_are_stored_in_lower_case(new_id: Ids) -> None:
    assert create(design(context=["HOME"]), new_id).context == "home"


def test_a_created_experiment_is_new_in_all_its_parts(new_id: Ids) -> None:
    body = design(revertTo=design()["conditions"][1]["id"])
    experiment = create(body, new_id)
    control, variant = experiment.conditions
    (point,) = experiment.points
    (payload,) = experiment.payloads
    (query,) = experiment.queries
    assert experiment.id == body["id"]
    sent = {each["id"] for each in body["conditions"] + body["partitions"]}
    assert not sent & {control.id, variant.id, point.id}
    assert (payload.condition_id, payload.point_id) == (variant.id, point.id)
    assert payload.id != body["conditionPayloads"][0]["id"]
    assert experiment.revert_to == variant.id
    assert (control.order, variant.order, point.order, query["order"]) == (1, 2, 1, 1)
    assert (control.variant_id, variant.variant_id) == (0, 0)
    assert (control.weight, variant.weight) == (40.0, 60.0)
    assert len({control.two_character_id, variant.two_character_id, point.two_character_id}) == 3
    assert experiment.post_rule is PostRule.CONTINUE
    assert (experiment.created_at, experiment.updated_at, experiment.version) == (NOW, NOW, 1)
    assert (experiment.include, experiment.exclude, experiment.started_at) == ((), (), None)


def test_a_free_mark_of_two_characters_is_kept(new_id: Ids) -> None:
    conditions = [
        {**CONDITION, "id": name, "conditionCode": name, "twoCharacterId": mark}
        for name, mark in (("a", "ZZ"), ("b", "ZZ"), ("c", "long"))
    ]
    experiment = create(design(conditions=conditions, conditionPayloads=[]), new_id)
    assert [each.two_character_id for each in experiment.conditions] == ["ZZ", "AA", "AB"]


def test_fractions_of_weights_and_integers_written_as_fractions_are_taken(new_id: Ids) -> None:
    condition = CONDITION | {"assignmentWeight": Decimal("33.3"), "order": Decimal("2.0")}
    experiment = create(design(conditions=[condition], conditionPayloads=[]), new_id)
    assert read(experiment)["conditions"][0]["assignmentWeight"] == 33.3


def test_queries_of_unknown_metrics_are_dropped_on_creation(new_id: Ids) -> None:
    body = design(queries=[{**QUERY, "metric": {"key": "x"}}, QUERY])
    (query,) = create(body, new_id).queries
    assert (query["metric"], query["order"]) == ({"key": METRIC}, 1)
    assert create(body, new_id, ()).queries == ()


def test_queries_keep_what_they_compare_with(new_id: Ids) -> None:
    values: list[object] = ["GRADUATED", 3, Decimal("2.5")]
    body = design(
        queries=[
            {**QUERY, "query": {"operationType": "count", "compareFn": "=", "compareValue": value}}
            for value in values
        ]
    )
    experiment = create(body, new_id)
    kept = [query["query"]["compareValue"] for query in read(experiment)["queries"]]
    assert kept == ["GRADUATED", 3, 2.5]


def test_a_query_whose_metric_is_gone_shows_its_key(new_id: Ids) -> None:
    experiment = create(design(), new_id)
    answer = json.loads(json.dumps(answers.single(experiment, metrics={}, listings={})))
    assert answer["queries"][0]["metric"] == {"key": METRIC}


@pytest.mark.parametrize(
    "changes",
    [
        {"conditions": [CONDITION]},
        {"partitions": [POINT]},
        {"revertTo": "nobody"},
        {
            "conditionPayloads": [],
            "conditions": [
                {**CONDITION, "levelCombinationElements": [{"id": "e", "level": {"id": "l"}}]}
            ],
        },
    ],
    ids=["condition of a payload", "point of a payload", "revertTo", "level of a condition"],
)
def test_references_of_a_new_experiment_must_lead_somewhere(
    changes: dict[str, object], new_id: Ids
) -> None:
    with pytest.raises(DanglingReference):
        create(design(**changes), new_id)


def test_lists_to_create_along_come_as_segments() -> None:
    segment = {
        "type": "private",
        "listType": "Individual",
        "individualForSegment": [{"userId": " u1 "}],
        "groupForSegment": [{"type": "classId", "groupId": "c1"}],
        "subSegments": [{"id": "s"}],
    }
    named = {"segment": {"type": "private", "name": "out"}}
    body = design(
        context=["Home"],
        experimentSegmentInclusion=[{"segment": segment}],
        experimentSegmentExclusion=[named],
    )
    (included,), (excluded,) = requested_lists(ExperimentBody.model_validate(body))
    assert included.users() == ("u1",)
    assert included.group_keys() == {GroupKey("classId", "c1")}
    assert included.sub_segments() == ("s",)
    assert (included.name, included.context) == ("Made by admin Inclusion Segment", "home")
    assert (included.type, included.list_type) == (SegmentType.PRIVATE, "Individual")
    assert (excluded.name, excluded.users()) == ("out", ())
    assert requested_lists(ExperimentBody.model_validate(design())) == ([], [])


def test_an_edit_must_have_payloads() -> None:
    body = design()
    del body["conditionPayloads"]
    for payloads in ({}, {"conditionPayloads": None}):
        with pytest.raises(ValidationError):
            EditExperimentBody.model_validate(body | payloads)


@pytest.mark.parametrize("part", ["conditionPayloads", "queries"])
def test_an_edit_tells_its_parts_apart(part: str, new_id: Ids) -> None:
    body = read(create(design(), new_id))
    body[part] *= 2
    with pytest.raises(ValidationError):
        EditExperimentBody.model_validate(body)


def test_an_edit_keeps_what_is_known_and_removes_what_is_missing(new_id: Ids) -> None:
    before = with_variant_ids(create(design(), new_id))
    control, variant = before.conditions
    body = read(before)
    known = body["conditions"][1] | {"order": 1, "assignmentWeight": 1, "twoCharacterId": "??"}
    fresh = str(UUID(int=77))
    added = {**CONDITION, "id": fresh, "conditionCode": "new", "order": 2}
    body |= {"conditions": [added, known], "revertTo": control.id, "queries": []}
    after = edit(body, before, new_id)
    assert after.conditions[0] == replace(variant, order=1, weight=1.0)
    assert (after.conditions[1].id, after.conditions[1].variant_id) == (fresh, 0)
    marks = {each.two_character_id for each in after.conditions}
    marks |= {each.two_character_id for each in after.points}
    assert len(marks) == 3
    assert control.two_character_id not in marks
    assert (after.revert_to, after.queries) == (None, ())


def test_the_payloads_of_what_was_removed_go_too(new_id: Ids) -> None:
    before = create(design(), new_id)
    control, variant = before.conditions
    body = read(before)
    body["conditions"] = body["conditions"][:1]
    (payload,) = edit(body, before, new_id).payloads
    assert payload.condition_id == control.id != variant.id


def test_names_that_are_no_uuid_become_ids_and_are_followed(new_id: Ids) -> None:
    before = create(design(), new_id)
    body = read(before)
    body["conditions"].append({**CONDITION, "id": "added", "conditionCode": "new", "order": 3})
    body["conditionPayloads"].append(
        {
            "id": "mine",
            "parentCondition": "added",
            "decisionPoint": before.points[0].id,
            "payload": {"type": "csv", "value": "1,2"},
        }
    )
    body["revertTo"] = "added"
    after = edit(body, before, new_id)
    assert UUID(after.conditions[2].id)
    assert after.revert_to == after.conditions[2].id
    assert after.payloads[2].condition_id == after.conditions[2].id
    assert UUID(after.payloads[2].id)


def test_an_edit_gives_each_condition_its_code_as_payload_where_it_has_none(new_id: Ids) -> None:
    before = create(design(), new_id)
    body = read(before)
    body["partitions"].append({**POINT, "id": str(UUID(int=88)), "order": 2})
    after = edit(body, before, new_id)
    assert [each.payload for each in after.payloads] == [
        Payload("string", "control"),
        Payload("string", "control"),
        Payload("json", '{"a":1}'),
        Payload("string", "variant"),
    ]


def test_a_payload_for_all_points_is_payload_enough(new_id: Ids) -> None:
    body = design()
    del body["conditionPayloads"][0]["decisionPoint"]
    before = create(body, new_id)
    after = edit(read(before), before, new_id)
    everywhere = ConditionPayload(
        before.payloads[0].id, before.conditions[1].id, None, Payload("json", '{"a":1}')
    )
    assert before.payloads == (everywhere,)
    assert after.payloads[1:] == (everywhere,)


def test_a_payload_equal_to_the_code_follows_a_new_code(new_id: Ids) -> None:
    created = create(design(), new_id)
    before = edit(read(created), created, new_id)
    body = read(before)
    body["conditions"][0]["conditionCode"] = "baseline"
    body["conditions"][1]["conditionCode"] = "treatment"
    after = edit(body, before, new_id)
    assert [each.payload.value for each in after.payloads] == ["baseline", '{"a":1}']


def test_an_edit_refuses_the_reserved_code_and_unknown_contexts(new_id: Ids) -> None:
    before = create(design(), new_id)
    body = read(before)
    with pytest.raises(UnknownAppContext):
        edit(body | {"context": ["nope"]}, before, new_id)
    body["conditions"][0]["conditionCode"] = "DEFAULT"
    with pytest.raises(ReservedCode):
        edit(body, before, new_id)


def test_a_new_context_empties_lists_and_queries_and_lets_nobody_in(new_id: Ids) -> None:
    lists = (ListEntry("s"),)
    before = replace(create(design(), new_id), include=lists, exclude=lists)
    moved = edit(read(before) | {"context": ["add"]}, before, new_id)
    assert (moved.context, moved.include, moved.exclude, moved.queries) == ("add", (), (), ())
    assert moved.filter_mode is FilterMode.EXCLUDE_ALL


def test_an_edit_keeps_lists_and_history(new_id: Ids) -> None:
    change = StateChange("x", State.INACTIVE, State.ENROLLING, NOW)
    before = replace(
        create(design(), new_id),
        state=State.ENROLLING,
        include=(ListEntry("s"),),
        exclude=(ListEntry("t"),),
        state_changes=(change,),
        started_at=NOW,
    )
    after = edit(read(before) | {"state": "paused", "postExperimentRule": "assign"}, before, new_id)
    assert after == replace(
        before,
        state=State.ENROLLMENT_COMPLETE,
        post_rule=PostRule.ASSIGN,
        payloads=after.payloads,
        version=2,
        updated_at=LATER,
    )


def test_an_edit_without_a_condition_to_revert_to_has_none(new_id: Ids) -> None:
    before = create(design(), new_id)
    assert edit(read(before) | {"revertTo": ""}, before, new_id).revert_to is None


def test_a_factorial_condition_shows_its_levels(new_id: Ids) -> None:
    factorial = next(
        filled(entry["body"], {})
        for entry in recorded("experiments.json")
        if entry["scenario"] == "factorial"
    )
    experiment = create(factorial, new_id)
    shown = read(experiment)
    levels = {level["id"]: level for factor in shown["factors"] for level in factor["levels"]}
    for condition in shown["conditions"]:
        for element in condition["levelCombinationElements"]:
            assert levels[element["level"]["id"]] == element["level"]
    assert next(iter(levels.values()))["payload"]["value"] == "red-payload"
    assert "decisionPoint" not in shown["conditionPayloads"][0]
    assert edit(shown, experiment, new_id).payloads == experiment.payloads


def test_a_page_names_the_inclusion_lists(new_id: Ids) -> None:
    experiment = replace(create(design(), new_id), include=(ListEntry("s"),))
    shown = json.loads(json.dumps(answers.list_item(experiment)))["experimentSegmentInclusion"]
    assert [(each["segmentId"], each["experimentId"]) for each in shown] == [("s", experiment.id)]


def test_a_fault_is_told_in_an_answer_of_its_own(new_id: Ids) -> None:
    answer = answers.list_item(create(design(), new_id))
    faults = {answer["id"]: Fault("too large", NOW)}
    assert answers.with_fault(answer, faults)["scheduleFault"]["message"] == "too large"
    assert "scheduleFault" not in answer
    assert answers.with_fault(answer, {}) == answer
