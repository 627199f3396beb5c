"""Records of participants, listed for another backend, or brought in from one.

Bringing in goes record by record, each in a transaction, and what is there already stays as it is:
a call that was killed, or of which a part was refused, can be made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from chalicelib.domain.errors import Conflict, Invalid, LostRace, NotFound
from chalicelib.domain.experiments.compiled_experiments import CompiledCatalogue, CompiledExperiment
from chalicelib.domain.experiments.experiments import Unit
from chalicelib.domain.experiments.group_change import GroupChange
from chalicelib.domain.experiments.marking import stratum_of
from chalicelib.domain.experiments.marks import Outcome, Records
from chalicelib.domain.experiments.transfer import (
    ForeignEnrollment,
    ForeignExclusion,
    ForeignGroupEnrollment,
    ForeignGroupRecord,
    ForeignPoint,
    ForeignUserRecord,
    RecordKind,
)
from chalicelib.domain.features.users import TotalsShard, check_user_id
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import (
    UNKNOWN_POINT,
    Enrollment,
    Exclusion,
    GroupEnrollment,
    GroupKey,
    Participant,
    Profile,
)
from chalicelib.services.experiments.ports import Counting, EnrollmentStore, Position, RecordStore
from chalicelib.services.experiments.transfer_reports import (
    ListedPage,
    ListedRecord,
    Refusal,
    TransferReport,
)
from chalicelib.services.participants.ports import ParticipantStore, ProfileStore
from chalicelib.services.running.compilation import CompilationService
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries

AT_ONCE = 8

T = TypeVar("T")


class TransferService:
    """Lists records of participants and brings them in."""

    def __init__(
        self,
        compilation: CompilationService,
        participants: ParticipantStore,
        profiles: ProfileStore,
        enrollments: EnrollmentStore,
        records: RecordStore,
        clock: Clock,
        shards: int,
    ) -> None:
        self._compilation = compilation
        self._participants = participants
        self._profiles = profiles
        self._enrollments = enrollments
        self._records = records
        self._clock = clock
        self._shards = shards

    def page(self, kind: RecordKind, after: Position | None, limit: int) -> ListedPage:
        """Up to `limit` records of a kind; those of experiments that are gone are left out."""
        catalogue, _ = self._compilation.current()
        designs = dict(catalogue.experiments())
        found = self._records.page(kind, after, limit)
        if kind is RecordKind.POINTS:
            return ListedPage(tuple(ListedRecord(each, None) for each in found.records), found.next)
        listed = (
            ListedRecord(owned, designs.get(getattr(owned.record, "feature_id", 0)))
            for owned in found.records
        )
        return ListedPage(tuple(each for each in listed if each.experiment), found.next)

    def bring_in(self, records: Sequence[ForeignUserRecord]) -> TransferReport:
        """Store records of users, who may be unknown here; the earliest of each user first."""
        _, compiled_catalogue = self._compilation.current()
        by_user: defaultdict[str, list[tuple[int, ForeignUserRecord]]] = defaultdict(list)
        for index, record in sorted(enumerate(records), key=lambda pair: pair[1].at):
            by_user[record.user.id].append((index, record))
        return self._report(list(by_user.values()), lambda: self._of_one_user(compiled_catalogue))

    def bring_in_groups(self, records: Sequence[ForeignGroupRecord]) -> TransferReport:
        """Store records of groups."""
        _, compiled_catalogue = self._compilation.current()
        alone = [[pair] for pair in enumerate(records)]
        return self._report(alone, lambda: partial(self._bring_group_record, compiled_catalogue))

    def _report(
        self, work: Sequence[Sequence[tuple[int, T]]], begin: Callable[[], Callable[[T], bool]]
    ) -> TransferReport:
        """What became of some records; the lists of `work` are done side by side.

        `begin` gives, for each list, what brings in its records one after the other.
        """

        def done(indexed: Sequence[tuple[int, T]]) -> list[bool | Refusal]:
            bring = begin()
            return [_done(index, record, bring) for index, record in indexed]

        with Pool(AT_ONCE) as pool:
            outcomes = [outcome for some in pool.map(done, work) for outcome in some]
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        return TransferReport(
            sum(outcome is True for outcome in outcomes),
            sum(outcome is False for outcome in outcomes),
            tuple(sorted(refused, key=lambda refusal: refusal.index)),
        )

    def _of_one_user(
        self, compiled_catalogue: CompiledCatalogue
    ) -> Callable[[ForeignUserRecord], bool]:
        """A function that stores records of one user and tells whether each was not there.

        The user is read once, and again after something was stored.
        """
        read: list[Participant] = []

        def bring(record: ForeignUserRecord) -> bool:
            if not isinstance(record, ForeignPoint):
                _compiled_experiment(compiled_catalogue, record.experiment_id)
            tries = retries("the record")
            while True:
                shift = next(tries)
                if not read or (_is_bare(read[0].profile) and not _is_bare(record.user)):
                    read[:] = [self._known(record.user)]
                with suppress(LostRace):
                    is_new = self._bring(compiled_catalogue, read[0], record, shift)
                    if is_new:
                        read.clear()
                    return is_new
                read.clear()

        return bring

    def _bring(
        self,
        compiled_catalogue: CompiledCatalogue,
        participant: Participant,
        record: ForeignUserRecord,
        shift: int,
    ) -> bool:
        if isinstance(record, ForeignEnrollment):
            return self._enroll(compiled_catalogue, participant, record, shift)
        if isinstance(record, ForeignExclusion):
            return self._exclude(compiled_catalogue, participant, record, shift)
        return self._reach(participant, record)

    def _known(self, user: Profile) -> Participant:
        """A user's records; one who was unknown is created as described.

        Of one whose groups nobody told, as of one who was created by an exclusion, the description
        tells them.

        Raises:
            Conflict: if the id is an alias of another user here.
        """
        check_user_id(user.id)
        tries = retries("the user")
        while True:
            next(tries)
            participant = self._participants.read(user.id)
            if participant.profile.owner is not None:
                raise Conflict(f"{user.id} is an alias of {participant.profile.owner} here")
            with suppress(LostRace):
                if not participant.revision:
                    self._profiles.create([user])
                    return replace(participant, profile=user, revision=1)
                if _is_bare(participant.profile) and not _is_bare(user):
                    self._profiles.update(participant, user, GroupChange(), self._clock())
                else:
                    return participant

    def _enroll(
        self,
        compiled_catalogue: CompiledCatalogue,
        participant: Participant,
        record: ForeignEnrollment,
        shift: int,
    ) -> bool:
        compiled = _compiled_experiment(compiled_catalogue, record.experiment_id)
        _check_condition(compiled, record.condition_id)
        point_key = record.point_key or _only_point_key(compiled)
        for known in participant.enrollments.get(compiled.feature_id, ()):
            if known.point_key == point_key:
                if known.condition_id != record.condition_id:
                    raise Conflict("the user is enrolled there with another condition already")
                return False
        stratum = stratum_of(compiled, participant)
        enrollment = Enrollment(
            compiled.feature_id,
            point_key,
            record.condition_id,
            record.group_id if compiled.group_type else None,
            record.code,
            record.at,
            stratum=stratum,
        )
        groups = self._participants.groups(
            [GroupKey(compiled.group_type, record.group_id)]
            if compiled.group_type and record.group_id
            else []
        )
        condition = compiled.condition(record.condition_id)
        complete = compiled.experiment.complete_condition
        counting = Counting(
            self._shard(participant.id, shift),
            (stratum, condition.variant_id) if stratum and condition else None,
            complete.user_count if complete else None,
        )
        records = Records(enrollment=enrollment)
        self._enrollments.store_records(participant, groups, compiled, records, counting)
        return True

    def _exclude(
        self,
        compiled_catalogue: CompiledCatalogue,
        participant: Participant,
        record: ForeignExclusion,
        shift: int,
    ) -> bool:
        compiled = _compiled_experiment(compiled_catalogue, record.experiment_id)
        if compiled.feature_id in participant.exclusions:
            return False
        records = Records(exclusion=Exclusion(compiled.feature_id, record.code, record.at))
        counting = Counting(self._shard(participant.id, shift))
        self._enrollments.store_records(participant, {}, compiled, records, counting)
        return True

    def _reach(self, participant: Participant, record: ForeignPoint) -> bool:
        point = record.point
        if point.point_key in participant.points:
            return False
        self._enrollments.store_mark(
            participant,
            {},
            Outcome(None, point, point.condition),
            Counting(),
            participant.working_groups(),
        )
        return True

    def _bring_group_record(
        self, compiled_catalogue: CompiledCatalogue, record: ForeignGroupRecord
    ) -> bool:
        """Store a record of a group; whether it was not there."""
        compiled = _compiled_experiment(compiled_catalogue, record.experiment_id)
        if compiled.group_type is None:
            raise Invalid("the experiment is not one on groups")
        key = GroupKey(compiled.group_type, record.group_id)
        own: GroupEnrollment | Exclusion
        if isinstance(record, ForeignGroupEnrollment):
            _check_condition(compiled, record.condition_id)
            point_key = record.point_key or _only_point_key(compiled)
            own = GroupEnrollment(compiled.feature_id, point_key, record.condition_id, record.at)
        else:
            own = Exclusion(compiled.feature_id, record.code, record.at)
        tries = retries("the record")
        while True:
            shift = next(tries)
            known = self._participants.groups([key])[key]
            there: GroupEnrollment | Exclusion | None
            if isinstance(own, GroupEnrollment):
                there = known.enrollments.get(compiled.feature_id)
                if there is not None and there.condition_id != own.condition_id:
                    raise Conflict("the group is enrolled with another condition already")
            else:
                there = known.exclusions.get(compiled.feature_id)
            if there is not None:
                return False
            with suppress(LostRace):
                self._enrollments.store_group_record(key, own, self._shard(key.id, shift))
                return True

    def _shard(self, seed: str, shift: int) -> int:
        return TotalsShard.pick(0, 0, self._shards, seed, shift).shard


def _done(index: int, record: T, bring: Callable[[T], bool]) -> bool | Refusal:
    try:
        return bring(record)
    except (Invalid, NotFound, Conflict) as error:
        return Refusal(index, str(error))


def _is_bare(profile: Profile) -> bool:
    return profile.group is None and profile.working_group is None


def _compiled_experiment(
    compiled_catalogue: CompiledCatalogue, experiment_id: str
) -> CompiledExperiment:
    compiled = compiled_catalogue.of(experiment_id)
    if compiled is None:
        raise NotFound(f"there is no experiment {experiment_id}: import its design first")
    return compiled


def _check_condition(compiled: CompiledExperiment, condition_id: str | None) -> None:
    within = compiled.experiment.unit is Unit.WITHIN_SUBJECTS
    if within and condition_id is None:
        return
    if compiled.condition(condition_id) is None:
        raise Invalid(f"the experiment has no condition {condition_id}")


def _only_point_key(compiled: CompiledExperiment) -> DecisionPointKey:
    """The decision point of an experiment that has one; else it is not known."""
    point_keys = [point.point_key for point in compiled.experiment.points]
    return point_keys[0] if len(point_keys) == 1 else UNKNOWN_POINT
