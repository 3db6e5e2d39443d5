"""Sign-in of a visitor: the visitor's interactions become the user's."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.entities import Interaction, Origin, anonymous
from shared.errors import InvalidField
from shared.ports import Documents
from shared.services.ingest.erasure import forget

MAX_JOINED: Final = 10_000
"""Limit of interactions that a sign-in joins to the user, the newest ones; the visitor's others are erased."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Joined:
    """Result of a sign-in: interactions that became the user's, and those of the visitor that did not."""

    joined: int = 0
    left_out: int = 0


def sign_in(documents: Documents, *, anonymous_id: str, user_id: str, now: datetime) -> Joined:
    """Union of a visitor's interactions with a user's, followed by erasure of the visitor.

    Nothing of a visitor is counted before, so nothing counts twice, and where both acted on a target the last word
    holds. An interrupted call may be repeated, since the visitor is erased only when everything is stored. When
    `anonymous_id` is `user_id`, somebody has signed up for an anonymous account: its interactions stay where they are.
    """
    is_own = anonymous_id == user_id
    visitor = user_id if is_own else anonymous(anonymous_id)
    stored = [entry for entry in documents.personal.of(visitor) if entry.collection == "interactions"]
    found = []
    for entry in stored:
        try:
            interaction = Interaction.from_document(entry.document_id, entry.fields)
        except InvalidField as error:
            _log.warning("leaves out what cannot be read of a visitor: %s", error.for_log())
            continue
        if interaction.is_of_visitor():
            found.append(replace(interaction, user_id=user_id, anonymous=False, origin=Origin.JOIN))
    found.sort(key=lambda interaction: interaction.occurred_at, reverse=True)
    joined = [replace(entry, interaction_id=entry.expected_id()) for entry in found[:MAX_JOINED]]
    if joined:
        documents.interactions.append(joined, now=now)
    if stored and not is_own:
        forget(documents.personal, user_id=visitor, now=now)
    return Joined(len(joined), len(found) - len(joined))
