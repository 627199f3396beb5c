"""Segments and lists of UpGrade: /dashboard/segments, /dashboard/segment/{segment_id}."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from chalicelib.api.dashboard.files import ImportForm, kept, pasted_one
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Download, Elsewhere, Page
from chalicelib.api.dashboard.serving.pasted import PastedTags, PastedUsers
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.upgrade.audiences.segment_imports import SegmentReader, exported_segment
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.api.upgrade.wire.texts import FilledName, FilledText, Text, Uuid, checked_uuid
from chalicelib.domain.audiences.member_changes import Change, MemberChange
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.confirmation import require_unchanged, tag_of
from chalicelib.services import Services
from chalicelib.services.audiences.segment_details import SegmentsWanted

ALL = "/dashboard/segments"
NEW = "/dashboard/segments/new"
ONE = "/dashboard/segment/{segment_id}"

SegmentId = Annotated[str, AfterValidator(checked_uuid)]
Search = Annotated[str, Field(max_length=1000)]

routes = PageRoutes(__name__)


def _chosen(value: Any) -> Any:
    """What was chosen; an empty choice is none."""
    return value or None


class SegmentsQuery(BaseModel):
    """What to list. It is in the address, so that it can be kept and sent to others."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    search: Search = ""
    context: Search = ""
    kind: Annotated[SegmentType | None, BeforeValidator(_chosen)] = None
    page: Annotated[int, Field(ge=1, le=10**6)] = 1

    def wanted(self) -> SegmentsWanted:
        """The same for the list."""
        return SegmentsWanted(self.search, self.context, self.kind, self.page)


class SegmentForm(Form):
    """What a segment says of itself."""

    name: FilledName
    description: Text | None = None
    tags: PastedTags = ()


class SegmentEditForm(SegmentForm):
    """What it is to say of itself, where `seen` is the tag of what it said."""

    seen: str = ""

    def of(self, before: Segment) -> Segment:
        """The segment as it is to be.

        Raises:
            Changed: if it is not what the form showed.
        """
        require_unchanged(self.seen, _told(before))
        return replace(before, name=self.name, description=self.description, tags=self.tags)


class NewSegmentForm(SegmentForm):
    """A segment to be made, with its first users."""

    context: FilledText
    ids: PastedUsers = ()

    def draft(self) -> Segment:
        """The segment without its users."""
        return Segment(
            id=new_id(),
            name=self.name,
            context=self.context,
            type=SegmentType.PUBLIC,
            version=0,
            groups=frozenset(),
            sub_segments=(),
            description=self.description,
            tags=self.tags,
            list_type=None,
            created_at=now(),
            updated_at=now(),
        )


class MembersForm(Form):
    """Users, or groups of one type, that are to be added, removed, or to be all there are."""

    change: Change
    group_type: FilledText | None = None
    ids: PastedUsers = ()

    def wanted(self) -> MemberChange:
        """The same for the segment."""
        return MemberChange(self.change, self.ids, self.group_type)


class PartForm(Form):
    """Another segment that is to be inside: its id or its name."""

    named: FilledText


class NoPartForm(Form):
    """Another segment that is to be inside no longer."""

    part: Uuid


class DeletionForm(Form):
    """The name of what is to be deleted, and whether it is to go though something uses it."""

    name: str = ""
    force: bool = False


def _told(segment: Segment) -> tuple[object, ...]:
    """What the form tells of a segment."""
    return segment.name, segment.description, segment.tags


def _shown(
    services: Services,
    segment_id: str,
    refused: str = "",
    typed: dict[str, str] | None = None,
    wrong: str | None = None,
) -> Page:
    """The page of a segment; `refused` is the form on it that was, with what was typed there."""
    detail = services.pages.segment_details.of(segment_id)
    shown = {"detail": detail, "refused": refused, "typed": typed or {}, "wrong": wrong}
    return Page("segment.html", {**shown, "seen": tag_of(_told(detail.segment))})


