"""Signing in with an API key, and out: /dashboard/sign-in."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from chalicelib.api.dashboard.serving.forms import Form
from chalicelib.api.dashboard.serving.page import Elsewhere, Page
from chalicelib.api.dashboard.serving.places import HOME, own_place
from chalicelib.api.dashboard.serving.routes import PageRoutes
from chalicelib.api.dashboard.serving.sessions import cookie_of
from chalicelib.api.http.reading import Reading
from chalicelib.services import Services

SIGN_IN = "/dashboard/sign-in"

Place = Annotated[str, AfterValidator(own_place)]
"""Where to go once signed in: what is no page of this application leads to the first one."""

routes = PageRoutes(__name__)


class SignInQuery(BaseModel):
    """Where to go once signed in."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    to: Place = HOME


class SignInForm(Form):
    """The key, and where to go."""

    key: SecretStr
    to: Place = HOME


def refused(services: Services, typed: dict[str, str], wrong: str) -> Page:  # noqa: ARG001
    """The page once more, without the key."""
    return Page("sign_in.html", {"to": own_place(typed.get("to", HOME)), "wrong": wrong})


@routes.page(SIGN_IN, right=None)
def sign_in_page(query: SignInQuery) -> Page:
    """Where people show their key."""
    return Page("sign_in.html", {"to": query.to, "wrong": None})


@routes.form(SIGN_IN, right=None, again=refused, begins=True)
def sign_in(services: Services, form: SignInForm, reading: Reading) -> Elsewhere:
    """Begin a session."""
    session = services.sessions.sign_in(form.key.get_secret_value())
    return Elsewhere(form.to.removeprefix(HOME), cookie_of(session, reading))


@routes.form("/dashboard/sign-out", right=None)
def sign_out(reading: Reading) -> Elsewhere:
    """End the session in this browser."""
    return Elsewhere("/sign-in", cookie_of("", reading))
