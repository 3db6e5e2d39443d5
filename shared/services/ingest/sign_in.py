"""Sign-in of an anonymous visitor: merges the visitor's interactions into the user's."""

import logging
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from shared.entities import Interaction, anonymous
from shared.errors import InvalidField
from shared.ports import Documents
from shared.services.ingest.erasure import forget

MAX_MERGED: Final = 2_000
"""Limit of interactions that a sign-in merges; the visitor's further interactions are erased."""

_log = logging.getLogger(__name__)


def sign_in(documents: Documents, *, anonymous_id: str, user_id: str, now: datetime) -> int:
    """Merge of a visitor's interactions into a user's, followed by erasure of the visitor; returns their number.

    Interactions of visitors are not counted before, so nothing counts twice. Interactions that the user has already are
    not changed. An interrupted call may be repeated, since the visitor is erased only when everything is stored.
    """
    visitor = anonymous(anonymous_id)
    stored = [entry for entry in documents.personal.of(visitor) if entry.collection == "interactions"]
    joined = []
    for entry in islice(stored, MAX_MERGED):
        try:
            interaction = replace(Interaction.from_document(entry.document_id, entry.fields), user_id=user_id)
        except InvalidField as error:
            _log.warning("leaves out what cannot be read of a visitor: %s", error)
        else:
            joined.append(replace(interaction, interaction_id=interaction.expected_id()))
    if stored:
        documents.interactions.append(joined, now=now, counted=False)
        forget(documents.personal, user_id=visitor, now=now)
    return len(joined)
