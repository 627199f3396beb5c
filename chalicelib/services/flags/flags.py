"""Administration of flags in UpGrade's form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.segments import Segment
from chalicelib.domain.catalogue.catalogue import Catalogue, CatalogueChange, FlagChange
from chalicelib.domain.catalogue.lists import (
    has_list,
    listed,
    own_lists,
    require_there,
    with_list,
    with_lists,
    without_list,
)
from chalicelib.domain.confirmation import require_name
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.flags.ports import ExposureStore
from chalicelib.services.running.catalogue import CatalogueService
from chalicelib.services.running.pools import Pool
from chalicelib.services.running.ports import CatalogueStore

FLAGS_AT_ONCE = 8
"""Flags whose exposures are counted at once."""


class FlagKeyTaken(Conflict):
    """Another flag of the context has the key."""

    def __init__(self) -> None:
        super().__init__("A flag with this key already exists for this app-context")


class FlagService:
    """Creates, edits and deletes flags, and their lists."""

    def __init__(
        self, catalogue: CatalogueService, store: CatalogueStore, exposures: ExposureStore
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._exposures = exposures

    def all(self) -> list[Flag]:
        """All flags, the oldest first."""
        flags = self._catalogue.fresh().flags.values()
        return sorted(flags, key=lambda flag: flag.feature_id)

    def get(self, flag_id: str) -> Flag:
        """One flag.

        Raises:
            NotFound: if there is none.
        """
        return _flag(self._catalogue.fresh(), flag_id)

    def exposures(self, flags: Iterable[Flag]) -> list[int]:
        """For how many users each flag was on."""
        with Pool(FLAGS_AT_ONCE) as pool:
            return list(pool.map(self._exposures.count, (flag.feature_id for flag in flags)))

    def create(self, draft: Flag, lists: Sequence[Segment] = ()) -> Flag:
        """Store a new flag, which gets a feature id.

        `lists` are the segments of its lists, where those were stored for it.

        Raises:
            FlagKeyTaken: if a flag of the context has the key.
            Conflict: if there is one with the id.
            LostRace: if a segment of `lists` is not what it was.
        """
        check_key(self._catalogue.fresh(), draft)
        flag = replace(draft, feature_id=self._store.new_feature_id())

        def decide(catalogue: Catalogue) -> CatalogueChange:
            if flag.id in catalogue.flags:
                raise Conflict(f"flag {flag.id} exists already")
            check_key(catalogue, flag)
            require_there(catalogue, lists)
            return CatalogueChange(flags=(FlagChange(None, flag),))

        self._catalogue.change(decide)
        return flag

    def edit(
        self, flag_id: str, edit: Callable[[Flag], Flag], lists: Sequence[Segment] = ()
    ) -> Flag:
        """Edit a flag; in another context it has no lists.

        `lists` are the segments of further lists, where those were stored for it.

        Raises:
            NotFound: if there is none.
            FlagKeyTaken: if another flag of the context has the key.
            LostRace: if a segment of `lists` is not what it was.
        """
        edited: list[Flag] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            before = _flag(catalogue, flag_id)
            require_there(catalogue, (each for each in lists if each.id not in listed(before)))
            after = edit(before)
            check_key(catalogue, after)
            if after.context == before.context:
                edited.append(after)
                return CatalogueChange(flags=(FlagChange(before, after),))
            edited.append(replace(after, include=(), exclude=()))
            return CatalogueChange(
                flags=(FlagChange(before, edited[-1]),), segments=own_lists(catalogue, before)
            )

        self._catalogue.change(decide)
        return edited[-1]

    def delete(self, flag_id: str, name: str | None = None) -> Flag:
        """Delete a flag with its lists; where a `name` is given, only if it is the flag's.

        Raises:
            NotFound: if there is none.
            Invalid: if it has another name.
        """
        gone: list[Flag] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            gone.append(_flag(catalogue, flag_id))
            if name is not None:
                require_name(gone[-1].name, name)
            return CatalogueChange(
                flags=(FlagChange(gone[-1], None),), segments=own_lists(catalogue, gone[-1])
            )

        self._catalogue.change(decide)
        return gone[-1]

    def check_room(self, flag_id: str, entry: ListEntry, *, exclude: bool) -> None:
        """Refuse what `put_list` would refuse, before the segment is stored.

        Raises:
            NotFound: if there is no such flag.
            Invalid: if it has as many lists as it may have, or the list on the other side.
        """
        with_list(self.get(flag_id), entry, exclude=exclude)

    def put_list(
        self, flag_id: str, entry: ListEntry, *, exclude: bool, lists: Sequence[Segment] = ()
    ) -> Flag:
        """Let a segment include or exclude its members, or say anew how it does.

        `lists` as for `edit`.

        Raises:
            NotFound: if there is no such flag.
            Invalid: if it has as many lists as it may have, or the list on the other side.
            LostRace: if a segment of `lists` is not what it was.
        """
        return self.edit(flag_id, lambda flag: with_list(flag, entry, exclude=exclude), lists)

    def put_lists(
        self,
        flag_id: str,
        entries: Sequence[ListEntry],
        *,
        exclude: bool,
        lists: Sequence[Segment] = (),
    ) -> Flag:
        """Let several segments include or exclude their members, all of them or none.

        `lists` as for `edit`.

        Raises:
            NotFound: if there is no such flag.
            Invalid: if it has as many lists as it may have, or one of them on the other side.
            LostRace: if a segment of `lists` is not what it was.
        """
        return self.edit(flag_id, lambda flag: with_lists(flag, entries, exclude=exclude), lists)

    def check_list(self, flag_id: str, segment_id: str, *, exclude: bool) -> None:
        """Refuse to change a list through a flag that does not have it on a side.

        Raises:
            NotFound: if no flag has it.
            Invalid: if only others have it.
        """
        holder = self.holder_of(segment_id, exclude=exclude)
        own = self._catalogue.fresh().flags.get(flag_id)
        if own is None or not has_list(own, segment_id, exclude=exclude):
            raise Invalid(f"the list {segment_id} belongs to the flag {holder.id}")

    def holder_of(self, segment_id: str, *, exclude: bool) -> Flag:
        """The flag that a segment is a list of, on one side: the oldest, if several have it.

        Raises:
            NotFound: if there is none.
        """
        for flag in self.all():
            if has_list(flag, segment_id, exclude=exclude):
                return flag
        raise NotFound(f"there is no such list: {segment_id}")

    def remove_list(self, flag_id: str, segment_id: str, *, exclude: bool) -> Flag:
        """Take a segment off one side of a flag.

        It is deleted with that if it was made for this flag alone, and not for its other side too.

        Raises:
            NotFound: if there is no such flag.
        """
        edited: list[Flag] = []

        def decide(catalogue: Catalogue) -> CatalogueChange:
            before = _flag(catalogue, flag_id)
            edited.append(without_list(before, segment_id, exclude=exclude))
            return CatalogueChange(
                flags=(FlagChange(before, edited[-1]),),
                segments=tuple(
                    change
                    for change in own_lists(catalogue, before)
                    if change.before is not None
                    and change.before.id == segment_id
                    and segment_id not in listed(edited[-1])
                ),
            )

        self._catalogue.change(decide)
        return edited[-1]


def _flag(catalogue: Catalogue, flag_id: str) -> Flag:
    flag = catalogue.flags.get(flag_id)
    if flag is None:
        raise NotFound("Feature Flag not found")
    return flag


def check_key(catalogue: Catalogue, flag: Flag) -> None:
    """Refuse a flag whose key another one has.

    Raises:
        FlagKeyTaken: if so.
    """
    for other in catalogue.flags.values():
        if (other.key, other.context) == (flag.key, flag.context) and other.id != flag.id:
            raise FlagKeyTaken
