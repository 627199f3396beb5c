"""The capacity units that a call of DynamoDB costs, by the published rules.

The rules are those of AWS's Developer Guide: "DynamoDB Item sizes and formats", "DynamoDB read and
write operations", "Managing complex workflows with transactions", and "Global secondary indexes:
provisioned throughput considerations". Items come in the wire's form: `{"id": {"N": "7"}}`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Value = Mapping[str, Any]
Item = Mapping[str, Value]

READ_UNIT = 4096
WRITE_UNIT = 1024
DOCUMENT_OVERHEAD = 3
ELEMENT_OVERHEAD = 1


@dataclass(frozen=True, slots=True)
class Units:
    """Read and write capacity units."""

    read: float = 0
    write: float = 0

    def __add__(self, other: Units) -> Units:
        return Units(self.read + other.read, self.write + other.write)


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index: its key attributes, and what else it projects (None: all)."""

    keys: tuple[str, ...]
    table_keys: tuple[str, ...]
    projected: frozenset[str] | None

    def entry(self, item: Item | None) -> Item | None:
        """What the index holds of an item; None if the item lacks one of the index's keys."""
        if item is None or any(key not in item for key in self.keys):
            return None
        if self.projected is None:
            return item
        shown = {*self.keys, *self.table_keys, *self.projected}
        return {name: value for name, value in item.items() if name in shown}


def number_size(text: str) -> int:
    """One byte for two significant digits and one more; a sign takes a byte, 21 are the most.

    Zeros in front and behind do not count.
    """
    number = Decimal(text)
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    size = math.ceil(len(digits) / 2) + 1 + (1 if number < 0 else 0)
    return min(size, 21)


def value_size(value: Value) -> int:
    """Bytes of an attribute's value.

    Text counts in UTF-8, binary raw (base64 on the wire), true, false and null take one byte, sets
    the sum of their elements, lists and maps three bytes, one for each element, and the elements.
    """
    [(kind, content)] = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return number_size(content)
    if kind == "B":
        return len(content) if isinstance(content, bytes) else len(content) * 3 // 4
    if kind in ("BOOL", "NULL"):
        return 1
    if kind in ("SS", "NS", "BS"):
        return sum(value_size({kind[0]: element}) for element in content)
    if kind == "L":
        inner = sum(value_size(element) + ELEMENT_OVERHEAD for element in content)
        return DOCUMENT_OVERHEAD + inner
    if kind == "M":
        inner = item_size(content) + ELEMENT_OVERHEAD * len(content)
        return DOCUMENT_OVERHEAD + inner
    raise ValueError(f"no attribute is of type {kind}")


def item_size(item: Item | None) -> int:
    """Bytes of an item: names in UTF-8, and values. Nothing has none."""
    return sum(len(name.encode()) + value_size(value) for name, value in (item or {}).items())


def read_units(size: int, *, consistent: bool) -> float:
    """For `size` bytes that one read came upon: 4 KB a unit, half of it if eventually consistent.

    A read that finds nothing costs the least unit.
    """
    units = max(1, math.ceil(size / READ_UNIT))
    return units if consistent else units / 2


def get_units(item: Item | None, *, consistent: bool, transactional: bool = False) -> float:
    """GetItem, one key of BatchGetItem, or of TransactGetItems, which costs double.

    The whole item counts, whatever is projected of it.
    """
    if transactional:
        return 2 * read_units(item_size(item), consistent=True)
    return read_units(item_size(item), consistent=consistent)


def page_units(items: Iterable[Item], *, consistent: bool) -> float:
    """A page of Query or Scan: what it evaluated, filtered out or not, rounded up once."""
    return read_units(sum(item_size(item) for item in items), consistent=consistent)


def write_units(before: Item | None, after: Item | None, *, transactional: bool = False) -> float:
    """One write: 1 KB of the larger of the item before and after; double in a transaction.

    A ConditionCheck costs what a write of the item would, and so does a write that its condition
    stopped. What is not there costs the least unit.
    """
    size = max(item_size(before), item_size(after))
    units = max(1, math.ceil(size / WRITE_UNIT))
    return 2 * units if transactional else units


def index_units(index: Index, before: Item | None, after: Item | None) -> float:
    """What a write of a table costs in one of its indexes, by the size of the index's entry.

    Putting, changing or removing an entry is one write, moving it to another key two, and nothing
    is written if the entry stays as it is. Indexes follow the commit of a transaction as they
    follow other writes, so nothing doubles here.
    """
    old, new = index.entry(before), index.entry(after)
    if old == new:
        return 0
    if old is not None and new is not None and any(old[key] != new[key] for key in index.keys):
        return write_units(old, None) + write_units(None, new)
    return write_units(old, new)
