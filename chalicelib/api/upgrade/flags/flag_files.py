"""Flags and their lists as files: /api/flags/import, /api/flags/export and what goes with it."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from http import HTTPStatus
from typing import Annotated

from chalice.app import Response
from pydantic import AfterValidator

from chalicelib.api.http.rendering import Rendered, written
from chalicelib.api.http.routes import Routes
from chalicelib.api.pages.answer_pages import ListQuery
from chalicelib.api.protocol.attachments import attachment
from chalicelib.api.protocol.problems import ResponseHeaders
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.audiences.list_files import (
    ExportedList,
    ListFilesBody,
    exported_lists,
    import_lists,
    list_pages,
)
from chalicelib.api.upgrade.audiences.shown_members import bounded
from chalicelib.api.upgrade.flags.flag_answers import FlagWithLists, laid_out, whole_flag_answer
from chalicelib.api.upgrade.flags.flag_imports import FlagReader
from chalicelib.api.upgrade.wire.files import (
    FileBody,
    FilesBody,
    FileVerdict,
    TakenFile,
    judged,
    stored,
)
from chalicelib.api.upgrade.wire.records import new_id, now
from chalicelib.api.upgrade.wire.texts import UUID_SCHEMA, Uuid, checked_uuid
from chalicelib.domain.catalogue.catalogue import Catalogue
from chalicelib.domain.errors import NotFound
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)

FlagId = Annotated[str, AfterValidator(checked_uuid), UUID_SCHEMA]


EXPORT = "/api/flags/export/{flag_id}"
INCLUDED = list_pages("/api/flags/export/includeLists/{flag_id}")
EXCLUDED = list_pages("/api/flags/export/excludeLists/{flag_id}")


class FlagListFilesBody(ListFilesBody):
    """POST /api/flags/lists/import."""

    flag_id: Uuid


def reader_of(catalogue: Catalogue, contexts: Collection[str]) -> FlagReader:
    """A reader of files with flags, which are to be created beside those that there are."""
    return FlagReader(catalogue, contexts=contexts, now=now, new_id=new_id)


@routes.endpoint("/api/flags/import/validation", "POST")
def validate_flags(services: Services, body: FilesBody) -> list[FileVerdict]:
    """What an import of some files would do."""
    reader = reader_of(services.catalogue.fresh(), services.segments.contexts)
    return [judged(file, reader.read).verdict() for file in body.files]


@routes.endpoint("/api/flags/import", "POST")
def import_flags(services: Services, body: FilesBody) -> list[TakenFile]:
    """Create flags from files, each by itself; they are disabled and keep their ids."""

    into, contexts = services.file_imports.of_flags(), services.segments.contexts

    def taken(file: FileBody) -> TakenFile:
        reader = reader_of(into.catalogue(), contexts)
        return stored(judged(file, reader.read), into.store).brief_answer()

    return [taken(file) for file in body.files]


@routes.endpoint(EXPORT)
def export_flag(services: Services, flag_id: FlagId) -> Rendered[FlagWithLists] | Response:
    """One flag as a file holds it, laid out for people."""
    try:
        flag, listings = services.flag_administration.get(flag_id)
    except NotFound as error:
        text: ResponseHeaders = {"Content-Type": "text/plain; charset=utf-8"}
        return Response(str(error), text, HTTPStatus.NOT_FOUND.value)
    row = bounded(partial(whole_flag_answer, flag), listings, EXPORT, laid_out)
    header: ResponseHeaders = {"Link": ", ".join(row.links)} if row.links else {}
    return written(row.text, {**header, **attachment(flag.name, "json")})


@routes.endpoint("/api/flags/lists/import", "POST")
def import_flag_lists(services: Services, body: FlagListFilesBody) -> list[TakenFile]:
    """Add lists from files to a flag; they are switched off."""
    into = services.imports.into_flag(body.flag_id, exclude=body.filter_type.excludes)
    return import_lists(body.files, into, typed=True)


@routes.endpoint(INCLUDED.route)
def export_flag_include_lists(
    services: Services, flag_id: FlagId, query: ListQuery
) -> Rendered[list[ExportedList]]:
    """The lists that include users."""
    lists = services.flag_administration.lists(flag_id, exclude=False)
    return exported_lists(lists, INCLUDED, query, "Include", flag_id)


@routes.endpoint(EXCLUDED.route)
def export_flag_exclude_lists(
    services: Services, flag_id: FlagId, query: ListQuery
) -> Rendered[list[ExportedList]]:
    """The lists that exclude users."""
    lists = services.flag_administration.lists(flag_id, exclude=True)
    return exported_lists(lists, EXCLUDED, query, "Exclude", flag_id)
