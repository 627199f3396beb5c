"""When experiments start and end by their dates (UpGrade, section 7)."""

from __future__ import annotations

from datetime import UTC, datetime

from chalicelib.domain.experiments.experiments import Experiment, State


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


def _has_passed(text: str | None, now: datetime) -> bool:
    """Whether a date in ISO 8601 has passed; one that names no zone is in UTC."""
    if text is None:
        return False
    moment = datetime.fromisoformat(text)
    return now >= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
