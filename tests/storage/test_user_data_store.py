"""What is stored under a user's id: found, counted off and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.access.idempotency import IdempotencyRecord, RequestKey, StoredResponse
from chalicelib.domain.catalogue.purge import ErasedUser
from chalicelib.domain.errors import LostRace
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import EnrollmentCount, ExclusionCount
from chalicelib.domain.experiments.experiments import CompleteCondition
from chalicelib.domain.experiments.group_change import GroupLeft, StratumEnrollment
from chalicelib.domain.experiments.marks import Outcome, Records, Repeat
from chalicelib.domain.features.cohorts import Cohort
from chalicelib.domain.features.users import Totals, TotalsShard, User
from chalicelib.domain.outcomes.logs import LogRecord, LogRecordKey, LogRow, Merge
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    MonitoredPoint,
    Participant,
    Profile,
)
from chalicelib.domain.privacy.erasure import Ending, KeptRepeat
from chalicelib.services.experiments.ports import Counting
from chalicelib.services.privacy.ports import Remains
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.raw import plain
from chalicelib.storage.dynamodb.tables import LoggedRow, RecordRow
from chalicelib.storage.privacy import user_data
from tests.fakes.memory import START, TRANSACTION_ACTIONS
from tests.unit.upgrade_service_samples import HERE, THERE, class_key, group_design

FEATURE_ID = 7
COMPILED = CompiledExperiment.of(FEATURE_ID, group_design(complete=CompleteCondition(1, 1)), {})
HOSTILE = ["u", "a#b%c/é", "#" * 512]
SHARD = TotalsShard(FEATURE_ID, 3, 0)


def known(stores: Stores, user_id: str = "u") -> Participant:
    found = stores.participants.get(user_id)
    assert found is not None
    return found


def create(stores: Stores, *user_ids: str, owner: str | None = None) -> None:
    stores.profiles.create([Profile(user_id, owner=owner) for user_id in user_ids])


def enrolled(point_key: DecisionPointKey = HERE, **fields: object) -> Enrollment:
    made = Enrollment(FEATURE_ID, point_key, "id of a", "1a", EnrollmentCode.ALGORITHM, START)
    return replace(made, **fields)  # type: ignore[arg-type]


def store(
    stores: Stores,
    user_id: str,
    records: Records,
    counting: Counting | None = None,
    point_key: DecisionPointKey = HERE,
) -> None:
    point = MonitoredPoint("p", point_key, "e", None, START)
    groups = stores.participants.groups([class_key("1a")])
    stores.enrollments.store_mark(
        known(stores, user_id),
        groups,
        Outcome(COMPILED, point, None, records),
        counting or Counting(),
        (),
    )


def drop_records(stores: Stores, participant: Participant) -> int:
    """The revision after it."""
    *_, last = stores.user_data.drop_records(participant)
    return last.revision


def log(stores: Stores, user_id: str, key: LogRecordKey, *names: str) -> LogRecord:
    row = LogRow(1, START, dict.fromkeys(names, 1), START, START)
    log_record = LogRecord(user_id, key, (row,), 1)
    assert not stores.logs.store([Merge(log_record, (), log_record.metrics())])
    return log_record


def all_log_records(stores: Stores, user_id: str) -> list[LogRecord]:
    return [log_record for some in stores.user_data.log_records(user_id) for log_record in some]


@pytest.mark.parametrize("user_id", HOSTILE)
def test_an_enrollment_ends_with_all_that_it_had_added(stores: Stores, user_id: str) -> None:
    create(stores, user_id)
    counting = Counting(2, ("high", 5), 1, SHARD)
    exclusion = Exclusion(FEATURE_ID, ExclusionCode.LISTED, START)
    records = Records(enrolled(variant_id=3), exclusion)
    store(stores, user_id, records, counting)
    before = known(stores, user_id)
    assert before.enrollments == {FEATURE_ID: (enrolled(variant_id=3),)}
    ending = Ending(
        enrollments=before.enrollments[FEATURE_ID],
        exclusions=(FEATURE_ID,),
        enrollment_counts=(
            EnrollmentCount(
                FEATURE_ID, "id of a", HERE, START, users=-1, condition_users=-1, point_users=-1
            ),
        ),
        left=(GroupLeft(FEATURE_ID, class_key("1a"), 1),),
        uncounted=(StratumEnrollment(FEATURE_ID, HERE, "high", 5),),
    )
    groups = stores.participants.groups([class_key("1a")])
    with pytest.raises(LostRace):
        stores.user_data.end(replace(before, revision=1), ending, groups, [SHARD])
    stores.user_data.end(before, ending, groups, [SHARD])
    with pytest.raises(LostRace):
        stores.user_data.end(before, ending, groups, [SHARD])
    after = known(stores, user_id)
    assert (after.enrollments, after.exclusions) == ({}, {})
    assert (after.points, after.revision) == (before.points, before.revision + 1)
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (0, 0)
    assert stores.enrollment_counts.by_point(FEATURE_ID, [HERE])[1] == ExclusionCount(FEATURE_ID)
    (hour,) = stores.enrollment_counts.hourly(FEATURE_ID, START.date(), [HERE])
    assert (hour.users, hour.groups) == (0, 1), "the group has been there"
    assert set(stores.enrollment_counts.in_stratum(FEATURE_ID, "high").values()) == {0}
    assert stores.totals.of_feature(FEATURE_ID)[3] == Totals()
    (group,) = stores.participants.groups([class_key("1a")]).values()
    assert group.counts == {FEATURE_ID: 0}


def test_a_group_that_another_one_joined_meanwhile_is_counted_anew(stores: Stores) -> None:
    create(stores, "u", "v")
    store(stores, "u", Records(enrolled()), Counting(users_per_group=1))
    groups = stores.participants.groups([class_key("1a")])
    store(stores, "v", Records(enrolled()), Counting(users_per_group=1))
    ending = Ending((enrolled(),), left=(GroupLeft(FEATURE_ID, class_key("1a"), 1),))
    with pytest.raises(LostRace):
        stores.user_data.end(known(stores), ending, groups, [])
    assert known(stores).enrollments
    stores.user_data.end(known(stores), ending, stores.participants.groups(groups), [])
    (group,) = stores.participants.groups(groups).values()
    assert (group.counts, stores.enrollment_counts.in_all(FEATURE_ID)[1]) == ({FEATURE_ID: 1}, 1)


@pytest.mark.parametrize("user_id", HOSTILE)
def test_marks_within_subjects_are_listed_some_at_a_time(stores: Stores, user_id: str) -> None:
    create(stores, user_id)
    for number in range(5):
        at = START + timedelta(minutes=number)
        first = None if number else enrolled(condition_id=None, group_id=None)
        store(stores, user_id, Records(first, repeat=Repeat(FEATURE_ID, HERE, "a", None, at)))
    whole = [kept.repeat for kept in stores.user_data.repeats(user_id, FEATURE_ID)]
    assert len(whole) == 5
    found: list[Repeat] = []
    after = ""
    while some := stores.user_lists.repeats(user_id, FEATURE_ID, after, 2):
        assert len(some) <= 2
        found += [repeat for _, repeat in some]
        after = some[-1][0]
    assert found == whole


@pytest.mark.parametrize("user_id", HOSTILE)
def test_log_records_are_listed_some_at_a_time(stores: Stores, user_id: str) -> None:
    for number in range(5):
        log(stores, user_id, LogRecordKey(("class#", "key"), f"é#{number}"), "time")
    log(stores, f"{user_id}x", LogRecordKey(None, ""), "time")
    whole = sorted(
        all_log_records(stores, user_id), key=lambda log_record: log_record.key.uniquifier
    )
    assert len(whole) == 5
    found: list[LogRecord] = []
    after = ""
    while some := stores.user_lists.log_records(user_id, after, 2):
        assert len(some) <= 2
        found += [log_record for _, log_record in some]
        after = some[-1][0]
    assert sorted(found, key=lambda log_record: log_record.key.uniquifier) == whole


def test_marks_within_subjects_go_some_at_a_time(stores: Stores) -> None:
    create(stores, "u")
    conditions: Sequence[str | None] = ("a", "b", "a", None)
    for number, condition in enumerate(conditions):
        at = START + timedelta(minutes=number)
        repeat = Repeat(FEATURE_ID, HERE, condition, None, at)
        first = enrolled(condition_id=None, group_id=None, met=frozenset({"a"}))
        store(stores, "u", Records(None if number else first, repeat=repeat))
    kept = stores.user_data.repeats("u", FEATURE_ID)
    assert [(each.repeat.condition_id, each.index) for each in kept] == [
        ("a", 0),
        ("b", 1),
        ("a", 2),
        (None, 3),
    ]
    before = known(stores)
    after = stores.user_data.drop_repeats(before, [kept[2]])
    assert after == known(stores)
    with pytest.raises(LostRace):
        stores.user_data.drop_repeats(before, [kept[0]])
    with pytest.raises(LostRace):
        stores.user_data.drop_repeats(replace(before, revision=0), [kept[0]])
    assert len(stores.user_data.repeats("u", FEATURE_ID)) == 3
    ending = Ending(repeats=(kept[1], kept[3]))
    stores.user_data.end(known(stores), ending, {}, [])
    (left,) = known(stores).enrollments[FEATURE_ID]
    assert (left.met, left.repeats) == (frozenset({"a"}), 4)
    assert [each.repeat for each in stores.user_data.repeats("u", FEATURE_ID)] == [kept[0].repeat]
    ending = Ending((left,), (KeptRepeat(kept[0].repeat, 0),))
    stores.user_data.end(known(stores), ending, {}, [])
    assert (known(stores).enrollments, stores.user_data.repeats("u", FEATURE_ID)) == ({}, [])


def test_exposures_are_counted_off(stores: Stores) -> None:
    feature_ids = [1, 2, 64, 65, 200]
    for user_id in ("u", "v"):
        stores.exposures.note(user_id, feature_ids, 3)
    stores.user_data.drop_exposures("u")
    stores.user_data.drop_exposures("u")
    assert [stores.exposures.count(feature_id) for feature_id in feature_ids] == [1] * 5
    assert stores.participants.read("u").exposures == frozenset()
    assert stores.participants.read("v").exposures == frozenset(feature_ids)


@pytest.mark.parametrize("owner", HOSTILE)
def test_aliases_are_found_until_they_are_erased(stores: Stores, owner: str) -> None:
    create(stores, owner)
    create(stores, "b", "a#", owner=owner)
    create(stores, "c", owner=owner)
    assert stores.user_data.aliases(owner) == ["a#", "b", "c"]
    assert stores.user_data.aliases("b") == []
    for alias, left in (("b", ["a#", "c"]), ("c", ["a#"]), ("a#", [])):
        stores.user_data.finish(known(stores, alias), [])
        assert stores.user_data.aliases(owner) == left


@pytest.mark.parametrize("user_id", HOSTILE)
def test_lists_are_left_in_all_versions_and_by_nobody_else(stores: Stores, user_id: str) -> None:
    create(stores, user_id)
    note = stores.members.note
    note("s", 1, [user_id, "v"])
    note("s", 2, [user_id, "v"])
    note("t#%", 3, [user_id])
    note("u", 4, ["v"])
    listings = stores.user_data.listings(user_id, ["s", "t#%", "u", "unmade"])
    assert sorted((each.segment_id, each.version) for each in listings) == [
        ("s", 1),
        ("s", 2),
        ("t#%", 3),
    ]
    stores.user_data.drop_listings(user_id, listings)
    assert stores.members.of_version("s", 2) == ["v"]
    assert known(stores, user_id).members, "until the end it is known of which lists"
    stores.user_data.finish(known(stores, user_id), listings)
    assert stores.participants.get(user_id) is None
    assert stores.participants.read(user_id) == Participant(Profile(user_id))
    assert known_members(stores, "v") == {"s": {1, 2}, "u": {4}}


def known_members(stores: Stores, user_id: str) -> dict[str, set[int]]:
    found = stores.participants.read(user_id).members
    return {segment_id: {*versions} for segment_id, versions in found.items()}


def test_very_many_notes_of_lists_go_with_or_without_a_profile(stores: Stores) -> None:
    create(stores, "u")
    for user_id in ("u", "v"):
        for number in range(200):
            stores.members.note(f"s{number}", 1, [user_id])
        listings = stores.user_data.listings(user_id, ())
        assert len(listings) == 200
        stores.user_data.drop_listings(user_id, listings)
        stores.user_data.finish(stores.participants.read(user_id), listings)
        assert stores.participants.read(user_id) == Participant(Profile(user_id))
    stores.user_data.finish(stores.participants.read("u"), [])


def test_a_profile_that_changed_stays_with_the_notes(stores: Stores) -> None:
    create(stores, "u")
    stores.members.note("s", 1, ["u"])
    listings, before = stores.user_data.listings("u", ()), known(stores)
    store(stores, "u", Records())
    for call in (
        lambda: stores.user_data.finish(before, listings),
        lambda: drop_records(stores, before),
    ):
        with pytest.raises(LostRace):
            call()
    assert known(stores).members == {"s": frozenset({1})}
    assert len(known(stores).points) == 1


def test_who_came_back_is_not_taken_for_who_was_erased(stores: Stores) -> None:
    """Though at the same revision: what was decided on the one must not be done to the other."""
    made = START
    stores.profiles.create([Profile("u", created_at=made)])
    store(stores, "u", Records(enrolled()))
    before = known(stores)
    ending = Ending(before.enrollments[FEATURE_ID])
    stores.user_data.end(before, ending, {}, [])
    drop_records(stores, known(stores))
    stores.user_data.finish(known(stores), [])
    stores.profiles.create([Profile("u", created_at=made + timedelta(milliseconds=1))])
    store(stores, "u", Records(enrolled()))
    after = known(stores)
    assert after.revision == before.revision
    point = MonitoredPoint("p", THERE, "e", None, START)
    outcome = Outcome(COMPILED, point, None, Records())
    with pytest.raises(LostRace):
        stores.user_data.end(before, ending, {}, [])
    with pytest.raises(LostRace):
        stores.user_data.finish(before, [])
    with pytest.raises(LostRace):
        stores.enrollments.store_mark(before, {}, outcome, Counting(), ())
    assert known(stores) == after


def test_very_many_points_go_and_what_belongs_to_others_stays(stores: Stores) -> None:
    create(stores, "u", "v")
    for number in range(TRANSACTION_ACTIONS + 10):
        store(stores, "u", Records(), point_key=DecisionPointKey("site", str(number)))
    store(stores, "u", Records(), Counting())
    store(stores, "u", Records(enrolled()), Counting())
    stores.strata.store("pretest", {"u": "high"}, START)
    revision = drop_records(stores, known(stores))
    after = known(stores)
    assert (after.points, after.revision) == ({}, revision)
    assert (len(after.enrollments), after.strata) == (1, {"pretest": "high"})


def test_logs_go_with_the_notes_of_their_metrics(stores: Stores) -> None:
    names = [f"metric {number}" for number in range(120)]
    other = LogRecordKey(("class", "key"), "1")
    log_records = [log(stores, "u", LogRecordKey(), *names), log(stores, "u", other, *names[:3])]
    log(stores, "v", LogRecordKey(), "metric 0")
    assert sorted(all_log_records(stores, "u"), key=repr) == sorted(log_records, key=repr)
    with pytest.raises(LostRace):
        stores.user_data.drop_log_records([replace(log_records[1], revision=2)])
    assert len(all_log_records(stores, "u")) == 2
    stores.user_data.drop_log_records(log_records)
    assert all_log_records(stores, "u") == []
    assert [[s.user_id for s in some] for some in stores.logs.of_metric("metric 0")] == [["v"]]


@pytest.mark.parametrize("user_id", HOSTILE)
def test_it_is_known_whether_anything_remains(stores: Stores, user_id: str) -> None:
    remains, other = stores.user_data.remains, user_id[:-1] + "x"
    create(stores, other)
    log(stores, other, LogRecordKey(), "m")
    assert remains(user_id) is Remains.NOTHING
    log_record = log(stores, user_id, LogRecordKey(), "m")
    assert remains(user_id) is Remains.RECORDS
    create(stores, user_id)
    assert remains(user_id) is Remains.USER
    stores.user_data.finish(known(stores, user_id), [])
    stores.user_data.drop_log_records([log_record])
    assert remains(user_id) is Remains.NOTHING
    answer = StoredResponse(200, {}, "{}")
    stores.idempotency.keep(IdempotencyRecord(RequestKey(user_id, "d", "f"), answer, START))
    assert remains(user_id) is Remains.RECORDS
    (dropped,) = stores.user_data.drop_records(stores.participants.read(user_id))
    assert dropped.answers == 1
    assert remains(user_id) is Remains.NOTHING
    stores.members.note("s", 1, [user_id])
    assert remains(user_id) is Remains.RECORDS
    stores.users.create(User(user_id, 3, "10.0.0.1", START), SHARD)
    assert remains(user_id) is Remains.USER


def test_an_entry_of_the_queue_goes_once_there_is_no_row(stores: Stores) -> None:
    user = User("u", 3, "10.0.0.1", START)
    entry = ErasedUser("u", START)
    stores.users.create(user, SHARD)
    stores.users.begin_erasure(user, entry, SHARD, Cohort())
    stores.user_data.close_queue("u")
    assert stores.queue.due(START) == [entry]
    stores.users.finish_erasure(user, SHARD, entry)
    stores.queue.postpone(entry)
    stores.user_data.close_queue("u")
    stores.user_data.close_queue("u")
    assert stores.queue.due(START) == []


class TestInDynamoDB:
    """What the fakes have no like of."""

    def test_notes_of_logs_that_were_never_stored_go(self, dynamo_stores: Stores) -> None:
        log(dynamo_stores, "u", LogRecordKey(), "stored")
        for metric, log_record in (("stored", "gone"), ("other", keys.SIMPLE_LOG_RECORD)):
            row = LoggedRow(
                keys.metric(metric),
                keys.logged("u", log_record),
                user_id="u",
                log_record=log_record,
            )
            row.save()
        longer = LoggedRow(
            keys.metric("stored"), keys.logged("u2", "x"), user_id="u2", log_record="x"
        )
        longer.save()
        assert len(list(dynamo_stores.user_data.drop_notes("u", ["stored", "other"]))) == 2
        notes = [*LoggedRow.query(keys.metric("stored")), *LoggedRow.query(keys.metric("other"))]
        assert sorted((n.user_id, n.log_record) for n in notes) == [
            ("u", keys.SIMPLE_LOG_RECORD),
            ("u", keys.SIMPLE_LOG_RECORD),
            ("u2", "x"),
        ], "of the log record that there is, whatever it has values of"

    def test_very_many_notes_go_some_at_a_time(self, dynamo_stores: Stores) -> None:
        with LoggedRow.batch_write() as batch:
            for number in range(120):
                log_record = str(number)
                key = keys.logged("u", log_record)
                batch.save(LoggedRow(keys.metric("m"), key, user_id="u", log_record=log_record))
        steps, left = dynamo_stores.user_data.drop_notes("u", ["m"]), []
        for _ in steps:
            left.append(LoggedRow.count(keys.metric("m")))
        assert left == [72, 24, 0, 0]
        names = [f"metric {number}" for number in range(250)]
        assert len(list(dynamo_stores.user_data.drop_notes("u", names))) == 3

    def test_what_else_is_at_a_user_is_told_and_goes(self, dynamo_stores: Stores) -> None:
        create(dynamo_stores, "u")
        for number in range(100):
            RecordRow(keys.user("u"), f"~{number:03}", data={"of": "u"}, n=number).save()
        others = dynamo_stores.user_data.others("u")
        assert len(others) == 100
        assert (others[7].key, others[7].values) == ("~007", {"data": '{"of":"u"}', "n": 7})
        drop_records(dynamo_stores, known(dynamo_stores))
        assert dynamo_stores.user_data.others("u") == []

    def test_notes_of_what_is_no_alias_go_some_at_a_time(self, dynamo_stores: Stores) -> None:
        data = dynamo_stores.user_data
        create(dynamo_stores, "a", "b", owner="u")
        create(dynamo_stores, "c", owner="u")
        data.drop_aliases("u", ["a"])
        assert data.aliases("u") == ["b", "c"]
        data.drop_aliases("u", ["b", "c", "d"])
        assert data.aliases("u") == []
        assert list(RecordRow.query(keys.user("u"))) == [], "no empty notes stay"

    def test_an_alias_that_is_made_with_another_that_goes_is_kept_in_the_note(
        self, dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create(dynamo_stores, "a", owner="u")
        forget = user_data._forget_aliases

        def late(*args: Any) -> None:
            RecordRow(keys.user("u"), keys.aliases("a")).update([RecordRow.ids.add({"late"})])
            forget(*args)

        with monkeypatch.context() as patch:
            patch.setattr(user_data, "_forget_aliases", late)
            with pytest.raises(LostRace):
                dynamo_stores.user_data.finish(known(dynamo_stores, "a"), [])
        assert dynamo_stores.user_data.aliases("u") == ["a", "late"]
        dynamo_stores.user_data.finish(known(dynamo_stores, "a"), [])
        assert dynamo_stores.user_data.aliases("u") == ["late"]


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ({"S": "x"}, "x"),
        ({"N": "-7"}, -7),
        ({"N": "0.5"}, 0.5),
        ({"BOOL": True}, True),
        ({"NULL": True}, None),
        ({"B": b"\x00\x01"}, "AAE="),
        ({"BS": [b"b", b"a"]}, ["YQ==", "Yg=="]),
        ({"B": "AAE="}, "AAE="),
        ({"SS": ["b", "a"]}, ["a", "b"]),
        ({"NS": ["2", "1"]}, [1, 2]),
        ({"L": [{"S": "x"}]}, ["x"]),
        ({"M": {"k": {"N": "1"}}}, {"k": 1}),
    ],
)
def test_an_item_is_told_as_plain_values(sent: dict[str, object], value: object) -> None:
    assert plain(sent) == value
