"""The settings of clients: /api/setting."""

from __future__ import annotations

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.api.http.routes import Routes
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.participants.client_models import ClientBody
from chalicelib.domain.catalogue import catalogue
from chalicelib.services import Services

routes = Routes(__name__, DIALECT)


class SettingBody(ClientBody):
    """POST /api/setting."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, defer_build=True)

    check_auth: bool = Field(alias="toCheckAuth")
    filter_metric: bool | None = Field(None, alias="toFilterMetric")


class ClientSettings(TypedDict):
    toCheckAuth: bool
    toFilterMetric: bool


@routes.endpoint("/api/setting")
def get_settings(services: Services) -> ClientSettings:
    """The settings of clients."""
    return _shown(services.study_setup.settings())


@routes.endpoint("/api/setting", "POST")
def change_settings(services: Services, body: SettingBody) -> ClientSettings:
    """Change the settings of clients."""
    return _shown(
        services.study_setup.change_settings(
            check_auth=body.check_auth, filter_metric=body.filter_metric
        )
    )


def _shown(settings: catalogue.ClientSettings) -> ClientSettings:
    return {"toCheckAuth": settings.check_auth, "toFilterMetric": settings.filter_metric}
