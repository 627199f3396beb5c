"""Records of participants that come from elsewhere, and that are listed for elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.experiments.experiments import Algorithm, CompleteCondition, Unit
from chalicelib.domain.experiments.transfer import (
    ForeignEnrollment,
    ForeignExclusion,
    ForeignGroupEnrollment,
    ForeignGroupExclusion,
    ForeignGroupRecord,
    ForeignPoint,
    ForeignUserRecord,
    RecordKind,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    UNKNOWN_POINT,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    MonitoredPoint,
    Participant,
    Profile,
)
from chalicelib.services import Services
from chalicelib.services.experiments.transfer_reports import TransferReport
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.participants import FakeParticipantStore
from tests.fakes.stores import fake_stores, once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    Killed,
    assign,
    at_once,
    caller,
    class_key,
    design,
    dying,
    enrolled_users,
    feature_id_of,
    group_design,
    group_record,
    in_class,
    join,
    mark,
)

BEFORE = START - timedelta(days=30)
PUPIL = Profile("u", {"class": ("1a",)}, {"class": "1a"})
STORED, UNCHANGED = TransferReport(1, 0, ()), TransferReport(0, 1, ())


def enrolled(
    user: Profile = PUPIL,
    *,
    condition: str | None = "id of b",
    experiment_id: str = "e",
    point_key: DecisionPointKey | None = None,
    group_id: str | None = None,
) -> ForeignEnrollment:
    code = EnrollmentCode.ALGORITHM
    return ForeignEnrollment(user, experiment_id, condition, group_id, code, point_key, BEFORE)


def excluded(user: Profile = PUPIL) -> ForeignExclusion:
    return ForeignExclusion(user, "e", ExclusionCode.LISTED, BEFORE)


def reached(
    point_key: DecisionPointKey = HERE, user: Profile = PUPIL, days: int = 0
) -> ForeignPoint:
    at = BEFORE + timedelta(days=days)
    return ForeignPoint(user, MonitoredPoint(f"p {days}", point_key, "e", "a", at))


def refused(report: TransferReport) -> str:
    assert (report.stored, report.unchanged) == (0, 0)
    (refusal,) = report.refused
    return refusal.reason


def test_an_enrollment_brings_its_user_and_counts(services: Services, memory: Memory) -> None:
    services.experiments.create(design("e", weights={"a": 100, "b": 0}))
    assert services.transfer.bring_in([enrolled()]) == STORED
    assert memory.participants["u"].profile == PUPIL
    assert assign(services) == {HERE: "b"}
    assert services.enrollment_statistics.detail("e").conditions[1].points[0].enrolled.users == 1
    assert enrolled_users(memory, feature_id_of(services)) == 1


def test_a_user_whose_groups_are_known_stays_as_they_are(
    services: Services, memory: Memory
) -> None:
    services.experiments.create(design("e"))
    join(services, "u", update=in_class("1b"))
    assert services.transfer.bring_in([enrolled()]) == STORED
    assert memory.participants["u"].profile.group == {"class": ("1b",)}


def test_what_belongs_to_an_alias_is_refused(services: Services) -> None:
    """Its own records would never be looked at."""
    services.experiments.create(design("e"))
    join(services, "owner")
    services.participants.set_aliases(caller(services, "owner"), ["u"])
    for record in (enrolled(), excluded(), reached()):
        assert refused(services.transfer.bring_in([record])) == "u is an alias of owner here"


def test_groups_that_nobody_told_are_filled_in(services: Services, memory: Memory) -> None:
    services.experiments.create(design("e"))
    services.transfer.bring_in([excluded(Profile("u"))])
    assert memory.participants["u"].profile.group is None
    services.transfer.bring_in([excluded()])
    assert memory.participants["u"].profile.group == PUPIL.group


def test_a_user_is_read_once_however_many_records_are_there_already(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.experiments.create(design("e"))
    services.transfer.bring_in([excluded()])
    read, reads = FakeParticipantStore.read, []

    def counted(store: FakeParticipantStore, user_id: str) -> Participant:
        reads.append(user_id)
        return read(store, user_id)

    monkeypatch.setattr(FakeParticipantStore, "read", counted)
    assert services.transfer.bring_in([excluded()] * 100) == TransferReport(0, 100, ())
    assert reads == ["u"]


def test_a_record_of_an_unknown_experiment_brings_no_user(
    services: Services, memory: Memory
) -> None:
    assert "there is no experiment e" in refused(services.transfer.bring_in([excluded()]))
    assert memory.participants == {}


@pytest.mark.parametrize("record", [enrolled(), excluded(), reached()])
def test_what_is_there_stays_as_it_is(services: Services, record: ForeignUserRecord) -> None:
    services.experiments.create(design("e"))
    assert services.transfer.bring_in([record]) == STORED
    assert services.transfer.bring_in([record, record]) == TransferReport(0, 2, ())
    assert services.enrollment_statistics.detail("e").enrolled.users <= 1


def test_the_only_point_is_where_it_was_and_else_nobody_knows(
    services: Services, memory: Memory
) -> None:
    services.experiments.create(design("e"))
    services.experiments.create(design("f", point_keys=(THERE, DecisionPointKey("x", "y"))))
    services.transfer.bring_in([enrolled(), enrolled(experiment_id="f")])
    point_keys = {
        feature_id: [e.point_key for e in own]
        for feature_id, own in memory.participants["u"].enrollments.items()
    }
    assert point_keys == {
        feature_id_of(services, "e"): [HERE],
        feature_id_of(services, "f"): [UNKNOWN_POINT],
    }
    assert assign(services)[THERE] == "b"
    mark(services, "u", THERE, "b", experiment_id="f")
    (_, at) = services.enrollment_statistics.detail("f").conditions
    assert (at.enrolled.users, at.points[0].enrolled.users) == (1, 1)


def test_a_place_that_is_named_is_kept(services: Services, memory: Memory) -> None:
    services.experiments.create(design("e", point_keys=(HERE, THERE)))
    services.transfer.bring_in([enrolled(point_key=THERE), enrolled(point_key=HERE)])
    own = memory.participants["u"].enrollments[feature_id_of(services)]
    assert {e.point_key for e in own} == {HERE, THERE}
    assert enrolled_users(memory, feature_id_of(services)) == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (enrolled(experiment_id="nothing"), "no experiment nothing: import"),
        (enrolled(condition="nothing"), "no condition nothing"),
        (enrolled(condition=None), "no condition None"),
        (enrolled(Profile("x" * 513)), "at most 512 bytes"),
        (replace(excluded(), experiment_id="nothing"), "no experiment nothing: import"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    services: Services, memory: Memory, record: ForeignUserRecord, reason: str
) -> None:
    services.experiments.create(design("e"))
    good = enrolled(Profile("other"))
    report = services.transfer.bring_in([good, record])
    assert (report.stored, report.unchanged) == (1, 0)
    assert report.refused[0].index == 1
    assert reason in report.refused[0].reason
    assert not (memory.participants.get("u") and memory.participants["u"].enrollments)


def test_another_condition_than_the_known_one_is_refused(services: Services) -> None:
    services.experiments.create(design("e"))
    services.transfer.bring_in([enrolled()])
    again = services.transfer.bring_in([enrolled(condition="id of a")])
    assert "another condition" in refused(again)
    assert assign(services) == {HERE: "b"}


def test_within_subjects_takes_part_without_a_condition(services: Services) -> None:
    services.experiments.create(design("e", unit=Unit.WITHIN_SUBJECTS))
    assert services.transfer.bring_in([enrolled(condition=None)]) == STORED
    assert services.enrollment_statistics.detail("e").enrolled.users == 1


def test_an_enrollment_counts_for_the_user_s_stratum(services: Services, memory: Memory) -> None:
    stratified = design("e", algorithm=Algorithm.STRATIFIED, stratification_factor="age")
    services.experiments.create(stratified)
    join(services, "u")
    services.stratification.put({"age": {"u": "10"}})
    services.transfer.bring_in([enrolled(), enrolled(Profile("v"))])
    assert list(memory.strata.values()) == [1]


def test_enough_users_of_a_group_complete_it(services: Services, memory: Memory) -> None:
    services.experiments.create(group_design(complete=CompleteCondition(2, 1)))
    other = replace(PUPIL, id="v")
    report = services.transfer.bring_in(
        [enrolled(group_id="1a"), enrolled(other, group_id="1a"), enrolled(Profile("w"))]
    )
    assert report == TransferReport(3, 0, ())
    feature_id = feature_id_of(services)
    assert group_record(memory, "1a").counts == {feature_id: 2}
    services.marking.end_complete()
    assert services.experiments.get("e").state.value == "enrollmentComplete"


def test_points_are_brought_in_from_the_earliest_on(services: Services, memory: Memory) -> None:
    late, early = reached(days=5), reached(days=1)
    assert services.transfer.bring_in([late, early]) == TransferReport(1, 1, ())
    assert memory.participants["u"].points[HERE].id == "p 1"
    assert group_record(memory, "1a").reached == {HERE: early.at}


def test_groups_come_with_their_condition(services: Services, memory: Memory) -> None:
    services.experiments.create(group_design(weights={"a": 100, "b": 0}))
    record = ForeignGroupEnrollment("1a", "e", "id of b", None, BEFORE)
    assert services.transfer.bring_in_groups([record]) == STORED
    assert services.transfer.bring_in_groups([record]) == UNCHANGED
    other = replace(record, condition_id="id of a")
    assert "another condition" in refused(services.transfer.bring_in_groups([other]))
    join(services, "u", update=in_class("1a"))
    assert assign(services) == {HERE: "b"}
    assert services.enrollment_statistics.detail("e").enrolled.groups == 1
    assert memory.groups[class_key("1a")].enrollments[feature_id_of(services)].point_key == HERE


def test_excluded_groups_stay_out(services: Services) -> None:
    services.experiments.create(group_design())
    record = ForeignGroupExclusion("1a", "e", ExclusionCode.GROUP_LISTED, BEFORE)
    assert services.transfer.bring_in_groups([record]) == STORED
    assert services.transfer.bring_in_groups([record]) == UNCHANGED
    join(services, "u", update=in_class("1a"))
    assert assign(services) == {}
    assert services.enrollment_statistics.detail("e").excluded.groups == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ForeignGroupEnrollment("1a", "nothing", "x", None, BEFORE), "no experiment nothing"),
        (ForeignGroupEnrollment("1a", "g", "x", HERE, BEFORE), "no condition x"),
        (ForeignGroupExclusion("1a", "e", ExclusionCode.LISTED, BEFORE), "not one on groups"),
    ],
)
def test_records_of_groups_that_cannot_be_are_refused(
    services: Services, record: ForeignGroupRecord, reason: str
) -> None:
    services.experiments.create(design("e"))
    services.experiments.create(group_design("g"))
    assert reason in refused(services.transfer.bring_in_groups([record]))


def test_a_user_who_was_created_meanwhile_is_taken_as_they_are(
    memory: Memory, clock: FixedClock
) -> None:
    def created_by_another() -> None:
        fake_stores(memory).profiles.create([Profile("u", {"class": ("1b",)})])

    step = once("profiles.create", created_by_another)
    services = process(memory, clock, before=step)
    services.experiments.create(design("e"))
    assert services.transfer.bring_in([enrolled()]) == STORED
    assert memory.participants["u"].profile.group == {"class": ("1b",)}


@pytest.mark.parametrize("call", ["store_records", "store_group_record"])
def test_whoever_loses_a_race_looks_again(memory: Memory, clock: FixedClock, call: str) -> None:
    rival = process(memory, clock)
    rival.experiments.create(group_design())
    of_group = ForeignGroupEnrollment("1a", "e", "id of b", None, BEFORE)
    of_user = enrolled(group_id="1a")

    def bring(services: Services) -> TransferReport:
        if call == "store_records":
            return services.transfer.bring_in([of_user])
        return services.transfer.bring_in_groups([of_group])

    steps = once(f"enrollments.{call}", lambda: bring(rival))
    services = process(memory, clock, before=steps)
    assert bring(services) == UNCHANGED
    statistics = rival.enrollment_statistics.detail("e").enrolled
    assert statistics.users + statistics.groups == 1


@pytest.mark.parametrize("at", range(6))
def test_a_call_that_was_killed_can_be_made_again(
    memory: Memory, clock: FixedClock, at: int
) -> None:
    process(memory, clock).experiments.create(design("e"))
    records: list[ForeignUserRecord] = [enrolled(), reached(), excluded()]
    dies = process(memory, clock, after=dying(at))
    with pytest.raises(Killed):
        dies.transfer.bring_in(records)
    services = process(memory, clock)
    services.transfer.bring_in(records)
    own = memory.participants["u"]
    assert (len(own.enrollments), len(own.points), len(own.exclusions)) == (1, 1, 1)
    found = services.enrollment_statistics.detail("e")
    assert (found.enrolled.users, found.excluded.users) == (1, 1)


def test_two_callers_bring_in_each_record_once(memory: Memory, clock: FixedClock) -> None:
    process(memory, clock).experiments.create(design("e"))
    users = [Profile(f"u{number}") for number in range(20)]

    def bring() -> TransferReport:
        return process(memory, clock).transfer.bring_in([enrolled(user) for user in users])

    reports = at_once(bring, bring)
    assert sum(report.stored for report in reports) == len(users)
    assert process(memory, clock).enrollment_statistics.detail("e").enrolled.users == len(users)


def listed(services: Services, kind: RecordKind, limit: int = 100) -> list[object]:
    found: list[object] = []
    after = None
    while True:
        page = services.transfer.page(kind, after, limit)
        found += [each.owned.record for each in page.records]
        if page.next is None:
            return found
        after = page.next


def test_what_is_listed_is_what_was_brought_in(services: Services) -> None:
    services.experiments.create(group_design())
    users = [Profile(f"u{number}") for number in range(5)]
    services.transfer.bring_in([enrolled(user) for user in users])
    services.transfer.bring_in([excluded(user) for user in users])
    services.transfer.bring_in([reached(user=user) for user in users])
    groups: list[ForeignGroupRecord] = [
        ForeignGroupEnrollment("1a", "e", "id of b", None, BEFORE),
        ForeignGroupExclusion("1b", "e", ExclusionCode.LISTED, BEFORE),
    ]
    services.transfer.bring_in_groups(groups)
    assert len(listed(services, RecordKind.ENROLLMENTS, 2)) == 5
    assert len(listed(services, RecordKind.EXCLUSIONS, 1)) == 5
    assert len(listed(services, RecordKind.POINTS)) == 5
    assert len(listed(services, RecordKind.GROUP_ENROLLMENTS)) == 1
    (exclusion,) = listed(services, RecordKind.GROUP_EXCLUSIONS)
    assert exclusion == Exclusion(feature_id_of(services), ExclusionCode.LISTED, BEFORE)


def test_records_of_experiments_that_are_gone_are_left_out(services: Services) -> None:
    services.experiments.create(design("e"))
    services.transfer.bring_in([enrolled(), reached()])
    services.experiments.delete("e")
    assert listed(services, RecordKind.ENROLLMENTS) == []
    assert len(listed(services, RecordKind.POINTS)) == 1


def test_a_fault_of_the_store_is_no_refusal(memory: Memory, clock: FixedClock) -> None:
    def fails(call: str) -> None:
        if call == "participants.read":
            raise RuntimeError("a fault")

    process(memory, clock).experiments.create(design("e"))
    services = process(memory, clock, before=fails)
    with pytest.raises(RuntimeError):
        services.transfer.bring_in([enrolled()])


def test_refusals_are_in_the_order_of_the_call(services: Services) -> None:
    services.experiments.create(design("e"))
    records = [enrolled(Profile(f"u{number}"), condition="no") for number in range(9)]
    report = services.transfer.bring_in(records)
    assert [each.index for each in report.refused] == list(range(9))
