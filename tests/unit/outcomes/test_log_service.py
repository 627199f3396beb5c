"""Storing what clients log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from chalicelib.domain.access.idempotency import IdempotencyRecord, RequestKey, StoredResponse
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.experiments.experiments import State
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.outcomes.logs import LogPart, LogRecord, LogRecordKey, Value
from chalicelib.services import Services
from chalicelib.services.outcomes.logs import LogReport
from chalicelib.services.outcomes.metrics import MetricDraft
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.measure_samples import AREAS, SIMPLE, asking, part
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import Killed, at_once, counting, design, mortal

METRICS = ["time", "grade", AREAS.metric("time"), AREAS.metric("grade")]
PARALLEL = 8


def log_record_key(number: int) -> LogRecordKey:
    """Log records of the measured class and key."""
    assert AREAS.group is not None
    return LogRecordKey(AREAS.group, f"try {number}")


@pytest.fixture(autouse=True)
def measured(services: Services) -> None:
    drafts = [MetricDraft(key, MetricType.CONTINUOUS, None, ("home",)) for key in METRICS]
    services.metrics.save(drafts)
    services.experiments.create(asking(design(), *METRICS))


def stored(memory: Memory, user_id: str = "u") -> dict[LogRecordKey, list[dict[str, Value]]]:
    """The values of a user's rows, by log record."""
    return {
        key: [dict(row.data) for row in log_record.rows]
        for (owner, key), log_record in memory.log_records.items()
        if owner == user_id
    }


def log_record(memory: Memory, key: LogRecordKey = SIMPLE, user_id: str = "u") -> LogRecord:
    return memory.log_records[user_id, key]


def many(count: int, minute: float = 0) -> list[LogPart]:
    """Entries of as many log records."""
    return [part(minute, n, key=log_record_key(n), time=n) for n in range(count)]


# What is kept


