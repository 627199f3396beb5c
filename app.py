"""Switchyard's entry points: the HTTP API and the scheduled function."""

from __future__ import annotations

from chalice.app import Chalice, CloudWatchEvent, Rate

from chalicelib import api, bootstrap
from chalicelib.jobs.upkeep import upkeep
from chalicelib.observability import make_logger
from chalicelib.settings import Settings, Stage

settings = Settings()
logger = make_logger(settings)
bootstrap.connect(settings)
services = bootstrap.build(settings)

app = Chalice(app_name="switchyard", configure_logs=False)
api.register(app, services, settings.cors_origin)

if settings.stage is Stage.LOCAL:
    from chalicelib.api import local_gateway

    local_gateway.install()


def run_upkeep() -> None:
    """Keep features and user blocks current, and purge what was deleted."""
    report = upkeep(services)
    logger.info(
        "upkeep", catalogue_version=report.catalogue_version, purged_rows=report.purged_rows
    )


@app.schedule(Rate(1, unit=Rate.MINUTES), name="upkeep")
def scheduled_upkeep(event: CloudWatchEvent) -> None:  # noqa: ARG001 - the platform's signature
    """Every minute; a failure is retried by the platform, and by the next minute's run."""
    run_upkeep()
