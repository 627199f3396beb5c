"""Experiments in UpGrade's form: compiled for assign and mark, and their administration."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.answer_room import shown_bytes
from chalicelib.domain.catalogue.catalogue import (
    Catalogue,
    CatalogueChange,
    FeatureChange,
)
from chalicelib.domain.catalogue.faults import Round
from chalicelib.domain.catalogue.lists import (
    listed,
    own_lists,
    require_there,
)
from chalicelib.domain.catalogue.purge import DeadVariants
from chalicelib.domain.confirmation import require_name
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.experiments.experiments import Experiment, State
from chalicelib.domain.experiments.lifecycle import check_begins, check_state, due_state, entered
from chalicelib.domain.features.features import Feature
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.isolation import each_alone
from chalicelib.services.running.ports import CatalogueStore, Clock

HeldExperiment = tuple[int, Experiment]
"""An experiment with the id of the feature that holds it, by which they are ordered."""


AT_ONCE = 90
"""Experiments and conditions that are created in one commit: so many rows fit a transaction."""


BYTES_AT_ONCE = 2_000_000
"""What several of them may take as they are shown; their rows repeat some of it, and take 4 MB."""


class ExperimentService:
    """Creates, edits and deletes experiments and moves them from state to state."""

    def __init__(
        self,
        catalogue: CatalogueService,
        store: CatalogueStore,
        clock: Clock,
        totals_shards: int,
        keep_results: Callable[[int, Experiment], None],
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._totals_shards = totals_shards
        self._keep_results = keep_results
        self._new_id = new_id

    def all(self) -> list[Experiment]:
        """All experiments, the oldest first."""
        return [experiment for _, experiment in self.with_feature_ids()]

    def with_feature_ids(self) -> list[HeldExperiment]:
        """All experiments with the ids of their features, the oldest first."""
        return list(self._catalogue.fresh().experiments())

    def get(self, experiment_id: str) -> Experiment:
        """One experiment.

        Raises:
            NotFound: if there is none.
        """
        return _design(self._catalogue.fresh(), experiment_id)[1]

    def feature_id(self, experiment_id: str) -> int:
        """The id of the feature that holds an experiment.

        Raises:
            NotFound: if there is none.
        """
        return _design(self._catalogue.fresh(), experiment_id)[0].id

    def create(
        self, experiment: Experiment, lists: Sequence[Segment] = (), *, runs: bool = False
    ) -> Experiment:
        """Store a new experiment, whose conditions get ids of variants, and whose log begins.

        It comes from inactive to its state now, or when it says that it started; one that has a
        log of its own, as it was elsewhere, keeps that. `lists` are the segments of its lists,
        where those were stored for it. One that `runs` elsewhere is taken as it is.

        Raises:
            Conflict: if there is one with the id.
            Invalid: if it lacks what its state needs.
            LostRace: if a segment of `lists` is not what it was.
        """
        return self.create_all([experiment], lists, runs=runs)[0]

    def create_all(
        self,
        experiments: Sequence[Experiment],
        lists: Sequence[Segment] = (),
        begun: Callable[[Feature, datetime], Feature] = Feature.begun,
        *,
        runs: bool = False,
    ) -> list[Experiment]:
        """Store new experiments in one commit, all of them or none.

        `begun` makes each with a run, if it starts at the moment that it is told.

        Raises:
            Conflict: if there is one with an id, or two have the same.
            Invalid: if one lacks what its state needs, or they are more than one commit takes.
            LostRace: if a segment of `lists` is not what it was.
        """
        check_new(self._catalogue.fresh(), experiments, runs=runs)
        drawn = [
            (self._store.new_feature_id(), self._with_variant_ids(each)) for each in experiments
        ]
        created: list[Experiment] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            check_new(catalogue, experiments, runs=runs)
            require_there(catalogue, lists)
            created[:] = [self._begun(each) for _, each in drawn]
            features = (
                begun(Feature.of_design(feature_id, each, self._totals_shards), self._clock())
                for (feature_id, _), each in zip(drawn, created, strict=True)
            )
            return CatalogueChange(features=tuple(FeatureChange(None, each) for each in features))

        if experiments:
            self._catalogue.change(decide)
        return created

    def edit(
        self,
        experiment_id: str,
        edit: Callable[[Experiment], Experiment],
        lists: Sequence[Segment] = (),
    ) -> Experiment:
        """Edit an experiment.

        `lists` are the segments of further lists, where those were stored for it.

        Raises:
            NotFound: if there is none.
            Invalid: if it lacks what its state needs.
            LostRace: if a segment of `lists` is not what it was.
        """
        edited: dict[str, Experiment] = {}

        def decide(catalogue: Catalogue) -> CatalogueChange:
            feature, before = _design(catalogue, experiment_id)
            require_there(catalogue, (each for each in lists if each.id not in listed(before)))
            after = self._moved(feature.id, before, edit(before))
            edited["after"] = self._with_variant_ids(after)
            return self._change(feature, edited["after"])

        self._catalogue.change(decide)
        return edited["after"]

    def move(
        self, experiment_id: str, state: State, start_on: str | None = None
    ) -> tuple[Experiment, Experiment]:
        """Change the state; the experiment before and after.

        `start_on` is when an experiment is to start that is now scheduled.

        Raises:
            NotFound: if there is none.
            Invalid: if it lacks what the state needs, as the date where it is scheduled.
        """
        moved: list[tuple[Experiment, Experiment]] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            feature, before = _design(catalogue, experiment_id)
            now = self._clock()
            after = replace(before, state=state, updated_at=now, version=before.version + 1)
            if state is State.SCHEDULED:
                after = replace(after, start_on=start_on or before.start_on)
            moved.append((before, self._moved(feature.id, before, after)))
            return self._change(feature, moved[-1][1])

        self._catalogue.change(decide)
        return moved[-1]

    def complete(self, experiment_id: str) -> None:
        """End enrollment, if it has not ended: parallel callers make one transition."""
        self._follow(
            experiment_id,
            lambda design: State.ENROLLMENT_COMPLETE if design.state is State.ENROLLING else None,
            as_seen=True,
        )

    def follow_schedules(self) -> Round:
        """Start and end what should have by its dates: parallel callers make one transition.

        Each experiment is handled alone; where it failed is returned.
        """

        def due(design: Experiment) -> State | None:
            return due_state(design, self._clock())

        def follow(_: int, experiment: Experiment) -> bool:
            if due(experiment) is None:
                return False
            self._follow(experiment.id, due)
            return True

        return each_alone(self._catalogue.fresh().experiments(), follow)

    def _follow(
        self,
        experiment_id: str,
        rule: Callable[[Experiment], State | None],
        *,
        as_seen: bool = False,
    ) -> None:
        """Move an experiment, if it is still there, to the state that `rule` says, if any."""

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            feature = catalogue.experiment(experiment_id)
            if feature is None or feature.design is None:
                return None
            design = feature.design
            state = rule(design)
            if state is None:
                return None
            version = design.version + 1
            after = replace(design, state=state, updated_at=self._clock(), version=version)
            return self._change(feature, self._moved(feature.id, design, after))

        self._catalogue.change(decide, as_seen=as_seen)

    def delete(self, experiment_id: str, name: str | None = None) -> Experiment:
        """Delete an experiment with its lists; what was stored of participants counts no more.

        Where `name` is given, only if that is its name.

        Raises:
            NotFound: if there is none.
            Invalid: if it has another name.
        """
        gone: list[Experiment] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            feature, design = _design(catalogue, experiment_id)
            if name is not None:
                require_name(design.name, name)
            gone.append(design)
            ids = tuple(variant.id for variant in feature.variants)
            return CatalogueChange(
                features=(FeatureChange(feature, None),),
                segments=own_lists(catalogue, design),
                dead=DeadVariants.now(feature.id, ids, self._clock(), whole=True),
            )

        self._catalogue.change(decide)
        return gone[-1]

    def _change(self, feature: Feature, after: Experiment) -> CatalogueChange:
        ids = {variant.id for variant in feature.variants}
        changed = Feature.of_design(
            feature.id, after, feature.totals_shards, feature.plan, feature.run
        ).begun(self._clock())
        dead = tuple(sorted(ids - {variant.id for variant in changed.variants}))
        return CatalogueChange(
            features=(FeatureChange(feature, changed),),
            dead=DeadVariants.now(feature.id, dead, self._clock()),
        )

    def _moved(self, feature_id: int, before: Experiment, after: Experiment) -> Experiment:
        """`after` with what a change of state brings about (sections 7 and 13.2).

        The results of its queries are kept before it is archived: killed in between, they are
        stored anew when it is archived after all.

        Raises:
            Invalid: if it lacks what its state needs.
        """
        check_state(after, before)
        if before.state is after.state:
            return after
        if after.state is State.ARCHIVED:
            self._keep_results(feature_id, before)
        return entered(after, before.state, self._new_id(), self._clock())

    def _begun(self, experiment: Experiment) -> Experiment:
        """A new experiment with the first entry of its log, unless it needs none or has one."""
        if experiment.state is State.INACTIVE or experiment.state_changes:
            return experiment
        moment = experiment.started_at or self._clock()
        return entered(experiment, State.INACTIVE, self._new_id(), moment)

    def _with_variant_ids(self, experiment: Experiment) -> Experiment:
        """`experiment` with ids of variants for the conditions that have none."""
        new = sum(condition.variant_id == 0 for condition in experiment.conditions)
        ids = iter(self._store.new_variant_ids(new) if new else ())
        return replace(
            experiment,
            conditions=tuple(
                condition if condition.variant_id else replace(condition, variant_id=next(ids))
                for condition in experiment.conditions
            ),
        )


def check_new(
    catalogue: Catalogue, experiments: Sequence[Experiment], *, runs: bool = False
) -> None:
    """Refuse experiments that cannot be created together.

    Raises:
        Conflict: if another experiment has the id of one.
        Invalid: if one lacks what its state needs, or they are more than one commit takes.
    """
    for experiment in experiments:
        check_begins(experiment, runs=runs)
    ids: set[str] = set()
    for experiment in experiments:
        if experiment.id in ids or catalogue.experiment(experiment.id) is not None:
            raise Conflict(f"experiment {experiment.id} exists already")
        ids.add(experiment.id)
    rows = len(experiments) + sum(len(each.conditions) for each in experiments)
    if rows > AT_ONCE or (len(experiments) > 1 and _bytes(experiments) > BYTES_AT_ONCE):
        raise Invalid(
            f"{len(experiments)} experiments are too many to be created together: at most {AT_ONCE}"
            f" with their conditions, and {BYTES_AT_ONCE} bytes"
        )


def _bytes(experiments: Sequence[Experiment]) -> int:
    return sum(map(shown_bytes, experiments))


def _design(catalogue: Catalogue, experiment_id: str) -> tuple[Feature, Experiment]:
    feature = catalogue.experiment(experiment_id)
    if feature is None or feature.design is None:
        raise NotFound("Experiment not found!")
    return feature, feature.design
