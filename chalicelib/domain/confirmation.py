"""What people confirm: the name of what they delete, and what they saw when they changed it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal

from chalicelib.domain.errors import Conflict, Invalid


def is_name(name: str, typed: str) -> bool:
    """Whether a name was typed; blanks count once, for a field of one line holds no other.

    >>> is_name("two  words", " two words ")
    True
    """
    return name.split() == typed.split()


def require_name(name: str, typed: str, act: str = "delete it") -> None:
    """Refuse an act that loses something for good unless the name of what it is done to was typed.

    Raises:
        Invalid: if another name was typed.
    """
    if not is_name(name, typed):
        raise Invalid(f'To {act}, type its name: "{name}". Nothing was changed.')


class Changed(Conflict):
    """Somebody changed what a form is about since that was shown."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody changed this since you opened the form. What you typed is kept: compare it"
            " with what is there now, and save again."
        )


def tag_of(shown: object) -> str:
    """What tells something that is shown from what it becomes.

    Numbers that are equal are the same, in whatever digits. A version of the code in which there
    is more to show tags all of it anew: forms that are open then are shown once more.

    >>> tag_of(Decimal("1E+2")) == tag_of(Decimal("100.0")) != tag_of(Decimal(10))
    True
    """
    text = repr(_plain(shown)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:16]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Mapping):
        return [(key, _plain(each)) for key, each in sorted(value.items())]
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return [(each.name, _plain(getattr(value, each.name))) for each in fields(value)]
    return value


def require_unchanged(seen: str, now: object) -> None:
    """Refuse a change of what is no longer as it was shown; "" is a change of whatever is there.

    Raises:
        Changed: if it has another tag than the one that was `seen`.
    """
    if seen and seen != tag_of(now):
        raise Changed
