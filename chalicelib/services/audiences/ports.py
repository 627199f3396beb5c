"""What the use cases need to keep of the users of lists.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class MemberStore(Protocol):
    """The users whom versions of segments name, and the notes of that at the users."""

    def note(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        """Note at users that a version of a segment names them; may be repeated, and goes on then.

        Killed half-way, `of_version` names all who were told, and perhaps others.
        """
        ...

    def of_version(self, segment_id: str, version: int, limit: int | None = None) -> Sequence[str]:
        """The users that a version of a segment names, `limit` of them at most."""
        ...

    def count(self, segment_id: str, version: int) -> int:
        """How many users a version of a segment names."""
        ...

    def forget(self, segment_id: str, version: int, user_ids: Sequence[str]) -> None:
        """Remove the notes that a version of a segment names at most 25 users.

        Its entries go last, for by these the notes are found.
        """
        ...
