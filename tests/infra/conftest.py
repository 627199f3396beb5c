"""The packages that would be deployed, made once per run."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from infra.package.__main__ import package
from infra.template import deployed_stages

REGION = "us-east-1"
STAGES = deployed_stages()


class NoManagedPolicies:
    """What the SAM translator would ask AWS for; the template names none."""

    def load(self) -> dict[str, str]:
        return {}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Package beside the first tests, which do not need it: each process would wait for it."""
    is_first = os.environ.get("PYTEST_XDIST_WORKER") == "gw0"
    if is_first and any("packaged" in getattr(item, "fixturenames", ()) for item in session.items):
        shared = session.config._tmp_path_factory.getbasetemp().parent  # type: ignore[attr-defined]
        Thread(target=make_once, args=(shared,)).start()


def make_once(shared: Path) -> dict[str, Path]:
    """The folder of each stage's package, which the first of several processes makes."""
    folders = {stage: shared / "packages" / stage for stage in STAGES}
    done = shared / "packaged"
    with (shared / "packaging").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            package(folders)
            done.touch()
    return folders


@pytest.fixture(scope="session")
def packaged(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Path]:
    """The folder of each stage's package; processes that share a run share it."""
    base = tmp_path_factory.getbasetemp()
    return make_once(base.parent if hasattr(request.config, "workerinput") else base)


@pytest.fixture(scope="session")
def sam(packaged: dict[str, Path]) -> Callable[[str], dict[str, Any]]:
    """A stage's template as `chalice package` wrote it, its code in some bucket."""

    def template(stage: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((packaged[stage] / "sam.json").read_text())
        for resource in document["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = "s3://some-bucket/deployment.zip"
        return document

    return template


@pytest.fixture(scope="session")
def translated(
    sam: Callable[[str], dict[str, Any]],
) -> Callable[[str], dict[str, Any]]:
    """The same as CloudFormation understands it, after AWS's own transformation."""

    @cache
    def template(stage: str) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_DEFAULT_REGION", REGION)
            return dict(transform(sam(stage), {}, NoManagedPolicies()))

    return template
