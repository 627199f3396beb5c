"""Places that a sign-in may lead to: pages of this application, never those of another host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HOME = "/dashboard"
LENGTH = 2000
"""Characters that a place may have; that of a longer draft is found by the back button again."""

OWN = re.compile(r"/dashboard(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?\[\]-]*)?")
CLIMBS = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
"""A step upwards, which could lead out of the dashboard."""


def own_place(text: str) -> str:
    """A place if it is one of the dashboard's, else the first page.

    >>> own_place("/dashboard/users?id=a"), own_place("//elsewhere.example/dashboard")
    ('/dashboard/users?id=a', '/dashboard')
    """
    path = text.partition("?")[0]
    if len(text) > LENGTH or not OWN.fullmatch(text) or CLIMBS.search(path):
        return HOME
    return text


def place_of(address: str) -> str:
    """The place of a page by its whole address, which may have a stage before it.

    >>> place_of("https://host.example/dev/dashboard/users?id=a")
    '/dashboard/users?id=a'
    """
    try:
        found = urlsplit(address)
    except ValueError:
        return HOME
    _, home, rest = found.path.partition(HOME)
    return own_place(f"{home}{rest}?{found.query}" if found.query else f"{home}{rest}")
