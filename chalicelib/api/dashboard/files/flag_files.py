"""Flags as files."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.api.dashboard.files.pasted_files import ImportForm, kept, pasted_one
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.upgrade.flags.flag_answers import whole_flag_answer
from chalicelib.api.upgrade.flags.flag_files import reader_of
from chalicelib.domain.audiences.listings import Listings
from chalicelib.domain.flags.flags import Flag
from chalicelib.services.catalogue.administration.file_imports import FileImport, FlagDraft


def pasted_flag(
    into: FileImport[FlagDraft, Flag], contexts: Collection[str], form: ImportForm
) -> FlagDraft:
    """The flag of a file.

    Raises:
        Invalid: if it cannot be taken, or comes with warnings that were not accepted.
    """
    return pasted_one(form, "flag", reader_of(into.catalogue(), contexts).read)


def flag_file(flag: Flag, listings: Listings) -> Download:
    """A flag with its lists.

    Raises:
        Invalid: if its lists are longer than an answer can be.
    """
    return kept(flag.name, "flag", whole_flag_answer(flag, listings))
