"""An erasure that dies at any call to the database is finished by the same call made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.access.idempotency import IdempotencyRecord, RequestKey, StoredResponse
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.experiments.experiments import Unit
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.outcomes.logs import LogRecord, LogRecordKey, LogRow, Merge
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import ErasedMeanwhile
from chalicelib.services import Services
from chalicelib.services.outcomes.metrics import MetricDraft
from chalicelib.services.participants.participants import GroupUpdate
from chalicelib.services.privacy.erasure import WORK_TIME, ErasureReport
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import shared
from chalicelib.storage.dynamodb.tables import TABLES, LoggedRow, LogRecordRow, RecordRow, RepeatRow
from chalicelib.storage.outcomes.logs import log_record_key
from chalicelib.storage.stores import dynamo_stores
from tests.everything import BOB, HOSTILE
from tests.everything import World as Everything
from tests.fakes.memory import START, FixedClock
from tests.fakes.stores import once
from tests.fakes.stores import watched as watched_ports
from tests.http import Gateway
from tests.recount import all_items, items_naming, recounted, stored_counts
from tests.storage.test_killed_calls import Killed, World, world
from tests.unit.upgrade_service_samples import HERE, design, feature_id_of, mark, segment

__all__ = ["world"]

ALIAS = "an alias #%/é"
AT_ONCE = 25
MANY = 1000
"""More than one call of an erasure removes where each call to the database is slow."""
"""What DynamoDB takes in one BatchWriteItem."""

Item = dict[str, Any]
State = dict[tuple[str, str], Item]
"""All items as they are sent, by table and key."""


def state() -> State:
    found: State = {}
    for table in TABLES:
        name: str = table.Meta.table_name
        names = [key["AttributeName"] for key in _keys(name)]
        pages = shared().client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        for item in (item for page in pages for item in page["Items"]):
            found[name, json.dumps([item[each] for each in names])] = item
    return found


def restore(wanted: State, now: State) -> None:
    """Make the tables what they were."""
    writes: list[tuple[str, Item]] = [
        (table, {"PutRequest": {"Item": item}})
        for (table, key), item in wanted.items()
        if now.get((table, key)) != item
    ]
    for (table, key), item in now.items():
        if (table, key) not in wanted:
            names = [each["AttributeName"] for each in _keys(table)]
            writes.append((table, {"DeleteRequest": {"Key": {each: item[each] for each in names}}}))
    for start in range(0, len(writes), AT_ONCE):
        requests: dict[str, list[Item]] = {}
        for table, request in writes[start : start + AT_ONCE]:
            requests.setdefault(table, []).append(request)
        left = shared().client.batch_write_item(RequestItems=requests)["UnprocessedItems"]
        assert not left


def _keys(table: str) -> list[dict[str, str]]:
    schema: list[dict[str, str]] = shared().get_meta_table(table).data["KeySchema"]
    return schema


class TickingClock(FixedClock):
    """A clock that moves with each call to the database, as if all took their time."""

    def __init__(self, tick: timedelta) -> None:
        super().__init__()
        self._tick = tick

    def tick(self, **_: Any) -> None:
        self.advance(self._tick)


@contextmanager
def watched(step: Callable[..., object]) -> Iterator[None]:
    """Call `step` after each call to the database."""
    events = shared().client.meta.events
    events.register("after-call.dynamodb", step)
    try:
        yield
    finally:
        events.unregister("after-call.dynamodb", step)


def names(report: ErasureReport) -> list[tuple[str, str]]:
    return [(each.user_id, each.segment.name) for each in report.lists]


def test_an_erasure_that_died_after_any_call_is_finished_by_another(
    world: World, gateway: Gateway
) -> None:
    everything = Everything.made(gateway)
    everything.add_user(HOSTILE, ALIAS)
    process = bootstrap.build(world.settings, dynamo_stores(), FixedClock())
    states = [state()]

    def remember(model: Any, **_: Any) -> None:
        if model.name in ("TransactWriteItems", "BatchWriteItem", "DeleteItem", "UpdateItem"):
            now = state()
            if now != states[-1]:
                states.append(now)

    with watched(remember):
        whole = names(process.erasure.erase(HOSTILE))
    *interrupted, end = states
    assert len(interrupted) > 15
    owners = {each for each in whole if each[0] == HOSTILE}
    assert len(owners) == 3
    now = end
    for before in interrupted:
        restore(before, now)
        report = process.erasure.erase(HOSTILE)
        now = state()
        assert now == end
        assert owners <= set(names(report)), "what the answer tells goes last"
    for user_id in (HOSTILE, ALIAS):
        assert items_naming(all_items(), user_id) == []


def test_parallel_erasures_and_calls_of_the_user_leave_the_counters_right(
    world: World, gateway: Gateway
) -> None:
    everything = Everything.made(gateway)
    everything.add_user(BOB)
    everything.add_user(HOSTILE, ALIAS)
    processes = [world.services() for _ in range(4)]

    def erase(process: Services) -> None:
        with suppress(Unavailable):
            process.erasure.erase(HOSTILE)

    def take_part(process: Services) -> None:
        for _ in range(4):
            process.participants.init(
                HOSTILE,
                GroupUpdate({"classId": ("1a",)}, {"classId": "1a"}, True, True),
                follow=True,
            )
            with suppress(ErasedMeanwhile):
                everything.mark_at_once(process, HOSTILE)

    with ThreadPoolExecutor(len(processes)) as pool:
        waiting = [pool.submit(erase, each) for each in processes[:2]]
        waiting += [pool.submit(take_part, each) for each in processes[2:]]
        for each in waiting:
            each.result()
    catalogue = processes[0].catalogue.fresh()
    tables = all_items()
    assert stored_counts(tables) == recounted(tables, catalogue)
    processes[0].erasure.erase(HOSTILE)
    tables = all_items()
    assert items_naming(tables, HOSTILE) == []
    assert stored_counts(tables) == recounted(tables, catalogue)


def add_very_many(services: Services) -> None:
    """A user `u` with very many logs, marks, points, and notes of logs that were never stored."""
    services.participants.init("u", GroupUpdate(), follow=True)
    made = services.experiments.create(design(unit=Unit.WITHIN_SUBJECTS))
    feature_id = feature_id_of(services)
    for code in ("a", "b"):
        mark(services, code=code)
    with RepeatRow.batch_write() as batch:
        for index in range(2, MANY):
            data = {
                "site": HERE.site,
                "target": HERE.target,
                "condition": made.conditions[index % 2].id,
                "uniquifier": None,
                "at": 1_800_000_000_000 + index,
            }
            sort_key = keys.repeat(keys.point_text(HERE.site, HERE.target), index)
            batch.save(RepeatRow(keys.repeats(feature_id, "u"), sort_key, data=data))
    rows = [{"id": 1, "time": 0, "data": {"m": 1}, "created_at": 0, "updated_at": 0, "version": 1}]
    with LogRecordRow.batch_write() as log_records, LoggedRow.batch_write() as notes:
        for index in range(MANY):
            name = LogRecordKey(("class", "key"), str(index))
            sort_key = log_record_key(name)
            values = {"group": ["class", "key"], "uniquifier": str(index), "rows": rows}
            log_records.save(LogRecordRow(keys.logs("u"), sort_key, user_id="u", data=values, n=1))
            key, note = keys.metric(name.metric("m")), keys.logged("u", sort_key)
            notes.save(LoggedRow(key, note, user_id="u", log_record=sort_key))
    with RecordRow.batch_write() as points:
        for index in range(MANY // 2):
            point_key = DecisionPointKey("site", str(index))
            data = {"site": "site", "target": str(index), "at": 0, "id": "p"}
            data |= {"experiment": None, "condition": None}
            row = keys.point(keys.point_text(point_key.site, point_key.target))
            points.save(RecordRow(keys.user("u"), row, data=data))
    with LoggedRow.batch_write() as strays:
        for index in range(MANY // 2):
            key = keys.logged("u", str(index))
            stray = LoggedRow(keys.metric("stray"), key, user_id="u", log_record=str(index))
            strays.save(stray)
    begun = {"group": None, "uniquifier": "", "names": ["stray"]}
    RecordRow(keys.user("u"), keys.begun("0"), data=begun).save()
    services.metrics.save([MetricDraft("stray", MetricType.CONTINUOUS, None, ("home",))])


def test_a_user_with_very_many_logs_and_marks_is_erased_in_one_call(world: World) -> None:
    # However slow the machine: what a call may take is another test's matter.
    services = bootstrap.build(world.settings, dynamo_stores(), FixedClock())
    add_very_many(services)
    calls = count()
    with watched(lambda **_: next(calls)):
        report = services.erasure.erase("u")
    assert next(calls) < MANY // 5, "some dozens at a time"
    assert (report.logs, report.points, report.enrollments) == (MANY, MANY // 2 + 1, 1)
    tables = all_items()
    assert tables["events"] == []
    assert tables["users"] == []
    assert stored_counts(tables) == {}


def test_marks_of_who_came_back_meanwhile_are_not_taken_for_old_ones(world: World) -> None:
    """The second mark of the one who left counted nowhere, that of the one who came counts."""
    services = world.services()
    services.experiments.create(design(unit=Unit.WITHIN_SUBJECTS))

    def take_part(*codes: str) -> None:
        services.participants.init("u", GroupUpdate(), follow=True)
        for code in codes:
            mark(services, code=code)

    def come_back() -> None:
        services.erasure.erase("u")
        take_part("a", "b")

    take_part("a", "a")
    step = once("user_data.drop_repeats", come_back)
    stores = watched_ports(dynamo_stores(), before=step)
    bootstrap.build(world.settings, stores, world.clock).erasure.erase("u")
    tables = all_items()
    assert (tables["users"], stored_counts(tables)) == ([], {})


def test_very_many_aliases_are_erased_by_calls_that_each_go_on(world: World) -> None:
    clock = TickingClock(timedelta(milliseconds=40))
    process = bootstrap.build(world.settings, dynamo_stores(), clock)
    process.participants.init("u", GroupUpdate(), follow=True)
    caller = process.participants.find("u")
    assert caller is not None
    aliases = [f"alias {number}" for number in range(60)]
    for start in range(0, len(aliases), 20):
        process.participants.set_aliases(caller, aliases[start : start + 20])
    left = len(aliases)
    with watched(clock.tick):
        while left:
            with suppress(Unavailable):
                process.erasure.erase("u")
            before, left = left, len(dynamo_stores().user_data.aliases("u"))
            assert left < before, "no call starts over"
    process.erasure.erase("u")
    assert all_items()["users"] == []


@pytest.mark.parametrize("user_id", ["u", ALIAS])
def test_a_log_that_was_under_way_goes_with_its_notes_and_its_kept_answer(
    world: World, user_id: str
) -> None:
    stores = dynamo_stores()
    names = [f"metric {number}" for number in range(120)]
    request = RequestKey(user_id, "digest", "fingerprint")
    record = IdempotencyRecord(request, StoredResponse(200, {}, "{}"), START)
    finished = count(1)

    def store(call: str) -> None:
        if call == "user_data.finish" and next(finished) == (1 if user_id == ALIAS else 2):
            row = LogRow(1, START, dict.fromkeys(names, 1), START, START)
            log_record = LogRecord(user_id, LogRecordKey(), (row,), 1)
            assert not stores.logs.store([Merge(log_record, (), log_record.metrics())])
            stores.idempotency.keep(record)

    process = bootstrap.build(world.settings, watched_ports(stores, after=store), FixedClock())
    process.participants.init("u", GroupUpdate(), follow=True)
    caller = process.participants.find("u")
    assert caller is not None
    process.participants.set_aliases(caller, [ALIAS])
    report = process.erasure.erase("u")
    assert (report.logs, report.answers, report.aliases) == (1, 1, [ALIAS])
    tables = all_items()
    assert (tables["users"], tables["events"]) == ([], [])


def test_an_erasure_asks_for_the_user_s_own_rows_however_many_metrics_and_lists_there_are(
    world: World,
) -> None:
    services = world.services()
    asked: list[int] = []
    for more in (0, 3):
        names = [f"metric {number}" for number in range(more)]
        services.metrics.save(
            [MetricDraft(name, MetricType.CONTINUOUS, None, ("home",)) for name in names]
        )
        for number in range(more):
            services.segments.put(segment(f"s{number}"), [])
        services.participants.init("u", GroupUpdate(), follow=True)
        calls: list[str] = []
        with watched(lambda calls=calls, **_: calls.append("")):
            services.erasure.erase("u")
        asked.append(len(calls))
    assert asked[0] == asked[1]


def test_notes_of_a_log_that_died_before_it_was_stored_go_with_its_user(world: World) -> None:
    names = [f"metric {number}" for number in range(200)]
    key = LogRecordKey(("class", "key#%"), "once")
    row = LogRow(1, START, dict.fromkeys(names, 1), START, START)
    log_record = LogRecord("u", key, (row,), 1)
    merge = Merge(log_record, (), log_record.metrics())
    point = killed = 0
    while point == killed:
        point += 1
        world.reaper.doom(point)
        try:
            dynamo_stores().logs.store([merge])
        except Killed:
            killed += 1
        finally:
            world.reaper.spare()
        world.services().erasure.erase("u")
        tables = all_items()
        assert (tables["users"], tables["events"]) == ([], [])
    assert killed > 4


def test_notes_of_metrics_that_left_go_if_any_log_has_values_of_them(world: World) -> None:
    services, key = world.services(), keys.metric("of no experiment")
    services.participants.init("u", GroupUpdate(), follow=True)
    log_record = LogRecord(
        "u", LogRecordKey(), (LogRow(1, START, {"of no experiment": 1}, START, START),), 1
    )
    assert not dynamo_stores().logs.store([Merge(log_record, (), log_record.metrics())])
    LoggedRow(key, keys.logged("u", "never stored"), user_id="u", log_record="never stored").save()
    services.erasure.erase("u")
    assert items_naming(all_items(), "never stored") == []
    assert all_items()["events"] == []


def test_no_step_works_on_without_a_look_at_the_clock(world: World) -> None:
    """With calls as slow as 250 ms nothing is answered later than some calls after the end."""
    clock = TickingClock(timedelta(milliseconds=250))
    services = bootstrap.build(world.settings, dynamo_stores(), clock)
    add_very_many(services)
    longest, done = timedelta(), False
    with watched(clock.tick):
        while not done:
            begun = clock()
            with suppress(Unavailable):
                services.erasure.erase("u")
                done = True
            longest = max(longest, clock() - begun)
    assert WORK_TIME <= longest < WORK_TIME + timedelta(seconds=6)
    tables = all_items()
    assert (tables["events"], tables["users"]) == ([], [])
    assert stored_counts(tables) == {}
