"""Switchyard's entry points: the HTTP API and the scheduled function."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from chalice.app import Chalice, CloudWatchEvent, Rate

from chalicelib import api, bootstrap
from chalicelib.api.protocol.cors import Cors
from chalicelib.jobs.upkeep import upkeep
from chalicelib.observability import Observer, make_logger
from chalicelib.settings import Settings, Stage

settings = Settings()
logger = make_logger(settings)
observer = Observer(logger, settings)
bootstrap.connect(settings)
services = bootstrap.build(settings)

app = Chalice(app_name="switchyard", configure_logs=False)
api.register(app, services, observer, Cors(settings.cors_origin, settings.cors_headers))

if settings.stage is Stage.LOCAL:
    from chalicelib.api.local import gateway as local_gateway

    local_gateway.install(api.any_case_paths())
    api.build_models()


class JobFailed(Exception):
    """A job failed; the log says where. The platform logs what this says, so it says no more."""


def run_upkeep(request_id: str = "") -> None:
    """Keep features, user blocks and experiments current."""
    with observer.job(request_id or str(uuid.uuid4()), "upkeep") as seen:
        seen.faults = 0
        report = upkeep(
            services, lambda e: observer.fault(seen, "experiment", e.error, feature_id=e.feature_id)
        )
        seen.more.update(catalogue_version=report.catalogue_version, faults=seen.faults)


def run_purge(request_id: str = "") -> None:
    """Remove what was deleted."""
    with observer.job(request_id or str(uuid.uuid4()), "purge") as seen:
        seen.faults = 0
        seen.more["purged_rows"] = services.purge.run_due(
            lambda e, error: observer.fault(seen, "purge entry", error, entry=type(e).__name__)
        )


@app.schedule(Rate(1, unit=Rate.MINUTES), name="upkeep")
def scheduled_upkeep(event: CloudWatchEvent) -> None:
    """Every minute; a failure is retried by the platform, and by the next minute's run.

    Raises:
        JobFailed: if it failed.
    """
    _run("upkeep", run_upkeep, event)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="purge")
def scheduled_purge(event: CloudWatchEvent) -> None:
    """The same, beside it: nothing that has to happen in time waits for a purge.

    Raises:
        JobFailed: if it failed.
    """
    _run("purge", run_purge, event)


def _run(name: str, job: Callable[[str], None], event: CloudWatchEvent) -> None:
    try:
        job(getattr(event.context, "aws_request_id", ""))
    except Exception as error:  # noqa: BLE001 - whatever it was, it is in the log by now
        raise JobFailed(f"{name}: {type(error).__name__}") from None
