"""Tags of things, and changes that insist on one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import count, takewhile

import pytest

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.entity_tags import Kind, Shown, Subject, shown
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.errors import NotFound, PreconditionFailed
from chalicelib.domain.features.features import Feature
from chalicelib.domain.participants.participants import GroupKey
from chalicelib.services import Services
from chalicelib.services.audiences.segments import global_id
from tests.fakes.memory import FixedClock, Memory
from tests.unit.measure_samples import flag
from tests.unit.samples import SHARDS, draft, feature, process, variant
from tests.unit.upgrade_service_samples import CONTEXT, design, lists_of, segment

FEATURE, EXPERIMENT, FLAG, SEGMENT = (
    Subject(kind, 1 if kind is Kind.FEATURE else kind.value[0]) for kind in Kind
)
OLD = "0" * 32


def tag(catalogue: Catalogue, subject: Subject) -> str | None:
    found = shown(catalogue, subject)
    return None if found is None else found.tag()


# What a tag is made of


def test_what_is_not_there_has_no_tag() -> None:
    for subject in (FEATURE, EXPERIMENT, FLAG, SEGMENT):
        assert tag(Catalogue(), subject) is None


def test_a_design_has_no_tag_as_a_feature_of_test_lab() -> None:
    made = Feature.of_design(1, design(), SHARDS)
    catalogue = Catalogue(features=(made,))
    assert tag(catalogue, FEATURE) is None
    assert tag(catalogue, EXPERIMENT) is not None


def test_a_variant_is_a_row_of_its_feature() -> None:
    bare, whole = feature(1), feature(1, variants=(variant(11, 1),))
    assert tag(Catalogue(features=(bare,)), FEATURE) != tag(Catalogue(features=(whole,)), FEATURE)


def test_values_that_are_answered_alike_have_one_tag_and_others_have_not() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=2)))
    for same, other in (
        (50.0, 50),
        (noon, elsewhere),
        ({"a": 1, "b": [1]}, {"b": (1,), "a": 1}),
        (frozenset({GroupKey("t", "b"), GroupKey("t", "a")}), [GroupKey("t", g) for g in "ab"]),
    ):
        assert Shown((same,)).tag() == Shown((other,)).tag()
    for one, another in (
        (Decimal("0.5"), Decimal("0.50")),
        (noon, noon + timedelta(milliseconds=1)),
        (noon.date(), None),
        (33.5, 33.25),
        ("1", 1),
        ((), ("",)),
    ):
        assert Shown((one,)).tag() != Shown((another,)).tag()


def test_users_who_leave_a_list_move_the_tag() -> None:
    assert len({Shown(("x",)).tag(counts) for counts in ([], [1], [2], [1, 2], [2, 1])}) == 5


def test_the_segment_of_a_list_is_a_row_of_what_has_it_and_knows_the_experiment() -> None:
    listed, part = segment(sub_segments=["part"]), segment("part")
    made = replace(design(), exclude=(ListEntry("s"), ListEntry("gone")))
    before = Catalogue(
        features=(Feature.of_design(2, made, SHARDS),),
        segments={each.id: each for each in (listed, part)},
        flags={"f": replace(flag("f"), include=(ListEntry("s"),))},
    )
    subjects = (EXPERIMENT, FLAG, SEGMENT)
    for changed in (replace(listed, version=2), replace(part, name="renamed")):
        after = replace(before, segments={**before.segments, changed.id: changed})
        for subject in subjects:
            assert tag(after, subject) != tag(before, subject)
    alone = replace(before, features=())
    assert tag(alone, SEGMENT) != tag(before, SEGMENT)
    assert tag(alone, FLAG) == tag(before, FLAG)


def test_the_fault_of_a_schedule_is_a_row_of_its_experiment_alone() -> None:
    well = Catalogue(features=(Feature.of_design(2, design(), SHARDS),), segments={"s": segment()})
    fault = Fault("too large", datetime(2026, 1, 1, tzinfo=UTC))
    faulty = replace(well, faults={design().id: fault})
    worse = replace(well, faults={design().id: replace(fault, what="gone")})
    assert len({tag(each, EXPERIMENT) for each in (well, faulty, worse)}) == 3
    assert tag(replace(well, faults={"another": fault}), EXPERIMENT) == tag(well, EXPERIMENT)
    assert tag(faulty, SEGMENT) == tag(well, SEGMENT)


# Changes that insist


def world(services: Services) -> None:
    services.features.create(draft())
    services.segments.put(segment(kind=SegmentType.PRIVATE), ["u", "v"])
    services.segments.put(segment("t", name="t"), [])
    entries = (ListEntry("s"), ListEntry("t"))
    services.experiments.create(replace(design(), include=entries))
    services.flags.create(replace(flag("f"), include=entries))


def edit_list(services: Services) -> object:
    """Two commits: the list's segment, then what has it."""
    services.segments.put_listed(segment(kind=SegmentType.PRIVATE), ["w"])
    return lists_of(services).add_list("e", "s", exclude=False)


