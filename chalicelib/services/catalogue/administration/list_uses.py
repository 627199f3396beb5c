"""The uses of a list, for checks of whether answers about them show all of its members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.faults import Fault
from chalicelib.domain.catalogue.lists import entries, listed
from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.metrics import Metric
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.audiences.listings import ListingService
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.catalogue.faults import FaultService
from chalicelib.services.experiments.experiments import ExperimentService
from chalicelib.services.flags.flags import FlagService
from chalicelib.services.outcomes.metrics import MetricService


@dataclass(frozen=True, slots=True)
class ExperimentDetail:
    """An experiment with its lists; all metrics, and the faults of experiments by id."""

    experiment: Experiment
    metrics: Sequence[Metric]
    listings: Listings
    faults: Mapping[str, Fault]


class ListUses:
    """A list as it is stored, and what has it; each is read when it is asked for.

    The list need not be there yet.
    """

    def __init__(
        self,
        segments: SegmentService,
        listings: ListingService,
        experiments: ExperimentService,
        flags: FlagService,
        metrics: MetricService,
        faults: FaultService,
        segment_id: str,
    ) -> None:
        self._segments = segments
        self._listings = listings
        self._experiments = experiments
        self._flags = flags
        self._metrics = metrics
        self._faults = faults
        self.segment_id = segment_id

    def listing(self) -> Listing | None:
        """The list with its members; None if there is none yet."""
        try:
            return self._listings.of(self.segment_id)
        except NotFound:
            return None

    def experiments(self) -> Iterator[ExperimentDetail]:
        """The experiments that have the list."""
        found = [each for each in self._experiments.all() if self.segment_id in listed(each)]
        if not found:
            return
        metrics, faults = self._metrics.all(), self._faults.all()
        for each in found:
            yield ExperimentDetail(each, metrics, self._listings.of_entries(entries(each)), faults)

    def flags(self) -> Iterator[tuple[Flag, Listings]]:
        """The flags that have the list, each with all of its own."""
        for flag in self._flags.all():
            if self.segment_id in listed(flag):
                yield flag, self._listings.of_entries(entries(flag))

    def segments(self) -> Iterator[tuple[str, Listings]]:
        """The ids of the segments that have the list, and its own, each with its private parts."""
        for segment in self._segments.stored().values():
            if self.segment_id == segment.id or self.segment_id in segment.sub_segments:
                yield segment.id, self._listings.with_own_lists(segment.id)


UsesOf = Callable[[str], ListUses]
"""The uses of a list, by the id of its segment."""

Check = Callable[[ListUses], None]
"""Refuses, by raising, to replace a list of which the caller may have been shown a part.

Whether answers show all of it depends on how long they may be and on what they are made of, which
only those know who write them: so they are asked, with all that they need.
"""
