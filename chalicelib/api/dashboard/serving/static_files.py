"""Styles and scripts of the pages, by names that change with what is in them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
DIGITS = 12
"""Of the digest of a file that stand in its name."""


@functools.cache
def asset_names() -> Mapping[str, str]:
    """The names under which files are served, by their own names without dots: `style_css`."""
    return {path.name.replace(".", "_"): name for name, path in files().items()}


@functools.cache
def files() -> Mapping[str, Path]:
    """The files by the names under which they are served."""
    return {
        f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]}{path.suffix}": path
        for path in sorted(FOLDER.iterdir())
        if path.suffix in TYPES
    }
