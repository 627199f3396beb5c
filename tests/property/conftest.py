from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_pauses() -> Iterator[None]:
    """Let whoever lost a race try again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chalicelib.services.running.retries.FIRST_PAUSE", 0)
        yield
