"""The commands of the Makefile, and what CI runs of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.stages import PROJECT

CI = (PROJECT / ".ci" / "run").read_text()
COMMANDS = re.findall(r"^make (.+)$", CI, re.MULTILINE)

PYTHON = """#!/bin/sh
case "$2" in
  venv) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac
echo "RAN $*"
"""
"""A Python that says what it was asked to run, and does nothing but make environments of itself."""

TOOLS = {
    "java": "openjdk-17-jre-headless",
    "npm": "npm",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}
"""What the tests need besides Python, by the Debian package that has it."""


def make(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name[:4] != "MAKE"}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=PROJECT,
        env=environment if path is None else {**environment, "PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def recipe(target: str, venv: Path) -> list[str]:
    """The commands that `make` would run, with the environment and DynamoDB Local there."""
    settings = [f"VENV={venv}", f"DYNAMODB={venv}"]
    return make("--dry-run", *target.split(), *settings).stdout.splitlines()


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that is there already, with nothing in it."""
    folder = tmp_path / "venv"
    folder.mkdir()
    (folder / ".ready").touch()
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with what recipes use of any system, with a Java, and with nothing else."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("sh", "make", "grep", "mkdir", "touch", "tar", "rm", "cp"):
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    program(folder / "java", "#!/bin/sh\necho 'openjdk version \"17.0.15\"' >&2\n")
    return folder


def program(file: Path, text: str) -> Path:
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_a_first_start_says_what_it_does_before_it_does_it(tmp_path: Path) -> None:
    python = program(tmp_path / "python3", PYTHON)
    done = make("run", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")
    assert done.returncode == 0, done.stderr
    said = [re.sub(r"^RAN (\S+ \S+).*", r"RAN \1", line) for line in done.stdout.splitlines()]
    assert [line for line in said if line != "RAN -c import"] == [
        f"Making the environment in {tmp_path / 'venv'} ...",
        "RAN -m venv",
        "Installing what the project needs into it: a minute or two, once ...",
        "RAN -m pip",
        "RAN -m pip",
        "RAN -m infra.local",
    ]
    again = make("run", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")
    assert again.stdout.splitlines() == ["RAN -m infra.local"]


def test_what_a_first_start_installs_shows_its_progress(tmp_path: Path) -> None:
    python = program(tmp_path / "python3", PYTHON)
    done = make("install", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")
    (installs,) = [line for line in done.stdout.splitlines() if "--group dev" in line]
    assert "--quiet" not in installs


@pytest.mark.parametrize(
    ("program_text", "hint"),
    [
        ("#!/bin/sh\nexit 1\n", "Python 3.11 or newer is needed"),
        ('#!/bin/sh\n[ "$2" != venv ]\n', "apt-get install python3-venv"),
        ('#!/bin/sh\nmkdir -p "$3/bin"\n', "could not be installed"),
    ],
)
def test_a_first_start_that_fails_says_what_to_do(
    tmp_path: Path, program_text: str, hint: str
) -> None:
    python = program(tmp_path / "python3", program_text)
    done = make("run", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")
    assert done.returncode != 0
    assert hint in done.stdout
    assert not (tmp_path / "venv" / ".ready").exists()


@pytest.mark.parametrize("missing", TOOLS)
def test_a_tool_that_is_missing_is_named_with_the_command_that_installs_it(
    missing: str, venv: Path, path: Path
) -> None:
    (path / "java").rename(path / "java.old") if missing == "java" else None
    for name in set(TOOLS) - {"java", missing}:
        program(path / name, "#!/bin/sh\nexit 0\n")
    target = "test-browser" if missing.startswith("chrom") else "test-dynamodb-local"
    done = make(target, f"VENV={venv}", f"DYNAMODB={venv / 'emulator'}", path=path)
    assert done.returncode != 0
    assert re.search(rf"apt-get install {TOOLS[missing]}$", done.stdout, re.MULTILINE)


def test_a_java_that_is_too_old_counts_as_missing(venv: Path, path: Path) -> None:
    program(path / "java", "#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    done = make("test-dynamodb-local", f"VENV={venv}", f"DYNAMODB={venv / 'emulator'}", path=path)
    assert "DynamoDB Local needs Java 17 or newer" in done.stdout


def test_ci_installs_every_tool_that_the_tests_need() -> None:
    assert dict(re.findall(r"^need (\S+) (\S+)$", CI, re.MULTILINE)) == TOOLS


def test_ci_runs_each_test_once_on_the_embedded_database_and_insists_on_coverage(
    venv: Path,
) -> None:
    assert [command.split()[0] for command in COMMANDS] == [
        "test",
        "static",
        "test-dynamodb-local",
        "contract",
        "test-oracles",
        "test-browser",
    ]
    lines = recipe(COMMANDS[0], venv)
    covering, others = (line for line in lines if " pytest " in line)
    artefact = "tests/infra/test_artefact.py"
    assert [*re.findall(r" (tests/\S+)", covering), artefact] == re.findall(
        r"--ignore=(\S+)", others
    )
    assert any(line.endswith(artefact) for line in recipe("test-dynamodb-local", venv))
    assert ("--cov" in covering, "--cov" in others) == (True, False)
    assert any("coverage report --fail-under=100" in line for line in lines)
    (whole,) = (line for line in recipe("test COVERAGE=", venv) if " pytest " in line)
    assert whole.split(" -m ", 1)[1] == f"pytest -n auto --dist worksteal --ignore={artefact}"


def test_ci_closes_with_the_report_of_tests(venv: Path) -> None:
    """Whoever reads the end of its output is to see how many passed."""
    assert CI.splitlines()[-1] == f"make {COMMANDS[-1]}"
    last = recipe(COMMANDS[-1], venv)[-1]
    assert " -m pytest " in last


def test_check_runs_what_ci_runs_first(venv: Path) -> None:
    checks = recipe("check", venv)
    for command in ("static", "test COVERAGE=1"):
        assert set(recipe(command, venv)) <= set(checks), command
