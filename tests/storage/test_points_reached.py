"""The first mark at a point is kept with the enrollment that it made, and outlives that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.experiments.marks import Records
from chalicelib.domain.experiments.transfer import RecordKind
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Exclusion, ExclusionCode, MonitoredPoint
from chalicelib.domain.privacy.erasure import Ending
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.tables import RecordRow
from chalicelib.storage.participants.records import enrollment_row, point_row, point_text
from tests.fakes.memory import START
from tests.storage.test_participant_store import FEATURE_ID, LATER, create, enrolled, known, store
from tests.unit.upgrade_service_samples import HERE, THERE

REACHED = MonitoredPoint("id of the point", HERE, "e", "a", START)


def at(point_key: DecisionPointKey) -> MonitoredPoint:
    return replace(REACHED, id=f"reached {point_key.target}", point_key=point_key)


def sort_keys(user_id: str = "u") -> Sequence[str]:
    return [row.sk for row in RecordRow.query(keys.user(user_id), consistent_read=True)]


def listed_points(stores: Stores) -> list[MonitoredPoint]:
    page = stores.records.page(RecordKind.POINTS, None, 100)
    assert page.next is None
    found = [each.record for each in page.records if isinstance(each.record, MonitoredPoint)]
    return sorted(found, key=lambda point: point.point_key)


def test_an_enrollment_and_its_point_are_one_item(dynamo_stores: Stores) -> None:
    user = create(dynamo_stores, "u")
    user = store(dynamo_stores, user, Records(enrolled()), at=REACHED)
    assert sort_keys() == [keys.enrollment(FEATURE_ID, point_text(HERE)), keys.PROFILE]
    assert user.points == {HERE: REACHED}


def test_a_point_that_enrolled_nobody_or_was_known_is_an_item_of_its_own(
    dynamo_stores: Stores,
) -> None:
    user = create(dynamo_stores, "u")
    user = store(dynamo_stores, user, at=REACHED)
    store(dynamo_stores, user, Records(enrolled()), at=at(HERE))
    own = [
        keys.enrollment(FEATURE_ID, point_text(HERE)),
        keys.point(point_text(HERE)),
        keys.PROFILE,
    ]
    assert sort_keys() == own
    assert known(dynamo_stores).points == {HERE: REACHED}


def test_points_are_listed_once_each_wherever_they_are_kept(stores: Stores) -> None:
    user = create(stores, "u")
    user = store(stores, user, Records(enrolled()), at=at(HERE))
    user = store(stores, user, Records(enrolled(feature_id=8)), at=REACHED)
    out = Exclusion(9, ExclusionCode.LISTED, START)
    store(stores, user, Records(exclusion=out), at=at(THERE))
    assert listed_points(stores) == sorted([at(HERE), at(THERE)], key=lambda each: each.point_key)


@pytest.mark.parametrize("how", ["group change", "erasure"])
def test_points_outlive_the_enrollments_that_they_made(stores: Stores, how: str) -> None:
    user = create(stores, "u")
    user = store(stores, user, Records(enrolled()), at=at(HERE))
    user = store(stores, user, Records(enrolled(feature_id=8)), at=at(HERE))
    user = store(stores, user, Records(enrolled(THERE)), at=at(THERE))
    ending = (enrolled(), enrolled(feature_id=8), enrolled(THERE))
    if how == "erasure":
        stores.user_data.end(user, Ending(ending), {}, [])
    else:
        stores.profiles.update(user, user.profile, GroupChange(ending), LATER)
    after = known(stores)
    assert (after.enrollments, after.points) == ({}, user.points)
    assert listed_points(stores) == sorted(user.points.values(), key=lambda each: each.point_key)


def test_a_point_stays_where_an_enrollment_takes_the_place_of_another(stores: Stores) -> None:
    user = create(stores, "u")
    first = replace(enrolled(), met=frozenset({"id of a"}))
    user = store(stores, user, Records(first), at=REACHED)
    again = replace(enrolled(), condition_id="id of b")
    user = store(stores, user, Records(again), at=at(HERE))
    assert user.enrollments[FEATURE_ID] == (again,)
    other = replace(again, met=frozenset({"id of b"}))
    user = store(stores, user, Records(other), at=at(HERE))
    assert user.enrollments[FEATURE_ID] == (other,)
    assert user.points == {HERE: REACHED}
    assert listed_points(stores) == [REACHED]


def test_points_are_read_where_older_versions_kept_them(dynamo_stores: Stores) -> None:
    create(dynamo_stores, "u")
    point_row(keys.user("u"), REACHED).save()
    enrollment_row(keys.user("u"), enrolled(), 0).save()
    user = known(dynamo_stores)
    assert user.points == {HERE: REACHED}
    assert user.enrollments == {FEATURE_ID: (enrolled(),)}
