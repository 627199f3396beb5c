"""Erasing and exporting users, on the fakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from chalicelib.domain.access.idempotency import RequestKey, StoredResponse
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.purge import DeadVariants, ErasedUser
from chalicelib.domain.errors import Invalid, LostRace, NotFound, Unavailable
from chalicelib.domain.experiments.enrollment_counts import EnrollmentCount
from chalicelib.domain.experiments.experiments import CompleteCondition, Unit
from chalicelib.domain.experiments.marks import Mark, MarkStatus
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Profile
from chalicelib.services import Services
from chalicelib.services.features.purge import BATCH
from chalicelib.services.outcomes.metrics import MetricDraft
from chalicelib.services.participants.preview_users import RequestedAssignment
from chalicelib.services.privacy import user_export
from chalicelib.services.privacy.erasure import WORK_TIME, ErasureReport, IsAlias
from chalicelib.services.privacy.user_export import ExportPart, UserData
from tests.fakes.audiences import FakeMemberStore
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import Step, once
from tests.unit.measure_samples import AREAS, asking, flag, part
from tests.unit.samples import add_user, draft, drafts, experiment, process, record
from tests.unit.upgrade_service_samples import (
    HERE,
    THERE,
    Killed,
    caller,
    counting,
    design,
    group_design,
    in_class,
    join,
    known,
    mark,
    mortal,
    segment,
)

USER = "u"
ALIAS = "alias"
WITHIN = DecisionPointKey("within", "")
GROUPED = DecisionPointKey("grouped", "")


@dataclass
class World:
    """A server on which a user has done everything, and another one `v` too."""

    memory: Memory
    clock: FixedClock
    services: Services

    def process(self, before: Step | None = None, after: Step | None = None) -> Services:
        return process(self.memory, self.clock, before=before, after=after)

    def named(self, user_id: str) -> list[object]:
        """All that is stored under an id."""
        memory = self.memory
        found: list[object] = [
            each
            for rows in (memory.users, memory.participants, memory.preview_users)
            for key, each in rows.items()
            if key == user_id
        ]
        found += [
            key
            for key in (*memory.log_records, *memory.others, *memory.answers)
            if key[0] == user_id
        ]
        found += [each for each in memory.events.values() if each.user_id == user_id]
        found += [key for key, marks in memory.repeats.items() if key[1] == user_id and marks]
        found += [key for key, users in memory.lists.items() if user_id in users]
        found += [each for each in memory.queue.values() if isinstance(each, ErasedUser)]
        return found

    def counters(self) -> tuple[object, ...]:
        """What is counted, without what is 0."""
        sums: Counter[tuple[object, ...]] = Counter()
        for each in self.memory.enrollment_counts:
            for name in ("users", "condition_users", "point_users"):
                sums[each.feature_id, each.condition_id, each.point_key, name] += getattr(
                    each, name
                )
        for excluded in self.memory.excluded:
            sums["excluded", excluded.feature_id] += excluded.users
        groups = Counter(
            {(key, n): c for key, g in self.memory.groups.items() for n, c in g.counts.items()}
        )
        memory = self.memory
        counters = (sums, groups, memory.exposed, memory.strata, memory.complete_groups)
        above_zero = ({key: n for key, n in each.items() if n} for each in counters)
        return (*above_zero, memory.counted())


@pytest.fixture
def empty() -> World:
    memory, clock = Memory(), FixedClock()
    services = process(memory, clock)
    made = services.features.create(draft("testlab"))
    services.features.replace_variants(made.id, drafts(made.id, None, None))
    services.user_blocks.catch_up()
    keys = ["time", AREAS.metric("time")]
    services.metrics.save([MetricDraft(k, MetricType.CONTINUOUS, None, ("home",)) for k in keys])
    services.segments.put(segment("s"), ["somebody"])
    services.experiments.create(asking(design(point_keys=(HERE, THERE)), *keys))
    services.experiments.create(
        replace(
            group_design("g", complete=CompleteCondition(2, 9)),
            points=tuple(replace(p, site=GROUPED.site, target="") for p in design().points),
        )
    )
    services.experiments.create(
        design("w", unit=Unit.WITHIN_SUBJECTS, point_keys=(WITHIN,), weights={"a": 50, "b": 50})
    )
    services.experiments.create(design("x", point_keys=(DecisionPointKey("excluding", ""),)))
    services.flags.create(flag())
    return World(memory, clock, services)


def fill(world: World, user_id: str, alias: str | None = None) -> None:
    """Let a user do everything."""
    services = world.services
    join(services, user_id, update=in_class("1a"))
    if alias is not None:
        services.participants.set_aliases(caller(services, user_id), [alias])
    for point_key in (HERE, THERE, GROUPED, DecisionPointKey("testlab", "")):
        mark(services, user_id, point_key)
    for code in ("a", "b", "a"):
        mark(services, user_id, WITHIN, code)
    mark(services, user_id, DecisionPointKey("excluding", ""), status=MarkStatus.NOT_APPLIED)
    services.logs.log(user_id, [part(time=1), part(key=AREAS, time=2)])
    services.evaluation.flags(services.evaluation.visitor(user_id), "home")
    variants = [variant.id for variant in services.catalogue.fresh().variants()]
    for each in (user_id, *([alias] if alias else [])):
        add_user(services, each, variants[0])
        record(services, each, variants[0], 2)
        record(services, each, variants[1])
    services.stratification.put({"pretest": {user_id: "high"}})
    members = [*services.segments.members(services.segments.get("s")), user_id]
    services.segments.put(segment("s"), [*members, *([alias] if alias else [])])
    services.preview_users.put(user_id, [RequestedAssignment("e", "id of a")])
    world.memory.others[user_id, "~key"] = {"answer": 1}


@pytest.fixture
def world(empty: World) -> World:
    fill(empty, "v")
    return empty


def test_everything_goes_and_the_counters_are_as_if_the_user_had_never_been(world: World) -> None:
    before = world.counters()
    fill(world, USER, ALIAS)
    key = RequestKey(USER, "digest", "fingerprint")
    world.services.idempotency.keep(key, StoredResponse(200, {}, "{}"))
    assert world.counters() != before
    report = world.services.erasure.erase(USER)
    assert world.named(USER) == world.named(ALIAS) == []
    assert world.counters() == before
    assert (report.user_id, report.aliases) == (USER, [ALIAS])
    assert [(each.user_id, each.segment.id) for each in report.lists] == [
        (ALIAS, "s"),
        (USER, "s"),
    ]
    assert (report.enrollments, report.exclusions) == (5, 1)
    assert (report.points, report.exposures, report.logs) == (6, 1, 2)
    assert (report.testlab, report.events, report.repeats) == (True, 6, 3)
    assert (report.preview, report.strata, report.answers) == (True, 1, 1)
    assert len(world.named("v")) > 9


def test_an_unknown_user_counts_as_erased(world: World) -> None:
    before = world.counters()
    report = world.services.erasure.erase(USER)
    assert report == ErasureReport(USER)
    assert world.counters() == before


@pytest.mark.parametrize("step", ["before", "after"])
def test_killed_anywhere_another_call_finishes(empty: World, step: str) -> None:
    """Each call is the last of some process; what it leaves counts as it is stored."""
    before = empty.counters()
    at, done = 0, False
    while not done:
        fill(empty, USER, ALIAS)
        try:
            mortal(empty.memory, empty.clock, at, step).erasure.erase(USER)
            done = True
        except Killed:
            empty.services.erasure.erase(USER)
        assert empty.named(USER) == empty.named(ALIAS) == []
        assert empty.counters() == before
        at += 1
    assert at > 40


def test_the_id_of_an_alias_is_refused_and_names_the_owner(world: World) -> None:
    fill(world, USER, ALIAS)
    with pytest.raises(IsAlias, match=USER):
        world.services.erasure.erase(ALIAS)
    with pytest.raises(IsAlias, match=USER):
        export(world.services, user_id=ALIAS)
    assert world.named(ALIAS)


def test_an_alias_of_nobody_is_erased_by_itself(world: World) -> None:
    fill(world, USER, ALIAS)
    del world.memory.participants[USER]
    world.services.erasure.erase(ALIAS)
    assert world.named(ALIAS) == []


def test_an_id_that_became_a_user_of_its_own_is_no_alias_any_more(world: World) -> None:
    fill(world, USER, ALIAS)
    renew: Callable[[], object] = lambda: world.memory.participants.update(  # noqa: E731
        {ALIAS: replace(world.memory.participants[ALIAS], profile=Profile(ALIAS))}
    )
    report = world.process(after=once("user_data.aliases", renew)).erasure.erase(USER)
    assert report.aliases == []
    assert world.named(ALIAS)
    assert world.named(USER) == []


def test_a_race_for_the_notes_of_aliases_is_run_again(world: World) -> None:
    fill(world, USER, ALIAS)
    lost = [LostRace("further ones were made")]

    def disown() -> None:
        world.memory.participants[ALIAS] = replace(
            world.memory.participants[ALIAS], profile=Profile(ALIAS)
        )

    def lose(call: str) -> None:
        if call == "user_data.drop_aliases" and lost:
            raise lost.pop()

    after = once("user_data.aliases", disown)
    world.process(before=lose, after=after).erasure.erase(USER)
    assert not lost
    assert world.named(USER) == []
    assert world.named(ALIAS)


def test_an_alias_is_none_as_soon_as_it_is_erased(world: World) -> None:
    """Else a call that goes on would take a stranger, who has the id by then, for the alias."""
    fill(world, USER, ALIAS)

    def wait() -> None:
        world.clock.advance(WORK_TIME + timedelta(seconds=1))

    with pytest.raises(Unavailable):
        world.process(after=once("user_data.finish", wait)).erasure.erase(USER)
    assert world.named(ALIAS) == []
    variant = next(iter(world.services.catalogue.fresh().variants()))
    add_user(world.services, ALIAS, variant.id)
    assert world.services.erasure.erase(USER).aliases == []
    assert world.memory.users[ALIAS].variant_id == variant.id


def test_an_alias_that_is_made_meanwhile_goes_too(world: World) -> None:
    fill(world, USER, ALIAS)
    services = world.services
    owner = caller(services, USER)

    def another() -> None:
        services.participants.set_aliases(owner, ["late"])

    report = world.process(before=once("user_data.drop_aliases", another)).erasure.erase(USER)
    assert report.aliases == [ALIAS, "late"]
    assert world.named("late") == []


@pytest.mark.parametrize(
    "call",
    ["user_data.end", "user_data.drop_records", "user_data.finish", "user_data.drop_log_records"],
)
def test_what_a_client_does_meanwhile_goes_too_or_is_a_new_user_s(world: World, call: str) -> None:
    before = world.counters()
    fill(world, USER)

    def act() -> None:
        services = world.services
        services.preview_users.remove(USER)
        services.marking.mark(known(services, USER), Mark(WITHIN, "b"))
        services.logs.log(USER, [part(minute=1, time=9), part(key=AREAS, minute=1, time=9)])

    world.process(before=once(call, act)).erasure.erase(USER)
    world.services.erasure.erase(USER)
    assert world.named(USER) == []
    assert world.counters() == before


@pytest.mark.parametrize("user_id", [USER, ALIAS])
def test_what_a_request_stores_that_had_read_the_user_before_goes_too(
    world: World, user_id: str
) -> None:
    before = world.counters()
    fill(world, USER, ALIAS)
    finished: list[str] = []

    def store(call: str) -> None:
        if call != "user_data.finish":
            return
        finished.append(call)
        if len(finished) == (1 if user_id == ALIAS else 2):
            world.services.logs.log(user_id, [part(time=1)])
            world.memory.others[user_id, "~late"] = {"answer": 2}

    report = world.process(after=store).erasure.erase(USER)
    assert world.named(USER) == world.named(ALIAS) == []
    assert world.counters() == before
    assert (len(finished), report.logs, report.aliases) == (3, 3, [ALIAS])


def test_a_list_that_is_saved_before_the_end_names_the_user_no_more(world: World) -> None:
    fill(world, USER)
    saved = once(
        "user_data.drop_listings", lambda: world.services.segments.put(segment("t"), [USER])
    )
    report = world.process(after=saved).erasure.erase(USER)
    assert world.named(USER) == []
    assert [each.segment.id for each in report.lists] == ["s", "t"]


def test_who_never_stops_is_not_called_erased(world: World) -> None:
    fill(world, USER)

    def store(call: str) -> None:
        if call == "user_data.remains":
            world.clock.advance(WORK_TIME / 3)
            world.services.logs.log(USER, [part(time=1)])

    with pytest.raises(Unavailable, match="again"):
        world.process(before=store).erasure.erase(USER)
    world.services.erasure.erase(USER)
    assert world.named(USER) == []


def test_an_alias_that_is_made_again_goes_again_and_is_told_once(world: World) -> None:
    fill(world, USER, ALIAS)
    owner = caller(world.services, USER)
    again = once(
        "user_data.finish", lambda: world.services.participants.set_aliases(owner, [ALIAS])
    )
    report = world.process(after=again).erasure.erase(USER)
    assert world.named(ALIAS) == world.named(USER) == []
    assert report.aliases == [ALIAS]


def test_who_takes_the_id_of_an_alias_that_was_erased_stays(world: World) -> None:
    fill(world, USER, ALIAS)
    variant = next(iter(world.services.catalogue.fresh().variants()))
    come = once("user_data.finish", lambda: add_user(world.services, ALIAS, variant.id))
    world.process(after=come).erasure.erase(USER)
    assert world.named(USER) == []
    assert world.memory.users[ALIAS].variant_id == variant.id


def test_who_comes_back_before_the_last_look_is_erased_again(world: World) -> None:
    before = world.counters()
    fill(world, USER)
    back = once("user_data.finish", lambda: fill(world, USER))
    world.process(after=back).erasure.erase(USER)
    assert world.named(USER) == []
    assert world.counters() == before


def test_who_comes_back_after_it_is_a_new_user(world: World) -> None:
    fill(world, USER)
    back = once("user_data.remains", lambda: join(world.services, USER))
    world.process(after=back).erasure.erase(USER)
    assert known(world.services, USER).revision == 1
    assert known(world.services, USER).enrollments == {}


def test_others_who_are_always_faster_end_the_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, USER)

    def give_up(_: str) -> object:
        yield 0
        raise Unavailable("too many writers at once")

    monkeypatch.setattr("chalicelib.services.privacy.erasure.retries", give_up)

    def lose(call: str) -> None:
        if call == "user_data.finish":
            raise LostRace("somebody was faster")

    with pytest.raises(Unavailable):
        world.process(before=lose).erasure.erase(USER)


def test_races_that_were_lost_in_a_row_are_run_again(world: World) -> None:
    fill(world, USER)
    calls: Counter[str] = Counter()

    def lose(call: str) -> None:
        calls[call] += 1
        # The first step, before anything was got on with.
        if call == "participants.read" and calls[call] <= 3:
            raise LostRace("somebody was faster")

    world.process(before=lose).erasure.erase(USER)
    assert world.named(USER) == []


def test_a_call_that_would_take_too_long_says_so_and_another_goes_on(world: World) -> None:
    before = world.counters()
    fill(world, USER)

    def wait() -> None:
        world.clock.advance(WORK_TIME + timedelta(seconds=1))

    with pytest.raises(Unavailable, match="again"):
        world.process(after=once("user_data.end", wait)).erasure.erase(USER)
    assert world.named(USER)
    world.services.erasure.erase(USER)
    assert world.counters() == before


def test_a_variant_that_is_gone_has_no_totals_to_take_from(world: World) -> None:
    fill(world, USER)
    feature = world.services.catalogue.fresh().named("testlab")
    assert feature is not None
    world.services.features.delete(feature.id)
    world.services.erasure.erase(USER)
    assert not any(figures.total_users < 0 for figures in world.memory.counted().values())
    assert world.named(USER) == []


@pytest.mark.parametrize("step", ["before", "after"])
def test_whatever_a_killed_purge_left_of_a_user_s_events_goes_with_the_user(
    empty: World, step: str
) -> None:
    services, other = empty.services, add_elsewhere(empty)
    at, done = 0, False
    while not done:
        feature_id, (dead, _) = experiment(services, f"doomed {at}")
        add_user(services, USER, other)
        record(services, USER, dead, BATCH + 3)
        record(services, USER, other, 2)
        try:
            mortal(empty.memory, empty.clock, at, step).features.delete(feature_id)
            done = True
        except Killed:
            pass
        services.erasure.erase(USER)
        assert empty.named(USER) == []
        at += 1
    assert at > 10


def add_elsewhere(world: World) -> int:
    """A variant that stays."""
    _, (variant_id, _) = experiment(world.services, "kept")
    return variant_id


def test_an_erasure_asks_for_the_user_s_own_rows_however_much_others_deleted(
    empty: World,
) -> None:
    calls: Counter[str] = Counter()
    made: list[int] = []
    for deleted in (0, 120):
        for number in range(deleted):
            died = number + 1000
            empty.memory.enqueue(DeadVariants(number, (died, died + 500), START, START))
        fill(empty, USER, ALIAS)
        calls.clear()
        empty.process(after=counting(calls)).erasure.erase(USER)
        made.append(calls.total())
        assert empty.named(USER) == []
    assert made[0] == made[1]


def test_marks_go_though_their_enrollment_ended_without_them(world: World) -> None:
    """As when the experiment was within subjects only at first, and then the group changed."""
    fill(world, USER)
    row = world.memory.participants[USER]
    within = {key[0] for key in world.memory.repeats}
    left = {
        feature_id: own for feature_id, own in row.enrollments.items() if feature_id not in within
    }
    assert len(left) == len(row.enrollments) - 1
    world.memory.participants[USER] = replace(row, enrollments=left)
    world.services.erasure.erase(USER)
    assert world.named(USER) == []


def test_very_many_marks_are_dropped_by_calls_that_each_go_on(world: World) -> None:
    fill(world, USER)
    ((key, marks),) = [(k, m) for k, m in world.memory.repeats.items() if k[1] == USER]
    world.memory.repeats[key] = [
        *marks,
        *(replace(marks[0], at=START + timedelta(seconds=n)) for n in range(1, 1000)),
    ]

    def tick(call: str) -> None:
        if call == "user_data.drop_repeats":
            world.clock.advance(WORK_TIME)

    for left in (*range(912, 0, -90), 2):
        with pytest.raises(Unavailable):
            world.process(after=tick).erasure.erase(USER)
        assert len(world.memory.repeats[key]) == left
    world.services.erasure.erase(USER)
    assert world.named(USER) == []


def test_an_enrollment_in_test_lab_that_counted_as_a_user_counts_no_more(world: World) -> None:
    services = world.services
    join(services, USER)
    before = world.memory.counted()
    mark(services, USER, DecisionPointKey("testlab", ""))
    assert world.memory.counted() != before
    services.erasure.erase(USER)
    assert world.memory.counted() == before


def test_an_enrollment_in_a_variant_that_was_replaced_is_taken_off_no_total(world: World) -> None:
    services = world.services
    join(services, USER)
    mark(services, USER, DecisionPointKey("testlab", ""))
    feature = services.catalogue.fresh().named("testlab")
    assert feature is not None
    services.features.replace_variants(feature.id, drafts(feature.id, None, None))
    before = world.memory.counted()
    services.erasure.erase(USER)
    assert world.named(USER) == []
    assert all(figures.total_users >= 0 for figures in world.memory.counted().values())
    assert world.memory.counted() == before


def test_an_empty_id_is_refused(world: World) -> None:
    with pytest.raises(Invalid):
        world.services.erasure.erase("")
    with pytest.raises(Invalid):
        export(world.services, user_id="")


def export(
    services: Services, after: user_export.ExportPosition | None = None, user_id: str = USER
) -> ExportPart:
    """A part of an export; all records but those of lists that grow count as one."""

    def size(data: UserData, _: Catalogue) -> int:
        lists = data.events, data.repeats, data.log_records, data.answers
        return (data.records is not None) + sum(map(len, lists))

    return services.user_export.export(user_id, after, size)


def told(data: UserData) -> user_export.UserRecords:
    assert data.records is not None
    return data.records


class TestExport:
    def test_all_is_there(self, world: World) -> None:
        fill(world, USER, ALIAS)
        part = export(world.services)
        data, records = part.user, told(part.user)
        assert part.next is None
        assert records.participant == world.services.participants.find(USER).user  # type: ignore[union-attr]
        assert records.user is not None
        assert (records.user.id, len(data.events)) == (USER, 3)
        assert [repeat.point_key for repeat in data.repeats] == [WITHIN] * 3
        assert records.preview is not None
        assert [each.segment.id for each in records.lists] == ["s"]
        assert records.old_lists == []
        assert {log_record.key for log_record in data.log_records} == {
            AREAS,
            replace(AREAS, group=None, uniquifier="1"),
        }
        assert [other.key for other in records.others] == ["~key"]
        assert [alias.id for alias in part.aliases] == [ALIAS]
        assert len(part.aliases[0].events) == 3

    def test_a_note_of_a_list_that_counts_no_more_is_told_too(self, world: World) -> None:
        FakeMemberStore(world.memory).note("old", 1, [USER])
        records = told(export(world.services).user)
        assert (records.lists, records.old_lists) == ((), ["old"])

    def test_an_id_that_became_a_user_of_its_own_is_no_alias(self, world: World) -> None:
        fill(world, USER, ALIAS)
        row = world.memory.participants[ALIAS]
        renew: Callable[[], object] = lambda: world.memory.participants.update(  # noqa: E731
            {ALIAS: replace(row, profile=Profile(ALIAS))}
        )
        services = world.process(after=once("user_data.aliases", renew))
        assert export(services).aliases == []

    def test_what_nobody_stored_is_not_found(self, world: World) -> None:
        with pytest.raises(NotFound):
            export(world.services)

    @pytest.mark.parametrize("room", [1, 3, 8, 100])
    def test_parts_together_are_the_whole(
        self, world: World, monkeypatch: pytest.MonkeyPatch, room: int
    ) -> None:
        fill(world, USER, ALIAS)
        world.services.participants.set_aliases(caller(world.services, USER), ["a first one"])
        whole = export(world.services)
        for name, value in {"PAGE_BYTES": room, "AT_ONCE": 1, "LARGE_AT_ONCE": 1}.items():
            monkeypatch.setattr(user_export, name, value)
        part = export(world.services)
        found, count = {USER: part.user, **{each.id: each for each in part.aliases}}, 1
        while part.next is not None:
            part = export(world.services, part.next)
            count += 1
            for each in (part.user, *part.aliases):
                found[each.id] = found[each.id].joined(each) if each.id in found else each
        assert (count == 1) == (room == 100)
        assert found == {USER: whole.user, **{each.id: each for each in whole.aliases}}

    def test_long_answers_are_told_some_at_a_time(self, world: World) -> None:
        join(world.services, USER)
        longest = user_export.ANSWERS_LENGTH
        for number, length in enumerate((longest + 1, 1, longest - 1, 2)):
            key = RequestKey(USER, f"{number:064x}", "of the body")
            world.services.idempotency.keep(key, StoredResponse(200, {}, "x" * length))
        told_at_once = []

        def size(data: UserData, _: Catalogue) -> int:
            told_at_once.extend([len(data.answers)] if data.answers else [])
            return 1

        world.services.user_export.export(USER, None, size)
        assert told_at_once == [1, 2, 1]

    def test_a_part_ends_when_the_time_is_up(self, world: World) -> None:
        fill(world, USER, ALIAS)

        def slow(*_: object) -> int:
            world.clock.advance(user_export.WORK_TIME)
            return 1

        part = world.services.user_export.export(USER, None, slow)
        assert (part.user.events, part.aliases) == ((), [])
        assert part.next == user_export.ExportPosition(USER, user_export.Section.EVENTS)

    def test_who_is_gone_before_the_last_part_has_nothing_more(self, world: World) -> None:
        assert export(world.services, user_export.ExportPosition(USER)).next is None
        assert export(world.services, user_export.ExportPosition("v")).user.records is None

    @pytest.mark.parametrize(
        ("section", "after"), [("EVENTS", "x"), ("ANSWERS", "g"), ("LOG_RECORDS", "é" * 513)]
    )
    def test_no_part_begins_behind_what_is_no_key(self, section: str, after: str) -> None:
        with pytest.raises(Invalid):
            user_export.ExportPosition(USER, user_export.Section[section], 0, after)


def test_the_oldest_enrollment_is_the_user(empty: World) -> None:
    join(empty.services, USER)
    mark(empty.services, USER, HERE)
    empty.clock.advance(timedelta(minutes=1))
    mark(empty.services, USER, THERE)
    empty.services.erasure.erase(USER)
    newest, oldest = empty.memory.enrollment_counts[-2:]
    assert (newest.users, newest.point_key, newest.at) == (0, THERE, START + timedelta(minutes=1))
    assert (oldest.users, oldest.point_key, oldest.at) == (-1, HERE, START)
    assert isinstance(oldest, EnrollmentCount)
