"""What must be answered whole has room for what is stored: what would not fit is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import to_json

from chalicelib.api.testlab.models import FeatureAnswer
from chalicelib.api.upgrade.experiments.designs import experiment_answers as answers
from chalicelib.api.upgrade.experiments.experiment_imports import exported
from chalicelib.api.upgrade.experiments.participation import assignment_item
from chalicelib.domain.catalogue.answer_room import (
    answer_bytes,
    assigned_bytes,
    flagged_bytes,
    listed_bytes,
    shown_bytes,
)
from chalicelib.domain.errors import Invalid
from chalicelib.domain.experiments.assignment import Assignment, queue
from chalicelib.domain.experiments.compiled_experiments import CompiledExperiment
from chalicelib.domain.experiments.experiments import (
    CompleteCondition,
    ConditionOrder,
    ConditionPayload,
    DesignType,
    Experiment,
    Factor,
    Level,
    LevelElement,
    Payload,
    State,
    Unit,
)
from chalicelib.domain.features.features import Feature, FeatureType, Variant, VariantDraft
from chalicelib.domain.flags.flags import FlagStatus
from chalicelib.domain.participants.decision_points import DecisionPointKey
from chalicelib.domain.participants.participants import Participant, Profile
from chalicelib.services import Services
from tests.unit.measure_samples import flag
from tests.unit.samples import draft, drafts
from tests.unit.upgrade_service_samples import design

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
shares = st.decimals(0, 1, places=30)


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer may have 2,000 bytes."""
    monkeypatch.setattr("chalicelib.services.running.answer_room.ROOM", 2_000)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_lambda_makes_of_a_text_is_at_most_a_third_longer(text: str) -> None:
    assert len(json.dumps(text)) <= answer_bytes(text) * 4 / 3 + 2


@given(texts, texts, texts, shares, shares)
def test_a_feature_takes_no_more_than_is_reckoned(
    name: str, description: str, value: str, share: Decimal, weight: Decimal
) -> None:
    variants = tuple(Variant(2**62 + n, 2**62, value, True, weight) for n in range(2))
    day = date(2026, 1, 1)
    made = Feature(
        2**62, FeatureType.ROLLOUT, name, day, day, True, share, description, 3, variants
    )  # fmt: skip
    shown = FeatureAnswer.of_feature(made)
    assert answer_bytes(to_json(shown, by_alias=True).decode()) < listed_bytes(made)


@given(texts, texts, texts, st.none() | st.sampled_from(ConditionOrder), st.booleans())
@example(
    site="",
    code='"\x1f\x1f\x1f\x1f\x07𐀀𐀀𐀀',
    value='0000"""\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x0b\x07𐀀𐀀𐀀𐀀𐀀𐀀𐀀𐀀',
    order=None,
    factorial=True,
)
def test_an_assignment_takes_no_more_than_is_reckoned(
    site: str, code: str, value: str, order: ConditionOrder | None, factorial: bool
) -> None:
    unit = Unit.WITHIN_SUBJECTS if order else Unit.INDIVIDUAL
    experiment = design(
        unit=unit, weights={code: 50.0, f"{code}.": 50.0}, point_keys=[DecisionPointKey(site, "t")]
    )
    conditions, levels = (
        experiment.conditions,
        (Level("l", value, payload=Payload("string", value)),),
    )
    experiment = replace(
        experiment,
        payloads=(ConditionPayload("p", conditions[0].id, None, Payload("json", value)),),
        condition_order=order,
        type=DesignType.FACTORIAL if factorial else DesignType.SIMPLE,
        factors=(Factor("f", value, 1, "", levels),),
        conditions=tuple(replace(c, levels=(LevelElement("e", "l"),)) for c in conditions),
    )
    compiled = CompiledExperiment.of(1, experiment, {})
    assigned = queue(compiled, Participant(Profile("u"))) if order else compiled.conditions[:1]
    for point in experiment.points:
        item = assignment_item(Assignment(compiled, point, assigned))
        assert answer_bytes(to_json(item).decode()) <= assigned_bytes(experiment)


@given(texts, texts, st.booleans())
def test_an_experiment_takes_no_more_than_is_reckoned_in_any_answer(
    text: str, other: str, factorial: bool
) -> None:
    long = "".join(f"\x7f{text}" for _ in range(3))
    made = design(
        unit=Unit.GROUP,
        weights={text: 100 / 3, other: 200 / 3},
        point_keys=[DecisionPointKey(text, other)],
    )
    level = Level(str(uuid4()), text, 2**31, long, Payload("string", other))
    conditions = tuple(
        replace(
            each, id=str(uuid4()), name=text, description=long, two_character_id="AB",
            order=2**31, levels=tuple(LevelElement(str(uuid4()), level.id) for _ in range(3)),
        )
        for each in made.conditions
    )  # fmt: skip
    points = tuple(
        replace(each, id=str(uuid4()), description=long, two_character_id="AB", order=2**31)
        for each in made.points
    )
    payloads = tuple(
        ConditionPayload(str(uuid4()), each.id, points[0].id, Payload("string", long))
        for each in conditions
    )
    query = {
        "id": str(uuid4()), "name": text, "metric": {"key": other}, "order": 2**31,
        "query": {"operationType": "percentage", "compareFn": "=", "compareValue": long},
        "repeatedMeasure": "MOST RECENT",
    }  # fmt: skip
    whole = replace(
        made, id=str(uuid4()), description=long, context=text, group=other, revert_to=str(uuid4()),
        stratification_factor=text, tags=(text, "", "", other), conditions=conditions,
        points=points, payloads=payloads, queries=(query, query, query),
        factors=(Factor(str(uuid4()), text, 2**31, long, (level,)),),
        type=DesignType.FACTORIAL if factorial else DesignType.SIMPLE, version=2**31,
        complete_condition=CompleteCondition(2**31, 2**31), state=State.ENROLLMENT_COMPLETE,
        start_on="2026-01-15T12:00:00.000Z", end_on="2026-01-15T12:00:00.000Z",
    )  # fmt: skip
    for shown in (
        answers.created(whole, metrics={}),
        answers.single(whole, metrics={}, listings={}),
        answers.edited(whole, metrics={}, listings={}),
        answers.state_changed(whole, whole, metrics={}),
        answers.conditions(whole),
        answers.list_item(whole),
        exported(whole, metrics={}, listings={}),
    ):
        assert answer_bytes(to_json(shown).decode()) <= shown_bytes(whole)


