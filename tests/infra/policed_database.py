"""A database that lets a function do what its policy allows, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from tests.database_proxy import Call, proxied
from tests.infra.conftest import REGION

TABLE = f"arn:aws:dynamodb:{REGION}:123456789012:table/"


class Policy:
    """The statements of an IAM policy that only allows."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._allowed = [
            (action, resource)
            for statement in document["Statement"]
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        ]
        self.refused: list[tuple[str, str]] = []
        """Actions and resources that were asked for in vain."""

    def allows(self, action: str, resource: str) -> bool:
        """Whether some statement allows the action on the resource; if not, it is noted."""
        for actions, resources in self._allowed:
            if fnmatchcase(action, actions) and fnmatchcase(resource, resources):
                return True
        self.refused.append((action, resource))
        return False


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def actions(operation: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The actions, and the resources they need, of one call to DynamoDB.

    A transaction needs what its parts need on their own (Service Authorization Reference).
    """
    if operation in ("BatchGetItem", "BatchWriteItem"):
        for table in body["RequestItems"]:
            yield f"dynamodb:{operation}", TABLE + table
    elif operation == "TransactWriteItems":
        names = {
            "Put": "PutItem",
            "Update": "UpdateItem",
            "Delete": "DeleteItem",
            "ConditionCheck": "ConditionCheckItem",
        }
        for item in body["TransactItems"]:
            for part, arguments in item.items():
                yield f"dynamodb:{names[part]}", TABLE + arguments["TableName"]
    else:
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        yield f"dynamodb:{operation}", TABLE + body["TableName"] + index


@contextmanager
def policed(database: str, policy: Policy) -> Iterator[str]:
    """URL of `database` behind `policy`."""

    def handle(call: Call) -> None:
        needed = actions(call.operation, call.arguments)
        refused = [each for each in needed if not policy.allows(*each)]
        if refused:
            kind = "com.amazon.coral.service#AccessDeniedException"
            call.answer(400, json.dumps({"__type": kind, "Message": str(refused)}).encode())
        else:
            call.answer(*call.forward())

    with proxied(database, handle) as url:
        yield url
