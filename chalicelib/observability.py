"""What is known of each request and job from outside: log lines and metrics.

Nothing that a client sent goes into a line of level INFO or above, and no message of an exception,
for these repeat it: only what the program says by itself.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.domain.errors import Unavailable
from chalicelib.services.running import request_budget
from chalicelib.services.running.request_budget import RequestBudget
from chalicelib.services.running.retries import DEADLINE
from chalicelib.settings import Settings

SERVICE = "switchyard"
NAMESPACE = "Switchyard"
FAULTS = {"upkeep": "ExperimentFaults", "purge": "PurgeFaults"}
"""The metrics of what jobs fail at."""


def make_logger(settings: Settings) -> Logger:
    """The logger of the process: one JSON object per line.

    It is Chalice's too, which knows it by the name of the application.
    """
    logger = Logger(service=SERVICE, level=settings.log_level, location=None, utc=True)
    logger.addFilter(without_messages)
    return logger


def without_messages(record: logging.LogRecord) -> bool:
    """Let a line through that tells of an exception where it came from, but not what it said."""
    if record.exc_info and record.exc_info[1] is not None and record.levelno > logging.DEBUG:
        record.failure = outline(record.exc_info[1])
        record.exc_info = None
    return True


def outline(error: BaseException) -> list[str]:
    """The types of an exception and of those that led to it, the last one first, with frames."""
    lines: list[str] = []
    told: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in told:
        told.add(id(cause))
        lines.append(f"{type(cause).__module__}.{type(cause).__qualname__}")
        frames = traceback.extract_tb(cause.__traceback__)
        lines += [f"  {each.filename}:{each.lineno} {each.name}" for each in reversed(frames)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines


@dataclass(slots=True)
class Observed:
    """A piece of work while it is done, and how it ended; `more` goes into its line as it is.

    `route` is the method and the path as it is declared, or the name of a job. `faults` is what a
    job failed at, of one that handles each alone.
    """

    request_id: str
    route: str
    status: int = HTTPStatus.OK
    error: Exception | None = None
    faults: int | None = None
    more: dict[str, Any] = field(default_factory=dict)


class Observer:
    """Logs and measures requests and jobs; metrics only if the settings say so."""

    def __init__(self, logger: Logger, settings: Settings) -> None:
        self._logger = logger
        self._stage = settings.stage.value
        self.measures = settings.writes_metrics
        """Whether metrics are written."""

    @contextmanager
    def request(self, request_id: str, route: str) -> Iterator[Observed]:
        """Within it, a request is answered, which may lose so many seconds to a failing database.

        See `services.request_budget`: time in which the database answers is not lost.
        """
        with self._watched("request", Observed(request_id, route), DEADLINE) as seen:
            yield seen

    @contextmanager
    def job(self, request_id: str, name: str) -> Iterator[Observed]:
        """Observe a scheduled job within the block."""
        with self._watched("job", Observed(request_id, name), float("inf")) as seen:
            yield seen

    def fault(self, seen: Observed, subject: str, error: Exception, **which: Any) -> None:
        """Log that a job failed at one of its subjects, and which, and count it."""
        seen.faults = (seen.faults or 0) + 1
        self._logger.error(
            f"{subject} failed",
            request_id=seen.request_id,
            route=seen.route,
            **which,
            exc_info=error,
        )

    @contextmanager
    def _watched(self, kind: str, seen: Observed, deadline: float) -> Iterator[Observed]:
        started = time.perf_counter()
        with request_budget.opened(deadline) as budget:
            try:
                yield seen
            except Exception as error:
                seen.status, seen.error = HTTPStatus.INTERNAL_SERVER_ERROR, error
                self._logger.error(
                    f"{kind} failed",
                    request_id=seen.request_id,
                    route=seen.route,
                    exc_info=error,
                )
                raise
            finally:
                self._report(kind, seen, budget, (time.perf_counter() - started) * 1000)

    def _report(self, kind: str, seen: Observed, budget: RequestBudget, latency: float) -> None:
        refused: dict[str, Any] = {}
        if seen.error is not None:
            refused["error"] = type(seen.error).__name__
            if isinstance(seen.error, Unavailable) and seen.error.reason:
                refused["reason"] = seen.error.reason
            self._logger.debug("explained", request_id=seen.request_id, detail=str(seen.error))
        self._logger.info(
            kind,
            request_id=seen.request_id,
            route=seen.route,
            status=int(seen.status),
            latency_ms=round(latency, 3),
            dynamodb_calls=budget.calls,
            read_units=budget.read_units,
            write_units=budget.write_units,
            **refused,
            **seen.more,
        )
        if self.measures:
            self._measure(seen, budget, latency)

    def _measure(self, seen: Observed, budget: RequestBudget, latency: float) -> None:
        """Write a line in CloudWatch's embedded metric format."""
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
        metrics.add_dimension("stage", self._stage)
        metrics.add_dimension("route", seen.route)
        metrics.add_metric("Latency", MetricUnit.Milliseconds, latency)
        is_server_error = seen.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        is_client_error = seen.status >= HTTPStatus.BAD_REQUEST and not is_server_error
        for name, value in (
            ("DynamoDBCalls", budget.calls),
            ("ReadUnits", budget.read_units),
            ("WriteUnits", budget.write_units),
            ("ClientErrors", int(is_client_error)),
            ("ServerErrors", int(is_server_error)),
        ):
            metrics.add_metric(name, MetricUnit.Count, value)
        if seen.faults is not None:
            metrics.add_metric(FAULTS[seen.route], MetricUnit.Count, seen.faults)
        metrics.flush_metrics()
