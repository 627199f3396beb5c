"""How a user's part in experiments ends, and off which counters that is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.enrollment_counts import EnrollmentCount
from chalicelib.domain.experiments.experiments import CompleteCondition, Experiment
from chalicelib.domain.experiments.group_change import GroupLeft, StratumEnrollment
from chalicelib.domain.experiments.marks import Repeat
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
from chalicelib.domain.privacy.erasure import (
    Ending,
    KeptRepeat,
    experiments_of,
    has_repeats,
    participation_end,
    spare_repeats,
)
from tests.fakes.memory import START
from tests.unit.samples import feature
from tests.unit.upgrade_service_samples import HERE, THERE, class_key, design, group_design

FEATURE_ID = 7
MINUTE = timedelta(minutes=1)


class Ended(NamedTuple):
    """How a user's part ends: the marks that go before, and the pieces."""

    spare: tuple[KeptRepeat, ...]
    endings: tuple[Ending, ...]


def enrolled(
    point_key: DecisionPointKey = HERE,
    condition: str | None = "id of a",
    minute: float = 0,
    *,
    feature_id: int = FEATURE_ID,
    group: str | None = None,
    stratum: str | None = None,
    variant: int | None = None,
) -> Enrollment:
    return Enrollment(
        feature_id,
        point_key,
        condition,
        group,
        EnrollmentCode.ALGORITHM,
        START + minute * MINUTE,
        0 if condition else 99,
        stratum=stratum,
        variant_id=variant,
    )


def marked(
    index: int,
    point_key: DecisionPointKey = HERE,
    condition: str | None = "id of a",
    minute: float = 0,
) -> KeptRepeat:
    return KeptRepeat(
        Repeat(FEATURE_ID, point_key, condition, None, START + minute * MINUTE), index
    )


def end(
    *enrollments: Enrollment,
    repeats: Sequence[KeptRepeat] = (),
    excluded: Sequence[int] = (),
    design: Experiment | None = None,
    gone: bool = False,
) -> Ended:
    own: dict[int, tuple[Enrollment, ...]] = {}
    for each in enrollments:
        own[each.feature_id] = (*own.get(each.feature_id, ()), each)
    exclusions = {n: Exclusion(n, ExclusionCode.LISTED, START) for n in excluded}
    participant = Participant(Profile("u"), own, exclusions, revision=1)
    features = () if gone else (replace(feature(FEATURE_ID), design=design),)
    kept: Mapping[int, Sequence[KeptRepeat]] = {FEATURE_ID: repeats} if repeats else {}
    endings = participation_end(participant, kept, Catalogue(features=features))
    return Ended(spare_repeats(own.get(FEATURE_ID, ()), repeats), endings)


def figures(
    enrollment_count: EnrollmentCount,
) -> tuple[str | None, DecisionPointKey | None, int, int, int]:
    return (
        enrollment_count.condition_id,
        enrollment_count.point_key,
        enrollment_count.users,
        enrollment_count.condition_users,
        enrollment_count.point_users,
    )


def test_who_took_no_part_ends_nothing() -> None:
    assert end() == ((), ())


def test_the_newest_ends_first_and_with_the_oldest_the_user() -> None:
    first, second, third = (
        enrolled(),
        enrolled(THERE, minute=1),
        enrolled(DecisionPointKey("c", ""), "b", 2),
    )
    (ending,) = end(third, first, second).endings
    assert ending.enrollments == (third, second, first)
    assert [figures(enrollment_count)[2:] for enrollment_count in ending.enrollment_counts] == [
        (0, -1, -1),
        (0, 0, -1),
        (-1, -1, -1),
    ]
    assert [enrollment_count.at for enrollment_count in ending.enrollment_counts] == [
        third.at,
        second.at,
        first.at,
    ]
    assert (ending.left, ending.uncounted, ending.variants, ending.unmet) == ((), (), (), {})


