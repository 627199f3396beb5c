"""Places: those that a sign-in may lead to, and how much of a draft an address can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

HOME = "/dashboard"
LENGTH = 2000
"""Characters that a place may have: no page needs more."""

ADDRESS_LENGTH = 8000
"""Characters of an address that holds a draft: API Gateway takes 10,240 with all headers."""

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


def outgrown(draft: Mapping[str, str]) -> str:
    """What is to be said of a draft that outgrows its address; "" of one that does not."""
    length = len(urlencode(draft))
    if length <= ADDRESS_LENGTH:
        return ""
    return (
        f"An address can hold {ADDRESS_LENGTH:,} characters, and this draft has {length:,}: leave"
        " long lists and payloads out, and add them on the page of what you create."
    )
