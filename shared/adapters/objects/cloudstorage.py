"""Objects in a Cloud Storage bucket; `google.cloud.storage` is imported by the first use but reading."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from shared.adapters.objects.download import Downloads
from shared.adapters.objects.names import check_name, check_prefix
from shared.adapters.unavailable import unavailable
from shared.errors import Conflict, StoreUnavailable
from shared.ports import Blob

if TYPE_CHECKING:  # the import takes 0.2 s, and instances of `api` only read
    from google.api_core.retry import Retry
    from google.cloud.storage import Bucket, Client

DEADLINE_S: Final = 60.0


class CloudObjects:
    """`ObjectStore` on a bucket; with STORAGE_EMULATOR_HOST set, on the emulator there.

    Parameters
    ----------
    bucket : the name of an existing bucket.
    deadline_s : seconds that one call, with its retries, may take.
    """

    def __init__(self, bucket: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._name = bucket
        self._deadline_s = deadline_s
        self._downloads = Downloads(bucket, deadline_s=deadline_s)
        self._lock = threading.Lock()
        self._client: Client | None = None

    def read(self, name: str) -> Blob | None:
        """An object, None when there is none."""
        try:
            return self._downloads.read(check_name(name))
        except StoreUnavailable as error:
            raise StoreUnavailable(f"gs://{self._name}: {name}: {error}") from error

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        """Write if the generation is still `generation`, 0 meaning that the object must not exist.

        Returns the new generation; raises `Conflict` when another writer was first.
        """
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket().blob(check_name(name))
        with self._unavailable(name):
            try:
                blob.upload_from_string(
                    data,
                    content_type="application/octet-stream",
                    if_generation_match=generation,
                    timeout=self._deadline_s,
                    retry=self._retries(),
                )
            except PreconditionFailed as error:
                raise Conflict(f"{name}: expected generation {generation}, but another writer was first") from error
        return int(blob.generation)

    def names(self, prefix: str) -> list[str]:
        """Names that begin with `prefix`, sorted."""
        bucket = self._bucket()
        with self._unavailable(f"{check_prefix(prefix)}*"):
            found = bucket.list_blobs(
                prefix=prefix, fields="items(name),nextPageToken", timeout=self._deadline_s, retry=self._retries()
            )
            return sorted(blob.name for blob in found)

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is fine."""
        from google.api_core.exceptions import NotFound

        blob = self._bucket().blob(check_name(name))
        with self._unavailable(name), suppress(NotFound):
            blob.delete(timeout=self._deadline_s, retry=self._retries())

    def close(self) -> None:
        """End the connections; the next use opens them again."""
        self._downloads.close()
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _bucket(self) -> "Bucket":
        with self._lock:
            if self._client is None:
                from google.cloud.storage import Client

                with self._unavailable("the client"):
                    self._client = Client()
            return self._client.bucket(self._name)

    def _retries(self) -> "Retry":
        from google.cloud.storage.retry import DEFAULT_RETRY

        retry: Retry = DEFAULT_RETRY.with_timeout(self._deadline_s).with_delay(initial=0.1, maximum=5.0)
        return retry

    @contextmanager
    def _unavailable(self, what: str) -> Iterator[None]:
        with unavailable(f"gs://{self._name}: {what}"):
            yield
