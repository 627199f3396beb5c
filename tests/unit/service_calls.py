"""Which use cases a view calls, itself and by functions to which it hands services.

A run takes one way through each `if`, so what stands behind an `if` that returns is another run.
Of several runs the one counts that calls the most. Aliases are followed (`lists = services.lists`),
and functions that take all services or one of them, called or handed on: what is handed on counts
as called. Attributes of services that are no methods (the configured contexts) are no use cases.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_type_hints

from chalicelib.services import Services
from chalicelib.services.pages import PageServices

Function = Callable[..., Any]
UseCases = frozenset[str]

SERVICES: Mapping[str, type] = {
    **get_type_hints(Services, localns={"PageServices": PageServices}),
    **get_type_hints(PageServices),
}
BY_TYPE = {kind: name for name, kind in SERVICES.items()}

ALL = "all services"


class Escaped(Exception):
    """Services go where they cannot be followed."""


def use_cases(function: Function) -> UseCases:
    """The use cases that one run of a function calls, of the run that calls the most."""
    return max(_runs(function), key=len)


@functools.cache
def _runs(function: Function) -> frozenset[UseCases]:
    reader = _Reader(function)
    # No module holds services, so who is given none calls none.
    return reader.runs() if reader.known else frozenset({frozenset()})


def definition(function: Function) -> ast.FunctionDef:
    """A function as it is written."""
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(found, ast.FunctionDef)
    return found


class _Reader:
    """Reads one function."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._globals = function.__globals__
        self.known = {
            name: service
            for name, annotation in function.__annotations__.items()
            if (service := self._annotated(annotation)) is not None
        }

    def runs(self) -> frozenset[UseCases]:
        body = definition(self._function).body
        for node in ast.walk(ast.Module(body, [])):
            self._note_alias(node)
        ended, going_on = self._block(body)
        return frozenset(ended | going_on)

    def _annotated(self, annotation: object) -> str | None:
        kind = self._globals.get(annotation) if isinstance(annotation, str) else annotation
        if kind is Services:
            return ALL
        if isinstance(annotation, str) and re.search(r"\bServices\b", annotation):
            raise Escaped(f"{self._function.__name__} takes {annotation}")
        return BY_TYPE.get(kind) if isinstance(kind, type) else None

    def _note_alias(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._bind(node.target, node.value)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for each, part in zip(target.elts, value.elts, strict=True):
                self._bind(each, part)
        elif isinstance(target, ast.Name) and (service := self._service(value)) is not None:
            self.known[target.id] = service

    def _service(self, node: ast.expr) -> str | None:
        """What services an expression is: all of them, one, or (None) no service."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute) and self._service(node.value) == ALL:
            return ALL if node.attr == "pages" else node.attr
        return None

    def _block(self, body: Iterable[ast.stmt]) -> tuple[set[UseCases], set[UseCases]]:
        """The runs that end within some statements, and those that go on behind them."""
        ended: set[UseCases] = set()
        going_on: set[UseCases] = {frozenset()}
        for statement in body:
            ways_out, ways_on = self._statement(statement)
            ended |= {before | after for before in going_on for after in ways_out}
            going_on = {before | after for before in going_on for after in ways_on}
        return ended, going_on

    def _statement(self, node: ast.stmt) -> tuple[set[UseCases], set[UseCases]]:
        if isinstance(node, ast.If):
            asked = self._expressions([node.test])
            ended, going_on = self._block(node.body)
            otherwise_ended, otherwise_on = self._block(node.orelse)
            return (
                _joined(asked, ended | otherwise_ended),
                _joined(asked, going_on | otherwise_on),
            )
        found = self._expressions([node])
        return (found, set()) if isinstance(node, ast.Return | ast.Raise) else (set(), found)

    def _expressions(self, nodes: Sequence[ast.AST]) -> set[UseCases]:
        """The runs of what stands in some nodes; all of it is run."""
        runs: set[UseCases] = {frozenset()}
        for node in nodes:
            for each in ast.walk(node):
                runs = _joined(runs, self._run_by(each))
        return runs

    def _run_by(self, node: ast.AST) -> set[UseCases]:
        if isinstance(node, ast.Attribute):
            service = self._service(node.value)
            if service is not None and service != ALL:
                is_method = callable(getattr(SERVICES[service], node.attr, None))
                return {frozenset({f"{service}.{node.attr}"} if is_method else ())}
        if isinstance(node, ast.Call):
            self._check_followed(node)
        found = self._named(node) if isinstance(node, ast.expr) else None
        if isinstance(found, types.FunctionType):
            return set(_runs(found))
        return {frozenset()}

    def _named(self, node: ast.expr) -> object:
        """What a name of the module, or of another module, stands for."""
        if isinstance(node, ast.Name):
            return None if node.id in self.known else self._globals.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = self._globals.get(node.value.id)
            return getattr(module, node.attr, None) if inspect.ismodule(module) else None
        return None

    def _check_followed(self, call: ast.Call) -> None:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        takes = self._named(call.func)
        if any(map(self._service, given)) and not (
            isinstance(takes, types.FunctionType) or takes is functools.partial
        ):
            raise Escaped(f"{self._function.__name__}: {ast.unparse(call)}")


def _joined(some: set[UseCases], others: set[UseCases]) -> set[UseCases]:
    return {one | other for one in some for other in others}
