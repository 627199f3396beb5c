"""What happened to a user, in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from chalicelib.api.testlab.privacy.names import Names
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Participant
from chalicelib.services.privacy.user_export import ExportPart, UserData, UserRecords

DETAIL_LENGTH = 300
"""Characters of what a client sent: the export has all of it."""


class Subject(NamedTuple):
    """What something happened in: its name, and the place of its page below the dashboard.

    There is no place for what is gone.
    """

    name: str
    place: str = ""


NOTHING = Subject("")


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to the id `user_id`, in words."""

    at: datetime
    user_id: str
    what: str
    subject: Subject
    detail: str


class Subjects:
    """Names and places of what records know by ids."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._names = Names(catalogue)
        self._flags = {flag.feature_id: flag for flag in catalogue.flags.values()}

    def feature(self, feature_id: int) -> Subject:
        """An experiment of either API."""
        feature = self._catalogue.feature(feature_id)
        if feature is None:
            return Subject("an experiment that is deleted")
        if feature.design is None:
            return Subject(feature.name, f"feature/{feature.id}")
        return Subject(feature.design.name, f"experiment/{feature.design.id}")

    def design(self, experiment_id: str | None) -> Subject:
        """An experiment of UpGrade, as a mark names it."""
        feature = self._catalogue.experiment(experiment_id or "")
        return NOTHING if feature is None else self.feature(feature.id)

    def flag(self, feature_id: int) -> Subject:
        """A flag."""
        flag = self._flags.get(feature_id)
        if flag is None:
            return Subject("a flag that is deleted")
        return Subject(flag.name, f"flag/{flag.id}")

    def variant(self, variant_id: int) -> tuple[Subject, str]:
        """The feature of a variant of Test Lab, and the variant's value."""
        found = self._catalogue.variant(variant_id)
        if found is None:
            return Subject("an experiment that is deleted"), f"variant {variant_id}, deleted"
        feature, variant = found
        return self.feature(feature.id), f"variant {variant.value}"

    def condition(self, condition_id: str | None) -> str:
        """The code of a condition."""
        if condition_id is None:
            return "no condition"
        return f"condition {self._names.condition(condition_id).name or 'that is deleted'}"


def happenings(part: ExportPart) -> list[Happening]:
    """All that is known with its time, the oldest first."""
    subjects = Subjects(part.catalogue)
    found = [each for data in (part.user, *part.aliases) for each in _of(data, subjects)]
    return sorted(found, key=lambda each: each.at)


def _of(data: UserData, subjects: Subjects) -> Iterator[Happening]:
    user_id = data.id
    if data.records is not None:
        yield from _of_records(user_id, data.records, subjects)
    for event in data.events:
        subject, variant = subjects.variant(event.variant_id)
        measured = event.measurement
        value = "" if measured is None else f", {measured.metric} = {measured.value}"
        yield Happening(event.time_stamp, user_id, "event", subject, f"{variant}{value}")
    for mark in data.repeats:
        condition = subjects.condition(mark.condition_id)
        detail = f"{condition} at {_point(mark.point_key)}"
        yield Happening(
            mark.at, user_id, "mark within subjects", subjects.feature(mark.feature_id), detail
        )
    for log_record in data.log_records:
        yield from _logs(user_id, log_record)


def _of_records(user_id: str, records: UserRecords, subjects: Subjects) -> Iterator[Happening]:
    profile = records.participant.profile
    if profile.created_at is not None:
        yield Happening(profile.created_at, user_id, "first seen by UpGrade", NOTHING, "")
    if profile.updated_at is not None and profile.updated_at != profile.created_at:
        yield Happening(profile.updated_at, user_id, "groups last changed", NOTHING, "")
    if (user := records.user) is not None:
        subject, variant = subjects.variant(user.variant_id)
        yield Happening(user.time_stamp, user_id, "recorded in Test Lab", subject, variant)
    if (preview := records.preview) is not None:
        yield Happening(preview.created_at, user_id, "made a preview user", NOTHING, "")
    yield from _participation(user_id, records.participant, subjects)


def _participation(
    user_id: str, participant: Participant, subjects: Subjects
) -> Iterator[Happening]:
    for point in participant.points.values():
        condition = f" with {point.condition}" if point.condition else ""
        detail = f"{_point(point.point_key)}{condition}"
        subject = subjects.design(point.experiment_id)
        yield Happening(point.at, user_id, "first mark here", subject, _brief(detail))
    for enrollment in (each for own in participant.enrollments.values() for each in own):
        group = f", in group {enrollment.group_id}" if enrollment.group_id else ""
        condition = subjects.condition(enrollment.condition_id)
        detail = f"{condition} at {_point(enrollment.point_key)}{group}"
        subject = subjects.feature(enrollment.feature_id)
        yield Happening(enrollment.at, user_id, "enrolled", subject, _brief(detail))
    for exclusion in participant.exclusions.values():
        subject = subjects.feature(exclusion.feature_id)
        yield Happening(exclusion.at, user_id, "excluded", subject, exclusion.code.value)
    for feature_id, at in participant.lifted.items():
        detail = "points that were reached before exclude no longer: the group changed"
        yield Happening(at, user_id, "let in again", subjects.feature(feature_id), detail)


def _logs(user_id: str, log_record: LogRecord) -> Iterator[Happening]:
    group = log_record.key.group
    where = "" if group is None else f"{group[0]}, {group[1]}: "
    for row in log_record.rows:
        values = ", ".join(f"{name} = {value}" for name, value in row.data.items())
        yield Happening(row.created_at, user_id, "logged", NOTHING, _brief(f"{where}{values}"))


def _point(point_key: DecisionPointKey) -> str:
    return " / ".join(filter(None, (point_key.site, point_key.target))) or "a point not known"


def _brief(text: str) -> str:
    return text if len(text) <= DETAIL_LENGTH else f"{text[:DETAIL_LENGTH]} …"
