"""Makes a dead letter of a document that can never be used."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from shared.errors import InvalidField
from shared.ports import DeadLetter

_MAX_DATA: Final = 10_000


def dead_letter(
    collection: str,
    document_id: str,
    data: Mapping[str, Any] | None,
    problem: InvalidField | None,
    *,
    delivery: str = "",
) -> DeadLetter:
    """The letter about a document, the same however often it is delivered.

    What cannot be told from a document is told apart by `delivery`, the id of the event that brought it. The key says
    nothing about the document, whose id begins with its user's.
    """
    name = f"{collection}/{document_id or delivery}"
    user_id = (data or {}).get("user_id")
    return DeadLetter(
        key=blake2b(name.encode(errors="replace"), digest_size=16).hexdigest(),
        collection=collection,
        document_id=document_id,
        reason=str(problem or ""),
        user_id=user_id if isinstance(user_id, str) else "",
        data=_text(data),
    )


def _text(data: Mapping[str, Any] | None) -> str:
    """The fields as JSON, cut where they are long."""
    try:
        text = json.dumps(data, default=repr, ensure_ascii=True)
    except (ValueError, RecursionError) as error:
        text = f"cannot be written as text: {error}"
    return text if len(text) <= _MAX_DATA else f"{text[:_MAX_DATA]}…"
