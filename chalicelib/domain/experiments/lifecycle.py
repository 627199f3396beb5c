"""The life of an experiment: what it needs in a state, and what entering one brings about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.experiments import (
    Condition,
    Experiment,
    Factor,
    PostRule,
    State,
    StateChange,
    Unit,
)

STARTED = frozenset({State.ENROLLING, State.ENROLLMENT_COMPLETE})
"""States in which an experiment has started."""

DRAWING = frozenset({State.SCHEDULED, State.ENROLLING})
"""States in which conditions are drawn by their weights for new participants, or soon will be."""

WEIGHT_SUM = 100
WEIGHT_TOLERANCE = 1
"""By so much the sum of the weights may miss 100: three times 33 is meant as equal shares."""


def last_start(changes: Iterable[StateChange]) -> datetime | None:
    """When an experiment last began to enroll, a return from enrollment complete not counted.

    One that was never seen to enroll began with its first state in `STARTED`.
    """
    started = None
    for change in sorted(changes, key=lambda change: change.at):
        started = _start(change, started)
    return started


def entered(experiment: Experiment, before: State, change_id: str, moment: datetime) -> Experiment:
    """`experiment`, noted to have come to its state from another one at a moment (section 7)."""
    change = StateChange(change_id, before, experiment.state, moment)
    return replace(
        experiment,
        state_changes=(*experiment.state_changes, change),
        started_at=_start(change, experiment.started_at),
    )


def _start(change: StateChange, started: datetime | None) -> datetime | None:
    """The last start, after a change of state that may be one."""
    if change.after is State.ENROLLING and change.before is not State.ENROLLMENT_COMPLETE:
        return change.at
    return change.at if started is None and change.after in STARTED else started


def check_state(experiment: Experiment, before: Experiment | None = None) -> None:
    """Refuse an experiment that lacks what its state needs.

    What it lacked `before` it may go on to lack: a running experiment that came from elsewhere can
    still be given a list, and no schedule stops at it.

    Raises:
        Invalid: if so.
    """
    known = () if before is None else lacks(before)
    if new := [each for each in lacks(experiment) if each not in known]:
        raise Invalid(" ".join(new))


def check_begins(experiment: Experiment, *, runs: bool = False) -> None:
    """Refuse a new experiment that lacks what its state needs.

    One that `runs` elsewhere is taken as it is while it enrolls: its weights are in use.

    Raises:
        Invalid: if so.
    """
    if not (runs and experiment.state is State.ENROLLING):
        check_state(experiment)


def lacks(experiment: Experiment) -> tuple[str, ...]:
    """What an experiment lacks in its state, each as a sentence.

    One that is scheduled has a date, or it would never start. Where one condition is drawn for each
    unit the weights sum to 100, or to 0, by which the first condition is everybody's; any other sum
    would give the first condition what the others leave, or the last ones nothing (section 10.1).
    """
    found = []
    if experiment.state is State.SCHEDULED and experiment.start_on is None:
        found.append(
            "startOn: say when the experiment is to start (scheduleDate where only the state is"
            " changed)."
        )
    drawn = experiment.state in DRAWING and experiment.unit is not Unit.WITHIN_SUBJECTS
    total = weight_sum(experiment)
    if drawn and total and abs(total - WEIGHT_SUM) > WEIGHT_TOLERANCE:
        found.append(
            f"assignmentWeight: the weights of the conditions sum to {total:f}; they must sum to"
            f" {WEIGHT_SUM} (within {WEIGHT_TOLERANCE}), or all be 0."
        )
    return tuple(found)


def weight_sum(experiment: Experiment) -> Decimal:
    """The sum of the weights in per cent, exact in the digits that they were given with."""
    weights = (Decimal(str(condition.weight)) for condition in experiment.conditions)
    return sum(weights, Decimal()).normalize()


def due_state(experiment: Experiment, now: datetime) -> State | None:
    """The state that an experiment should be in by its dates, if that is another one.

    One that is scheduled starts to enroll with `start_on`, and one that enrolls ends with `end_on`.
    One that is scheduled and whose end has passed as well ends without enrolling anybody: what
    it was to run in is over. Dates that have passed stay in force, so whoever lets an experiment
    enroll again after its end takes the end away, or moves it; other states have no dates.
    """
    if experiment.state not in (State.SCHEDULED, State.ENROLLING):
        return None
    if _has_passed(experiment.end_on, now):
        return State.ENROLLMENT_COMPLETE
    if experiment.state is State.SCHEDULED and _has_passed(experiment.start_on, now):
        return State.ENROLLING
    return None


def moment_of(text: str) -> datetime:
    """The moment of a date of an experiment in ISO 8601; one that names no zone is in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _has_passed(text: str | None, now: datetime) -> bool:
    return text is not None and now >= moment_of(text)


