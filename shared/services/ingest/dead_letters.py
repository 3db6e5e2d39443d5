"""Dead letters of documents that cannot be processed."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from shared.entities.interaction import owner_of
from shared.errors import InvalidField
from shared.ports import DeadLetter

_MAX_DATA: Final = 10_000
"""Characters of a document that a dead letter keeps."""


def dead_letter(
    collection: str,
    document_id: str,
    data: Mapping[str, Any] | None,
    problem: InvalidField | None,
    *,
    delivery: str = "",
) -> DeadLetter:
    """Dead letter of a document, with a deterministic key: repeated deliveries give equal letters.

    `delivery`, the id of the delivering event, identifies a document without an id. The key is a hash, since the id of
    an interaction begins with its user's id.
    """
    name = f"{collection}/{document_id or delivery}"
    given = (data or {}).get("user_id")
    return DeadLetter(
        key=blake2b(name.encode(errors="replace"), digest_size=16).hexdigest(),
        collection=collection,
        document_id=document_id,
        reason=problem.for_log() if problem else "",
        user_id=given if given and isinstance(given, str) else owner_of(document_id),
        data=_text(data),
    )


def _text(data: Mapping[str, Any] | None) -> str:
    """Document fields as JSON, truncated to `_MAX_DATA` characters."""
    try:
        text = json.dumps(data, default=repr, ensure_ascii=True)
    except (ValueError, RecursionError) as error:
        text = f"cannot be written as text: {error}"
    return text if len(text) <= _MAX_DATA else f"{text[:_MAX_DATA]}…"
