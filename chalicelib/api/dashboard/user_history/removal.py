"""What an erasure removes, or has removed, in numbers."""

from __future__ import annotations

from chalicelib.api.dashboard.words import ERASED
from chalicelib.api.dashboard.words.numbers import count
from chalicelib.services.privacy.erasure import ErasureReport


def removal_rows(report: ErasureReport) -> list[str]:
    """Each kind of records with their number; those of which there are none are left out."""
    numbers = {
        name: len(value) if isinstance(value, list) else int(value)
        for name, value in (
            ("rows", report.testlab),
            ("events", report.events),
            ("enrollments", report.enrollments),
            ("exclusions", report.exclusions),
            ("points", report.points),
            ("repeats", report.repeats),
            ("logs", report.logs),
            ("exposures", report.exposures),
            ("lists", report.lists),
            ("strata", report.strata),
            ("previews", report.preview),
            ("answers", report.answers),
            ("aliases", report.aliases),
        )
    }
    return [
        f"{count(number)} {ERASED[name][number > 1]}" for name, number in numbers.items() if number
    ]
