"""The steps that end a user's part in all experiments, each of which fits a transaction.

Everything that counted somewhere is taken off the counters in the piece in which it ends. The
newest goes first: what is left at any time counts as if the rest had never been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.experiments.enrollment_counts import EnrollmentCount
from chalicelib.domain.experiments.experiments import Experiment, Unit
from chalicelib.domain.experiments.group_change import GroupLeft, StratumEnrollment
from chalicelib.domain.experiments.marks import Repeat
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Enrollment, GroupKey, Participant

ACTIONS = 90
"""Actions in one piece: a transaction holds a hundred, and needs some of its own."""

ACTIONS_PER_RECORD = 6
"""At the most: the record, the enrollment, its count in all and by day, its stratum, totals."""

ACTIONS_PER_POINT = 1
"""An enrollment that ends leaves the point behind that it may hold."""

ACTIONS_PER_GROUP = 2
"""The group's count of users, and that of groups with users enough."""

ACTIONS_PER_EXCLUSION = 2


@dataclass(frozen=True, slots=True)
class KeptRepeat:
    """A mark within subjects as it is stored: the `index`-th at its decision point."""

    repeat: Repeat
    index: int


@dataclass(frozen=True, slots=True)
class Ending:
    """Some records that end together, and what they had added to the counters.

    `unmet` are the conditions that enrollments which stay have met no longer, by experiment and
    decision point. `left` are the groups of which the user is no enrolled member any more.
    `variants` are those of Test Lab that have a user less in their totals, once for each, with
    their features, and with the day if there is one less in the cohort of a day.
    `dead` are experiments that are gone: what counted there was taken off no counter, for these go
    too, and would be made anew.
    """

    enrollments: tuple[Enrollment, ...] = ()
    repeats: tuple[KeptRepeat, ...] = ()
    exclusions: tuple[int, ...] = ()
    enrollment_counts: tuple[EnrollmentCount, ...] = ()
    left: tuple[GroupLeft, ...] = ()
    uncounted: tuple[StratumEnrollment, ...] = ()
    variants: tuple[tuple[int, int, date | None], ...] = ()
    dead: frozenset[int] = frozenset()

    @property
    def unmet(self) -> Mapping[tuple[int, DecisionPointKey], frozenset[str]]:
        """What the enrollments that stay have met no longer."""
        ending = {(each.feature_id, each.point_key) for each in self.enrollments}
        found: dict[tuple[int, DecisionPointKey], frozenset[str]] = {}
        for repeat in (kept.repeat for kept in self.repeats):
            key = repeat.feature_id, repeat.point_key
            if key not in ending:
                found[key] = found.get(key, frozenset()) | {repeat.condition_id or ""}
        return found


@dataclass(frozen=True, slots=True)
class _Counted:
    """A record that counted when it was made: an enrollment, or the repeat `kept`."""

    feature_id: int
    point_key: DecisionPointKey
    condition_id: str | None
    at: datetime
    enrollment: Enrollment
    kept: KeptRepeat | None = None

    @property
    def met(self) -> tuple[bool, str | None]:
        """What the record is the first of: repeats count apart from enrollments."""
        return self.kept is not None, self.condition_id


@dataclass(slots=True)
class _Piece:
    """An ending while it is being put together."""

    ending: Ending = field(default_factory=Ending)
    actions: int = 0
    counters: set[tuple[int, str | None, DecisionPointKey | None]] = field(default_factory=set)


def has_repeats(enrollments: Iterable[Enrollment]) -> bool:
    """Whether enrollments of one experiment may have marks within subjects."""
    return any(each.condition_id is None or each.repeats for each in enrollments)


def experiments_of(participant: Participant, catalogue: Catalogue) -> list[int]:
    """The experiments that anything at a user names, though the user may have left them.

    An enrollment may have ended, when the experiment was no longer within subjects, without its
    marks.
    """
    marked = (each.experiment_id for each in participant.points.values())
    features = (catalogue.experiment(each) for each in marked if each is not None)
    return sorted(
        participant.enrollments.keys()
        | participant.exclusions.keys()
        | participant.lifted.keys()
        | {feature.id for feature in features if feature is not None}
    )


def spare_repeats(
    enrollments: Sequence[Enrollment], repeats: Sequence[KeptRepeat]
) -> tuple[KeptRepeat, ...]:
    """The marks within subjects of one experiment that no counter knows of.

    They go before what counted, in any order.
    """
    counted = {each.kept for each in _counted(enrollments, repeats)}
    return tuple(kept for kept in repeats if kept not in counted)


