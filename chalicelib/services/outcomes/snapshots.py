"""Snapshots of what queries come to: taken once a day, and read as a series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.faults import Round
from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.metrics import MetricQuery
from chalicelib.domain.features.features import Feature
from chalicelib.domain.outcomes.metric_results import observations
from chalicelib.domain.outcomes.query_sums import (
    EnrolledUnits,
    QuerySums,
    enrolled_units,
    query_sums,
)
from chalicelib.domain.outcomes.snapshots import (
    NONE_TAKEN,
    Snapshot,
    Taken,
    by_query,
    ends_by_number,
    fitted,
    have_come,
    is_due,
    is_final,
    last_day,
    planned_end_of,
)
from chalicelib.services.experiments.ports import EnrollmentCountStore
from chalicelib.services.outcomes.observations import (
    Part,
    kind_of,
    read_logged,
    read_part_by_stretch,
)
from chalicelib.services.outcomes.ports import (
    SNAPSHOT_BYTES,
    LogStore,
    SnapshotStore,
    UserEnrollmentStore,
)
from chalicelib.services.participants.ports import ParticipantStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.isolation import each_alone
from chalicelib.services.running.ports import Clock

QUERIES_PER_RUN = 50
"""Queries of which one run of the scheduled function takes snapshots; the next goes on."""

LOOKING_TIME = timedelta(seconds=10)
"""How long a run looks for experiments that lack snapshots, if they are very many."""

RUN_TIME = timedelta(seconds=20)
"""How long after its begin a run still takes up another experiment."""

PAUSE = timedelta(minutes=15)
"""How long an experiment rests that a run failed at: a linear read each minute would be dear."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)

PlannedEnd = Callable[[Feature], datetime | None]
"""When the plan of an experiment ends; None if nothing says so."""

Seen = tuple[date, int, bool]
"""What decides whether an experiment lacks snapshots: last day, version, whether the plan ended."""


@dataclass(frozen=True, slots=True)
class _Due:
    """An experiment with queries that lack a snapshot, and how far these are."""

    feature: Feature
    experiment: Experiment
    queries: tuple[MetricQuery, ...]
    taken: Mapping[str, Taken]
    planned_end: datetime | None
    seen: Seen

    @property
    def turn(self) -> tuple[datetime, datetime, int]:
        """Whose turn it is: who was tried longest ago, then whose last snapshot is oldest.

        So an experiment whose snapshots no run gets done is behind all others in the next one.
        """
        own = [self.of(query) for query in self.queries]
        tried = min(each.tried or NEVER for each in own)
        return tried, min(each.at or NEVER for each in own), self.feature.id

    def of(self, query: MetricQuery) -> Taken:
        """How far a query is."""
        return self.taken.get(query.id, NONE_TAKEN)


@dataclass
class _Run:
    """A run: the work that it may still do, its findings, and whether it left some undone."""

    catalogue: Catalogue
    now: datetime
    begun: datetime
    queries: int
    due: dict[int, _Due] = field(default_factory=dict)
    whole: bool = True


