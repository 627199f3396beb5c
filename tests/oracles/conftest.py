from __future__ import annotations

from hypothesis import settings

settings.register_profile("oracles", max_examples=200, deadline=None)
settings.load_profile("oracles")
