"""Makes a visitor's interactions those of the user that they have signed in as."""

import logging
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from shared.entities import Interaction, anonymous
from shared.errors import InvalidField
from shared.ports import Documents
from shared.services.ingest.erasure import forget

MAX_JOINED: Final = 2_000
_log = logging.getLogger(__name__)


def sign_in(documents: Documents, *, anonymous_id: str, user_id: str, now: datetime) -> int:
    """Store a visitor's interactions as the user's, and forget the visitor; returns how many there were.

    A visitor counts for nothing until then, so nothing counts twice. What the user had done already stays as it is.
    A call that was interrupted may be repeated: the visitor is forgotten only when everything is stored.
    """
    visitor = anonymous(anonymous_id)
    held = [one for one in documents.personal.of(visitor) if one.collection == "interactions"]
    joined = []
    for one in islice(held, MAX_JOINED):
        try:
            done = replace(Interaction.from_document(one.document_id, one.fields), user_id=user_id)
        except InvalidField as error:
            _log.warning("leaves out what cannot be read of a visitor: %s", error)
        else:
            joined.append(replace(done, interaction_id=done.expected_id()))
    if held:
        documents.interactions.append(joined, now=now, counted=False)
        forget(documents.personal, user_id=visitor, now=now)
    return len(joined)
