"""Decision points, as records name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class DecisionPointKey:
    """Site and target of a decision point; several experiments may have the same."""

    site: str
    target: str
