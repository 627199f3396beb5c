"""Every error that the layers above the database speak of.

SwitchyardError
├── Invalid             the request breaks a rule; the message says which
├── NotFound            what the request names does not exist
├── Unauthorized        the request does not prove that it may be made
├── Forbidden           who makes the request may not make it
├── Conflict            what the request would make exists already
├── KeyReused           the key that marks a request came with another one before
├── PreconditionFailed  what the request insists on is not so
├── LostRace            what a decision was based on has changed since; decide again
└── Unavailable         the store cannot answer now; the same request may succeed later
"""


class SwitchyardError(Exception):
    """Base of all errors of this project; its message is meant for the caller."""


class Invalid(SwitchyardError):
    """The request breaks a rule; nothing was changed."""


class NotFound(SwitchyardError):
    """Something that the request names does not exist; nothing was changed."""


class Unauthorized(SwitchyardError):
    """The request does not prove that it may be made; nothing was changed."""


class Forbidden(SwitchyardError):
    """Who makes the request is known, but may not make it; nothing was changed."""


class Conflict(SwitchyardError):
    """Something that the request would create exists already; nothing was changed."""


class KeyReused(SwitchyardError):
    """The Idempotency-Key came before, with another request; nothing was changed."""


class PreconditionFailed(SwitchyardError):
    """What the request insists on (If-Match) is not so; nothing was changed.

    `current` is the tag of what it would have changed, as that is now; None if it is not there.
    """

    def __init__(self, message: str, current: str | None) -> None:
        super().__init__(message)
        self.current = current


class LostRace(SwitchyardError):
    """A conditional write found that its premise no longer holds; nothing was changed."""


class Unavailable(SwitchyardError):
    """The store did not answer, or is too busy; whether a write took effect is unknown.

    `reason` is a word for the log: a code of the store, never anything of the request.
    """

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
