"""What API Gateway answers by itself, what it lets through, and what it logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LOG_ROLE_HINT = (
    "no access logs: API Gateway has no role for CloudWatch Logs in this account and region"
    " (set one with `aws apigateway update-account`), then run this again"
)


def answer(gateway: Any, api_id: str, stage: str, wanted: dict[str, Any]) -> Iterator[str]:
    """Set the gateway's own responses; they are in force once the API is deployed anew, as here.

    `wanted` are GatewayResponses as AWS::Serverless::Api has them.
    """
    answers = gateway.get_gateway_responses(restApiId=api_id, limit=100)["items"]
    found = {each["responseType"]: each for each in answers}
    changed = []
    for kind, properties in wanted.items():
        arguments = _response(properties)
        there = found.get(kind, {})
        if any(there.get(name) != value for name, value in arguments.items()):
            gateway.put_gateway_response(restApiId=api_id, responseType=kind, **arguments)
            changed.append(kind)
    if changed:
        gateway.create_deployment(restApiId=api_id, stageName=stage)
        yield f"answers for {', '.join(changed)}; deployed"


def _response(properties: dict[str, Any]) -> dict[str, Any]:
    headers = properties["ResponseParameters"]["Headers"].items()
    arguments = {
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers},
        "responseTemplates": properties["ResponseTemplates"],
    }
    if status := properties.get("StatusCode"):
        arguments["statusCode"] = str(status)
    return arguments


def throttle(gateway: Any, api_id: str, stage: str, methods: list[dict[str, Any]]) -> Iterator[str]:
    """Limit the requests per second of the stage and of single methods.

    `methods` are the MethodSettings of an AWS::ApiGateway::Stage.
    """
    found = gateway.get_stage(restApiId=api_id, stageName=stage).get("methodSettings", {})
    operations = []
    for method in methods:
        path = f"{method['ResourcePath']}/{method['HttpMethod']}"
        there = found.get(path.lstrip("/"), {})
        rate, burst = method["ThrottlingRateLimit"], method["ThrottlingBurstLimit"]
        if there.get("throttlingRateLimit") != rate or there.get("throttlingBurstLimit") != burst:
            for name, value in (("rateLimit", rate), ("burstLimit", burst)):
                operations.append(_replace(f"{path}/throttling/{name}", value))
    if operations:
        gateway.update_stage(restApiId=api_id, stageName=stage, patchOperations=operations)
        yield f"limits of {len(operations) // 2} methods"


def log_access(gateway: Any, api_id: str, stage: str, group_arn: str, line: str) -> Iterator[str]:
    """Log each request to the log group, as `line` says."""
    if not gateway.get_account().get("cloudwatchRoleArn"):
        yield LOG_ROLE_HINT
        return
    wanted = {"destinationArn": group_arn, "format": line}
    found = gateway.get_stage(restApiId=api_id, stageName=stage).get("accessLogSettings", {})
    if any(found.get(name) != value for name, value in wanted.items()):
        operations = [_replace(f"/accessLogSettings/{name}", wanted[name]) for name in wanted]
        gateway.update_stage(restApiId=api_id, stageName=stage, patchOperations=operations)
        yield "access logs"


def _replace(path: str, value: object) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": str(value)}
