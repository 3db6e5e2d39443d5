"""Billed Firestore operations: reads, writes and deletes of a client."""

import threading
from collections import Counter
from typing import Any

from shared.ports import Documents


class Meter:
    """Counter of billed Firestore operations, which wraps the requests that the client sends."""

    def __init__(self, documents: Documents) -> None:
        self._lock = threading.Lock()
        self._documents = documents
        self._listed = documents.listed()
        self._counted: Counter[str] = Counter()
        client = documents.counters._database.client  # type: ignore[attr-defined]  # noqa: SLF001  # its own transport
        self._api = client._firestore_api  # noqa: SLF001
        self._commit, self._get = self._api.commit, self._api.batch_get_documents
        self._api.commit, self._api.batch_get_documents = self._committed, self._got

    def take(self) -> Counter[str]:
        """Operations since the last call: reads, writes and deletes."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
        listed, self._listed = self._listed, self._documents.listed()
        counted["reads"] += self._listed - listed
        return counted

    def _committed(self, request: dict[str, Any], **options: Any) -> Any:
        answer = self._commit(request=request, **options)
        deletes = sum(1 for write in request["writes"] if "delete" in write)
        with self._lock:
            self._counted["deletes"] += deletes
            self._counted["writes"] += len(request["writes"]) - deletes
        return answer

    def _got(self, request: dict[str, Any], **options: Any) -> Any:
        with self._lock:
            self._counted["reads"] += len(request["documents"])
        return self._get(request=request, **options)