def _once_more(form: str) -> Callable[..., Page]:
    def again(services: Services, typed: dict[str, str], wrong: str, segment_id: str) -> Page:
        return _shown(services, segment_id.lower(), form, typed, wrong)

    return again


def _new_once_more(services: Services, typed: dict[str, str], wrong: str) -> Page:
    contexts = services.segments.contexts
    return Page("segment_new.html", {"typed": typed, "wrong": wrong, "contexts": contexts})


@routes.page(ALL)
def list_segments_page(services: Services, query: SegmentsQuery) -> Page:
    """The segments, how many members they have, and what uses them."""
    asked = query.wanted()
    shown = {"list": services.pages.segment_details.page(asked), "asked": asked}
    return Page("segments.html", {**shown, "types": [*SegmentType]})


@routes.page(NEW)
def new_segment_page(services: Services) -> Page:
    """The form of a new segment."""
    return _new_once_more(services, {}, "")


@routes.form(NEW, again=_new_once_more)
def create_segment_by_form(services: Services, form: NewSegmentForm) -> Elsewhere:
    """Create a segment with its first users."""
    made = services.segments.put(form.draft(), form.ids)
    return Elsewhere(f"/segment/{made.id}?done=segment-created")


@routes.form(f"{NEW}/import", again=_new_once_more)
def import_segment(services: Services, form: ImportForm) -> Elsewhere:
    """Create the segment of a file, with its members and lists."""
    into = services.file_imports.of_segments()
    reader = SegmentReader(into.catalogue(), services.segments.group_types)
    made = into.store(pasted_one(form, "segment", reader.read))
    return Elsewhere(f"/segment/{made.id}?done=segment-imported")


@routes.page(f"{ONE}/export")
def export_segment(services: Services, segment_id: SegmentId) -> Download:
    """A segment as a file."""
    found = services.segment_administration.some([segment_id], with_own_lists=True)
    ((_, listings),) = found.read(found.rows)
    name = listings[segment_id].segment.name
    return kept(name, "segment", exported_segment(segment_id, listings))


@routes.page(ONE)
def show_segment(services: Services, segment_id: SegmentId) -> Page:
    """One segment or list: who is in it, what uses it, and what can be done with it."""
    return _shown(services, segment_id)


@routes.form(ONE, again=_once_more("edit"))
def edit_segment_by_form(
    services: Services, segment_id: SegmentId, form: SegmentEditForm
) -> Elsewhere:
    """Edit what a segment says of itself."""
    services.pages.segment_edits.edit(segment_id, form.of)
    return Elsewhere(f"/segment/{segment_id}?done=segment-saved")


@routes.form("/dashboard/segment/{segment_id}/members", again=_once_more("members"))
def change_members_by_form(
    services: Services, segment_id: SegmentId, form: MembersForm
) -> Elsewhere:
    """Add, remove or replace members."""
    services.pages.segment_edits.change_members(segment_id, form.wanted())
    return Elsewhere(f"/segment/{segment_id}?done=members-changed")


@routes.form("/dashboard/segment/{segment_id}/parts", again=_once_more("parts"))
def add_part_by_form(services: Services, segment_id: SegmentId, form: PartForm) -> Elsewhere:
    """Put another segment inside."""
    services.pages.segment_edits.add_part(segment_id, form.named)
    return Elsewhere(f"/segment/{segment_id}?done=part-added")


@routes.form("/dashboard/segment/{segment_id}/parts/remove", again=_once_more("parts"))
def remove_part_by_form(services: Services, segment_id: SegmentId, form: NoPartForm) -> Elsewhere:
    """Take another segment out."""
    services.pages.segment_edits.remove_part(segment_id, form.part)
    return Elsewhere(f"/segment/{segment_id}?done=part-removed")


@routes.form("/dashboard/segment/{segment_id}/delete", again=_once_more("delete"))
def delete_segment_by_form(
    services: Services, segment_id: SegmentId, form: DeletionForm
) -> Elsewhere:
    """Delete a segment, whose name was typed."""
    services.segment_deletion.delete(segment_id, force=form.force, name=form.name)
    return Elsewhere("/segments?done=segment-deleted")
