"""All that a store holds about one user, wherever it lies."""

from shared.entities import InteractionType, User, pseudonym
from shared.ports import DeadLetter
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_INTERACTION, FULL_USER, NOW, SECOND, did

GONE = FULL_USER.user_id


def fill(stores: Stores) -> None:
    store = stores.documents
    store.users.put([FULL_USER, User(user_id="other", friends=(GONE, "user_2")), User(user_id="third")], now=NOW)
    mine = [did(f"{number:04}", user_id=GONE, event_id=f"event_{number}") for number in range(1_010)]
    for part in ([FULL_INTERACTION, did("theirs")], mine):
        store.interactions.append(part, now=NOW, counted=True)
        store.users.remember(part)
    store.dead_letters.put(DeadLetter("a", "interactions", "x", "bad", user_id=GONE, data="{}"), now=NOW)
    store.dead_letters.put(DeadLetter("b", "interactions", "y", "bad"), now=NOW)


def test_every_document_about_a_user_is_listed_as_it_is(stores: Stores) -> None:
    fill(stores)
    held = list(stores.documents.personal.of(GONE))
    by_collection = {one.collection: one for one in held}
    assert len([one for one in held if one.collection == "interactions"]) == 1_011
    assert by_collection["users"].fields["city"] == FULL_USER.city
    assert len(by_collection["histories"].fields["entries"]) >= 500
    assert by_collection["dead_letters"].fields["reason"] == "bad"
    rating = next(one for one in held if one.document_id == FULL_INTERACTION.interaction_id)
    assert (rating.fields["user_id"], rating.fields["value"]) == (GONE, 4.0)
    assert list(stores.documents.personal.of("nobody")) == []


def test_what_is_erased_is_gone_and_the_rest_stays(stores: Stores) -> None:
    fill(stores)
    store = stores.documents
    assert store.personal.erase(GONE, now=NOW + SECOND) == 1_015
    assert list(store.personal.of(GONE)) == []
    assert store.users.profile(GONE, timeout_s=10).history == ()
    assert [one.interaction_id for one in store.interactions.since(None)] == ["theirs"]
    assert [letter.key for letter in store.dead_letters.since(NOW)] == ["b"]
    assert {user.user_id: user.friends for user in store.users.changed_since(None)} == {
        "other": ("user_2",),
        "third": (),
    }
    assert len(store.users.profile("user_1", timeout_s=10).history) == 1
    assert store.personal.erase(GONE, now=NOW) == 0


def test_the_forgotten_are_known_by_pseudonym_and_last_time(stores: Stores) -> None:
    personal = stores.documents.personal
    assert personal.forgotten() == {}
    personal.mark("user_1", at=NOW)
    personal.mark("user_2", at=NOW)
    personal.mark("user_1", at=NOW + DAY)
    assert personal.forgotten() == {pseudonym("user_1"): NOW + DAY, pseudonym("user_2"): NOW}


def test_letters_are_kept_once_a_key_and_listed_by_time(stores: Stores) -> None:
    letters = stores.documents.dead_letters
    first = DeadLetter("a", "interactions", "x", "bad", user_id="user_1", data='{"type": 5}')
    letters.put(first, now=NOW - SECOND)
    letters.put(DeadLetter("b", "events", "y", "worse"), now=NOW)
    letters.put(first, now=NOW + SECOND)
    assert [letter.key for letter in letters.since(NOW)] == ["b", "a"]
    assert list(letters.since(NOW + SECOND)) == [first]
    for _ in range(2):
        letters.remove("a")
    assert [letter.key for letter in letters.since(NOW)] == ["b"]


def test_a_bookmark_is_where_it_was_moved(stores: Stores) -> None:
    bookmarks = stores.documents.bookmarks
    assert bookmarks.read("job") is None
    bookmarks.move("job", NOW)
    bookmarks.move("job", NOW + DAY)
    bookmarks.move("other", NOW)
    assert bookmarks.read("job") == NOW + DAY


def test_what_histories_lack_is_told(stores: Stores) -> None:
    store = stores.documents
    done = [did(f"{number}", user_id=f"user_{number % 3}") for number in range(9)]
    store.users.remember(done[:5])
    impression = did("shown", kind=InteractionType.IMPRESSION)
    assert store.users.trim_histories([*done, impression]) == done[5:]
    assert store.users.trim_histories([]) == []


def test_interactions_are_got_by_id(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("a"), did("b"), did("bad")], now=NOW, counted=False)
    stores.spoil("interactions", "bad", {"type": "yawn"})
    found = log.get(["b", "bad", "none"])
    assert [(key, one.recorded_at) for key, one in found.items()] == [("b", NOW)]
    assert log.get([]) == {}


def test_what_its_writer_counted_is_left_out(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("a"), did("b")], now=NOW, counted=False)
    log.append([did("loaded")], now=NOW, counted=True)
    log.append([did("old")], now=NOW - SECOND, counted=False)
    assert [one.interaction_id for one in log.uncounted(NOW)] == ["a", "b"]
    assert [one.interaction_id for one in log.uncounted(NOW - DAY)] == ["old", "a", "b"]


def test_dismissals_stay_however_much_is_done_later(stores: Stores) -> None:
    users = stores.documents.users
    hidden = [did(f"d{n}", kind=InteractionType.DISMISS, event_id=f"hidden_{n}", at=NOW - DAY) for n in range(3)]
    done = [did(f"{n}", event_id=f"event_{n}", at=NOW + n * SECOND) for n in range(700)]
    for part in (hidden, done[:350], done[350:]):
        users.remember(part)
    history = users.profile("user_1", timeout_s=10).history
    assert len(history) == 503
    assert {entry.event_id for entry in history[500:]} == {"hidden_0", "hidden_1", "hidden_2"}
