"""From a file to the flag that it describes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from chalicelib.api.upgrade.audiences.list_files import missing_warning
from chalicelib.api.upgrade.audiences.segment_file_models import ListedSegmentFile
from chalicelib.api.upgrade.audiences.segment_models import LISTS_SENT
from chalicelib.api.upgrade.flags.flag_models import FlagBody
from chalicelib.api.upgrade.wire.files import model_of, uuid_or_none
from chalicelib.api.upgrade.wire.texts import AdminBody, FilledText
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.lists import check_room
from chalicelib.domain.flags.flags import FlagStatus
from chalicelib.services.catalogue.administration.file_imports import FlagDraft
from chalicelib.services.catalogue.imports import ListDraft
from chalicelib.services.flags.flags import FlagKeyTaken, check_key


class FlagListFile(AdminBody):
    """A list of a flag; its segment says what it is a list of too, unless it says otherwise."""

    enabled: Annotated[bool, Field(strict=True)]
    list_type: FilledText
    segment: ListedSegmentFile

    @model_validator(mode="before")
    @classmethod
    def _type_on_both(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("segment"), dict):
            return value
        segment = {"listType": value.get("listType"), **value["segment"]}
        kind = value.get("listType") or segment["listType"]
        return {**value, "listType": kind, "segment": segment}

    def draft(self, context: str, *, default_name: str) -> ListDraft:
        """The list to create."""
        draft = self.segment.draft(context, default_name=default_name)
        return replace(draft, enabled=self.enabled, list_type=self.list_type)


FlagLists = Annotated[tuple[FlagListFile, ...], AtMost(LISTS_SENT)]


class FlagFile(FlagBody):
    """A flag with its lists."""

    id: Annotated[str | None, BeforeValidator(uuid_or_none)] = None
    feature_flag_segment_inclusion: FlagLists | None = None
    feature_flag_segment_exclusion: FlagLists | None = None


class FlagReader:
    """Reads files as flags that can be created beside those that there are.

    A key that one file of a call gives counts as taken for the next.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        contexts: Collection[str],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._catalogue = catalogue
        self._contexts = contexts
        self._now = now
        self._new_id = new_id
        self._keys: set[tuple[str, str]] = set()

    def read(self, value: Any) -> tuple[FlagDraft, str | None]:
        """The flag of a file, and what is to be warned of.

        Raises:
            Invalid: if it is no flag.
            FlagKeyTaken: if a flag of the context has the key.
        """
        file = model_of(FlagFile, value)
        new = file.flag(contexts=self._contexts, flag_id=self._new_id(), now=self._now())
        flag = replace(new, status=FlagStatus.DISABLED)
        # Under another id, for its own may be that of the flag that has the key.
        check_key(self._catalogue, replace(flag, id=""))
        if (flag.key, flag.context) in self._keys:
            raise FlagKeyTaken

        def lists(files: tuple[FlagListFile, ...] | None) -> tuple[ListDraft, ...]:
            name = f"{flag.id} Segment"
            return tuple(each.draft(flag.context, default_name=name) for each in files or ())

        found = FlagDraft(
            flag,
            lists(file.feature_flag_segment_inclusion),
            lists(file.feature_flag_segment_exclusion),
        )
        drafts = (*found.include, *found.exclude)
        check_room(flag, len(drafts))
        self._keys.add((flag.key, flag.context))
        return found, missing_warning(self._catalogue, drafts, flag.context)
