"""What is deleted for good is named by who deletes it."""

from __future__ import annotations

from chalicelib.domain.errors import Invalid


def require_name(name: str, typed: str) -> None:
    """Refuse a deletion unless the name of what goes was typed; blanks count once.

    >>> require_name("two  words", " two words ")

    Raises:
        Invalid: if another name was typed.
    """
    if name.split() != typed.split():
        raise Invalid(f'To delete it, type its name: "{name}". Nothing was deleted.')
