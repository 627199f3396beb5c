"""The use cases that only pages have: a process that serves the APIs starts without them."""

from __future__ import annotations

from dataclasses import dataclass

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
