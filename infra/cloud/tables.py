"""The tables of a stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

AS_IN_CLOUDFORMATION = (
    "TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes",
    "DeletionProtectionEnabled",
)  # fmt: skip
"""Properties that DynamoDB's own calls have under the same name."""


class TableDiffers(Exception):
    """A table of that name exists with other keys or indexes; the message says which."""


def creation(properties: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `create_table` for the properties of an AWS::DynamoDB::Table."""
    arguments = {name: properties[name] for name in AS_IN_CLOUDFORMATION if name in properties}
    encrypted = properties["SSESpecification"]["SSEEnabled"]
    return {**arguments, "SSESpecification": {"Enabled": encrypted}}


def make(dynamodb: Any, properties: dict[str, Any]) -> Iterator[str]:
    """Make a table, or bring the one that exists up to date; yields what was done.

    Raises:
        TableDiffers: if what exists cannot be brought up to date.
    """
    name = properties["TableName"]
    arguments = creation(properties)
    try:
        table = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        dynamodb.create_table(**arguments)
        yield "made"
    else:
        for index in _compare(table, arguments):
            dynamodb.update_table(
                TableName=name,
                AttributeDefinitions=arguments["AttributeDefinitions"],
                GlobalSecondaryIndexUpdates=[{"Create": index}],
            )
            yield f"index {index['IndexName']}, which fills up now"
        protected = arguments["DeletionProtectionEnabled"]
        if table.get("DeletionProtectionEnabled", False) != protected:
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected)
            yield f"deletion protection {'on' if protected else 'off'}"
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    yield from _keep_backups(dynamodb, name, properties)
    yield from _let_expire(dynamodb, name, properties.get("TimeToLiveSpecification"))


def _compare(table: dict[str, Any], arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The indexes that a table lacks.

    Raises:
        TableDiffers: if what it has is not as it should be.
    """
    wanted, found = (
        {
            "keys": each["KeySchema"],
            "indexes": {
                index["IndexName"]: (index["KeySchema"], _projection(index["Projection"]))
                for index in each.get("GlobalSecondaryIndexes", ())
            },
        }
        for each in (arguments, table)
    )
    missing = wanted["indexes"].keys() - found["indexes"].keys()
    there = {name: index for name, index in wanted["indexes"].items() if name not in missing}
    for what, value in {**wanted, "indexes": there}.items():
        if found[what] != value:
            raise TableDiffers(f"{table['TableName']} has other {what}: {found[what]}")
    indexes = arguments.get("GlobalSecondaryIndexes", ())
    return [index for index in indexes if index["IndexName"] in missing]


def _projection(projection: dict[str, Any]) -> tuple[str, list[str]]:
    return projection["ProjectionType"], sorted(projection.get("NonKeyAttributes", ()))


def _keep_backups(dynamodb: Any, name: str, properties: dict[str, Any]) -> Iterator[str]:
    wanted = properties["PointInTimeRecoverySpecification"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    state = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if (state == "ENABLED") != wanted["PointInTimeRecoveryEnabled"]:
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=wanted)
        yield "point-in-time recovery on"


def _let_expire(dynamodb: Any, name: str, wanted: dict[str, Any] | None) -> Iterator[str]:
    if wanted is None:
        return
    lifetime = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if lifetime["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)
        yield f"items expire by {wanted['AttributeName']}"
