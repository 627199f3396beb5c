"""Lists that are too long to be shown whole are not written back by accident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.api.pages.answer_pages import Row
from chalicelib.api.upgrade.error_bodies import LongListKept
from chalicelib.api.upgrade.experiment_answers import single, with_fault
from chalicelib.api.upgrade.experiment_imports import exported
from chalicelib.api.upgrade.flag_models import laid_out, whole_flag_answer
from chalicelib.api.upgrade.listings import listing_of, listings_of, listings_with_parts
from chalicelib.api.upgrade.metric_models import metric_records
from chalicelib.api.upgrade.segment_imports import exported_segment, exported_with
from chalicelib.api.upgrade.segment_models import Listings, SegmentBody
from chalicelib.api.upgrade.shown_members import ROUTE, bounded, is_shown_whole
from chalicelib.domain.catalogue.lists import entries, listed
from chalicelib.domain.errors import NotFound
from chalicelib.domain.experiments.experiments import Experiment
from chalicelib.domain.flags.flags import Flag
from chalicelib.services import Services

IF_MATCH = "if-match"


class ReplaceQuery(BaseModel):
    """That a list is to be replaced though an answer may have shown a part of it."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    replace: bool = False


def check_replaced(
    services: Services, body: SegmentBody, query: ReplaceQuery, headers: Mapping[str, str]
) -> None:
    """Refuse to replace the members of a long list, unless the caller says that it is meant.

    Who has read the list, by itself or among the others of what has it, may have seen a part of
    it, and may send that back as if it were all.

    Raises:
        LongListKept: if so.
    """
    if body.id is None or (query.replace and IF_MATCH in headers):
        return
    try:
        listing = listing_of(services, body.id)
    except NotFound:
        return
    if not is_shown_whole(listing) or any(
        row.links for row in _shown_by_holders(services, body.id)
    ):
        raise LongListKept(
            f"segment {body.id} has more members than each answer shows: what is sent would replace"
            " all of them. If it is to, send If-Match with the ETag, and replace=true"
        )


def _shown_by_holders(services: Services, segment_id: str) -> Iterator[Row]:
    """The answers that show a list among the others of an experiment, a flag or a segment."""
    for experiment in services.experiments.all():
        if segment_id in listed(experiment):
            yield from _experiment(services, experiment)
    for flag in services.flags.all():
        if segment_id in listed(flag):
            yield _flag(services, flag)
    for segment in services.segments.stored().values():
        if segment_id == segment.id or segment_id in segment.sub_segments:
            yield _file(services, segment.id)


def _experiment(services: Services, experiment: Experiment) -> Iterator[Row]:
    metrics, faults = metric_records(services), services.faults.all()
    listings = listings_of(services, entries(experiment))

    def shown(some: Listings) -> Any:
        return with_fault(single(experiment, metrics=metrics, listings=some), faults)

    yield bounded(shown, listings, ROUTE)
    yield bounded(
        lambda some: exported(experiment, metrics=metrics, listings=some), listings, ROUTE
    )


def _file(services: Services, segment_id: str) -> Row:
    listings = listings_with_parts(services, segment_id, exported_with)
    return bounded(partial(exported_segment, segment_id), listings, ROUTE)


def _flag(services: Services, flag: Flag) -> Row:
    # As the file of the flag shows it: that is the longer one of its answers.
    listings = listings_of(services, entries(flag))
    return bounded(partial(whole_flag_answer, flag), listings, ROUTE, laid_out)
