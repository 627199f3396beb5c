from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.lists import LISTS, listed
from chalicelib.domain.errors import Conflict, Invalid, LostRace, NotFound, Unavailable
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.experiments.lifecycle import weight_sum
from chalicelib.domain.experiments.metrics import MetricType
from chalicelib.domain.features.result_plans import MetricRole, PlannedMetric, ResultPlan
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.services import Services
from chalicelib.services.audiences.segments import IdTaken, NameTaken, global_id
from chalicelib.services.catalogue.imports import ExperimentDraft, ListDraft
from chalicelib.services.flags.flags import FlagKeyTaken
from chalicelib.services.outcomes.metrics import MetricDraft
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import once
from tests.unit.samples import process
from tests.unit.upgrade_service_samples import (
    CONTEXT,
    Killed,
    at_once,
    design,
    dying,
    join,
    lists,
    mortal,
    purge_later,
    segment,
)

PARALLEL = 6
POINTS = 60


def private(segment_id: str = "s") -> Segment:
    return segment(segment_id, kind=SegmentType.PRIVATE)


def listing(segment_id: str = "s", *users: str) -> ListDraft:
    return ListDraft(private(segment_id), users)


def flag(flag_id: str = "f", key: str = "key") -> Flag:
    return Flag(
        id=flag_id,
        feature_id=0,
        name="flag",
        key=key,
        description=None,
        status=FlagStatus.DISABLED,
        context=CONTEXT,
        tags=(),
        filter_mode=FilterMode.INCLUDE_ALL,
        include=(),
        exclude=(),
        created_at=START,
        updated_at=START,
        version=1,
    )


def named(services: Services, segment_id: str, users: Iterable[str] = "uvw") -> str:
    """Those of some users whom a segment names."""
    return "".join(user_id for user_id in users if lists(services, segment_id, user_id))


@pytest.fixture
def services(memory: Memory, clock: FixedClock) -> Services:
    services = process(memory, clock)
    join(services, *"uvw")
    return services


# Experiments


def test_an_experiment_comes_with_its_lists(services: Services, memory: Memory) -> None:
    made = services.imports.experiment(
        design(), [listing("s", "u"), listing("t")], [listing("x", "v", "w")]
    )
    assert services.experiments.get("e") == made
    assert [entry.segment_id for entry in made.include] == ["s", "t"]
    assert [entry.segment_id for entry in made.exclude] == ["x"]
    assert [named(services, each) for each in "stx"] == ["u", "", "vw"]
    assert {each.type for each in memory.segments.values()} == {SegmentType.PRIVATE}


def test_an_import_whose_lists_are_refused_stores_no_metrics(
    services: Services, memory: Memory
) -> None:
    metrics = [MetricDraft("time", MetricType.CONTINUOUS, None, ("home",))]
    elsewhere = listing("t")
    elsewhere = replace(elsewhere, segment=replace(elsewhere.segment, context="nowhere"))
    before = services.catalogue.fresh()
    with pytest.raises(Invalid):
        services.imports.experiment(design(), [elsewhere], [], metrics)
    assert (memory.metrics, memory.revision) == ({}, before.revision)
    services.imports.experiment(design(), [listing("t")], [], metrics)
    assert list(memory.metrics) == ["time"]


LACKING = {
    "weights": design(weights={"a": 25, "b": 25}),
    "weights of one to come": replace(
        design(weights={"a": 25, "b": 25}, state=State.SCHEDULED), start_on="2026-02-01T00:00:00Z"
    ),
    "a date": design(state=State.SCHEDULED),
}
CREATING: dict[str, Callable[[Services, Experiment, bool], object]] = {
    "create": lambda s, made, runs: s.experiments.create(made, runs=runs),
    "import one": lambda s, made, runs: s.imports.experiment(
        made, [listing("l")], [], [MetricDraft("m", MetricType.CONTINUOUS, None, ())], runs=runs
    ),
    "import some": lambda s, made, runs: s.imports.experiments(
        [ExperimentDraft(design("fine")), ExperimentDraft(made, [listing("l")])], runs=runs
    ),
}


