"""Damaged objects of the bucket: lists and `/health` go on, and a training ends with a decision or an error of ours."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyarrow import parquet

from functions import wiring
from shared.adapters.objects.folder import FolderObjects
from shared.errors import ArtifactError, Conflict, MarqueeError
from shared.ledger.index import POINTER as LEDGER
from shared.ledger.index import Ledger
from shared.models.artifact import Manifest, describe, digest, pack, unpack
from shared.ports import Documents
from shared.services.registry import POINTER, Pointer, activate, prune, versions
from shared.services.training.lease import DURATION, LEASE, Lease
from shared.services.training.run import RunDocument
from tests import deployment, training
from tests.deployment import Clock
from tests.examples import DAY, NOW

AT = NOW + DAY
DEEP = 100_000
JUNK: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello",
    "null": b"null",
    "list": b"[]",
    "number": b"5",
    "huge number": b"9" * 10_000,
    "object": b"{}",
    "NaN": b'{"a":NaN}',
    "deep": b"[" * DEEP,
    "deep and closed": b"[" * 1_200 + b"]" * 1_200,
    "deep object": b'{"a":' * 1_200 + b"1" + b"}" * 1_200,
    "just too deep": b'{"format":1,"version":"x","a":' + b"[" * 40 + b"]" * 40 + b"}",
    "long": b"x" * 5_000_000,
    "bytes": bytes(range(256)),
    "UTF-16": '{"version": "x"}'.encode("utf-16"),
    "surrogates": b'{"version": "\\ud800"}',
}
WRONG: tuple[Any, ...] = (None, 5, -1, 1e400, 10**400, True, "", "x", "../../etc/passwd", "a" * 600, "é" * 300, "\0")
WRONG += ([], [[]], [5], {}, {"a": "b"}, {"a": {"b": "c"}}, {"a": [1]}, "2199-01-01T00:00:00+00:00", "never")
"""Values of fields: wrong types, huge numbers, foreign names, times far ahead, nested ones."""


TRIED = 5_000
"""Wrong values of fields, at least: a bucket has as many fields as its training has metrics."""


def _version(bucket: Path) -> str:
    return Pointer.from_json((bucket / POINTER).read_bytes()).version


def _objects(bucket: Path) -> dict[str, Callable[[bytes], object]]:
    """JSON objects of a trained bucket and how each is read."""
    run = f"runs/{NOW:%Y%m%dT%H%M%SZ}.json"
    return {
        POINTER: Pointer.from_json,
        f"models/{_version(bucket)}/manifest.json": Manifest.from_json,
        LEDGER: Ledger.from_json,
        run: RunDocument.from_json,
    }


@contextmanager
def _instance(store: Documents, bucket: Path, at: Clock) -> Iterator[None]:
    with wiring.use(deployment.wire(store, bucket, at)):
        yield


def _serves(store: Documents, bucket: Path) -> None:
    """Check of a starting instance: it is up and lists events."""
    with _instance(store, bucket, Clock(AT)):
        client = deployment.client()
        health, lists = client.get("/api/v1/health"), client.get("/api/v1/recommendations?user_id=jazz_fan_1")
        models = client.get("/api/v1/models", headers={"Authorization": "Bearer admin:root"})
    assert (health.status_code, lists.status_code) == (200, 200)
    assert lists.get_json()["items"]
    assert models.status_code == 200


def _trains(store: Documents, bucket: Path) -> str:
    """Decision of a training, or "error" where it ended with an error of ours; any other error fails the test."""
    try:
        return training.run(store, FolderObjects(bucket), now=AT, model="popularity").decision
    except MarqueeError:
        return "error"


@pytest.mark.parametrize("junk", JUNK)
def test_no_junk_in_a_json_object_is_more_than_an_error_with_its_name(bucket: Path, junk: str) -> None:
    for name, read in _objects(bucket).items():
        with pytest.raises(ArtifactError) as refused:
            read(JUNK[junk])
        assert name.rpartition("/")[2] in str(refused.value) or name.startswith("runs/")
        assert len(str(refused.value)) < 1_000


def test_no_wrong_value_of_a_field_is_more_than_an_error(bucket: Path) -> None:
    tried = 0
    for name, read in _objects(bucket).items():
        whole = json.loads((bucket / name).read_bytes())
        for path in _paths(whole):
            for value in WRONG:
                tried += 1
                with suppress(ArtifactError):
                    read(json.dumps(_changed(whole, path, value)).encode())
    assert tried > TRIED


def _paths(value: Any, *, depth: int = 3) -> Iterator[tuple[str | int, ...]]:
    """Paths of the fields of a JSON value and of those within them, a few of each list."""
    if depth:
        inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
        for key, below in inner:
            yield (key,)
            yield from ((key, *path) for path in _paths(below, depth=depth - 1))


def _changed(whole: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Copy of a JSON value with another value at `path`."""
    copy = whole.copy()
    copy[path[0]] = value if len(path) == 1 else _changed(whole[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize("name", ["pointer", "manifest", "ledger", "run", "lease", "model", "chunk"])
@pytest.mark.parametrize("junk", ["deep and closed", "object", "bytes"])
def test_a_damaged_object_stops_no_list_and_no_training_for_long(
    store: Documents, bucket: Path, name: str, junk: str
) -> None:
    _damage(bucket, name, lambda _: JUNK[junk])
    _serves(store, bucket)
    decision = _trains(store, bucket)
    # What a training cannot replace, it names: the ledger must be read again, by hand since that costs reads.
    assert (decision == "error") == (name in ("ledger", "chunk"))
    if decision != "error":
        _serves(store, bucket)


def _chunk(bucket: Path, feed: str) -> str:
    """Name of a Parquet file of the ledger."""
    return str(next((bucket / "ledger" / feed).rglob("*.parquet")).relative_to(bucket))


def _damage(bucket: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    folder = f"models/{_version(bucket)}"
    path = {
        "pointer": POINTER,
        "manifest": f"{folder}/manifest.json",
        "model": f"{folder}/model.npz",
        "ledger": LEDGER,
        "lease": LEASE,
        "run": f"runs/{AT:%Y%m%dT%H%M%SZ}.json",
        "chunk": _chunk(bucket, "interactions"),
        "events": _chunk(bucket, "events"),
        "users": _chunk(bucket, "users"),
    }[name]
    target = bucket / path
    target.write_bytes(change(target.read_bytes() if target.exists() else b""))


@pytest.mark.parametrize(
    "change",
    [
        {"version": "../../etc/passwd"},
        {"version": ""},
        {"version": 5},
        {"version": None},
        {"version": "nope"},
        {"version": "a" * 600},
        {"newest": 5},
        {"activated_at": "never"},
        {"is_held": "yes"},
    ],
    ids=str,
)
def test_a_pointer_that_names_no_version_is_replaced(store: Documents, bucket: Path, change: dict[str, Any]) -> None:
    whole = json.loads((bucket / POINTER).read_bytes())
    (bucket / POINTER).write_text(json.dumps(whole | change))
    _serves(store, bucket)
    assert _trains(store, bucket) == "published"
    assert _version(bucket) > whole["version"]


def test_a_pointer_whose_newest_version_nobody_has_blocks_no_training(store: Documents, bucket: Path) -> None:
    whole = json.loads((bucket / POINTER).read_bytes())
    (bucket / POINTER).write_text(json.dumps(whole | {"newest": "z" * 50}))
    _serves(store, bucket)
    assert training.run(store, FolderObjects(bucket), now=AT, model="svd").decision == "published"
    assert _version(bucket) > whole["version"]


ARRAY_DAMAGES: dict[str, Callable[[NDArray[Any]], NDArray[Any] | None]] = {
    "missing": lambda _: None,
    "shortened": lambda array: array[:-1] if array.ndim and len(array) else None,
    "out of range": lambda array: np.full_like(array, np.iinfo(array.dtype).max) if array.dtype.kind in "iu" else None,
    "negative": lambda array: np.full_like(array, -7) if array.dtype.kind == "i" else None,
    "NaN": lambda array: np.full_like(array, np.nan) if array.dtype.kind == "f" else None,
}
"""Damages of an array; None is for leaving it out."""


@pytest.mark.parametrize(
    "damage",
    [name if name == "out of range" else pytest.param(name, marks=pytest.mark.attacks) for name in ARRAY_DAMAGES],
)
def test_no_damaged_array_in_the_bucket_stops_lists_or_trainings(
    store: Documents, trained: Path, tmp_path: Path, damage: str
) -> None:
    """As somebody who may write the bucket would leave it: with a manifest that fits, and no version before."""
    folder = Path("models", _version(trained))
    manifest = Manifest.from_json((trained / folder / "manifest.json").read_bytes())
    arrays = unpack((trained / folder / "model.npz").read_bytes(), manifest)
    for name, array in arrays.items():
        changed = ARRAY_DAMAGES[damage](array)
        if changed is None and damage != "missing":
            continue
        damaged = {key: value for key, value in {**arrays, name: changed}.items() if value is not None}
        data = pack(damaged)
        bucket = Path(shutil.copytree(trained, tmp_path / name))
        (bucket / folder / "model.npz").write_bytes(data)
        fitting = replace(manifest, sha256=digest(data), arrays=describe(damaged))
        (bucket / folder / "manifest.json").write_bytes(fitting.to_json())
        _serves(store, bucket)
        assert _trains(store, bucket) in ("published", "refused")
        _serves(store, bucket)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"model": "nope"},
        {"arrays": {}},
        {"watermark": "2199-01-01T00:00:00+00:00"},
        {"trained_at": "2199-01-01T00:00:00+00:00"},
        {"trained_at": "2199-01-01T00:00:00+00:00", "watermark": "2199-01-01T00:00:00+00:00"},
        {"details": {}},
        {"details": {"weights": "x"}},
        {"details": {"references": "x"}},
        {"details": {"references": {"price": {"cuts": "x"}}}},
        {"details": {"references": {"price": {"cuts": [], "names": ["a"], "shares": [1], "size": 10**6}}}},
        {"details": {"references": {"city": {"cuts": [1], "names": [], "shares": [1, 0], "size": 10**6}}}},
        {"sha256": "0" * 64},
        {"extra": 1},
        {"metrics": {"a": "b"}},
        {"metrics": {"svd": {"coverage": "x"}}},
        {"counts": {"events": 10**400}},
    ],
    ids=str,
)
def test_a_manifest_with_wrong_values_stops_nothing(store: Documents, bucket: Path, change: dict[str, Any]) -> None:
    _damage(bucket, "manifest", lambda data: json.dumps(json.loads(data) | change).encode())
    _serves(store, bucket)
    # Refused, where the model in service can be read and is better.
    assert _trains(store, bucket) in ("published", "refused")
    _serves(store, bucket)


