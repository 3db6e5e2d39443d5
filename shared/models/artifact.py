"""Model artifact: plain arrays in an `.npz` file, and a manifest with their dtypes, shapes and digest."""

import hashlib
import io
import json
import math
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.entities import fields
from shared.entities.stored import read_object, require_format, required, required_numbers
from shared.errors import ArtifactError, InvalidField

FORMAT: Final = 1
"""Version of the artifact format; other versions are refused."""

_KINDS: Final = "biufS"
"""Kinds of dtypes that need no pickle: bool, signed and unsigned int, float, bytes."""

_UNREADABLE: Final = (ValueError, EOFError, OSError, RuntimeError, struct.error, zipfile.BadZipFile)
_LENGTHS: Final = struct.Struct("<26xHH")
"""Local header of a .zip member: 26 bytes, then the lengths of the name and of the extra field, which follow it."""

_ZIP64_BYTES: Final = 20
"""Size of the extra field that `zipfile` adds with `force_zip64`."""

_ALIGNMENT: Final = 64
"""Alignment of array data in bytes: a cache line, as in numpy's own `.npy` headers."""

_PADDING_ID: Final = 0xD935
"""Id of the extra field that pads a member; readers of .zip files ignore it (Android's zipalign uses the same)."""

_MAX_HEADER: Final = 65_536
"""Maximum size of a `.npy` header of version 1.0 in bytes: its length has 16 bits."""

_FIELDS: Final[Mapping[str, type]] = {
    "version": str,
    "model": str,
    "sha256": str,
    "arrays": dict,
    "counts": dict,
    "metrics": dict,
    "details": dict,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Manifest of a model version.

    Attributes
    ----------
    version : name of the version, sorts by time of training.
    model : name of the model in `models.registry.MODELS`.
    trained_at : the *now* of the training, UTC.
    watermark : newest `recorded_at` and `updated_at` that the training read, at most `trained_at`; None for an
        empty store.
    sha256 : hex digest of the array file.
    arrays : [dtype, shape] by array name.
    counts : numbers of events, users and interactions that were read.
    metrics : values on the holdout, by model and metric.
    details : settings and learned weights of the model, see `Scorer.report`; reference data of drift; ledger files.
    format : version of the format, see `FORMAT`.
    """

    version: str
    model: str
    trained_at: datetime
    watermark: datetime | None
    sha256: str
    arrays: Mapping[str, list[Any]]
    counts: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    details: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def size_bytes(self) -> int:
        """Size of the arrays in memory, bytes."""
        return sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in self.arrays.values())

    def to_json(self) -> bytes:
        """JSON of the manifest, as stored in `manifest.json`."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes, name: str = "manifest.json") -> Self:
        """Manifest from the JSON stored under `name`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, name, cls._from_document, remedy="roll back or train again")

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        require_format(document, FORMAT)
        for name, kind in _FIELDS.items():
            required(document, name, kind)
        required_numbers(document, "counts")
        for model in document["metrics"]:
            required_numbers(document["metrics"], model)
        trained_at, watermark = fields.required_time(document, "trained_at"), fields.time(document, "watermark")
        if watermark and watermark > trained_at:
            raise InvalidField("watermark", watermark.isoformat(), "a time up to that of the training")
        return cls(**{**document, "trained_at": trained_at, "watermark": watermark})


def describe(arrays: Mapping[str, NDArray[Any]]) -> dict[str, list[Any]]:
    """Dtype and shape of each array by name, for the manifest."""
    return {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}


def digest(data: bytes) -> str:
    """SHA-256 of `data` as hex digits."""
    return hashlib.sha256(data).hexdigest()


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Array file of `arrays`: an uncompressed `.npz` with data at multiples of 64 bytes; equal arrays, equal bytes.

    Raises `ArtifactError` for a dtype that would need pickle.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise ArtifactError(f"array {name}: expected a plain dtype, got {array.dtype}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            # A ZipInfo without a date keeps the bytes independent of the clock, unlike numpy.savez.
            info = zipfile.ZipInfo(f"{name}.npy")
            begins = buffer.tell() + _LENGTHS.size + len(info.filename.encode()) + _ZIP64_BYTES + 4
            padding = -begins % _ALIGNMENT
            info.extra = struct.pack("<HH", _PADDING_ID, padding) + bytes(padding)
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)
    return buffer.getvalue()


def unpack(data: bytes, manifest: Manifest) -> dict[str, NDArray[Any]]:
    """Arrays of an array file by name, as read-only views of its bytes.

    Raises `ArtifactError` naming the array where digest, dtypes, shapes or names differ from the manifest.
    """
    found = digest(data)
    if found != manifest.sha256:
        raise ArtifactError(f"model {manifest.version}: expected sha256 {manifest.sha256}, got {found}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = {info.filename.removesuffix(".npy"): _array(data, info) for info in archive.infolist()}
    except _UNREADABLE as error:
        raise ArtifactError(f"model {manifest.version}: not a readable .npz: {error}") from error
    described = describe(arrays)
    for name in sorted({*manifest.arrays, *described}):
        expected, got = manifest.arrays.get(name, "nothing"), described.get(name, "nothing")
        if got != expected:
            raise ArtifactError(f"array {name}: expected {expected}, got {got}")
    return arrays


def _array(data: bytes, info: zipfile.ZipInfo) -> NDArray[Any]:
    """Array of a member as a view of `data`, since copying all arrays would take as long as the download."""
    name = info.filename.removesuffix(".npy")
    try:
        if info.compress_type != zipfile.ZIP_STORED:
            raise ArtifactError(f"array {name}: expected it uncompressed")
        begins = info.header_offset + _LENGTHS.size + sum(_LENGTHS.unpack_from(data, info.header_offset))
        header = io.BytesIO(data[begins : begins + min(info.file_size, _MAX_HEADER)])
        if np.lib.format.read_magic(header) != (1, 0):
            raise ArtifactError(f"array {name}: expected version 1.0 of numpy's format")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(header)
        if dtype.kind not in _KINDS:
            raise ArtifactError(f"array {name}: expected a plain dtype, got {dtype}")
        count = math.prod(shape)
        if header.tell() + count * dtype.itemsize != info.file_size:
            raise ArtifactError(f"array {name}: expected {count} × {dtype}, got {info.file_size} bytes in all")
        flat = np.frombuffer(data, dtype, count, begins + header.tell()) if count else np.empty(0, dtype)
        array = flat.reshape(shape, order="F" if is_fortran else "C")
        # Files written by numpy.savez or by an earlier version are not aligned.
        return array if array.flags.aligned else array.copy()
    except _UNREADABLE as error:
        raise ArtifactError(f"array {name}: {error}") from error
