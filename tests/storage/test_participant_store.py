"""The rules of `ParticipantStore`, and of experiments and segments in `CatalogueStore`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    ClientSettings,
    FeatureChange,
    SegmentChange,
    applied,
)
from chalicelib.domain.errors import LostRace
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    CompleteCondition,
    Condition,
    ConditionOrder,
    ConditionPayload,
    ConsistencyRule,
    DecisionPoint,
    DesignType,
    Experiment,
    Factor,
    Level,
    LevelElement,
    Payload,
    PostRule,
    State,
    StateChange,
    Unit,
)
from chalicelib.domain.experiments.group_change import GroupChange, GroupLeft, StratumEnrollment
from chalicelib.domain.experiments.marks import Outcome, Records, Repeat
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.users import Totals, TotalsShard, User
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    GroupRecord,
    MonitoredPoint,
    Participant,
    Profile,
    TestLabRow,
)
from chalicelib.domain.participants.preview_users import PreviewUser
from chalicelib.domain.participants.strata import StratificationFactor
from chalicelib.services.experiments.ports import Counting
from chalicelib.services.stores import Stores
from tests.fakes.memory import START, TRANSACTION_ACTIONS
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    at_once,
    class_key,
    design,
    group_design,
    reweighted,
    segment,
)

FEATURE_ID = 7
LATER = START + timedelta(milliseconds=1001)
HOSTILE = ["a", " ", "a#b", "a#", "profile", "%23", "#", "user#u", "é" * 256, "#" * 512, "%" * 512]
COMPILED = CompiledExperiment.of(FEATURE_ID, group_design(), {})
PARALLEL = 6


def known(stores: Stores, user_id: str = "u") -> Participant:
    found = stores.participants.get(user_id)
    assert found is not None
    return found


def create(stores: Stores, *user_ids: str) -> Participant:
    """Store users; the last of them."""
    stores.profiles.create([Profile(user_id) for user_id in user_ids])
    return known(stores, user_ids[-1])


def point(point_key: DecisionPointKey = HERE, at: timedelta = timedelta()) -> MonitoredPoint:
    return MonitoredPoint("id of the point", point_key, "e", "a", START + at)


def enrolled(
    point_key: DecisionPointKey = HERE, class_id: str | None = None, feature_id: int = FEATURE_ID
) -> Enrollment:
    return Enrollment(feature_id, point_key, "id of a", class_id, EnrollmentCode.ALGORITHM, START)


def excluded(feature_id: int = FEATURE_ID, code: ExclusionCode = ExclusionCode.LISTED) -> Exclusion:
    return Exclusion(feature_id, code, START)


def group_enrolled(
    point_key: DecisionPointKey = HERE, condition_id: str = "id of a"
) -> GroupEnrollment:
    return GroupEnrollment(FEATURE_ID, point_key, condition_id, START)


def store(
    stores: Stores,
    participant: Participant,
    records: Records | None = None,
    *,
    at: MonitoredPoint | None = None,
    groups: Collection[GroupKey] = (),
    counting: Counting | None = None,
    reached_by: Collection[GroupKey] = (),
    read: Mapping[GroupKey, GroupRecord] | None = None,
) -> Participant:
    """Store a mark that was decided on `participant` and the groups now, or as `read`."""
    before = stores.participants.groups(groups) if read is None else read
    outcome = Outcome(COMPILED, at or point(), "a", records or Records())
    stores.enrollments.store_mark(participant, before, outcome, counting or Counting(), reached_by)
    return known(stores, participant.id)


def enroll_in_class(
    stores: Stores, user_id: str, class_id: str = "1a", *, first: bool = False, needed: int = 2
) -> Participant:
    key = class_key(class_id)
    records = Records(
        enrollment=enrolled(class_id=class_id),
        group_enrollment=(key, group_enrolled()) if first else None,
    )
    return store(
        stores,
        known(stores, user_id),
        records,
        groups=[key],
        counting=Counting(users_per_group=needed),
    )


def group(stores: Stores, key: GroupKey) -> GroupRecord:
    return stores.participants.groups([key])[key]


# Users


@pytest.mark.parametrize("user_id", HOSTILE)
def test_a_user_comes_back_as_stored_whatever_the_id(stores: Stores, user_id: str) -> None:
    groups = {"class": ("b", "a", "b"), "": (), "é#%": ("", "#")}
    profile = Profile(user_id, groups, {"class": "b", "#": "%"})
    stores.profiles.create([profile, Profile(user_id + "'", {}, {}, owner=user_id)])
    assert stores.participants.get(user_id) == Participant(profile, revision=1)
    assert known(stores, user_id + "'").profile == Profile(user_id + "'", {}, {}, user_id)


def test_an_unknown_user_is_none(stores: Stores) -> None:
    assert stores.participants.get("nobody") is None


def test_users_are_created_all_or_none(stores: Stores) -> None:
    create(stores, "u")
    with pytest.raises(LostRace):
        stores.profiles.create([Profile("v"), Profile("u", {"class": ("1a",)})])
    assert stores.participants.get("v") is None
    assert known(stores).profile == Profile("u")


def test_as_many_users_as_a_transaction_holds_are_created_at_once(stores: Stores) -> None:
    users = [f"u{i}" for i in range(TRANSACTION_ACTIONS)]
    assert create(stores, *users).id == users[-1]


def test_a_profile_is_replaced_and_every_change_counts(stores: Stores) -> None:
    before = create(stores, "u")
    profile = Profile("u", {"class": ("1a",)}, {"class": "1a"})
    stores.profiles.update(before, profile, GroupChange(), START)
    assert known(stores) == Participant(profile, revision=before.revision + 1)


def test_what_was_decided_on_old_records_loses_and_changes_nothing(stores: Stores) -> None:
    old = create(stores, "u")
    now = store(stores, old, Records(enrollment=enrolled()), at=point(HERE))
    key = class_key("1a")
    change = GroupChange((enrolled(),), (FEATURE_ID,), (GroupLeft(FEATURE_ID, key, 1),))
    with pytest.raises(LostRace):
        stores.profiles.update(old, Profile("u", {}, {}), change, LATER)
    with pytest.raises(LostRace):
        store(
            stores,
            old,
            Records(enrolled(THERE, "1a"), excluded(), (key, group_enrolled())),
            at=point(THERE),
            groups=[key],
            counting=Counting(2, ("north", 1), 1),
            reached_by=[key],
        )
    assert known(stores) == now
    assert group(stores, key) == GroupRecord(key)
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)
    assert stores.enrollment_counts.in_stratum(FEATURE_ID, "north") == {}


def test_records_of_an_unknown_user_lose(stores: Stores) -> None:
    ghost = Participant(Profile("ghost"), revision=1)
    with pytest.raises(LostRace):
        store(stores, ghost)
    with pytest.raises(LostRace):
        stores.profiles.update(ghost, ghost.profile, GroupChange(), START)
    assert stores.participants.get("ghost") is None


# Marks


def test_a_mark_comes_back_as_stored(stores: Stores) -> None:
    user = create(stores, "u")
    after = store(stores, user, Records(enrolled(), excluded(8)), at=point())
    assert after == Participant(
        Profile("u"),
        enrollments={FEATURE_ID: (enrolled(),)},
        exclusions={8: excluded(8)},
        points={HERE: point()},
        revision=user.revision + 1,
    )


@pytest.mark.parametrize("code", ExclusionCode)
def test_exclusions_come_back_with_their_codes(stores: Stores, code: ExclusionCode) -> None:
    after = store(stores, create(stores, "u"), Records(exclusion=excluded(code=code)))
    assert after.exclusions == {FEATURE_ID: excluded(code=code)}


def test_what_was_not_said_comes_back_as_none(stores: Stores) -> None:
    silent = MonitoredPoint("id", DecisionPointKey("", ""), None, None, LATER)
    unassigned = replace(enrolled(silent.point_key), condition_id=None, code=EnrollmentCode.GROUP)
    after = store(stores, create(stores, "u"), Records(unassigned), at=silent)
    assert after.points == {silent.point_key: silent}
    assert after.enrollments == {FEATURE_ID: (unassigned,)}


def test_decision_points_do_not_mix(stores: Stores) -> None:
    point_keys = [
        DecisionPointKey("ab", "c"),
        DecisionPointKey("a", "bc"),
        DecisionPointKey("abc", ""),
        DecisionPointKey("", "abc"),
        DecisionPointKey("#", "é"),
    ]
    user = create(stores, "u")
    for point_key in point_keys:
        user = store(stores, user, Records(enrolled(point_key)), at=point(point_key))
    assert user.points == {point_key: point(point_key) for point_key in point_keys}
    assert sorted(e.point_key for e in user.enrollments[FEATURE_ID]) == sorted(point_keys)


def test_the_first_mark_at_a_place_stays(stores: Stores) -> None:
    user = store(stores, create(stores, "u"), at=point())
    again = store(stores, user, Records(enrolled()), at=replace(point(), id="other"))
    assert again.points == {HERE: point()}
    assert again.enrollments == {FEATURE_ID: (enrolled(),)}


def test_a_user_is_counted_once_whatever_the_points(stores: Stores) -> None:
    user = create(stores, "u")
    for point_key in (HERE, THERE):
        user = store(stores, user, Records(enrolled(point_key)), at=point(point_key))
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)


def test_a_mark_without_an_enrollment_is_not_counted(stores: Stores) -> None:
    store(stores, create(stores, "u"), Records(exclusion=excluded()))
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (0, 0)


def test_counts_are_the_sum_of_all_shards(stores: Stores) -> None:
    create(stores, *"abc")
    for shard, user_id in enumerate("abc"):
        store(stores, known(stores, user_id), Records(enrolled()), counting=Counting(shard * 5))
    store(stores, create(stores, "d"), Records(enrolled(feature_id=8)))
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (3, 0)
    assert stores.enrollment_counts.in_all(8) == (1, 0)
    assert stores.enrollment_counts.in_all(70) == (0, 0)


def test_repeated_marks_are_counted_at_their_place(stores: Stores) -> None:
    user = create(stores, "u")
    for point_key, first in ((HERE, True), (HERE, False), (THERE, True), (HERE, False)):
        records = Records(
            enrollment=enrolled(point_key) if first else None,
            repeat=Repeat(FEATURE_ID, point_key, "id of a", None, START),
        )
        user = store(stores, user, records, at=point(point_key))
    assert {e.point_key: e.repeats for e in user.enrollments[FEATURE_ID]} == {HERE: 3, THERE: 1}
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)


def test_enrollments_are_counted_by_stratum_and_condition(stores: Stores) -> None:
    strata = [("north", 1), ("north", 1), ("north", 12), ("south", 1), ("", 3), ("north#1", 1)]
    for index, stratum in enumerate(strata):
        user = create(stores, f"u{index}")
        store(stores, user, Records(enrolled()), counting=Counting(index % 2, stratum))
    counted = stores.enrollment_counts.in_stratum
    assert counted(FEATURE_ID, "north") == {1: 2, 12: 1}
    assert counted(FEATURE_ID, "south") == counted(FEATURE_ID, "north#1") == {1: 1}
    assert counted(FEATURE_ID, "") == {3: 1}
    assert counted(FEATURE_ID, "nor") == counted(8, "north") == {}


def test_a_stratum_counts_enrollments_not_users(stores: Stores) -> None:
    user = create(stores, "u")
    for point_key in (HERE, THERE):
        user = store(
            stores,
            user,
            Records(enrolled(point_key)),
            at=point(point_key),
            counting=Counting(stratum=("north", 1)),
        )
    assert stores.enrollment_counts.in_stratum(FEATURE_ID, "north") == {1: 2}


def test_a_user_of_a_variant_of_test_lab_is_counted_with_an_enrollment_that_says_so(
    stores: Stores,
) -> None:
    counting = Counting(totals=TotalsShard(FEATURE_ID, 10, 2))
    user = create(stores, "u")
    for point_key, counted in ((HERE, counting), (THERE, Counting())):
        user = store(
            stores, user, Records(enrolled(point_key)), at=point(point_key), counting=counted
        )
    assert stores.totals.of_feature(FEATURE_ID) == {10: Totals(total_users=1)}


def test_of_two_marks_at_once_one_is_stored(stores: Stores) -> None:
    user = create(stores, "u")

    def attempt() -> bool:
        try:
            store(stores, user, Records(enrolled()), counting=Counting())
        except LostRace:
            return False
        return True

    assert sum(at_once(*[attempt] * PARALLEL)) == 1
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)
    assert known(stores).revision == user.revision + 1


# Groups


def test_groups_without_records_are_empty(stores: Stores) -> None:
    keys = [class_key("1a"), class_key("1b"), GroupKey("school", "1a")]
    assert stores.participants.groups([]) == {}
    assert stores.participants.groups(keys[:1]) == {keys[0]: GroupRecord(keys[0])}
    assert stores.participants.groups(keys) == {key: GroupRecord(key) for key in keys}


def test_a_group_s_records_come_back_as_stored(stores: Stores) -> None:
    key, other = class_key("1a"), GroupKey("school", "s")
    records = Records(
        enrollment=enrolled(class_id="1a"),
        group_enrollment=(key, group_enrolled()),
        group_exclusions=((key, excluded(8)), (other, excluded(9))),
    )
    store(
        stores,
        create(stores, "u"),
        records,
        groups=[key],
        counting=Counting(users_per_group=5),
        reached_by=[key, other],
    )
    assert stores.participants.groups([key, other]) == {
        key: GroupRecord(
            key,
            {FEATURE_ID: group_enrolled()},
            {8: excluded(8)},
            {HERE: START},
            {FEATURE_ID: 1},
            frozenset({(FEATURE_ID, HERE)}),
        ),
        other: GroupRecord(other, exclusions={9: excluded(9)}, reached={HERE: START}),
    }


def test_groups_do_not_mix_whatever_their_ids(stores: Stores) -> None:
    texts = [*HOSTILE, "", "é" * 1000]
    keys = [GroupKey(kind, "x#y") for kind in texts] + [GroupKey("x", text) for text in texts]
    keys += [GroupKey("x#y", ""), GroupKey("", "x#y#"), GroupKey("x", "y#x")]
    keys = list(dict.fromkeys(keys))
    user = create(stores, "u")
    for index, key in enumerate(keys):
        user = store(stores, user, Records(group_exclusions=((key, excluded(index)),)), at=point())
    found = stores.participants.groups(keys)
    assert {key: list(record.exclusions) for key, record in found.items()} == {
        key: [index] for index, key in enumerate(keys)
    }


def test_a_group_is_enrolled_once(stores: Stores) -> None:
    create(stores, "u", "v")
    enroll_in_class(stores, "u", first=True)
    before = known(stores, "v")
    with pytest.raises(LostRace):
        enroll_in_class(stores, "v", first=True)
    assert known(stores, "v") == before
    assert group(stores, class_key("1a")).enrollments == {FEATURE_ID: group_enrolled()}
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)


def test_a_group_that_was_counted_meanwhile_loses(stores: Stores) -> None:
    """Else two users could both be taken for the first, or the last one needed."""
    create(stores, "u", "v", "w")
    key = class_key("1a")
    old = stores.participants.groups([key])
    enroll_in_class(stores, "u")
    records = Records(enrollment=enrolled(class_id="1a"))
    for read in (old, {key: replace(old[key], counts={FEATURE_ID: 2})}):
        with pytest.raises(LostRace):
            store(stores, known(stores, "v"), records, read=read)
    assert group(stores, key).counts == {FEATURE_ID: 1}
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)


def test_a_group_counts_with_the_user_who_makes_it_complete(stores: Stores) -> None:
    create(stores, *"abcd")
    for user_id, groups in zip("abc", (0, 1, 1), strict=True):
        enroll_in_class(stores, user_id, "1a")
        assert stores.enrollment_counts.in_all(FEATURE_ID)[1] == groups
    enroll_in_class(stores, "d", "1b", needed=1)
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (4, 2)
    assert group(stores, class_key("1a")).counts == {FEATURE_ID: 3}


def test_classmates_who_enroll_at_once_are_all_counted_in_the_end(stores: Stores) -> None:
    users = [f"u{i}" for i in range(PARALLEL)]
    create(stores, *users)

    def enroll(user_id: str) -> None:
        while True:
            first = not group(stores, class_key("1a")).enrollments
            try:
                enroll_in_class(stores, user_id, first=first, needed=PARALLEL)
            except LostRace:
                continue
            return

    at_once(*(partial(enroll, user_id) for user_id in users))
    assert group(stores, class_key("1a")).counts == {FEATURE_ID: PARALLEL}
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (PARALLEL, 1)


def test_a_group_keeps_when_its_first_member_reached_a_place(stores: Stores) -> None:
    key = class_key("1a")
    create(stores, *"uvw")
    store(stores, known(stores, "v"), at=point(HERE, timedelta(1)), reached_by=[key])
    store(stores, known(stores, "u"), at=point(HERE), reached_by=[key])
    store(stores, known(stores, "w"), at=point(THERE), reached_by=[])
    assert group(stores, key).reached == {HERE: START + timedelta(1)}


def test_a_group_is_not_told_of_a_place_that_its_member_had_reached(stores: Stores) -> None:
    key = class_key("1a")
    user = store(stores, create(stores, "u"), at=point(HERE))
    store(stores, user, Records(enrolled()), at=point(HERE), reached_by=[key])
    assert group(stores, key).reached == {}


def test_a_dropped_group_loses_its_enrollments_in_all_experiments(stores: Stores) -> None:
    key = class_key("1a")
    user = create(stores, "u")
    for feature_id in (FEATURE_ID, 8):
        enrollment = replace(group_enrolled(), feature_id=feature_id)
        user = store(stores, user, Records(group_enrollment=(key, enrollment)), groups=[key])
    records = Records(group_exclusions=((key, excluded()),), dropped=(key,))
    store(stores, user, records, groups=[key])
    assert group(stores, key) == GroupRecord(key, exclusions={FEATURE_ID: excluded()})


def test_of_two_marks_that_drop_an_enrollment_of_a_group_one_is_stored(stores: Stores) -> None:
    """Else it would be taken off the count twice."""
    create(stores, "u", "v", "w")
    key = class_key("1a")
    store(stores, known(stores), Records(group_enrollment=(key, group_enrolled())), groups=[key])
    before = stores.participants.groups([key])
    store(stores, known(stores, "v"), Records(dropped=(key,)), read=before)
    with pytest.raises(LostRace):
        store(stores, known(stores, "w"), Records(dropped=(key,)), read=before)
    assert [
        enrollment_count.groups
        for enrollment_count in stores.enrollment_counts.by_point(FEATURE_ID, [HERE])[0]
    ] == [0]


# A change of the working group


def test_enrollments_and_exclusions_end_as_the_change_says(stores: Stores) -> None:
    create(stores, "u", "v")
    enroll_in_class(stores, "v", first=True)
    user = enroll_in_class(stores, "u")
    also = Records(enrolled(THERE, "1a"), excluded())
    user = store(stores, user, also, groups=[class_key("1a")], at=point(THERE))
    user = store(stores, user, Records(enrolled(feature_id=8), excluded(8)), at=point(HERE))
    change = GroupChange(
        enrollments=user.enrollments[FEATURE_ID],
        lifted=(FEATURE_ID, 9),
        left=(GroupLeft(FEATURE_ID, class_key("1a"), 2),),
    )
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (2, 1)
    stores.profiles.update(user, Profile("u", None, {"class": "1b"}), change, LATER)
    after = known(stores)
    assert after == replace(
        user,
        profile=Profile("u", None, {"class": "1b"}),
        enrollments={8: (enrolled(feature_id=8),)},
        exclusions={8: excluded(8)},
        lifted={FEATURE_ID: LATER, 9: LATER},
        revision=user.revision + 1,
    )
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)
    assert stores.enrollment_counts.in_all(8) == (1, 0)
    assert group(stores, class_key("1a")).counts == {FEATURE_ID: 1}
    assert group(stores, class_key("1a")).enrollments == {FEATURE_ID: group_enrolled()}


def test_the_last_who_leaves_and_the_first_who_comes_are_counted(stores: Stores) -> None:
    create(stores, "u")
    key = class_key("1a")
    for _ in range(2):
        user = enroll_in_class(stores, "u", needed=1)
        assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 1)
        change = GroupChange((enrolled(class_id="1a"),), (), (GroupLeft(FEATURE_ID, key, 1),))
        stores.profiles.update(user, user.profile, change, LATER)
        assert stores.enrollment_counts.in_all(FEATURE_ID) == (0, 0)
        assert group(stores, key).counts.get(FEATURE_ID, 0) == 0


def test_strata_lose_the_enrollments_that_end(stores: Stores) -> None:
    create(stores, "u", "v")
    store(stores, known(stores, "v"), Records(enrolled()), counting=Counting(1, ("north", 1)))
    user = known(stores, "u")
    for point_key in (HERE, THERE):
        north = Counting(2, ("north", 1))
        user = store(
            stores, user, Records(enrolled(point_key)), at=point(point_key), counting=north
        )
    assert stores.enrollment_counts.in_stratum(FEATURE_ID, "north") == {1: 3}
    change = GroupChange(
        user.enrollments[FEATURE_ID],
        left=(GroupLeft(FEATURE_ID, class_key("1a"), None),),
        uncounted=tuple(
            StratumEnrollment(FEATURE_ID, point_key, "north", 1) for point_key in (HERE, THERE)
        ),
    )
    stores.profiles.update(user, user.profile, change, LATER)
    assert stores.enrollment_counts.in_stratum(FEATURE_ID, "north") == {1: 1}
    assert stores.enrollment_counts.in_all(FEATURE_ID) == (1, 0)


# What is set up around experiments


def test_whoever_is_only_named_somewhere_is_unknown_but_named_once_known(stores: Stores) -> None:
    stores.members.note("s", 1, ["u"])
    stores.preview_users.put(PreviewUser("u", (), START, START, 1))
    assert stores.participants.get("u") is None
    user = create(stores, "u")
    assert (user.members, user.preview) == ({"s": frozenset({1})}, {})


def test_what_is_set_up_does_not_lose_against_marks(stores: Stores) -> None:
    user = create(stores, "u")
    stores.members.note("s", 1, ["u"])
    stores.strata.store("school", {"u": "north"}, START)
    stores.preview_users.put(PreviewUser("u", (), START, START, 1))
    after = store(stores, user)
    assert (after.members, after.strata, after.preview) == (
        {"s": frozenset({1})},
        {"school": "north"},
        {},
    )
    assert after.points == {HERE: point()}


def test_the_variant_of_a_row_in_test_lab_is_read_with_the_records(stores: Stores) -> None:
    row = User("u", 10, "10.0.0.1", START)
    stores.users.create(row, TotalsShard(1, 10, 0))
    assert stores.participants.get("u") is None
    assert create(stores, "u").testlab == TestLabRow(10, START)
    assert stores.users.get("u") == row


# Members of segments


def test_the_members_of_a_segment_are_noted_by_version(stores: Stores) -> None:
    create(stores, *"uvw")
    stores.members.note("s", 1, ["v", "u"])
    stores.members.note("s", 11, ["w"])
    stores.members.note("t", 1, ["u"])
    members = stores.members.of_version
    assert (members("s", 1), members("s", 11), members("t", 1)) == (["u", "v"], ["w"], ["u"])
    assert (members("s", 2), members("u", 1)) == ([], [])
    counted = [stores.members.count(s, v) for s, v in (("s", 1), ("s", 11), ("u", 1))]
    assert counted == [2, 1, 0]
    assert [known(stores, user_id).members for user_id in "uvw"] == [
        {"s": frozenset({1}), "t": frozenset({1})},
        {"s": frozenset({1})},
        {"s": frozenset({11})},
    ]


def test_members_may_be_called_anything(stores: Stores) -> None:
    users = [*HOSTILE, "", "é" * 1000]
    stores.members.note("a#%é", 1, users)
    assert set(stores.members.of_version("a#%é", 1)) == set(users)
    create(stores, *HOSTILE)
    assert all(known(stores, user_id).members == {"a#%é": frozenset({1})} for user_id in HOSTILE)


def test_a_note_may_be_repeated_and_be_about_nobody(stores: Stores) -> None:
    create(stores, "u")
    for _ in range(2):
        stores.members.note("s", 1, ["u"])
        stores.members.note("s", 2, [])
    assert stores.members.of_version("s", 1) == ["u"]
    assert known(stores).members == {"s": frozenset({1})}


def test_lists_may_be_long(stores: Stores) -> None:
    users = [f"user {i:04}" for i in range(1000)]
    stores.members.note("s", 1, users)
    assert stores.members.of_version("s", 1) == users
    assert create(stores, users[-1]).members == {"s": frozenset({1})}
    while some := stores.members.of_version("s", 1, 25):
        assert len(some) == 25
        stores.members.forget("s", 1, some)
    assert stores.members.of_version("s", 1) == []
    assert known(stores, users[-1]).members == {}


def test_a_forgotten_version_leaves_the_notes_of_others(stores: Stores) -> None:
    create(stores, *"uvw")
    stores.members.note("s", 1, ["u", "v"])
    stores.members.note("t", 1, ["u"])
    stores.members.note("s", 2, ["v", "w"])
    assert known(stores, "v").members == {"s": frozenset({1, 2})}
    stores.members.forget("s", 1, ["u", "v"])
    assert stores.members.of_version("s", 1) == []
    assert stores.members.of_version("s", 2) == ["v", "w"]
    assert [known(stores, user_id).members for user_id in "uvw"] == [
        {"t": frozenset({1})},
        {"s": frozenset({2})},
        {"s": frozenset({2})},
    ]


# The catalogue


def commit(stores: Stores, change: CatalogueChange) -> Catalogue:
    """Commit a change; what is stored then, which must be what the change makes of it."""
    before = stores.catalogue.load()
    revision = before.revision.following(START)
    stores.catalogue.commit(before.revision, revision, change)
    after = stores.catalogue.load()
    assert after == applied(before, revision, change)
    return after


def full_design() -> Experiment:
    """An experiment with something in every field."""
    levels = (
        Level("l1", "low", 1, "d", Payload("json", '{"é": 1}')),
        Level("l2", "high"),
    )
    return Experiment(
        id="0b2e1f6c-3f1a-4c2e-9d51-6d3c0a7b1e01",
        name="Näme #%",
        description="with a description",
        context="home",
        state=State.ENROLLMENT_COMPLETE,
        type=DesignType.FACTORIAL,
        unit=Unit.GROUP,
        group="class",
        rule=ConsistencyRule.GROUP,
        condition_order=ConditionOrder.RANDOM_ROUND_ROBIN,
        algorithm=Algorithm.STRATIFIED,
        stratification_factor="school",
        post_rule=PostRule.ASSIGN,
        revert_to="c1",
        filter_mode=FilterMode.EXCLUDE_ALL,
        complete_condition=CompleteCondition(20, 3),
        start_on="2026-01-01T00:00:00.000Z",
        end_on="2026-06-30T00:00:00.000Z",
        tags=("one", "two"),
        conditions=(
            Condition("c2", 72, "b", 66.67, 2),
            Condition("c1", 71, "a", 33.33, 1, "name", "text", "AA", (LevelElement("x1", "l1"),)),
        ),
        points=(
            DecisionPoint("p1", "site", "target", "text", 1, True, "BB"),
            DecisionPoint("p2", "site", "", "", 2, False),
        ),
        payloads=(
            ConditionPayload("y1", "c1", "p1", Payload("csv", "a,b\n1,2")),
            ConditionPayload("y2", "c2", None, Payload("string", "")),
        ),
        factors=(
            Factor("f1", "factor", 1, None, levels),
            Factor("f2", "empty", 2, "text", ()),
        ),
        queries=(
            {"id": "q", "name": "n", "query": {"operationType": "avg"}, "metric": {"key": "k"}},
            {"metric": {"key": "a@__@b"}, "list": [1, 2.5, None, True]},
        ),
        include=(ListEntry("s1"), ListEntry("s2", enabled=False)),
        exclude=(ListEntry("s3"),),
        state_changes=(
            StateChange("t1", State.INACTIVE, State.ENROLLING, START),
            StateChange("t2", State.ENROLLING, State.ENROLLMENT_COMPLETE, LATER),
        ),
        created_at=START,
        updated_at=LATER,
        version=12,
        started_at=START,
    )


def spare_design() -> Experiment:
    """An experiment with nothing in each field that may be empty."""
    return replace(
        design(unit=Unit.WITHIN_SUBJECTS, state=State.DRAFT),
        condition_order=None,
        conditions=(),
        points=(),
    )


def with_variant_ids(experiment: Experiment) -> Experiment:
    """The experiment with ids of variants for its conditions."""
    return replace(
        experiment,
        conditions=tuple(replace(c, variant_id=n) for n, c in enumerate(experiment.conditions, 70)),
    )


def designed(experiment: Experiment, feature_id: int = FEATURE_ID) -> CatalogueChange:
    feature = Feature.of_design(feature_id, experiment, 3)
    return CatalogueChange(features=(FeatureChange(None, feature),))


def test_the_sample_has_something_in_every_field() -> None:
    empty = spare_design()
    same = [f.name for f in fields(Experiment) if getattr(full_design(), f.name) is None]
    assert same == []
    assert [f.name for f in fields(Experiment) if getattr(empty, f.name) in (None, ())]


@pytest.mark.parametrize("make", [full_design, spare_design])
def test_an_experiment_comes_back_exactly_as_committed(
    stores: Stores, make: Callable[[], Experiment]
) -> None:
    catalogue = commit(stores, designed(make()))
    assert catalogue.features == (Feature.of_design(FEATURE_ID, make(), 3),)
    assert [*catalogue.experiments()] == [(FEATURE_ID, make())]


@pytest.mark.parametrize("state", State)
def test_every_state_comes_back(stores: Stores, state: State) -> None:
    [feature] = commit(stores, designed(with_variant_ids(design(state=state)))).features
    assert feature.design == with_variant_ids(design(state=state))
    assert feature.is_running is (state is State.ENROLLING)


def test_editing_weights_keeps_the_ids_of_variants(stores: Stores) -> None:
    made = with_variant_ids(design())
    before = commit(stores, designed(made)).features[0]
    after = Feature.of_design(FEATURE_ID, reweighted(made, a=12.5, b=87.5), 3)
    [edited] = commit(stores, CatalogueChange(features=(FeatureChange(before, after),))).features
    assert [v.id for v in edited.variants] == [v.id for v in before.variants] == [70, 71]
    assert [str(v.weight) for v in edited.variants] == ["0.125", "0.875"]


def test_an_edit_may_take_conditions_away_and_add_others(stores: Stores) -> None:
    made = full_design()
    before = commit(stores, designed(made)).features[0]
    other = Condition("c3", 73, "c", 100.0, 1)
    after = Feature.of_design(FEATURE_ID, replace(made, conditions=(made.conditions[0], other)), 3)
    [edited] = commit(stores, CatalogueChange(features=(FeatureChange(before, after),))).features
    assert [v.id for v in edited.variants] == [72, 73]


def test_a_deleted_experiment_is_gone(stores: Stores) -> None:
    [feature] = commit(stores, designed(full_design())).features
    assert commit(stores, CatalogueChange(features=(FeatureChange(feature, None),))).features == ()


def full_segment(segment_id: str = "s") -> Segment:
    return Segment(
        id=segment_id,
        name="Näme #%",
        context="home",
        type=SegmentType.PRIVATE,
        version=2**48,
        groups=frozenset({class_key("1a"), GroupKey("é#", "%"), GroupKey("school", "1a")}),
        sub_segments=("z", "a"),
        description="text",
        tags=("one", "two"),
        list_type="Individual",
        created_at=START,
        updated_at=LATER,
    )


def test_segments_come_back_exactly_as_committed(stores: Stores) -> None:
    made = [full_segment(), segment("a#%é"), segment("t", kind=SegmentType.GLOBAL_EXCLUDE)]
    change = CatalogueChange(segments=tuple(SegmentChange(None, each) for each in made))
    assert commit(stores, change).segments == {each.id: each for each in made}


def test_segments_are_replaced_and_deleted_beside_experiments(stores: Stores) -> None:
    old, kept = full_segment(), segment("kept")
    commit(stores, designed(full_design()))
    commit(
        stores,
        CatalogueChange(segments=(SegmentChange(None, old), SegmentChange(None, kept))),
    )
    new = replace(old, name="new", groups=frozenset(), sub_segments=(), version=3)
    catalogue = commit(stores, CatalogueChange(segments=(SegmentChange(old, new),)))
    assert catalogue.segments == {"s": new, "kept": kept}
    catalogue = commit(stores, CatalogueChange(segments=(SegmentChange(new, None),)))
    assert catalogue.segments == {"kept": kept}
    assert [*catalogue.experiments()] == [(FEATURE_ID, full_design())]


def test_members_are_no_part_of_the_catalogue(stores: Stores) -> None:
    stores.members.note("s", 1, ["u"])
    assert stores.catalogue.load().segments == {}
    commit(stores, CatalogueChange(segments=(SegmentChange(None, full_segment()),)))
    assert stores.members.of_version("s", 1) == ["u"]


def test_settings_stay_until_they_are_changed(stores: Stores) -> None:
    assert stores.catalogue.load().settings == ClientSettings()
    changed = ClientSettings(check_auth=True, filter_metric=False)
    assert commit(stores, CatalogueChange(settings=changed)).settings == changed
    assert commit(stores, designed(full_design())).settings == changed


def test_clearing_leaves_nothing_of_users_groups_and_segments(stores: Stores) -> None:
    create(stores, "u")
    enroll_in_class(stores, "u", first=True, needed=1)
    key = class_key("1a")
    store(
        stores,
        known(stores),
        Records(repeat=Repeat(FEATURE_ID, HERE, None, None, START)),
        counting=Counting(),
        reached_by=[key],
    )
    second = Records(enrolled(THERE, feature_id=8))
    store(stores, known(stores), second, at=point(THERE), counting=Counting(stratum=("north", 1)))
    stores.members.note("s", 1, ["u"])
    stores.strata.store("school", {"u": "north"}, START)
    stores.strata.register(StratificationFactor("school", START))
    stores.preview_users.put(PreviewUser("u", (), START, START, 1))
    commit(stores, replace(designed(full_design()), settings=ClientSettings(check_auth=True)))
    commit(stores, CatalogueChange(segments=(SegmentChange(None, full_segment()),)))
    stores.eraser.clear(lambda: LATER, timedelta(0))
    catalogue = stores.catalogue.load()
    assert (catalogue.features, catalogue.segments) == ((), {})
    assert catalogue.settings == ClientSettings()
    assert stores.participants.get("u") is None
    assert group(stores, key) == GroupRecord(key)
    assert stores.members.of_version("s", 1) == []
    assert (
        stores.enrollment_counts.in_all(FEATURE_ID) == stores.enrollment_counts.in_all(8) == (0, 0)
    )
    assert stores.enrollment_counts.in_stratum(8, "north") == {}
    assert (stores.preview_users.all(), stores.strata.factors()) == ([], [])
    assert [user for some in stores.strata.users("school") for user in some] == []
    assert create(stores, "u") == Participant(Profile("u"), revision=1)
