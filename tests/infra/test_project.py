"""The project's own files agree with each other."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib import about
from chalicelib.api.protocol.cors import NAMED
from chalicelib.domain.catalogue.purge import SECOND_PASS
from chalicelib.settings import Settings, Stage

PROJECT = Path(__file__).parents[2]
CONFIG = json.loads((PROJECT / ".chalice" / "config.json").read_text())


def environment(stage: str) -> dict[str, str]:
    variables: dict[str, str] = CONFIG["stages"][stage]["environment_variables"]
    return variables


def test_what_is_deployed_holds_no_tools() -> None:
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    names = {re.split(r"[\[<>=~!]", line)[0] for line in lines if line and line[0] != "#"}
    assert not names & {"chalice", "moto", "pytest"}
    assert "pynamodb" in names


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_settings_of_its_own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = environment(stage)
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.stage is stage
    assert settings.table_prefix == f"switchyard-{stage}"
    assert settings.demo_mode == (stage is Stage.LOCAL)
    assert settings.catalogue_ttl_ms == (0 if stage is Stage.LOCAL else 1000)
    assert CONFIG["stages"][stage]["api_gateway_stage"] == stage
    assert {name.lower() for name in variables} <= set(Settings.model_fields)


def test_a_cached_catalogue_is_old_long_before_the_second_pass_of_a_purge() -> None:
    (bound,) = [
        limit.le
        for limit in Settings.model_fields["catalogue_ttl_ms"].metadata
        if hasattr(limit, "le")
    ]
    assert timedelta(milliseconds=bound) * 10 < SECOND_PASS


def test_the_service_says_of_itself_what_the_project_does() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    stated = {"name": about.NAME, "version": about.VERSION, "description": about.DESCRIPTION}
    assert stated == {name: project[name] for name in stated}


def test_the_settings_are_documented() -> None:
    text = (PROJECT / "docs" / "operations.md").read_text()
    for name in Settings.model_fields:
        assert f"`{name.upper()}`" in text or name == "aws_region", name


def test_the_headers_that_pages_of_one_origin_may_send_are_documented() -> None:
    text = " ".join((PROJECT / "docs" / "operations.md").read_text().split())
    named = re.findall(r"`([\w-]+)`", text[text.index("it begins with") : text.index("add those")])
    assert tuple(named) == NAMED


def test_the_readme_names_commands_that_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", (PROJECT / "README.md").read_text(), re.MULTILINE))
    assert named <= targets
    assert {"run", "test", "check", "test-dynamodb-local", "test-browser"} <= named
    run = (PROJECT / ".ci" / "run").read_text()
    for target in ("test COVERAGE=1", "test-dynamodb-local", "test-browser"):
        assert f"make {target}\n" in run


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in (PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)
