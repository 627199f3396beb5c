"""Flags with all that the answers about them show: lists, and how many users they were on for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.lists import entries
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.audiences.listings import ListingService, ListRow
from chalicelib.services.catalogue.administration.list_uses import Check, UsesOf
from chalicelib.services.catalogue.imports import ListDraft
from chalicelib.services.catalogue.lists import ListService
from chalicelib.services.flags.flags import FlagService
from chalicelib.services.running.details import Detailed


class FlagAdministration:
    """Changes and reads flags as their administrators see them."""

    def __init__(
        self,
        flags: FlagService,
        lists: ListService,
        listings: ListingService,
        uses_of: UsesOf,
    ) -> None:
        self._flags = flags
        self._lists = lists
        self._listings = listings
        self._uses_of = uses_of

    def with_exposures(self) -> Detailed[Flag, int]:
        """All flags, the oldest first, with the number of users that each was on for."""
        return Detailed(self._flags.all(), self._counted)

    def get(self, flag_id: str) -> tuple[Flag, Listings]:
        """One flag with its lists.

        Raises:
            NotFound: if there is none.
        """
        return self._with_lists(self._flags.get(flag_id))

    def edit(self, flag_id: str, edit: Callable[[Flag], Flag]) -> tuple[Flag, Listings]:
        """Edit a flag; the flag with its lists.

        Raises:
            NotFound, FlagKeyTaken: as `FlagService.edit` does; and what `edit` raises.
        """
        return self._with_lists(self._flags.edit(flag_id, edit))

    def lists(self, flag_id: str, *, exclude: bool) -> Detailed[ListRow, Listing]:
        """The lists on one side of a flag.

        Raises:
            NotFound: if there is no such flag.
        """
        flag = self._flags.get(flag_id)
        return self._listings.rows(flag.exclude if exclude else flag.include)

    def put_list(
        self, flag_id: str, draft: ListDraft, *, exclude: bool, check: Check
    ) -> tuple[Flag, Listing]:
        """Let a list include or exclude its members; the flag, and the list as stored.

        Raises:
            NotFound, Invalid, Conflict: as `ListService.put_in_flag` does; and what `check` raises.
        """
        uses = self._uses_of(draft.segment.id)
        flag = self._lists.put_in_flag(flag_id, draft, exclude=exclude, check=lambda: check(uses))
        return flag, self._listings.of(draft.segment.id)

    def replace_list(
        self, flag_id: str, draft: ListDraft, *, exclude: bool, check: Check
    ) -> tuple[Flag, Listing]:
        """Replace a list of a flag; the flag, and the list as stored.

        Raises:
            NotFound, Invalid: as `ListService.replace_in_flag` does; and what `check` raises.
        """
        uses = self._uses_of(draft.segment.id)
        flag = self._lists.replace_in_flag(
            flag_id, draft, exclude=exclude, check=lambda: check(uses)
        )
        return flag, self._listings.of(draft.segment.id)

    def _with_lists(self, flag: Flag) -> tuple[Flag, Listings]:
        return flag, self._listings.of_entries(entries(flag))

    def _counted(self, flags: Iterable[Flag]) -> Iterator[tuple[Flag, int]]:
        some = list(flags)
        return zip(some, self._flags.exposures(some), strict=True)