def test_what_is_not_assigned_takes_nothing() -> None:
    assert assigned_bytes(design(state=State.ARCHIVED)) == 0
    assert flagged_bytes(flag(status=FlagStatus.DISABLED)) == 0
    assert flagged_bytes(flag(status=FlagStatus.ENABLED)) > 0


@pytest.mark.usefixtures("little_room")
class TestFeatures:
    def test_a_feature_that_would_not_fit_is_refused(self, services: Services) -> None:
        made = [services.features.create(draft(f"f{number}")) for number in range(6)]
        with pytest.raises(Invalid, match=r"GET /api/feature would have more than 2000 bytes"):
            services.features.create(draft("one more"))
        services.features.delete(made[0].id)
        services.features.create(draft("one more"))

    def test_so_are_variants_and_longer_texts(self, services: Services) -> None:
        first, *_ = [services.features.create(draft(f"f{number}")) for number in range(6)]
        with pytest.raises(Invalid, match="delete or shorten features"):
            services.features.replace_variants(first.id, drafts(first.id, None, None))
        with pytest.raises(Invalid, match="2000 bytes"):
            services.features.update(first.id, draft("f0" * 100))
        with pytest.raises(Invalid, match="2000 bytes"):
            services.features.replace_variants(first.id, [VariantDraft(first.id, "x" * 900)])

    def test_what_adds_nothing_is_not(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = services.features.create(draft("name"))
        monkeypatch.setattr("chalicelib.services.running.answer_room.ROOM", 10)
        assert services.features.update(made.id, draft("less")).name == "less"


@pytest.mark.usefixtures("little_room")
class TestExperiments:
    def wide(self, experiment_id: str, context: str = "home") -> Experiment:
        made = design(experiment_id, point_keys=[DecisionPointKey("s" * 300, "t")])
        return replace(made, context=context)

    def test_what_would_not_fit_assign_of_the_context_is_refused(self, services: Services) -> None:
        for number in range(2):
            services.experiments.create(self.wide(f"e{number}"))
        with pytest.raises(Invalid, match="assign in home would have more than 2000 bytes"):
            services.experiments.create(self.wide("e2"))
        other = services.experiments.create(self.wide("e3", context="add"))
        with pytest.raises(Invalid, match="assign in home"):
            services.experiments.edit("e3", lambda before: replace(before, context="home"))
        assert services.experiments.get("e3") == other
        services.experiments.move("e0", State.CANCELLED)


class TestExperimentsByThemselves:
    """What shows the parts of an experiment more than once."""

    def test_one_that_no_answer_could_show_is_refused_by_whatever_stores_it(
        self, services: Services
    ) -> None:
        query = {"id": "q", "metric": {"key": "m"}, "query": {}, "name": "q"}
        made = services.experiments.create(replace(design(), queries=(query,) * 50))
        long = replace(made, id="f", description="x" * 60_000)
        with pytest.raises(Invalid, match=r"answered with more than .* shorten its description"):
            services.experiments.create(long)
        with pytest.raises(Invalid, match="ask fewer queries"):
            services.experiments.edit("e", lambda before: replace(before, description="x" * 60_000))
        assert services.experiments.get("e").description is None

    def test_nor_are_levels_that_each_condition_shows_again(self, services: Services) -> None:
        level = Level("l", "level", description="x" * 60_000)
        made = design(weights={f"c{number}": 100 / 40 for number in range(40)})
        elements = (LevelElement("e", "l"), LevelElement("f", "l"))
        wide = replace(
            made,
            factors=(Factor("f", "factor", 1, None, (level,)),),
            conditions=tuple(replace(each, levels=elements) for each in made.conditions),
        )
        with pytest.raises(Invalid, match="those of the levels"):
            services.experiments.create(wide)

    def test_what_adds_nothing_is_not(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        services.experiments.create(replace(design(), description="long"))
        monkeypatch.setattr("chalicelib.domain.catalogue.answer_room.SHOWN_BYTES", 10)
        assert services.experiments.move("e", State.CANCELLED)[1].state is State.CANCELLED


@pytest.mark.usefixtures("little_room")
class TestFlags:
    def test_what_would_not_fit_featureflag_of_the_context_is_refused(
        self, services: Services
    ) -> None:
        services.flags.create(flag("f1", "k" * 1_500))
        other = "l" * 1_500
        with pytest.raises(Invalid, match="featureflag in home would have more than 2000 bytes"):
            services.flags.create(flag("f2", other))
        services.flags.create(flag("f2", other, status=FlagStatus.DISABLED))
        with pytest.raises(Invalid, match="featureflag in home"):
            services.flags.edit("f2", lambda found: replace(found, status=FlagStatus.ENABLED))
