"""Lists of experiments and flags as files of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.api.http.rendering import Rendered
from chalicelib.api.pages.answer_pages import ListQuery, Pages, Row
from chalicelib.api.protocol.attachments import attachment
from chalicelib.api.upgrade.audiences.segment_answers import MembersTotal, total_of
from chalicelib.api.upgrade.audiences.segment_file_models import ListFile
from chalicelib.api.upgrade.audiences.shown_members import bounded_one
from chalicelib.api.upgrade.wire.files import Files, TakenFile, judged, model_of, stored
from chalicelib.api.upgrade.wire.texts import AdminBody
from chalicelib.domain.audiences.filters import ListEntry
from chalicelib.domain.audiences.listings import Listing
from chalicelib.domain.audiences.segments import SegmentType
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.catalogue.imports import missing_segments
from chalicelib.domain.catalogue.lists import LISTS
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.services.audiences.listings import ListRow
from chalicelib.services.catalogue.imports import ListDraft, ListImport
from chalicelib.services.running.details import Detailed


class FilterType(StrEnum):
    """The side on which a list counts: it includes or excludes its members."""

    INCLUSION = "inclusion"
    EXCLUSION = "exclusion"

    @property
    def excludes(self) -> bool:
        return self is FilterType.EXCLUSION


class ListFilesBody(AdminBody):
    """Files with lists, and the side on which they are to count."""

    files: Files
    filter_type: FilterType


class Group(TypedDict):
    type: str
    groupId: str


class ExportedList(TypedDict):
    """A list as a file holds it."""

    name: str
    description: str | None
    context: str
    type: SegmentType
    userIds: list[str]
    subSegmentIds: list[str]
    groups: list[Group]
    listType: str | None
    membersTotal: NotRequired[MembersTotal]


Drafts = tuple[ListDraft, ...]


def import_lists(files: Files, into: ListImport[Any], *, typed: bool = False) -> list[TakenFile]:
    """Store the lists of some files, those of one file together.

    With `typed`, each list has to say what it is a list of; it is then switched off.
    """

    def read(value: Any) -> tuple[Drafts, str | None]:
        held = value if isinstance(value, list) else [value]
        if not held:
            raise Invalid("the file holds no list")
        if len(held) > LISTS:
            raise Invalid(f"the file holds {len(held)} lists: at most {LISTS}")
        found = tuple(model_of(ListFile, each).new_draft(into.context) for each in held)
        if typed:
            found = tuple(_switched_off(draft) for draft in found)
        return found, missing_warning(into.catalogue, found, into.context)

    return [stored(judged(file, read, json_only=True), into.store).brief_answer() for file in files]


def _switched_off(draft: ListDraft) -> ListDraft:
    if not draft.list_type:
        raise Invalid("listType: required")
    return replace(draft, enabled=False)


def missing_warning(catalogue: Catalogue, drafts: Iterable[ListDraft], context: str) -> str | None:
    """The warning of subsegments that are not there, or in another context."""
    subs = (sub for draft in drafts for sub in draft.segment.sub_segments)
    missing = missing_segments(subs, catalogue.segments, context)
    if not missing:
        return None
    return (
        f"Warning: segments not found in context {context}: {', '.join(missing)}. Lists name them;"
        " import them with these ids."
    )


def list_pages(route: str) -> Pages[ListRow]:
    """The pages of a route that exports lists."""
    return Pages(route, lambda row: (row[0],), tuple[int])


def exported_lists(
    lists: Detailed[ListRow, Listing],
    pages: Pages[ListRow],
    query: ListQuery,
    side: str,
    holder_id: str,
) -> Rendered[list[ExportedList]]:
    """The lists on one side of what has them, named for those who keep the answer as a file.

    Raises:
        NotFound: if there is none.
    """
    if not lists.rows:
        raise NotFound(f"{side} lists not found.")
    _, _, first = lists.rows[0]
    header = attachment(first.name, "json") if len(lists.rows) == 1 else attachment("lists", "zip")

    def write(row: ListRow, listing: Listing) -> Row[ExportedList]:
        _, entry, _ = row
        return bounded_one(lambda shown: _exported(shown, entry), listing, pages.route)

    rest = pages.rest(lists.rows, query, of=holder_id)
    taken = pages.take(rest, query, lists.read, write)
    answer = pages.response(taken, query, of=holder_id)
    answer.headers = {**answer.headers, **header}
    return answer


def _exported(listing: Listing, entry: ListEntry) -> ExportedList:
    segment = listing.segment
    return {
        "name": segment.name,
        "description": segment.description,
        "context": segment.context,
        "type": segment.type,
        "userIds": list(listing.user_ids),
        "subSegmentIds": [each.id for each in listing.sub_segments],
        "groups": [{"type": group.type, "groupId": group.id} for group in listing.shown_groups()],
        "listType": segment.list_type or entry.list_type,
        **total_of(listing),
    }
