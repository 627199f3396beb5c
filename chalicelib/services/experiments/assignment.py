"""Assign: which conditions a user gets, computed and not stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.audiences.segments import globally_excluded
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.testlab_assignments import TestLabAssignment, assignment_for
from chalicelib.domain.experiments.assignment import (
    Assignment,
    Groups,
    StratumCounts,
    assign,
    assign_at,
    is_corrected,
)
from chalicelib.domain.experiments.compiled_experiments import CompiledContext, CompiledExperiment
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Participant
from chalicelib.services.experiments.ports import EnrollmentCountStore
from chalicelib.services.participants.ports import ParticipantStore
from chalicelib.services.running.compilation import CompilationService, UnknownContext
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import Clock

STRATA_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a user gets: in experiments of UpGrade's form, and in one of Test Lab."""

    assignments: tuple[Assignment, ...]
    testlab: TestLabAssignment | None


class AssignmentService:
    """Answers assign."""

    def __init__(
        self,
        compilation: CompilationService,
        participants: ParticipantStore,
        counts: EnrollmentCountStore,
        clock: Clock,
    ) -> None:
        self._compilation = compilation
        self._participants = participants
        self._counts = counts
        self._clock = clock

    def prepare(self) -> None:
        """Read the catalogue, where several assignments of one request are to share it."""
        self._compilation.current()

    def assign(
        self, participant: Participant, context: str, point_key: DecisionPointKey | None = None
    ) -> Assigned:
        """What a user gets at all decision points of a context, or of that at one of them.

        Raises:
            UnknownContext: if there is no such context.
        """
        catalogue, compiled_context = self._compiled_context(participant, context)
        groups, strata = (
            self._groups(compiled_context, participant),
            self._strata(compiled_context, participant),
        )
        assignments = assign(compiled_context, participant, groups, strata)
        if globally_excluded(compiled_context.shut_out, participant):
            return Assigned((), None)
        own = assignment_for(catalogue, self._clock().date(), participant)
        return _at(point_key, Assigned(tuple(assignments), own))

    def assign_at(
        self, participant: Participant, context: str, point_key: DecisionPointKey
    ) -> Assigned:
        """What a user gets at one decision point, of the experiments there alone.

        Raises:
            UnknownContext: if there is no such context.
        """
        catalogue, whole = self._compiled_context(participant, context)
        compiled_context = replace(
            whole,
            compiled_experiments=tuple(
                each for each in whole.compiled_experiments if point_key in each.point_keys
            ),
        )
        if globally_excluded(compiled_context.shut_out, participant):
            return Assigned((), None)
        groups, strata = (
            self._groups(compiled_context, participant),
            self._strata(compiled_context, participant),
        )
        assignments = assign_at(compiled_context, point_key, participant, groups, strata)
        own = assignment_for(catalogue, self._clock().date(), participant)
        return _at(point_key, Assigned(tuple(assignments), own))

    def _compiled_context(
        self, participant: Participant, context: str
    ) -> tuple[Catalogue, CompiledContext]:
        catalogue, compiled_catalogue = self._compilation.current_for(participant)
        compiled_context = compiled_catalogue.in_context(context)
        if compiled_context is None:
            raise UnknownContext(f"Invalid app context: {context}")
        return catalogue, compiled_context

    def _groups(self, compiled_context: CompiledContext, participant: Participant) -> Groups:
        types = compiled_context.group_types()
        wanted = [key for key in participant.working_groups() if key.type in types]
        return self._participants.groups(wanted) if wanted else {}

    def _strata(self, compiled_context: CompiledContext, participant: Participant) -> StratumCounts:
        """The enrollments of the user's strata, where they are to be evened out."""
        stratified = [
            compiled
            for compiled in compiled_context.compiled_experiments
            if is_corrected(compiled, participant)
        ]
        if not stratified:
            return {}
        with Pool(min(len(stratified), STRATA_AT_ONCE)) as pool:
            counted = pool.map(lambda compiled: self._stratum(compiled, participant), stratified)
            return dict(zip((compiled.feature_id for compiled in stratified), counted, strict=True))

    def _stratum(self, compiled: CompiledExperiment, participant: Participant) -> Mapping[str, int]:
        value = participant.strata[compiled.experiment.stratification_factor or ""]
        by_variant = self._counts.in_stratum(compiled.feature_id, value)
        return {c.id: by_variant.get(c.variant_id, 0) for c in compiled.conditions}


def _at(point_key: DecisionPointKey | None, assigned: Assigned) -> Assigned:
    """The part of an answer that is about a decision point; all of it for None."""
    if point_key is None:
        return assigned
    own = assigned.testlab
    is_there = own is not None and point_key == DecisionPointKey(own.feature.name, "")
    return Assigned(
        tuple(each for each in assigned.assignments if each.point.point_key == point_key),
        own if is_there else None,
    )
