"""What is deleted for good is named by who deletes it."""

from __future__ import annotations

from chalicelib.domain.errors import Invalid


def is_name(name: str, typed: str) -> bool:
    """Whether a name was typed; blanks count once, for a field of one line holds no other.

    >>> is_name("two  words", " two words ")
    True
    """
    return name.split() == typed.split()


def require_name(name: str, typed: str) -> None:
    """Refuse a deletion unless the name of what goes was typed.

    Raises:
        Invalid: if another name was typed.
    """
    if not is_name(name, typed):
        raise Invalid(f'To delete it, type its name: "{name}". Nothing was deleted.')
