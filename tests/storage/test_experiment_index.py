"""Whatever belongs to one experiment is found by its number, without a scan."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.experiments.marks import Records
from chalicelib.domain.participants.participants import Enrollment, Exclusion, ExclusionCode
from chalicelib.services.stores import Stores
from chalicelib.storage.dynamodb.tables import RecordRow
from tests.fakes.memory import START
from tests.storage.test_participant_store import (
    LATER,
    create,
    enroll_in_class,
    enrolled,
    excluded,
    group,
    group_enrolled,
    known,
    point,
    store,
)
from tests.unit.upgrade_service_samples import HERE, THERE, class_key

OF_EXPERIMENTS = {"enrollment", "exclusion", "lifted", "count", "at"}
KEY = class_key("1a")


def in_classes(point_enrollment: Enrollment) -> Records:
    return Records(enrollment=replace(point_enrollment, group_id="1a"))


def test_every_record_of_an_experiment_is_in_its_index_and_no_other(
    dynamo_stores: Stores,
) -> None:
    create(dynamo_stores, "u", "v", "w", "x")
    enroll_in_class(dynamo_stores, "u", first=True)
    enroll_in_class(dynamo_stores, "v")
    user = known(dynamo_stores, "v")
    store(dynamo_stores, user, in_classes(enrolled(THERE)), groups=[KEY], at=point(THERE))
    out = Exclusion(8, ExclusionCode.LISTED, START)
    user = known(dynamo_stores, "w")
    user = store(dynamo_stores, user, Records(exclusion=out, group_exclusions=((KEY, out),)))
    user = store(dynamo_stores, user, Records(exclusion=excluded()), reached_by=[KEY])
    dynamo_stores.profiles.update(user, user.profile, GroupChange(lifted=(8,)), LATER)
    user = store(dynamo_stores, known(dynamo_stores, "x"), Records(enrolled()))
    store(dynamo_stores, user, Records(replace(enrolled(), condition_id="id of b")))
    dynamo_stores.enrollments.store_group_record(class_key("1b"), group_enrolled(), 0)

    kinds, wanted, elsewhere = set(), set(), set()
    for row in RecordRow.scan(consistent_read=True):
        kind, *rest = row.sk.split("#")
        if kind in OF_EXPERIMENTS:
            kinds.add(kind)
            wanted.add((int(rest[0]), row.pk, row.sk))
        elif row.experiment is not None:
            elsewhere.add(row.sk)
    assert (kinds, elsewhere) == (OF_EXPERIMENTS, set())
    found = {
        (feature_id, row.pk, row.sk)
        for feature_id in (7, 8)
        for row in RecordRow.by_experiment.query(feature_id)
    }
    assert found == wanted


def test_a_count_begins_with_the_place_where_the_first_member_was_enrolled(
    stores: Stores,
) -> None:
    create(stores, "u", "v")
    enroll_in_class(stores, "u", first=True)
    assert group(stores, KEY).enrolled_at == {(7, HERE)}
    enroll_in_class(stores, "v")
    user = known(stores, "v")
    store(stores, user, in_classes(enrolled(THERE)), groups=[KEY], at=point(THERE))
    found = group(stores, KEY)
    assert found.counts == {7: 2}
    assert found.enrolled_at == {(7, HERE), (7, THERE)}
