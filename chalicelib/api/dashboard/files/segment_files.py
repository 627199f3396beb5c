"""Segments as files."""

from __future__ import annotations

from chalicelib.api.dashboard.files.pasted_files import ImportForm, kept, pasted_one
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.upgrade.audiences.listings import listings_with_parts
from chalicelib.api.upgrade.audiences.segment_file_models import SegmentImport
from chalicelib.api.upgrade.audiences.segment_files import reader_of
from chalicelib.api.upgrade.audiences.segment_imports import exported_segment, exported_with
from chalicelib.services import Services


def pasted_segment(services: Services, form: ImportForm) -> SegmentImport:
    """The segment of a file.

    Raises:
        Invalid: if it cannot be taken, or comes with warnings that were not accepted.
    """
    return pasted_one(form, "segment", reader_of(services).read)


def segment_file(services: Services, segment_id: str) -> Download:
    """A segment with its members, and with the lists that are part of it.

    Raises:
        NotFound: if there is none.
        Invalid: if its lists are longer than an answer can be.
    """
    listings = listings_with_parts(services, segment_id, exported_with)
    name = listings[segment_id].segment.name
    return kept(name, "segment", exported_segment(segment_id, listings))
