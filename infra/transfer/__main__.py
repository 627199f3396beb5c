"""Move experiments with their participants from one backend to another.

Reads the designs and the records of participants of an UpGrade backend, or of another Switchyard,
and brings them in batch by batch. What is there already stays as it is, so a run that was
interrupted is simply started again.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import urljoin

import requests

SECONDS = 60
BATCH = 200

TABLES = (
    # In this order: points tell the groups of users, which enrollments count by.
    "monitoredExperimentPoint",
    "individualAssignment",
    "groupAssignment",
    "individualExclusion",
    "groupExclusion",
)

Row = dict[str, Any]


class Backend:
    """The administration of one backend."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def export(self, experiment_ids: Sequence[str]) -> list[Row]:
        """The designs of some experiments."""
        designs: list[Row] = self._get("/api/experiments/export", {"ids": list(experiment_ids)})
        return designs

    def bring_in_designs(self, designs: Sequence[Row]) -> list[Row]:
        """What became of each design."""
        files = [
            {"fileName": f"{design['id']}.json", "fileContent": json.dumps(design)}
            for design in designs
        ]
        outcome: list[Row] = self._post("/api/experiments/import", files)
        return outcome

    def has(self, experiment_id: str) -> bool:
        """Whether an experiment is there."""
        path = f"{self._url}/api/experiments/single/{experiment_id}"
        return self._session.get(path, timeout=SECONDS).ok

    def rows(self, table: str) -> Iterator[Row]:
        """All rows of a table of records, page by page if it comes in pages."""
        url: str | None = f"{self._url}/api/check/{table}"
        while url is not None:
            answer = self._session.get(url, timeout=SECONDS)
            answer.raise_for_status()
            yield from answer.json()
            following = re.match(r'<(.*?)>; rel="next"', answer.headers.get("Link", ""))
            url = urljoin(url, following[1]) if following else None

    def bring_in(self, table: str, rows: Sequence[Row]) -> Row:
        """How many rows were stored, were there already, and were refused."""
        report: Row = self._post(f"/api/check/{table}", rows)
        return report

    def _get(self, path: str, parameters: Row) -> Any:
        answer = self._session.get(self._url + path, params=parameters, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, body: Any) -> Any:
        answer = self._session.post(self._url + path, json=body, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()


def main(arguments: Sequence[str] | None = None) -> int:
    """Move experiments; 0 if all of it was brought in, 1 if something was refused."""
    asked = _parser().parse_args(arguments)
    source = Backend(asked.source, asked.token)
    target = Backend(asked.target, asked.target_token)
    try:
        return _move(source, target, asked.experiments)
    except requests.RequestException as error:
        print(f"{error}\nStart it again to go on where it stopped.", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.transfer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="source", required=True, metavar="URL")
    parser.add_argument("--to", dest="target", required=True, metavar="URL")
    parser.add_argument("--token", help="bearer token for the backend that is read")
    parser.add_argument("--target-token", help="bearer token for the one that is written")
    parser.add_argument("experiments", nargs="+", metavar="ID", help="experiments to move")
    return parser


def _move(source: Backend, target: Backend, experiment_ids: Sequence[str]) -> int:
    designs = source.export(experiment_ids)
    missing = set(experiment_ids) - {design["id"] for design in designs}
    if missing:
        print(f"not there: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    new = [design for design in designs if not target.has(design["id"])]
    faults = [each for each in target.bring_in_designs(new) if each.get("error")] if new else []
    for each in faults:
        print(f"{each['fileName']}: {each['error']}", file=sys.stderr)
    print(f"designs: {len(new)} new of {len(designs)}", flush=True)
    places = {
        (point["site"], point["target"] or "")
        for design in designs
        for point in design["partitions"]
    }
    refused = sum(_move_table(source, target, table, experiment_ids, places) for table in TABLES)
    hard = [each for each in faults if not str(each["error"]).startswith("Warning")]
    return 1 if refused or hard else 0


def _move_table(
    source: Backend,
    target: Backend,
    table: str,
    experiment_ids: Collection[str],
    places: Collection[tuple[str, str]],
) -> int:
    """Bring in the rows of a table that belong to the experiments; how many were refused."""
    rows = [row for row in source.rows(table) if _belongs(row, experiment_ids, places)]
    rows.sort(key=lambda row: str(row["createdAt"]))
    stored = unchanged = refused = 0
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        report = target.bring_in(table, batch)
        stored, unchanged = stored + report["stored"], unchanged + report["unchanged"]
        refused += len(report["refused"])
        for each in report["refused"]:
            print(f"  {batch[each['index']]['id']}: {each['reason']}", file=sys.stderr)
        print(f"  {table}: {start + len(batch)} of {len(rows)}", flush=True)
    print(f"{table}: {stored} stored, {unchanged} there already, {refused} refused", flush=True)
    return refused


def _belongs(
    row: Row, experiment_ids: Collection[str], places: Collection[tuple[str, str]]
) -> bool:
    """Whether a row is about one of the experiments; a point, if it is one of theirs."""
    if "site" in row:
        return (row["site"], row["target"] or "") in places
    return row.get("experimentId", row["id"][:36]) in experiment_ids


if __name__ == "__main__":
    sys.exit(main())
