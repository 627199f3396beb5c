"""Logging."""

from __future__ import annotations

from aws_lambda_powertools import Logger

from chalicelib.settings import Settings


def make_logger(settings: Settings) -> Logger:
    """The logger of the process: one JSON object per line."""
    return Logger(service="switchyard", level=settings.log_level)
