"""What the stores count of enrollments and exclusions, and what they find again by user."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta

import pytest

from chalicelib.domain.errors import LostRace
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.enrollment_counts import (
    DailyEnrollmentCount,
    EnrollmentCount,
    ExclusionCount,
    HourlyEnrollmentCount,
    counted_from,
)
from chalicelib.domain.experiments.experiments import CompleteCondition
from chalicelib.domain.experiments.group_change import GroupChange, GroupLeft, StratumEnrollment
from chalicelib.domain.experiments.marks import Outcome, Records, Repeat
from chalicelib.domain.experiments.transfer import GroupOwnRecord, RecordKind, UserRecord
from chalicelib.domain.outcomes.metric_analysis import ArmResult
from chalicelib.domain.outcomes.metric_results import Effect, QueryResult
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    UNKNOWN_POINT,
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    MonitoredPoint,
    Participant,
    Profile,
)
from chalicelib.domain.privacy.erasure import Ending
from chalicelib.services.experiments.ports import Counting, Position
from chalicelib.services.outcomes.ports import EnrolledPage
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import EnrolledOnRow, RecordRow
from chalicelib.storage.experiments import listing
from chalicelib.storage.participants.records import point_text
from tests.fakes.memory import START
from tests.unit.upgrade_service_samples import HERE, THERE, at_once, class_key, group_design

FEATURE_ID = 7
COMPILED = CompiledExperiment.of(FEATURE_ID, group_design(complete=CompleteCondition(1, 1)), {})
POINT_KEYS = (HERE, THERE)
DAY = START.date()


def known(stores: Stores, user_id: str = "u") -> Participant:
    found = stores.participants.get(user_id)
    assert found is not None
    return found


def create(stores: Stores, *user_ids: str) -> Participant:
    stores.profiles.create([Profile(user_id) for user_id in user_ids])
    return known(stores, user_ids[-1])


def enrolled(
    point_key: DecisionPointKey = HERE, class_id: str | None = None, after: timedelta = timedelta()
) -> Enrollment:
    at = START + after
    return Enrollment(FEATURE_ID, point_key, "id of a", class_id, EnrollmentCode.ALGORITHM, at)


def store(
    stores: Stores,
    user_id: str,
    records: Records,
    *,
    point_key: DecisionPointKey = HERE,
    groups: Collection[GroupKey] = (),
    shard: int = 0,
) -> None:
    point = MonitoredPoint("p", point_key, "e", None, START)
    outcome = Outcome(COMPILED, point, None, records)
    before = stores.participants.groups(groups)
    stores.enrollments.store_mark(known(stores, user_id), before, outcome, Counting(shard), ())


def enrollment_counts(
    stores: Stores, point_keys: Collection[DecisionPointKey] = POINT_KEYS
) -> dict[object, EnrollmentCount]:
    found, _ = stores.enrollment_counts.by_point(FEATURE_ID, point_keys)
    return {
        (enrollment_count.condition_id, enrollment_count.point_key): enrollment_count
        for enrollment_count in found
    }


def test_enrollment_counts_are_the_sum_of_all_shards_by_condition_and_place(stores: Stores) -> None:
    create(stores, "u", "v")
    for shard, (user_id, point_key) in enumerate((("u", HERE), ("u", THERE), ("v", THERE))):
        store(
            stores,
            user_id,
            Records(enrollment=enrolled(point_key)),
            point_key=point_key,
            shard=shard,
        )
    assert enrollment_counts(stores) == {
        ("id of a", HERE): EnrollmentCount(
            FEATURE_ID, "id of a", HERE, users=1, condition_users=1, point_users=1
        ),
        ("id of a", THERE): EnrollmentCount(
            FEATURE_ID, "id of a", THERE, users=1, condition_users=1, point_users=2
        ),
    }
    (elsewhere,) = enrollment_counts(stores, ()).values()
    assert (elsewhere.point_key, elsewhere.users, elsewhere.point_users) == (None, 2, 3)
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (2, 0)


def test_groups_are_counted_with_their_enrollment_and_at_each_point(stores: Stores) -> None:
    create(stores, "u", "v")
    key = class_key("1a")
    first = Records(
        enrollment=enrolled(class_id="1a"),
        group_enrollment=(key, GroupEnrollment(FEATURE_ID, HERE, "id of a", START)),
    )
    store(stores, "u", first, groups=[key])
    for point_key in (HERE, THERE):
        records = Records(enrollment=enrolled(point_key, "1a"))
        store(stores, "v", records, point_key=point_key, groups=[key])
    at_points = [enrollment_counts(stores)["id of a", point_key] for point_key in POINT_KEYS]
    assert [enrollment_count.groups for enrollment_count in at_points] == [1, 0]
    assert [enrollment_count.point_groups for enrollment_count in at_points] == [1, 1]
    assert stores.participants.groups([key])[key].enrolled_at == {
        (FEATURE_ID, HERE),
        (FEATURE_ID, THERE),
    }


def test_two_members_at_once_count_their_group_once_at_a_point(stores: Stores) -> None:
    create(stores, "u", "v")
    key = class_key("1a")
    read = stores.participants.groups([key])

    def enroll(user_id: str) -> bool:
        records = Records(enrollment=enrolled(class_id="1a"))
        point = MonitoredPoint("p", HERE, "e", None, START)
        outcome = Outcome(COMPILED, point, None, records)
        try:
            stores.enrollments.store_mark(known(stores, user_id), read, outcome, Counting(), ())
        except LostRace:
            return False
        return True

    assert sorted(at_once(lambda: enroll("u"), lambda: enroll("v"))) == [False, True]
    assert enrollment_counts(stores)["id of a", HERE].point_groups == 1


def test_exclusions_are_counted_and_a_group_s_first_one_stays(stores: Stores) -> None:
    create(stores, "u", "v")
    key = class_key("1a")
    exclusion = Exclusion(FEATURE_ID, ExclusionCode.LISTED, START)
    records = Records(exclusion=exclusion, group_exclusions=((key, exclusion),))
    store(stores, "u", records)
    with pytest.raises(LostRace):
        store(stores, "v", records)
    store(stores, "v", Records(exclusion=exclusion), shard=2)
    assert stores.enrollment_counts.by_point(FEATURE_ID, ())[1] == ExclusionCount(FEATURE_ID, 2, 1)


def test_what_ends_is_counted_off(stores: Stores) -> None:
    create(stores, "u")
    exclusion = Exclusion(FEATURE_ID, ExclusionCode.LISTED, START)
    store(stores, "u", Records(enrollment=enrolled(), exclusion=exclusion))
    change = GroupChange(
        enrollments=(enrolled(),),
        lifted=(FEATURE_ID,),
        left=(GroupLeft(FEATURE_ID, class_key("1a"), None),),
    )
    stores.profiles.update(known(stores), Profile("u"), change, START)
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (0, 0)
    assert stores.enrollment_counts.by_point(FEATURE_ID, POINT_KEYS)[1] == ExclusionCount(
        FEATURE_ID
    )
    assert not any(
        enrollment_count.point_users for enrollment_count in enrollment_counts(stores).values()
    )
    assert stores.enrollment_counts.hourly(FEATURE_ID, DAY, POINT_KEYS) == []


def test_as_many_strata_as_enrollments_end_with_them(stores: Stores) -> None:
    """Of a stratified group experiment, whose conditions are those that the client names."""
    user = create(stores, "u")
    ending = []
    for index in range(50):
        point_key, counted_for = (
            DecisionPointKey("lesson", str(index)),
            (f"stratum {index % 2}", index % 40),
        )
        ending.append(replace(enrolled(point_key, "1a"), condition_id=f"id of {index % 40}"))
        outcome = Outcome(
            COMPILED, MonitoredPoint("p", point_key, "e", None, START), None, Records(ending[-1])
        )
        groups = stores.participants.groups([class_key("1a")])
        counting = Counting(1, counted_for)
        stores.enrollments.store_mark(user, groups, outcome, counting, ())
        user = known(stores, "u")
    change = GroupChange(
        tuple(ending),
        (FEATURE_ID,),
        (GroupLeft(FEATURE_ID, class_key("1a"), None),),
        tuple(
            StratumEnrollment(FEATURE_ID, enrollment.point_key, f"stratum {index % 2}", index % 40)
            for index, enrollment in enumerate(ending)
        ),
    )
    stores.profiles.update(user, Profile("u"), change, START)
    assert known(stores, "u").enrollments == {}
    for value in ("stratum 0", "stratum 1"):
        assert set(stores.enrollment_counts.in_stratum(FEATURE_ID, value).values()) == {0}


def test_very_many_enrollments_end_in_parts_and_the_user_with_the_last(stores: Stores) -> None:
    create(stores, "u")
    point_keys = [DecisionPointKey("site", str(number)) for number in range(75)]
    for point_key in point_keys:
        store(stores, "u", Records(enrollment=enrolled(point_key)), point_key=point_key)
    change = GroupChange(enrollments=known(stores).enrollments[FEATURE_ID])
    stores.profiles.update(known(stores), Profile("u"), change, START)
    assert known(stores).enrollments == {}
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (0, 0)
    assert not any(
        enrollment_count.point_users
        for enrollment_count in enrollment_counts(stores, point_keys).values()
    )


def test_hours_are_told_apart_from_a_day_on(stores: Stores) -> None:
    create(stores, "u")
    for days, point_key in ((-1, HERE), (0, THERE)):
        at = timedelta(days=days)
        store(stores, "u", Records(enrollment=enrolled(point_key, after=at)), point_key=point_key)
    hour = START.replace(minute=0, second=0, microsecond=0)
    today = HourlyEnrollmentCount(hour, "id of a", THERE, 1, 0)
    yesterday = HourlyEnrollmentCount(hour - timedelta(days=1), "id of a", HERE, 1, 0)
    found = stores.enrollment_counts.hourly(FEATURE_ID, DAY - timedelta(days=1), POINT_KEYS)
    assert sorted(found, key=lambda each: each.at) == [yesterday, today]
    assert stores.enrollment_counts.hourly(FEATURE_ID, DAY, POINT_KEYS) == [today]
    assert stores.enrollment_counts.hourly(FEATURE_ID, date(2099, 1, 1), POINT_KEYS) == []


def test_within_subjects_what_was_met_is_kept_and_counted_without_a_condition_too(
    stores: Stores,
) -> None:
    create(stores, "u")
    first = Enrollment(
        FEATURE_ID, HERE, None, None, EnrollmentCode.ALGORITHM, START, met=frozenset({""})
    )
    store(stores, "u", Records(first, repeat=Repeat(FEATURE_ID, HERE, None, None, START)))
    for uniquifier in ("1", "2"):
        repeat = Repeat(FEATURE_ID, HERE, "id of a", uniquifier, START)
        store(stores, "u", Records(repeat=repeat))
    (enrollment,) = known(stores).enrollments[FEATURE_ID]
    assert (enrollment.met, enrollment.repeats) == (frozenset({"", "id of a"}), 3)
    found = enrollment_counts(stores)
    assert found[None, HERE].users == 1
    assert (found["id of a", HERE].users, found["id of a", HERE].point_users) == (0, 1)
    repeats = stores.user_enrollments.repeats(FEATURE_ID, ["u", "nobody"])
    assert list(repeats) == ["u"]
    assert [repeat.uniquifier for repeat in repeats["u"]] == [None, "1", "2"]
    assert {repeat.point_key for repeat in repeats["u"]} == {HERE}


def test_enrollments_are_found_by_user_at_known_points_and_at_none(stores: Stores) -> None:
    create(stores, "u", "v", "w")
    store(stores, "u", Records(enrollment=enrolled()))
    store(stores, "v", Records(enrollment=enrolled(THERE)), point_key=THERE)
    stores.enrollments.store_records(
        known(stores, "v"), {}, COMPILED, Records(enrollment=enrolled(UNKNOWN_POINT)), Counting()
    )
    users = ["u", "v", "w", *(f"x{number}" for number in range(120))]
    found = stores.user_enrollments.enrollments(FEATURE_ID, [HERE], users)
    assert {user: [e.point_key for e in own] for user, own in found.items()} == {
        "u": [HERE],
        "v": [UNKNOWN_POINT],
    }


def users_of(page: EnrolledPage) -> dict[str, set[DecisionPointKey]]:
    return {user.id: {each.point_key for each in user.enrollments} for user in page.users}


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_enrolled_users_are_listed_in_pages_each_with_all_enrollments(
    stores: Stores, limit: int
) -> None:
    names = ["a", "a#", "b%", "excluded", "é" * 256, "#" * 512, "%" * 512]
    create(stores, *names, "of another")
    for user_id in names:
        if user_id == "excluded":
            out = Exclusion(FEATURE_ID, ExclusionCode.LISTED, START)
            store(stores, user_id, Records(exclusion=out))
            continue
        for point_key in POINT_KEYS:
            store(stores, user_id, Records(enrolled(point_key)), point_key=point_key)
    other = replace(enrolled(), feature_id=8)
    store(stores, "of another", Records(other))
    found: dict[str, set[DecisionPointKey]] = {}
    since: str | None = ""
    places: list[str] = []
    while since is not None:
        page = stores.user_enrollments.page(FEATURE_ID, since, limit)
        assert len(page.users) <= limit
        assert all(user.key >= since for user in page.users)
        assert not found.keys() & users_of(page).keys()
        found |= users_of(page)
        places += [user.key for user in page.users]
        assert page.next is None or all(user.key < page.next for user in page.users)
        since = page.next
    assert found == {name: {HERE, THERE} for name in names if name != "excluded"}
    assert places == sorted(places)
    (first, *_) = stores.user_enrollments.page(FEATURE_ID, places[2], 1).users
    assert first.key == places[2], "a page may begin at any user again"
    assert users_of(stores.user_enrollments.page(9, "", limit)) == {}


def test_groups_and_users_who_are_gone_are_in_no_page(stores: Stores) -> None:
    create(stores, "u", "v")
    key = class_key("1a")
    group_enrollment = GroupEnrollment(FEATURE_ID, HERE, "id of a", START)
    records = Records(enrolled(class_id="1a"), group_enrollment=(key, group_enrollment))
    store(stores, "u", records, groups=[key])
    store(stores, "v", Records(enrolled()))
    assert users_of(stores.user_enrollments.page(FEATURE_ID, "", 1)) == {"u": {HERE}}
    stores.user_data.end(known(stores, "v"), Ending((enrolled(),)), {}, [])
    page = stores.user_enrollments.page(FEATURE_ID, "", 5)
    assert (users_of(page), page.next) == ({"u": {HERE}}, None)
    assert page.users[0].enrollments == known(stores).enrollments[FEATURE_ID]


@pytest.mark.parametrize("user_id", ["v", "#" * 512])
def test_the_index_may_name_enrollments_and_users_that_are_not_there(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch, user_id: str
) -> None:
    create(dynamo_stores, "u", user_id)
    for each in ("u", user_id):
        store(dynamo_stores, each, Records(enrolled()))
    if user_id == "v":
        RecordRow(keys.user(user_id), keys.enrollment(FEATURE_ID, point_text(HERE))).delete()
        stale = [RecordRow(keys.user(each), keys.enrollment(FEATURE_ID, point_text(HERE)))
                 for each in ("u", user_id)]  # fmt: skip
        monkeypatch.setattr(RecordRow.by_experiment, "query", lambda *_, **__: iter(stale))
    else:
        RecordRow(keys.user(user_id), keys.PROFILE).delete()
    assert users_of(dynamo_stores.user_enrollments.page(FEATURE_ID, "", 5)) == {"u": {HERE}}


def test_records_from_elsewhere_come_back_and_count(stores: Stores) -> None:
    before = create(stores, "u")
    key = class_key("1a")
    groups = stores.participants.groups([key])
    records = Records(enrollment=enrolled(class_id="1a"))
    counting = Counting(users_per_group=1)
    stores.enrollments.store_records(before, groups, COMPILED, records, counting)
    assert known(stores).enrollments == {FEATURE_ID: (enrolled(class_id="1a"),)}
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 1)
    with pytest.raises(LostRace):
        stores.enrollments.store_records(before, groups, COMPILED, records, counting)


@pytest.mark.parametrize(
    "record",
    [
        GroupEnrollment(FEATURE_ID, HERE, "id of a", START),
        Exclusion(FEATURE_ID, ExclusionCode.GROUP_LISTED, START),
    ],
)
def test_a_group_s_record_from_elsewhere_is_stored_once(
    stores: Stores, record: GroupEnrollment | Exclusion
) -> None:
    key = class_key("1a")
    stores.enrollments.store_group_record(key, record, 1)
    with pytest.raises(LostRace):
        stores.enrollments.store_group_record(key, record, 2)
    group = stores.participants.groups([key])[key]
    assert [*group.enrollments.values(), *group.exclusions.values()] == [record]
    found, excluded = stores.enrollment_counts.by_point(FEATURE_ID, POINT_KEYS)
    assert sum(enrollment_count.groups for enrollment_count in found) + excluded.groups == 1


def page_through(stores: Stores, kind: RecordKind, limit: int) -> list[object]:
    found: list[object] = []
    after: Position | None = None
    while True:
        page = stores.records.page(kind, after, limit)
        assert len(page.records) <= limit
        found.extend(page.records)
        if page.next is None:
            return found
        after = page.next


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_all_records_of_a_kind_are_listed_once(stores: Stores, limit: int) -> None:
    hostile = ["a", "a#b", "enrollment#7#x", "#" * 512]
    create(stores, *hostile)
    exclusion = Exclusion(FEATURE_ID, ExclusionCode.LISTED, START)
    for user_id in hostile:
        store(stores, user_id, Records(enrollment=enrolled(), exclusion=exclusion))
    point = MonitoredPoint("p", HERE, "e", None, START)
    expected: dict[RecordKind, list[object]] = {
        RecordKind.ENROLLMENTS: [UserRecord(Profile(u), enrolled()) for u in hostile],
        RecordKind.EXCLUSIONS: [UserRecord(Profile(u), exclusion) for u in hostile],
        RecordKind.POINTS: [UserRecord(Profile(u), point) for u in hostile],
    }
    groups = [GroupKey("class", "#"), GroupKey("exclusion#7", "enrollment#")]
    in_group = GroupEnrollment(FEATURE_ID, HERE, "id of a", START)
    for key in groups:
        stores.enrollments.store_group_record(key, in_group, 0)
        stores.enrollments.store_group_record(key, exclusion, 0)
    expected[RecordKind.GROUP_ENROLLMENTS] = [GroupOwnRecord(key, in_group) for key in groups]
    expected[RecordKind.GROUP_EXCLUSIONS] = [GroupOwnRecord(key, exclusion) for key in groups]
    for kind, records in expected.items():
        assert sorted(page_through(stores, kind, limit), key=repr) == sorted(records, key=repr)


def test_a_page_looks_at_so_many_rows_and_says_where_to_go_on(
    dynamo_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a kind of which there is little would be looked for among everybody's records."""
    monkeypatch.setattr(listing, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(listing, "SCANS_AT_ONCE", 2)
    create(dynamo_stores, *"abcdefgh")
    exclusion = Exclusion(FEATURE_ID, ExclusionCode.LISTED, START)
    store(dynamo_stores, "h", Records(exclusion=exclusion))
    pages = 0
    found: list[object] = []
    after: Position | None = None
    while pages == 0 or after is not None:
        page = dynamo_stores.records.page(RecordKind.EXCLUSIONS, after, 100)
        found.extend(page.records)
        after, pages = page.next, pages + 1
    assert found == [UserRecord(Profile("h"), exclusion)]
    assert pages > 2


def test_results_are_kept_by_experiment_and_replaced(stores: Stores) -> None:
    effect = Effect(("a", "b"), (ArmResult("a", "1.50", 3), ArmResult("b", None, 1)))
    simple = QueryResult("q", effect)
    factorial = QueryResult("r", effect, Effect(("c",), (ArmResult("c", 2.5, 1),)))
    stores.results.keep(1, [simple, factorial])
    assert list(stores.results.kept(1)) == [simple, factorial]
    assert list(stores.results.kept(2)) == []
    stores.results.keep(1, [QueryResult("q", Effect((), ())), factorial])
    assert list(stores.results.kept(1)) == [QueryResult("q", Effect((), ())), factorial]


# By day


def daily(stores: Stores) -> list[DailyEnrollmentCount]:
    return sorted(stores.enrollment_counts.daily(FEATURE_ID), key=lambda each: each.day)


def test_users_and_groups_count_on_the_day_of_their_first_enrollment_under_a_condition(
    stores: Stores,
) -> None:
    create(stores, "u", "v")
    key = class_key("1a")
    first = Records(
        enrollment=enrolled(class_id="1a"),
        group_enrollment=(key, GroupEnrollment(FEATURE_ID, HERE, "id of a", START)),
    )
    store(stores, "u", first, groups=[key], shard=1)
    again = Records(enrollment=enrolled(THERE, "1a", after=timedelta(days=1)))
    store(stores, "u", again, point_key=THERE, groups=[key], shard=2)
    later = Records(enrollment=enrolled(THERE, "1a", after=timedelta(days=1)))
    store(stores, "v", later, point_key=THERE, groups=[key], shard=3)
    tomorrow = DAY + timedelta(days=1)
    assert daily(stores) == [
        DailyEnrollmentCount(DAY, "id of a", 1, 1),
        DailyEnrollmentCount(tomorrow, "id of a", 1, 0),
    ]
    change = GroupChange(known(stores).enrollments[FEATURE_ID])
    by_time = sorted(change.enrollments, key=lambda each: each.at)
    stores.profiles.update(known(stores), Profile("u"), GroupChange(tuple(by_time)), START)
    assert daily(stores) == [
        DailyEnrollmentCount(DAY, "id of a", 0, 1),
        DailyEnrollmentCount(tomorrow, "id of a", 1, 0),
    ]
    record = stores.participants.groups([key])
    dropping = Outcome(
        COMPILED,
        MonitoredPoint("p", HERE, "e", None, START),
        None,
        Records(dropped=(key,)),
    )
    stores.enrollments.store_mark(known(stores, "v"), record, dropping, Counting(4), ())
    assert daily(stores) == [DailyEnrollmentCount(tomorrow, "id of a", 1, 0)]


def test_a_group_from_elsewhere_counts_on_the_day_of_its_enrollment(stores: Stores) -> None:
    record = GroupEnrollment(FEATURE_ID, HERE, "id of a", START - timedelta(days=9))
    stores.enrollments.store_group_record(class_key("1a"), record, 1)
    assert daily(stores) == [DailyEnrollmentCount(DAY - timedelta(days=9), "id of a", 0, 1)]
    assert stores.enrollment_counts.hourly(FEATURE_ID, date(2020, 1, 1), POINT_KEYS) == []


def test_days_that_were_begun_before_are_not_whole_however_many_leave(
    dynamo_stores: Stores,
) -> None:
    stores = dynamo_stores
    create(stores, "u", "v", "w")
    store(stores, "u", Records(enrollment=enrolled()))
    new = EnrolledOnRow.condition_users, EnrolledOnRow.condition_groups, EnrolledOnRow.counted
    for row in EnrolledOnRow.query(FEATURE_ID, EnrolledOnRow.sk.startswith("day#")):
        row.update([field.remove() for field in new])
    store(stores, "v", Records(enrollment=enrolled()))
    store(stores, "w", Records(enrollment=enrolled(after=timedelta(days=1))))
    tomorrow = DailyEnrollmentCount(DAY + timedelta(days=1), "id of a", 1, 0)
    assert daily(stores) == [DailyEnrollmentCount(DAY, "id of a", 1, 0, whole=False), tomorrow]
    stores.profiles.update(known(stores), Profile("u"), GroupChange((enrolled(),)), START)
    assert daily(stores) == [DailyEnrollmentCount(DAY, "id of a", 0, 0, whole=False), tomorrow]
    assert counted_from(daily(stores)) == tomorrow.day
    assert counted_from([tomorrow]) is None


def test_strata_are_read_together(stores: Stores) -> None:
    create(stores, "u", "v")
    for user_id, value in (("u", "north"), ("v", "south")):
        outcome = Outcome(
            COMPILED, MonitoredPoint("p", HERE, "e", None, START), None, Records(enrolled())
        )
        counting = Counting(1, (value, 3))
        stores.enrollments.store_mark(known(stores, user_id), {}, outcome, counting, ())
    assert stores.enrollment_counts.in_strata(FEATURE_ID, ["north", "west"]) == {("north", 3): 1}
