"""Experiments, flags and segments that come from elsewhere, each with its lists."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.lists import check_room, with_lists
from chalicelib.domain.errors import Conflict, Invalid, LostRace, NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.flags.flags import Flag
from chalicelib.domain.outcomes.plans import checked_plan, planned
from chalicelib.services.audiences.segment_deletion import SegmentDeletionService
from chalicelib.services.audiences.segments import IdTaken, SegmentService
from chalicelib.services.experiments.experiment_lists import ExperimentLists
from chalicelib.services.experiments.experiments import ExperimentService, check_new
from chalicelib.services.flags.flags import FlagService, check_key
from chalicelib.services.outcomes.metrics import MetricDraft, MetricService
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.retries import retries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListDraft:
    """A list to create: its segment, the users of that, and what its holder says of it."""

    segment: Segment
    user_ids: Sequence[str] = ()
    enabled: bool = True
    list_type: str | None = None

    def entry(self) -> ListEntry:
        """The list as its holder has it."""
        return ListEntry(self.segment.id, self.enabled, self.list_type)


@dataclass(frozen=True, slots=True)
class ExperimentDraft:
    """An experiment to create, with its lists, and the metrics that it asks for and lacks here.

    A `plan` says what is planned of its results.
    """

    design: Experiment
    include: Sequence[ListDraft] = ()
    exclude: Sequence[ListDraft] = ()
    metrics: Sequence[MetricDraft] = ()
    plan: ResultPlan | None = None


@dataclass(frozen=True, slots=True)
class ListImport(Generic[T]):
    """Imports lists for one experiment, flag or segment; `catalogue` is from before.

    `store` takes all of some lists or none, and returns the thing after that. It raises `NotFound`
    if the thing has gone meanwhile, and `Invalid` if it has as many lists as it may have.
    """

    catalogue: Catalogue
    context: str
    store: Callable[[Sequence[ListDraft]], T]


@dataclass(frozen=True, slots=True)
class _Stored:
    """The segments of some lists, and how they are to be listed."""

    segments: tuple[Segment, ...] = ()
    entries: tuple[ListEntry, ...] = ()


class ImportService:
    """Stores what comes from elsewhere; ids are kept where nothing else has them.

    The segments of lists are stored first, then in one commit what lists them. Killed in between,
    there are private segments that nothing refers to; the same call made again takes their places,
    and if none comes the purge removes them. A call that is refused leaves none.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        segments: SegmentService,
        segment_deletion: SegmentDeletionService,
        experiments: ExperimentService,
        experiment_lists: ExperimentLists,
        flags: FlagService,
        metrics: MetricService,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._catalogue = catalogue
        self._segments = segments
        self._segment_deletion = segment_deletion
        self._experiments = experiments
        self._experiment_lists = experiment_lists
        self._flags = flags
        self._metrics = metrics
        self._new_id = new_id

    def experiment(
        self,
        design: Experiment,
        include: Sequence[ListDraft],
        exclude: Sequence[ListDraft],
        metrics: Sequence[MetricDraft] = (),
        *,
        runs: bool = False,
    ) -> Experiment:
        """Store a new experiment with its lists, and before it the metrics that it asks for.

        Raises:
            Conflict: if there is one with the id.
            Invalid: if it lacks what its state needs (unless it `runs` elsewhere), has too many
                lists, or is larger than the store takes.
        """
        drafts = [ExperimentDraft(design, include, exclude, metrics)]
        return self.experiments(drafts, runs=runs)[0]

    def experiments(
        self, drafts: Sequence[ExperimentDraft], *, runs: bool = False
    ) -> list[Experiment]:
        """Store new experiments with their lists and metrics, all of them or none.

        Raises:
            Conflict: if there is one with an id, or two have the same.
            Invalid: if one lacks what its state needs (unless they `run` elsewhere), has too many
                lists or a plan that makes no sense, or they are larger than the store takes.
        """

        plans = {each.design.id: each.plan for each in drafts if each.plan is not None}

        def begun(feature: Feature, now: datetime) -> Feature:
            plan = None if feature.design is None else plans.get(feature.design.id)
            if plan is None:
                return feature.begun(now)
            return planned(feature, plan, now, anybody=False)

        def create(included: _Stored, excluded: _Stored) -> list[Experiment]:
            includes, excludes = iter(included.entries), iter(excluded.entries)

            def whole(draft: ExperimentDraft) -> Experiment:
                own = islice(includes, len(draft.include))
                others = islice(excludes, len(draft.exclude))
                listing = with_lists(draft.design, own, exclude=False)
                return with_lists(listing, others, exclude=True)

            self._metrics.save([metric for each in drafts for metric in each.metrics])
            lists = (*included.segments, *excluded.segments)
            designs = list(map(whole, drafts))
            return self._experiments.create_all(designs, lists, begun, runs=runs)

        def check() -> None:
            check_new(self._catalogue.fresh(), [each.design for each in drafts], runs=runs)
            for each in drafts:
                check_room(each.design, len(each.include) + len(each.exclude))
                if each.plan is not None:
                    checked_plan(each.plan, each.design)

        included = [listed for each in drafts for listed in each.include]
        excluded = [listed for each in drafts for listed in each.exclude]
        return self._create(included, excluded, create, check)

    def flag(self, draft: Flag, include: Sequence[ListDraft], exclude: Sequence[ListDraft]) -> Flag:
        """Store a new flag with its lists; it gets another id if a flag has its own.

        Raises:
            FlagKeyTaken: if a flag of the context has the key.
            Invalid: if it has too many lists, or is larger than the store takes.
        """
        if draft.id in self._catalogue.fresh().flags:
            draft = replace(draft, id=self._new_id())

        def create(included: _Stored, excluded: _Stored) -> Flag:
            whole = with_lists(draft, included.entries, exclude=False)
            whole = with_lists(whole, excluded.entries, exclude=True)
            return self._flags.create(whole, (*included.segments, *excluded.segments))

        def check() -> None:
            check_key(self._catalogue.fresh(), draft)
            check_room(draft, len(include) + len(exclude))

        return self._create(include, exclude, create, check)

    def segment(
        self, draft: Segment, user_ids: Sequence[str], lists: Sequence[ListDraft] = ()
    ) -> Segment:
        """Store a new segment with its lists, which are among its subsegments.

        It gets another id if a segment has its own.

        Raises:
            NameTaken: if a public segment of the context has the name.
            Invalid: if it is larger than the store takes.
        """

        def create(included: _Stored, _: _Stored) -> Segment:
            ids = {
                each.segment.id: segment.id
                for each, segment in zip(lists, included.segments, strict=True)
            }
            whole = replace(
                draft, sub_segments=tuple(ids.get(sub, sub) for sub in draft.sub_segments)
            )
            return self._put_new(whole, user_ids, included.segments)

        return self._create(lists, (), create, lambda: None)

    def into_experiment(self, experiment_id: str, *, exclude: bool) -> ListImport[Experiment]:
        """Takes lists for one side of an experiment.

        Raises:
            NotFound: if there is no such experiment.
        """

        def create(stored: _Stored, _: _Stored) -> Experiment:
            return self._experiment_lists.add_lists(
                experiment_id, stored.entries, exclude=exclude, lists=stored.segments
            )

        def check(more: int) -> None:
            check_room(self._experiments.get(experiment_id), more)

        context = self._experiments.get(experiment_id).context
        return self._into(context, create, check)

    def into_flag(self, flag_id: str, *, exclude: bool) -> ListImport[Flag]:
        """Takes lists for one side of a flag.

        Raises:
            NotFound: if there is no such flag.
        """

        def create(stored: _Stored, _: _Stored) -> Flag:
            return self._flags.put_lists(
                flag_id, stored.entries, exclude=exclude, lists=stored.segments
            )

        def check(more: int) -> None:
            check_room(self._flags.get(flag_id), more)

        return self._into(self._flags.get(flag_id).context, create, check)

    def into_segment(self, segment_id: str) -> ListImport[Segment]:
        """Takes lists that become parts of a segment.

        Raises:
            NotFound: if there is no such segment.
            Invalid: when they are stored, if the segment is a list itself.
        """

        def create(stored: _Stored, _: _Stored) -> Segment:
            return self._segments.add_parts(segment_id, stored.segments)

        def check(_: int) -> None:
            self._segments.get(segment_id)

        return self._into(self._segments.get(segment_id).context, create, check)

    def _into(
        self,
        context: str,
        create: Callable[[_Stored, _Stored], T],
        check: Callable[[int], None],
    ) -> ListImport[T]:
        def store(lists: Sequence[ListDraft]) -> T:
            return self._create(lists, (), create, lambda: check(len(lists)))

        return ListImport(self._catalogue.fresh(), context, store)

    def _create(
        self,
        include: Sequence[ListDraft],
        exclude: Sequence[ListDraft],
        create: Callable[[_Stored, _Stored], T],
        check: Callable[[], None],
    ) -> T:
        """Store lists and then, by `create`, what has them; all again on a lost race.

        `check` refuses before anything is stored.
        """
        tries = retries("the import")
        while True:
            next(tries)
            check()
            stored: list[Segment] = []
            try:
                return create(self._store(include, stored), self._store(exclude, stored))
            except LostRace:
                self._discard(stored)
            except (Conflict, Invalid, NotFound):
                self._discard(stored)
                raise

    def _store(self, lists: Sequence[ListDraft], stored: list[Segment]) -> _Stored:
        """Store the segments of lists, and note them among those `stored` for the same purpose."""
        first = len(stored)
        for each in lists:
            draft = each.segment
            if any(draft.id == segment.id for segment in stored):
                draft = replace(draft, id=self._new_id())
            stored.append(self._put_new(draft, each.user_ids))
        segments = tuple(stored[first:])
        return _Stored(
            segments,
            tuple(
                replace(each, segment=segment).entry()
                for each, segment in zip(lists, segments, strict=True)
            ),
        )

    def _put_new(
        self, draft: Segment, user_ids: Sequence[str], parts: Sequence[Segment] = ()
    ) -> Segment:
        try:
            return self._segments.put_new(draft, user_ids, parts)
        except IdTaken:
            return self._segments.put_new(replace(draft, id=self._new_id()), user_ids, parts)

    def _discard(self, stored: Sequence[Segment]) -> None:
        for segment in stored:
            self._segment_deletion.discard(segment)
