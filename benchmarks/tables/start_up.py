"""Start-up: import, first request and package, beside a bare function on the same libraries."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import budgets
from benchmarks.application import ENVIRONMENT
from benchmarks.report import PERFORMANCE, PROJECT, Section, Table, verdict
from benchmarks.store_stub import Answers
from infra.package.__main__ import PackageError, package

RUNS, QUICK_RUNS = 9, 3
LISTED = 12
BARE = PROJECT / "benchmarks" / "bare"

PROBE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
started = time.process_time(), time.perf_counter()
import app
imported = time.process_time(), time.perf_counter()
path = sys.argv[2]
event = {
    "resource": path, "path": path, "httpMethod": "GET", "headers": {}, "multiValueHeaders": {},
    "queryStringParameters": None, "multiValueQueryStringParameters": None,
    "pathParameters": None, "stageVariables": None, "body": None, "isBase64Encoded": False,
    "requestContext": {"resourcePath": path, "httpMethod": "GET", "path": path, "stage": "prod",
                       "identity": {}},
}
answer = app.app(event, None)
answered = time.process_time(), time.perf_counter()
assert answer["statusCode"] == 200, answer
print(json.dumps([1000 * (imported[0] - started[0]), 1000 * (answered[0] - imported[0])]))
"""

EMPTY = Answers(
    {},
    {
        "GetItem": "{}",
        "Query": '{"Items": [], "Count": 0, "ScannedCount": 0}',
        "Scan": '{"Items": [], "Count": 0, "ScannedCount": 0}',
        "UpdateItem": "{}",
        "TransactWriteItems": "{}",
    },
)
"""What a database without items answers."""


def measure(*, quick: bool) -> list[Section]:
    """The table of start-up, and what takes the time of the import."""
    runs = QUICK_RUNS if quick else RUNS
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.json"
        EMPTY.save(answers)
        command = [sys.executable, "-m", "benchmarks.store_stub", str(answers), "--delay", "0"]
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as stub:
            assert stub.stdout is not None  # noqa: S101 - it is a pipe
            url = stub.stdout.readline().strip()
            try:
                pairs = [
                    (_probe(PROJECT, "/api/feature", url), _probe(BARE, "/thing", url))
                    for _ in range(runs)
                ]
                slowest = _import_times(url)
            finally:
                stub.terminate()
    table = Table(("what", "this application", "bare function", "ratio", "target", ""))
    for index, what in enumerate(("import of app, ms", "first request, ms")):
        own, bare = (median(pair[side][index] for pair in pairs) for side in (0, 1))
        ratio = own / bare
        target = f"{budgets.IMPORT_RATIO:g}" if index == 0 else ""
        told = verdict(ratio, budgets.IMPORT_RATIO) if index == 0 else ""
        table.add(what, f"{own:.0f}", f"{bare:.0f}", f"{ratio:.2f}", target, told)
    own_size, bare_size = _package_sizes()
    if own_size and bare_size:
        sizes = f"{own_size:.1f}", f"{bare_size:.1f}", f"{own_size / bare_size:.2f}"
        table.add("package, MB", *sizes, "", "")
    listed = Table(("module", "ms of its own"))
    for name, own_ms in slowest:
        listed.add(f"`{name}`", f"{own_ms:.1f}")
    text = f"{table.markdown()}\n\nWhat takes longest (`-X importtime`):\n\n{listed.markdown()}"
    return [Section(PERFORMANCE, "start-up", text)]


def _environment(url: str) -> dict[str, str]:
    # botocore's own setting: with the application's, tables would be looked for and made.
    settings = {"STAGE": "prod", "AUTH": "off", "AWS_ENDPOINT_URL_DYNAMODB": url}
    return {**os.environ, **ENVIRONMENT, **settings, "DEMO_MODE": "false"}


def _probe(folder: Path, path: str, url: str) -> tuple[float, float]:
    """Milliseconds of the processor for the import, and for the first request."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(folder), path],
        env=_environment(url),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    imported, answered = json.loads(done.stdout.splitlines()[-1])
    return imported, answered


def _import_times(url: str) -> list[tuple[str, float]]:
    """Packages by the time that their modules take, the slowest first."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import app"],
        env=_environment(url),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    own: dict[str, float] = {}
    for line in done.stderr.splitlines():
        if found := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)", line):
            parts = found[2].split(".")
            name = ".".join(parts[:2]) if parts[0] == "chalicelib" else parts[0]
            own[name] = own.get(name, 0) + int(found[1]) / 1000
    return sorted(own.items(), key=lambda pair: -pair[1])[:LISTED]


def _package_sizes() -> tuple[float, float]:
    """Megabytes of the packages; 0 where no package registry can be reached."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            package({"prod": folder / "own"})
            own = (folder / "own" / "deployment.zip").stat().st_size
            return own / 1e6, _bare_size(folder)
        except (PackageError, subprocess.CalledProcessError) as error:
            print(f"no packages: {error}", file=sys.stderr)
            return 0, 0


def _bare_size(folder: Path) -> float:
    project = folder / "bare"
    (project / ".chalice").mkdir(parents=True)
    (project / ".chalice" / "config.json").write_text(
        '{"version": "2.0", "app_name": "bare", "stages": {"dev": {}}}'
    )
    for name in ("app.py", "requirements.txt"):
        (project / name).write_text((BARE / name).read_text())
    chalice = "import sys; from chalice.cli import main; sys.exit(main())"
    out = folder / "out"
    subprocess.run(
        [sys.executable, "-c", chalice, "--project-dir", str(project), "package", str(out)],
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        check=True,
    )
    return (out / "deployment.zip").stat().st_size / 1e6
