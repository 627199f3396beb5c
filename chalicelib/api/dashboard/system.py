"""The service itself, and the keys to it: /dashboard/system."""

from __future__ import annotations

from chalicelib.about import VERSION
from chalicelib.api.dashboard.service_facts.costs import costs
from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Elsewhere, Page
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.dashboard.words import ROLES, SIZES
from chalicelib.domain.access.api_keys import ApiKey, Right, Role
from chalicelib.services import Services
from chalicelib.services.catalogue.system import KeyInForce, SystemState

SYSTEM = "/dashboard/system"

routes = PageRoutes(__name__)


class KeyForm(Form):
    """What a new key is for."""

    role: Role


class RevocationForm(Form):
    """Nothing but the will to do it."""


def system_page(state: SystemState, wrong: str = "", role: str = Role.CLIENT.value) -> Page:
    """The page; after a refusal with what was chosen and what is wrong."""
    told = {"version": VERSION, "costs": costs(), "roles": ROLES, "size_words": SIZES}
    return Page("system.html", {"state": state, **told, "wrong": wrong, "chosen": role})


def system_again(services: Services, typed: dict[str, str], wrong: str) -> Page:
    """The page once more."""
    return system_page(services.pages.system.state(), wrong, typed.get("role", ""))


def new_key_page(made: tuple[ApiKey, str]) -> Page:
    """The only page that ever shows a key."""
    key, text = made
    return Page("key_made.html", {"key": key, "text": text, "roles": ROLES})


def revocation_page(found: KeyInForce, wrong: str = "") -> Page:
    """What revoking a key does."""
    return Page("key_revoke.html", {"found": found, "roles": ROLES, "wrong": wrong})


def revocation_again(
    services: Services,
    typed: dict[str, str],  # noqa: ARG001
    wrong: str,
    key_id: str,
) -> Page:
    """The page once more."""
    return revocation_page(services.pages.system.key(key_id), wrong)


@routes.page(SYSTEM)
def show_system(services: Services) -> Page:
    """Keys, settings, runs, queue, sizes and costs."""
    return system_page(services.pages.system.state())


@routes.form(f"{SYSTEM}/keys", right=Right.MANAGE, again=system_again)
def create_key(services: Services, form: KeyForm) -> Page:
    """Create a key. It is on this answer alone: no address leads to it again."""
    return new_key_page(services.access.create(form.role))


@routes.page(f"{SYSTEM}/keys/{{key_id}}/revoke", right=Right.MANAGE)
def ask_to_revoke(services: Services, key_id: str) -> Page:
    """What revoking a key does, before it is done."""
    return revocation_page(services.pages.system.key(key_id))


@routes.form(f"{SYSTEM}/keys/{{key_id}}/revoke", right=Right.MANAGE, again=revocation_again)
def revoke_key(services: Services, key_id: str, form: RevocationForm) -> Elsewhere:  # noqa: ARG001
    """Take a key out of force."""
    services.access.revoke(key_id)
    return Elsewhere("/system?done=key-revoked")
