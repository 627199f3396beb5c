"""Threads that work for the request that started them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Pool(ThreadPoolExecutor):
    """Runs each task in a copy of the context of who submits it.

    So its calls count in the budget of the request, and it sees the catalogue of the request.
    """

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `fn` in a thread."""
        return super().submit(copy_context().run, partial(fn, *args, **kwargs))
