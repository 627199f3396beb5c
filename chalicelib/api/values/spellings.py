"""Paths of UpGrade's administration, which its clients write in other letters too.

The local server takes them whatever the letter case. API Gateway compares letters, so each path is
published there as it is declared, in lower case, and as UpGrade's own page writes it.
"""

from __future__ import annotations

WRITTEN_BY_THE_PAGE = {"previewusers": "previewUsers"}
"""Parts of paths, in lower case, that UpGrade's page writes otherwise than they are declared."""


def spellings(path: str) -> frozenset[str]:
    """The spellings of a declared path that API Gateway knows; variables keep their names.

    >>> sorted(spellings("/api/experiments/contextMetaData"))
    ['/api/experiments/contextMetaData', '/api/experiments/contextmetadata']
    """
    parts = path.split("/")
    lower = [part if part.startswith("{") else part.lower() for part in parts]
    page = [
        WRITTEN_BY_THE_PAGE.get(part, declared) for part, declared in zip(lower, parts, strict=True)
    ]
    return frozenset({path, "/".join(lower), "/".join(page)})