def test_very_many_enrollments_end_in_pieces() -> None:
    point_keys = [DecisionPointKey("site", str(number)) for number in range(40)]
    many = [enrolled(point_key, minute=number) for number, point_key in enumerate(point_keys)]
    endings = end(*many, excluded=range(200)).endings
    assert [len(ending.enrollments) for ending in endings] == [12, 12, 12, 4, 0, 0, 0, 0]
    assert [e for ending in endings for e in ending.enrollments] == many[::-1]
    assert [n for ending in endings for n in ending.exclusions] == [*range(200)]
    assert (
        sum(
            enrollment_count.users
            for ending in endings
            for enrollment_count in ending.enrollment_counts
        )
        == -1
    )
    assert endings[3].enrollment_counts[-1].users == -1


@pytest.mark.parametrize(
    ("complete", "needed"),
    [(None, None), (CompleteCondition(3, 1), 3), (CompleteCondition(), None)],
)
def test_a_group_has_a_user_less_with_the_first_enrollment(
    complete: CompleteCondition | None, needed: int | None
) -> None:
    point_keys = [DecisionPointKey("site", str(number)) for number in range(20)]
    many = [enrolled(p, minute=n, group="1b" if n else "1a") for n, p in enumerate(point_keys)]
    *others, last = end(*many, design=group_design(complete=complete)).endings
    assert others
    assert not any(ending.left for ending in others)
    assert last.left == (GroupLeft(FEATURE_ID, class_key("1a"), needed),)


@pytest.mark.parametrize(
    ("group", "of"),
    [("1a", design()), ("1a", None), (None, group_design())],
    ids=["no group experiment", "the experiment is gone", "the group was never told"],
)
def test_no_group_has_a_user_less_otherwise(group: str | None, of: Experiment | None) -> None:
    (ending,) = end(enrolled(group=group), design=of, gone=of is None).endings
    assert ending.left == ()


def test_what_ends_in_an_experiment_that_is_gone_is_taken_off_no_counter() -> None:
    """The purge takes the counters, and what is added to one that is gone makes it anew."""
    marks = [marked(0, THERE, "id of b", 1), marked(1, THERE, "id of a", 2)]
    own = [enrolled(stratum="high"), replace(enrolled(THERE, None, 1), repeats=2)]
    (ending,) = end(*own, repeats=marks, excluded=[FEATURE_ID], gone=True).endings
    assert (ending.enrollments, ending.repeats) == ((own[1], own[0]), (marks[1], marks[0]))
    assert (ending.exclusions, ending.dead) == ((FEATURE_ID,), frozenset({FEATURE_ID}))
    assert (ending.enrollment_counts, ending.left, ending.uncounted) == ((), (), ())


def test_very_many_enrollments_in_what_is_gone_end_in_pieces_too() -> None:
    many = [enrolled(DecisionPointKey("site", str(n)), minute=n) for n in range(40)]
    assert [len(each.enrollments) for each in end(*many, gone=True).endings] == [12, 12, 12, 4]
    (living,) = end(excluded=[FEATURE_ID]).endings
    assert living.dead == frozenset()


def test_a_stratum_has_an_enrollment_less_where_the_condition_is_known() -> None:
    made = design()
    numbered = tuple(replace(c, variant_id=n) for n, c in enumerate(made.conditions, 5))
    made = replace(made, conditions=numbered)
    known, gone = enrolled(stratum="high"), enrolled(THERE, "id of x", stratum="high")
    (ending,) = end(known, gone, design=made).endings
    assert ending.uncounted == (StratumEnrollment(FEATURE_ID, HERE, "high", 5),)
    assert end(known).endings[0].uncounted == ()


def test_a_variant_of_test_lab_has_a_user_less_where_the_enrollment_counted() -> None:
    (ending,) = end(enrolled(variant=3), enrolled(THERE)).endings
    assert ending.variants == ((FEATURE_ID, 3, None),)


def test_its_cohort_has_one_less_on_the_day_of_the_mark() -> None:
    marked = replace(enrolled(variant=3), in_cohort=True)
    (ending,) = end(marked).endings
    assert ending.variants == ((FEATURE_ID, 3, marked.at.date()),)


