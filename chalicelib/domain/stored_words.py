"""Words of stored forms that only a newer version of this program knows."""

from __future__ import annotations

Newer = tuple[str, str]
"""A field, and what a newer version stored in it that is not known here, so that it is kept."""
