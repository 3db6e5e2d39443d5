"""Salts of hashes in the bucket: each is an object of its own, and what was hashed with it means nothing without it."""

import secrets

from shared.errors import StoreUnavailable
from shared.monitoring.attribution import SALT_BYTES
from shared.ports import ObjectStore, read_or_make


def salt(objects: ObjectStore, name: str, *, remedy: str) -> bytes:
    """Salt stored under `name`, made where there is none, `SALT_BYTES` long.

    Raises `StoreUnavailable` for one of another length, with the `remedy`, and where the store does not answer.
    """
    data = read_or_make(objects, name, lambda: secrets.token_bytes(SALT_BYTES)).data
    if len(data) != SALT_BYTES:
        raise StoreUnavailable(f"{name}: expected {SALT_BYTES} bytes; {remedy}")
    return data
