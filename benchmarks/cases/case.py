"""One request that is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.application import Request
from benchmarks.worlds import World

Prepare = Callable[[World], Request]


@dataclass(frozen=True, slots=True)
class Case:
    """A request, with the status that its answer must have."""

    name: str
    prepare: Prepare
    status: int = 200
    replayed: bool = True
    """Whether it takes the same way when its answers are given again: it changes no catalogue."""


def get(path: str) -> Prepare:
    """A GET of a path, in which the ids of a feature, an experiment and a flag may be named."""
    return lambda world: Request(
        "GET",
        path.format(
            feature=world.feature_id,
            experiment=world.experiment.get("id"),
            flag=world.flag.get("id"),
        ),
    )


def unchanged(path: str) -> Prepare:
    """The same from a client that has the answer already."""

    def prepare(world: World) -> Request:
        request = get(path)(world)
        etag = world.asked.send(request).headers["etag"]
        return Request("GET", request.path, headers={"if-none-match": etag})

    return prepare
