"""Model artifacts: a round trip restores the arrays, and damaged files are refused with the name of the array."""

import dataclasses
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from shared.errors import ArtifactError
from shared.models.artifact import FORMAT, Manifest, describe, digest, pack, unpack
from tests.examples import DAY, NOW

ARRAYS: dict[str, np.ndarray] = {
    "vectors": np.arange(6, dtype=np.float32).reshape(2, 3),
    "ids": np.array([b"a", b"bc"]),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 4), np.int32),
}


def _manifest(data: bytes, **changes: Any) -> Manifest:
    manifest = Manifest(
        version="20260501T120000Z-abc",
        model="svd",
        trained_at=NOW,
        watermark=NOW - DAY,
        sha256=digest(data),
        arrays=describe(ARRAYS),
        counts={"events": 2},
        metrics={"svd": {"ndcg@10": 0.5}},
    )
    return dataclasses.replace(manifest, **changes)


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def test_arrays_survive_a_round_trip() -> None:
    data = pack(ARRAYS)
    again = unpack(data, _manifest(data))
    assert again.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert again[name].dtype == array.dtype
        assert np.array_equal(again[name], array)


def test_the_same_arrays_give_the_same_bytes_whatever_their_order() -> None:
    reordered = dict(reversed(ARRAYS.items())) | {"vectors": np.asfortranarray(ARRAYS["vectors"])}
    assert pack(reordered) == pack(ARRAYS)


def test_numpy_reads_what_pack_writes() -> None:
    with np.load(io.BytesIO(pack(ARRAYS)), allow_pickle=False) as archive:
        assert sorted(archive.files) == sorted(ARRAYS)


@pytest.mark.parametrize("array", [np.array([{}]), np.array(["text"]), np.array([NOW])])
def test_only_plain_dtypes_are_packed(array: np.ndarray) -> None:
    with pytest.raises(ArtifactError, match=r"^array odd: expected a plain dtype"):
        pack({"odd": array})


def test_a_truncated_file_is_refused() -> None:
    data = pack(ARRAYS)
    with pytest.raises(ArtifactError, match=r"^model 20260501T120000Z-abc: expected sha256 "):
        unpack(data[:-1], _manifest(data))


@pytest.mark.parametrize("position", [0, 100, 300, -1])
def test_a_flipped_bit_is_refused(position: int) -> None:
    data = bytearray(pack(ARRAYS))
    manifest = _manifest(bytes(data))
    data[position] ^= 1
    with pytest.raises(ArtifactError, match=r"^model 20260501T120000Z-abc: expected sha256 "):
        unpack(bytes(data), manifest)


@pytest.mark.parametrize("data", [b"", b"PK", b"\x93NUMPY", pack(ARRAYS)[:-1], pack(ARRAYS)[:200]])
def test_data_that_is_not_a_zip_archive_is_refused_even_if_the_digest_matches(data: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"^model 20260501T120000Z-abc: not a readable \.npz"):
        unpack(data, _manifest(data))


def test_a_single_npy_file_is_refused() -> None:
    buffer = io.BytesIO()
    np.save(buffer, ARRAYS["vectors"])
    data = buffer.getvalue()
    with pytest.raises(ArtifactError, match=r"not a readable \.npz"):
        unpack(data, _manifest(data))


@pytest.mark.parametrize("found", [b"NUMPY\x01", b"'<f4'", b"(2, 3)"], ids=["version", "dtype", "shape"])
def test_a_damaged_header_is_refused_by_array_name_even_if_the_digest_matches(found: bytes) -> None:
    data = bytearray(pack(ARRAYS))
    position = data.index(found, data.index(b"vectors.npy")) + len(found) - 2
    data[position] ^= 1
    with pytest.raises(ArtifactError, match=r"^array vectors: "):
        unpack(bytes(data), _manifest(bytes(data)))


def test_arrays_are_aligned_read_only_views() -> None:
    data = pack(ARRAYS)
    for name, array in unpack(data, _manifest(data)).items():
        assert array.flags.aligned, name
        assert not array.size or not array.flags.owndata, name
        assert not array.size or not array.flags.writeable, name


