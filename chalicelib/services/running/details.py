"""Rows of a list, of which a page shows some, with what has to be read for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Detailed(Generic[T, V]):
    """The rows of a list, and a function that reads what an answer shows of some of them besides.

    It reads when they are asked for, and is asked for no more than a page wants. Where the reading
    of one is dear it reads a few at a time, for the page may end before the last.
    """

    rows: Sequence[T]
    read: Callable[[Iterable[T]], Iterator[tuple[T, V]]]


def batched(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """The rows, up to `size` at a time."""
    waiting = iter(rows)
    while some := list(islice(waiting, size)):
        yield some
