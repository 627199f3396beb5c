"""Make what plain `chalice deploy` cannot: tables, log groups, the gateway's own answers, limits,
alarms and the dashboard. Run it after each `chalice deploy`, and before the first if you like; it
may be run any number of times."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud import gateway, tables, watch
from infra.stages import PROJECT
from infra.template import Resolver, deployed_stages, for_stage


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="make cloud", description=__doc__)
    parser.add_argument("--stage", required=True, choices=deployed_stages())
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        nargs="*",
        default=[],
        help="parameters of infra/resources.json, e.g. AlarmTopic=arn:aws:sns:...",
    )
    parser.add_argument(
        "--project",
        type=Path,
        default=PROJECT,
        help="where `chalice deploy` ran, for it notes there what it made (this project)",
    )
    arguments = parser.parse_args()
    template = for_stage(arguments.stage)
    try:
        make(template, arguments.stage, _parameters(template, arguments.set), arguments.project)
    except (BotoCoreError, ClientError, tables.TableDiffers, ValueError) as error:
        sys.exit(f"{error}\nstopped; what was made stays, and the same command goes on from here")


def make(template: dict[str, Any], stage: str, parameters: dict[str, Any], project: Path) -> None:
    """Make everything, and print what was done.

    Raises:
        ClientError, BotoCoreError: if AWS refuses, or cannot be asked.
        TableDiffers: if a table has other keys than it should.
        ValueError: if no region is set.
    """
    session = boto3.Session()
    region = session.region_name
    if region is None:
        raise ValueError("which region? Set AWS_DEFAULT_REGION, or one in ~/.aws/config")
    partition = session.get_partition_for_region(region)
    resolve = Resolver(template, **parameters, AWS__Region=region, AWS__Partition=partition)
    dynamodb, logs, cloudwatch = map(session.client, ("dynamodb", "logs", "cloudwatch"))
    print(f"{stage} in {region}")
    for resource in template["Resources"].values():
        kind = resource.get("Type")
        if kind == "AWS::DynamoDB::Table":
            properties = resolve(resource["Properties"])
            _report(properties["TableName"], tables.make(dynamodb, properties))
        elif kind == "AWS::Logs::LogGroup":
            properties = resolve(resource["Properties"])
            _report(properties["LogGroupName"], watch.keep_logs(logs, properties))
        elif kind == "AWS::CloudWatch::Alarm":
            properties = resolve(resource["Properties"])
            _report(properties["AlarmName"], watch.alarm(cloudwatch, properties))
        elif kind == "AWS::CloudWatch::Dashboard":
            properties = resolve(resource["Properties"])
            _report("dashboard", watch.dashboard(cloudwatch, properties))
    api_id = deployed_api(project, stage)
    if api_id is None:
        print(f"no API yet: chalice deploy --stage {stage}, then this again")
        return
    api = template["Resources"]["RestAPI"]["Properties"]
    client = session.client("apigateway")
    answers = resolve(api["GatewayResponses"])
    _report("gateway responses", gateway.answer(client, api_id, stage, answers))
    methods = resolve(api["MethodSettings"])
    _report("throttling", gateway.throttle(client, api_id, stage, methods))
    name = resolve(template["Resources"]["AccessLog"]["Properties"]["LogGroupName"])
    group = watch.find_group(logs, name)
    assert group is not None  # noqa: S101 - it was made above
    arn, line = group["arn"].removesuffix(":*"), api["AccessLogSetting"]["Format"]
    _report("access logs", gateway.log_access(client, api_id, stage, arn, line))
    print(f"https://{api_id}.execute-api.{region}.amazonaws.com/{stage}")


def deployed_api(project: Path, stage: str) -> str | None:
    """The id of the REST API, from Chalice's own record of what it deployed."""
    record = project / ".chalice" / "deployed" / f"{stage}.json"
    if not record.exists():
        return None
    resources = json.loads(record.read_text())["resources"]
    return next((each["rest_api_id"] for each in resources if each["name"] == "rest_api"), None)


def _parameters(template: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """Values of template parameters; numbers as numbers.

    Raises:
        ValueError: for a name that the template does not have, or a value that is no number.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in template["Parameters"]:
            raise ValueError(f"there is no parameter {name}; {', '.join(template['Parameters'])}")
        number = template["Parameters"][name]["Type"] == "Number"
        values[name] = int(value) if number else value
    return values


def _report(name: str, done: Iterable[str]) -> None:
    print(f"  {name}: {', '.join(done) or 'as it should be'}", flush=True)


if __name__ == "__main__":
    main()
