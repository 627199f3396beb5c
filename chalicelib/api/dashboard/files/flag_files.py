"""Flags as files."""

from __future__ import annotations

from chalicelib.api.dashboard.files.pasted_files import ImportForm, kept, pasted_one
from chalicelib.api.dashboard.serving.page import Download
from chalicelib.api.upgrade.audiences.listings import listings_of
from chalicelib.api.upgrade.flags.flag_answers import whole_flag_answer
from chalicelib.api.upgrade.flags.flag_files import reader_of
from chalicelib.api.upgrade.flags.flag_imports import FlagImport
from chalicelib.domain.catalogue.lists import entries
from chalicelib.services import Services


def pasted_flag(services: Services, form: ImportForm) -> FlagImport:
    """The flag of a file.

    Raises:
        Invalid: if it cannot be taken, or comes with warnings that were not accepted.
    """
    return pasted_one(form, "flag", reader_of(services).read)


def flag_file(services: Services, flag_id: str) -> Download:
    """A flag with its lists.

    Raises:
        NotFound: if there is none.
        Invalid: if its lists are longer than an answer can be.
    """
    flag = services.flags.get(flag_id)
    answer = whole_flag_answer(flag, listings_of(services, entries(flag)))
    return kept(flag.name, "flag", answer)
