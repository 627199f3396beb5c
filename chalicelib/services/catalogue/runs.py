"""The last run of the scheduled function, which notes it in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.services.running.ports import Clock, NoteStore

UPKEEP = "upkeep"
"""The name of the note of the scheduled function's last run."""


@dataclass(frozen=True, slots=True)
class Run:
    """The last run of the scheduled function: when it ended, and which of its parts failed how."""

    at: datetime
    failed: tuple[str, ...] = ()


class RunService:
    """Notes when the scheduled function ran, and tells of it."""

    def __init__(self, notes: NoteStore, clock: Clock) -> None:
        self._notes = notes
        self._clock = clock

    def note(self, failed: Sequence[str]) -> None:
        """Note a run, in one write, and which of its parts failed."""
        self._notes.write(UPKEEP, {"at": self._clock().isoformat(), "failed": list(failed)})

    def last(self) -> Run | None:
        """The last run that was noted."""
        note = self._notes.read(UPKEEP)
        failed = note.get("failed")
        if "at" not in note:
            return None
        return Run(
            datetime.fromisoformat(str(note["at"])),
            tuple(map(str, failed)) if isinstance(failed, list) else (),
        )
