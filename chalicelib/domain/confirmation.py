"""What people confirm: the name of what they delete, and what they saw when they changed it."""

from __future__ import annotations

import hashlib

from chalicelib.domain.errors import Conflict, Invalid


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


class Changed(Conflict):
    """Somebody changed what a form is about since that was shown."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody changed this since you opened the form. What you typed is kept: compare it"
            " with what is there now, and save again."
        )


def tag_of(shown: object) -> str:
    """What tells something that is shown from what it becomes; its `repr` must tell it too."""
    return hashlib.sha256(repr(shown).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def require_unchanged(seen: str, now: object) -> None:
    """Refuse a change of what is no longer as it was shown; "" is a change of whatever is there.

    Raises:
        Changed: if it has another tag than the one that was `seen`.
    """
    if seen and seen != tag_of(now):
        raise Changed
