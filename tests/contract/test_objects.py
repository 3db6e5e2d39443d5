import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from shared.adapters.stores import open_objects
from shared.errors import Conflict, InvalidField
from shared.ports import Blob, ObjectStore

BAD_NAMES = ("", "/a", "a/", "a//b", "..", "../a", "a/../b", ".a", "a/.b", "a b", "a\nb", "ü", "a" * 501)


def test_a_missing_object_is_none(objects: ObjectStore) -> None:
    assert objects.read("models/current.json") is None
    objects.write("models/v1/model.npz", b"1", generation=0)
    assert objects.read("models") is None
    assert objects.read("models/v1/model.npz/more") is None


@pytest.mark.parametrize("data", [b"", b"\x00\xff\r\n", b"0123456789" * 300_000], ids=["none", "few", "3 MB"])
def test_bytes_and_generation_survive(objects: ObjectStore, data: bytes) -> None:
    generation = objects.write("models/v1/model.npz", data, generation=0)
    assert generation > 0
    assert objects.read("models/v1/model.npz") == Blob(data, generation)


def test_a_write_needs_the_current_generation(objects: ObjectStore) -> None:
    first = objects.write("pointer", b"1", generation=0)
    with pytest.raises(Conflict, match=r"^pointer: expected generation 0"):
        objects.write("pointer", b"2", generation=0)
    second = objects.write("pointer", b"2", generation=first)
    assert second > first
    with pytest.raises(Conflict, match=f"^pointer: expected generation {first}"):
        objects.write("pointer", b"3", generation=first)
    assert objects.read("pointer") == Blob(b"2", second)


def test_a_write_to_a_deleted_object_conflicts(objects: ObjectStore) -> None:
    generation = objects.write("pointer", b"1", generation=0)
    objects.delete("pointer")
    with pytest.raises(Conflict):
        objects.write("pointer", b"2", generation=generation)
    assert objects.read("pointer") is None


def test_a_recreated_object_has_a_new_generation(objects: ObjectStore) -> None:
    first = objects.write("pointer", b"1", generation=0)
    objects.delete("pointer")
    assert objects.write("pointer", b"1", generation=0) != first


@pytest.mark.parametrize("exists", [False, True])
def test_exactly_one_of_eight_concurrent_writers_succeeds(objects: ObjectStore, exists: bool) -> None:  # noqa: FBT001
    before = objects.write("pointer", b"before", generation=0) if exists else 0

    def write(number: int) -> Blob | None:
        with suppress(Conflict):
            return Blob(b"%d" % number, objects.write("pointer", b"%d" % number, generation=before))
        return None

    with ThreadPoolExecutor(8) as pool:
        winners = [blob for blob in pool.map(write, range(8)) if blob]
    assert len(winners) == 1
    assert objects.read("pointer") == winners[0]


def test_no_update_of_concurrent_writers_is_lost(objects: ObjectStore) -> None:
    objects.write("pointer", b"0", generation=0)

    def step(_: int) -> None:
        while True:
            blob = objects.read("pointer")
            assert blob is not None
            with suppress(Conflict):
                objects.write("pointer", b"%d" % (int(blob.data) + 1), generation=blob.generation)
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, range(12)))
    blob = objects.read("pointer")
    assert blob is not None
    assert blob.data == b"12"


def test_a_concurrent_reader_gets_matching_data_and_generation(objects: ObjectStore) -> None:
    written = {objects.write("pointer", b"0", generation=0): b"0"}

    def write() -> None:
        for number in range(1, 40):
            generation = objects.write("pointer", b"%d" % number, generation=max(written))
            written[generation] = b"%d" % number

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        seen = {objects.read("pointer")}
        while not writing.done():
            seen.add(objects.read("pointer"))
        writing.result()
    seen.add(objects.read("pointer"))
    assert seen <= {Blob(data, generation) for generation, data in written.items()}


def test_names_begin_with_the_prefix_and_are_sorted(objects: ObjectStore) -> None:
    for name in ("models/v2/model.npz", "models/v1/model.npz", "models/current.json", "models-old/x", "ledger/1"):
        objects.write(name, b"", generation=0)
    assert objects.names("models/") == ["models/current.json", "models/v1/model.npz", "models/v2/model.npz"]
    assert objects.names("models/v") == ["models/v1/model.npz", "models/v2/model.npz"]
    assert objects.names("mod") == ["models-old/x", *objects.names("models/")]
    assert objects.names("") == ["ledger/1", *objects.names("mod")]
    assert objects.names("nothing/") == []


def test_a_deleted_object_is_gone_and_may_be_deleted_again(objects: ObjectStore) -> None:
    objects.write("models/v1/model.npz", b"1", generation=0)
    for _ in range(2):
        objects.delete("models/v1/model.npz")
        assert objects.read("models/v1/model.npz") is None
        assert objects.names("models/") == []
    objects.delete("never/there")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused(objects: ObjectStore, name: str) -> None:
    with pytest.raises(InvalidField, match=r"^name: "):
        objects.read(name)
    with pytest.raises(InvalidField, match=r"^name: "):
        objects.write(name, b"1", generation=0)
    with pytest.raises(InvalidField, match=r"^name: "):
        objects.delete(name)
    assert objects.names("") == []


@pytest.mark.parametrize("prefix", ["/", "../", "a//", ".", "a/.", "a b"])
def test_bad_prefixes_are_refused(objects: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidField, match=r"^prefix: "):
        objects.names(prefix)


def test_what_killed_writers_left_in_a_folder_is_deleted_when_it_is_opened(tmp_path: Path) -> None:
    left, in_use = (tmp_path / f".partial-{name}" for name in ("left", "in-use"))
    for file in (left, in_use):
        file.write_bytes(b"data")
    os.utime(left, (0, 0))
    objects = open_objects(f"folder:{tmp_path}")
    assert list(tmp_path.iterdir()) == [in_use]
    assert not objects.names("")
