"""Lists of experiments and flags, each with its segment: added, replaced and removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.lists import has_list
from chalicelib.domain.errors import Conflict, Invalid, LostRace, NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.audiences.segment_deletion import SegmentDeletionService
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.catalogue.imports import ListDraft
from chalicelib.services.experiments.experiment_lists import ExperimentLists
from chalicelib.services.experiments.experiments import ExperimentService
from chalicelib.services.flags.flags import FlagService
from chalicelib.services.running.retries import retries

T = TypeVar("T")


def accept() -> None:
    """Refuse nothing."""


class ListService:
    """Changes lists, one at a time.

    The segment of a list is stored first, then what lists it. Where that is refused, no segment is
    left that nothing lists; where the process dies in between, the purge removes it. `check` may
    refuse, by raising, a list of which the caller was not shown all: that depends on how answers
    are written, so only who writes them can say. Nothing is stored before it.
    """

    def __init__(
        self,
        segments: SegmentService,
        segment_deletion: SegmentDeletionService,
        experiments: ExperimentService,
        experiment_lists: ExperimentLists,
        flags: FlagService,
    ) -> None:
        self._segments = segments
        self._segment_deletion = segment_deletion
        self._experiments = experiments
        self._experiment_lists = experiment_lists
        self._flags = flags

    def add_to_experiment(
        self, experiment_id: str, draft: ListDraft, *, exclude: bool
    ) -> Experiment:
        """Let a list include or exclude its members; a list with the id is replaced.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if it has as many lists as it may have, or the list on the other side.
            Conflict: if something else has the id.
        """
        self._experiment_lists.check_room(experiment_id, draft.segment.id, exclude=exclude)

        def join(made: Segment) -> Experiment:
            return self._experiment_lists.add_list(
                experiment_id, made.id, exclude=exclude, lists=[made]
            )

        return self._join(draft, join)

    def replace_in_experiment(
        self,
        experiment_id: str,
        draft: ListDraft,
        *,
        exclude: bool,
        check: Callable[[], None] = accept,
    ) -> Experiment:
        """Replace the members of a list of an experiment.

        Raises:
            NotFound: if there is no such experiment, or no such list on that side of any; also if
                the list is removed meanwhile.
            Invalid: if only others have the list.
            NameTaken: if a public segment of the context has the name.
        """
        experiment = self._experiments.get(experiment_id)
        segment_id = draft.segment.id
        self._experiment_lists.check_list(segment_id, exclude=exclude)
        if not has_list(experiment, segment_id, exclude=exclude):
            raise Invalid(f"the list {segment_id} belongs to another experiment")
        check()
        self._segments.replace_listed(draft.segment, draft.user_ids)
        return experiment

    def remove_from_experiments(self, segment_id: str, *, exclude: bool) -> Segment:
        """Take a list off one side of all experiments, and delete it if nothing else has it.

        Raises:
            NotFound: if no experiment has it there.
        """
        self._experiment_lists.check_list(segment_id, exclude=exclude)
        self._experiment_lists.remove_list(segment_id, exclude=exclude)
        return self._segment_deletion.delete_unused(segment_id)

    def put_in_flag(
        self,
        flag_id: str,
        draft: ListDraft,
        *,
        exclude: bool,
        check: Callable[[], None] = accept,
    ) -> Flag:
        """Let a list include or exclude its members, or say anew how it does.

        Raises:
            NotFound: if there is no such flag.
            Invalid: if it has as many lists as it may have, or the list on the other side.
            Conflict: if something else has the id.
        """
        entry = draft.entry()
        self._flags.check_room(flag_id, entry, exclude=exclude)
        check()

        def join(made: Segment) -> Flag:
            return self._flags.put_list(flag_id, entry, exclude=exclude, lists=[made])

        return self._join(draft, join)

    def replace_in_flag(
        self,
        flag_id: str,
        draft: ListDraft,
        *,
        exclude: bool,
        check: Callable[[], None] = accept,
    ) -> Flag:
        """Replace a list of a flag.

        Raises:
            NotFound: if no flag has it on that side.
            Invalid: if only others have it.
        """
        self._flags.check_list(flag_id, draft.segment.id, exclude=exclude)
        return self.put_in_flag(flag_id, draft, exclude=exclude, check=check)

    def remove_from_flag(self, segment_id: str, *, exclude: bool) -> Segment:
        """Take a list off one side of the oldest flag that has it there; the list as it was.

        Raises:
            NotFound: if no flag has it there.
        """
        holder = self._flags.holder_of(segment_id, exclude=exclude)
        segment = self._segments.get(segment_id)
        self._flags.remove_list(holder.id, segment_id, exclude=exclude)
        return segment

    def _join(self, draft: ListDraft, join: Callable[[Segment], T]) -> T:
        """Store the segment of a list, then list it by `join`; again if it is not what it was."""
        tries = retries("the list")
        while True:
            next(tries)
            stored = self._segments.put_listed(draft.segment, draft.user_ids)
            try:
                return join(stored)
            except LostRace:
                continue
            except (Conflict, Invalid, NotFound):
                self._segment_deletion.discard(stored)
                raise
