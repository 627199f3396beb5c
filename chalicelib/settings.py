"""All settings of a process: the only reader of the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chalicelib.domain.features.ip_addresses import IpAddressMode

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]

CONTEXTS_FILE = Path(__file__).with_name("contexts.json")
"""In a file, for Lambda's environment ends at 4 KB."""


def _origin(value: str) -> str:
    if value == "*" or re.fullmatch(r"[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+", value):
        return value
    raise ValueError(
        "* or an origin as browsers send it, such as https://example.com: lower case, no path,"
        " no slash at the end"
    )


def _listed(value: object) -> object:
    """The items of a list that is separated by commas."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


class Stage(StrEnum):
    """Where the process runs."""

    LOCAL = "local"
    DEV = "dev"
    PROD = "prod"


class ContextMetadata(BaseModel):
    """One context as UpGrade's CONTEXT_METADATA describes it: suggestions for administrators."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    CONDITIONS: list[str] = []
    GROUP_TYPES: list[str] = []
    EXP_IDS: list[str] = []
    EXP_POINTS: list[str] = []


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    stage: Stage = Stage.LOCAL
    """`local` runs on an embedded database unless `DYNAMODB_ENDPOINT` names another."""

    aws_region: str = "us-east-1"
    """Set by Lambda."""

    table_prefix: str = Field("switchyard-local", pattern=r"^[A-Za-z0-9_.-]{1,200}$")
    """Tables are called `<prefix>-features` and so on."""

    dynamodb_endpoint: str | None = None
    """URL of a database other than AWS's, e.g. DynamoDB Local; missing tables are created."""

    dynamodb_timeout_ms: int = Field(1000, ge=100, le=20_000)
    """Milliseconds for which the database is waited for at a time, once connected."""

    catalogue_ttl_ms: int = Field(0, ge=0, le=60_000)
    """Milliseconds for which a process answers without asking whether the catalogue changed.

    The purge counts on every process noticing a change long before its second pass.
    """

    stale_for_ms: int = Field(60_000, ge=0, le=600_000)
    """Milliseconds beyond that for which clients are answered from the last catalogue that was
    read, while a newer one cannot be. The purge counts on it too."""

    totals_shards: int = Field(10, ge=1, le=100)
    """Items over which the totals of each variant of a new feature are spread."""

    cors_origin: Annotated[str, AfterValidator(_origin)] = "*"
    """The origin that pages in browsers may call from; `*`: any."""

    cors_headers: Annotated[tuple[HeaderName, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Request headers, separated by commas, that pages of the one origin may send besides those
    that clients of either API are known to send. Pages of any origin may send all."""

    demo_mode: bool = False
    """Allows DELETE /api/v5/clearDB, which empties everything."""

    context_metadata: dict[str, ContextMetadata] = Field(
        default_factory=lambda: json.loads(CONTEXTS_FILE.read_text())
    )
    """UpGrade's contexts (client applications) by name, as JSON; else those of `contexts.json`."""

    auth: bool | None = None
    """Whether callers need API keys: on where it is deployed, off in stage `local`."""

    testlab_open_client: bool | None = None
    """Whether the published SDKs of Test Lab, which cannot send a key, are served without one:
    off in stage `prod`, else on."""

    client_api_secret: SecretStr | None = None
    """What UpGrade's clients sign their tokens with, while the setting `toCheckAuth` is on."""

    client_api_key: SecretStr | None = None
    """The key that those tokens must name."""

    client_api_secret_parameter: str | None = None
    """Name of the SSM SecureString that holds the secret, for stages that are deployed."""

    client_api_key_parameter: str | None = None
    """The same for the key."""

    ip_address_mode: IpAddressMode = IpAddressMode.FULL
    """How much of the addresses of Test Lab's users is kept: `full`, `truncated` or `none`."""

    exact_totals: bool = True
    """Whether totals move in one transaction with each event, at twice the price of the writes."""

    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$")

    metrics: bool | None = None
    """Whether metrics of each route are written with the log: on where it is deployed, off in
    stage `local`."""

    @property
    def writes_metrics(self) -> bool:
        """Whether metrics of each route are written with the log."""
        return self.stage is not Stage.LOCAL if self.metrics is None else self.metrics

    @property
    def needs_keys(self) -> bool:
        """Whether callers need API keys."""
        return self.stage is not Stage.LOCAL if self.auth is None else self.auth

    @property
    def open_testlab(self) -> bool:
        """Whether the SDKs of Test Lab are served without a key."""
        if self.testlab_open_client is None:
            return self.stage is not Stage.PROD
        return self.testlab_open_client

    @property
    def embedded(self) -> bool:
        """Whether the database is the one in this process."""
        return self.stage is Stage.LOCAL and not self.dynamodb_endpoint

    def shown(self) -> Mapping[str, str]:
        """All settings in force, as text by the names of their variables.

        Of secrets it is told whether they are set, of contexts their names, of the address of a
        database no user and password.
        """
        values = {
            **dict(self),
            "auth": self.needs_keys,
            "testlab_open_client": self.open_testlab,
            "metrics": self.writes_metrics,
            "context_metadata": tuple(self.context_metadata),
        }
        if self.dynamodb_endpoint is not None:
            address = urlsplit(self.dynamodb_endpoint)
            host = address.netloc.rpartition("@")[2]
            values["dynamodb_endpoint"] = address._replace(netloc=host, query="").geturl()
        return {name.upper(): _text(value) for name, value in sorted(values.items())}


def _text(value: object) -> str:
    """A value for people."""
    if isinstance(value, SecretStr):
        return "set, not shown"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None else str(value)
