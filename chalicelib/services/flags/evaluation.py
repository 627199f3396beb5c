"""Which flags are on for a user."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from chalicelib.domain.audiences.segments import globally_excluded
from chalicelib.domain.catalogue.testlab_assignments import flags_on
from chalicelib.domain.errors import LostRace
from chalicelib.domain.experiments.compiled_experiments import CompiledContext
from chalicelib.domain.features.users import TotalsShard, check_user_id
from chalicelib.domain.flags.flags import Flag
from chalicelib.domain.participants.participants import Membership, Participant, Profile
from chalicelib.services.flags.ports import ExposureStore
from chalicelib.services.participants.ports import ParticipantStore
from chalicelib.services.running.compilation import CompilationService, UnknownContext
from chalicelib.services.running.ports import Clock
from chalicelib.services.running.retries import retries


class EvaluationService:
    """Answers featureflag."""

    def __init__(
        self,
        compilation: CompilationService,
        participants: ParticipantStore,
        exposures: ExposureStore,
        clock: Clock,
        shards: int,
    ) -> None:
        self._compilation = compilation
        self._participants = participants
        self._exposures = exposures
        self._clock = clock
        self._shards = shards

    def visitor(self, user_id: str) -> Participant:
        """What is stored under an id, whether or not it was ever initialised; no owner of it.

        Raises:
            Invalid: if the id is too long.
        """
        check_user_id(user_id)
        return self._participants.read(user_id)

    def flags(self, participant: Participant, context: str) -> list[str]:
        """The keys of the flags that are on; those of UpGrade's form are noted as exposures.

        Toggles and rollouts of Test Lab go by their names, in every context.

        Raises:
            UnknownContext: if there is no such context.
        """
        return self.flags_of_each([participant], context)[0]

    def flags_of_each(self, sessions: Sequence[Participant], context: str) -> list[list[str]]:
        """The flags that are on for one user in several sessions, with other groups in each.

        Raises:
            UnknownContext: if there is no such context.
        """
        catalogue, compiled_catalogue = self._compilation.current()
        compiled_context = compiled_catalogue.in_context(context)
        if compiled_context is None:
            raise UnknownContext(f"Invalid app context: {context}")
        user = sessions[0]
        names = flags_on(catalogue, self._clock().date(), user.id)
        on = [_on(compiled_context, session) for session in sessions]
        self._expose(user, frozenset(flag.feature_id for flags in on for flag in flags or ()))
        return [
            [] if flags is None else list(dict.fromkeys([*(flag.key for flag in flags), *names]))
            for flags in on
        ]

    def _expose(self, participant: Participant, feature_ids: Collection[int]) -> None:
        """Note the flags that were never on for the user before, each once."""
        tries = retries("the exposures")
        while new := frozenset(feature_ids) - participant.exposures:
            shard = TotalsShard.pick(0, 0, self._shards, participant.id, next(tries)).shard
            try:
                self._exposures.note(participant.id, new, shard)
            except LostRace:
                participant = self._participants.read(participant.id)
            else:
                return


def _on(compiled_context: CompiledContext, participant: Participant) -> list[Flag] | None:
    """The flags of UpGrade's form that are on, None for who is shut out of everything."""
    if globally_excluded(compiled_context.shut_out, participant):
        return None
    return [compiled.flag for compiled in compiled_context.flags if compiled.is_on_for(participant)]


def in_session(participant: Participant, groups: Membership, *, stored: bool) -> Participant:
    """A user with the groups of a session, besides the stored ones or in place of them.

    In place of them there is no working group either (UpGrade, section 16).
    """
    if not stored:
        return replace(participant, profile=Profile(participant.id, group=groups))
    return participant.with_groups(groups)
