"""Object store on a Cloud Storage bucket; reading needs no `google.cloud.storage`, other first uses import it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from shared.adapters.breaker import Breaker
from shared.adapters.objects.download import Downloads
from shared.adapters.objects.names import check_name, check_prefix
from shared.adapters.unavailable import prefixed, unavailable
from shared.errors import Conflict
from shared.ports import Blob, ObjectStore

if TYPE_CHECKING:  # the import takes 0.2 s, and instances of `api` only read
    from google.api_core.retry import Retry
    from google.cloud.storage import Bucket, Client

DEADLINE_S: Final = 60.0


class CloudObjects:
    """Object store (`ObjectStore`) on a bucket; with STORAGE_EMULATOR_HOST set, on that emulator.

    Parameters
    ----------
    bucket : the name of an existing bucket.
    deadline_s : seconds that a call, with its retries, may take.
    """

    def __init__(self, bucket: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._name = bucket
        self._deadline_s = deadline_s
        self._downloads = Downloads(bucket, deadline_s=deadline_s)
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._client: Client | None = None

    def read(self, name: str) -> Blob | None:
        """Object by name, None for a missing object."""
        check_name(name)
        with prefixed(f"gs://{self._name}: {name}"), self._breaker.call(self._deadline_s) as seconds:
            return self._downloads.read(name, deadline_s=seconds)

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        """Conditional write: only if the generation is still `generation`; 0 means that the object must not exist.

        Returns the new generation; raises `Conflict` when another writer was first.
        """
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket().blob(check_name(name))
        with self._calling(name) as seconds:
            try:
                blob.upload_from_string(
                    data,
                    content_type="application/octet-stream",
                    if_generation_match=generation,
                    timeout=seconds,
                    retry=_retries(seconds),
                )
            except PreconditionFailed as error:
                raise Conflict(f"{name}: expected generation {generation}, but another writer was first") from error
        return int(blob.generation)

    def names(self, prefix: str) -> list[str]:
        """Object names that begin with `prefix`, sorted."""
        bucket = self._bucket()
        with self._calling(f"{check_prefix(prefix)}*") as seconds:
            found = bucket.list_blobs(
                prefix=prefix, fields="items(name),nextPageToken", timeout=seconds, retry=_retries(seconds)
            )
            return sorted(blob.name for blob in found)

    def delete(self, name: str) -> None:
        """Delete an object; a missing object is no error."""
        from google.api_core.exceptions import NotFound

        blob = self._bucket().blob(check_name(name))
        with self._calling(name) as seconds, suppress(NotFound):
            blob.delete(timeout=seconds, retry=_retries(seconds))

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._downloads.close()
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _bucket(self) -> "Bucket":
        with self._lock:
            if self._client is None:
                from google.cloud.storage import Client

                with unavailable(f"gs://{self._name}: the client"):
                    self._client = Client()
            return self._client.bucket(self._name)

    @contextmanager
    def _calling(self, what: str) -> Iterator[float]:
        """Block that calls the bucket, with the seconds that it may take."""
        with prefixed(f"gs://{self._name}: {what}"), self._breaker.call(self._deadline_s) as seconds, unavailable():
            yield seconds


def _retries(timeout_s: float) -> "Retry":
    from google.cloud.storage.retry import DEFAULT_RETRY

    retry: Retry = DEFAULT_RETRY.with_timeout(timeout_s).with_delay(initial=0.1, maximum=5.0)
    return retry


def open_store(bucket: str) -> ObjectStore:
    """Object store in a bucket of Cloud Storage."""
    return CloudObjects(bucket)
