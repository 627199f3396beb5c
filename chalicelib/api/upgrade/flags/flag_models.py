"""Flags as administrators send and see them (UpGrade, section 16)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from chalicelib.api.upgrade.audiences.list_drafts import list_draft
from chalicelib.api.upgrade.audiences.segment_models import SegmentBody, Tags
from chalicelib.api.upgrade.wire.pages import Search
from chalicelib.api.upgrade.wire.texts import AdminBody, FilledName, FilledText, Text, Uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.contexts import known_context
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.services.catalogue.imports import ListDraft


class FlagBody(AdminBody):
    """POST /api/flags and PUT /api/flags/{id}."""

    id: Uuid | None = None
    name: FilledName
    key: FilledName
    description: Text | None = None
    status: FlagStatus
    context: Annotated[tuple[FilledText, ...], Field(min_length=1), AtMost(1)]
    tags: Tags | None = None
    filter_mode: FilterMode

    def flag(self, *, contexts: Collection[str], flag_id: str, now: datetime) -> Flag:
        """The flag to create; it has no feature id yet.

        Raises:
            UnknownAppContext: if its context is not among `contexts`.
        """
        return Flag(
            id=self.id or flag_id,
            feature_id=0,
            name=self.name,
            key=self.key,
            description=self.description,
            status=self.status,
            context=known_context(self.context[0], contexts).lower(),
            tags=self.tags or (),
            filter_mode=self.filter_mode,
            include=(),
            exclude=(),
            created_at=now,
            updated_at=now,
            version=1,
        )

    def edited(self, before: Flag, *, contexts: Collection[str], now: datetime) -> Flag:
        """The flag as it is to be, with the lists from before.

        Raises:
            UnknownAppContext: if its context is not among `contexts`.
        """
        after = self.flag(contexts=contexts, flag_id=before.id, now=now)
        return replace(
            after,
            id=before.id,
            feature_id=before.feature_id,
            include=before.include,
            exclude=before.exclude,
            created_at=before.created_at,
            version=before.version + 1,
        )


class FlagStatusBody(AdminBody):
    """PATCH /api/flags/status."""

    flag_id: Uuid
    status: FlagStatus


class FlagFilterModeBody(AdminBody):
    """PATCH /api/flags/filterMode."""

    flag_id: Uuid
    filter_mode: FilterMode


class FlagListBody(AdminBody):
    """POST and PUT of a flag's inclusion or exclusion list."""

    id: Uuid
    enabled: Annotated[bool, Field(strict=True)]
    list_type: FilledText
    segment: SegmentBody

    def draft(self) -> ListDraft:
        """The list that is to be created, or to take the place of the one with its id."""
        return replace(list_draft(self.segment), enabled=self.enabled, list_type=self.list_type)


FLAG_SEARCH: Search[Flag] = Search(
    {
        "name": lambda flag: flag.name,
        "key": lambda flag: flag.key,
        "status": lambda flag: flag.status.value,
        "tag": lambda flag: ",".join(flag.tags),
        "context": lambda flag: flag.context,
        "id": lambda flag: flag.id,
    },
    {
        "name": lambda flag: flag.name.casefold(),
        "key": lambda flag: flag.key.casefold(),
        "status": lambda flag: flag.status.value,
        "updatedAt": lambda flag: flag.updated_at,
    },
)
