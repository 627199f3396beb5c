"""Designs as people read them: with numbers, lists and the plan; shipped, and copied."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.catalogue.pages.traffic import traffic_by_context
from chalicelib.domain.confirmation import tag_of
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.experiments.enrollment_statistics import EnrollmentDetail, Head
from chalicelib.domain.experiments.experiments import Condition, Experiment
from chalicelib.domain.experiments.lifecycle import copied, shipped
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.features.features import Feature
from chalicelib.domain.features.result_plans import ResultPlan
from chalicelib.domain.outcomes.plans import ToldChange, metrics_of, told_changes
from chalicelib.services.audiences.member_counts import MemberCounts
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.catalogue.imports import ImportService, ListDraft
from chalicelib.services.catalogue.lists import ListService
from chalicelib.services.experiments.enrollment_statistics import EnrollmentStatisticsService
from chalicelib.services.experiments.experiments import ExperimentService
from chalicelib.services.outcomes.ports import SummaryStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.ports import Clock

Enrolled = Callable[[], Mapping[str, Head]]
"""Reads how many users and groups have each condition of a design, by its id."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a design can refer to: contexts with their types of groups, metrics and segments.

    `traffic` are the new users a day of contexts, as far as running designs tell.
    """

    group_types: Mapping[str, Sequence[str]]
    metrics: tuple[Metric, ...]
    segments: tuple[Segment, ...]
    traffic: Mapping[str, float] = field(default_factory=dict)

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts as they are configured."""
        return tuple(self.group_types)


@dataclass(frozen=True, slots=True)
class ShownList:
    """A list of a design: its segment, how many users that names, and its subsegments' names."""

    segment: Segment
    users: int
    exclude: bool
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownDesign:
    """A design with all that is known of it but its results."""

    feature: Feature
    design: Experiment
    enrollment: EnrollmentDetail
    lists: tuple[ShownList, ...]
    fault: Fault | None
    choices: Choices

    def enrolled_in(self, condition_id: str) -> Head:
        """Users and groups that have a condition."""
        counts = {each.condition_id: each.enrolled for each in self.enrollment.conditions}
        return counts.get(condition_id, Head())

    def code(self, condition_id: str | None) -> str:
        """What clients call a condition; "" for none."""
        codes = {each.id: each.code for each in self.design.conditions}
        return codes.get(condition_id or "", "")

    def place(self, point_id: str | None) -> str:
        """Site and target of a decision point; "" for none."""
        places = {
            each.id: f"{each.site} / {each.target}" if each.target else each.site
            for each in self.design.points
        }
        return places.get(point_id or "", "")

    def levels_of(self, condition: Condition) -> str:
        """The levels that a condition combines, by name."""
        own = {element.level_id for element in condition.levels}
        return "; ".join(
            f"{factor.name}={level.name}"
            for factor in self.design.factors
            for level in factor.levels
            if level.id in own
        )

    @property
    def plan(self) -> ResultPlan:
        """What is planned of its results; what was fixed at the start decides all the same."""
        return self.feature.plan or ResultPlan()

    @property
    def plan_seen(self) -> str:
        """What tells the plan that is shown from one that somebody changed meanwhile."""
        return tag_of(self.feature.plan)

    def query_names(self) -> dict[str, str]:
        """The names of its queries by their ids."""
        return {str(each.get("id")): str(each.get("name")) for each in self.design.queries}

    def planned_metrics(self) -> list[tuple[str, str]]:
        """The names of the queries that results show, and the role of each."""
        names = self.query_names()
        plan = self.feature.effective_plan()
        return [
            (names.get(each.name or "", "a query that is gone"), each.role.value)
            for each in metrics_of(plan, self.design)
        ]

    def plan_changes(self) -> list[ToldChange]:
        """What was changed after the start, and what that means for the verdict."""
        return [] if self.feature.run is None else told_changes(self.feature.run)


