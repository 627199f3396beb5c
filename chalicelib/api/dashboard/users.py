"""What is stored of a user: shown, handed out and erased: /dashboard/users."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict

from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Download, Page
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.dashboard.user_history.export_file import export_file
from chalicelib.api.dashboard.user_history.happenings import Subjects, happenings
from chalicelib.api.dashboard.user_history.removal import removal_rows
from chalicelib.api.testlab.fields import Text
from chalicelib.api.testlab.privacy.export_parts import ExportQuery, told_bytes
from chalicelib.domain.access.api_keys import Right
from chalicelib.domain.confirmation import is_name
from chalicelib.domain.errors import Invalid
from chalicelib.services import Services
from chalicelib.services.privacy.erasure import ErasureReport
from chalicelib.services.privacy.user_overview import UserOverview

USERS = "/dashboard/users"

SHOWN = 500
"""Happenings on a page, the latest ones; the export has all."""

routes = PageRoutes(__name__)


class UserQuery(BaseModel):
    """Which user."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    id: Text = ""


class UserExportQuery(ExportQuery):
    """Which user, and the file after the one that named `cursor`."""

    id: Text


class ErasureForm(Form):
    """Which user, percent-encoded since forms change blanks and line ends; and the id once more."""

    id: Annotated[str, AfterValidator(unquote)]
    again: str = ""

    def confirmed(self) -> str:
        """The id, if it was typed again.

        Raises:
            Invalid: if something else was typed.
        """
        if not is_name(self.id, self.again):
            raise Invalid("What you typed is not the id of this user. Nothing was removed.")
        return self.id


def user_page(user_id: str, found: UserOverview | None) -> Page:
    """The search, and what it found."""
    shown: dict[str, Any] = {"asked": user_id, "found": found}
    if found is not None and found.stored is not None:
        history = happenings(found.stored)
        shown["happenings"] = history[-SHOWN:]
        shown["earlier"] = max(0, len(history) - SHOWN)
        shown["subjects"] = Subjects(found.stored.catalogue)
    return Page("users.html", shown)


def erasure_page(found: UserOverview, wrong: str = "", again: str = "") -> Page:
    """What an erasure would remove."""
    removed = removal_rows(found.removal)
    shown = {"found": found, "removed": removed, "wrong": wrong, "again": again}
    return Page("user_erase.html", shown)


def erasure_again(services: Services, typed: dict[str, str], wrong: str) -> Page:
    """The page once more."""
    found = services.pages.user_overview.of(unquote(typed.get("id", "")))
    return erasure_page(found, wrong, typed.get("again", ""))


def erased_page(report: ErasureReport) -> Page:
    """What an erasure has removed."""
    return Page("user_erased.html", {"user_id": report.user_id, "removed": removal_rows(report)})


@routes.page(USERS)
def show_user(services: Services, query: UserQuery) -> Page:
    """A search, and what is stored of the user who was found."""
    found = services.pages.user_overview.of(query.id) if query.id else None
    return user_page(query.id, found)


@routes.page(f"{USERS}/export")
def export_user_file(services: Services, query: UserExportQuery) -> Download:
    """All that is stored of a user, as a file."""
    begin = query.position(query.id)
    return export_file(services.user_export.export(query.id, begin, told_bytes), query.id)


@routes.page(f"{USERS}/erase", right=Right.MANAGE)
def ask_to_erase(services: Services, query: UserQuery) -> Page:
    """What an erasure would remove, in numbers, before it is done."""
    return erasure_page(services.pages.user_overview.of(query.id))


@routes.form(f"{USERS}/erase", right=Right.MANAGE, again=erasure_again)
def erase_user(services: Services, form: ErasureForm) -> Page:
    """Erase a user in both APIs; sent again it removes what is left."""
    return erased_page(services.erasure.erase(form.confirmed()))
