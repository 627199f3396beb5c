"""The settings of clients: /api/setting."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from chalicelib.api.http.blueprint import ApiBlueprint
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.upgrade.participants.client_models import ClientBody
from chalicelib.domain.catalogue.catalogue import ClientSettings

blueprint = ApiBlueprint(__name__, DIALECT)


class SettingBody(ClientBody):
    """POST /api/setting."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, defer_build=True)

    check_auth: bool = Field(alias="toCheckAuth")
    filter_metric: bool | None = Field(None, alias="toFilterMetric")


@blueprint.endpoint("/api/setting")
def get_settings() -> dict[str, Any]:
    """The settings of clients."""
    return _shown(blueprint.services.study_setup.settings())


@blueprint.endpoint("/api/setting", "POST")
def change_settings(body: SettingBody) -> dict[str, Any]:
    """Change the settings of clients."""
    return _shown(
        blueprint.services.study_setup.change_settings(
            check_auth=body.check_auth, filter_metric=body.filter_metric
        )
    )


def _shown(settings: ClientSettings) -> dict[str, Any]:
    return {"toCheckAuth": settings.check_auth, "toFilterMetric": settings.filter_metric}
