"""The document of the API, and the page that shows it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import ModuleType
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib import api
from chalicelib.api.dashboard.paths import PATHS
from chalicelib.api.documentation import DOCUMENT
from chalicelib.api.http.routes import Routes
from chalicelib.api.upgrade.access.dialect import DIALECT
from chalicelib.api.values.spellings import spellings
from chalicelib.domain.access.api_keys import Role
from infra.openapi import __main__ as written
from infra.openapi.document import Undocumented, document
from tests import contract
from tests.http import Gateway

JSON = "application/json"


def operations() -> list[tuple[str, str, Any]]:
    return list(contract.operations(contract.document()))


def resolved(part: Any) -> Any:
    """A part of the document, or what it refers to."""
    if "$ref" not in part:
        return part
    found = contract.document()
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_the_kept_document_is_the_one_of_the_routes() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == written.text(), "run: make openapi"


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(contract.document()).validate()


def test_the_document_has_every_route_but_pages_and_no_other(app: ModuleType) -> None:
    published = {
        (path, method.lower())
        for path, methods in app.app.routes.items()
        for method in methods
        if method != "HEAD"
    }
    documented = {(path, method) for path, method, _ in operations()}
    assert documented == {(route.path, route.method.lower()) for route in api.all_routes()}
    other_spellings = {
        (spelling, method)
        for path, method in documented
        if path in api.any_case_paths()
        for spelling in spellings(path)
    }
    pages = {(path, method.lower()) for path, methods in PATHS.items() for method in methods}
    assert documented | other_spellings | pages == published
    for methods in app.app.routes.values():
        assert ("HEAD" in methods) == ("GET" in methods)


def test_links_take_what_answers_hold_to_where_it_is_taken() -> None:
    by_id = {operation["operationId"]: operation for _, _, operation in operations()}
    linked = [
        (operation, link)
        for operation in by_id.values()
        for link in operation["responses"].get("200", {}).get("links", {}).values()
    ]
    assert linked
    for operation, link in linked:
        target = by_id[link["operationId"]]
        taken = {f"{each['in']}.{each['name']}" for each in target.get("parameters", ())}
        assert set(link.get("parameters", ())) <= taken, link
        assert "requestBody" in target or "requestBody" not in link, link
        example = operation["responses"]["200"]["content"][JSON]["example"]
        for pointer in re.findall(r"\$response\.body#/([^\"]+)", json.dumps(link)):
            value = example
            for part in pointer.split("/"):
                value = value[int(part) if isinstance(value, list) else part]
            assert value, link


def test_a_route_that_is_not_described_is_named() -> None:
    new = Routes("chalicelib.api.upgrade.new", DIALECT)

    @new.endpoint("/api/new")
    def view() -> None:
        """Nothing."""

    with pytest.raises(Undocumented, match="says nothing of GET /api/new"):
        document([new])


def test_every_operation_says_what_a_client_must_know() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)
    for path, method, operation in operations():
        named = (path, method)
        assert operation["summary"], named
        assert operation["tags"], named
        parameters = operation.get("parameters", [])
        assert {each["name"] for each in parameters if each["in"] == "path"} == set(
            re.findall(r"\{(\w+)\}", path)
        ), named
        statuses = set(operation["responses"])
        assert {"500", "503"} <= statuses, named
        assert ("413" in statuses) == ("requestBody" in operation), named
        if "requestBody" in operation or any(each["in"] != "header" for each in parameters):
            assert "400" in statuses, named
        for response in operation["responses"].values():
            assert resolved(response)["description"], named


def test_clients_of_upgrade_name_the_user_and_bring_a_token() -> None:
    for path, method, operation in operations():
        version = re.match(r"/api/v([56])/(?!clearDB)", path)
        headers = [
            each["name"] for each in operation.get("parameters", []) if each["in"] == "header"
        ]
        assert ("User-Id" in headers) == (version is not None and version[1] == "6"), (path, method)
        schemes = {name for each in operation.get("security", []) for name in each}
        assert ("clientToken" in schemes) == bool(version), (path, method)


def test_every_route_says_which_key_it_takes_or_is_open() -> None:
    schemes = {
        Role.CLIENT: {"clientKey", "clientKeyAsBearer"},
        Role.ADMIN: {"administratorKey", "administratorKeyAsBearer"},
        None: set(),
    }
    roles = {(route.method, route.path): route.access.role for route in api.all_routes()}
    for path, method, operation in operations():
        role = roles[method.upper(), path]
        named = {name for each in operation.get("security", []) for name in each}
        assert named - {"clientToken"} == schemes[role], (path, method)
        assert ({} in operation.get("security", [])) == (role is not None), (path, method)
        assert ({"401", "403"} <= set(operation["responses"])) == (role is not None)


def test_conditional_routes_take_both_validators() -> None:
    conditional = {path for path, _, operation in operations() if "304" in operation["responses"]}
    assert {"/api/feature", "/api/feature/current", "/api/feature/{feature_id}"} <= conditional
    for path, method, operation in operations():
        headers = {
            each["name"] for each in operation.get("parameters", []) if each["in"] == "header"
        }
        assert ("If-None-Match" in headers) == (path in conditional and method == "get")
        if path.startswith("/api/feature") and path in conditional and method == "get":
            assert "If-Modified-Since" in headers


def test_refusals_of_test_lab_have_their_texts() -> None:
    refused = contract.document()["paths"]["/api/feature"]["post"]["responses"]["403"]
    text, of_a_key = refused["content"][JSON]["schema"]["anyOf"]
    assert text == {"const": "Error in creating the feature in postgres"}
    assert of_a_key == {"$ref": "#/components/schemas/PlainError"}
    for path, method, operation in operations():
        if operation["tags"][0].startswith("Test Lab"):
            assert "403" in operation["responses"], (path, method)


def test_the_names_of_schemas_are_for_people() -> None:
    for name in contract.document()["components"]["schemas"]:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]+", name), name


@pytest.mark.parametrize(
    ("path", "method", "operation"), operations(), ids=lambda part: part if len(part) < 99 else ""
)
def test_examples_are_what_their_schemas_say(path: str, method: str, operation: Any) -> None:
    pointer = ["paths", path, method]
    if "requestBody" in operation:
        for kind, content in operation["requestBody"]["content"].items():
            schema = [*pointer, "requestBody", "content", kind, "schema"]
            contract.validate(contract.document, schema, content["example"], "the body")
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if status == "200" and operation["tags"] == ["Documentation"]:
                continue
            if kind == "text/plain":
                continue
            schema = [*pointer, "responses", status, "content", kind, "schema"]
            contract.validate(contract.strict_document, schema, content["example"], status)


def test_examples_of_refusals_are_what_their_schemas_say() -> None:
    for name, response in contract.document()["components"]["responses"].items():
        for kind, content in response["content"].items():
            schema = ["components", "responses", name, "content", kind, "schema"]
            contract.validate(contract.strict_document, schema, content["example"], name)


def test_the_contract_refuses_what_is_not_documented() -> None:
    for status, kind, text in [
        (200, JSON, '[{"id": 1}]'),
        (200, "text/plain", "[]"),
        (418, JSON, "{}"),
    ]:
        with pytest.raises(contract.NotAsDocumented):
            contract.check("GET", "/api/feature", status, {"content-type": kind}, text)
    with pytest.raises(contract.NotAsDocumented, match="is in no document"):
        contract.check("GET", "/api/nowhere", 200, {"content-type": JSON}, "{}")
    more = '{"name": "x", "version": "1", "description": "", "more": 1}'
    with pytest.raises(contract.NotAsDocumented, match="more"):
        contract.check("GET", "/api", 200, {"content-type": JSON}, more)
    answer = '"Event added to database."'
    with pytest.raises(contract.NotAsDocumented, match="the body of POST /api/events"):
        contract.check("POST", "/api/events", 200, {"content-type": JSON}, answer, '{"user_id": 1}')


def test_the_document_is_served_and_only_when_it_is_new(gateway: Gateway) -> None:
    answer = gateway.get("/api/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == JSON
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.json == contract.document()
    again = gateway.get("/api/openapi.json", If_None_Match=answer.headers["etag"])
    assert (again.status, again.text) == (304, "")
    assert gateway.get("/api/openapi.json", If_None_Match='"other"').status == 200
    head = gateway.send("HEAD", "/api/openapi.json")
    assert (head.status, head.text, head.headers["etag"]) == (200, "", answer.headers["etag"])


@pytest.mark.parametrize("path", ["/swagger", "/swagger/"])
def test_the_page_links_what_is_served_under_any_base_path(gateway: Gateway, path: str) -> None:
    page = gateway.get(path)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    links = re.findall(r'(?:href|src|data-document)="([^"]+)"', page.text)
    found = {link for link in links if not link.startswith("data:")}
    assert len(found) == 4
    for link in found:
        address = urlsplit(urljoin(f"https://host.example/prod{path}", link))
        assert address.netloc == "host.example"
        assert address.path.startswith("/prod/"), "links stay within the stage"
        assert gateway.get(address.path.removeprefix("/prod")).status == 200, link


@pytest.mark.parametrize(
    ("asset", "kind"),
    [("swagger-ui.css", "css"), ("swagger-ui-bundle.js", "javascript"), ("start.js", "javascript")],
)
def test_assets_are_text_that_browsers_may_keep(gateway: Gateway, asset: str, kind: str) -> None:
    answer = gateway.get(f"/swagger/{asset}")
    assert answer.status == 200
    assert answer.headers["content-type"] == f"text/{kind}; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = gateway.get(f"/swagger/{asset}", If_None_Match=answer.headers["etag"])
    assert (again.status, again.text) == (304, "")


@pytest.mark.parametrize("asset", ["index.html", "VERSION", "%2e%2e%2f__init__.py", "page.html"])
def test_nothing_else_of_the_package_is_served(gateway: Gateway, asset: str) -> None:
    answer = gateway.get(f"/swagger/{asset}")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["title"] == "Not Found"


def test_serving_the_document_loads_neither_its_maker_nor_flask() -> None:
    script = (
        "import chalicelib.api.documentation as d, sys, json; d._version(); "
        "print(json.dumps([n for n in sys.modules if n.split('.')[0] in "
        "('flask', 'flask_swagger_ui', 'infra', 'jsonschema')]))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert json.loads(output.stdout) == []
