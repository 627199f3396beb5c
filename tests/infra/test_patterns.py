"""Regular expressions take time in proportion to the text, whatever it is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import redoctor
from pydantic import TypeAdapter, ValidationError

from chalicelib.api.testlab import fields
from chalicelib.api.upgrade.outcomes.log_models import LogTime
from chalicelib.domain.outcomes.pg_numeric import numeric

PROJECT = Path(__file__).parents[2]
FOLDERS = ("chalicelib", "infra", "benchmarks")
FUNCTIONS = frozenset(
    {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
)


def patterns(tree: ast.AST) -> Iterator[tuple[int, ast.expr]]:
    """Each pattern that a program names, with its line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if (
            isinstance(function, ast.Attribute)
            and function.attr in FUNCTIONS
            and isinstance(function.value, ast.Name)
            and function.value.id == "re"
        ):
            yield node.lineno, node.args[0]
        for keyword in node.keywords:
            if keyword.arg in ("pattern", "regex"):
                yield node.lineno, keyword.value


def written() -> Iterator[tuple[str, ast.expr]]:
    files = [PROJECT / "app.py", *(f for each in FOLDERS for f in (PROJECT / each).rglob("*.py"))]
    for file in files:
        for line, pattern in patterns(ast.parse(file.read_text(encoding="utf-8"))):
            yield f"{file.relative_to(PROJECT)}:{line}", pattern


def is_linear(pattern: str) -> bool:
    return redoctor.check(pattern).status is redoctor.Status.SAFE


def test_no_pattern_of_the_code_can_match_the_same_characters_in_two_ways() -> None:
    found = dict(written())
    assert len(found) > 15
    for place, pattern in found.items():
        assert isinstance(pattern, ast.Constant), f"{place}: spell the pattern out"
        assert isinstance(pattern.value, str), place
        assert is_linear(pattern.value), place


@pytest.mark.parametrize(
    "pattern", [r"-?[0-9]*\.?[0-9]+", r"(a+)+b", r"a*a*b", r"(a|a)*b", r"(\w+\s?)*x", r"0*[0-9]+x"]
)
def test_a_pattern_that_can_is_found(pattern: str) -> None:
    assert not is_linear(pattern)


def refused(kind: Any) -> Callable[[str], None]:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def read(text: str) -> None:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)

    return read


READERS: dict[str, Callable[[str], object]] = {
    "integer": refused(fields.Integer),
    "share": refused(fields.Share),
    "day": refused(fields.Day),
    "address": refused(fields.IpAddress),
    "time": refused(LogTime),
    "numeric": numeric,
}
SHORT, LONG = 10_000, 80_000


def seconds(read: Callable[[str], object], text: str) -> float:
    started = process_time()
    read(text)
    return process_time() - started


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("start", "middle", "end"),
    [
        ("", "1", "x"),
        ("-", "0", "."),
        ("1.", "0", "x"),
        ("1e", "0", "x"),
        ("", ":", "x"),
        ("", "1:", "x"),
        (" ", "\t", "x"),
        ("2023-02-23T", "0", "x"),
        ("", "1/", "x"),
        ("Mon, 1 Jan 2024 ", "(", "x"),
        ("", "GMT", "+1"),
    ],
)
def test_a_hostile_text_takes_time_in_proportion_to_its_length(
    reader: str, start: str, middle: str, end: str
) -> None:
    read = READERS[reader]
    short, long = (
        min(seconds(read, f"{start}{middle * length}{end}") for _ in range(3))
        for length in (SHORT, LONG)
    )
    # Eight times the text takes eight times as long; with squares it would be 64 times.
    assert long < 24 * max(short, 0.001)
