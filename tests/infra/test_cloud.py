"""`chalice deploy` and `make cloud` together make a stage, in moto's AWS."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from chalicelib.api.protocol.cors import Cors
from infra.cloud import tables
from infra.package.__main__ import copy_sources
from infra.stages import PROJECT
from infra.template import Resolver, environment, for_stage
from tests.conftest import free_port, wait_for_port
from tests.infra.conftest import REGION

STAGE = "dev"
SCHEDULED = ("upkeep", "purge")
"""Functions that nobody calls over HTTP."""


class Cloud:
    """An AWS of moto's, and the commands of somebody who deploys into it."""

    def __init__(self, url: str, project: Path) -> None:
        self.project = project
        self._keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        self._url = url

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._url,
            region_name=REGION,
            aws_access_key_id=self._keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._keys["AWS_SECRET_ACCESS_KEY"],
        )

    def run(self, module: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=PROJECT,
            env={
                **os.environ,
                **self._keys,
                "AWS_ENDPOINT_URL": self._url,
                "AWS_DEFAULT_REGION": REGION,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make(self, *arguments: str) -> str:
        return self.run("infra.cloud", "--stage", STAGE, "--project", str(self.project), *arguments)

    def deploy(self) -> str:
        module = "tests.infra.chalice_on_moto"
        return self.run(module, "--project-dir", str(self.project), "deploy", "--stage", STAGE)

    @property
    def api_id(self) -> str:
        record = json.loads((self.project / ".chalice/deployed" / f"{STAGE}.json").read_text())
        ids: dict[str, str] = {
            each["name"]: each.get("rest_api_id") for each in record["resources"]
        }
        return ids["rest_api"]


@pytest.fixture(scope="module")
def empty_cloud(
    packaged: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """Nothing is deployed yet; the project's dependencies have been fetched."""
    project = tmp_path_factory.mktemp("project")
    copy_sources(project)
    packager = LambdaDeploymentPackager(OSUtils(), DependencyBuilder(OSUtils()), UI())
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    expected = Path(packager.deployment_package_filename(str(project), version))
    expected.parent.mkdir()
    shutil.copy(packaged[STAGE] / "deployment.zip", expected)
    port = free_port()
    # A process of its own: servers in this one would share what they hold with each other.
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        wait_for_port(port, server)
        yield Cloud(f"http://127.0.0.1:{port}", project)
        server.terminate()


@pytest.fixture(scope="module")
def outputs() -> list[str]:
    """What `make cloud` printed: before the deployment, after it, and once more."""
    return []


@pytest.fixture(scope="module")
def cloud(empty_cloud: Cloud, outputs: list[str]) -> Cloud:
    """The stage, deployed."""
    outputs.append(empty_cloud.make())
    empty_cloud.deploy()
    outputs.append(empty_cloud.make())
    outputs.append(empty_cloud.make())
    return empty_cloud


def test_it_can_run_before_the_deployment_and_after_it_and_again(
    cloud: Cloud, outputs: list[str]
) -> None:
    before, after, again = outputs
    assert "switchyard-dev-features: made" in before
    assert "no API yet: chalice deploy --stage dev" in before
    assert "switchyard-dev-features: as it should be" in after
    assert "gateway responses: answers for" in after
    assert f"https://{cloud.api_id}.execute-api.{REGION}.amazonaws.com/dev" in after
    said = re.findall(r"^  (.+?): (.+)$", again, re.MULTILINE)
    assert {what for name, what in said if name != "access logs"} == {"as it should be"}


def test_the_functions_are_deployed_with_their_settings_and_roles(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    functions = {each["FunctionName"]: each for each in client.list_functions()["Functions"]}
    suffixes = {"switchyard-dev": "api", **{f"switchyard-dev-{each}": each for each in SCHEDULED}}
    assert set(functions) == set(suffixes)
    iam = cloud.client("iam")
    for name, suffix in suffixes.items():
        assert functions[name]["Environment"]["Variables"] == environment(STAGE)
        assert functions[name]["Architectures"] == ["x86_64"]
        role = functions[name]["Role"].rsplit("/", 1)[-1]
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        file = PROJECT / ".chalice" / f"policy-{STAGE}-{suffix}.json"
        assert document == json.loads(file.read_text())


def test_the_routes_are_deployed(cloud: Cloud) -> None:
    client = cloud.client("apigateway")
    pages = client.get_paginator("get_resources").paginate(restApiId=cloud.api_id)
    resources = {each["path"]: each for page in pages for each in page["items"]}
    for path in ("/api/feature", "/api/feature/{feature_id}", "/api/v6/assign"):
        assert "resourceMethods" in resources[path]
    methods = resources["/api/feature"]["resourceMethods"]
    assert {"GET", "POST", "HEAD", "OPTIONS"} <= set(methods)
    assert client.get_stage(restApiId=cloud.api_id, stageName=STAGE)["stageName"] == STAGE


def test_the_schedules_call_their_functions_every_minute(cloud: Cloud) -> None:
    client = cloud.client("events")
    called = set()
    for rule in client.list_rules()["Rules"]:
        assert rule["ScheduleExpression"] == "rate(1 minute)"
        (target,) = client.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        called.add(target["Arn"].partition(":function:")[2])
    assert called == {f"switchyard-dev-{each}" for each in SCHEDULED}


def test_the_tables_are_made_as_the_template_says(cloud: Cloud) -> None:
    client = cloud.client("dynamodb")
    template = for_stage(STAGE)
    resolve = Resolver(template)
    for resource in template["Resources"].values():
        if resource.get("Type") != "AWS::DynamoDB::Table":
            continue
        wanted = resolve(resource["Properties"])
        name = wanted["TableName"]
        table = client.describe_table(TableName=name)["Table"]
        assert table["KeySchema"] == wanted["KeySchema"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSEDescription"]["Status"] == "ENABLED"
        assert table["DeletionProtectionEnabled"] is False
        names = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())}
        assert names == ({"by_variant", "by_experiment"} if name.endswith("-users") else set())
        backups = client.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        lifetime = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert lifetime.get("AttributeName") == ("expires_at" if name.endswith("-users") else None)


def test_the_gateway_answers_and_limits(cloud: Cloud) -> None:
    client = cloud.client("apigateway")
    items = client.get_gateway_responses(restApiId=cloud.api_id)["items"]
    answers = {each["responseType"]: each for each in items}
    for kind in ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE"):
        assert answers[kind]["statusCode"] == "404"
        assert json.loads(answers[kind]["responseTemplates"]["application/json"]) == {
            "error": "unknown endpoint"
        }
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN"):
        assert answers[kind]["responseParameters"] == {
            f"gatewayresponse.header.{name}": f"'{value}'"
            for name, value in Cors("*").get_access_control_headers().items()
        }
    limits = client.get_stage(restApiId=cloud.api_id, stageName=STAGE)["methodSettings"]
    assert limits["*/*"]["throttlingRateLimit"] == 1000
    assert limits["~1api~1experiments~1import/POST"]["throttlingRateLimit"] == 5


def test_logs_alarms_and_the_dashboard_are_there(cloud: Cloud) -> None:
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert {each["logGroupName"]: each["retentionInDays"] for each in groups} == {
        "/aws/lambda/switchyard-dev": 30,
        "/aws/lambda/switchyard-dev-upkeep": 30,
        "/aws/lambda/switchyard-dev-purge": 30,
        "/switchyard/dev/access": 30,
    }
    watching = cloud.client("cloudwatch")
    assert len(watching.describe_alarms()["MetricAlarms"]) == 7
    (board,) = watching.list_dashboards()["DashboardEntries"]
    assert board["DashboardName"] == "switchyard-dev"


def test_access_is_logged_where_the_account_lets_api_gateway_log(cloud: Cloud) -> None:
    client = cloud.client("apigateway")
    role = {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::1:role/x"}
    client.update_account(patchOperations=[role])
    assert "access logs: access logs" in cloud.make()
    settings = client.get_stage(restApiId=cloud.api_id, stageName=STAGE)["accessLogSettings"]
    assert settings["destinationArn"].endswith(":log-group:/switchyard/dev/access")
    assert "$context.requestId" in settings["format"]


def test_parameters_of_the_template_can_be_set(cloud: Cloud) -> None:
    cloud.make("--set", "RequestsPerSecond=50", "AlarmTopic=arn:aws:sns:us-east-1:1:t")
    client = cloud.client("apigateway")
    limits = client.get_stage(restApiId=cloud.api_id, stageName=STAGE)["methodSettings"]
    assert limits["*/*"]["throttlingRateLimit"] == 50
    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {tuple(each["AlarmActions"]) for each in alarms} == {("arn:aws:sns:us-east-1:1:t",)}
    cloud.make()
    with pytest.raises(AssertionError, match="there is no parameter Nothing"):
        cloud.make("--set", "Nothing=1")


def test_a_table_with_other_keys_is_left_alone(empty_cloud: Cloud) -> None:
    client = empty_cloud.client("dynamodb")
    template = for_stage(STAGE)
    resolve = Resolver(template, TablePrefix="other")
    wanted = resolve(template["Resources"]["VariantsTable"]["Properties"])
    keys = [{"AttributeName": "sk", "KeyType": "HASH"}]
    attributes = [{"AttributeName": "sk", "AttributeType": "S"}]
    arguments = tables.creation(wanted)
    client.create_table(**{**arguments, "KeySchema": keys, "AttributeDefinitions": attributes})
    with pytest.raises(tables.TableDiffers, match="other-variants has other keys"):
        list(tables.make(client, wanted))
    assert client.describe_table(TableName="other-variants")["Table"]["KeySchema"] == keys


def test_an_index_that_a_table_lacks_is_added(empty_cloud: Cloud) -> None:
    client = empty_cloud.client("dynamodb")
    template = for_stage(STAGE)
    properties = Resolver(template, TablePrefix="older")(
        template["Resources"]["UsersTable"]["Properties"]
    )
    name = properties["TableName"]
    by_variant = [
        each for each in properties["GlobalSecondaryIndexes"] if each["IndexName"] == "by_variant"
    ]
    defined = [
        each for each in properties["AttributeDefinitions"] if each["AttributeName"] != "experiment"
    ]
    before = {"GlobalSecondaryIndexes": by_variant, "AttributeDefinitions": defined}
    assert "made" in list(tables.make(client, {**properties, **before}))
    assert list(tables.make(client, properties)) == ["index by_experiment, which fills up now"]
    found = client.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]
    assert {each["IndexName"] for each in found} == {"by_variant", "by_experiment"}
    assert list(tables.make(client, properties)) == []


def test_protection_against_deletion_is_switched_on_later(empty_cloud: Cloud) -> None:
    client = empty_cloud.client("dynamodb")
    template = for_stage(STAGE)
    properties = Resolver(template, TablePrefix="later")(
        template["Resources"]["EventsTable"]["Properties"]
    )
    assert "made" in list(tables.make(client, properties))
    protected = {**properties, "DeletionProtectionEnabled": True}
    assert list(tables.make(client, protected)) == ["deletion protection on"]
    assert list(tables.make(client, protected)) == []
