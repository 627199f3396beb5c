"""Segments as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.api.dashboard.files.pasted_files import ImportForm, kept, pasted_one
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.upgrade.audiences.segment_imports import SegmentReader, exported_segment
from chalicelib.domain.audiences.listings import Listings
from chalicelib.domain.audiences.segments import Segment
from chalicelib.services.catalogue.administration.file_imports import FileImport, SegmentDraft


def pasted_segment(
    into: FileImport[SegmentDraft, Segment],
    group_types: Mapping[str, Sequence[str]],
    form: ImportForm,
) -> SegmentDraft:
    """The segment of a file.

    Raises:
        Invalid: if it cannot be taken, or comes with warnings that were not accepted.
    """
    return pasted_one(form, "segment", SegmentReader(into.catalogue(), group_types).read)


def segment_file(segment_id: str, listings: Listings) -> Download:
    """A segment with its members, and with the lists that are part of it.

    Raises:
        Invalid: if its lists are longer than an answer can be.
    """
    name = listings[segment_id].segment.name
    return kept(name, "segment", exported_segment(segment_id, listings))
