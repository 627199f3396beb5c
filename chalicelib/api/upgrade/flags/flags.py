"""Administration of flags: /api/flags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.api.http.tagged import Concern, new, of_body, of_path
from chalicelib.api.pages.answer_pages import ListQuery, Pages, Row
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.audiences.list_drafts import check_same_list
from chalicelib.api.upgrade.audiences.long_lists import ReplaceQuery, check_replaced, shows_lists
from chalicelib.api.upgrade.audiences.segment_answers import SegmentColumns, bare_segment_answer
from chalicelib.api.upgrade.audiences.shown_members import ROUTE, bounded, bounded_one, reply
from chalicelib.api.upgrade.flags import flag_answers
from chalicelib.api.upgrade.flags.flag_answers import (
    flag_answer,
    flag_list_answer,
    flag_node,
    laid_out,
    whole_flag_answer,
)
from chalicelib.api.upgrade.flags.flag_models import (
    FLAG_SEARCH,
    FlagBody,
    FlagFilterModeBody,
    FlagListBody,
    FlagStatusBody,
)
from chalicelib.api.upgrade.wire.pages import PageBody, PageOf, page
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.api.upgrade.wire.texts import UUID_SCHEMA, checked_uuid
from chalicelib.domain.audiences.listings import Listing, Listings
from chalicelib.domain.catalogue.entity_tags import Kind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.flags.flags import Flag
from chalicelib.services import Services
from chalicelib.services.catalogue.administration.list_uses import ListUses
from chalicelib.services.catalogue.imports import ListDraft

routes = Routes(__name__, DIALECT)

FlagId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]

FLAG = of_path(Kind.FLAG, "flag_id")
FLAG_OF_BODY = of_body(Kind.FLAG, lambda body: body.flag_id)
FLAG_WITH_LIST = of_body(Kind.FLAG, lambda body: body.id)


def _holding(*, exclude: bool) -> Concern:
    """The flag that has the list of the path."""

    def holder(services: Services, arguments: Mapping[str, Any]) -> str | None:
        try:
            return services.flags.holder_of(arguments["segment_id"], exclude=exclude).id
        except NotFound:
            return None

    return Concern(Kind.FLAG, holder)


LIST = "/api/flags"
INCLUSION, ONE_INCLUSION = "/api/flags/inclusionList", "/api/flags/inclusionList/{segment_id}"
ONE = "/api/flags/{flag_id}"
PAGES: Pages[Flag] = Pages(LIST, lambda flag: (flag.feature_id,), tuple[int])


def _whole(flag: Flag, listings: Listings) -> Rendered[flag_answers.FlagWithLists]:
    return reply(bounded(partial(whole_flag_answer, flag), listings, ONE))


@routes.endpoint(LIST)
def list_flags(services: Services, query: ListQuery) -> Rendered[list[flag_answers.Flag]]:
    """The flags, without their lists."""
    return PAGES.answer(services.flags.all(), query, lambda flag: Row.of(flag_answer(flag)))


@routes.endpoint(LIST, "POST", concerns=new(Kind.FLAG))
def create_flag(services: Services, body: FlagBody) -> flag_answers.Flag:
    """Create a flag."""
    draft = body.flag(contexts=services.segments.contexts, flag_id=new_id(), now=now())
    return flag_answer(services.flags.create(draft))


@routes.endpoint("/api/flags/paginated", "POST")
def page_of_flags(services: Services, body: PageBody) -> Rendered[PageOf[flag_answers.ListedFlag]]:
    """Some of the flags, with how many users each was on for."""
    flags = services.flag_administration.with_exposures()
    found = page(flags.rows, body, FLAG_SEARCH)
    return found.response(flags.read(found.rows), lambda row: flag_node(*row))


@routes.endpoint(ONE, concerns=FLAG)
def get_flag(services: Services, flag_id: FlagId) -> Rendered[flag_answers.FlagWithLists]:
    """One flag with its lists."""
    return _whole(*services.flag_administration.get(flag_id))


@routes.endpoint("/api/flags/{flag_id}", "PUT", concerns=FLAG)
def edit_flag(
    services: Services, flag_id: FlagId, body: FlagBody
) -> Rendered[flag_answers.FlagWithLists]:
    """Replace a flag, but for its lists."""
    contexts = services.segments.contexts
    after = services.flag_administration.edit(
        flag_id, lambda flag: body.edited(flag, contexts=contexts, now=now())
    )
    return _whole(*after)


@routes.endpoint("/api/flags/{flag_id}", "DELETE", concerns=FLAG)
def delete_flag(services: Services, flag_id: FlagId) -> list[flag_answers.Flag]:
    """Delete a flag with its lists."""
    return [flag_answer(services.flags.delete(flag_id))]


@routes.endpoint("/api/flags/status", "PATCH", concerns=FLAG_OF_BODY)
def change_flag_status(services: Services, body: FlagStatusBody) -> flag_answers.Flag:
    """Enable, disable or archive a flag."""
    return _changed(services, body.flag_id, lambda flag: replace(flag, status=body.status))


@routes.endpoint("/api/flags/filterMode", "PATCH", concerns=FLAG_OF_BODY)
def change_flag_filter_mode(services: Services, body: FlagFilterModeBody) -> flag_answers.Flag:
    """Say who is in if no list says otherwise."""
    return _changed(
        services, body.flag_id, lambda flag: replace(flag, filter_mode=body.filter_mode)
    )


def _changed(services: Services, flag_id: str, change: Callable[[Flag], Flag]) -> flag_answers.Flag:
    return flag_answer(
        services.flags.edit(
            flag_id,
            lambda flag: replace(change(flag), updated_at=now(), version=flag.version + 1),
        )
    )


@routes.endpoint("/api/flags/inclusionList", "POST", concerns=FLAG_WITH_LIST)
def add_flag_inclusion_list(
    services: Services, reading: Reading, body: FlagListBody, query: ReplaceQuery
) -> Rendered[flag_answers.AddedFlagList]:
    """Let a list include its members."""
    return _put_list(services, reading, body, query, exclude=False)


@routes.endpoint("/api/flags/exclusionList", "POST", concerns=FLAG_WITH_LIST)
def add_flag_exclusion_list(
    services: Services, reading: Reading, body: FlagListBody, query: ReplaceQuery
) -> Rendered[flag_answers.AddedFlagList]:
    """Let a list exclude its members."""
    return _put_list(services, reading, body, query, exclude=True)


def _put_list(
    services: Services,
    reading: Reading,
    body: FlagListBody,
    query: ReplaceQuery,
    *,
    exclude: bool,
) -> Rendered[flag_answers.AddedFlagList]:
    draft = body.draft()
    check = check_replaced(body.segment, query, reading)
    stored = services.flag_administration.put_list(body.id, draft, exclude=exclude, check=check)
    return _with_list(*stored, draft, INCLUSION)


def _with_list(
    flag: Flag, listing: Listing, draft: ListDraft, route: str
) -> Rendered[flag_answers.AddedFlagList]:
    return reply(bounded_one(partial(flag_list_answer, flag, draft.entry()), listing, route))


@routes.endpoint("/api/flags/inclusionList/{segment_id}", "PUT", concerns=FLAG_WITH_LIST)
def replace_flag_inclusion_list(
    services: Services,
    reading: Reading,
    segment_id: FlagId,
    body: FlagListBody,
    query: ReplaceQuery,
) -> Rendered[flag_answers.AddedFlagList]:
    """Replace a list that includes, and say whether it is switched on."""
    return _replace_list(services, reading, segment_id, body, query, exclude=False)


@routes.endpoint("/api/flags/exclusionList/{segment_id}", "PUT", concerns=FLAG_WITH_LIST)
def replace_flag_exclusion_list(
    services: Services,
    reading: Reading,
    segment_id: FlagId,
    body: FlagListBody,
    query: ReplaceQuery,
) -> Rendered[flag_answers.AddedFlagList]:
    """Replace a list that excludes, and say whether it is switched on."""
    return _replace_list(services, reading, segment_id, body, query, exclude=True)


def _replace_list(
    services: Services,
    reading: Reading,
    segment_id: str,
    body: FlagListBody,
    query: ReplaceQuery,
    *,
    exclude: bool,
) -> Rendered[flag_answers.AddedFlagList]:
    segment = body.segment.model_copy(update={"id": segment_id})
    draft = body.model_copy(update={"segment": segment}).draft()

    def check(uses: ListUses) -> None:
        check_same_list(segment_id, body.segment)
        check_replaced(segment, query, reading)(uses)

    stored = services.flag_administration.replace_list(body.id, draft, exclude=exclude, check=check)
    return _with_list(*stored, draft, ONE_INCLUSION)


@routes.endpoint(
    "/api/flags/inclusionList/{segment_id}", "DELETE", concerns=_holding(exclude=False)
)
def delete_flag_inclusion_list(services: Services, segment_id: FlagId) -> SegmentColumns:
    """Remove a list that includes."""
    return _delete_list(services, segment_id, exclude=False)


@routes.endpoint("/api/flags/exclusionList/{segment_id}", "DELETE", concerns=_holding(exclude=True))
def delete_flag_exclusion_list(services: Services, segment_id: FlagId) -> SegmentColumns:
    """Remove a list that excludes."""
    return _delete_list(services, segment_id, exclude=True)


def _delete_list(services: Services, segment_id: str, *, exclude: bool) -> SegmentColumns:
    return bare_segment_answer(services.lists.remove_from_flag(segment_id, exclude=exclude))


@shows_lists
def _shown_with_list(uses: ListUses) -> Iterator[Row[object]]:
    """The answers that show the flags which have a list: their files, the longest of them."""
    for flag, listings in uses.flags():
        yield bounded(partial(whole_flag_answer, flag), listings, ROUTE, laid_out)
