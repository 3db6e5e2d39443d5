"""Personal data of a user in every store: export and erasure."""

from shared.entities import EventCounts, InteractionType, User, pseudonym
from shared.ports import DeadLetter
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_INTERACTION, FULL_USER, NOW, SECOND, did

GONE = FULL_USER.user_id


def fill(stores: Stores) -> None:
    store = stores.documents
    store.users.put([FULL_USER, User(user_id="other", friends=(GONE, "user_2")), User(user_id="third")], now=NOW)
    mine = [did(f"{number:04}", user_id=GONE, event_id=f"event_{number}") for number in range(1_010)]
    for part in ([FULL_INTERACTION, did("theirs")], mine):
        store.interactions.append(part, now=NOW)
        store.users.remember(part)
    store.dead_letters.put(DeadLetter("a", "interactions", "x", "bad", user_id=GONE, data="{}"), now=NOW)
    store.dead_letters.put(DeadLetter("b", "interactions", "y", "bad"), now=NOW)


def test_export_lists_every_document_about_a_user_unchanged(stores: Stores) -> None:
    fill(stores)
    held = list(stores.documents.personal.of(GONE))
    by_collection = {document.collection: document for document in held}
    assert len([document for document in held if document.collection == "interactions"]) == 1_011
    assert by_collection["users"].fields["city"] == FULL_USER.city
    assert len(by_collection["histories"].fields["entries"]) >= 500
    assert by_collection["dead_letters"].fields["reason"] == "bad"
    rating = next(document for document in held if document.document_id == FULL_INTERACTION.interaction_id)
    assert (rating.fields["user_id"], rating.fields["value"]) == (GONE, 4.0)
    assert list(stores.documents.personal.of("nobody")) == []


def test_erase_deletes_a_user_s_documents_and_keeps_all_others(stores: Stores) -> None:
    fill(stores)
    store = stores.documents
    assert store.personal.erase(GONE, now=NOW + SECOND) == 1_015
    assert list(store.personal.of(GONE)) == []
    assert store.users.profile(GONE, timeout_s=10).history == ()
    assert [interaction.interaction_id for interaction in store.interactions.since(None)] == ["theirs"]
    assert [letter.key for letter in store.dead_letters.since(NOW)] == ["b"]
    assert {user.user_id: user.friends for user in store.users.changed_since(None)} == {
        "other": ("user_2",),
        "third": (),
    }
    assert len(store.users.profile("user_1", timeout_s=10).history) == 1
    assert store.personal.erase(GONE, now=NOW) == 0


def test_forgotten_gives_the_last_erasure_by_pseudonym(stores: Stores) -> None:
    personal = stores.documents.personal
    assert personal.forgotten() == {}
    personal.mark("user_1", at=NOW)
    personal.mark("user_2", at=NOW)
    personal.mark("user_1", at=NOW + DAY)
    assert personal.forgotten() == {pseudonym("user_1"): NOW + DAY, pseudonym("user_2"): NOW}


def test_dead_letters_are_unique_by_key_and_listed_by_time(stores: Stores) -> None:
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


def test_a_watermark_is_read_as_written(stores: Stores) -> None:
    bookmarks = stores.documents.bookmarks
    assert bookmarks.read("job") is None
    bookmarks.move("job", NOW)
    bookmarks.move("job", NOW + DAY)
    bookmarks.move("other", NOW)
    assert bookmarks.read("job") == NOW + DAY


def test_trim_histories_returns_the_interactions_that_histories_lack(stores: Stores) -> None:
    store = stores.documents
    done = [did(f"{number}", user_id=f"user_{number % 3}") for number in range(9)]
    store.users.remember(done[:5])
    impression = did("shown", kind=InteractionType.IMPRESSION)
    assert store.users.trim_histories([*done, impression]) == done[5:]
    assert store.users.trim_histories([]) == []


def test_get_returns_interactions_by_id(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("a"), did("b"), did("bad")], now=NOW)
    stores.spoil("interactions", "bad", {"type": "yawn"})
    found = log.get(["b", "bad", "none"])
    assert [(key, interaction.recorded_at) for key, interaction in found.items()] == [("b", NOW)]
    assert log.get([]) == {}


def test_uncounted_leaves_out_interactions_that_their_writer_counted(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("a"), did("b")], now=NOW)
    stores.documents.counters.load([(did("loaded"), EventCounts())], now=NOW)
    log.append([did("old")], now=NOW - SECOND)
    assert [interaction.interaction_id for interaction in log.uncounted(NOW)] == ["a", "b"]
    assert [interaction.interaction_id for interaction in log.uncounted(NOW - DAY)] == ["old", "a", "b"]


def test_dismissals_outlast_500_newer_entries(stores: Stores) -> None:
    users = stores.documents.users
    hidden = [did(f"d{n}", kind=InteractionType.DISMISS, event_id=f"hidden_{n}", at=NOW - DAY) for n in range(3)]
    done = [did(f"{n}", event_id=f"event_{n}", at=NOW + n * SECOND) for n in range(700)]
    for part in (hidden, done[:350], done[350:]):
        users.remember(part)
    history = users.profile("user_1", timeout_s=10).history
    assert len(history) == 503
    assert {entry.event_id for entry in history[500:]} == {"hidden_0", "hidden_1", "hidden_2"}
