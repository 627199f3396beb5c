"""Contexts: the client applications that experiments, flags, segments and metrics belong to.

Administrators and files may name them in any letter case (section 6); clients may not.
"""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.domain.errors import Invalid


class UnknownAppContext(Invalid):
    """The context is not one of the configured ones."""

    def __init__(self, name: str) -> None:
        super().__init__(f'The app context "{name}" is not defined in CONTEXT_METADATA.')


def same_context(name: str, other: str) -> bool:
    """Whether two names are those of one context."""
    return name.lower() == other.lower()


def configured(name: str, contexts: Iterable[str]) -> str | None:
    """The context that a name stands for, as it is configured; one that is spelled so goes first.

    >>> configured("HOME", ["add", "Home"])
    'Home'
    >>> configured("homes", ["add", "Home"])
    """
    found = [context for context in contexts if same_context(context, name)]
    return name if name in found else next(iter(found), None)


def known_context(name: str, contexts: Iterable[str]) -> str:
    """The context that a name stands for, as it is configured.

    Raises:
        UnknownAppContext: if it is not among `contexts`.
    """
    found = configured(name, contexts)
    if found is None:
        raise UnknownAppContext(name)
    return found
