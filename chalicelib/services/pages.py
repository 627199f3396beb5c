"""The use cases that only pages have: a process that serves the APIs starts without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from chalicelib.services import Services
from chalicelib.services.audiences.member_counts import MemberCounts
from chalicelib.services.audiences.segment_details import SegmentDetailService
from chalicelib.services.audiences.segment_edits import SegmentEditService
from chalicelib.services.catalogue.designs import DesignService
from chalicelib.services.catalogue.experiment_pages import ExperimentPageService
from chalicelib.services.catalogue.overview import OverviewService
from chalicelib.services.catalogue.system import SystemService
from chalicelib.services.catalogue.testlab.creation import FeatureCreationService
from chalicelib.services.catalogue.testlab.designs import FeatureDesignService
from chalicelib.services.catalogue.testlab.steps import FeatureStepService
from chalicelib.services.flags.flag_details import FlagDetailService
from chalicelib.services.outcomes.metric_overview import MetricOverviewService
from chalicelib.services.privacy.user_overview import UserOverviewService
from chalicelib.services.running.ports import Clock
from chalicelib.services.stores import Stores


@dataclass(frozen=True, slots=True)
class PageServices:
    """What the dashboard reads and does beyond the APIs."""

    overview: OverviewService
    designs: DesignService
    system: SystemService
    feature_designs: FeatureDesignService
    feature_steps: FeatureStepService
    feature_creation: FeatureCreationService
    experiment_pages: ExperimentPageService
    segment_details: SegmentDetailService
    segment_edits: SegmentEditService
    flag_details: FlagDetailService
    metric_overview: MetricOverviewService
    user_overview: UserOverviewService

    @classmethod
    def of(
        cls,
        services: Services,
        stores: Stores,
        clock: Clock,
        *,
        totals_shards: int,
        settings: Mapping[str, str],
    ) -> Self:
        """Those of a process; `settings` are the ones in force, without what is secret."""
        catalogue, segments = services.catalogue, services.segments
        member_counts = MemberCounts(stores.members)
        feature_creation = FeatureCreationService(
            catalogue,
            stores.catalogue,
            services.user_blocks,
            stores.summaries,
            clock,
            totals_shards,
        )
        return cls(
            overview=OverviewService(catalogue, services.user_blocks, stores.summaries),
            designs=DesignService(
                catalogue,
                services.experiments,
                services.enrollment_statistics,
                segments,
                member_counts,
                services.imports,
                services.lists,
                stores.summaries,
                clock,
            ),
            system=SystemService(
                catalogue, services.access, stores.queue, services.runs, clock, settings
            ),
            feature_designs=FeatureDesignService(
                services.user_blocks, stores.totals, stores.summaries, clock
            ),
            feature_steps=FeatureStepService(
                catalogue,
                stores.catalogue,
                services.features,
                services.plans,
                feature_creation,
                stores.totals,
                clock,
            ),
            feature_creation=feature_creation,
            experiment_pages=ExperimentPageService(catalogue, services.results),
            segment_details=SegmentDetailService(segments, member_counts),
            segment_edits=SegmentEditService(catalogue, segments, services.segment_deletion, clock),
            flag_details=FlagDetailService(services.flags, segments, member_counts),
            metric_overview=MetricOverviewService(catalogue, segments.contexts),
            user_overview=UserOverviewService(services.user_export),
        )