def test_a_manifest_from_the_future_hides_no_change(store: Documents, bucket: Path) -> None:
    far = "2199-01-01T00:00:00+00:00"
    _damage(
        bucket, "manifest", lambda data: json.dumps(json.loads(data) | {"trained_at": far, "watermark": far}).encode()
    )
    with _instance(store, bucket, Clock(AT)):
        snapshot = wiring.services().serving.current(AT)
    assert snapshot.read_until is not None
    assert snapshot.read_until <= AT


@pytest.mark.parametrize("until", ["2199-01-01T00:00:00+00:00", 5, [[]], "never", None])
def test_no_lease_blocks_trainings_for_longer_than_a_trainer_takes_one(bucket: Path, until: object) -> None:
    (bucket / LEASE).write_text(json.dumps({"owner": "nobody", "until": until}))
    Lease.take(FolderObjects(bucket), "somebody", lambda: AT)
    with pytest.raises(Conflict):
        Lease.take(FolderObjects(bucket), "another", lambda: AT + DURATION - timedelta(seconds=1))


def test_a_ledger_from_the_future_is_refused(store: Documents, bucket: Path) -> None:
    ledger = json.loads((bucket / LEDGER).read_bytes())
    ledger["feeds"]["events"]["watermark"] = "2199-01-01T00:00:00+00:00"
    (bucket / LEDGER).write_text(json.dumps(ledger))
    with pytest.raises(ArtifactError, match=r"^ledger/current\.json: .*--reread$"):
        training.run(store, FolderObjects(bucket), now=AT)


