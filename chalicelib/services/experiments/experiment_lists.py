"""The lists of experiments, by what their segments are called."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FeatureChange
from chalicelib.domain.catalogue.lists import has_list, with_list, with_lists, without_list
from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.features.features import Feature
from chalicelib.services.experiments.experiments import ExperimentService
from chalicelib.services.running.catalogue import CatalogueService


class ExperimentLists:
    """Lets segments include or exclude their members, and takes them off again."""

    def __init__(self, catalogue: CatalogueService, experiments: ExperimentService) -> None:
        self._catalogue = catalogue
        self._experiments = experiments

    def check_room(self, experiment_id: str, segment_id: str, *, exclude: bool) -> None:
        """Refuse what `add_list` would refuse, before the segment is stored.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if it has as many lists as it may have, or the segment on the other side.
        """
        with_list(self._experiments.get(experiment_id), ListEntry(segment_id), exclude=exclude)

    def add_list(
        self, experiment_id: str, segment_id: str, *, exclude: bool, lists: Sequence[Segment] = ()
    ) -> Experiment:
        """Let a segment include or exclude its members; `lists` as for `edit`.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if it has as many lists as it may have, or the segment on the other side.
            LostRace: if a segment of `lists` is not what it was.
        """

        def add(before: Experiment) -> Experiment:
            if has_list(before, segment_id, exclude=exclude):
                return before
            return with_list(before, ListEntry(segment_id), exclude=exclude)

        return self._experiments.edit(experiment_id, add, lists)

    def add_lists(
        self,
        experiment_id: str,
        entries: Sequence[ListEntry],
        *,
        exclude: bool,
        lists: Sequence[Segment] = (),
    ) -> Experiment:
        """Let several segments include or exclude their members, all of them or none.

        `lists` as for `edit`.

        Raises:
            NotFound: if there is no such experiment.
            Invalid: if it has as many lists as it may have, or one of them on the other side.
            LostRace: if a segment of `lists` is not what it was.
        """

        def add(before: Experiment) -> Experiment:
            return with_lists(before, entries, exclude=exclude)

        return self._experiments.edit(experiment_id, add, lists)

    def check_list(self, segment_id: str, *, exclude: bool) -> None:
        """Refuse a segment that is no list of any experiment.

        Raises:
            NotFound: if so.
        """
        if not any(has_list(each, segment_id, exclude=exclude) for each in self._experiments.all()):
            raise NotFound(f"there is no such list: {segment_id}")

    def remove_list(self, segment_id: str, *, exclude: bool) -> None:
        """Take a segment off all experiments that have it as a list on one side."""

        def decide(catalogue: Catalogue) -> CatalogueChange | None:
            changes = []
            for feature in catalogue.features:
                design = feature.design
                if design is None or not has_list(design, segment_id, exclude=exclude):
                    continue
                after = without_list(design, segment_id, exclude=exclude)
                changes.append(
                    FeatureChange(
                        feature, Feature.of_design(feature.id, after, feature.totals_shards)
                    )
                )
            return CatalogueChange(features=tuple(changes)) if changes else None

        self._catalogue.change(decide)
