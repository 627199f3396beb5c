"""What is answered of the lists that name a user."""

from __future__ import annotations

from typing import Literal, Self

from chalicelib.api.testlab.models import Answer
from chalicelib.api.testlab.privacy.names import Named
from chalicelib.domain.catalogue.user_lists import NamingList
from chalicelib.domain.experiments.experiments import Experiment


class ListUseAnswer(Answer):
    """What a list is a list of: by itself, or inside another segment."""

    kind: Literal["experiment", "flag"]
    id: str
    name: str
    side: Literal["include", "exclude"]


class ListAnswer(Answer):
    """A list that names the user, or an alias: `user_id` says which."""

    user_id: str
    id: str
    name: str
    type: str
    context: str
    used_by: list[ListUseAnswer]
    inside: list[Named]

    @classmethod
    def of_list(cls, found: NamingList) -> Self:
        segment = found.segment
        return cls(
            user_id=found.user_id,
            id=segment.id,
            name=segment.name,
            type=segment.type.value,
            context=segment.context,
            used_by=[
                ListUseAnswer(
                    kind="experiment" if isinstance(use.holder, Experiment) else "flag",
                    id=use.holder.id,
                    name=use.holder.name,
                    side="exclude" if use.exclude else "include",
                )
                for use in found.uses
            ],
            inside=[Named(id=parent.id, name=parent.name) for parent in found.parents],
        )