def test_a_log_with_an_answer_to_keep_is_stored_whole_when_another_was_faster(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """Its first try is lost with all its log records; what is kept tells of the second."""
    sealed: list[int] = []

    def seal(report: LogReport) -> IdempotencyRecord:
        sealed.append(len(report.logged))
        key = RequestKey.of("u", "POST /api/v6/log", "", "k", b"")
        return IdempotencyRecord(key, StoredResponse(200, {}, str(len(sealed))), START)

    faster = once("logs.store", lambda: services.logs.log("u", many(1)))
    report = process(memory, clock, before=faster).logs.log("u", many(3, minute=1), seal)
    assert (len(report.logged), sealed) == (3, [3, 3])
    assert log_record(memory, log_record_key(0)).revision == 2
    assert set(stored(memory)) == {log_record_key(n) for n in range(3)}
    [kept] = memory.answers.values()
    assert kept.answer.body == "2"


def test_what_an_experiment_measures_is_stored_and_the_rest_dropped(
    services: Services, memory: Memory
) -> None:
    report = services.logs.log(
        "u", [part(time=5, mood="good"), part(key=AREAS, grade="A"), part(key=AREAS, mood="bad")]
    )
    assert stored(memory) == {SIMPLE: [{"time": 5}], AREAS: [{"grade": "A"}]}
    assert [each.part.attributes for each in report.logged] == [{"time": 5}, {"grade": "A"}]
    assert sorted(report.metrics) == sorted(METRICS)


def test_nothing_is_asked_of_the_store_if_nothing_is_measured(
    memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    counted = process(memory, clock, before=counting(calls))
    for parts in ([], [part(mood="good")], [part()]):
        assert counted.logs.log("u", parts).logged == ()
    assert not [call for call in calls if call.startswith("logs.")]
    assert memory.log_records == {}


def test_an_archived_experiment_measures_nothing(services: Services, memory: Memory) -> None:
    services.experiments.move("e", State.ARCHIVED)
    assert services.logs.log("u", [part(time=5)]).logged == ()
    services.experiments.move("e", State.INACTIVE)
    assert len(services.logs.log("u", [part(time=5)]).logged) == 1
    assert stored(memory) == {SIMPLE: [{"time": 5}]}


def test_what_is_logged_is_numbered_and_stamped(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.logs.log("u", [part(time=5)])
    services.logs.log("v", [part(time=5)])
    first = log_record(memory).rows[0]
    assert log_record(memory, user_id="v").rows[0].id > first.id > 0
    assert (first.time, first.created_at, first.updated_at) == (START, START, START)
    clock.advance(timedelta(hours=1))
    services.logs.log("u", [part(30, time=6)])
    after = log_record(memory).rows[0]
    assert (after.id, after.time) == (first.id, START + timedelta(minutes=30))
    assert (after.created_at, after.updated_at, after.version) == (START, clock.now, 2)


def test_older_values_change_nothing_and_are_not_written(
    services: Services, memory: Memory
) -> None:
    services.logs.log("u", [part(10, time=5)])
    before = log_record(memory)
    report = services.logs.log("u", [part(9, time=6)])
    assert [(each.changed, each.inserted) for each in report.logged] == [((), None)]
    assert log_record(memory) == before
    for minute, value in ((10, "same"), (11, "newer")):
        services.logs.log("u", [part(minute, time=value)])
        assert stored(memory) == {SIMPLE: [{"time": value}]}


def test_a_report_is_in_the_order_of_the_call_whatever_the_log_records(services: Services) -> None:
    parts = [
        part(0, 0, time=1),
        part(0, 0, key=AREAS, time=2),
        part(0, 1, time=3),
        part(0, 2, key=AREAS, time=4),
        part(0, 3, time=5),
    ]
    report = services.logs.log("u", parts)
    assert [each.part for each in report.logged] == parts
    assert all(each.inserted for each in report.logged)


def test_several_parts_for_one_log_record_are_stored_together(
    memory: Memory, clock: FixedClock
) -> None:
    calls: Counter[str] = Counter()
    counted = process(memory, clock, before=counting(calls))
    counted.logs.log("u", [part(n, n, time=n) for n in range(20)])
    assert calls["logs.store"] == calls["logs.log_records"] == 1
    assert log_record(memory).revision == 1
    counted.logs.log("u", [part(100 - n, n, time=n) for n in range(20)])
    assert log_record(memory).rows[0].data == {"time": 0}, "the newest comes first here"
    assert log_record(memory).revision == 2


def test_a_hundred_entries_are_stored_at_once(memory: Memory, clock: FixedClock) -> None:
    calls: Counter[str] = Counter()
    report = process(memory, clock, before=counting(calls)).logs.log("u", many(100))
    assert len(report.logged) == len(stored(memory)) == 100
    assert calls["logs.store"] == calls["logs.log_records"] == 1


def test_what_earlier_calls_stored_does_not_make_a_call_longer(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.logs.log("u", many(500))
    calls: Counter[str] = Counter()
    process(memory, clock, before=counting(calls)).logs.log("u", many(20, minute=1))
    assert calls == {
        "catalogue.revision": 1,
        "catalogue.load": 1,
        "logs.log_records": 1,
        "logs.store": 1,
    }
    assert sum(len(rows) for rows in stored(memory).values()) == 500


def test_too_much_for_a_log_record_is_refused_and_nothing_is_stored(
    services: Services, memory: Memory
) -> None:
    huge = [part(1, n, key=AREAS, time="x" * 1000) for n in range(500)]
    with pytest.raises(Invalid, match="too much is logged"):
        services.logs.log("u", [part(time=1), *huge])
    assert stored(memory) == {}
    services.logs.log("u", [part(key=AREAS, time="short")])
    services.logs.log("u", huge)
    assert len(log_record(memory, AREAS).rows) == 1, "one row took them all, one after the other"


# Races


def log_at_once(
    memory: Memory, clock: FixedClock, calls: Sequence[Sequence[LogPart]]
) -> list[bool]:
    def log(parts: Sequence[LogPart]) -> bool:
        report = process(memory, clock).logs.log("u", parts)
        return len(report.logged) == len(parts)

    return at_once(*(lambda parts=parts: log(parts) for parts in calls))


def test_parallel_callers_on_one_log_record_end_with_one_row_of_the_newest_value(
    memory: Memory, clock: FixedClock
) -> None:
    calls = [[part(n, time=n, grade=f"{n}")] for n in range(PARALLEL)]
    assert all(log_at_once(memory, clock, calls))
    newest = PARALLEL - 1
    assert stored(memory) == {SIMPLE: [{"time": newest, "grade": f"{newest}"}]}
    assert log_record(memory).revision <= PARALLEL


def test_parallel_callers_on_several_log_records_lose_nothing(
    memory: Memory, clock: FixedClock
) -> None:
    calls = [
        [part(n, s, key=log_record_key((s + n) % 5), time=n) for s in range(5)]
        for n in range(PARALLEL)
    ]
    assert all(log_at_once(memory, clock, calls))
    assert stored(memory) == {log_record_key(s): [{"time": PARALLEL - 1}] for s in range(5)}


def test_who_loses_a_log_record_merges_anew_and_keeps_what_was_stored(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("logs.store", lambda: services.logs.log("u", [part(5, time="rival")]))
    slow = process(memory, clock, before=rival)
    report = slow.logs.log("u", [part(3, time="older", grade="A"), part(3, key=AREAS, time=1)])
    assert stored(memory) == {SIMPLE: [{"time": "rival"}, {"grade": "A"}], AREAS: [{"time": 1}]}
    first, second = report.logged
    assert first.changed == ()
    assert first.inserted is not None
    assert first.inserted.data == {"grade": "A"}
    assert second.inserted is not None
    assert log_record(memory, AREAS).revision == 1, "it was stored at the first attempt"


@pytest.mark.usefixtures("no_time")
def test_who_loses_again_and_again_gives_up(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    minutes = iter(range(1, 10_000))

    def rival(call: str) -> None:
        if call == "logs.store":
            services.logs.log("u", [part(next(minutes), time=0)])

    with pytest.raises(Unavailable, match="the log: too many writers"):
        process(memory, clock, before=rival).logs.log("u", [part(20_000, time=1)])


# Deaths


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_call_that_is_killed_and_made_again_is_stored_once(
    services: Services, memory: Memory, clock: FixedClock, step: str
) -> None:
    parts = [part(1, 0, time=1, grade="A"), *many(5, minute=2), part(3, 6, time=2)]
    killed = 0
    for at in range(12):
        try:
            mortal(memory, clock, at, step).logs.log("u", parts)
        except Killed:
            killed += 1
    assert killed >= 4
    services.logs.log("u", parts)
    expected = {log_record_key(n): [{"time": n}] for n in range(5)}
    assert stored(memory) == {SIMPLE: [{"time": 2, "grade": "A"}, {"time": 2}], **expected}
