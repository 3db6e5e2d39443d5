"""Keys of a deployment in its bucket: an object of their own, made once and read once by each instance."""

import secrets
import threading
from collections.abc import Callable
from typing import Final

from shared.entities.keys import KEY_BYTES, Keys
from shared.errors import InvalidField, StoreUnavailable
from shared.ports import Blob, ObjectStore, read_or_make

KEY: Final = "keys/ring.json"
"""Object of the keys; `storage.rules` let only the functions read it."""


def _random() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


class StoredKeys:
    """Key source (`KeySource`) on an object store, safe between threads and instances.

    Parameters
    ----------
    objects : the bucket.
    new_key : generator of a key of `KEY_BYTES` random bytes, for a deployment that has none yet.
    """

    def __init__(self, objects: ObjectStore, *, new_key: Callable[[], bytes] = _random) -> None:
        self._objects = objects
        self._new_key = new_key
        self._lock = threading.Lock()
        self._keys: Keys | None = None

    def __call__(self) -> Keys:
        """Keys of the deployment, read on the first call and made where there are none.

        Raises `StoreUnavailable` when the bucket does not answer, and when what it holds is damaged: with another key
        what is stored under the present one would not be found, so none is made in its place.
        """
        if self._keys is None:
            with self._lock:
                if self._keys is None:
                    self._keys = _parsed(self._stored())
        return self._keys

    def made(self) -> Keys | None:
        """Keys as a call gives them; None where none are made yet, which this does not do.

        Making them takes the library of the bucket, which costs a start time that no list needs.
        """
        with self._lock:
            if self._keys is None:
                blob = self._objects.read(KEY)
                self._keys = _parsed(blob) if blob else None
            return self._keys

    def add(self, key: bytes) -> Keys:
        """Addition of a key that writes from now on; returns all keys. Other instances know it once they start again.

        Raises `InvalidField` when there are too many, `Conflict` when somebody else adds one, and as a call does.
        """
        with self._lock:
            blob = self._stored()
            keys = _parsed(blob).with_new(key)
            self._objects.write(KEY, keys.to_json(), generation=blob.generation)
            self._keys = keys
        return keys

    def _stored(self) -> Blob:
        # Where another instance was first, its key is that of the deployment.
        return read_or_make(self._objects, KEY, lambda: Keys((self._new_key(),)).to_json())


def _parsed(blob: Blob) -> Keys:
    try:
        return Keys.from_json(blob.data)
    except InvalidField as error:
        raise StoreUnavailable(f"{KEY} is damaged: {error}; restore it from a backup of the bucket") from error