class TestMarksWithinSubjects:
    @pytest.mark.parametrize(
        ("enrollment", "expected"),
        [
            (enrolled(), False),
            (enrolled(condition=None), True),
            (replace(enrolled(), repeats=1), True),
        ],
    )
    def test_there_may_be_some_where_no_condition_is_kept(
        self, enrollment: Enrollment, expected: bool
    ) -> None:
        assert has_repeats([enrollment]) is expected

    def test_each_condition_that_was_met_counted_once_at_each_place(self) -> None:
        here = [marked(n, HERE, c, n) for n, c in enumerate(("id of a", None, "id of a"))]
        there = [marked(0, THERE, "id of a", 0.5), marked(1, THERE, "id of a", 1.5)]
        own = enrolled(condition=None), enrolled(THERE, None, 0.5)
        ended = end(*own, repeats=[*there, *here])
        assert set(ended.spare) == {here[2], there[1]}
        (ending,) = ended.endings
        assert ending.repeats == (here[1], there[0], here[0])
        assert [figures(enrollment_count) for enrollment_count in ending.enrollment_counts] == [
            (None, HERE, 0, -1, -1),
            ("id of a", THERE, 0, 0, -1),
            ("id of a", HERE, -1, -1, -1),
        ]
        assert ending.enrollments == own[::-1]
        assert ending.unmet == {}

    def test_an_enrollment_that_stays_has_met_less(self) -> None:
        """Killed after the first piece, the next mark must count as if the rest were new."""
        conditions = [None, *(f"id of {n}" for n in range(20))]
        marks = [marked(n, HERE, c, n) for n, c in enumerate(conditions)]
        first, last = end(enrolled(condition=None), repeats=marks).endings
        assert first.enrollments == ()
        assert first.unmet == {(FEATURE_ID, HERE): frozenset(f"id of {n}" for n in range(5, 20))}
        assert last.unmet == {}
        (met,) = Ending(repeats=(marks[0],)).unmet.values()
        assert met == {""}

    def test_marks_at_a_place_are_in_the_order_of_their_numbers_whatever_clocks_say(self) -> None:
        marks = [marked(0, HERE, "id of a", 5), marked(1, HERE, "id of b", 1)]
        (ending,) = end(enrolled(condition=None, minute=5), repeats=marks[::-1]).endings
        assert ending.repeats == (marks[1], marks[0])

    def test_an_enrollment_from_elsewhere_counted_by_itself(self) -> None:
        mark = marked(0, HERE, None, 1)
        first, last = end(enrolled(condition=None), repeats=[mark]).endings
        assert (first.repeats, first.enrollments) == ((mark,), ())
        assert figures(first.enrollment_counts[0]) == (None, HERE, 0, -1, -1)
        assert (last.repeats, len(last.enrollments)) == ((), 1)
        assert figures(last.enrollment_counts[0]) == (None, HERE, -1, -1, -1)

    def test_marks_without_an_enrollment_counted_nowhere(self) -> None:
        mark = marked(0, THERE)
        assert end(enrolled(condition=None), repeats=[mark]).spare == (mark,)

    def test_marks_of_an_enrollment_that_ended_before_counted_nowhere(self) -> None:
        """A new one at the same decision point numbers its marks anew, over the old ones."""
        new = replace(enrolled(condition=None, minute=9), repeats=1)
        marks = [marked(0, HERE, "id of a", 9), marked(1, HERE, "id of b", 2)]
        ended = end(new, repeats=marks)
        assert ended.spare == (marks[1],)
        (ending,) = ended.endings
        assert ending.repeats == (marks[0],)
        assert end(replace(new, repeats=0), repeats=marks).spare == (*marks,)


def test_an_experiment_is_known_by_anything_that_names_it() -> None:
    made = replace(feature(8), design=design("known"))
    points = {
        point_key: MonitoredPoint("p", point_key, experiment, None, START)
        for point_key, experiment in (
            (HERE, "known"),
            (THERE, "gone"),
            (DecisionPointKey("c", ""), None),
        )
    }
    participant = Participant(
        Profile("u"),
        {3: (enrolled(feature_id=3),)},
        {1: Exclusion(1, ExclusionCode.LISTED, START)},
        points,
        lifted={2: START},
    )
    assert experiments_of(participant, Catalogue(features=(made,))) == [1, 2, 3, 8]
    assert experiments_of(Participant(Profile("u")), Catalogue()) == []
