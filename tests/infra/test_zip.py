"""What is in the deployment package."""

from __future__ import annotations

import importlib.metadata
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.package.__main__ import PackageError, package
from infra.stages import PROJECT
from tests.infra.conftest import STAGES

LIMIT = 30_000_000
X86_64 = 62
"""The machine in an ELF header (e_machine)."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required() -> Iterator[str]:
    """Names of all distributions that the requirements need, those they need included."""
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    waiting = [line for line in lines if line and not line.startswith("#")]
    seen: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonical(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        yield name
        waiting.extend(importlib.metadata.requires(requirement.name) or ())


@pytest.fixture(params=STAGES)
def archive(request: pytest.FixtureRequest, packaged: dict[str, Path]) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(packaged[request.param] / "deployment.zip") as opened:
        yield opened


def test_all_dependencies_are_there(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    found = {
        canonical(match[1])
        for name in names
        if (match := re.match(r"([^/]+)-[^-/]+\.dist-info/METADATA$", name))
    }
    assert set(required()) <= found
    assert not found & {"chalice", "hypothesis", "moto", "pytest"}
    assert {"chalice/app.py", "chalice/__init__.py", "app.py"} <= set(names)


def test_compiled_modules_are_for_lambda(archive: zipfile.ZipFile) -> None:
    compiled = [name for name in archive.namelist() if name.endswith(".so")]
    assert any(name.startswith("pydantic_core/_pydantic_core") for name in compiled)
    for name in compiled:
        assert "cpython-311-x86_64-linux-gnu" in name or "abi3" in name
        with archive.open(name) as file:
            header = file.read(20)
        assert header[:4] == b"\x7fELF"
        assert struct.unpack_from("<H", header, 18) == (X86_64,)


def test_the_program_is_there_and_nothing_else(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    sources = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "chalicelib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("chalicelib/")} == sources
    assert not [name for name in names if "__pycache__" in name]
    assert not [name for name in names if name.startswith(("tests/", "infra/", ".chalice/"))]


@pytest.mark.parametrize("stage", STAGES)
def test_the_package_is_small(stage: str, packaged: dict[str, Path]) -> None:
    size = (packaged[stage] / "deployment.zip").stat().st_size
    print(f"deployment.zip: {size / 1e6:.1f} MB")
    assert size < LIMIT


def test_without_the_dependencies_there_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(PackageError, match="annotated-types"):
        package({"dev": tmp_path / "package"})
    assert not (tmp_path / "package" / "deployment.zip").exists()
