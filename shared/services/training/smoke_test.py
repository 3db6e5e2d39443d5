"""Smoke test of a packed model: recommendations in a fresh process must equal those of the fitted model.

`python -m shared.services.training.smoke_test` reads a line of JSON, the manifest and the profiles, and then the arrays
from its standard input, and writes the lists of recommendations as JSON. A starting instance loads a model likewise.
"""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, InteractionType, Profile, User, fields
from shared.entities.profile import MAX_HISTORY
from shared.errors import ArtifactError, described
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import TYPES
from shared.models.artifact import Manifest, unpack
from shared.ranking.query import Recommendation
from shared.ranking.recommender import Recommender
from shared.ranking.soundness import K, self_test, strangers, unsound

ACTIVE: Final = 8
"""Most active users among the tested profiles."""

_CLOSE: Final = 1e-4
"""Relative and absolute tolerance of scores."""

RunSmokeTest = Callable[[bytes], bytes]
"""Function that runs `answer` on a request in a fresh process and returns its response."""


def questions(table: InteractionTable, catalog: Catalog, users: Mapping[str, User]) -> list[Profile]:
    """Test profiles: those of `strangers`, and the `ACTIVE` most active users."""
    counts = np.bincount(table.user_rows, minlength=len(table.users))
    profiles = strangers()
    for row in np.argsort(-counts, kind="stable")[: min(ACTIVE, len(counts))]:
        entries = np.flatnonzero((table.user_rows == row) & (table.event_rows >= 0))[::-1][:MAX_HISTORY]
        events = catalog.events.ids(table.event_rows[entries])
        history = tuple(
            HistoryEntry(TYPES[code], _moment(time), event_id, "", None if np.isnan(value) else float(value))
            for code, time, value, event_id in zip(
                table.codes[entries], table.occurred_at[entries], table.values[entries], events, strict=True
            )
        )
        [user_id] = table.users.ids(np.array([row]))
        profiles.append(Profile(users.get(user_id) or User(user_id=user_id), history))
    return profiles


def not_finite(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Name of an array with a NaN or infinite value that would spoil scores, "" where there is none.

    Arrays of the catalog are exempt: an unknown time is infinite there, an unknown price NaN. Arrays named `*.since`,
    the times since which a signal knows each event, may be infinite, for unknown events, but not NaN.
    """
    for name, array in arrays.items():
        if array.dtype.kind != "f" or name.startswith("catalog."):
            continue
        is_bad = np.isnan(array) if name.endswith(".since") else ~np.isfinite(array)
        if is_bad.any():
            return name
    return ""


def check(
    recommender: Recommender, manifest: Manifest, data: bytes, profiles: list[Profile], run_smoke_test: RunSmokeTest
) -> str:
    """Reason against serving the model, "" when it passes the smoke test."""
    if array := not_finite(recommender.to_arrays()):
        return f"array {array} holds values that are not finite"
    now = manifest.trained_at
    live = recommender.live(now)
    lists = [recommender.recommend(profile, k=K, now=now, live=live) for profile in profiles]
    expected = _plain_lists(lists)
    asked = [_plain(profile) for profile in profiles]
    request = json.dumps({"manifest": manifest.to_json().decode(), "asked": asked})
    try:
        answered = json.loads(run_smoke_test(request.encode() + b"\n" + data))
    except (ArtifactError, ValueError) as error:
        return f"a fresh process could not use it: {described(error)}"
    if _differ(answered, expected):
        # The lists themselves are personal.
        return f"a fresh process answers differently from the fitted model on one of {len(profiles)} lists"
    problems = (
        unsound(recommender, profile, items, live.rows, now) for profile, items in zip(profiles, lists, strict=True)
    )
    # The last test is the one that every instance makes before it takes the model.
    return next(filter(None, problems), "") or self_test(recommender, now)


def answer(request: bytes) -> bytes:
    """Response of the fresh process to a request: loads the model and recommends for each profile."""
    head, _, data = request.partition(b"\n")
    document = json.loads(head)
    manifest = Manifest.from_json(document["manifest"].encode())
    recommender = Recommender.from_arrays(manifest.model, unpack(data, manifest))
    profiles = [_profile(entry) for entry in document["asked"]]
    now = manifest.trained_at
    live = recommender.live(now)
    return json.dumps(
        _plain_lists([recommender.recommend(profile, k=K, now=now, live=live) for profile in profiles])
    ).encode()


def _plain_lists(lists: list[list[Recommendation]]) -> list[list[list[Any]]]:
    return [[[item.event_id, item.score] for item in items] for items in lists]


def _differ(answered: list[list[list[Any]]], expected: list[list[list[Any]]]) -> bool:
    ids, scores = (
        [[[item[column] for item in items] for items in answers] for answers in (answered, expected)]
        for column in (0, 1)
    )
    if ids[0] != ids[1]:
        return True
    return not all(np.allclose(a, b, rtol=_CLOSE, atol=_CLOSE) for a, b in zip(*scores, strict=True))


def _plain(profile: Profile) -> dict[str, Any]:
    user = {**profile.user.to_document(), "created_at": None, "updated_at": None}
    entries = [[entry.type, entry.occurred_at.isoformat(), entry.event_id, entry.value] for entry in profile.history]
    return {"user_id": profile.user.user_id, "user": user, "history": entries}


def _profile(data: Mapping[str, Any]) -> Profile:
    history = tuple(
        HistoryEntry(InteractionType(kind), fields.required_time({"time": time}, "time"), event_id, "", value)
        for kind, time, event_id, value in data["history"]
    )
    return Profile(User.from_document(data["user_id"], data["user"]), history)


def _moment(posix_seconds: float) -> datetime:
    return datetime.fromtimestamp(posix_seconds, UTC)


def main() -> None:
    """Process of its own: writes the response to the request on its standard input, or ends with an error."""
    try:
        sys.stdout.buffer.write(answer(sys.stdin.buffer.read()))
    except Exception as error:  # noqa: BLE001  # the edge of a process, whose last words are stored with the run
        sys.exit(described(error))


if __name__ == "__main__":
    main()
