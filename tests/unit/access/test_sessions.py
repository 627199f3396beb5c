"""Sessions of people: what is one, and what is none any more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.access.api_keys import ApiKey, Right, Role, digest_of
from chalicelib.domain.access.sessions import LIFETIME, issued, opened
from chalicelib.domain.errors import Forbidden, Unauthorized
from chalicelib.services import Services
from tests.fakes.memory import START, FixedClock, Memory
from tests.unit.samples import process

KEY = ApiKey("one", Role.ADMIN, digest_of("the key"), START)
OTHER = ApiKey("two", Role.ADMIN, digest_of("another key"), START)
TEXT = issued(KEY, START, "nonce")


def signed_in(services: Services, monkeypatch: pytest.MonkeyPatch) -> tuple[ApiKey, str]:
    """A key, and a session with it, where people must sign in."""
    monkeypatch.setattr(services.access, "enabled", True)
    made, key = services.access.create(Role.ADMIN)
    return made, services.sessions.sign_in(key)


class TestTexts:
    def test_a_session_names_the_key_that_signed_in(self) -> None:
        session = opened([OTHER, KEY], TEXT, START)
        assert session is not None
        assert session.key == KEY
        assert session.form_token not in TEXT

    def test_it_ends_after_twelve_hours(self) -> None:
        assert timedelta(hours=12) == LIFETIME
        assert opened([KEY], TEXT, START + LIFETIME - timedelta(seconds=1)) is not None
        assert opened([KEY], TEXT, START + LIFETIME) is None

    def test_it_dies_with_its_key(self) -> None:
        assert opened([OTHER], TEXT, START) is None
        assert opened([], TEXT, START) is None

    def test_another_key_with_the_same_id_does_not_open_it(self) -> None:
        same = ApiKey(KEY.id, Role.ADMIN, OTHER.digest, START)
        assert opened([same], TEXT, START) is None

    def test_each_session_has_a_form_token_of_its_own(self) -> None:
        texts = [issued(KEY, START, nonce) for nonce in ("a", "b")]
        sessions = [opened([KEY], text, START) for text in texts]
        assert len({each.form_token for each in sessions if each is not None}) == 2

    def test_its_end_cannot_be_put_off(self) -> None:
        key_id, ends, nonce, signature = TEXT.split(".")
        later = f"{key_id}.{int(ends) + 1}.{nonce}.{signature}"
        assert opened([KEY], later, START) is None

    def test_a_form_token_is_no_signature(self) -> None:
        session = opened([KEY], TEXT, START)
        assert session is not None
        forged = f"{TEXT.rpartition('.')[0]}.{session.form_token}"
        assert opened([KEY], forged, START) is None

    @given(st.integers(0, len(TEXT) - 1))
    def test_a_part_of_one_is_none(self, length: int) -> None:
        assert opened([KEY], TEXT[:length], START) is None

    @given(st.integers(0, len(TEXT) - 1), st.characters())
    def test_one_with_another_character_is_none(self, place: int, other: str) -> None:
        changed = f"{TEXT[:place]}{other}{TEXT[place + 1 :]}"
        assert (opened([KEY], changed, START) is None) is (changed != TEXT)

    @given(
        st.text()
        | st.lists(st.sampled_from(["one", "", "9" * 5000, "-1", "१२३", "\ud800", "n"])).map(
            ".".join
        )
    )
    def test_no_odd_text_is_one(self, text: str) -> None:
        assert opened([KEY], text, START) is None


class TestService:
    def test_where_nobody_signs_in_everybody_may(self, services: Services) -> None:
        assert not services.sessions.enabled
        assert services.sessions.require(Right.MANAGE, "") is None

    def test_who_signed_in_is_known_again(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, text = signed_in(services, monkeypatch)
        assert services.sessions.enabled
        for right in Right:
            session = services.sessions.require(right, text)
            assert session is not None
            assert session.key == made

    def test_two_sessions_of_a_key_are_two(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services.access, "enabled", True)
        _, key = services.access.create(Role.ADMIN)
        assert services.sessions.sign_in(key) != services.sessions.sign_in(key)

    @pytest.mark.parametrize("text", ["", "nonsense", TEXT])
    def test_strangers_are_sent_to_the_sign_in(
        self, services: Services, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        signed_in(services, monkeypatch)
        with pytest.raises(Unauthorized, match="Sign in"):
            services.sessions.require(Right.SEE, text)

    def test_keys_are_refused_in_words_for_people(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services.access, "enabled", True)
        _, client = services.access.create(Role.CLIENT)
        with pytest.raises(Forbidden, match="administrator's key"):
            services.sessions.sign_in(client)
        with pytest.raises(Unauthorized, match="No such key") as refusal:
            services.sessions.sign_in("swy_wrong")
        assert "swy_wrong" not in str(refusal.value)

    def test_a_key_that_lost_its_rights_grants_none(
        self, services: Services, memory: Memory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As of a role that only a newer version of the program knows."""
        made, text = signed_in(services, monkeypatch)
        monkeypatch.setattr(ApiKey, "grants", lambda _key, right: right is Right.SEE)
        assert services.sessions.require(Right.SEE, text) is not None
        with pytest.raises(Forbidden, match="may not manage"):
            services.sessions.require(Right.MANAGE, text)
        assert memory.keys == (made,)

    def test_a_revoked_key_ends_its_sessions_and_no_others(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, text = signed_in(services, monkeypatch)
        _, other = signed_in(services, monkeypatch)
        services.access.revoke(made.id)
        assert services.sessions.opened(text) is None
        assert services.sessions.opened(other) is not None

    def test_a_session_that_was_just_begun_elsewhere_is_known_at_once(
        self, memory: Memory, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = process(memory, clock, ttl=60)
        here.catalogue.snapshot()
        _, text = signed_in(process(memory, clock), monkeypatch)
        monkeypatch.setattr(here.access, "enabled", True)
        assert here.sessions.opened(text) is not None
