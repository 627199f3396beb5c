"""What CloudFormation would make of a stage."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.protocol.cors import Cors
from chalicelib.settings import Settings
from chalicelib.storage.dynamodb import tables
from infra.stages import PROJECT
from infra.template import NOTHING, Resolver, environment, for_stage
from tests.infra.conftest import REGION, STAGES
from tests.infra.policed_database import TABLE, Policy

Template = Callable[[str], dict[str, Any]]

FUNCTIONS = {
    "APIHandler": ("app.app", "api"),
    "Upkeep": ("app.scheduled_upkeep", "upkeep"),
    "Purge": ("app.scheduled_purge", "purge"),
}
MEGABYTE = 1_000_000

each_stage = pytest.mark.parametrize("stage", STAGES)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Resources of one type by logical id."""
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def resolver(template: dict[str, Any], **known: Any) -> Resolver:
    return Resolver(template, AWS__Region=REGION, AWS__Partition="aws", **known)


def table_properties(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    resolve = resolver(template)
    found = [resolve(t["Properties"]) for t in of_type(template, "AWS::DynamoDB::Table").values()]
    return {properties["TableName"]: properties for properties in found}


def test_the_linter_finds_nothing(sam: Template, tmp_path: Path) -> None:
    """It looks at a template as AWS transforms it, so that this need not be linted too."""
    files = []
    for stage in STAGES:
        files.append(tmp_path / f"{stage}.json")
        files[-1].write_text(json.dumps(sam(stage)))
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--regions", REGION, "--", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@each_stage
def test_the_template_fits_what_cloudformation_takes(
    stage: str, packaged: dict[str, Path], translated: Template
) -> None:
    assert (packaged[stage] / "sam.json").stat().st_size < MEGABYTE
    assert len(json.dumps(translated(stage))) < MEGABYTE
    assert len(translated(stage)["Resources"]) < 500


@each_stage
def test_the_tables_are_those_of_the_program(stage: str, sam: Template) -> None:
    declared = table_properties(sam(stage))
    prefix = environment(stage)["TABLE_PREFIX"]
    assert set(declared) == {f"{prefix}-{table.Meta.table}" for table in tables.TABLES}  # type: ignore[attr-defined]
    for table in tables.TABLES:
        properties = declared[f"{prefix}-{table.Meta.table}"]  # type: ignore[attr-defined]
        schema: Any = table._get_schema()
        assert properties["KeySchema"] == schema["key_schema"]
        attributes = sorted(map(str, properties["AttributeDefinitions"]))
        assert attributes == sorted(map(str, schema["attribute_definitions"]))
        indexes = [
            {
                "IndexName": index["index_name"],
                "KeySchema": sorted(index["key_schema"], key=lambda key: str(key["KeyType"])),
                "Projection": index["projection"],
            }
            for index in schema["global_secondary_indexes"]
        ]
        assert properties.get("GlobalSecondaryIndexes", []) == indexes


@each_stage
def test_the_tables_are_paid_by_use_encrypted_and_can_be_restored(
    stage: str, sam: Template
) -> None:
    for name, properties in table_properties(sam(stage)).items():
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["SSESpecification"] == {"SSEEnabled": True}
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        lifetime = {"AttributeName": "expires_at", "Enabled": True}
        expected = lifetime if name.endswith("-users") else None
        assert properties.get("TimeToLiveSpecification") == expected


@each_stage
def test_the_tables_of_production_outlive_the_stack(stage: str, translated: Template) -> None:
    for table in of_type(translated(stage), "AWS::DynamoDB::Table").values():
        policy = "Retain" if stage == "prod" else "Delete"
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == (policy, policy)
        assert table["Properties"]["DeletionProtectionEnabled"] == (stage == "prod")


@each_stage
def test_each_function_gets_the_settings_of_the_stage(
    stage: str, translated: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = of_type(translated(stage), "AWS::Lambda::Function")
    assert set(functions) == set(FUNCTIONS)
    for name, function in functions.items():
        properties = function["Properties"]
        variables = properties["Environment"]["Variables"]
        assert variables == environment(stage)
        assert len(json.dumps(variables)) < 4096
        assert properties["Handler"] == FUNCTIONS[name][0]
        assert properties["Architectures"] == ["x86_64"]
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        assert properties["Runtime"] == version
        assert properties["MemorySize"] >= 512
        for field in Settings.model_fields:
            monkeypatch.delenv(field.upper(), raising=False)
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        assert Settings().stage == stage
    assert functions["APIHandler"]["Properties"]["Timeout"] <= 29, "API Gateway waits no longer"


@each_stage
def test_each_function_has_a_role_with_its_own_policy(stage: str, translated: Template) -> None:
    template = translated(stage)
    documents = {}
    for name, (_, suffix) in FUNCTIONS.items():
        role = template["Resources"][name]["Properties"]["Role"]["Fn::GetAtt"][0]
        (policy,) = template["Resources"][role]["Properties"]["Policies"]
        file = PROJECT / ".chalice" / f"policy-{stage}-{suffix}.json"
        assert policy["PolicyDocument"] == json.loads(file.read_text())
        documents[suffix] = policy["PolicyDocument"]["Statement"]
    services = {
        suffix: {action.split(":")[0] for s in statements for action in as_list(s["Action"])}
        for suffix, statements in documents.items()
    }
    scheduled = {"logs", "dynamodb"}
    assert services == {"api": {*scheduled, "ssm"}, "upkeep": scheduled, "purge": scheduled}
    assert len(set(map(json.dumps, documents.values()))) == len(documents)


@each_stage
@pytest.mark.parametrize("suffix", ["api", "upkeep", "purge"])
def test_a_policy_reaches_nothing_of_another_stage(stage: str, suffix: str) -> None:
    policy = json.loads((PROJECT / ".chalice" / f"policy-{stage}-{suffix}.json").read_text())
    prefix = environment(stage)["TABLE_PREFIX"]
    function = f"switchyard-{stage}" + ("" if suffix == "api" else f"-{suffix}")
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert "*" not in "".join(as_list(statement["Action"]))
        for resource in as_list(statement["Resource"]):
            service, name = re.fullmatch(r"arn:aws:(\w+):\*:\*:(\S+)", resource).groups()  # type: ignore[union-attr]
            expected = {
                "dynamodb": rf"table/{prefix}-(\*|[a-z]+)",
                "ssm": rf"parameter/{prefix}/\*",
                "logs": rf"log-group:/aws/lambda/{function}(:\*)?",
            }[service]
            assert re.fullmatch(expected, name), resource


@each_stage
def test_the_policies_allow_every_kind_of_call_to_the_database(stage: str) -> None:
    storage = "".join(path.read_text() for path in (PROJECT / "chalicelib/storage").rglob("*.py"))
    # clear.py scans any table, but in demonstrations only.
    scanned = set(re.findall(r"(\w+)\.scan\(", storage)) - {"table"}
    tables_scanned = {"CatalogueRow": "features", "UserBlocksTable": "userblocks"}
    assert scanned == {*tables_scanned, "RecordRow"}, "RecordRow: of the API only"
    prefix = environment(stage)["TABLE_PREFIX"]
    for suffix, more in (("api", ["users"]), ("upkeep", []), ("purge", [])):
        file = PROJECT / ".chalice" / f"policy-{stage}-{suffix}.json"
        policy = Policy(json.loads(file.read_text()))
        for action in (
            "BatchGet",
            "BatchWrite",
            "ConditionCheck",
            "Delete",
            "Get",
            "Put",
            "Update",
        ):
            assert policy.allows(f"dynamodb:{action}Item", f"{TABLE}{prefix}-events")
        assert policy.allows("dynamodb:Query", f"{TABLE}{prefix}-users/index/by_variant")
        for name in [*tables_scanned.values(), *more]:
            assert policy.allows("dynamodb:Scan", f"{TABLE}{prefix}-{name}")
        assert not policy.allows("dynamodb:Scan", f"{TABLE}{prefix}-events")
        assert not policy.allows("dynamodb:DeleteTable", f"{TABLE}{prefix}-events")


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def gateway_answers(template: dict[str, Any], **known: Any) -> dict[str, Any]:
    """What API Gateway answers by itself, by the type of the response."""
    body = template["Resources"]["RestAPI"]["Properties"]["Body"]
    answers: dict[str, Any] = resolver(template, **known)(
        body["x-amazon-apigateway-gateway-responses"]
    )
    return answers


NO_ROUTE = {"MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "EXPIRED_TOKEN"}
"""What API Gateway calls a request for which there is no route: where it carries no Authorization,
and where it does, for API Gateway takes that for a signature of AWS. No route asks for one."""


@each_stage
def test_what_no_route_takes_is_404_with_authorization_too(
    stage: str, translated: Template
) -> None:
    answers = gateway_answers(translated(stage))
    paths = translated(stage)["Resources"]["RestAPI"]["Properties"]["Body"]["paths"]
    assert not [
        path for path, methods in paths.items() for m in methods.values() if "security" in m
    ]
    for kind in (*NO_ROUTE, "RESOURCE_NOT_FOUND"):
        assert answers[kind]["statusCode"] == "404"
        text = answers[kind]["responseTemplates"]["application/json"]
        assert json.loads(text) == {"error": "unknown endpoint"}


@each_stage
def test_all_other_refusals_of_the_gateway_keep_their_status(
    stage: str, translated: Template
) -> None:
    """A status of DEFAULT_4XX would be that of 413 and 429 too."""
    answers = gateway_answers(translated(stage))
    with_status = {kind for kind, answer in answers.items() if "statusCode" in answer}
    assert with_status == NO_ROUTE | {"RESOURCE_NOT_FOUND"}


ORIGINS = {"*": Cors("*"), "https://example.com": Cors("https://example.com", ["X-Mine"])}


@each_stage
@pytest.mark.parametrize("origin", ORIGINS)
def test_browsers_may_read_what_the_gateway_answers_like_all_other_answers(
    stage: str, translated: Template, origin: str
) -> None:
    cors = ORIGINS[origin]
    known = {"CorsOrigin": origin, "CorsAllowedHeaders": cors.allow_headers}
    for kind, answer in gateway_answers(translated(stage), **known).items():
        assert answer["responseParameters"] == {
            f"gatewayresponse.header.{name}": f"'{value}'"
            for name, value in cors.get_access_control_headers().items()
        }, kind


@each_stage
def test_every_preflight_is_answered_by_the_gateway_as_locally(
    stage: str, translated: Template
) -> None:
    paths = translated(stage)["Resources"]["RestAPI"]["Properties"]["Body"]["paths"]
    for path, methods in paths.items():
        integration = methods["options"]["x-amazon-apigateway-integration"]
        sent = {
            name.removeprefix("method.response.header."): value.strip("'")
            for name, value in integration["responses"]["default"]["responseParameters"].items()
        }
        allowed = set(sent.pop("Access-Control-Allow-Methods").split(","))
        assert {method.upper() for method in methods} == allowed, path
        assert sent == Cors("*").get_access_control_headers()


def test_a_stage_has_the_origin_and_the_headers_of_its_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = {"TABLE_PREFIX": "p", "CORS_ORIGIN": "https://a.example", "CORS_HEADERS": "X-Mine"}
    monkeypatch.setattr("infra.template.environment", lambda _: variables)
    parameters = for_stage("prod")["Parameters"]
    assert parameters["CorsOrigin"]["Default"] == "https://a.example"
    assert parameters["CorsAllowedHeaders"]["Default"].endswith(",Idempotency-Key,X-Mine")


@each_stage
def test_answers_are_compressed(stage: str, translated: Template) -> None:
    properties = translated(stage)["Resources"]["RestAPI"]["Properties"]
    assert properties["MinimumCompressionSize"] == 1024


@each_stage
def test_api_gateway_accepts_the_paths(stage: str, translated: Template) -> None:
    paths = translated(stage)["Resources"]["RestAPI"]["Properties"]["Body"]["paths"]
    nodes: dict[str, set[str]] = {}
    for path in paths:
        assert path == "/" or not path.endswith("/")
        parent = ""
        for part in path.strip("/").split("/"):
            nodes.setdefault(parent, set()).add(part)
            parent = f"{parent}/{part}"
    assert sum(map(len, nodes.values())) + 1 <= 300
    for parent, parts in nodes.items():
        assert len([part for part in parts if part.startswith("{")]) <= 1, parent


@each_stage
def test_requests_are_limited_per_stage_and_per_costly_method(
    stage: str, translated: Template
) -> None:
    template = translated(stage)
    (the_stage,) = of_type(template, "AWS::ApiGateway::Stage").values()
    assert the_stage["Properties"]["StageName"] == stage
    whole, *methods = resolver(template)(the_stage["Properties"]["MethodSettings"])
    assert (whole["HttpMethod"], whole["ResourcePath"]) == ("*", "/*")
    assert whole["ThrottlingRateLimit"] == 1000
    assert whole["ThrottlingBurstLimit"] == 2000
    paths = template["Resources"]["RestAPI"]["Properties"]["Body"]["paths"]
    for method in methods:
        path = method["ResourcePath"][1:].replace("~1", "/")
        assert method["HttpMethod"].lower() in paths[path], path
        assert method["ThrottlingRateLimit"] < whole["ThrottlingRateLimit"]
    limited = {method["ResourcePath"] for method in methods}
    assert "/~1api~1users~1{user_id}~1export" in limited, "it reads all that a user has"


@each_stage
def test_logs_are_kept_for_a_while(stage: str, translated: Template) -> None:
    template = translated(stage)
    resolve = resolver(template)
    groups = of_type(template, "AWS::Logs::LogGroup")
    names = {resolve(group["Properties"])["LogGroupName"] for group in groups.values()}
    functions = of_type(template, "AWS::Lambda::Function")
    function_names = {resolve(f["Properties"]["FunctionName"]) for f in functions.values()}
    assert names == {f"/aws/lambda/{name}" for name in function_names} | {
        f"/switchyard/{stage}/access"
    }
    assert {resolve(group["Properties"])["RetentionInDays"] for group in groups.values()} == {30}
    for function in functions.values():
        # Lambda would make the group itself otherwise, to be kept for ever.
        assert set(function["DependsOn"]) <= set(groups)
    (the_stage,) = of_type(template, "AWS::ApiGateway::Stage").values()
    line = json.loads(the_stage["Properties"]["AccessLogSetting"]["Format"])
    assert {"request_id", "resource", "status", "latency_ms"} <= set(line)
    assert "$context.path" not in line.values(), "ids of users are in paths"
    assert "sourceIp" not in str(line), "addresses of users are personal data"


@each_stage
def test_there_is_an_alarm_for_each_failure_and_the_documentation_explains_it(
    stage: str, translated: Template
) -> None:
    template = translated(stage)
    resolve = resolver(template)
    text = (PROJECT / "docs" / "operations.md").read_text()
    names = set()
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        properties = resolve(alarm["Properties"])
        short = properties["AlarmName"].removeprefix(f"switchyard-{stage}-")
        names.add(short)
        assert f"`{short}`" in text
        assert properties["AlarmActions"] == []
        notified = resolver(template, AlarmTopic="arn:aws:sns:::x")(alarm["Properties"])
        assert notified["AlarmActions"] == ["arn:aws:sns:::x"]
    assert names == {
        "server-errors", "latency", "read-throttles", "write-throttles", "schedule", "purge",
        "faults",
    }  # fmt: skip


@each_stage
def test_the_dashboard_shows_this_stage_only(stage: str, translated: Template) -> None:
    template = translated(stage)
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    properties = resolver(template)(dashboard["Properties"])
    assert properties["DashboardName"] == f"switchyard-{stage}"
    body = json.loads(properties["DashboardBody"])
    for widget in body["widgets"]:
        assert widget["properties"]["metrics"]
        assert widget["properties"]["region"] == REGION
    (other,) = set(STAGES) - {stage}
    assert f"switchyard-{other}" not in properties["DashboardBody"]


@each_stage
def test_a_firewall_is_made_only_when_a_limit_per_address_is_set(
    stage: str, translated: Template
) -> None:
    template = translated(stage)
    for kind in ("AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"):
        (resource,) = of_type(template, kind).values()
        assert not resolver(template).holds(resource["Condition"])
        assert resolver(template, RequestsPerAddress=500).holds(resource["Condition"])
    (firewall,) = of_type(template, "AWS::WAFv2::WebACL").values()
    (rule,) = resolver(template, RequestsPerAddress=500)(firewall["Properties"]["Rules"])
    assert rule["Statement"]["RateBasedStatement"]["Limit"] == 500


def test_the_resources_can_be_merged_as_they_are() -> None:
    template = json.loads((PROJECT / "infra" / "resources.json").read_text())
    for name in ("Stage", "TablePrefix"):
        assert "Default" not in template["Parameters"][name], "whoever deploys has to say"
    for table in table_properties_of_file(template):
        assert table["DeletionPolicy"] == "Retain"


def table_properties_of_file(template: dict[str, Any]) -> list[dict[str, Any]]:
    resources = template["Resources"].values()
    return [r for r in resources if r.get("Type") == "AWS::DynamoDB::Table"]


def test_functions_of_cloudformation_are_worked_out() -> None:
    template = {
        "Parameters": {"A": {"Default": "x"}, "B": {}},
        "Conditions": {"IsX": {"Fn::Equals": [{"Ref": "A"}, "x"]}},
    }
    resolve = Resolver(template)
    assert resolve({"Fn::Sub": "${A}-1"}) == "x-1"
    assert resolve([{"Fn::If": ["IsX", 1, 2]}]) == [1]
    assert resolve({"Ref": "AWS::NoValue"}) is NOTHING
    assert resolve({"a": {"Ref": "AWS::NoValue"}, "b": 1}) == {"b": 1}
    assert Resolver(template, A="y")({"Fn::If": ["IsX", 1, 2]}) == 2
    with pytest.raises(KeyError):
        resolve({"Ref": "B"})
    with pytest.raises(ValueError, match="Fn::GetAtt"):
        resolve({"Fn::GetAtt": ["A", "Arn"]})
