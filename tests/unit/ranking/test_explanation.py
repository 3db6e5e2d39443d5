"""Explanations against an oracle that scores each event again without each history entry and profile attribute."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.entities import HistoryEntry, InteractionType, Profile, User
from shared.models.blend import Blend
from shared.ranking import explanation, reasons
from shared.ranking.cards import Cards
from shared.ranking.explanation import explain
from shared.ranking.query import Viewer
from shared.ranking.recommender import Recommender
from shared.signals.registry import SIGNALS
from shared.signals.users import SEGMENTS
from tests.examples import DAY, NOW
from tests.towers import fitted
from tests.town import Town, town


def _random_weights(seed: int) -> NDArray[np.float32]:
    return np.abs(np.random.default_rng(seed).normal(size=len(SIGNALS))).astype(np.float32)


def _recommender(data: Town, weights: NDArray[np.float32]) -> Recommender:
    """Blend with weights that are equal in all segments: an explanation uses those of the user's full history."""
    blend = Blend(np.tile(weights, (len(SEGMENTS), 1)), {signal.name: fitted(signal, data.past) for signal in SIGNALS})
    zeros = np.zeros(len(data.catalog))
    return Recommender(data.catalog, blend, zeros, np.zeros((3, len(data.catalog))), Cards.of((), data.catalog.events))


def _without_each(profile: Profile, data: Town) -> Iterator[tuple[str | None, str | None, Profile]]:
    """Reason, event id of its entry and rest of the profile, for each entry and attribute that may be a reason."""
    for index, entry in enumerate(profile.history):
        variant = replace(profile, history=profile.history[:index] + profile.history[index + 1 :])
        if entry.type is InteractionType.FOLLOW:
            if data.catalog.organizers.row(entry.organizer_id) >= 0:
                yield "you follow the organizer", None, variant
        elif (row := data.catalog.events.row(entry.event_id)) >= 0 and _is_positive(entry.type, entry.value):
            reason = reasons.because(entry.type, entry.event_id, data.catalog.title(row))
            yield reason.text if reason else None, entry.event_id, variant
    user = profile.user
    yield (
        "matches your interests",
        None,
        replace(profile, user=replace(user, preferred_tags=(), preferred_categories=())),
    )
    yield "a friend goes", None, replace(profile, user=replace(user, friends=()), friends_going=())
    yield "near you", None, replace(profile, user=replace(user, location=None))


def _is_positive(kind: InteractionType, stars: float | None) -> bool:
    negative = (InteractionType.CANCEL, InteractionType.DISMISS, InteractionType.IMPRESSION)
    return kind not in negative and (stars is None or stars > 3)


def _expected(
    recommender: Recommender, data: Town, profile: Profile, columns: Sequence[int]
) -> list[tuple[str | None, set[str | None]]]:
    """Source of some candidates, None without a cause, and the reasons that explain each equally well."""
    personal_scores = recommender.scorer.personal_scores(data.batch(profile))
    whole = np.sum([scores[0] for scores in personal_scores.values()], axis=0)
    causes, losses = list[str | None](), []
    is_raised = np.zeros(len(data.candidates), np.bool_)
    for cause, event_id, variant in _without_each(profile, data):
        causes.append(cause)
        remaining = recommender.scorer.personal_scores(data.batch(variant))
        loss = whole - np.sum([scores[0] for scores in remaining.values()], axis=0)
        # An event is no reason for itself.
        is_own = data.candidates.rows == (data.catalog.events.row(event_id) if event_id else None)
        losses.append(np.where(is_own, -np.inf, loss))
        is_raised |= loss > 1e-6
    expected = list[tuple[str | None, set[str | None]]]()
    event_ids = data.catalog.events.ids(data.candidates.rows)
    for column in columns:
        lost = np.array([loss[column] for loss in losses])
        others = tuple(
            entry
            for entry in profile.history
            if entry.event_id != event_ids[column] or not _is_positive(entry.type, entry.value)
        )
        if whole[column] > 0 and lost.max() > 1e-6:
            # Losses that are equal but for rounding are equally good reasons.
            best = {cause for cause, loss in zip(causes, lost, strict=True) if loss >= lost.max() - 1e-4}
            expected.append((max(personal_scores, key=lambda name: personal_scores[name][0, column]), best))
        elif whole[column] > 0 and is_raised[column]:
            [(source, best)] = _expected(recommender, data, replace(profile, history=others), [column])
            top = max(personal_scores, key=lambda name: personal_scores[name][0, column])
            expected.append((source or top, best or {None}))
        else:
            expected.append((None, set()))
    return expected


@pytest.mark.parametrize("seed", range(4))
def test_reasons_name_the_entry_or_attribute_whose_removal_lowers_the_score_most(seed: int) -> None:
    data = town(seed)
    recommender = _recommender(data, _random_weights(seed))
    explained = 0
    for profile in data.profiles:
        viewer = Viewer.of(profile, data.catalog, NOW)
        listed = recommender.candidates(data.candidates.rows, NOW)
        explanations = explain(recommender.scorer, viewer, listed, {}, NOW)
        expected = _expected(recommender, data, profile, range(len(explanations)))
        for (source, found), (wanted, best) in zip(explanations, expected, strict=True):
            assert source == (wanted or "soonest")
            explained += wanted is not None
            assert wanted is None or {reason.text for reason in found} & best or None in best
    assert explained > 100


def test_explanations_do_not_depend_on_what_is_scored_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = town(0)
    recommender = _recommender(data, _random_weights(0))
    candidates = recommender.candidates(data.candidates.rows, NOW)
    ids = data.catalog.events.ids(candidates.rows)
    histories = [
        tuple(HistoryEntry(InteractionType.VIEW, NOW - DAY, event_id) for event_id in ids[first : first + length])
        for length in (1, 2, 3)
        for first in range(6)
    ]
    viewers = [Viewer.of(Profile(User(user_id="u"), history), data.catalog, NOW) for history in histories]
    found, scorings = {}, {}
    for limit in (0, 10_000):
        counted = Mock(wraps=explanation._left_out)
        with monkeypatch.context() as patched:
            patched.setattr(explanation, "_FEW_VARIANTS", limit)
            patched.setattr(explanation, "_left_out", counted)
            found[limit] = [explain(recommender.scorer, viewer, candidates, {}, NOW) for viewer in viewers]
        scorings[limit] = counted.call_count
    assert found[0] == found[10_000]
    assert scorings[10_000] == len(viewers) < scorings[0]


_NAMING = [kind for kind in InteractionType if reasons.because(kind, "e", "E")]


@pytest.mark.parametrize("kind", _NAMING)
def test_no_event_is_the_reason_for_itself(kind: InteractionType) -> None:
    data = town(0)
    recommender = _recommender(data, _random_weights(0))
    candidates = recommender.candidates(data.candidates.rows, NOW)
    ids = data.catalog.events.ids(candidates.rows)
    stars = 5.0 if kind is InteractionType.RATING else None
    named = set[object]()
    for event_id in ids[:8]:
        history = tuple(HistoryEntry(kind, NOW - DAY, each, value=stars) for each in (event_id, ids[8]))
        viewer = Viewer.of(Profile(User(user_id="u"), history), data.catalog, NOW)
        explanations = explain(recommender.scorer, viewer, candidates, {}, NOW)
        for listed, (_, found) in zip(ids, explanations, strict=True):
            causes = {reason.parameters.get("event_id") for reason in found}
            assert listed not in causes
            named |= causes
    # Each of them is one for other events.
    assert {*ids[:9]} <= named