def test_a_ledger_names_only_files_of_its_own(bucket: Path) -> None:
    ledger = json.loads((bucket / LEDGER).read_bytes())
    ledger["feeds"]["events"]["chunks"][0]["name"] = f"models/{_version(bucket)}/model.npz"
    with pytest.raises(ArtifactError, match=r"expected a file of ledger/events/"):
        Ledger.from_json(json.dumps(ledger).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WRONG),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.attacks
@settings(max_examples=20_000)
@given(st.data())
def test_no_json_object_is_more_than_an_error(trained: Path, data: st.DataObject) -> None:
    name, read = data.draw(st.sampled_from(sorted(_objects(trained).items(), key=lambda item: item[0])))
    whole = json.loads((trained / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([*_paths(whole)]))
        with suppress(KeyError, IndexError, TypeError, AttributeError):
            whole = _changed(whole, path, data.draw(json_values))
    with suppress(ArtifactError):
        read(json.dumps(whole).encode())


@pytest.mark.attacks
@settings(max_examples=5_000)
@given(st.data())
def test_no_bytes_are_more_than_an_error(trained: Path, data: st.DataObject) -> None:
    name, read = data.draw(st.sampled_from(sorted(_objects(trained).items(), key=lambda item: item[0])))
    damaged = bytearray((trained / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ArtifactError):
        read(bytes(damaged))


FILES = ["pointer", "manifest", "model", "ledger", "lease", "run", "chunk", "events", "users"]


def _flipped(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :] if data else b"\1"


@pytest.mark.attacks
@pytest.mark.parametrize("name", FILES)
def test_no_damage_of_an_object_stops_lists_or_raises_in_a_training(
    store: Documents, trained: Path, tmp_path: Path, name: str
) -> None:
    damages: dict[str, Callable[[bytes], bytes]] = {
        **{junk: (lambda _, data=data: data) for junk, data in JUNK.items()},  # type: ignore[misc]
        "truncated": lambda data: data[:-20],
        "flipped": _flipped,
        "doubled": lambda data: data * 2,
    }
    for damage in (*damages, "missing", "a folder"):
        bucket = tmp_path / damage.replace(" ", "_")
        shutil.copytree(trained, bucket)
        before = {path for path in bucket.rglob("*") if path.is_file()}
        if damage in damages:
            _damage(bucket, name, damages[damage])
        else:
            _damage(bucket, name, lambda _: b"marked")
            [target] = [path for path in bucket.rglob("*") if path.is_file() and path.read_bytes() == b"marked"]
            target.unlink()
            if damage == "a folder":
                target.mkdir()
        assert before
        _serves(store, bucket)
        _trains(store, bucket)
        _serves(store, bucket)
        with suppress(MarqueeError):
            versions(FolderObjects(bucket))
        with suppress(MarqueeError):
            prune(FolderObjects(bucket))
        with suppress(MarqueeError):
            activate(FolderObjects(bucket), _version(trained), now=AT)


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


COLUMNS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "an unknown type": lambda table: _with(table, "type", pa.array(["bribe"] * len(table))),
    "no type": lambda table: _with(table, "type", pa.nulls(len(table), pa.string())),
    "no ids": lambda table: _with(table, "interaction_id", pa.nulls(len(table), pa.string())),
    "no users": lambda table: _with(table, "user_id", pa.nulls(len(table), pa.string())),
    "numbers as users": lambda table: _with(table, "user_id", pa.array(range(len(table)))),
    "times as text": lambda table: _with(table, "occurred_at", pa.array(["never"] * len(table))),
    "no times": lambda table: _with(table, "occurred_at", pa.nulls(len(table), pa.timestamp("us", "UTC"))),
    "the year 9999": lambda table: _with(
        table, "occurred_at", pa.array([2**62] * len(table), pa.int64()).cast(pa.timestamp("us", "UTC"))
    ),
    "before 1970": lambda table: _with(
        table, "recorded_at", pa.array([-(2**62)] * len(table), pa.int64()).cast(pa.timestamp("us", "UTC"))
    ),
    "NaN": lambda table: _with(table, "value", pa.array([float("nan")] * len(table), pa.float32())),
    "no UTF-8": lambda table: _with(
        table,
        "event_id",
        pa.StringArray.from_buffers(
            len(table),
            pa.py_buffer(bytes(4) + b"".join((place + 1).to_bytes(4, "little") for place in range(len(table)))),
            pa.py_buffer(b"\xff" * len(table)),
        ),
    ),
    "a column too few": lambda table: table.drop_columns(["event_id"]),
    "a column too many": lambda table: table.append_column("more", pa.array(range(len(table)))),
    "no rows": lambda table: table.slice(0, 0),
}
"""Damages of a readable Parquet file of interactions."""


@pytest.mark.parametrize("damage", COLUMNS)
def test_a_readable_file_with_wrong_columns_is_named_or_read(store: Documents, bucket: Path, damage: str) -> None:
    def change(data: bytes) -> bytes:
        table = parquet.read_table(pa.BufferReader(data))
        sink = pa.BufferOutputStream()
        parquet.write_table(COLUMNS[damage](table), sink)
        return bytes(sink.getvalue().to_pybytes())

    _damage(bucket, "chunk", change)
    try:
        training.run(store, FolderObjects(bucket), now=AT, model="popularity")
    except ArtifactError as error:
        assert str(error).startswith("ledger/interactions/")  # noqa: PT017  # or no error at all
    _serves(store, bucket)
