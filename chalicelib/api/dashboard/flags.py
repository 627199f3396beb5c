"""Flags of UpGrade: /dashboard/flag/{flag_id}, /dashboard/flags/new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from chalicelib.api.dashboard.files import ImportForm, kept, pasted_one
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Download, Elsewhere, Page
from chalicelib.api.dashboard.serving.pasted import PastedTags, PastedUsers
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.upgrade.flags.flag_answers import whole_flag_answer
from chalicelib.api.upgrade.flags.flag_files import reader_of
from chalicelib.api.upgrade.flags.flag_models import FlagBody
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.api.upgrade.wire.texts import FilledName, FilledText, Uuid, checked_uuid
from chalicelib.api.values.bounds import AtMost
from chalicelib.domain.audiences.filters import FilterMode
from chalicelib.domain.audiences.segments import Segment, SegmentType
from chalicelib.domain.catalogue.lists import with_switched_list
from chalicelib.domain.confirmation import require_unchanged, tag_of
from chalicelib.domain.flags.flags import Flag, FlagStatus
from chalicelib.domain.participants.participants import GroupKey
from chalicelib.services import Services
from chalicelib.services.catalogue.imports import ListDraft

INDIVIDUAL, OF_SEGMENT = "Individual", "Segment"
"""What a list of users and one of segments say that they are; others name a type of groups."""

ONE = "/dashboard/flag/{flag_id}"
LIST = "/dashboard/flag/{flag_id}/list/{segment_id}"
NEW = "/dashboard/flags/new"

FlagId = Annotated[str, AfterValidator(checked_uuid)]

routes = PageRoutes(__name__)


def _one(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class FlagForm(FlagBody, Form):
    """A flag without its lists, as the API takes it."""

    id: None = None
    tags: PastedTags | None = None
    context: Annotated[
        tuple[FilledText, ...], Field(min_length=1), AtMost(1), BeforeValidator(_one)
    ]


class FlagEditForm(FlagForm):
    """What can be changed of a flag; whether it is on has buttons of its own."""

    status: None = None  # type: ignore[assignment]
    seen: str = ""

    def of(self, before: Flag, contexts: tuple[str, ...]) -> Flag:
        """The flag as it is to be.

        Raises:
            Changed: if it is not what the form showed.
        """
        require_unchanged(self.seen, _told(before))
        after = self.edited(before, contexts=contexts, now=now())
        return replace(after, status=before.status)


class FlagListForm(Form):
    """A list to be added: of users, of groups of one type, or of one segment."""

    side: Literal["include", "exclude"]
    name: FilledName
    context: FilledText
    list_type: FilledText
    ids: PastedUsers = ()
    segment: Uuid | None = None
    enabled: bool = False

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.list_type == OF_SEGMENT) is (self.segment is None):
            raise ValueError("choose a segment for a list of segments, and for no other")
        if self.segment is not None and self.ids:
            raise ValueError("a list of segments has no ids of its own")
        return self

    def draft(self) -> ListDraft:
        """The list with a segment of its own."""
        is_users = self.list_type == INDIVIDUAL
        groups = () if is_users else (GroupKey(self.list_type, each) for each in self.ids)
        made = Segment(
            id=new_id(),
            name=self.name,
            context=self.context,
            type=SegmentType.PRIVATE,
            version=0,
            groups=frozenset(groups),
            sub_segments=() if self.segment is None else (self.segment,),
            description=None,
            tags=(),
            list_type=self.list_type,
            created_at=now(),
            updated_at=now(),
        )
        users = self.ids if is_users else ()
        return ListDraft(made, users, self.enabled, self.list_type)


class SideForm(Form):
    """On which side of a flag a list is."""

    side: Literal["include", "exclude"]


class NameForm(Form):
    """The name of what is to be deleted."""

    name: str = ""


def _told(flag: Flag) -> tuple[object, ...]:
    """What the form tells of a flag."""
    return flag.name, flag.key, flag.description, flag.tags, flag.context, flag.filter_mode


def _shown(
    services: Services,
    flag_id: str,
    refused: str = "",
    typed: dict[str, str] | None = None,
    wrong: str | None = None,
) -> Page:
    """The page of a flag; `refused` is the form on it that was, with what was typed into that."""
    detail = services.pages.flag_details.of(flag_id)
    more = {
        "modes": [*FilterMode],
        "contexts": services.segments.contexts,
        "seen": tag_of(_told(detail.flag)),
    }
    return Page(
        "flag.html",
        {"detail": detail, "refused": refused, "typed": typed or {}, "wrong": wrong, **more},
    )


def _once_more(form: str) -> Callable[..., Page]:
    def again(
        services: Services, typed: dict[str, str], wrong: str, flag_id: str, **_: str
    ) -> Page:
        return _shown(services, flag_id.lower(), form, typed, wrong)

    return again


def _new_once_more(services: Services, typed: dict[str, str], wrong: str) -> Page:
    contexts = services.segments.contexts
    return Page(
        "flag_new.html",
        {"typed": typed, "wrong": wrong, "contexts": contexts, "modes": [*FilterMode]},
    )


def _with_status(status: FlagStatus, flag: Flag) -> Flag:
    return replace(flag, status=status, updated_at=now(), version=flag.version + 1)


def _switched(segment_id: str, side: str, flag: Flag, *, enabled: bool) -> Flag:
    after = with_switched_list(flag, segment_id, enabled=enabled, exclude=side == "exclude")
    return replace(after, updated_at=now(), version=flag.version + 1)


@routes.page(NEW)
def new_flag_page(services: Services) -> Page:
    """The form of a new flag."""
    return _new_once_more(services, {}, "")


@routes.form(NEW, again=_new_once_more)
def create_flag_by_form(services: Services, form: FlagForm) -> Elsewhere:
    """Create a flag."""
    draft = form.flag(contexts=services.segments.contexts, flag_id=new_id(), now=now())
    return Elsewhere(f"/flag/{services.flags.create(draft).id}?done=flag-created")


@routes.form(f"{NEW}/import", again=_new_once_more)
def import_flag(services: Services, form: ImportForm) -> Elsewhere:
    """Create the flag of a file, with its lists."""
    into = services.file_imports.of_flags()
    reader = reader_of(into.catalogue(), services.segments.contexts)
    made = into.store(pasted_one(form, "flag", reader.read))
    return Elsewhere(f"/flag/{made.id}?done=flag-imported")


@routes.page(f"{ONE}/export")
def export_flag(services: Services, flag_id: FlagId) -> Download:
    """A flag as a file."""
    flag, listings = services.flag_administration.get(flag_id)
    return kept(flag.name, "flag", whole_flag_answer(flag, listings))


@routes.page(ONE)
def show_flag(services: Services, flag_id: FlagId) -> Page:
    """One flag: whom it is on for, its lists, and what can be done with it."""
    return _shown(services, flag_id)


@routes.form(ONE, again=_once_more("edit"))
def edit_flag_by_form(services: Services, flag_id: FlagId, form: FlagEditForm) -> Elsewhere:
    """Edit a flag, but for its lists."""
    contexts = services.segments.contexts
    services.flags.edit(flag_id, lambda flag: form.of(flag, contexts))
    return Elsewhere(f"/flag/{flag_id}?done=flag-saved")


@routes.form("/dashboard/flag/{flag_id}/turn-on", again=_once_more("state"))
def turn_flag_on(services: Services, flag_id: FlagId) -> Elsewhere:
    """Let clients be told of a flag."""
    services.flags.edit(flag_id, partial(_with_status, FlagStatus.ENABLED))
    return Elsewhere(f"/flag/{flag_id}?done=flag-on")


@routes.form("/dashboard/flag/{flag_id}/turn-off", again=_once_more("state"))
def turn_flag_off(services: Services, flag_id: FlagId) -> Elsewhere:
    """Let clients no longer be told of a flag."""
    services.flags.edit(flag_id, partial(_with_status, FlagStatus.DISABLED))
    return Elsewhere(f"/flag/{flag_id}?done=flag-off")


@routes.form("/dashboard/flag/{flag_id}/archive", again=_once_more("state"))
def archive_flag(services: Services, flag_id: FlagId) -> Elsewhere:
    """Put a flag aside: it is off, and kept."""
    services.flags.edit(flag_id, partial(_with_status, FlagStatus.ARCHIVED))
    return Elsewhere(f"/flag/{flag_id}?done=flag-archived")


@routes.form("/dashboard/flag/{flag_id}/delete", again=_once_more("delete"))
def delete_flag_by_form(services: Services, flag_id: FlagId, form: NameForm) -> Elsewhere:
    """Delete a flag with its lists, whose name was typed."""
    services.flags.delete(flag_id, form.name)
    return Elsewhere("?kind=flag&done=flag-deleted")


@routes.form("/dashboard/flag/{flag_id}/lists", again=_once_more("list"))
def add_list_to_flag(services: Services, flag_id: FlagId, form: FlagListForm) -> Elsewhere:
    """Let a list include or exclude its members."""
    services.lists.put_in_flag(flag_id, form.draft(), exclude=form.side == "exclude")
    return Elsewhere(f"/flag/{flag_id}?done=list-added")


@routes.form(LIST + "/turn-on", again=_once_more("lists"))
def switch_list_on(
    services: Services, flag_id: FlagId, segment_id: FlagId, form: SideForm
) -> Elsewhere:
    """Let a list of a flag count."""
    services.flags.edit(flag_id, partial(_switched, segment_id, form.side, enabled=True))
    return Elsewhere(f"/flag/{flag_id}?done=list-on")


@routes.form(LIST + "/turn-off", again=_once_more("lists"))
def switch_list_off(
    services: Services, flag_id: FlagId, segment_id: FlagId, form: SideForm
) -> Elsewhere:
    """Let a list of a flag count no longer."""
    services.flags.edit(flag_id, partial(_switched, segment_id, form.side, enabled=False))
    return Elsewhere(f"/flag/{flag_id}?done=list-off")


@routes.form(LIST + "/remove", again=_once_more("lists"))
def remove_list_of_flag(
    services: Services, flag_id: FlagId, segment_id: FlagId, form: SideForm
) -> Elsewhere:
    """Take a list off a flag; it goes with that if it was made for it."""
    services.flags.remove_list(flag_id, segment_id, exclude=form.side == "exclude")
    return Elsewhere(f"/flag/{flag_id}?done=list-removed")
