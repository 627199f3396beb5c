"""What people are shown of a user, and what an erasure would remove."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import NotFound
from chalicelib.services.privacy.erasure import ErasureReport, IsAlias
from chalicelib.services.privacy.user_export import ExportPart, UserData, UserExportService
from chalicelib.services.running.paging import PAGE_BYTES

RECORDS_READ = 2000
"""Records of a user that are read for a page, or a few more: the export has all."""


@dataclass(frozen=True, slots=True)
class UserOverview:
    """What is stored under an id: `stored` is None if nothing is, or if it is an alias of `owner`.

    Only the first `RECORDS_READ` records of a user who has more are in it.
    """

    user_id: str
    stored: ExportPart | None = None
    owner: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it has all that is stored."""
        return self.stored is None or self.stored.next is None

    @property
    def removal(self) -> ErasureReport:
        """What an erasure removes, as far as it is read, in the words of its report."""
        report = ErasureReport(self.user_id)
        if self.stored is not None:
            _add(report, self.stored.user)
            for alias in self.stored.aliases:
                report.aliases.append(alias.id)
                _add(report, alias)
        return report


class UserOverviewService:
    """Finds users for people who look at them."""

    def __init__(self, user_export: UserExportService) -> None:
        self._user_export = user_export

    def of(self, user_id: str) -> UserOverview:
        """What is stored of a user and of the user's aliases.

        Raises:
            Invalid: if the id is empty.
        """
        try:
            return UserOverview(user_id, self._user_export.export(user_id, None, _size))
        except IsAlias as error:
            return UserOverview(user_id, owner=error.owner)
        except NotFound:
            return UserOverview(user_id)


def _size(data: UserData, _catalogue: Catalogue) -> int:
    """The share of a page that some data take, in the bytes that an export has for them."""
    logged = sum(len(log_record.rows) for log_record in data.log_records)
    records = len(data.events) + len(data.repeats) + logged + len(data.answers)
    return records * (PAGE_BYTES // RECORDS_READ)


def _add(report: ErasureReport, data: UserData) -> None:
    report.events += len(data.events)
    report.repeats += len(data.repeats)
    report.logs += sum(len(log_record.rows) for log_record in data.log_records)
    report.answers += len(data.answers)
    if (records := data.records) is not None:
        participant = records.participant
        report.enrollments += sum(map(len, participant.enrollments.values()))
        report.exclusions += len(participant.exclusions)
        report.points += len(participant.points)
        report.exposures += len(participant.exposures)
        report.strata += len(participant.strata)
        report.lists.extend(records.lists)
        report.testlab = report.testlab or records.user is not None
        report.preview = report.preview or records.preview is not None
