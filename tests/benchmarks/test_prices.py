"""Dollars for a million calls."""

from __future__ import annotations

import pytest

from benchmarks import prices


def test_the_database_is_paid_by_units() -> None:
    assert prices.database(read=2, write=6) == pytest.approx(4.0)


def test_a_function_is_paid_by_requests_and_whole_milliseconds() -> None:
    # A million times 100 ms at 1 GB: 100,000 GB-seconds.
    assert prices.function(99.2, 1024, "x86_64") == pytest.approx(0.20 + 1.66667)
    assert prices.function(100, 512, "arm64") == pytest.approx(0.20 + 0.66667)


def test_less_memory_has_a_share_of_a_processor() -> None:
    assert prices.lambda_milliseconds(10, 4, prices.FULL_PROCESSOR_MB * 2) == 14
    assert prices.lambda_milliseconds(10, 4, prices.FULL_PROCESSOR_MB // 2) == pytest.approx(
        24, 0.01
    )
