"""Drafts that the address of a page holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode

LONGEST = 5000
"""Characters of a draft in an address.

API Gateway takes 10,240 bytes of headers with the line of the request, and browsers send the
address that they come from along, up to 4,096.
"""

LINE_END = re.compile(r"\r\n|\r|\n")

OUTGROWN = (
    f"An address can hold {LONGEST:,} characters of a draft, and this one has more: leave long"
    " texts, lists and payloads out, and add them on the page of what you create."
)


def outgrown(draft: Mapping[str, str]) -> str:
    """What is to be said of a draft that outgrows its address; "" of one that does not.

    >>> outgrown({"name": "Hints"})
    ''
    """
    sent = {name: LINE_END.sub("\r\n", text) for name, text in draft.items()}
    return OUTGROWN if len(urlencode(sent)) > LONGEST else ""
