"""Measure, and write the tables anew: `make bench`, or `make bench ONLY=<name>`."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time

from benchmarks.report import PROJECT, SHORT

TABLES = ("round_trips", "cpu", "growth", "start_up", "hot_spots", "load", "embedded", "pages")
"""Modules of `benchmarks.tables`, in the order in which they run."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=TABLES, help="one table")
    parser.add_argument("--quick", action="store_true", help="small sizes; for development")
    parser.add_argument("--dry", action="store_true", help="print, and leave the documents alone")
    arguments = parser.parse_args()
    if arguments.only:
        _run(arguments.only, quick=arguments.quick, dry=arguments.dry)
        return
    options = [f"--{name}" for name in ("quick", "dry") if getattr(arguments, name)]
    started = time.monotonic()
    failed = []
    for number, name in enumerate(TABLES, 1):
        print(f"[{number}/{len(TABLES)}] {name}", file=sys.stderr, flush=True)
        # A process for each: what one leaves in memory would be in the way of the next.
        command = [sys.executable, "-m", "benchmarks", "--only", name, *options]
        if subprocess.run(command, cwd=PROJECT, check=False).returncode:
            failed.append(name)
    print(f"{time.monotonic() - started:.0f} seconds", file=sys.stderr)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _run(name: str, *, quick: bool, dry: bool) -> None:
    started = time.monotonic()
    sections = importlib.import_module(f"benchmarks.tables.{name}").measure(quick=quick)
    for section in sections:
        print(section.text, flush=True)
        if not dry:
            section.write()
    shorts = sum(section.text.count(SHORT) for section in sections)
    print(f"{name}: {time.monotonic() - started:.0f} seconds, {shorts} short", file=sys.stderr)


if __name__ == "__main__":
    main()
