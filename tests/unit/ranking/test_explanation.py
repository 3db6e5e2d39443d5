"""Reasons against the plain way: score the event again without each thing, one after the other."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from shared.entities import InteractionType, Profile
from shared.models.blend import Blend
from shared.ranking import reasons
from shared.ranking.explanation import explain
from shared.ranking.query import Viewer
from shared.ranking.recommender import Recommender
from shared.signals.registry import SIGNALS
from shared.signals.users import SEGMENTS
from tests.examples import NOW
from tests.town import Town, town


def _recommender(place: Town, seed: int) -> Recommender:
    """A model of random weights, the same in all segments, since a user is explained as the segment they are in."""
    weights = np.abs(np.random.default_rng(seed).normal(size=len(SIGNALS))).astype(np.float32)
    blend = Blend(np.tile(weights, (len(SEGMENTS), 1)), {signal.name: signal.fit(place.past) for signal in SIGNALS})
    nothing = np.zeros(len(place.catalog))
    return Recommender(place.catalog, blend, nothing, np.zeros((3, len(place.catalog))))


def _without_each(profile: Profile, place: Town) -> Iterator[tuple[str | None, Profile]]:
    for number, entry in enumerate(profile.history):
        less = replace(profile, history=profile.history[:number] + profile.history[number + 1 :])
        if entry.type is InteractionType.FOLLOW:
            if place.catalog.organizers.row(entry.organizer_id) >= 0:
                yield "you follow the organizer", less
        elif (row := place.catalog.events.row(entry.event_id)) >= 0 and _speaks(entry.type, entry.value):
            yield reasons.because(entry.type, place.catalog.title(row)), less
    user = profile.user
    yield "matches your interests", replace(profile, user=replace(user, preferred_tags=(), preferred_categories=()))
    yield "a friend goes", replace(profile, user=replace(user, friends=()))
    yield "near you", replace(profile, user=replace(user, location=None))


def _speaks(kind: InteractionType, stars: float | None) -> bool:
    against = (InteractionType.CANCEL, InteractionType.DISMISS, InteractionType.IMPRESSION)
    return kind not in against and (stars is None or stars > 3)


@pytest.mark.parametrize("seed", range(4))
def test_reasons_are_what_the_score_would_lose_most_without(seed: int) -> None:
    place = town(seed)
    recommender = _recommender(place, seed)
    rows = place.candidates.rows
    told_of = 0
    for profile in place.profiles:
        personal_scores = recommender.scorer.personal_scores(place.batch(profile))
        whole = np.sum([one[0] for one in personal_scores.values()], axis=0)
        causes, losses = list[str | None](), []
        for cause, less in _without_each(profile, place):
            causes.append(cause)
            left = recommender.scorer.personal_scores(place.batch(less))
            losses.append(whole - np.sum([one[0] for one in left.values()], axis=0))
        viewer = Viewer.of(profile, place.catalog, NOW)
        told = explain(recommender.scorer, viewer, recommender.candidates(rows, NOW), {}, NOW)
        for column, (source, why) in enumerate(told):
            lost = np.array([loss[column] for loss in losses])
            if whole[column] <= 0 or lost.max() <= 1e-6:
                assert source == "soonest"
                continue
            told_of += 1
            assert source == max(personal_scores, key=lambda name: personal_scores[name][0, column])
            # What loses equally much but for rounding is as good a reason.
            best = [cause for cause, loss in zip(causes, lost, strict=True) if loss >= lost.max() - 1e-4]
            assert set(why) & set(best) or None in best
    assert told_of > 100
