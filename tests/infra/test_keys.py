"""The tool that makes, lists and revokes API keys."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

PROJECT = Path(__file__).parents[2]


def keys(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {
        k: v for k, v in os.environ.items() if k not in ("STAGE", "DYNAMODB_ENDPOINT", "AWS_REGION")
    }
    return subprocess.run(
        [sys.executable, "-m", "infra.keys", *arguments],
        cwd=PROJECT,
        env={**kept, "TABLE_PREFIX": "switchyard-keys", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_keys_are_shown_once_listed_and_revoked(shared_database: str) -> None:
    def run(*arguments: str) -> str:
        done = keys(*arguments, DYNAMODB_ENDPOINT=shared_database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = run("create", "--role", "admin")
    (key,) = re.findall(r"^swy_\S+$", made, re.MULTILINE)
    key_id = re.findall(r"key (\w+);", made)[0]
    run("create", "--role", "client")
    listed = run("list")
    assert re.findall(r"^\w+  (\w+)", listed, re.MULTILINE) == ["admin", "client"]
    assert key not in listed
    assert run("revoke", key_id) == f"admin key {key_id} is revoked\n"
    assert key_id not in run("list")
    again = keys("revoke", key_id, DYNAMODB_ENDPOINT=shared_database)
    assert (again.returncode, key_id in again.stderr) == (1, True)


def test_keys_are_made_in_the_region_that_is_configured(shared_database: str) -> None:
    region = "eu-central-1"
    place = {"AWS_DEFAULT_REGION": region, "TABLE_PREFIX": "switchyard-elsewhere"}
    done = keys("create", "--role", "client", DYNAMODB_ENDPOINT=shared_database, **place)
    assert done.returncode == 0, done.stderr
    client = boto3.client(
        "dynamodb",
        endpoint_url=shared_database,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    assert "switchyard-elsewhere-features" in client.list_tables()["TableNames"]


def test_the_embedded_database_gets_its_keys_elsewhere() -> None:
    done = keys("list")
    assert done.returncode == 1
    assert "ADMIN_KEY=" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["create", "--help"]])
def test_help_is_given(arguments: list[str]) -> None:
    done = keys(*arguments)
    assert (done.returncode, "usage:" in done.stdout) == (0, True)