class SnapshotService:
    """Takes the snapshots that are due, and shows them.

    Snapshots are written once, with the condition that there is none. So a run may be killed
    anywhere, and others run beside it: what lacks a snapshot is found again.
    """

    def __init__(
        self,
        catalogue: CatalogueService,
        logs: LogStore,
        enrollments: UserEnrollmentStore,
        groups: ParticipantStore,
        counts: EnrollmentCountStore,
        snapshots: SnapshotStore,
        clock: Clock,
        planned_end: PlannedEnd = planned_end_of,
    ) -> None:
        self._catalogue = catalogue
        self._logs = logs
        self._enrollments = enrollments
        self._groups = groups
        self._counts = counts
        self._snapshots = snapshots
        self._clock = clock
        self._planned_end = planned_end
        self._settled: dict[int, Seen] = {}
        self._failed: dict[int, datetime] = {}

    def take_due(self, now: datetime | None = None) -> Round:
        """Take the snapshots of the last day that is over, the longest waiting experiment first.

        Each experiment is handled alone; where it failed is returned, and rests for `PAUSE` in this
        process. A run takes those of `QUERIES_PER_RUN` queries, and takes up none after `RUN_TIME`.
        """
        begun = self._clock()
        run = _Run(self._catalogue.fresh(), now or begun, begun, QUERIES_PER_RUN)

        def look(feature_id: int, experiment: Experiment) -> bool:
            return self._look(run, feature_id, experiment)

        def take(feature_id: int, _: Experiment) -> bool:
            self._take(run, run.due[feature_id])
            return True

        looked = each_alone(self._to_look_at(run), look)
        taken = each_alone(self._in_turn(run), take)
        whole = run.whole and looked.whole and taken.whole
        return Round((*looked.failures, *taken.failures), whole)

    def today(self, feature_id: int, query_id: str) -> Snapshot:
        """The sums of a query as they are now, read for the request and not stored.

        It costs what an analysis costs: it is linear in the users that logged the metric.

        Raises:
            NotFound: if there is no such experiment or query.
        """
        catalogue, now = self._catalogue.fresh(), self._clock()
        feature = catalogue.feature(feature_id)
        design = feature.design if feature else None
        for query in design.metric_queries() if design else ():
            if feature is not None and design is not None and query.id == query_id:
                (sums,) = self._sums(catalogue, feature, design, [query])
                return Snapshot(now.astimezone(UTC).date(), now, final=False, sums=sums)
        raise NotFound(f"there is no such query: {query_id}")

    def series(self, feature_id: int) -> Mapping[str, Sequence[Snapshot]]:
        """The snapshots of an experiment by the ids of queries, each from the oldest day on."""
        return by_query(self._snapshots.of_experiment(feature_id))

    def _to_look_at(self, run: _Run) -> Iterator[tuple[int, Experiment]]:
        for feature_id, experiment in run.catalogue.experiments():
            failed = self._failed.get(feature_id)
            if self._clock() - run.begun >= LOOKING_TIME or (failed and run.now < failed + PAUSE):
                run.whole = False
            elif experiment.queries and experiment.started_at is not None:
                yield feature_id, experiment

    def _look(self, run: _Run, feature_id: int, experiment: Experiment) -> bool:
        """Find the queries of an experiment that lack a snapshot; whether the store was asked."""
        feature = run.catalogue.feature(feature_id)
        assert feature is not None  # noqa: S101 - it is of this catalogue
        end = self._planned_end(feature)
        seen = last_day(run.now), experiment.version, end is not None and end <= run.now
        if self._settled.get(feature_id) == seen:
            return False
        taken = self._snapshots.taken(feature_id)
        queries = tuple(
            query
            for query in experiment.metric_queries()
            if is_due(experiment, taken.get(query.id, NONE_TAKEN), run.now, end)
        )
        if queries:
            run.due[feature_id] = _Due(feature, experiment, queries, taken, end, seen)
        else:
            self._settled[feature_id] = seen
        return True

    def _in_turn(self, run: _Run) -> Iterator[tuple[int, Experiment]]:
        for due in sorted(run.due.values(), key=lambda each: each.turn):
            if run.queries and self._clock() - run.begun < RUN_TIME:
                yield due.feature.id, due.experiment
            else:
                run.whole = False

    def _take(self, run: _Run, due: _Due) -> None:
        """Take snapshots of an experiment, as many as the run may."""
        queries = due.queries[: run.queries]
        run.queries -= len(queries)
        run.whole = run.whole and queries == due.queries
        at = self._clock()
        feature_id = due.feature.id
        try:
            self._snapshots.note_try(feature_id, [query.id for query in queries], at)
            enrolled = self._counts.in_all(feature_id) if ends_by_number(due.feature) else (0, 0)
            read = self._sums(run.catalogue, due.feature, due.experiment, queries)
            stored = [
                self._snapshots.put(
                    feature_id,
                    Snapshot(
                        last_day(run.now),
                        at,
                        is_final(
                            due.of(query),
                            at,
                            due.planned_end,
                            all_came=have_come(due.feature, *enrolled, sums),
                        ),
                        sums,
                    ),
                )
                for query, sums in zip(queries, read, strict=True)
            ]
        except Unavailable:
            raise
        except Exception:
            self._failed[feature_id] = run.now
            raise
        self._failed.pop(feature_id, None)
        if len(stored) == len(due.queries) and all(stored):
            self._settled[feature_id] = due.seen

    def _sums(
        self,
        catalogue: Catalogue,
        feature: Feature,
        experiment: Experiment,
        queries: Sequence[MetricQuery],
    ) -> Iterator[QuerySums]:
        """The sums of some queries of an experiment, in their order; each metric is read once."""
        by_stretch = feature.run is not None and bool(feature.run.reweighted_at)
        logged = {key: read_logged(self._logs, key) for key in {q.metric_key for q in queries}}
        users = {value.user_id for own in logged.values() for value in own}
        part = read_part_by_stretch(self._enrollments, self._groups, feature, experiment, users)
        # Read last: who has a value is enrolled, and counted.
        enrolled = self._enrolled(feature.id, experiment, part, by_stretch=by_stretch)
        for query in queries:
            kind = kind_of(catalogue, query.metric_key)
            values = list(observations(logged[query.metric_key], part.met))
            sums = query_sums(
                query,
                experiment,
                kind,
                values,
                part.places,
                enrolled,
                feature.control_condition,
                by_stretch=by_stretch,
            )
            yield fitted(sums, SNAPSHOT_BYTES)

    def _enrolled(
        self, feature_id: int, experiment: Experiment, part: Part, *, by_stretch: bool
    ) -> EnrolledUnits:
        """The enrolled units; those of strata are not counted by stretch of constant weights."""
        points = {point.point_key for point in experiment.points}
        counts, _ = self._counts.by_point(feature_id, points)
        strata = {place.stratum for place in part.places.values() if place.stratum is not None}
        is_counted = strata and not by_stretch
        in_strata = self._counts.in_strata(feature_id, strata) if is_counted else {}
        variants = {condition.variant_id: condition.id for condition in experiment.conditions}
        return enrolled_units(
            counts,
            {
                (stratum, variants[variant_id]): users
                for (stratum, variant_id), users in in_strata.items()
                if variant_id in variants
            },
        )