def shipped(experiment: Experiment, condition_id: str, now: datetime) -> Experiment:
    """The experiment with enrollment complete and one condition for all who took part.

    So a winner is shipped (section 13.1): enrolled users, and users of enrolled groups, get it from
    now on, whatever they had. Who is not enrolled gets nothing more.

    Raises:
        Invalid: if it has no such condition, does not run, or is one within subjects, which answers
            nothing once enrollment is complete.
    """
    if experiment.unit is Unit.WITHIN_SUBJECTS:
        raise Invalid("within subjects: nothing is assigned once enrollment is complete")
    if all(condition.id != condition_id for condition in experiment.conditions):
        raise Invalid("revertTo: choose one of the conditions")
    if experiment.state not in (State.ENROLLING, State.ENROLLMENT_COMPLETE):
        raise Invalid("Only a design that enrolls, or did until now, has a winner to ship.")
    return replace(
        experiment,
        state=State.ENROLLMENT_COMPLETE,
        post_rule=PostRule.ASSIGN,
        revert_to=condition_id,
        updated_at=now,
        version=experiment.version + 1,
    )


def copied(
    experiment: Experiment, name: str, now: datetime, new_id: Callable[[], str]
) -> Experiment:
    """A copy under another name: an inactive experiment of new ids, with no history and no dates.

    Its lists are those of the original.
    """
    conditions = {each.id: new_id() for each in experiment.conditions}
    points = {each.id: new_id() for each in experiment.points}
    levels = {level.id: new_id() for factor in experiment.factors for level in factor.levels}
    return replace(
        experiment,
        id=new_id(),
        name=name,
        state=State.INACTIVE,
        start_on=None,
        end_on=None,
        revert_to=conditions.get(experiment.revert_to or ""),
        conditions=tuple(
            _copied_condition(each, conditions[each.id], levels, new_id)
            for each in experiment.conditions
        ),
        points=tuple(replace(each, id=points[each.id]) for each in experiment.points),
        payloads=tuple(
            replace(
                each,
                id=new_id(),
                condition_id=conditions[each.condition_id],
                point_id=points[each.point_id] if each.point_id else None,
            )
            for each in experiment.payloads
        ),
        factors=tuple(_copied_factor(each, levels, new_id) for each in experiment.factors),
        queries=tuple({**query, "id": new_id()} for query in experiment.queries),
        state_changes=(),
        created_at=now,
        updated_at=now,
        version=1,
        started_at=None,
    )


def _copied_condition(
    condition: Condition, condition_id: str, levels: Mapping[str, str], new_id: Callable[[], str]
) -> Condition:
    elements = (
        replace(each, id=new_id(), level_id=levels[each.level_id]) for each in condition.levels
    )
    return replace(condition, id=condition_id, variant_id=0, levels=tuple(elements))


def _copied_factor(factor: Factor, levels: Mapping[str, str], new_id: Callable[[], str]) -> Factor:
    own = tuple(replace(level, id=levels[level.id]) for level in factor.levels)
    return replace(factor, id=new_id(), levels=own)
