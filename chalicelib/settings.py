"""All settings of a process: the only reader of the environment."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Stage(StrEnum):
    """Where the process runs."""

    LOCAL = "local"
    DEV = "dev"
    PROD = "prod"


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

    catalogue_ttl_ms: int = Field(0, ge=0, le=60_000)
    """Milliseconds for which a process answers without asking whether the catalogue changed.

    The purge counts on every process noticing a change long before its second pass.
    """

    totals_shards: int = Field(10, ge=1, le=100)
    """Items over which the totals of each variant of a new feature are spread."""

    cors_origin: str = "*"
    """The origin that browsers may call from."""

    demo_mode: bool = False
    """Allows DELETE /api/v5/clearDB, which empties everything."""

    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$")

    @property
    def embedded(self) -> bool:
        """Whether the database is the one in this process."""
        return self.stage is Stage.LOCAL and not self.dynamodb_endpoint
