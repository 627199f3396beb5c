"""The use cases, over ports: no HTTP, no database."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.services.catalogue import CatalogueService
from chalicelib.services.demo import DemoService
from chalicelib.services.events import AnalysisService, EventService
from chalicelib.services.features import FeatureService
from chalicelib.services.purge import PurgeService
from chalicelib.services.user_blocks import UserBlockService
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
