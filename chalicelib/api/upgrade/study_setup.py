"""Preview users, stratification factors and settings."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from chalicelib.api.blueprint import ApiBlueprint
from chalicelib.api.upgrade.client_models import ClientBody, Name
from chalicelib.api.upgrade.dialect import DIALECT
from chalicelib.domain.catalogue import ClientSettings
from chalicelib.domain.errors import Invalid

blueprint = ApiBlueprint(__name__, DIALECT)

USER_COLUMN = "uuid"
PREVIEW_CONDITIONS = 500
"""Explicit conditions of a preview user."""


class PreviewUserBody(ClientBody):
    """POST /api/previewusers."""

    id: Name


class Reference(ClientBody):
    """Something known by its id."""

    id: Name


class PreviewAssignment(ClientBody):
    """An explicit condition of a preview user."""

    experiment: Reference
    condition: Reference = Field(alias="experimentCondition")


class PreviewAssignmentsBody(PreviewUserBody):
    """POST /api/previewusers/assign."""

    assignments: list[PreviewAssignment] = Field(max_length=PREVIEW_CONDITIONS)


class StratificationFile(ClientBody):
    """A CSV file: a header `uuid,factor[,factor...]`, then a line per user."""

    file: Annotated[str, StringConstraints(strict=True)]


class StratificationBody(ClientBody):
    """POST /api/stratification."""

    files: list[StratificationFile]


class SettingBody(ClientBody):
    """POST /api/setting."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    check_auth: bool = Field(alias="toCheckAuth")
    filter_metric: bool | None = Field(None, alias="toFilterMetric")


@blueprint.endpoint("/api/previewusers", "POST")
def create_preview_user(body: PreviewUserBody) -> dict[str, Any]:
    """Let a user see experiments in preview."""
    blueprint.services.study_setup.put_preview(body.id, {})
    return {"id": body.id, "assignments": []}


@blueprint.endpoint("/api/previewusers/assign", "POST")
def assign_preview_user(body: PreviewAssignmentsBody) -> dict[str, Any]:
    """Set the conditions of a preview user by experiment."""
    conditions = {each.experiment.id: each.condition.id for each in body.assignments}
    blueprint.services.study_setup.put_preview(body.id, conditions)
    return body.model_dump(by_alias=True)


@blueprint.endpoint("/api/previewusers/{user_id}", "DELETE")
def delete_preview_user(user_id: Name) -> list[dict[str, Any]]:
    """Make a preview user an ordinary one."""
    blueprint.services.study_setup.remove_preview(user_id)
    return [{"id": user_id}]


@blueprint.endpoint("/api/stratification", "POST")
def upload_strata(body: StratificationBody) -> list[dict[str, Any]]:
    """Store users' values of stratification factors."""
    factors: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for upload in body.files:
        for factor, values in _columns(upload.file).items():
            factors[factor].update(values)
    for factor, values in factors.items():
        blueprint.services.study_setup.put_strata(factor, values)
    return [{"factor": factor, "users": len(values)} for factor, values in factors.items()]


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


def _columns(text: str) -> dict[str, dict[str, str]]:
    """The values of each factor by user.

    Raises:
        Invalid: if it is not CSV, or has no column of users, or no factor beside it.
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise Invalid(f"file: {error}") from error
    header = [name.strip() for name in rows[0]] if rows else []
    if USER_COLUMN not in header or len(header) == 1:
        raise Invalid(f"file: the first line must name {USER_COLUMN} and at least one factor")
    users = header.index(USER_COLUMN)
    return {
        factor: {
            row[users].strip(): row[column].strip()
            for row in rows[1:]
            if len(row) == len(header) and row[users].strip()
        }
        for column, factor in enumerate(header)
        if column != users
    }
