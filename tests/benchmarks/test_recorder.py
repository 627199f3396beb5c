"""What the recorder makes of calls to the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

from benchmarks.capacity import Units
from benchmarks.recorder import AT_ONCE, Call, Record, Recorder
from chalicelib.storage.dynamodb.connection import transaction
from chalicelib.storage.dynamodb.tables import RecordRow, UserRow


def record(*workers: int | None, operation: str = "Query") -> Record:
    calls = [Call(operation, ("t",), Units(), {}, worker, False) for worker in workers]
    return Record(calls)


def test_each_call_of_the_serving_thread_is_a_trip() -> None:
    assert record(None, None, None).trips == 3


def test_calls_of_workers_in_a_row_are_one_trip() -> None:
    assert record(None, 1, 2, 1, None).trips == 3
    assert record(*range(AT_ONCE + 1)).trips == 2


def test_what_workers_do_next_is_another_trip() -> None:
    assert Record(record(1, 2).calls + record(1, 2, operation="BatchGetItem").calls).trips == 2


def test_the_next_page_is_another_trip() -> None:
    page = Call("Query", ("t",), Units(), {"ExclusiveStartKey": {}}, 1, True)
    assert Record([*record(1).calls, page]).trips == 2


@pytest.fixture
def recorder(app: ModuleType) -> Recorder:  # noqa: ARG001 - it connects and empties
    return Recorder()


def row(**fields: Any) -> UserRow:
    return UserRow("u", "testlab", user_id="u", ip_address="::1", time_stamp=1, **fields)


def test_reads_of_nothing_cost_the_least(recorder: Recorder) -> None:
    with recorder.request() as seen:
        assert list(RecordRow.query("nobody", consistent_read=True)) == []
        assert list(RecordRow.query("nobody")) == []
        assert list(RecordRow.batch_get([("a", "b"), ("c", "d")], consistent_read=True)) == []
    assert [call.units.read for call in seen.calls] == [1, 0.5, 2]


def test_a_filter_saves_no_units(recorder: Recorder) -> None:
    for number in range(5):
        RecordRow("u", f"s{number}", data="x" * 2000, n=number).save()
    with recorder.request() as seen:
        found = list(RecordRow.query("u", filter_condition=RecordRow.n == 1, consistent_read=True))
    assert len(found) == 1
    assert seen.units.read == 3


def test_writes_cost_by_their_items_and_the_index(recorder: Recorder) -> None:
    with recorder.request() as seen:
        row(variant_id=1).save()
        RecordRow("u", "long", data="x" * 3000).save()
        RecordRow("u", "long", data="x").save()
        row(variant_id=2).save()
        UserRow("u", "testlab").delete()
    assert [call.units.write for call in seen.calls] == [2, 3, 3, 3, 2]


def test_transactions_cost_double_checks_included(recorder: Recorder) -> None:
    row(variant_id=1).save()
    with recorder.request() as seen, transaction() as write:
        write.save(RecordRow("u", "a"))
        write.save(RecordRow("u", "b", data="x" * 1500))
        write.condition_check(UserRow, "u", "testlab", condition=UserRow.pk.exists())
    assert seen.operations == ["TransactWriteItems"]
    assert seen.units == Units(write=2 + 4 + 2)
    assert sorted(each.units for each in seen.calls[0].written) == [2, 2, 4]


def test_calls_of_threads_are_known(recorder: Recorder) -> None:
    with recorder.request() as seen, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: list(RecordRow.query(f"u{n}")), range(4)))
    assert (len(seen.calls), seen.trips) == (4, 1)
    with recorder.request() as after:
        pass
    assert after.calls == []
