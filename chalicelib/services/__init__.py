"""The use cases, over ports: no HTTP, no database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.services.access.access import AccessService
from chalicelib.services.access.client_auth import ClientAuthService
from chalicelib.services.access.idempotency import IdempotencyService
from chalicelib.services.access.sessions import SessionService
from chalicelib.services.audiences.segment_deletion import SegmentDeletionService
from chalicelib.services.audiences.segments import SegmentService
from chalicelib.services.catalogue.administration.experiments import ExperimentAdministration
from chalicelib.services.catalogue.administration.file_imports import FileImportService
from chalicelib.services.catalogue.administration.flags import FlagAdministration
from chalicelib.services.catalogue.administration.segments import SegmentAdministration
from chalicelib.services.catalogue.demo import DemoService
from chalicelib.services.catalogue.entity_tags import EntityTagService
from chalicelib.services.catalogue.faults import FaultService
from chalicelib.services.catalogue.imports import ImportService
from chalicelib.services.catalogue.lists import ListService
from chalicelib.services.catalogue.runs import RunService
from chalicelib.services.catalogue.study_setup import StudySetupService
from chalicelib.services.experiments.assignment import AssignmentService
from chalicelib.services.experiments.batch_assignment import BatchAssignmentService
from chalicelib.services.experiments.enrollment_statistics import EnrollmentStatisticsService
from chalicelib.services.experiments.experiments import ExperimentService
from chalicelib.services.experiments.marking import MarkService
from chalicelib.services.experiments.transfer import TransferService
from chalicelib.services.features.administration import FeatureAdministration
from chalicelib.services.features.cohorts import CohortService
from chalicelib.services.features.events import AnalysisService, EventService
from chalicelib.services.features.features import FeatureService
from chalicelib.services.features.purge import PurgeService
from chalicelib.services.features.user_blocks import UserBlockService
from chalicelib.services.features.users import UserService
from chalicelib.services.flags.evaluation import EvaluationService
from chalicelib.services.flags.flags import FlagService
from chalicelib.services.outcomes.logs import LogService
from chalicelib.services.outcomes.metric_analysis import MetricAnalysisService
from chalicelib.services.outcomes.metrics import MetricService
from chalicelib.services.outcomes.plans import PlanService
from chalicelib.services.outcomes.result_rows import ResultRowService
from chalicelib.services.outcomes.results import ResultService
from chalicelib.services.outcomes.snapshots import SnapshotService
from chalicelib.services.participants.participants import ParticipantService
from chalicelib.services.participants.preview_users import PreviewUserService
from chalicelib.services.participants.stratification import StratificationService
from chalicelib.services.privacy.erasure import ErasureService
from chalicelib.services.privacy.user_export import UserExportService
from chalicelib.services.running.catalogue import CatalogueService

if TYPE_CHECKING:
    from chalicelib.services.pages import PageServices


@dataclass(frozen=True, slots=True)
class Services:
    """All use cases of one process."""

    catalogue: CatalogueService
    runs: RunService
    features: FeatureService
    feature_administration: FeatureAdministration
    user_blocks: UserBlockService
    users: UserService
    events: EventService
    analysis: AnalysisService
    cohorts: CohortService
    results: ResultService
    result_rows: ResultRowService
    purge: PurgeService
    demo: DemoService
    participants: ParticipantService
    experiments: ExperimentService
    experiment_administration: ExperimentAdministration
    faults: FaultService
    segments: SegmentService
    segment_administration: SegmentAdministration
    segment_deletion: SegmentDeletionService
    study_setup: StudySetupService
    preview_users: PreviewUserService
    stratification: StratificationService
    assignment: AssignmentService
    marking: MarkService
    batch_assignment: BatchAssignmentService
    flags: FlagService
    flag_administration: FlagAdministration
    evaluation: EvaluationService
    metrics: MetricService
    logs: LogService
    transfer: TransferService
    metric_analysis: MetricAnalysisService
    snapshots: SnapshotService
    plans: PlanService
    enrollment_statistics: EnrollmentStatisticsService
    access: AccessService
    sessions: SessionService
    client_auth: ClientAuthService
    imports: ImportService
    file_imports: FileImportService
    lists: ListService
    idempotency: IdempotencyService
    erasure: ErasureService
    user_export: UserExportService
    entity_tags: EntityTagService
    load_pages: Callable[[], PageServices]

    @property
    def pages(self) -> PageServices:
        """The use cases that only pages have, loaded with the first of them."""
        return self.load_pages()
