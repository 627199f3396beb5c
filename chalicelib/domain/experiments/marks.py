"""Marks: their reports, the records that they store, and their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments import seedrandom
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    State,
)
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    Enrollment,
    EnrollmentCode,
    Exclusion,
    ExclusionCode,
    GroupEnrollment,
    GroupKey,
    MonitoredPoint,
)


class MarkStatus(StrEnum):
    """What the client says it did with the condition."""

    APPLIED = "condition applied"
    NOT_APPLIED = "condition not applied"
    NONE_ASSIGNED = "no condition assigned"


class UnknownExperiment(NotFound):
    """The experiment that a mark names has no decision point there."""


class UnknownCondition(Invalid):
    """The experiment at the decision point has no condition that a mark names so."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A client reports that a user reached a decision point, under a condition or none.

    With a `context` it is for an experiment of that context.
    """

    point_key: DecisionPointKey
    code: str | None = None
    experiment_id: str | None = None
    status: MarkStatus | None = None
    uniquifier: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """One mark of a within-subjects experiment."""

    feature_id: int
    point_key: DecisionPointKey
    condition_id: str | None
    uniquifier: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Records:
    """The records that a mark adds to its user and the user's groups.

    `dropped` are groups that lose all their enrollments.
    """

    enrollment: Enrollment | None = None
    exclusion: Exclusion | None = None
    group_enrollment: tuple[GroupKey, GroupEnrollment] | None = None
    group_exclusions: tuple[tuple[GroupKey, Exclusion], ...] = ()
    repeat: Repeat | None = None
    dropped: tuple[GroupKey, ...] = ()


NOTHING = Records()


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a mark does: what is stored, the point as it is stored, and the answer's condition.

    `compiled` is the experiment that the mark counts for, if there is one, and `code` says how the
    user came to take part in it, else why the user does not.
    """

    compiled: CompiledExperiment | None
    point: MonitoredPoint
    condition: str | None
    records: Records = field(default=NOTHING)
    code: EnrollmentCode | ExclusionCode | None = None


def pick_compiled(
    compiled_experiments: Sequence[CompiledExperiment], mark: Mark, user_id: str
) -> CompiledExperiment | None:
    """The experiment that a mark is for, among those with a decision point there (section 12.2).

    Without an id one that is enrolling goes before others, so that a mark never falls to an
    archived experiment beside a running one; among equals the seeded draw decides.

    Raises:
        UnknownExperiment: if the mark names one that is not among them.
    """
    if not compiled_experiments:
        return None
    if mark.experiment_id is not None:
        for compiled in compiled_experiments:
            if compiled.experiment.id == mark.experiment_id:
                return compiled
        raise UnknownExperiment(
            "Experiment ID not provided for shared Decision Point in markExperimentPoint: "
            + user_id
        )
    enrolling = [each for each in compiled_experiments if each.experiment.state is State.ENROLLING]
    running = enrolling or list(compiled_experiments)
    return running[seedrandom.competing_index(user_id, len(running))]
