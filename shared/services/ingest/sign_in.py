"""Sign-in of a visitor: the visitor's interactions become the user's."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.entities import Interaction, Origin, anonymous
from shared.errors import InvalidField
from shared.ports import Documents, PersonalDocument
from shared.services.ingest.erasure import CLOCKS

MAX_JOINED: Final = 10_000
"""Limit of interactions that a sign-in joins to the user, the newest ones; the visitor's others are erased."""

_ROUNDS: Final = 3
"""Readings of a visitor's interactions, each for what came during the one before."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Joined:
    """Result of a sign-in: interactions that became the user's, and those of the visitor that did not."""

    joined: int = 0
    left_out: int = 0


def sign_in(documents: Documents, *, anonymous_id: str, user_id: str, now: datetime) -> Joined:
    """Union of a visitor's interactions with a user's, followed by deletion of the visitor's documents.

    Nothing of a visitor is counted before, so nothing counts twice, and where both acted on a target the last word
    holds. An interrupted call may be repeated, since only what is stored for the user is deleted. What the visitor does
    meanwhile is joined, too, or stays the visitor's for the next call. When `anonymous_id` is `user_id`, somebody has
    signed up for an anonymous account: its interactions stay where they are.
    """
    is_own = anonymous_id == user_id
    visitor = user_id if is_own else anonymous(anonymous_id)
    n_joined, n_left_out = 0, 0
    seen = set[tuple[str, object]]()
    for _ in range(_ROUNDS):
        held = list(documents.personal.of(visitor))
        fresh = [entry for entry in held if entry.collection == "interactions" and _version(entry) not in seen]
        found = sorted(_of_visitor(fresh), key=lambda interaction: interaction.occurred_at, reverse=True)
        if not (found if is_own else fresh):
            break
        seen |= {_version(entry) for entry in fresh}
        given = [
            replace(entry, user_id=user_id, anonymous=False, origin=Origin.JOIN)
            for entry in found[: MAX_JOINED - n_joined]
        ]
        joined = [replace(entry, interaction_id=entry.expected_id()) for entry in given]
        if joined:
            documents.interactions.append(joined, now=now)
        if not is_own:
            # All that was recorded by then can be read by now, so late deliveries of it must not bring it back. What is
            # recorded later is refused nowhere, since it may not be joined yet.
            documents.personal.mark(visitor, at=now - CLOCKS)
            documents.personal.discard(held, now=now)
        n_joined += len(joined)
        n_left_out += len(found) - len(joined)
    return Joined(n_joined, n_left_out)


def _version(entry: PersonalDocument) -> tuple[str, object]:
    return entry.document_id, entry.fields.get("recorded_at")


def _of_visitor(stored: Iterable[PersonalDocument]) -> Iterator[Interaction]:
    """Readable interactions of a visitor."""
    for entry in stored:
        try:
            interaction = Interaction.from_document(entry.document_id, entry.fields)
        except InvalidField as error:
            _log.warning("leaves out what cannot be read of a visitor: %s", error.for_log())
            continue
        if interaction.is_of_visitor():
            yield interaction
