"""Mark: what clients report, and the enrollments and exclusions that follow."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.domain.access.idempotency import Seal
from chalicelib.domain.audiences.segments import NOBODY
from chalicelib.domain.catalogue import testlab_assignments
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.faults import Round
from chalicelib.domain.catalogue.testlab_assignments import TestLabAssignment
from chalicelib.domain.errors import Invalid, LostRace, Unavailable
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import Experiment, State, Unit
from chalicelib.domain.experiments.marking import decide
from chalicelib.domain.experiments.marks import (
    NOTHING,
    Mark,
    Outcome,
    UnknownCondition,
    UnknownExperiment,
    pick_compiled,
)
from chalicelib.domain.features.users import TotalsShard
from chalicelib.domain.participants.participants import (
    ErasedMeanwhile,
    GroupKey,
    GroupRecord,
    Participant,
)
from chalicelib.services.experiments.experiments import ExperimentService
from chalicelib.services.experiments.ports import Counting, EnrollmentCountStore, EnrollmentStore
from chalicelib.services.participants.ports import ParticipantStore
from chalicelib.services.running.compilation import CompilationService, UnknownContext
from chalicelib.services.running.isolation import each_alone
from chalicelib.services.running.key_locks import KeyLocks
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries

COUNT_AGE = 5.0
"""Seconds for which a process reckons with a count that it read, plus its own marks."""


@dataclass
class _Count:
    """How far an experiment's enrollment was, as this process knows."""

    users: int
    groups: int
    read_at: float


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a mark does, the groups that this was decided on, and how it is counted."""

    outcome: Outcome
    groups: Mapping[GroupKey, GroupRecord]
    counting: Counting


class MarkService:
    """Answers mark."""

    def __init__(
        self,
        compilation: CompilationService,
        experiments: ExperimentService,
        participants: ParticipantStore,
        enrollments: EnrollmentStore,
        counts: EnrollmentCountStore,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._compilation = compilation
        self._experiments = experiments
        self._participants = participants
        self._enrollments = enrollments
        self._counts = counts
        self._clock = clock
        self._monotonic = monotonic
        self._new_id = new_id
        self._reckoned: dict[int, _Count] = {}
        self._key_locks = KeyLocks()

    def mark(
        self, participant: Participant, mark: Mark, seal: Seal[Outcome] | None = None
    ) -> Outcome:
        """Store a mark of a user.

        Raises:
            AlreadyAnswered: if the request that `seal` makes a record of was answered before.
            ErasedMeanwhile: if the user was erased since the request began.
            UnknownContext: if it names a context that there is not.
            UnknownExperiment, UnknownCondition: if it names what is not at the decision point.
        """
        with self._key_locks.of(participant.id):
            return self._mark(participant, mark, seal)

    def _mark(self, participant: Participant, mark: Mark, seal: Seal[Outcome] | None) -> Outcome:
        tries = retries("the mark")
        while True:
            attempt = next(tries)
            decision = self._decide(participant, mark, attempt)
            outcome, groups = decision.outcome, decision.groups
            if mark.point_key in participant.points and outcome.records == NOTHING:
                return outcome
            reached_by = [
                key
                for key in sorted(participant.working_groups())
                if key not in groups or mark.point_key not in groups[key].reached
            ]
            try:
                self._enrollments.store_mark(
                    participant,
                    groups,
                    outcome,
                    decision.counting,
                    reached_by,
                    seal and seal(outcome),
                )
            except LostRace:
                current = self._participants.get(participant.id)
                if current is None:
                    raise ErasedMeanwhile(f"{participant.id} was erased") from None
                participant = current
                continue
            # The mark is stored. What cannot be counted or ended now, the scheduled function sees.
            with suppress(Invalid, Unavailable):
                self._end_if_complete(outcome, participant)
            return outcome

    def _decide(self, participant: Participant, mark: Mark, attempt: int) -> _Decision:
        try:
            return self._decide_by_current(participant, mark, attempt)
        except (UnknownExperiment, UnknownCondition):
            # That may have been a cached catalogue, which must not refuse.
            if not self._compilation.renewed():
                raise
            return self._decide_by_current(participant, mark, attempt)

    def _decide_by_current(self, participant: Participant, mark: Mark, attempt: int) -> _Decision:
        catalogue, compiled_catalogue = self._compilation.current_for(participant)
        now, point_id = self._clock(), self._new_id()
        if mark.context is not None and compiled_catalogue.in_context(mark.context) is None:
            raise UnknownContext(f"Invalid app context: {mark.context}")
        candidates = compiled_catalogue.at(mark.point_key, mark.context)
        own = testlab_assignments.marked(catalogue, now.date(), mark, participant)
        is_unknown = mark.experiment_id is not None and own is None and not candidates
        if is_unknown and self._compilation.renewed():
            return self._decide_by_current(participant, mark, attempt)
        if own is not None and (not candidates or mark.experiment_id is not None):
            outcome = testlab_assignments.decide(mark, own, participant, now, point_id)
            counting = _counting_for_testlab(own, outcome, participant, attempt)
            return _Decision(outcome, {}, counting)
        compiled = pick_compiled(candidates, mark, participant.id)
        groups = self._participants.groups(_needed_groups(compiled, participant))
        shut_out = compiled_catalogue.shut_out(compiled.experiment.context) if compiled else NOBODY
        outcome = decide(mark, compiled, shut_out, participant, groups, now, point_id)
        return _Decision(outcome, groups, _counting(catalogue, outcome, participant, attempt))

    def end_complete(self) -> Round:
        """End the enrollment of every experiment that has participants enough.

        Each experiment is handled alone; where it failed is returned.
        """
        return each_alone(self._compilation.current()[0].experiments(), self._end_if_due)

    def _end_if_due(self, feature_id: int, experiment: Experiment) -> bool:
        complete = experiment.complete_condition
        if experiment.state is not State.ENROLLING or not complete or not complete.user_count:
            return False
        users, groups = self._counts.in_all(feature_id)
        if _is_complete(experiment.unit, complete.user_count, complete.group_count, users, groups):
            self._experiments.complete(experiment.id)
        return True

    def complete_groups(self, experiment_id: str) -> int | None:
        """Groups with users enough, of an experiment that ends with a number of them, else None.

        Raises:
            NotFound: if there is no such experiment.
        """
        experiment = self._experiments.get(experiment_id)
        complete = experiment.complete_condition
        if experiment.unit is not Unit.GROUP or complete is None:
            return None
        if not complete.user_count or not complete.group_count:
            return None
        return self._counts.in_all(self._experiments.feature_id(experiment_id))[1]

    def _end_if_complete(self, outcome: Outcome, participant: Participant) -> None:
        """End the experiment that a mark completes (section 13.5)."""
        compiled, enrollment = outcome.compiled, outcome.records.enrollment
        complete = compiled.experiment.complete_condition if compiled else None
        if (
            compiled is None
            or enrollment is None
            or complete is None
            or not complete.user_count
            or compiled.experiment.state is not State.ENROLLING
            or compiled.feature_id in participant.enrollments
        ):
            return
        unit, users_needed = compiled.experiment.unit, complete.user_count
        reckoned = self._reckoned.get(compiled.feature_id)
        of_groups = bool(complete.group_count and compiled.group_type)
        if reckoned is not None and not of_groups and self._is_recent(reckoned):
            reckoned.users += 1
            if not _is_complete(unit, users_needed, None, reckoned.users, reckoned.groups):
                return
        count = self._read(compiled.feature_id)
        if _is_complete(unit, users_needed, complete.group_count, count.users, count.groups):
            self._experiments.complete(compiled.experiment.id)

    def _is_recent(self, count: _Count) -> bool:
        return self._monotonic() <= count.read_at + COUNT_AGE

    def _read(self, feature_id: int) -> _Count:
        users, groups = self._counts.in_all(feature_id)
        count = self._reckoned[feature_id] = _Count(users, groups, self._monotonic())
        return count


def _is_complete(
    unit: Unit, users_needed: int, groups_needed: int | None, users: int, groups: int
) -> bool:
    if groups_needed and unit is Unit.GROUP:
        return groups >= groups_needed
    return users >= users_needed


def _needed_groups(compiled: CompiledExperiment | None, participant: Participant) -> list[GroupKey]:
    """The groups whose records a mark for an experiment depends on."""
    if compiled is None:
        return []
    if compiled.exclude.groups:
        return sorted(participant.working_groups())
    group = participant.working_group(compiled.group_type) if compiled.group_type else None
    return [] if group is None else [group]


def _counting(
    catalogue: Catalogue, outcome: Outcome, participant: Participant, attempt: int
) -> Counting:
    compiled, enrollment = outcome.compiled, outcome.records.enrollment
    if compiled is None:
        return Counting()
    feature = catalogue.feature(compiled.feature_id)
    shards = feature.totals_shards if feature else 1
    shard = TotalsShard.pick(compiled.feature_id, 0, shards, participant.id, attempt).shard
    if enrollment is None:
        return Counting(shard)
    complete = compiled.experiment.complete_condition
    condition = compiled.condition(enrollment.condition_id)
    return Counting(
        shard,
        (enrollment.stratum, condition.variant_id) if enrollment.stratum and condition else None,
        complete.user_count if complete else None,
    )


def _counting_for_testlab(
    assignment: TestLabAssignment, outcome: Outcome, participant: Participant, attempt: int
) -> Counting:
    """Where a first enrollment counts, as a user of the variant too if it does."""
    feature, variant = assignment.feature, assignment.variant
    enrollment = outcome.records.enrollment
    if enrollment is None or variant is None:
        return Counting()
    shard = TotalsShard.pick(feature.id, variant.id, feature.totals_shards, participant.id, attempt)
    if enrollment.variant_id is None:
        return Counting(shard.shard)
    today = enrollment.at.date()
    return Counting(shard.shard, totals=shard.of_day(today, today))
