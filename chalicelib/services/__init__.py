"""The use cases, over ports: no HTTP, no database."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.services.access import AccessService
from chalicelib.services.assignment import AssignmentService
from chalicelib.services.batch_assignment import BatchAssignmentService
from chalicelib.services.catalogue import CatalogueService
from chalicelib.services.client_auth import ClientAuthService
from chalicelib.services.demo import DemoService
from chalicelib.services.enrollment_statistics import EnrollmentStatisticsService
from chalicelib.services.entity_tags import EntityTagService
from chalicelib.services.erasure import ErasureService
from chalicelib.services.evaluation import EvaluationService
from chalicelib.services.events import AnalysisService, EventService
from chalicelib.services.experiments import ExperimentService
from chalicelib.services.faults import FaultService
from chalicelib.services.features import FeatureService
from chalicelib.services.flags import FlagService
from chalicelib.services.idempotency import IdempotencyService
from chalicelib.services.imports import ImportService
from chalicelib.services.logs import LogService
from chalicelib.services.marking import MarkService
from chalicelib.services.metric_analysis import MetricAnalysisService
from chalicelib.services.metrics import MetricService
from chalicelib.services.participants import ParticipantService
from chalicelib.services.preview_users import PreviewUserService
from chalicelib.services.purge import PurgeService
from chalicelib.services.segment_deletion import SegmentDeletionService
from chalicelib.services.segments import SegmentService
from chalicelib.services.stratification import StratificationService
from chalicelib.services.study_setup import StudySetupService
from chalicelib.services.transfer import TransferService
from chalicelib.services.user_blocks import UserBlockService
from chalicelib.services.user_export import UserExportService
from chalicelib.services.users import UserService


@dataclass(frozen=True, slots=True)
class Services:
    """All use cases of one process."""

    catalogue: CatalogueService
    features: FeatureService
    user_blocks: UserBlockService
    users: UserService
    events: EventService
    analysis: AnalysisService
    purge: PurgeService
    demo: DemoService
    participants: ParticipantService
    experiments: ExperimentService
    faults: FaultService
    segments: SegmentService
    segment_deletion: SegmentDeletionService
    study_setup: StudySetupService
    preview_users: PreviewUserService
    stratification: StratificationService
    assignment: AssignmentService
    marking: MarkService
    batch_assignment: BatchAssignmentService
    flags: FlagService
    evaluation: EvaluationService
    metrics: MetricService
    logs: LogService
    transfer: TransferService
    metric_analysis: MetricAnalysisService
    enrollment_statistics: EnrollmentStatisticsService
    access: AccessService
    client_auth: ClientAuthService
    imports: ImportService
    idempotency: IdempotencyService
    erasure: ErasureService
    user_export: UserExportService
    entity_tags: EntityTagService
