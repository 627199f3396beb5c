"""Package a stage into a folder: `deployment.zip` and the template `sam.json`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.stages import PROJECT
from infra.template import deployed_stages, for_stage

SHIPPED = ("app.py", "chalicelib", "requirements.txt", ".chalice")
"""What Chalice reads of the project."""

LEFT_OUT = shutil.ignore_patterns("__pycache__", "deployments", "deployed", "venv")

CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"

MISSING = "Could not install dependencies"
"""Chalice says so and carries on, with a package that cannot be imported."""


class PackageError(Exception):
    """Chalice did not make a package that works; the message is its own."""


def package(folders: Mapping[str, Path]) -> None:
    """Put the package of each stage into its folder, which is emptied first.

    It is made from a copy of the sources, so that what lies about in the working tree (byte code,
    packages of earlier builds) does not get in. The stages share the copy, and so their code.

    Raises:
        PackageError: if Chalice fails, or could not fetch a dependency for Lambda.
    """
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        copy_sources(copy)
        for stage, folder in folders.items():
            resources = copy / f"resources-{stage}.json"
            resources.write_text(json.dumps(for_stage(stage)))
            if folder.exists():
                shutil.rmtree(folder)
            merged = ["--merge-template", str(resources)]
            _chalice(copy, ["package", "--stage", stage, *merged, str(folder)])


def copy_sources(target: Path) -> None:
    """Copy what Chalice reads of the project into the folder `target`."""
    for source in SHIPPED:
        path = PROJECT / source
        if path.is_dir():
            shutil.copytree(path, target / source, ignore=LEFT_OUT)
        else:
            shutil.copy(path, target / source)


def _chalice(project: Path, arguments: list[str]) -> None:
    region = {"AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1")}
    done = subprocess.run(  # noqa: S603 - its arguments are ours
        [sys.executable, "-c", CHALICE, "--project-dir", str(project), *arguments],
        cwd=project,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **region},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or MISSING in done.stdout + done.stderr:
        raise PackageError((done.stdout + done.stderr).strip())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("--stage", required=True, choices=deployed_stages())
    parser.add_argument("--out", type=Path, help="the folder (build/<stage>)")
    arguments = parser.parse_args()
    folder = arguments.out or PROJECT / "build" / arguments.stage
    print(f"packaging {arguments.stage} for {sys.version_info[0]}.{sys.version_info[1]} ...")
    try:
        package({arguments.stage: folder})
    except PackageError as error:
        sys.exit(f"{error}\nno package was made")
    for path in sorted(folder.iterdir()):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    print(f"""Deploy it with a bucket of yours (docs/operations.md):
  aws cloudformation package --template-file {folder / "sam.json"} --s3-bucket BUCKET \\
    --use-json --output-template-file {folder / "packaged.json"}
  aws cloudformation deploy --template-file {folder / "packaged.json"} --s3-bucket BUCKET \\
    --stack-name switchyard-{arguments.stage} --capabilities CAPABILITY_IAM""")


if __name__ == "__main__":
    main()
