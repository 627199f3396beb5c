"""The rows behind results, for those who compute for themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import Experiment, Unit
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.features.cohorts import DECIMALS, EVENTS
from chalicelib.domain.features.features import Feature, FeatureType
from chalicelib.domain.features.users import User
from chalicelib.domain.outcomes.logs import LogRecord
from chalicelib.domain.outcomes.participant_rows import (
    NamedQuery,
    ParticipantRow,
    encounters,
    rows_of_user,
    values_of,
)
from chalicelib.domain.outcomes.query_sums import Places, places
from chalicelib.domain.outcomes.results.upgrade import named_queries
from chalicelib.domain.participants.participants import UNKNOWN_POINT
from chalicelib.services.features.ports import UserStore
from chalicelib.services.outcomes.observations import (
    Part,
    kind_of,
    logged_in,
    part_by_enrollments,
    part_by_repeats,
)
from chalicelib.services.outcomes.ports import EnrolledUser, LogStore, UserEnrollmentStore
from chalicelib.services.running.catalogue import CatalogueService

UNNAMED = "events"
"""The column of events without a name."""

USERS_AT_ONCE = 100
"""Participants of whom logs, and marks within subjects, are read at once."""

RECORDS = 10_000
"""Logs and marks of participants after which a page ends, with those of whom they are."""

Position = tuple[int, str]
"""Where a page ended: at a user of a variant."""

Start = tuple[str, int]
"""Where a page starts: at a participant, by the key of the store, after so many rows of those."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A user as results count them: variant, day of enrollment, and the total of each metric.

    A total is that of the user's own events within the window; None without any. `is_counted` says
    whether the user is in a cohort already.
    """

    user_id: str
    variant_id: int
    variant: str
    day: date
    values: Mapping[str, Decimal | None]
    is_counted: bool


@dataclass(frozen=True, slots=True)
class ResultRows:
    """Some rows, by ascending variant and user id, and where the next page starts."""

    metrics: tuple[str, ...]
    rows: tuple[ResultRow, ...]
    next: Position | None

    def after(self, count: int) -> Position | None:
        """The position after the first rows, of which there is at least one, or none is shown."""
        if count >= len(self.rows):
            return self.next
        last = self.rows[count - 1]
        return last.variant_id, last.user_id


@dataclass(frozen=True, slots=True)
class ParticipantRows:
    """Some rows, each with where a page starts with it, and where the next page starts.

    They are by participants in an order of the store's own. There may be none, and yet a next page.
    """

    metrics: tuple[str, ...]
    rows: tuple[tuple[Start, ParticipantRow], ...]
    next: Start | None

    def after(self, count: int) -> Start | None:
        """Where the page after the first rows starts."""
        return self.rows[count][0] if count < len(self.rows) else self.next


class ResultRowService:
    """Lists the users of an experiment with what each adds to the sums."""

    def __init__(
        self,
        catalogue: CatalogueService,
        users: UserStore,
        logs: LogStore,
        enrollments: UserEnrollmentStore,
    ) -> None:
        self._catalogue = catalogue
        self._users = users
        self._logs = logs
        self._enrollments = enrollments

    def of_feature(self, feature_id: int, after: Position | None, limit: int) -> ResultRows:
        """Up to `limit` users of an experiment of Test Lab, those after a position.

        Users whom a mark counts, and who have no row, are not listed.

        Raises:
            NotFound: if there is no such experiment.
        """
        feature = self._catalogue.find(lambda catalogue: catalogue.own_feature(feature_id))
        if feature is None or feature.type is not FeatureType.EXPERIMENT:
            raise NotFound(f"there is no experiment {feature_id}")
        listed = list(self._listed(feature, after, limit + 1))
        found = {user.id: user for user in self._users.many([user.id for user in listed[:limit]])}
        live = [
            user
            for each in listed[:limit]
            if (user := found.get(each.id)) is not None
            if not user.erased and user.variant_id == each.variant_id
        ]
        last = listed[limit - 1] if len(listed) > limit else None
        names = {UNNAMED: EVENTS, **feature.metric_ids}
        return ResultRows(
            tuple(names),
            tuple(_row(feature, user, names) for user in live),
            None if last is None else (last.variant_id, last.id),
        )

    def of_experiment(self, experiment_id: str, start: Start | None, limit: int) -> ParticipantRows:
        """Up to `limit` rows of participants of an experiment in UpGrade's form, from a start on.

        Whoever is enrolled under a condition of the design has rows, and the values that results
        count, as they are now. A page looks at `limit` records of participants, at what those
        logged, and no further.

        Raises:
            NotFound: if there is no such experiment.
        """
        catalogue = self._catalogue.fresh()
        feature = catalogue.experiment(experiment_id)
        if feature is None or feature.design is None:
            raise NotFound(f"there is no experiment {experiment_id}")
        design, start = feature.design, start or ("", 0)
        asked = [
            NamedQuery(name, query, kind_of(catalogue, query.metric_key))
            for query, name in named_queries(design)
        ]
        listed = self._enrollments.page(feature.id, start[0], limit)
        following = None if listed.next is None else (listed.next, 0)
        at_once = _users_at_once(design, limit)
        rows: list[tuple[Start, ParticipantRow]] = []
        read = 0
        for first in range(0, len(listed.users), at_once):
            if len(rows) > limit or read >= RECORDS:
                following = listed.users[first].key, 0
                break
            some = listed.users[first : first + at_once]
            marks = self._marks(feature.id, design, some)
            logged = self._logged(asked, some)
            rows += (
                each for each in _rows_of(design, asked, some, marks, logged) if each[0] >= start
            )
            read += len(logged) + sum(map(len, marks.values()))
        if len(rows) > limit:
            following = rows[limit][0]
        return ParticipantRows(tuple(each.name for each in asked), tuple(rows[:limit]), following)

    def _marks(
        self, feature_id: int, design: Experiment, users: Sequence[EnrolledUser]
    ) -> Mapping[str, Sequence[Repeat]]:
        if design.unit is not Unit.WITHIN_SUBJECTS:
            return {}
        return self._enrollments.repeats(feature_id, [user.id for user in users])

    def _logged(
        self, asked: Sequence[NamedQuery], users: Sequence[EnrolledUser]
    ) -> Sequence[LogRecord]:
        metric_keys = {each.query.metric_key for each in asked}
        return self._logs.of_users([user.id for user in users], metric_keys) if asked else ()

    def _listed(self, feature: Feature, after: Position | None, limit: int) -> Iterator[User]:
        """Up to `limit` users by ascending variant and id, as they are listed."""
        for variant_id in sorted(variant.id for variant in feature.variants):
            if after is not None and variant_id < after[0]:
                continue
            behind = after[1] if after is not None and after[0] == variant_id else None
            for user in self._users.of_variant(variant_id, behind, limit):
                yield user
                limit -= 1
                if not limit:
                    return


def _row(feature: Feature, user: User, names: Mapping[str, int]) -> ResultRow:
    own = user.own or {}
    values = {name: _value(own.get(metric_id), metric_id) for name, metric_id in names.items()}
    variant = next(each.value for each in feature.variants if each.id == user.variant_id)
    return ResultRow(
        user.id, user.variant_id, variant, user.enrolled_on, values, user.own is not None
    )


def _value(total: int | None, metric_id: int) -> Decimal | None:
    if total is None:
        return None
    return Decimal(total) if metric_id == EVENTS else Decimal(total).scaleb(-DECIMALS).normalize()


def _users_at_once(design: Experiment, limit: int) -> int:
    """Participants who are likely to have the rows of a page, or a part of them."""
    rows_each = len(design.conditions) if design.unit is Unit.WITHIN_SUBJECTS else 1
    return max(1, min(USERS_AT_ONCE, limit // max(1, rows_each)))


def _rows_of(
    design: Experiment,
    asked: Sequence[NamedQuery],
    users: Sequence[EnrolledUser],
    marks: Mapping[str, Sequence[Repeat]],
    log_records: Sequence[LogRecord],
) -> Iterator[tuple[Start, ParticipantRow]]:
    """The rows of some participants, each with where a page starts with it."""
    part, place_of = _part(design, users, marks)
    values = {
        each.name: values_of(each, design, logged_in(log_records, each.query.metric_key), part.met)
        for each in asked
    }
    within = design.unit is Unit.WITHIN_SUBJECTS
    for user in users:
        met = encounters(design, marks.get(user.id, ()) if within else user.enrollments)
        for n, row in enumerate(rows_of_user(design, user.id, met, place_of, values)):
            yield (user.key, n), row


def _part(
    design: Experiment, users: Sequence[EnrolledUser], marks: Mapping[str, Sequence[Repeat]]
) -> tuple[Part, Places]:
    """How participants take part, as results count them, and where all of them belong.

    An enrollment at a point that the design has no more counts its user, and no values.
    """
    if design.unit is Unit.WITHIN_SUBJECTS:
        return part_by_repeats(marks), {}
    known = {UNKNOWN_POINT, *(point.point_key for point in design.points)}
    part = part_by_enrollments(
        {user.id: [e for e in user.enrollments if e.point_key in known] for user in users}
    )
    return part, {**places({user.id: user.enrollments for user in users}), **part.places}
