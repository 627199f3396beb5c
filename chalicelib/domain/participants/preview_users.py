"""Preview users: who sees experiments before they enroll anybody (UpGrade, section 14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PreviewAssignment:
    """The condition that a preview user gets in one experiment."""

    id: str
    experiment_id: str
    condition_id: str


@dataclass(frozen=True, slots=True)
class PreviewUser:
    """A user who sees experiments in preview, with at most one assignment for each experiment.

    `version` counts the changes; 0 stands for what is not stored yet.
    """

    id: str
    assignments: tuple[PreviewAssignment, ...]
    created_at: datetime
    updated_at: datetime
    version: int = 0

    def conditions(self) -> Mapping[str, str]:
        """The ids of the conditions by those of their experiments."""
        return {each.experiment_id: each.condition_id for each in self.assignments}
