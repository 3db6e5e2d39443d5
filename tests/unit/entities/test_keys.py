"""Keys of a deployment: derived names, rings, the stored form and what of a key is shown."""

import hmac
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities import Erasures, Keys
from shared.entities.erasures import former_pseudonym, is_former, keyed, pseudonym, pseudonyms
from shared.entities.keys import MAX_KEYS
from shared.errors import InvalidField
from tests.examples import NOW

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
rings = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=MAX_KEYS, unique=True).map(tuple)


@given(rings, st.text(max_size=20), st.text(max_size=20))
def test_keys_survive_storage_and_give_a_name_for_each_key(ring: tuple[bytes, ...], purpose: str, text: str) -> None:
    keys = Keys(ring)
    assert Keys.from_json(keys.to_json()) == keys
    found = keys.digests(purpose, text)
    assert (found[0], found[-1]) == (keys.digest(purpose, text), keys.lasting_digest(purpose, text))
    assert len(set(found)) == len(ring)
    assert found == tuple(Keys((key,)).digest(purpose, text) for key in ring)


def test_a_purpose_has_a_secret_of_its_own_by_hkdf() -> None:
    keys = Keys((OLD,))
    assert keys.secret("purpose") == hmac.digest(OLD, b"marquee purpose\x01", "sha256")
    assert keys.secret("purpose") != keys.secret("other purpose")
    assert keys.digest("purpose", "text") == hmac.digest(keys.secret("purpose"), b"text", "sha256").hex()[:40]


def test_a_new_key_writes_and_the_old_one_still_checks() -> None:
    before = Keys((OLD,))
    after = before.with_new(NEW)
    assert after.digest("purpose", "text") != before.digest("purpose", "text")
    assert before.digest("purpose", "text") in after.digests("purpose", "text")
    # What is found by its name alone keeps the name.
    assert after.lasting_digest("purpose", "text") == before.lasting_digest("purpose", "text")


def test_a_representation_shows_no_key() -> None:
    shown = repr(Keys((OLD, NEW)))
    assert OLD.hex() not in shown
    assert repr(OLD)[2:-1] not in shown


@pytest.mark.parametrize("ring", [(), (b"short",), (OLD, OLD), tuple(bytes([n]) * 32 for n in range(MAX_KEYS + 1))])
def test_unusable_rings_are_refused(ring: tuple[bytes, ...]) -> None:
    with pytest.raises(InvalidField, match="different keys of 32 bytes"):
        Keys(ring)


@given(st.binary(max_size=60))
def test_damaged_keys_are_refused_without_showing_them(data: bytes) -> None:
    with pytest.raises(InvalidField) as refused:
        Keys.from_json(data)
    assert data.decode(errors="replace") not in str(refused.value) or len(data) < 5


@pytest.mark.parametrize(
    "document",
    [[], None, 5, {}, {"format": 1}, {"format": 2, "keys": []}, {"format": 1, "keys": ["x"]}, {"format": 1, "keys": 5}],
)
def test_keys_of_another_form_are_refused(document: object) -> None:
    with pytest.raises(InvalidField):
        Keys.from_json(json.dumps(document).encode())


def test_a_deeply_nested_text_is_refused() -> None:
    with pytest.raises(InvalidField):
        Keys.from_json(b"[" * 100_000)


@given(st.text(min_size=1, max_size=20))
def test_a_pseudonym_cannot_be_computed_without_the_key(user_id: str) -> None:
    one, other = Keys((OLD,)), Keys((NEW,))
    assert pseudonym(one, user_id) != pseudonym(other, user_id)
    assert pseudonym(one, user_id) in pseudonyms(one.with_new(NEW), user_id)
    # A note of an earlier version gets its name without the id.
    assert keyed(one, former_pseudonym(user_id)) == pseudonym(one, user_id)
    assert is_former(former_pseudonym(user_id))
    assert not is_former(pseudonym(one, user_id))


def test_erasures_are_found_under_every_key_and_under_the_former_name() -> None:
    before = Keys((OLD,))
    after = before.with_new(NEW)
    times = {
        pseudonym(before, "before"): NOW,
        pseudonym(after, "after"): NOW,
        former_pseudonym("former"): NOW,
        pseudonym(before, "twice"): NOW,
        pseudonym(after, "twice"): NOW + timedelta(days=1),
    }
    erasures = Erasures(times, lambda: after)
    assert [erasures.at(user_id) for user_id in ("before", "after", "former")] == [NOW] * 3
    assert erasures.at("twice") == erasures.latest() == NOW + timedelta(days=1)
    assert erasures.at("nobody") is None
    assert erasures.cover("former", NOW)
    assert not erasures.cover("former", NOW + timedelta(microseconds=1))
    assert not erasures.cover("former", None)


def test_without_erasures_no_key_is_needed() -> None:
    assert Erasures().at("somebody") is None
    assert Erasures().latest() is None
    with pytest.raises(ValueError, match="expected the source of the keys"):
        Erasures({"x": NOW}).at("somebody")