def test_unaligned_arrays_are_read_as_aligned_copies() -> None:
    data = _npz(**ARRAYS)
    arrays = unpack(data, _manifest(data))
    assert all(array.flags.aligned for array in arrays.values())
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_compressed_arrays_are_refused_by_name() -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **ARRAYS)
    data = buffer.getvalue()
    with pytest.raises(ArtifactError, match=r"^array \w+: expected it uncompressed$"):
        unpack(data, _manifest(data))


@pytest.mark.parametrize(
    "vectors",
    [
        ARRAYS["vectors"].astype(np.float64),
        ARRAYS["vectors"].astype(">f4"),
        ARRAYS["vectors"].reshape(3, 2),
        ARRAYS["vectors"].ravel(),
        ARRAYS["vectors"][:1],
    ],
    ids=["dtype", "byte order", "shape", "dimensions", "rows"],
)
def test_another_dtype_or_shape_is_refused_by_the_array_s_name(vectors: np.ndarray) -> None:
    data = pack(ARRAYS | {"vectors": vectors})
    with pytest.raises(ArtifactError, match=r"^array vectors: expected \['<f4', \[2, 3\]\], got "):
        unpack(data, _manifest(data))


def test_a_malformed_array_description_is_refused_by_the_array_s_name() -> None:
    data = pack(ARRAYS)
    with pytest.raises(ArtifactError, match=r"^array vectors: expected 5, got "):
        unpack(data, _manifest(data, arrays=describe(ARRAYS) | {"vectors": 5}))


def test_a_missing_array_is_named() -> None:
    data = pack({name: array for name, array in ARRAYS.items() if name != "ids"})
    with pytest.raises(ArtifactError, match=r"^array ids: expected .*, got nothing"):
        unpack(data, _manifest(data))


def test_an_extra_array_is_refused_by_name() -> None:
    data = pack(ARRAYS | {"extra": np.zeros(1)})
    with pytest.raises(ArtifactError, match=r"^array extra: expected nothing, got "):
        unpack(data, _manifest(data))


def test_pickled_objects_are_never_loaded() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("the pickle was executed",))

    data = _npz(**ARRAYS | {"bomb": np.array([Bomb()], object)})
    with pytest.raises(ArtifactError, match=r"^array bomb: "):
        unpack(data, _manifest(data))


def test_archive_members_that_are_not_arrays_are_refused_by_name() -> None:
    buffer = io.BytesIO(pack(ARRAYS))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("note.npy", b"no array")
    data = buffer.getvalue()
    with pytest.raises(ArtifactError, match=r"^array note: "):
        unpack(data, _manifest(data))


@pytest.mark.parametrize("watermark", [NOW, None])
def test_a_manifest_survives_a_round_trip(watermark: Any) -> None:
    manifest = _manifest(b"", watermark=watermark)
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert json.loads(manifest.to_json())["format"] == FORMAT


@pytest.mark.parametrize("format_", [FORMAT + 1, 0, None, "1"])
def test_another_format_is_refused_with_advice(format_: Any) -> None:
    data = dataclasses.replace(_manifest(b""), format=format_).to_json()
    with pytest.raises(ArtifactError, match=rf"^manifest.json: expected format {FORMAT}, got .*; update this program"):
        Manifest.from_json(data)


def _changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(_manifest(b"").to_json()), **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        _changed(trained_at=None),
        _changed(trained_at="yesterday"),
        _changed(watermark=5),
        _changed(unheard_of=1),
        json.dumps({"format": FORMAT, "trained_at": NOW.isoformat()}).encode(),
        _changed(version=5),
        _changed(model=None),
        _changed(sha256=[]),
        _changed(arrays=[]),
        _changed(counts=None),
        _changed(metrics=3),
    ],
)
def test_a_damaged_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"^manifest\.json: "):
        Manifest.from_json(data)
