"""From a file to the segment, or the list within a segment, that it describes; and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.api.upgrade.audiences.segment_answers import (
    ExportedSegment,
    bare_segment_answer,
    segment_answer,
)
from chalicelib.api.upgrade.audiences.segment_file_models import SegmentFile
from chalicelib.api.upgrade.wire.files import model_of
from chalicelib.domain.audiences.contexts import configured
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.imports import missing_segments, unknown_group_types
from chalicelib.domain.errors import Invalid
from chalicelib.services.catalogue.administration.file_imports import SegmentDraft
from chalicelib.services.catalogue.imports import ListDraft


@dataclass
class _Findings:
    """Faults and warnings of a file, and whether it cannot be taken."""

    texts: list[str] = field(default_factory=list)
    fatal: bool = False

    def warn(self, text: str) -> None:
        self.texts.append(text)

    def refuse(self, text: str) -> None:
        self.texts.append(text)
        self.fatal = True

    def warning(self) -> str | None:
        """The text of all warnings, if there are any.

        Raises:
            Invalid: if the file cannot be taken.
        """
        text = " ".join(self.texts)
        if self.fatal:
            raise Invalid(f"Invalid Segment data: {text}")
        return f"warning: {text}" if text else None


class SegmentReader:
    """Reads files as segments that can be created beside those that there are.

    A segment that one file of a call holds counts as there for the next.
    """

    def __init__(self, catalogue: Catalogue, group_types: Mapping[str, Collection[str]]) -> None:
        self._segments = dict(catalogue.segments)
        self._taken = {
            (segment.name, segment.context)
            for segment in catalogue.segments.values()
            if segment.type is not SegmentType.PRIVATE
        }
        self._group_types = group_types

    def read(self, value: Any) -> tuple[SegmentDraft, str | None]:
        """The segment of a file, and what is to be warned of.

        Raises:
            Invalid: if it is no segment, or refers to what is not configured.
        """
        file = model_of(SegmentFile, value)
        found = file.imported(self._configured(file.context))
        findings = self._findings(found.segment, {each.segment.id for each in found.lists})
        if file.type is not SegmentType.PUBLIC:
            findings.refuse(
                f"Type {file.type} cannot be imported as a segment. Lists are imported into their"
                " segment; members of a global exclusion are added to the one of the context."
            )
        name = (file.name, found.segment.context)
        if name in self._taken:
            findings.refuse(
                f"Invalid Segment Name: {file.name} is already used by another segment with same"
                " context."
            )
        warning = findings.warning()
        self._taken.add(name)
        self._segments.setdefault(found.segment.id, found.segment)
        return found, warning

    def read_list(self, value: Any) -> tuple[ListDraft, str | None]:
        """The list of a file, and what is to be warned of.

        Raises:
            Invalid: if it is no list, or refers to what is not configured.
        """
        file = model_of(SegmentFile, value)
        draft = file.new_draft(self._configured(file.context))
        findings = self._findings(draft.segment, set())
        if not file.list_type:
            findings.refuse(
                "List type is required for lists. Please enter valid list type in segment."
            )
        return draft, findings.warning()

    def _configured(self, context: str) -> str:
        """A context as it is configured; one that is not is found to be unknown later."""
        return configured(context, self._group_types) or context

    def _findings(self, segment: Segment, own: set[str]) -> _Findings:
        findings = _Findings()
        others = (sub for sub in segment.sub_segments if sub not in own)
        if missing := missing_segments(others, self._segments, segment.context):
            findings.warn(
                f"SubSegment: {', '.join(missing)} not found. Please import subSegment with same"
                " context and link in segment."
            )
        known = self._group_types.get(segment.context)
        if known is None:
            findings.refuse(
                f"Context {segment.context} not found. Please enter valid context in segment."
            )
        if known and (unknown := unknown_group_types(segment.groups, known)):
            findings.refuse(
                f"Group type: {', '.join(unknown)} not found. Please enter valid group type in"
                " segment."
            )
        return findings


def exported_segment(segment_id: str, listings: Listings) -> ExportedSegment:
    """A segment as a file holds it; those of its lists that are among `listings` are whole."""
    listing = listings[segment_id]
    return {
        **segment_answer(listing),
        "subSegments": [
            segment_answer(listings[each.id]) if each.id in listings else bare_segment_answer(each)
            for each in listing.sub_segments
        ],
    }


def segment_csv(listing: Listing) -> str:
    """The members of a segment, a line each; nothing if it has none."""
    rows = [("Individual", user_id) for user_id in listing.user_ids]
    rows += [("Segment", each.name) for each in listing.sub_segments]
    rows += [(group.type, group.id) for group in listing.shown_groups()]
    if not rows:
        return ""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([("Type", "UUID"), *rows])
    return text.getvalue().removesuffix("\r\n")
