"""What the use cases need to keep of the users for whom flags were on.

What `running.ports` says of all ports goes for these.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class ExposureStore(Protocol):
    """The flags that were on for users, each counted once for a user."""

    def note(self, user_id: str, feature_ids: Collection[int], shard: int) -> None:
        """Note that some flags were on for a user for the first time, and count it in a shard.

        Of many flags, some may be noted though others are not.

        Raises:
            LostRace: if one of them was noted before, or on a conflict with another write.
        """
        ...

    def count(self, feature_id: int) -> int:
        """Users for whom a flag was on."""
        ...