@pytest.mark.parametrize("runs", [False, True], ids=["new", "elsewhere"])
@pytest.mark.parametrize("lacking", LACKING)
@pytest.mark.parametrize("way", CREATING)
def test_no_way_of_creating_an_experiment_skips_what_its_state_needs(
    services: Services, memory: Memory, way: str, lacking: str, runs: bool
) -> None:
    before = memory.revision, dict(memory.sequences)
    if runs and lacking == "weights":
        CREATING[way](services, LACKING[lacking], runs)
        assert weight_sum(services.experiments.get("e")) == 50
        return
    with pytest.raises(Invalid, match="startOn" if lacking == "a date" else "sum to 50"):
        CREATING[way](services, LACKING[lacking], runs)
    assert (memory.revision, memory.sequences) == before


def test_an_experiment_that_is_there_is_refused_with_nothing_changed(
    services: Services, memory: Memory
) -> None:
    services.imports.experiment(design(), [listing("s", "u")], [])
    before = memory.revision, dict(memory.sequences)
    with pytest.raises(Conflict, match="experiment e exists already"):
        services.imports.experiment(design(), [listing("s", "v")], [listing("t")])
    assert (memory.revision, memory.sequences) == before
    assert named(services, "s") == "u"


def test_a_list_whose_id_is_taken_gets_another(services: Services) -> None:
    first = services.imports.experiment(design("one"), [listing("s", "u")], [])
    services.segments.put(segment("public"), ["u"])
    second = services.imports.experiment(
        design("two"), [listing("s", "v"), listing("public", "w")], []
    )
    assert first.include[0].segment_id == "s"
    ids = [entry.segment_id for entry in second.include]
    assert not {"s", "public"} & set(ids)
    assert [named(services, each) for each in ("s", "public", *ids)] == ["u", "u", "v", "w"]


def test_one_id_for_two_lists_makes_two_lists(services: Services) -> None:
    made = services.imports.experiment(design(), [listing("s", "u")], [listing("s", "v")])
    (included,), (excluded,) = made.include, made.exclude
    assert included.segment_id == "s" != excluded.segment_id
    assert (named(services, "s"), named(services, excluded.segment_id)) == ("u", "v")


def test_a_list_cannot_take_the_place_of_a_global_exclusion(services: Services) -> None:
    taken = global_id(CONTEXT)
    made = services.imports.experiment(design(), [listing(taken, "u")], [])
    assert made.include[0].segment_id != taken
    with pytest.raises(IdTaken):
        services.segments.put_new(private(taken), [])


def test_too_many_lists_are_refused_before_any_is_stored(
    services: Services, memory: Memory
) -> None:
    many = [listing(f"s{number}") for number in range(LISTS)]
    before = memory.revision
    with pytest.raises(Invalid, match="at most 40 lists"):
        services.imports.experiment(design(), many, [listing("x")])
    assert memory.revision == before
    services.imports.experiment(design(), many, [])
    with pytest.raises(Invalid, match="at most 40 lists"):
        services.imports.into_experiment("e", exclude=True).store([listing("x")])
    with pytest.raises(Invalid, match="at most 40 lists"):
        services.imports.flag(flag(), many, [listing("x")])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_import_killed_at_any_call_can_be_repeated(moment: str, clock: FixedClock) -> None:
    def run(services: Services) -> Experiment:
        return services.imports.experiment(design(), [listing("s", "u", "v")], [listing("x", "w")])

    for call in range(POINTS):
        memory = Memory()
        services = process(memory, clock)
        join(services, *"uvw")
        step = dying(call)
        doomed = process(
            memory,
            clock,
            before=step if moment == "before" else None,
            after=step if moment == "after" else None,
        )
        try:
            run(doomed)
        except Killed:
            try:
                made = run(services)
            except Conflict:
                made = services.experiments.get("e")
            assert listed(made) == set(memory.segments) == {"s", "x"}
            assert (named(services, "s"), named(services, "x")) == ("uv", "w")
        else:
            break
    assert 10 < call < POINTS - 1