def participation_end(
    participant: Participant,
    repeats: Mapping[int, Sequence[KeptRepeat]],
    catalogue: Catalogue,
) -> tuple[Ending, ...]:
    """How a user's part in all experiments ends; `repeats` are the marks within subjects.

    Of experiments that are gone the records end, and no counter is told: the purge removes these.
    """
    pieces = [_Piece()]
    for feature_id, enrollments in sorted(participant.enrollments.items()):
        feature = catalogue.feature(feature_id)
        design = feature.design if feature else None
        counted = _counted(enrollments, repeats.get(feature_id, ()))
        for position in reversed(range(len(counted))):
            ending = _ending(counted[position], counted[:position], design)
            if feature is None:
                ending = replace(ending, enrollment_counts=(), dead=frozenset({feature_id}))
            if position == 0:
                ending = replace(ending, left=tuple(_groups_left(feature_id, enrollments, design)))
            _add(pieces, ending)
    for feature_id in sorted(participant.exclusions):
        dead = frozenset({feature_id} if catalogue.feature(feature_id) is None else ())
        _add(pieces, Ending(exclusions=(feature_id,), dead=dead))
    return tuple(each.ending for each in pieces if each.actions)


def _counted(enrollments: Sequence[Enrollment], repeats: Sequence[KeptRepeat]) -> list[_Counted]:
    """The records of one experiment that counted, in the order of time."""
    marks: defaultdict[DecisionPointKey, list[KeptRepeat]] = defaultdict(list)
    for kept in sorted(repeats, key=lambda kept: kept.index):
        marks[kept.repeat.point_key].append(kept)
    found: list[tuple[datetime, _Counted]] = []
    for each in enrollments:
        # Others are of an enrollment that ended before this one: indexes begin anew.
        own = [kept for kept in marks[each.point_key] if kept.index < each.repeats]
        if all(kept.repeat.at != each.at for kept in own):
            record = _Counted(each.feature_id, each.point_key, each.condition_id, each.at, each)
            found.append((each.at, record))
        latest, met = each.at, set[str | None]()
        for kept in own:
            repeat = kept.repeat
            # Clocks may differ, but at one decision point the marks are numbered.
            latest = max(latest, repeat.at)
            if repeat.condition_id not in met:
                met.add(repeat.condition_id)
                record = _Counted(
                    each.feature_id, each.point_key, repeat.condition_id, repeat.at, each, kept
                )
                found.append((latest, record))
    return [record for _, record in sorted(found, key=lambda pair: pair[0])]


def _ending(record: _Counted, before: Sequence[_Counted], design: Experiment | None) -> Ending:
    """The end of a record, while those before it stay."""
    enrollment_count = EnrollmentCount(
        record.feature_id,
        record.condition_id,
        record.point_key,
        record.at,
        users=int(not before),
        condition_users=int(all(each.met != record.met for each in before)),
        point_users=1,
    )
    enrollment, stays = (
        record.enrollment,
        any(each.point_key == record.point_key for each in before),
    )
    return Ending(
        enrollments=() if stays else (enrollment,),
        repeats=() if record.kept is None else (record.kept,),
        enrollment_counts=(-enrollment_count,),
        uncounted=() if stays else tuple(_strata_left(enrollment, design)),
        variants=(
            ()
            if enrollment.variant_id is None
            else ((enrollment.feature_id, enrollment.variant_id, _cohort_day(enrollment)),)
        ),
    )


def _cohort_day(enrollment: Enrollment) -> date | None:
    return enrollment.at.date() if enrollment.in_cohort else None


def _strata_left(enrollment: Enrollment, design: Experiment | None) -> Iterator[StratumEnrollment]:
    if enrollment.stratum and design is not None:
        for condition in design.conditions:
            if condition.id == enrollment.condition_id:
                yield StratumEnrollment(
                    enrollment.feature_id,
                    enrollment.point_key,
                    enrollment.stratum,
                    condition.variant_id,
                )


def _groups_left(
    feature_id: int, enrollments: Sequence[Enrollment], design: Experiment | None
) -> Iterator[GroupLeft]:
    """The group in which the first enrollment counted the user."""
    first = min(enrollments, key=lambda each: each.at)
    if design is None or design.unit is not Unit.GROUP or first.group_id is None:
        return
    complete = design.complete_condition
    key = GroupKey(design.group or "", first.group_id)
    yield GroupLeft(feature_id, key, complete.user_count if complete else None)


def _add(pieces: list[_Piece], some: Ending) -> None:
    """Add to the last piece, or to a new one: no item may be in a transaction twice."""
    actions = (
        ACTIONS_PER_RECORD
        * max(len(some.enrollment_counts), len(some.enrollments), len(some.repeats))
        + ACTIONS_PER_POINT * len(some.enrollments)
        + ACTIONS_PER_GROUP * len(some.left)
        + ACTIONS_PER_EXCLUSION * len(some.exclusions)
    )
    counters = {
        (each.feature_id, each.condition_id, each.point_key) for each in some.enrollment_counts
    }
    if pieces[-1].actions + actions > ACTIONS or pieces[-1].counters & counters:
        pieces.append(_Piece())
    last = pieces[-1]
    last.actions += actions
    last.counters |= counters
    before = last.ending
    last.ending = Ending(
        (*before.enrollments, *some.enrollments),
        (*before.repeats, *some.repeats),
        (*before.exclusions, *some.exclusions),
        (*before.enrollment_counts, *some.enrollment_counts),
        (*before.left, *some.left),
        (*before.uncounted, *some.uncounted),
        (*before.variants, *some.variants),
        before.dead | some.dead,
    )
