"""What became of records that were brought in, and pages of those that are listed."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.experiments.transfer import (
    OwnedRecord,
)
from chalicelib.services.experiments.ports import Position


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record was not brought in; `index` is its place in the call."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class TransferReport:
    """How many records were stored, how many were there already, and which were refused."""

    stored: int
    unchanged: int
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """A record, and the experiment that it belongs to; None for a point, which belongs to none."""

    owned: OwnedRecord
    experiment: Experiment | None


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Some records, and where the next page starts, if there is one."""

    records: tuple[ListedRecord, ...]
    next: Position | None
