"""Make, list and revoke the API keys of a stage.

A key is shown once, when it is made; what is stored of it is a digest.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from botocore.session import get_session

from chalicelib import bootstrap
from chalicelib.domain.access.api_keys import Role
from chalicelib.domain.errors import SwitchyardError
from chalicelib.services.access.access import AccessService
from chalicelib.settings import Settings
from infra.stages import use_environment_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for; 1 if that cannot be done."""
    asked = _parser().parse_args(arguments)
    use_environment_of(asked.stage)
    if region := get_session().get_config_variable("region"):
        os.environ.setdefault("AWS_REGION", region)  # which Lambda sets in a function
    settings = Settings()
    if settings.embedded:
        print(
            "The embedded database lives within `make run`: give it keys with ADMIN_KEY= and"
            " CLIENT_KEY=, or name a database with DYNAMODB_ENDPOINT=.",
            file=sys.stderr,
        )
        return 1
    os.environ.setdefault("AWS_DEFAULT_REGION", settings.aws_region)
    bootstrap.connect(settings)
    access = bootstrap.build(settings).access
    try:
        asked.do(access, asked)
    except SwitchyardError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.keys", description=__doc__)
    parser.add_argument("--stage", default="local", help="a stage of .chalice/config.json")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="make a key and show it, once")
    create.add_argument("--role", type=Role, choices=list(Role), required=True)
    create.set_defaults(do=_create)
    commands.add_parser("list", help="list the keys in force").set_defaults(do=_list)
    revoke = commands.add_parser("revoke", help="take a key out of force")
    revoke.add_argument("id", help="as `list` shows it")
    revoke.set_defaults(do=_revoke)
    return parser


def _create(access: AccessService, asked: argparse.Namespace) -> None:
    made, key = access.create(asked.role)
    print(f"{made.role} key {made.id}; it is not shown again:\n{key}")


def _list(access: AccessService, _: argparse.Namespace) -> None:
    for key in access.in_force():
        print(f"{key.id}  {key.role:<6}  made {key.created_at:%Y-%m-%d %H:%M} UTC")


def _revoke(access: AccessService, asked: argparse.Namespace) -> None:
    gone = access.revoke(asked.id)
    print(f"{gone.role} key {gone.id} is revoked")


if __name__ == "__main__":
    sys.exit(main())
