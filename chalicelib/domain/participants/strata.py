"""Strata: users by their values of stratification factors (UpGrade, section 10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StratificationFactor:
    """Something that users have values of, such as the result of a test."""

    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FactorUse:
    """How many users have each value of a factor, and the ids of the experiments that go by it."""

    factor: StratificationFactor
    users: Mapping[str, int]
    experiment_ids: tuple[str, ...]
