"""What other versions of this program stored, with more fields or fewer than this one knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pynamodb.expressions.operand import Path

from chalicelib.domain.access.api_keys import ApiKey, Role
from chalicelib.domain.catalogue.catalogue import CatalogueChange, FeatureChange
from chalicelib.domain.experiments.experiments import ConditionOrder, State
from chalicelib.domain.features.cohorts import Cohort, MetricSums
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import (
    ComparisonOf,
    Measure,
    MetricRole,
    PlannedMetric,
    ResultPlan,
    named,
)
from chalicelib.domain.features.runs import (
    PlanChange,
    Run,
    WeightsSince,
)
from chalicelib.domain.features.users import Event, Measurement, Totals, TotalsShard, User
from chalicelib.domain.flags.flags import FlagStatus
from chalicelib.domain.outcomes.query_sums import Analysed, Described
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
)
from chalicelib.domain.statistics.plan import Direction
from chalicelib.services.stores import Stores
from chalicelib.storage.catalogue import designs
from chalicelib.storage.catalogue.result_plans import plan_of, plan_values, run_of, run_values
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.stored_forms import read_as
from chalicelib.storage.dynamodb.tables import CompactJson, EventRow, TotalsRow, UserRow
from chalicelib.storage.features.users import stored_own
from chalicelib.storage.outcomes import snapshots
from chalicelib.storage.participants import records
from tests.unit.measure_samples import flag, metric
from tests.unit.samples import feature
from tests.unit.snapshot_samples import snapshot
from tests.unit.upgrade_samples import factorial, segment

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
ONE = Decimal(1)

FORMS: dict[str, tuple[dict[str, Any], Callable[[Any], Any], set[str]]] = {
    "experiment": (
        designs.to_values(factorial("colour", "size")),
        designs.from_values,
        {"id", "name", "context", "created_at", "updated_at", "version"},
    ),
    "segment": (
        designs.segment_values(segment("listed")),
        designs.segment_of,
        {"id", "name", "context", "type", "version", "created_at", "updated_at"},
    ),
    "flag": (
        designs.flag_values(flag()),
        designs.flag_of,
        {"id", "number", "name", "key", "context", "created_at", "updated_at", "version"},
    ),
    "metric": (
        designs.metric_values(metric("stars")),
        designs.metric_of,
        {"key", "type", "created_at", "updated_at", "version"},
    ),
    "key": (
        designs.key_values(ApiKey("a", Role.CLIENT, "digest", NOON)),
        designs.key_of,
        {"id", "role", "digest", "created_at"},
    ),
    "snapshot": (
        snapshots.to_values(snapshot()),
        snapshots.from_values,
        {"day", "at", "query", "unit"},
    ),
}
"""What is stored, how it is read, and the fields that it cannot do without."""


def test_ids_of_features_and_variants_are_stored_as_numbers_of_flags_and_conditions() -> None:
    made, own = factorial("colour", "size"), flag(feature_id=7)
    stored = designs.to_values(made)["conditions"]
    assert [each["number"] for each in stored] == [each.variant_id for each in made.conditions]
    assert designs.flag_values(own)["number"] == 7
    assert not {"feature_id", "variant_id"} & {*designs.flag_values(own), *stored[0]}


@pytest.mark.parametrize("form", FORMS)
def test_a_field_that_this_version_does_not_know_is_passed_over(form: str) -> None:
    values, read, _ = FORMS[form]
    assert read({**values, "newer": [1]}) == read(values)


@pytest.mark.parametrize("form", FORMS)
def test_a_field_that_an_older_version_did_not_store_has_a_default(form: str) -> None:
    values, read, needed = FORMS[form]
    for name in values.keys() - needed:
        fewer = {key: value for key, value in values.items() if key != name}
        again, whole = read(fewer), read(values)
        if hasattr(whole, name):
            assert isinstance(getattr(again, name), type(getattr(whole, name)) | type(None))


def test_what_is_read_keeps_what_was_converted() -> None:
    @dataclass(frozen=True)
    class Stored:
        a: int
        b: str | None
        c: tuple[int, ...] = ()

    assert read_as(Stored, {"a": "1", "z": 0}, a=1) == Stored(1, None)


# Words that this version does not know

NEWER = "of a newer version"
WORDED: dict[str, tuple[Any, Callable[[Any], dict[str, Any]], Callable[[Any], Any]]] = {
    "experiment": (
        replace(
            factorial("colour", "size"),
            state=State.ENROLLING,
            condition_order=ConditionOrder.RANDOM_ROUND_ROBIN,
        ),
        designs.to_values,
        designs.from_values,
    ),
    "segment": (segment("listed"), designs.segment_values, designs.segment_of),
    "flag": (
        replace(flag(), status=FlagStatus.ENABLED),
        designs.flag_values,
        designs.flag_of,
    ),
    "metric": (metric("stars"), designs.metric_values, designs.metric_of),
    "key": (ApiKey("a", Role.ADMIN, "digest", NOON), designs.key_values, designs.key_of),
}


def words(thing: Any) -> list[str]:
    """The fields of a dataclass that hold a member of an enumeration."""
    assert is_dataclass(thing)
    return [each.name for each in fields(thing) if isinstance(getattr(thing, each.name), Enum)]


CASES = [(form, name) for form, (thing, *_) in WORDED.items() for name in words(thing)]


def test_every_word_that_is_stored_is_tried() -> None:
    assert len(CASES) == len(designs.OF_EXPERIMENTS) + 5


@pytest.mark.parametrize(("form", "name"), CASES)
def test_a_word_of_a_newer_version_has_a_stand_in_and_is_kept(form: str, name: str) -> None:
    thing, store, read = WORDED[form]
    stored = {**store(thing), name: NEWER}
    found = read(stored)
    assert type(getattr(found, name)) is type(getattr(thing, name))
    changed = replace(found, **({"version": 9} if hasattr(found, "version") else {"id": "b"}))
    kept = {key: value for key, value in store(changed).items() if key not in ("version", "id")}
    assert kept == {key: value for key, value in stored.items() if key not in ("version", "id")}


@pytest.mark.parametrize(("form", "name"), CASES)
def test_what_is_given_another_value_is_stored_with_that(form: str, name: str) -> None:
    thing, store, read = WORDED[form]
    found = read({**store(thing), name: NEWER})
    other = next(each for each in type(getattr(found, name)) if each is not getattr(found, name))
    assert store(replace(found, **{name: other}))[name] == other


@pytest.mark.parametrize(("form", "name"), CASES)
def test_what_has_a_word_of_a_newer_version_is_not_in_force(form: str, name: str) -> None:
    thing, store, read = WORDED[form]
    found = read({**store(thing), name: NEWER})
    in_force = {
        "experiment": lambda: found.state is not State.INACTIVE,
        "flag": lambda: found.status is FlagStatus.ENABLED,
        "key": lambda: any(found.may(role) for role in Role),
    }
    assert not in_force.get(form, lambda: False)()


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_log_of_states_of_a_newer_version_is_read(name: str) -> None:
    values = {"id": "c", "before": "enrolling", "after": "enrolling", "at": 0, name: NEWER}
    stored = {**designs.to_values(factorial("colour", "size")), "state_changes": [values]}
    [change] = designs.from_values(stored).state_changes
    assert getattr(change, name) is State.INACTIVE


def test_the_codes_of_a_newer_version_leave_users_where_they_are() -> None:
    enrolled = Enrollment(7, DecisionPointKey("a", "b"), "c", None, EnrollmentCode.GROUP, NOON)
    row = records.enrollment_row("user#u", enrolled, 0)
    row.data["code"] = NEWER
    assert records.enrollment_of(row) == replace(enrolled, code=EnrollmentCode.ALGORITHM)
    out = Exclusion(7, ExclusionCode.LISTED, NOON)
    row = records.exclusion_row("user#u", out)
    row.data["code"] = NEWER
    assert records.exclusion_of(row).feature_id == out.feature_id


def test_the_sums_of_a_newer_version_decide_nothing() -> None:
    values = snapshots.to_values(snapshot())
    read = snapshots.from_values({**values, "unit": NEWER, "described": ["operation", NEWER]})
    assert read.sums.unit is Analysed.USER
    assert read.sums.described == (Described.OPERATION, Described.NEWER)
    cells = [{**cell, "newer": 1} for cell in values["cells"]]
    assert snapshots.from_values({**values, "cells": cells}) == snapshot()


def test_what_a_cell_does_not_say_is_stored_in_no_byte() -> None:
    [first, second] = snapshots.to_values(snapshot())["cells"]
    assert first == {
        "condition_id": "a",
        "n": 2,
        "total": "2.5",
        "squares": "3.25",
        "cubes": "4.375",
    }
    assert second["total"] == "1/3"
    assert {*second} - {*first} == {"stratum", "enrolled", "left_out", "merged"}


# Plans, runs and cohorts

METRIC = PlannedMetric(
    "revenue",
    Measure.CONVERSION,
    Direction.DECREASE,
    MetricRole.GUARDRAIL,
    Decimal("9.50"),
    Decimal("0.1"),
)
PLAN = named(
    ResultPlan(
        (METRIC, PlannedMetric(None, Measure.MEAN, role=MetricRole.PRIMARY)),
        Decimal("0.020"),
        date(2026, 3, 1),
        5000,
        Decimal("0.2"),
        Decimal("1.5"),
        3,
        True,
        True,
        ComparisonOf.CONDITIONS,
    ),
    None,
)
RUN = Run(
    NOON,
    PLAN,
    (WeightsSince(NOON, {1: Decimal("0.50"), 2: Decimal("0.50")}), WeightsSince(NOON, {1: ONE})),
    (PlanChange(NOON, "the window"), PlanChange(NOON, "the planned end", forbids=False)),
    True,
)


def through_json(values: dict[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = CompactJson().deserialize(CompactJson().serialize(values))
    return stored


@pytest.mark.parametrize("plan", [PLAN, ResultPlan(), replace(PLAN, metrics=(), ends_on=None)])
def test_a_plan_comes_back_with_every_digit(plan: ResultPlan) -> None:
    assert plan_of(through_json(plan_values(plan))) == plan
    run = Run(NOON, plan, ())
    assert run_of(through_json(run_values(run))) == run


def test_a_run_comes_back_as_it_was() -> None:
    assert run_of(through_json(run_values(RUN))) == RUN


def test_what_a_plan_leaves_open_takes_no_room() -> None:
    assert plan_values(ResultPlan()) == {"compares": "levels"}


def test_fields_of_a_plan_that_this_version_does_not_know_are_passed_over() -> None:
    values = through_json(run_values(RUN))
    values["newer"] = values["plan"]["newer"] = values["plan"]["metrics"][0]["newer"] = [1]
    assert run_of(values) == RUN


def test_fields_of_a_plan_that_an_older_version_did_not_store_have_defaults() -> None:
    assert plan_of({}) == ResultPlan()
    assert plan_of({"metrics": [{}]}) == ResultPlan((PlannedMetric(None),))
    values = {name: run_values(RUN)[name] for name in ("started_at", "plan", "weights")}
    assert run_of(values) == replace(RUN, changes=(), moved=False)


@pytest.mark.parametrize("name", ["measure", "direction", "role"])
def test_a_word_of_a_newer_version_in_a_metric_has_a_stand_in(name: str) -> None:
    values = through_json(run_values(RUN))
    values["plan"]["metrics"][0][name] = NEWER
    metric, other = run_of(values).plan.metrics
    assert type(getattr(metric, name)) is type(getattr(METRIC, name))
    assert (metric.name, metric.cap, other) == (METRIC.name, METRIC.cap, PLAN.metrics[1])


def test_a_comparison_of_a_newer_version_has_a_stand_in() -> None:
    plan = plan_of({**plan_values(PLAN), "compares": NEWER})
    assert plan == replace(PLAN, compares=ComparisonOf.LEVELS)


@pytest.mark.parametrize("made", [feature(1), Feature.of_design(1, factorial("colour"), 1)])
def test_plan_and_run_are_stored_with_their_feature(dynamo_stores: Stores, made: Feature) -> None:
    planned = replace(made, plan=PLAN, run=RUN)
    store, first = dynamo_stores.catalogue, None
    for number, each in enumerate((planned, replace(planned, plan=None, run=None), None)):
        base = store.revision()
        change = CatalogueChange(features=(FeatureChange(first, each),))
        store.commit(base, base.following(NOON + timedelta(minutes=number)), change)
        found = store.load().feature(1)
        assert found == each
        first = each


def test_a_row_of_totals_of_other_versions_is_read(dynamo_stores: Stores) -> None:
    """An older one knows totals alone, a newer one more of them, and other kinds of rows."""
    item = {"feature_id": {"N": "1"}, "event_total": {"N": "2"}, "total_users": {"N": "3"}}
    table = TotalsRow.Meta.table_name
    of_month = {
        "days": [14],
        "users": [8],
        "metrics": {"1": [[7], [6], [5], [4], [3], ["newer"]]},
        "newer": 1,
    }
    rows: list[dict[str, Any]] = [
        {**item, "sk": {"S": "totals#10#0"}},
        {**item, "sk": {"S": "totals#10#2026-01-15#0"}, "newer": {"N": "7"}, "users": {"N": "3"}},
        {**item, "sk": {"S": "totals#10#2026-01-15#0.1"}, "k0": {"N": "9" * 38}},
        {
            "feature_id": {"N": "1"},
            "sk": {"S": "window#10#2026-01"},
            "cohorts": {"S": json.dumps(of_month)},
        },
        {**item, "sk": {"S": "variant#10"}, "id": {"N": "10"}},
    ]
    for row in rows:
        shared().client.put_item(TableName=table, Item=row)
    for _ in range(2):
        assert dynamo_stores.totals.of_feature(1) == {10: Totals(6, 0, 9)}
        cohorts = dynamo_stores.cohorts.of_feature(1)
        [sums] = cohorts[10, date(2026, 1, 15)].metrics.values()
        assert (cohorts[10, date(2026, 1, 15)].users, sums.cubes) == (3, int("9" * 38))
        assert cohorts[10, date(2026, 1, 14)] == Cohort(8, {1: MetricSums(7, 6, 5, 4, 3)})
        assert [*dynamo_stores.cohorts.fold(1, date.max)] in ([2], [])
    stored = TotalsRow.get(1, "window#10#2026-01", consistent_read=True).cohorts
    assert (stored["newer"], stored["metrics"]["1"][5]) == (1, ["newer", 0]), "it is kept"


def test_a_row_of_a_user_of_an_older_version_is_in_no_cohort(dynamo_stores: Stores) -> None:
    """A newer one may note more in it."""
    shard = TotalsShard(1, 10, 0, NOON.date())
    user = User("u", 10, "::1", NOON)
    dynamo_stores.users.create(user, shard)
    assert dynamo_stores.users.get("u") == user
    row = UserRow(keys.user("u"), keys.TESTLAB)
    row.update(actions=[UserRow.own.set({"20": -5, "0": 3}), Path("newer").set(1)])
    found = dynamo_stores.users.get("u")
    assert found == replace(user, own={0: 3, 20: -5})
    row.update(actions=[UserRow.own.remove()])
    assert dynamo_stores.users.get("u") == replace(user, own=None)
    event = Event(1, 10, "u", NOON)
    dynamo_stores.events.add(event, replace(user, own=None), replace(shard, day=None))
    assert dynamo_stores.users.get("u") == replace(
        user, own=None, late=1, variants_with_events=frozenset({10})
    )


def test_an_event_of_a_metric_that_was_stored_without_a_value_counts_1(
    dynamo_stores: Stores,
) -> None:
    user = User("u", 10, "::1", NOON)
    dynamo_stores.users.create(user, TotalsShard(1, 10, 0))
    event = Event(1, 10, "u", NOON, Measurement("errors", Decimal(3)))
    dynamo_stores.events.add(event, user, TotalsShard(1, 10, 0))
    row = EventRow(keys.event_partition(10), keys.event("u", 1))
    row.update(actions=[EventRow.value.remove()])
    assert list(dynamo_stores.events.of_user("u", 10, 10)) == [
        replace(event, measurement=Measurement("errors"))
    ]


def test_totals_of_a_user_are_stored_in_the_order_of_the_metrics() -> None:
    assert [*stored_own({20: 1, 3: 2, 0: 3})] == ["0", "3", "20"]


def test_notes_come_back_with_what_a_newer_version_added(dynamo_stores: Stores) -> None:
    assert dynamo_stores.notes.read("unknown") == {}
    dynamo_stores.notes.write("folds", {"day": "2026-01-15", "newer": [1]})
    assert dynamo_stores.notes.read("folds") == {"day": "2026-01-15", "newer": [1]}
