"""Chalice's command, for an API Gateway that is moto's.

AWS imports a REST API from what Chalice sends; moto wants three things more: a description, the
version OpenAPI 3 (Chalice's is Swagger 2; paths and integrations look the same in the two), and an
address of mock integrations. They are added on the way.
Run as `python -m tests.infra.chalice_on_moto deploy ...`.
"""

from __future__ import annotations

from typing import Any

from chalice.awsclient import TypedAWSClient
from chalice.cli import main

DESCRIPTION = "Switchyard"


def _describe(name: str, position: int) -> None:
    call = getattr(TypedAWSClient, name)

    def with_description(*arguments: Any, **named: Any) -> Any:
        document = named.get("swagger_document") or arguments[position]
        document["info"]["description"] = DESCRIPTION
        document["openapi"] = "3.0.1"
        document.pop("swagger", None)
        for methods in document["paths"].values():
            for method in methods.values():
                method["x-amazon-apigateway-integration"].setdefault("uri", "mock")
                method["x-amazon-apigateway-integration"].setdefault("httpMethod", "POST")
        return call(*arguments, **named)

    setattr(TypedAWSClient, name, with_description)


if __name__ == "__main__":
    _describe("import_rest_api", 1)
    _describe("update_api_from_swagger", 2)
    main()
