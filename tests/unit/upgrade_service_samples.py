"""Experiments, segments and users of UpGrade, and what clients do with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Barrier
from typing import TypeVar

from chalicelib.domain.audiences.filters import FilterMode, ListEntry
from chalicelib.domain.audiences.segments import Segment, SegmentType, resolve
from chalicelib.domain.experiments.assignment import Assignment
from chalicelib.domain.experiments.experiments import (
    Algorithm,
    CompleteCondition,
    Condition,
    ConditionOrder,
    ConsistencyRule,
    DecisionPoint,
    DesignType,
    Experiment,
    PostRule,
    State,
    Unit,
)
from chalicelib.domain.experiments.marks import Mark, MarkStatus, Outcome
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import GroupKey, GroupRecord, Participant
from chalicelib.services import Services
from chalicelib.services.experiments.experiment_lists import ExperimentLists
from chalicelib.services.participants.participants import Caller, GroupUpdate
from tests.fakes.memory import START, FixedClock, Memory
from tests.fakes.stores import Step
from tests.unit.samples import process

R = TypeVar("R")

CONTEXT = "home"
HERE = DecisionPointKey("lesson", "hint")
THERE = DecisionPointKey("lesson", "quiz")


class Killed(BaseException):
    """The process ends here."""


def lists_of(services: Services) -> ExperimentLists:
    """The lists of experiments, for tests that have no use for what their segments hold."""
    return ExperimentLists(services.catalogue, services.experiments)


def condition(code: str, weight: float = 50.0, *, variant_id: int = 0, order: int = 1) -> Condition:
    return Condition(f"id of {code}", variant_id, code, weight, order)


def point(
    point_key: DecisionPointKey = HERE, *, exclude_if_reached: bool = False, order: int = 1
) -> DecisionPoint:
    return DecisionPoint(
        f"point {order}", point_key.site, point_key.target, "", order, exclude_if_reached
    )


def design(
    experiment_id: str = "e",
    *,
    state: State = State.ENROLLING,
    unit: Unit = Unit.INDIVIDUAL,
    rule: ConsistencyRule | None = ConsistencyRule.INDIVIDUAL,
    weights: Mapping[str, float] | None = None,
    point_keys: Sequence[DecisionPointKey] = (HERE,),
    complete: CompleteCondition | None = None,
    algorithm: Algorithm = Algorithm.RANDOM,
    stratification_factor: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Experiment:
    """An experiment in context `home`, on the group type `class` if its unit is the group."""
    codes = weights or {"a": 50.0, "b": 50.0}
    within = unit is Unit.WITHIN_SUBJECTS
    return Experiment(
        id=experiment_id,
        name=f"experiment {experiment_id}",
        description=None,
        context=CONTEXT,
        state=state,
        type=DesignType.SIMPLE,
        unit=unit,
        group="class" if unit is Unit.GROUP else None,
        rule=None if within else rule,
        condition_order=ConditionOrder.ORDERED_ROUND_ROBIN if within else None,
        algorithm=algorithm,
        stratification_factor=stratification_factor,
        post_rule=PostRule.CONTINUE,
        revert_to=None,
        filter_mode=FilterMode.INCLUDE_ALL,
        complete_condition=complete,
        start_on=None,
        end_on=None,
        tags=(),
        conditions=tuple(
            condition(code, weight, order=order)
            for order, (code, weight) in enumerate(codes.items(), 1)
        ),
        points=tuple(
            point(point_key, order=order) for order, point_key in enumerate(point_keys, 1)
        ),
        payloads=(),
        factors=(),
        queries=(),
        include=tuple(map(ListEntry, include)),
        exclude=tuple(map(ListEntry, exclude)),
        state_changes=(),
        created_at=START,
        updated_at=START,
        version=1,
        started_at=START if state is State.ENROLLING else None,
    )


def group_design(
    experiment_id: str = "e",
    rule: ConsistencyRule = ConsistencyRule.GROUP,
    *,
    weights: Mapping[str, float] | None = None,
    complete: CompleteCondition | None = None,
    exclude: Sequence[str] = (),
) -> Experiment:
    """An experiment on classes that enrolls."""
    return design(
        experiment_id,
        unit=Unit.GROUP,
        rule=rule,
        weights=weights,
        complete=complete,
        exclude=exclude,
    )


def reweighted(experiment: Experiment, **weights: float) -> Experiment:
    """The experiment with other weights, by code."""
    return replace(
        experiment,
        conditions=tuple(replace(c, weight=weights[c.code]) for c in experiment.conditions),
    )


def feature_id_of(services: Services, experiment_id: str = "e") -> int:
    """The id of the feature that holds an experiment."""
    feature = services.catalogue.fresh().experiment(experiment_id)
    assert feature is not None
    return feature.id


def segment(
    segment_id: str = "s",
    *,
    name: str | None = None,
    context: str = CONTEXT,
    kind: SegmentType = SegmentType.PUBLIC,
    groups: Sequence[GroupKey] = (),
    sub_segments: Sequence[str] = (),
) -> Segment:
    return Segment(
        id=segment_id,
        name=name or f"segment {segment_id}",
        context=context,
        type=kind,
        version=0,
        groups=frozenset(groups),
        sub_segments=tuple(sub_segments),
        description=None,
        tags=(),
        list_type=None,
        created_at=START,
        updated_at=START,
    )


def in_class(*ids: str) -> GroupUpdate:
    """Membership in some classes, of which the last is in force."""
    return GroupUpdate({"class": ids}, {"class": ids[-1]}, group_sent=True, working_group_sent=True)


def now_in(class_id: str) -> GroupUpdate:
    """Another class in force, membership left as it is."""
    return GroupUpdate(working_group={"class": class_id}, working_group_sent=True)


def class_key(class_id: str) -> GroupKey:
    return GroupKey("class", class_id)


def caller(services: Services, user_id: str) -> Caller:
    found = services.participants.find(user_id)
    assert found is not None
    return found


def known(services: Services, user_id: str) -> Participant:
    """The records of a user, or of the owner of an alias."""
    return caller(services, user_id).user


def join(services: Services, *user_ids: str, update: GroupUpdate | None = None) -> None:
    """Initialise users."""
    for user_id in user_ids:
        services.participants.init(user_id, update or GroupUpdate(), follow=True)


def mark(
    services: Services,
    user_id: str = "u",
    point_key: DecisionPointKey = HERE,
    code: str | None = None,
    *,
    experiment_id: str | None = None,
    status: MarkStatus | None = None,
) -> Outcome:
    return services.marking.mark(
        known(services, user_id), Mark(point_key, code, experiment_id, status)
    )


def assign(
    services: Services, user_id: str = "u", context: str = CONTEXT
) -> dict[DecisionPointKey, str]:
    """The code that a user gets at each decision point; of a queue, the first."""
    assigned = services.assignment.assign(known(services, user_id), context)
    return {each.point.point_key: _code(each) for each in assigned.assignments}


def _code(assignment: Assignment) -> str:
    return assignment.compiled.answered_code(assignment.conditions[0])


def enrollments(
    memory: Memory, user_id: str, feature_id: int
) -> list[tuple[DecisionPointKey, str | None]]:
    """The decision points at which a user takes part in an experiment, each with its condition."""
    stored = memory.participants[user_id].enrollments.get(feature_id, ())
    return [(enrollment.point_key, enrollment.condition_id) for enrollment in stored]


def enrolled_users(memory: Memory, feature_id: int) -> int:
    """What the counter of an experiment should say, by counting the records."""
    return sum(feature_id in user.enrollments for user in memory.participants.values())


def group_record(memory: Memory, class_id: str) -> GroupRecord:
    key = class_key(class_id)
    return memory.groups.get(key) or GroupRecord(key)


def lists(services: Services, segment_id: str, user_id: str) -> bool:
    """Whether a segment names a user, as the catalogue and the user's records are now."""
    resolved = resolve([segment_id], services.catalogue.fresh().segments)
    return resolved.lists(known(services, user_id))


def purge_later(memory: Memory) -> None:
    """Let the purge run when no process decides by an old catalogue any more."""
    process(memory, FixedClock(START + timedelta(days=1))).purge.run_due()


def counting(calls: Counter[str]) -> Step:
    """A step that counts the calls."""
    return lambda call: calls.update([call])


def dying(at: int) -> Step:
    """A step that ends the process at the `at`-th call, the first being 0."""
    calls = count()

    def step(_: str) -> None:
        if next(calls) >= at:  # one at a time, whatever the thread
            raise Killed

    return step


def mortal(memory: Memory, clock: FixedClock, at: int, step: str) -> Services:
    """A process that ends at its `at`-th call to the stores, "before" or "after" that is made."""
    death = dying(at)
    if step == "before":
        return process(memory, clock, before=death)
    return process(memory, clock, after=death)


def at_once(*actions: Callable[[], R]) -> list[R]:
    """What some actions return that start at the same time, each in a thread of its own."""
    barrier = Barrier(len(actions))

    def run(action: Callable[[], R]) -> R:
        barrier.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))
