"""Tables and their places in documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report import PROJECT, NoMarkers, Section, Table


def test_columns_of_numbers_are_set_to_the_right() -> None:
    table = Table(("what", "ms"))
    table.add("a", 1.5)
    assert table.markdown() == "| what | ms |\n| --- | ---: |\n| a | 1.5 |"


def test_only_what_is_between_the_markers_is_written(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- bench: x -->\nold\n<!-- /bench: x -->\nafter\n")
    for text in ("new", "newer"):
        Section(document, "x", text).write()
        expected = f"before\n<!-- bench: x -->\n{text}\n<!-- /bench: x -->\nafter\n"
        assert document.read_text() == expected


def test_a_table_without_a_place_is_a_fault(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("nothing here\n")
    with pytest.raises(NoMarkers):
        Section(document, "x", "new").write()
    assert document.read_text() == "nothing here\n"


def test_the_readers_find_the_tables() -> None:
    assert (
        "<!-- bench: round-trips -->\n| request |"
        in (PROJECT / "docs" / "performance.md").read_text()
    )
