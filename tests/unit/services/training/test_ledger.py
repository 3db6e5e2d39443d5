"""Ledger sync and compaction: contents, incremental reads, erasure, and recovery of interrupted runs."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet
import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.catalog.catalog import Catalog
from shared.entities import Event, Interaction, InteractionType, Location, Origin, Status, User
from shared.errors import ArtifactError, Conflict, DeadlineExceeded
from shared.feedback.interactions import ORIGINS, InteractionColumns, InteractionTable
from shared.ledger import parquet
from shared.ledger.index import EVENTS, FEEDS, INTERACTIONS, OVERLAP, POINTER, USERS, Chunk, Feed, Ledger
from shared.ports import Documents
from shared.services.training import ledger_sync
from shared.services.training.ledger_compaction import MAX_SMALL, drop_expired, drop_users, merge
from shared.services.training.ledger_sync import LedgerFiles, catch_up
from shared.services.training.run import Run, Step
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.runs import Steps, Watch, a_run, new_id
from tests.stores import documents, erasures
from tools.emulators.programs import ROOT

WEEK = 7 * DAY
FULL_EVENT = an_event(
    "full",
    description="ünïcode\nlines",
    category="music",
    subcategory="jazz",
    tags=("live", "night"),
    organizer_id="o",
    venue_id="v",
    city="Bern",
    location=Location(46.9, 7.4),
    ends_at=NOW + 2 * DAY,
    timezone="Europe/Paris",
    price=12.5,
    currency="CHF",
    capacity=10,
    booked=3,
    status=Status.SOLD_OUT,
    image_url="https://example.org/1.jpg",
    created_at=NOW - DAY,
)
FULL_USER = User(
    user_id="full",
    preferred_categories=("music",),
    preferred_tags=("live",),
    max_price=30.0,
    city="Bern",
    location=Location(46.9, 7.4),
    birth_year=1990,
    gender="f",
    friends=("a", "b"),
    created_at=NOW - DAY,
    profiling=False,
)


@pytest.fixture
def store() -> Iterator[Documents]:
    empty, data = documents(), laws.city()
    empty.events.put(data.events, now=NOW - WEEK)
    empty.users.put([*data.users.values()], now=NOW - WEEK)
    empty.interactions.append(data.interactions, now=NOW - WEEK)
    yield empty
    empty.close()


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path)


def _synced(store: Documents, objects: FolderObjects, *, now: datetime = NOW) -> Run:
    run = a_run(objects, now=now)
    catch_up(store, LedgerFiles(objects), run, new_id=new_id)
    return run


def _interactions(objects: FolderObjects) -> list[str]:
    files = LedgerFiles(objects)
    contents = files.contents(files.ledger.feeds[INTERACTIONS].chunks)
    tables = [parquet.read(INTERACTIONS, name, data, ["interaction_id"]) for name, data in contents]
    return sorted(key for table in tables for key in table["interaction_id"].to_pylist())


def _newest(objects: FolderObjects, feed: str) -> pyarrow.Table:
    files = LedgerFiles(objects)
    return parquet.newest(feed, files.contents(files.ledger.feeds[feed].chunks))


def _newest_events(objects: FolderObjects) -> list[Event]:
    return [*parquet.events(_newest(objects, EVENTS))]


def _newest_users(objects: FolderObjects) -> dict[str, User]:
    return dict(parquet.Profiles(_newest(objects, USERS)))


def test_the_ledger_holds_what_the_store_holds(store: Documents, objects: FolderObjects) -> None:
    store.events.put([FULL_EVENT], now=NOW - WEEK)
    store.users.put([FULL_USER], now=NOW - WEEK)
    run = _synced(store, objects)
    data = laws.city()
    events = sorted([*data.events, FULL_EVENT], key=lambda event: event.event_id)
    assert _newest_events(objects) == [replace(event, updated_at=NOW - WEEK) for event in events]
    assert _newest_users(objects) == data.users | {"full": FULL_USER}
    assert _interactions(objects) == sorted(interaction.interaction_id for interaction in data.interactions)
    assert run.document.rows == {
        "new_events": len(events),
        "new_users": len(data.users) + 1,
        "new_interactions": len(data.interactions),
    }


def _stored(given: list[Interaction], recorded_at: datetime) -> list[Interaction]:
    """Interactions as a store gives them: none occurred after it was recorded."""
    return [replace(entry, occurred_at=min(entry.occurred_at, recorded_at)) for entry in given]


def test_a_table_of_ledger_columns_equals_a_table_of_entities(store: Documents, objects: FolderObjects) -> None:
    rating = an_interaction("r", "jazz_1", InteractionType.RATING, value=4.5, occurred_at=NOW - DAY / 7)
    follow = an_interaction("r", "", InteractionType.FOLLOW, organizer_id="jazz_club_0")
    search = an_interaction("r", "", InteractionType.SEARCH, query="jazz")
    unknown = an_interaction("r", "never heard of")
    more = [rating, follow, search, unknown]
    store.interactions.append(more, now=NOW - WEEK)
    _synced(store, objects)
    data, files = laws.city(), LedgerFiles(objects)
    catalog = Catalog.of(data.events)
    columns = parquet.interactions(files.contents(files.ledger.feeds[INTERACTIONS].chunks))
    built, expected = (
        InteractionTable.of_columns(columns, catalog),
        InteractionTable.of(_stored([*data.interactions, *more], NOW - WEEK), catalog),
    )
    assert built.users.ids() == expected.users.ids()
    for name in ("user_rows", "event_rows", "organizer_rows", "codes", "values", "occurred_at"):
        column, expected_column = getattr(built, name), getattr(expected, name)
        assert column.dtype == expected_column.dtype
        assert column.tobytes() == expected_column.tobytes(), name


def test_an_empty_store_gives_an_empty_table(objects: FolderObjects) -> None:
    _synced(documents(), objects)
    files = LedgerFiles(objects)
    assert files.ledger.names() == set()
    assert files.ledger.watermark() == NOW
    assert len(InteractionTable.of_columns(parquet.interactions([]), Catalog.of([]))) == 0
    assert list(parquet.events(parquet.newest(EVENTS, []))) == []
    assert dict(parquet.Profiles(parquet.newest(USERS, []))) == {}


def test_files_of_earlier_versions_that_hold_html_are_read_as_plain_text() -> None:
    written = "<p>Arts&nbsp;&amp; Crafts</p>"
    event = Event(event_id="e", title=written, description=written, tags=(written,), image_url="/?a&amp;b")
    event = replace(event, category=written, subcategory=written, city=written)
    user = User(user_id="u", city=written, preferred_tags=(written,), preferred_categories=(written,), friends=("<b>",))
    files = {feed: [("1.parquet", parquet.encode(feed, [entity]))] for feed, entity in ((EVENTS, event), (USERS, user))}
    assert list(parquet.events(parquet.newest(EVENTS, files[EVENTS]))) == [
        Event.from_document("e", event.to_document())
    ]
    profiles = parquet.Profiles(parquet.newest(USERS, files[USERS]))
    assert profiles["u"] == User.from_document("u", user.to_document())


def test_only_new_documents_are_read(store: Documents, objects: FolderObjects) -> None:
    _synced(store, objects)
    before, files = store.listed(), LedgerFiles(objects).ledger.names()
    store.interactions.append([an_interaction("new", "jazz_1")], now=NOW + DAY)
    store.users.put([User(user_id="new")], now=NOW + DAY)
    run = _synced(store, objects, now=NOW + 2 * DAY)
    # A row of each feed with news, and the query that ends each of the three lists.
    assert store.listed() - before == 2 + 3
    assert run.document.rows == {"new_events": 0, "new_users": 1, "new_interactions": 1}
    added = LedgerFiles(objects).ledger.names() - files
    assert sorted(name.split("/")[1] for name in added) == ["interactions", "users"]


def test_a_sync_without_new_documents_writes_no_file(store: Documents, objects: FolderObjects) -> None:
    _synced(store, objects)
    before = objects.names("ledger/")
    _synced(store, objects, now=NOW + DAY)
    assert objects.names("ledger/") == before
    assert LedgerFiles(objects).ledger.watermark() == NOW + DAY


def test_rows_of_the_overlap_are_deduplicated(store: Documents, objects: FolderObjects) -> None:
    stamp = NOW - OVERLAP / 2
    store.interactions.append([an_interaction("u", "jazz_1")], now=stamp)
    store.events.put([an_event("late")], now=stamp)
    _synced(store, objects)
    store.interactions.append([an_interaction("u", "jazz_2")], now=stamp)
    store.events.put([an_event("late", title="Changed")], now=stamp + timedelta(seconds=1))
    run = _synced(store, objects, now=NOW + DAY)
    assert run.document.rows == {"new_events": 1, "new_users": 0, "new_interactions": 1}
    ids = _interactions(objects)
    assert len(ids) == len(set(ids)) == len(laws.city().interactions) + 2
    assert [event.title for event in _newest_events(objects) if event.event_id == "late"] == ["Changed"]


def test_an_interrupted_first_sync_continues_after_its_last_commit(
    store: Documents, objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_sync, "FLUSH_ROWS", 100)
    run, steps = a_run(objects), Steps()

    class Interrupted(Exception):  # a stop, not an error
        pass

    def interrupt(step: Step) -> None:
        steps(step)
        if steps.names().count("interactions committed") == 2:
            raise Interrupted

    run._report = interrupt
    with pytest.raises(Interrupted):
        catch_up(store, LedgerFiles(objects), run, new_id=new_id)
    feed = LedgerFiles(objects).ledger.feeds[INTERACTIONS]
    assert (feed.rows, feed.watermark, feed.started_at) == (200, None, NOW)
    before = store.listed()
    _synced(store, objects, now=NOW + DAY)
    total = len(laws.city().interactions)
    assert len(set(_interactions(objects))) == len(_interactions(objects)) == total
    # The remaining rows and the last queries of three lists; all rows are older than the overlap.
    assert store.listed() - before == total - 200 + 3
    # Documents written during the first attempt may have been missed, so the watermark is its start.
    assert LedgerFiles(objects).ledger.feeds[INTERACTIONS].watermark == NOW


def test_a_sync_that_is_interrupted_after_a_stamp_of_the_future_continues(
    store: Documents, objects: FolderObjects
) -> None:
    _synced(store, objects)
    store.users.put([User(user_id="ahead", city="Bern")], now=NOW + 10_000 * DAY)
    store.users.put([User(user_id="now", city="Bern")], now=NOW + DAY)
    run = a_run(objects, now=NOW + DAY)

    class Interrupted(Exception):  # a stop, not an error
        pass

    def interrupt(step: Step) -> None:
        if step.name == "users committed":
            raise Interrupted

    run._report = interrupt
    with pytest.raises(Interrupted):
        catch_up(store, LedgerFiles(objects), run, new_id=new_id)
    store.users.put([User(user_id="later", city="Bern")], now=NOW + 2 * DAY)
    _synced(store, objects, now=NOW + 2 * DAY)
    assert {"ahead", "now", "later"} <= _newest_users(objects).keys()


def test_files_are_partitioned_by_month_and_readable_by_pyarrow(
    store: Documents, objects: FolderObjects, tmp_path: Path
) -> None:
    _synced(store, objects)
    months = {interaction.occurred_at.strftime("%Y-%m") for interaction in laws.city().interactions}
    names = LedgerFiles(objects).ledger.names()
    assert {name.split("/")[2] for name in names if "/interactions/" in name} == {f"month={month}" for month in months}
    dataset = pyarrow.dataset.dataset(tmp_path / "ledger" / "interactions", partitioning="hive")
    frame = dataset.to_table().to_pandas()
    assert len(frame) == len(laws.city().interactions)
    assert set(frame["month"]) == months
    assert set(frame["type"]) == {"booking", "view"}


def test_many_small_files_are_merged_without_changing_their_rows(store: Documents, objects: FolderObjects) -> None:
    _synced(store, objects)
    for number in range(MAX_SMALL + 1):
        moment = NOW + (number + 1) * DAY / 2
        store.interactions.append([an_interaction(f"u{number}", "jazz_1")], now=moment)
        store.events.put([an_event("often", title=f"Version {number}")], now=moment)
        _synced(store, objects, now=moment)
    before, ids = LedgerFiles(objects).ledger.names(), _interactions(objects)
    files = LedgerFiles(objects)
    merge(files, a_run(objects), new_id=new_id)
    assert len(files.ledger.names()) < len(before) - MAX_SMALL
    assert _interactions(objects) == ids
    assert [event.title for event in _newest_events(objects) if event.event_id == "often"] == [f"Version {MAX_SMALL}"]
    assert files.ledger.feeds[EVENTS].rows == len(laws.city().events) + 1
    assert files.sweep() == len(before - files.ledger.names())
    assert set(objects.names("ledger/")) == {*files.ledger.names(), POINTER}
    # The newest stamp survives the merge, so rows of the overlap are still known.
    assert _synced(store, objects, now=NOW + 30 * DAY).document.rows["new_interactions"] == 0


def test_forgotten_users_are_in_no_file(store: Documents, objects: FolderObjects, tmp_path: Path) -> None:
    friend = User(user_id="jazz_fan_4", friends=("jazz_fan_3",))
    store.users.put([friend], now=NOW - WEEK)
    _synced(store, objects)
    store.users.put([replace(friend, friends=())], now=NOW)
    again = an_interaction("jazz_fan_3", "jazz_1", InteractionType.SAVE)
    store.interactions.append([again], now=NOW)
    _synced(store, objects, now=NOW + DAY)
    files, gone = LedgerFiles(objects), erasures({"jazz_fan_3": NOW - DAY, "nobody": NOW - DAY / 2})
    interactions = laws.city().interactions
    ids = {interaction.interaction_id for interaction in interactions}
    own = {interaction.interaction_id for interaction in interactions if interaction.user_id == "jazz_fan_3"}
    # The user's profile and the older profile of a friend are dropped as well.
    assert drop_users(files, a_run(objects), gone, new_id=new_id) == len(own) + 2
    files.sweep()
    assert "jazz_fan_3" not in _newest_users(objects)
    assert set(_interactions(objects)) == ids - own | {again.interaction_id}
    before = files.ledger
    assert drop_users(files, a_run(objects), gone, new_id=new_id) == 0
    assert files.ledger == before
    files.commit(replace(before, forgotten_until=NOW - WEEK))
    drop_users(files, a_run(objects), erasures({"jazz_fan_3": NOW + DAY}), new_id=new_id)
    files.sweep()
    assert all(b"jazz_fan_3" not in path.read_bytes() for path in tmp_path.rglob("*.parquet"))


def _dated(objects: FolderObjects, *days: datetime, now: datetime = NOW) -> Documents:
    """A store with an interaction of each of some days, and its ledger."""
    store = documents()
    store.interactions.append([an_interaction(f"{day:%Y%m%d}", occurred_at=day) for day in days], now=now)
    _synced(store, objects)
    return store


def _days(objects: FolderObjects) -> list[str]:
    return [key.split(":")[2] for key in _interactions(objects)]


def test_expired_interactions_leave_the_ledger_and_earlier_months_unread(
    objects: FolderObjects, tmp_path: Path
) -> None:
    limit = datetime(2026, 2, 10, tzinfo=UTC)
    days = [datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC), limit - timedelta(microseconds=1)]
    _dated(objects, *days, limit, datetime(2026, 3, 1, tzinfo=UTC))
    # Files that are dropped or kept whole need not be readable.
    for month in ("2025-12", "2026-01", "2026-03"):
        [path] = (tmp_path / "ledger" / "interactions" / f"month={month}").iterdir()
        path.write_bytes(b"damaged")
    files = LedgerFiles(objects)
    assert drop_expired(files, a_run(objects), limit, new_id=new_id) == 3
    files.sweep()
    folders = {chunk.name.split("/")[-2]: chunk.rows for chunk in files.ledger.feeds[INTERACTIONS].chunks}
    assert folders == {"month=2026-02": 1, "month=2026-03": 1}
    stored = {path.parent.name for path in (tmp_path / "ledger" / "interactions").rglob("*.parquet")}
    assert stored == folders.keys()
    before = files.ledger
    assert drop_expired(files, a_run(objects), limit, new_id=new_id) == 0
    assert files.ledger == before


def test_a_file_without_a_row_that_is_kept_is_dropped(objects: FolderObjects) -> None:
    _dated(objects, NOW - 2 * DAY, NOW.replace(day=1, month=3))
    files = LedgerFiles(objects)
    assert drop_expired(files, a_run(objects), NOW - DAY, new_id=new_id) == 2
    assert files.ledger.feeds[INTERACTIONS].chunks == ()


def test_neither_an_overlap_nor_a_reading_anew_brings_expired_interactions_back(objects: FolderObjects) -> None:
    limit = NOW - 5 * DAY
    store = _dated(objects, limit - DAY, limit)
    kept = [f"{limit:%Y%m%d}"]
    for anew in (False, True):
        files = LedgerFiles(objects, anew=anew)
        drop_expired(files, a_run(objects), limit, new_id=new_id)
        catch_up(store, files, a_run(objects), new_id=new_id, kept_since=limit)
        assert _days(objects) == kept


def test_a_sync_stops_itself_at_its_deadline(store: Documents, objects: FolderObjects) -> None:
    run = a_run(objects, minutes=5)
    assert isinstance(run.clock, Watch)
    run.clock.now = NOW + timedelta(minutes=5)
    with pytest.raises(DeadlineExceeded, match="stopped itself"):
        catch_up(store, LedgerFiles(objects), run, new_id=new_id)


def test_of_two_concurrent_syncs_the_second_commit_conflicts(store: Documents, objects: FolderObjects) -> None:
    mine, theirs = LedgerFiles(objects), LedgerFiles(objects)
    catch_up(store, theirs, a_run(objects), new_id=new_id)
    with pytest.raises(Conflict, match=r"^ledger/current\.json"):
        catch_up(store, mine, a_run(objects), new_id=new_id)
    assert LedgerFiles(objects).ledger == theirs.ledger


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "feeds": {"events": 5}}'])
def test_an_unreadable_ledger_is_refused_and_can_be_started_anew(objects: FolderObjects, data: bytes) -> None:
    objects.write(POINTER, data, generation=0)
    with pytest.raises(ArtifactError, match=r"^ledger/current\.json: "):
        LedgerFiles(objects)
    files = LedgerFiles(objects, anew=True)
    files.commit(files.ledger.with_feed(EVENTS, Feed(watermark=NOW)))
    assert LedgerFiles(objects).ledger.feeds[EVENTS].watermark == NOW


def test_the_ledger_survives_a_round_trip() -> None:
    chunks = {name: Chunk(f"ledger/{name}/month=2026-05/a.parquet", 5, 1_000, NOW) for name in FEEDS}
    full = Ledger(
        {
            name: Feed((chunk, replace(chunk, stamped_until=None)), NOW, NOW - DAY, "an id")
            for name, chunk in chunks.items()
        },
        forgotten_until=NOW,
    )
    for ledger in (full, Ledger()):
        assert Ledger.from_json(ledger.to_json()) == ledger


@pytest.mark.parametrize("change", [lambda data: data[:-20], lambda _: b"", lambda _: b"PAR1"])
def test_a_damaged_file_is_named(
    store: Documents, objects: FolderObjects, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    _synced(store, objects)
    [chunk, *_] = LedgerFiles(objects).ledger.feeds[EVENTS].chunks
    path = tmp_path / chunk.name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ArtifactError, match=chunk.name):
        _newest_events(objects)
    path.unlink()
    with pytest.raises(ArtifactError, match="--reread"):
        _newest_events(objects)


def test_every_field_of_an_interaction_is_kept(objects: FolderObjects) -> None:
    store = documents()
    review = Interaction(
        interaction_id="all",
        user_id="u",
        event_id="e",
        organizer_id="o",
        type=InteractionType.REVIEW,
        value=4.0,
        query="q",
        category="c",
        text="très bien\n非常精彩",
        occurred_at=NOW - 2 * WEEK,
        session_id="s",
        recommendation_id="r",
        position=3,
    )
    page = Interaction(
        interaction_id="page",
        user_id="u",
        event_ids=("e", "f"),
        type=InteractionType.IMPRESSION,
        occurred_at=NOW - 2 * WEEK,
        recommendation_id="r",
    )
    store.interactions.append([review, page], now=NOW - WEEK)
    _synced(store, objects)
    files = LedgerFiles(objects)
    [(name, data)] = files.contents(files.ledger.feeds[INTERACTIONS].chunks)
    rows = parquet.read(INTERACTIONS, name, data, parquet.schema(INTERACTIONS).names).to_pylist()
    known = [{column: value for column, value in row.items() if value is not None} for row in rows]
    stamp = {"recorded_at": NOW - WEEK}
    assert known == [
        {**given.to_document(), "interaction_id": given.interaction_id, **stamp} for given in (review, page)
    ]


def test_every_column_is_documented() -> None:
    text = (ROOT / "docs" / "ledger.md").read_text()
    for feed in FEEDS:
        part = text.partition(f"### {feed.title()}\n")[2].partition("#")[0]
        documented = [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]
        assert documented == parquet.schema(feed).names


def test_profiles_are_told_apart_by_the_wish_not_to_be_profiled(objects: FolderObjects) -> None:
    with_wish = {"a", "ü", "z"}
    with contextlib.closing(documents()) as store:
        store.users.put([User(user_id=key, city="Bern", profiling=key not in with_wish) for key in "abyzü"], now=NOW)
        _synced(store, objects, now=NOW + DAY)
    profiles = parquet.Profiles(_newest(objects, USERS))
    assert {key.decode() for key in profiles.unprofiled().tolist()} == with_wish
    assert dict(profiles.profiled()) == {key: User(user_id=key, city="Bern") for key in "by"}
    assert {user.user_id for user in profiles.values() if not user.profiling} == with_wish


def test_a_file_without_the_columns_of_later_versions_is_read() -> None:
    profiles = pyarrow.parquet.read_table(pyarrow.BufferReader(parquet.encode(USERS, [FULL_USER])))
    earlier = parquet.to_bytes(profiles.drop_columns(["profiling", "mended", "dropped"]))
    later = parquet.encode(USERS, [User(user_id="later", profiling=False)])
    table = parquet.newest(USERS, [("earlier", earlier), ("later", later)])
    assert parquet.Profiles(table).odd("mended") == {}
    assert table.schema == parquet.schema(USERS)
    assert dict(parquet.Profiles(table)) == {
        "full": replace(FULL_USER, profiling=True),
        "later": User(user_id="later", profiling=False),
    }
    assert not len(parquet.Profiles(parquet.newest(USERS, [("earlier", earlier)])).unprofiled())
    with pytest.raises(ArtifactError, match=r"^damaged: expected the columns of users, missing city$"):
        parquet.newest(USERS, [("damaged", parquet.to_bytes(profiles.drop_columns("city")))])


def test_the_origin_of_interactions_is_read_back_and_unknown_in_files_of_earlier_versions() -> None:
    done = [an_interaction(f"u{n}", recorded_at=NOW, origin=origin) for n, origin in enumerate(Origin)]
    file = parquet.encode(INTERACTIONS, done)
    table = pyarrow.parquet.read_table(pyarrow.BufferReader(file)).drop_columns("origin")
    files = [("earlier", parquet.to_bytes(table)), ("later", file)]
    expected = [ORIGINS[Origin.CLIENT]] * len(done) + [ORIGINS[entry.origin] for entry in done]
    assert parquet.interactions(files).origins.tolist() == expected
    assert InteractionColumns.of(done).origins.tolist() == expected[len(done) :]
