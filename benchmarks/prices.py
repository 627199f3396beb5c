"""List prices, in dollars: the one place that holds them.

us-east-1, as published since November 2024, when DynamoDB's on-demand prices were last changed. The
free tier, taxes, storage, logs and traffic are left out.
"""

from __future__ import annotations

import math

AS_OF = "November 2024"
REGION = "us-east-1"

MILLION = 1_000_000

READ_UNITS = 0.125
"""A million read request units; a consistent read of 4 KB is one."""

WRITE_UNITS = 0.625
"""A million write request units."""

GATEWAY_REQUESTS = 3.50
"""A million requests to a REST API (the first 333 million of a month)."""

LAMBDA_REQUESTS = 0.20
"""A million invocations."""

LAMBDA_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
"""By architecture."""

FULL_PROCESSOR_MB = 1769
"""Memory at which a function has one whole processor; less memory has a share of one."""


def database(read: float, write: float) -> float:
    """A million calls of these units."""
    return read * READ_UNITS + write * WRITE_UNITS


def lambda_milliseconds(cpu_ms: float, waiting_ms: float, memory_mb: int) -> float:
    """How long a function runs whose share of a processor its memory decides."""
    return cpu_ms * max(1.0, FULL_PROCESSOR_MB / memory_mb) + waiting_ms


def function(milliseconds: float, memory_mb: int, architecture: str) -> float:
    """A million invocations of so many milliseconds, each billed in whole ones."""
    seconds = math.ceil(milliseconds) / 1000
    gigabytes = memory_mb / 1024
    return LAMBDA_REQUESTS + MILLION * seconds * gigabytes * LAMBDA_GB_SECOND[architecture]
