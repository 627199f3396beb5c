"""Texts and ids that requests of administration hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from chalicelib.domain.errors import Invalid
from chalicelib.domain.features.users import check_user_id

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


BREAKS = re.compile(r"[\t\r\n]")

NAME_LENGTH = 1000
"""Characters of a name: as many as the texts of clients may have."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


def _identifier(text: str) -> str:
    """UUIDs are compared whatever their case."""
    lower = text.lower()
    return lower if is_uuid(lower) else text


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in lower case."""
    return UUID.fullmatch(text) is not None


def _uuid(text: str) -> str:
    if not is_uuid(text):
        raise ValueError("must be a UUID")
    return text


def checked_uuid(text: str) -> str:
    """A UUID of a path, in lower case.

    Raises:
        ValueError: if it is none.
    """
    return _uuid(text.lower())


def _cleaned(text: str) -> str:
    return BREAKS.sub("", text).strip()


def _possible_user(user_id: str) -> str:
    try:
        check_user_id(user_id)
    except Invalid as error:
        raise ValueError(str(error)) from None
    return user_id


Text = Annotated[str, BeforeValidator(_text)]
"""Text without NUL; no other type is taken for text."""


FilledText = Annotated[Text, Field(min_length=1)]
"""Text that says something."""


Name = Annotated[str, Field(max_length=NAME_LENGTH), BeforeValidator(_text)]
"""What a list is called; one without a name may get one."""


FilledName = Annotated[Name, Field(min_length=1)]
"""What an experiment, a flag or a segment is called."""


Identifier = Annotated[FilledText, AfterValidator(_identifier)]
"""What a part of a request is called in that request; UUIDs in lower case."""


UUID_SCHEMA = WithJsonSchema({"type": "string", "format": "uuid"})


Uuid = Annotated[Identifier, AfterValidator(_uuid), UUID_SCHEMA]
"""A UUID, in lower case."""


MemberId = Annotated[Text, AfterValidator(_cleaned)]
"""The id of a user or group, without tabs, line breaks and blanks around it; may be empty."""


ListedUser = Annotated[MemberId, AfterValidator(_possible_user)]
"""The id of a user, as `MemberId`: none that is longer than users' ids may be."""


class AdminBody(BaseModel):
    """Unknown keys are ignored: clients send back what they have read."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, defer_build=True
    )


NewId = Callable[[], str]


def kept_or_new(given: str | None, new_id: NewId) -> str:
    """The given id if it can be one."""
    return given if given is not None and is_uuid(given) else new_id()