def test_of_the_same_import_many_times_at_once_one_is_granted(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    def run(services: Services) -> bool:
        try:
            services.imports.experiment(design(), [listing("s", "u")], [listing("x", "v")])
        except Conflict:
            return False
        except Unavailable:
            return False
        return True

    processes = [process(memory, clock) for _ in range(PARALLEL)]
    granted = at_once(*(partial(run, each) for each in processes))
    assert granted.count(True) == 1
    assert listed(services.experiments.get("e")) == set(memory.segments)
    assert sorted(named(services, each) for each in memory.segments) == ["u", "v"]


def test_what_a_rival_made_of_a_list_meanwhile_is_not_listed(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    """Another import takes the list's id between its storing and that of the experiment."""

    def interfere() -> None:
        services.imports.experiment(design("rival"), [listing("s", "v")], [])

    slow = process(memory, clock, before=once("catalogue.new_feature_id", interfere))
    clock.advance(timedelta(seconds=1))
    made = slow.imports.experiment(design(), [listing("s", "u")], [])
    (entry,) = made.include
    assert entry.segment_id != "s"
    assert named(services, entry.segment_id) == "u"
    assert listed(services.experiments.get("rival")) == {"s"}
    assert named(services, "s") == "v"


def test_an_experiment_that_is_refused_in_the_end_leaves_no_lists(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("catalogue.new_feature_id", lambda: services.experiments.create(design()))
    slow = process(memory, clock, before=rival)
    with pytest.raises(Conflict):
        slow.imports.experiment(design(), [listing("s", "u")], [listing("x", "v")])
    assert memory.segments == {}
    purge_later(memory)
    assert memory.lists == {}


def test_lists_are_added_to_an_experiment_all_or_none(services: Services, memory: Memory) -> None:
    services.experiments.create(design())
    made = services.imports.into_experiment("e", exclude=True).store(
        [listing("s", "u"), listing("t", "v")]
    )
    assert made.exclude == (ListEntry("s"), ListEntry("t"))
    assert services.experiments.get("e") == made
    before = memory.revision
    with pytest.raises(NotFound, match="Experiment not found!"):
        services.imports.into_experiment("unknown", exclude=True).store([listing("y")])
    assert memory.revision == before


def drafts(*ids: str) -> list[ExperimentDraft]:
    return [ExperimentDraft(design(each), [listing(f"list of {each}", "u")]) for each in ids]


class TestSeveral:
    def test_all_are_stored_or_none(self, services: Services, memory: Memory) -> None:
        with pytest.raises(Conflict, match="e exists already"):
            services.imports.experiments(drafts("e", "f", "e"))
        assert not services.experiments.all()
        assert not memory.segments
        assert services.imports.experiments([]) == []
        made = services.imports.experiments(drafts("e", "f"))
        assert services.experiments.all() == made
        assert [(each.id, each.include) for each in made] == [
            (each, (ListEntry(f"list of {each}"),)) for each in "ef"
        ]
        variant_ids = [condition.variant_id for each in made for condition in each.conditions]
        assert len(set(variant_ids)) == len(variant_ids) == 4

    def test_more_than_one_commit_takes_are_refused_before_anything_is_stored(
        self, services: Services, memory: Memory
    ) -> None:
        few = [f"e{number}" for number in range(30)]
        with pytest.raises(Invalid, match="31 experiments are too many"):
            services.imports.experiments(drafts(*few, "one more"))
        long = [
            replace(each, design=replace(each.design, description="x" * 400_000))
            for each in drafts(*few[:4])
        ]
        with pytest.raises(Invalid, match="at most 90 with their conditions, and 2000000 bytes"):
            services.imports.experiments(long)
        assert not memory.segments
        assert len(services.imports.experiments(drafts(*few))) == 30

    @pytest.mark.parametrize("step", ["before", "after"])
    def test_wherever_it_dies_all_are_there_or_none_and_no_list_without_them(
        self, memory: Memory, clock: FixedClock, step: str
    ) -> None:
        at = 0
        while True:
            services = process(memory, clock)
            dying_one = mortal(memory, clock, at, step)
            with suppress(Killed):
                dying_one.imports.experiments(drafts("e", "f", "g"))
                break
            there = [each.id for each in services.experiments.all()]
            assert there in ([], ["e", "f", "g"])
            if there:
                for each in there:
                    services.experiments.delete(each)
            purge_later(memory)
            assert not memory.segments, f"killed {step} call {at}"
            at += 1
        assert at > 3


# Flags


def test_a_flag_comes_with_its_lists(services: Services) -> None:
    off = replace(listing("x", "v"), enabled=False, list_type="Individual")
    made = services.imports.flag(flag(), [listing("s", "u")], [off])
    assert services.flags.get("f") == made
    assert made.include == (ListEntry("s"),)
    assert made.exclude == (ListEntry("x", enabled=False, list_type="Individual"),)
    assert (named(services, "s"), named(services, "x")) == ("u", "v")


def test_a_flag_whose_key_is_taken_is_refused_and_one_whose_id_is_gets_another(
    services: Services, memory: Memory
) -> None:
    services.imports.flag(flag(), [], [])
    before = memory.revision
    with pytest.raises(FlagKeyTaken):
        services.imports.flag(flag("g"), [listing("s", "u")], [])
    assert memory.revision == before
    made = services.imports.flag(flag("f", "another key"), [], [])
    assert made.id != "f"
    assert {each.id for each in services.flags.all()} == {"f", made.id}


def test_a_flag_is_stored_anew_if_its_lists_changed_meanwhile(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    rival = once("catalogue.new_feature_id", lambda: services.segments.put(private(), ["v"]))
    made = process(memory, clock, before=rival).imports.flag(flag(), [listing("s", "u")], [])
    (entry,) = made.include
    assert named(services, entry.segment_id) == "u"
    assert set(memory.flags) == {"f"}


def test_lists_are_added_to_a_flag(services: Services, memory: Memory) -> None:
    services.imports.flag(flag(), [], [])
    off = replace(listing("s", "u"), enabled=False)
    made = services.imports.into_flag("f", exclude=False).store([off])
    assert made.include == (ListEntry("s", enabled=False),)
    before = memory.revision
    with pytest.raises(NotFound, match="Feature Flag not found"):
        services.imports.into_flag("unknown", exclude=True).store([listing("t")])
    assert memory.revision == before


# Segments


def test_a_segment_comes_with_its_lists_in_their_places(services: Services) -> None:
    services.segments.put(segment("other"), ["w"])
    draft = segment("parent", sub_segments=["s", "other", "t"])
    made = services.imports.segment(draft, ["u"], [listing("s", "v"), listing("t")])
    assert made.sub_segments == ("s", "other", "t")
    assert services.segments.get("parent") == made
    assert named(services, "parent") == "uvw"


def test_a_segment_and_lists_whose_ids_are_taken_get_others(services: Services) -> None:
    services.imports.segment(segment("parent", sub_segments=["s"]), ["u"], [listing("s", "v")])
    copy = segment("parent", name="copy", sub_segments=["s"])
    made = services.imports.segment(copy, ["w"], [listing("s", "w")])
    (sub,) = made.sub_segments
    assert not {made.id, sub} & {"parent", "s"}
    assert (named(services, "parent"), named(services, made.id)) == ("uv", "w")


def test_a_segment_whose_name_is_taken_leaves_no_lists(services: Services, memory: Memory) -> None:
    services.segments.put(segment("one", name="taken"), [])
    with pytest.raises(NameTaken):
        services.imports.segment(
            segment("two", name="taken", sub_segments=["s"]), ["u"], [listing("s", "v")]
        )
    assert set(memory.segments) == {"one"}


def test_a_segment_is_stored_anew_if_its_lists_changed_meanwhile(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    commits = []

    def interfere(call: str) -> None:
        if call == "catalogue.commit":
            commits.append(call)
            if len(commits) == 2:
                services.segments.put(private(), ["w"])

    slow = process(memory, clock, before=interfere)
    made = slow.imports.segment(segment("parent", sub_segments=["s"]), ["u"], [listing("s", "v")])
    assert named(services, made.id) == "uv"


def test_the_parts_of_a_new_segment_must_be_what_they_were(services: Services) -> None:
    with pytest.raises(LostRace):
        services.segments.put_new(segment(), [], [private("gone")])


def test_lists_become_part_of_a_segment(
    services: Services, memory: Memory, clock: FixedClock
) -> None:
    services.segments.put(segment("parent", sub_segments=["other"]), ["u"])
    clock.advance(timedelta(hours=1))
    made = services.imports.into_segment("parent").store([listing("s", "v")])
    assert made.sub_segments == ("other", "s")
    assert made.updated_at == clock.now
    assert named(services, "parent") == "uv"
    before = memory.revision
    with pytest.raises(NotFound):
        services.imports.into_segment("unknown").store([listing("t")])
    assert memory.revision == before
    with pytest.raises(Invalid, match="has no lists of its own"):
        services.imports.into_segment("s").store([listing("t", "w")])
    assert set(memory.segments) == {"parent", "s"}


def test_a_global_exclusion_that_nobody_stored_can_have_lists(services: Services) -> None:
    parent = global_id(CONTEXT)
    services.imports.into_segment(parent).store([listing("s", "v")])
    assert services.segments.get(parent).type is SegmentType.GLOBAL_EXCLUDE
    assert named(services, parent) == "v"


# Segments that were stored for something that is not to be


def test_what_is_discarded_is_gone_unless_it_is_used_or_replaced(
    services: Services, memory: Memory
) -> None:
    changes: list[Callable[[], object]] = [
        lambda: services.segments.put(private("replaced"), ["v"]),
        lambda: services.segments.put(segment("parent", sub_segments=["used"]), []),
        lambda: None,
    ]
    for segment_id, change in zip(("replaced", "used", "unused"), changes, strict=True):
        stored = services.segments.put_new(private(segment_id), ["u"])
        change()
        services.segment_deletion.discard(stored)
    assert set(memory.segments) == {"replaced", "used", "parent"}
    purge_later(memory)
    assert "unused" not in memory.participants["u"].members


def test_an_experiment_is_created_with_its_plan(services: Services) -> None:
    query = {
        "id": "q",
        "name": "Time",
        "query": {"operationType": "avg"},
        "metric": {"key": "time"},
        "repeatedMeasure": "MEAN",
    }
    asking = replace(design(state=State.ENROLLING), queries=(query,))
    plan = ResultPlan((PlannedMetric("q", role=MetricRole.PRIMARY),), Decimal(2))
    drafts = [ExperimentDraft(asking, plan=plan), ExperimentDraft(design("other"))]
    services.imports.experiments(drafts)
    planned, other = services.catalogue.fresh().features
    assert planned.plan == plan
    assert planned.run is not None
    assert planned.run.plan.smallest_effect == Decimal(2)
    assert other.plan is None


def test_an_experiment_whose_plan_makes_no_sense_is_not_created(
    services: Services, memory: Memory
) -> None:
    plan = ResultPlan(smallest_effect=Decimal(-2))
    draft = ExperimentDraft(design(), [listing("s", "ann")], plan=plan)
    with pytest.raises(Invalid, match="smallest_effect"):
        services.imports.experiments([draft])
    assert not memory.features
    assert not memory.segments