def renamed(name: str) -> Callable[[Services], object]:
    return lambda services: services.features.update(1, draft(name))


CHANGES: list[tuple[Subject, Callable[[Services], object]]] = [
    (FEATURE, renamed("renamed")),
    (EXPERIMENT, lambda services: services.experiments.edit("e", lambda e: replace(e, name="n"))),
    (EXPERIMENT, edit_list),
    (FLAG, lambda services: services.flags.edit("f", lambda f: replace(f, name="n"))),
    (SEGMENT, lambda services: services.segments.put(segment(kind=SegmentType.PRIVATE), ["w"])),
    (SEGMENT, lambda services: services.segment_deletion.delete("s", force=True)),
]


def insisting(
    services: Services, subject: Subject, known: str | None, do: Callable[[Services], object]
) -> bool:
    """Whether a request changes something that has a known tag; what it did counts, or nothing."""
    with services.catalogue.one_view():
        try:
            services.entity_tags.insist(subject, known.__eq__, creates=False)
            do(services)
        except (PreconditionFailed, NotFound):
            return False
    return True


@pytest.mark.parametrize(("subject", "change"), CHANGES)
def test_of_two_writers_who_insist_on_one_state_one_wins_wherever_they_meet(
    subject: Subject, change: Callable[[Services], object]
) -> None:
    def meeting(at: int) -> list[bool]:
        """Who wins if the other one comes before call `at`."""
        memory, clock = Memory(), FixedClock()
        other = process(memory, clock)
        world(other)
        known = other.entity_tags.current(subject)
        clock.advance(timedelta(seconds=1))
        calls = count(1)
        won: list[bool] = []

        def step(_: str) -> None:
            if next(calls) == at:
                won.append(insisting(other, subject, known, change))

        won.append(insisting(process(memory, clock, before=step), subject, known, change))
        return won

    met = list(takewhile(lambda won: len(won) == 2, map(meeting, count(1))))
    assert len(met) > 3
    assert {tuple(sorted(won)) for won in met} == {(False, True)}


def test_what_one_request_commits_after_its_first_commit_builds_on_that(
    services: Services,
) -> None:
    world(services)
    known = services.entity_tags.current(EXPERIMENT)
    assert insisting(services, EXPERIMENT, known, edit_list)


def test_a_change_tells_the_tag_that_it_left_and_not_what_came_after(
    memory: Memory, clock: FixedClock
) -> None:
    one, other = process(memory, clock), process(memory, clock)
    world(one)
    with one.catalogue.one_view():
        assert one.entity_tags.written(FEATURE) is None
        renamed("first")(one)
        renamed("second")(other)
        assert one.entity_tags.written(FEATURE) != other.entity_tags.current(FEATURE)
        renamed("third")(one)
        assert one.entity_tags.written(FEATURE) == other.entity_tags.current(FEATURE)
        one.user_blocks.reset()
        assert one.entity_tags.written(FEATURE) == other.entity_tags.current(FEATURE)


@pytest.mark.parametrize("subject", [Subject(Kind.SEGMENT, "nowhere"), None])
def test_what_is_not_there_can_be_insisted_on_by_nobody_who_would_make_it(
    services: Services, subject: Subject | None
) -> None:
    with services.catalogue.one_view():
        services.entity_tags.insist(subject, lambda _: True, creates=False)
        with pytest.raises(PreconditionFailed) as refused:
            services.entity_tags.insist(subject, lambda _: True, creates=True)
    assert refused.value.current is None


def test_a_global_exclusion_has_a_tag_before_anything_is_stored_of_it(services: Services) -> None:
    subject = Subject(Kind.SEGMENT, global_id(CONTEXT))
    first = services.entity_tags.current(subject)
    assert first is not None
    assert services.entity_tags.current(subject) == first
    stored = replace(services.segments.get(global_id(CONTEXT)), groups=frozenset())
    services.segments.put(stored, [])
    assert services.entity_tags.current(subject) != first
    assert services.entity_tags.current(Subject(Kind.FLAG, global_id(CONTEXT))) is None
