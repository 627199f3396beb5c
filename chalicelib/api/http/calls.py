"""One call of a view: the arguments that it declares, out of what its request holds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from chalicelib.api.http.reading import Reading
from chalicelib.api.http.response_cache import ResponseCache
from chalicelib.api.protocol.problems import faults
from chalicelib.api.protocol.requests import InvalidBody, InvalidParameter, decode
from chalicelib.api.values.ignored_fields import note
from chalicelib.services import Services

BODY, FORM, QUERY, QUERY_VALUES = "body", "form", "query", "query_values"
READ = frozenset({BODY, FORM, QUERY, QUERY_VALUES})
"""Parameters of views that do not come from the path."""

ONCE = "once"
GIVEN = frozenset({"services", "catalogue", "caller", "named", "user", "reading", ONCE})
"""Those that do not come from the request at all, or are the whole of it."""


class Arguments:
    """Converts what a request holds to the arguments that a view declares.

    What it takes for that is built for the first request: of all routes a process serves a few,
    and building them all would take half of its start-up.
    """

    def __init__(self, view: Callable[..., Any], body: Any) -> None:
        """`body`, if given, is the type of the body in place of the view's."""
        self._view = view
        self._body = body

    @functools.cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self._view, include_extras=True)

    @functools.cached_property
    def types(self) -> dict[str, Any]:
        """The types of the arguments that come from the request, by name."""
        hints = self._hints
        if self._body is not None:
            hints = {**hints, BODY: self._body}
        return {name: kind for name, kind in hints.items() if name not in GIVEN | {"return"}}

    @functools.cached_property
    def given(self) -> frozenset[str]:
        """The names of the arguments that the wrapper gives the view itself."""
        return GIVEN & self._view.__annotations__.keys()

    @functools.cached_property
    def _adapters(self) -> dict[str, TypeAdapter[Any]]:
        return {name: TypeAdapter(kind) for name, kind in self.types.items()}

    def build(self) -> None:
        """Build it now."""
        for adapter in self._adapters.values():
            adapter.rebuild()

    def convert(self, params: Mapping[str, str], reading: Reading) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            Invalid: if one of them is not what its type says.
        """
        values: dict[str, Any] = {}
        for name, adapter in self._adapters.items():
            if name == BODY:
                value = reading.body()
            elif name == FORM:
                value = reading.form()
            elif name == QUERY:
                value = reading.query()
            elif name == QUERY_VALUES:
                value = reading.query_values()
            else:
                value = decode(params[name])
            try:
                values[name] = adapter.validate_python(value)
            except ValidationError as error:
                kind = InvalidBody if name in (BODY, FORM) else InvalidParameter
                raise kind(faults(error, name)) from error
            if name == BODY:
                note(values[name], value)
        return values


class Call:
    """A call of a view: its arguments can be converted before it is made."""

    def __init__(
        self,
        view: Callable[..., Any],
        arguments: Arguments,
        params: Mapping[str, str],
        services: Services,
        reading: Reading,
        cache: ResponseCache,
        **given: Any,
    ) -> None:
        """`params` are the parts of the path; the view gets of `given` what it declares.

        `cache` holds answers that the route gave in this application.
        """
        self.services = services
        self.reading = reading
        self.cache = cache
        self._view = view
        self._arguments = arguments
        self._params = params
        self._given = {"services": services, "reading": reading, **given}
        self._converted: dict[str, Any] | None = None

    def converted(self) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            Invalid: if one of them is not what its type says.
        """
        if self._converted is None:
            self._converted = self._arguments.convert(self._params, self.reading)
        return self._converted

    def path_parts(self) -> dict[str, str]:
        """The parts of the path by name, as they came."""
        return {name: decode(value) for name, value in self._params.items()}

    def __call__(self, **found: Any) -> Any:
        """Call the view; it gets of what was `found` before the arguments that it declares."""
        given = {**self._given, **found}
        declared = {name: given[name] for name in self._arguments.given}
        return self._view(**declared, **self.converted())