class DesignService:
    """Shows designs of UpGrade's administration, ships their winners and copies them."""

    def __init__(
        self,
        catalogue: CatalogueService,
        experiments: ExperimentService,
        enrollment: EnrollmentStatisticsService,
        segments: SegmentService,
        counts: MemberCounts,
        imports: ImportService,
        lists: ListService,
        summaries: SummaryStore,
        clock: Clock,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._catalogue = catalogue
        self._experiments = experiments
        self._enrollment = enrollment
        self._segments = segments
        self._counts = counts
        self._imports = imports
        self._lists = lists
        self._summaries = summaries
        self._clock = clock
        self._new_id = new_id

    def choices(self, *, with_traffic: bool = False) -> Choices:
        """What a new design can refer to; with the traffic that it can expect, if that is asked."""
        catalogue = self._catalogue.fresh()
        if not with_traffic:
            return self._choices(catalogue)
        summaries = {each.feature_id: each for each in self._summaries.all()}
        traffic = traffic_by_context(catalogue, summaries, self._clock().date())
        return replace(self._choices(catalogue), traffic=traffic)

    def shown(self, experiment_id: str) -> ShownDesign:
        """A design with its numbers and lists.

        Raises:
            NotFound: if there is none.
        """
        catalogue = self._catalogue.fresh()
        feature = catalogue.experiment(experiment_id)
        if feature is None or feature.design is None:
            raise NotFound("Experiment not found!")
        return ShownDesign(
            feature,
            feature.design,
            self._enrollment.detail(experiment_id),
            tuple(self._shown_lists(catalogue, feature.design)),
            catalogue.faults.get(experiment_id),
            self._choices(catalogue),
        )

    def edit(
        self,
        experiment_id: str,
        edit: Callable[[Experiment, Sequence[Metric], Enrolled], Experiment],
    ) -> Experiment:
        """Edit a design; `edit` is told all metrics, and can ask who has each condition.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if it lacks what its state needs; and what `edit` raises.
        """

        def enrolled() -> Mapping[str, Head]:
            conditions = self._enrollment.detail(experiment_id).conditions
            return {each.condition_id: each.enrolled for each in conditions}

        def decide(before: Experiment) -> Experiment:
            metrics = tuple(self._catalogue.fresh().metrics.values())
            return edit(before, metrics, enrolled)

        return self._experiments.edit(experiment_id, decide)

    def ship(self, experiment_id: str, condition_id: str) -> Experiment:
        """Complete enrollment, and let all who took part have one condition from now on.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if it has no such condition, or is one within subjects.
        """
        return self._experiments.edit(
            experiment_id, lambda before: shipped(before, condition_id, self._clock())
        )

    def copy(self, experiment_id: str, name: str) -> Experiment:
        """Create an inactive copy under another name, with copies of its own lists.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if the copy is larger than the store takes.
        """
        before = self._experiments.get(experiment_id)
        copy = copied(before, name, self._clock(), self._new_id)
        stored = self._catalogue.fresh().segments
        own = {
            entry.segment_id
            for entry in (*before.include, *before.exclude)
            if entry.segment_id in stored and stored[entry.segment_id].type is SegmentType.PRIVATE
        }
        return self._imports.experiment(
            replace(
                copy,
                include=tuple(each for each in before.include if each.segment_id not in own),
                exclude=tuple(each for each in before.exclude if each.segment_id not in own),
            ),
            [self._draft(stored[e.segment_id]) for e in before.include if e.segment_id in own],
            [self._draft(stored[e.segment_id]) for e in before.exclude if e.segment_id in own],
        )

    def add_list(
        self, experiment_id: str, draft: Callable[[str], ListDraft], *, exclude: bool
    ) -> Experiment:
        """Let a list include or exclude its members; `draft` makes it for the design's context.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if the list names nobody, or there are as many as there may be.
        """
        made = draft(self._experiments.get(experiment_id).context)
        if not (made.user_ids or made.segment.groups or made.segment.sub_segments):
            raise Invalid("This list names nobody: type ids, or choose a segment.")
        return self._lists.add_to_experiment(experiment_id, made, exclude=exclude)

    def remove_list(self, experiment_id: str, segment_id: str, *, exclude: bool) -> Segment:
        """Take a list of a design off the side that it is on, and off that of others that share it.

        Raises:
            NotFound: if the design has no such list there.
        """
        design = self._experiments.get(experiment_id)
        own = design.exclude if exclude else design.include
        if all(entry.segment_id != segment_id for entry in own):
            raise NotFound("This design has no such list on that side any more.")
        return self._lists.remove_from_experiments(segment_id, exclude=exclude)

    def _draft(self, segment: Segment) -> ListDraft:
        return ListDraft(replace(segment, id=self._new_id()), self._segments.members(segment))

    def _shown_lists(self, catalogue: Catalogue, design: Experiment) -> Iterator[ShownList]:
        sides = [(entry, False) for entry in design.include]
        sides += [(entry, True) for entry in design.exclude]
        found = [
            (segment, exclude)
            for entry, exclude in sides
            if (segment := catalogue.segments.get(entry.segment_id)) is not None
        ]
        counts = self._counts.of(segment for segment, _ in found)
        for segment, exclude in found:
            parts = (catalogue.segments.get(each) for each in segment.sub_segments)
            names = tuple(part.name for part in parts if part is not None)
            yield ShownList(segment, counts[segment.id], exclude, names)

    def _choices(self, catalogue: Catalogue) -> Choices:
        return Choices(
            self._segments.group_types,
            tuple(sorted(catalogue.metrics.values(), key=lambda metric: metric.key)),
            tuple(
                segment
                for segment in catalogue.segments.values()
                if segment.type is SegmentType.PUBLIC
            ),
        )
