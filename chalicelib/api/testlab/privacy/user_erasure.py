"""The query of a user's deletion, and what is answered of an erasure."""

from __future__ import annotations

from typing import Literal, Self

from chalicelib.api.testlab.models import Answer, RequestBody
from chalicelib.api.testlab.privacy.user_lists import ListAnswer
from chalicelib.services.privacy.erasure import ErasureReport


class DeleteQuery(RequestBody):
    """With `everything` all that is stored of the user goes, else the row in Test Lab."""

    everything: Literal["true", "false"] = "false"


class Erased(Answer):
    """What was erased of a user. A call that goes on with another one tells what it had left.

    `testlab` says whether there was a row in Test Lab, `preview` whether there was a preview user.
    `repeats` are marks within subjects, `strata` values of stratification factors, `answers` those
    that were kept for requests with an idempotency key. Those of aliases count too.
    """

    message: str
    lists: list[ListAnswer]
    aliases: list[str]
    enrollments: int
    exclusions: int
    points: int
    exposures: int
    logs: int
    testlab: bool
    events: int
    repeats: int
    preview: bool
    strata: int
    answers: int

    @classmethod
    def of_report(cls, message: str, report: ErasureReport) -> Self:
        return cls(
            message=message,
            lists=[ListAnswer.of_list(each) for each in report.lists],
            aliases=report.aliases,
            enrollments=report.enrollments,
            exclusions=report.exclusions,
            points=report.points,
            exposures=report.exposures,
            logs=report.logs,
            testlab=report.testlab,
            events=report.events,
            repeats=report.repeats,
            preview=report.preview,
            strata=report.strata,
            answers=report.answers,
        )
