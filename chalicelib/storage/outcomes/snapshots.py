"""Snapshots of what queries come to, in DynamoDB, beside the kept results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.domain.errors import Invalid, LostRace
from chalicelib.domain.outcomes.query_sums import Analysed, Cell, Described, QuerySums
from chalicelib.domain.outcomes.snapshots import Snapshot, Taken
from chalicelib.domain.outcomes.value_sums import ValueSums, exact_number, exact_text
from chalicelib.services.outcomes.ports import SNAPSHOT_BYTES
from chalicelib.storage.dynamodb import keys
from chalicelib.storage.dynamodb.connection import store_errors, transaction
from chalicelib.storage.dynamodb.stored_forms import read_as, word
from chalicelib.storage.dynamodb.tables import COMPACT, SnapshotRow, TakenRow
from chalicelib.storage.dynamodb.times import from_ms, to_ms

FIGURES = ("total", "squares", "cubes")
"""Sums that are stored as text, for they may have any number of digits."""


class DynamoSnapshotStore:
    """`SnapshotStore` on the table `events`."""

    def put(self, feature_id: int, snapshot: Snapshot) -> bool:
        pk, query_id = keys.results(feature_id), snapshot.sums.query_id
        day, values = snapshot.day.isoformat(), to_values(snapshot)
        if len(COMPACT.encode(values).encode()) > SNAPSHOT_BYTES:
            raise Invalid(f"the sums of query {query_id} are too large to be stored")
        first = TakenRow.day.does_not_exist() | (TakenRow.day < day)
        actions: list[Action] = [TakenRow.day.set(day), TakenRow.at.set(to_ms(snapshot.at))]
        if snapshot.final:
            first &= TakenRow.final.does_not_exist()
            actions.append(TakenRow.final.set(True))
        try:
            with transaction() as write:
                row = SnapshotRow(pk, keys.series(query_id, day), data=values)
                write.save(row, condition=SnapshotRow.pk.does_not_exist())
                write.update(TakenRow(pk, keys.taken(query_id)), actions=actions, condition=first)
        except LostRace:
            return False
        return True

    @store_errors()
    def note_try(self, feature_id: int, query_ids: Collection[str], at: datetime) -> None:
        for query_id in query_ids:
            row = TakenRow(keys.results(feature_id), keys.taken(query_id))
            row.update([TakenRow.tried.set(to_ms(at))])

    @store_errors()
    def taken(self, feature_id: int) -> Mapping[str, Taken]:
        notes = TakenRow.sk.startswith(keys.TAKEN)
        rows = TakenRow.query(keys.results(feature_id), notes, consistent_read=True)
        return {keys.unescaped(row.sk.removeprefix(keys.TAKEN)): _taken(row) for row in rows}

    @store_errors()
    def of_experiment(self, feature_id: int) -> Sequence[Snapshot]:
        series = SnapshotRow.sk.startswith(keys.SERIES)
        rows = SnapshotRow.query(keys.results(feature_id), series, consistent_read=True)
        return [from_values(row.data) for row in rows]


def _taken(row: TakenRow) -> Taken:
    return Taken(
        None if row.day is None else date.fromisoformat(row.day),
        None if row.at is None else from_ms(row.at),
        bool(row.final),
        None if row.tried is None else from_ms(row.tried),
    )


def to_values(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as it is stored."""
    sums = snapshot.sums
    return {
        "day": snapshot.day.isoformat(),
        "at": to_ms(snapshot.at),
        "final": snapshot.final,
        "query": sums.query_id,
        "unit": sums.unit,
        "proportion": sums.proportion,
        "cells": [_cell_values(cell) for cell in sums.cells],
        "beside": [_cell_values(cell) for cell in sums.beside],
        "enrolled": dict(sums.enrolled),
        "control": sums.control_id,
        "described": list(sums.described),
        "too_large": sums.too_large,
    }


def from_values(values: Mapping[str, Any]) -> Snapshot:
    """What `to_values` wrote, whichever version of this program did."""
    unit = word(values["unit"], Analysed.USER)
    described = [word(each, Described.NEWER) for each in values.get("described", ())]
    if unit != values["unit"]:
        described.append(Described.NEWER)
    sums = QuerySums(
        values["query"],
        unit,
        bool(values.get("proportion")),
        tuple(map(_cell, values.get("cells", ()))),
        tuple(map(_cell, values.get("beside", ()))),
        values.get("enrolled", {}),
        values.get("control"),
        tuple(dict.fromkeys(described)),
        bool(values.get("too_large")),
    )
    day, at = date.fromisoformat(values["day"]), from_ms(values["at"])
    return Snapshot(day, at, bool(values.get("final")), sums)


def _cell_values(cell: Cell) -> dict[str, Any]:
    """A cell as it is stored: what is as by default is left out."""
    return {
        "condition_id": cell.condition_id,
        "n": cell.sums.n,
        **{name: exact_text(getattr(cell.sums, name)) for name in FIGURES},
        **({} if cell.stratum is None else {"stratum": cell.stratum}),
        **({} if cell.enrolled is None else {"enrolled": cell.enrolled}),
        **({"left_out": cell.left_out} if cell.left_out else {}),
        **({"merged": cell.merged} if cell.merged else {}),
    }


def _cell(values: Mapping[str, Any]) -> Cell:
    figures = {name: exact_number(values[name]) for name in FIGURES}
    return read_as(Cell, values, sums=ValueSums(values["n"], **figures))
