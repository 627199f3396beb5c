"""Serve the API on this machine, with the scheduled functions beside it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from chalice.local import create_local_server
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.errors import SwitchyardError, Unavailable
from infra.stages import config_of, use_environment_of

STAGE = "local"
MINUTE = 60.0

CLIENT_CREDENTIALS = {"CLIENT_API_SECRET": "secret", "CLIENT_API_KEY": "key"}
"""What tokens of UpGrade's clients are made with on a machine where nobody says otherwise."""


class LocalSettings(BaseSettings):
    """Environment variables of the local server; those of the application come on top."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    demo_data: bool = True
    schedule: bool = True
    admin_key: SecretStr | None = None
    client_key: SecretStr | None = None
    """API keys to begin with, where AUTH=on."""


def main() -> None:
    """Run until interrupted."""
    local = LocalSettings()
    config = config_of(STAGE)
    use_environment_of(STAGE, **CLIENT_CREDENTIALS)
    elsewhere = os.environ.get("DYNAMODB_ENDPOINT")
    database = "the database of DYNAMODB_ENDPOINT" if elsewhere else "an embedded database"
    print(f"starting on {database} ...", flush=True)
    # Only now: importing the application reads the environment and connects.
    try:
        import app

        server = create_local_server(app.app, config, local.host, local.port)
    except Unavailable as error:
        sys.exit(f"{error}: is {os.environ.get('DYNAMODB_ENDPOINT')} a running DynamoDB?")
    except OSError as error:
        sys.exit(f"port {local.port}: {error.strerror}; choose another one with PORT=")
    for role, key in ((Role.ADMIN, local.admin_key), (Role.CLIENT, local.client_key)):
        if key is not None:
            app.services.access.create(role, key.get_secret_value())
    if local.demo_data:
        _fill(app)
    url = f"http://{local.host}:{server.server.server_address[1]}"
    _print_urls(url, app.services)
    stopped = threading.Event()
    if local.schedule:
        for job in (app.run_upkeep, app.run_purge):
            threading.Thread(target=_run_schedule, args=(app, job, stopped), daemon=True).start()
    try:
        server.server.serve_forever()
    except KeyboardInterrupt:
        print("stopped")
    finally:
        stopped.set()


def _fill(app: Any) -> None:
    from infra.local import demo

    print("filling in demonstration data (DEMO_DATA=0 leaves it out) ...", flush=True)
    features = demo.fill(app.settings)
    print(f"{len(features)} features" if features else "the store has data already", flush=True)


def _run_schedule(app: Any, job: Callable[[], None], stopped: threading.Event) -> None:
    while not stopped.wait(MINUTE):
        try:
            job()
        except SwitchyardError:
            app.logger.warning("a scheduled job failed; it is tried again in a minute")


def _print_urls(url: str, services: Any) -> None:
    features = services.catalogue.fresh().features
    experiments = [f for f in features if f.variants and f.design is None]
    designs = [f.design for f in features if f.design is not None]
    as_json = "-H 'Content-Type: application/json'"
    lines = [
        f"{url}/dashboard    # experiments, results and flags, in a browser",
        f"{url}/swagger    # all routes, in a browser",
        f"curl {url}/api/feature/current",
        f"curl {url}/api/feature",
        f"curl '{url}/api/users?limit=5'",
        f"curl '{url}/api/events?limit=5'",
        f"curl {url}/api/userblocks",
        *(f"curl {url}/api/analysis/feature/{f.id}    # {f.name}" for f in experiments),
        f"curl {url}/api/results",
        *(f"curl {url}/api/results/feature/{f.id}    # {f.name}" for f in experiments),
        *(f"curl {url}/api/results/experiment/{d.id}    # {d.name}" for d in designs),
        f"curl {url}/api/experiments/names",
        f"curl {url}/api/v6/init -H 'User-Id: ada' {as_json} -d '{{}}'",
        *(
            f"curl {url}/api/v6/assign -H 'User-Id: ada' {as_json}"
            f""" -d '{{"context": "{design.context}"}}'    # {design.name}"""
            for design in designs
        ),
        *(
            f"curl {url}/api/query/analyse {as_json}"
            f""" -d '{{"queryIds": ["{query.id}"]}}'    # {design.name}"""
            for design in designs
            for query in design.metric_queries()
        ),
        f"curl -X DELETE {url}/api/v5/clearDB    # empties everything",
    ]
    print(f"Serving on {url} - try:", *lines, sep="\n  ")
    print("Ctrl-C stops.", flush=True)


if __name__ == "__main__":
    main()
