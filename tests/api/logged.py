"""What the application logs, as it would be written."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.observability import SERVICE


class Lines(logging.Handler):
    """Keeps what is logged from INFO on, in the words of the application's own formatter."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []
        self.setFormatter(logging.getLogger(SERVICE).handlers[0].formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def of(self, message: str) -> list[dict[str, Any]]:
        """The lines with a message."""
        parsed = [json.loads(text) for text in self.texts]
        return [line for line in parsed if line["message"] == message]


@pytest.fixture
def lines(app: Any) -> Iterator[Lines]:  # noqa: ARG001 - it makes the logger
    """All lines of the process: those of the application, and those that others would write."""
    kept = Lines()
    loggers = [logging.getLogger(SERVICE), logging.getLogger()]
    propagated = loggers[0].propagate
    loggers[0].propagate = False
    for logger in loggers:
        logger.addHandler(kept)
    yield kept
    for logger in loggers:
        logger.removeHandler(kept)
    loggers[0].propagate = propagated
