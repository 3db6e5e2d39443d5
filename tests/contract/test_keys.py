"""Keys of a deployment in every object store: made once, read once, never replaced."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from shared.adapters.keys import KEY, StoredKeys
from shared.entities import Keys
from shared.errors import InvalidField, StoreUnavailable
from shared.ports import Blob, ObjectStore
from tests.stores import ContestedObjects, FragileObjects, Outage

OTHER = Keys((bytes(range(1, 33)),))


class CountedObjects(FragileObjects):
    """Object store that counts reads."""

    def __init__(self, objects: ObjectStore) -> None:
        super().__init__(objects, Outage())
        self.reads = 0

    def read(self, name: str) -> Blob | None:
        self.reads += 1
        return super().read(name)


def test_a_key_is_made_once_and_read_once_by_each_instance(objects: ObjectStore) -> None:
    counted = CountedObjects(objects)
    first = StoredKeys(counted)
    made = first()
    assert len(made.ring) == 1
    second = StoredKeys(counted)
    before = counted.reads
    assert [second(), second(), second(), first()] == [made] * 4
    assert counted.reads == before + 1
    assert objects.names("keys/") == [KEY]


def test_keys_that_are_made_can_be_read_without_making_them(objects: ObjectStore) -> None:
    counted = CountedObjects(objects)
    reader = StoredKeys(counted)
    assert reader.made() is None
    assert objects.names("keys/") == []
    keys = StoredKeys(objects)()
    assert [reader.made(), reader.made(), reader()] == [keys] * 3
    assert counted.reads == 2


def test_instances_that_start_at_once_agree(objects: ObjectStore) -> None:
    numbers = count(1)
    sources = [StoredKeys(objects, new_key=lambda: bytes([next(numbers)]) * 32) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda source: source(), sources * 4))
    assert len(set(found)) == 1


def test_an_instance_that_is_late_takes_the_key_of_the_first(objects: ObjectStore) -> None:
    assert StoredKeys(ContestedObjects(objects, KEY, [OTHER.to_json()]))() == OTHER


@pytest.mark.parametrize("damage", [b"", b"{}", OTHER.to_json()[:-10], b'{"format": 1, "keys": ["c2hvcnQ="]}'])
def test_a_damaged_key_is_an_error_and_is_never_replaced(objects: ObjectStore, damage: bytes) -> None:
    objects.write(KEY, damage, generation=0)
    keys = StoredKeys(objects)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=f"^{KEY} is damaged: .*restore it from a backup") as raised:
            keys()
        assert damage.decode() not in str(raised.value) or damage in (b"", b"{}")
    found = objects.read(KEY)
    assert found is not None
    assert found.data == damage
    # Once it is restored, the same instance goes on.
    objects.write(KEY, OTHER.to_json(), generation=found.generation)
    assert keys() == OTHER


def test_an_added_key_writes_and_the_older_ones_are_kept(objects: ObjectStore) -> None:
    source = StoredKeys(objects)
    before = source()
    after = source.add(OTHER.ring[0])
    assert after.ring == (*OTHER.ring, *before.ring)
    assert source() == StoredKeys(objects)() == after
    with pytest.raises(InvalidField, match="different keys"):
        source.add(OTHER.ring[0])
    assert StoredKeys(objects)() == after


def test_an_outage_makes_no_key(objects: ObjectStore) -> None:
    outage = Outage(is_on=True)
    keys = StoredKeys(FragileObjects(objects, outage))
    with pytest.raises(StoreUnavailable, match="the store is down"):
        keys()
    assert objects.names("keys/") == []
    outage.is_on = False
    assert len(keys().ring) == 1
