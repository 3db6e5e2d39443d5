"""Lists of events: recommended, popular, trending and similar events, and the caller's own events in ranked order.

They differ in the candidates and their scores; one sequence turns these into an answer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import distinct
from shared.catalog.catalog import NEVER, moment
from shared.entities import Profile, Rules
from shared.entities.provenance import ListKind, Provenance, issue, named
from shared.feedback.popularity import growth
from shared.feedback.trends import recent, rising
from shared.models.baselines import MostPopular, fallback_scores
from shared.ports import Caller
from shared.ranking import cursor
from shared.ranking.batch import CHUNK
from shared.ranking.explanation import Explanation
from shared.ranking.exploration import Exploration
from shared.ranking.lists import build_list, may_show, to_items
from shared.ranking.nearest import POOL, nearest
from shared.ranking.query import ListQuery, RankedList, Recommendation
from shared.ranking.shortlist import Wanted
from shared.ranking.similarity import similarity
from shared.services.serving.context import ListRequest, RequestView, ServingContext, segment_of, with_fallback
from shared.services.serving.treatment import treated
from shared.signals.candidates import Candidates

POPULAR: Final = "popularity"
TRENDING: Final = "trending"
SIMILAR: Final = "content"
"""Sources of the events of lists that are not ranked by the model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """List of events.

    Attributes
    ----------
    recommendation_id : signed id of this list, which the interactions that follow from it carry, see `provenance.py`.
    model_version : version in service, None without a model.
    items : the events, best first.
    next_cursor : cursor of the next page, None where the list ends.
    degraded : parts that could not be used or brought up to date, see `RequestView`.
    first_end : end of the event that is over first, the assumed one where it is unknown, UTC; None for an empty list.
    provenance : what the id says of the list.
    """

    recommendation_id: str
    model_version: str | None
    items: list[Recommendation]
    next_cursor: str | None
    degraded: tuple[str, ...]
    first_end: datetime | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranked events of the caller's list.

    Attributes
    ----------
    recommendation_id : signed id of this list, which the interactions that follow from it carry, see `provenance.py`.
    model_version : version in service, None without a model.
    items : the events that may be shown, best first.
    left_out : ids of unknown events and of those that may not be shown to this user, in the caller's order.
    degraded : parts that could not be used or brought up to date, see `RequestView`.
    provenance : what the id says of the list.
    """

    recommendation_id: str
    model_version: str | None
    items: list[Recommendation]
    left_out: list[str]
    degraded: tuple[str, ...]
    provenance: Provenance


@with_fallback
def recommend(context: ServingContext, request: ListRequest) -> Answer:
    """Recommended live events for a user, after the business rules."""
    treatment = treated(context, context.view(request), request)
    view, request = treatment.view, treatment.request
    exploration = Exploration(treatment.exploration, request.seed)
    ranked = view.model.live(view.now).ranked(_wanted(view, request, view.snapshot.rules, exploration))
    return _answer(view, request, ranked, kind=ListKind.RECOMMENDATIONS, variant=treatment.label)


@with_fallback
def preview(context: ServingContext, request: ListRequest, *, rules: Rules) -> tuple[Answer, Answer]:
    """Recommended live events for a user by the business rules in force, and by other ones, of the same snapshot.

    Raises `InvalidField` for rules that could not take the place of those in force, see `Rules.check_change`.
    """
    view = context.view(request)
    rules.check_change(view.snapshot.rules, view.now)
    live = view.model.live(view.now)

    def under(placements: Rules) -> Answer:
        ruled = replace(view, snapshot=replace(view.snapshot, rules=placements))
        ranked = live.ranked(_wanted(ruled, request, placements))
        return _answer(ruled, request, ranked, kind=ListKind.RECOMMENDATIONS)

    return under(view.snapshot.rules), under(rules)


def recommend_each(
    context: ServingContext, profiles: Iterable[Profile], query: ListQuery
) -> Iterator[tuple[str, Answer]]:
    """Recommended live events for many users: their ids, each with what `recommend` answers for them.

    Users are scored in chunks. Each chunk has the snapshot of its time, so that changes during a long run count.
    """
    rest = iter(profiles)
    while chunk := list(islice(rest, CHUNK)):
        now = context.clock()
        snapshot = context.serving.current(now)
        live = snapshot.model.live(now)
        viewers = [context.viewer(profile, snapshot, now) for profile in chunk]
        for viewer, scores in zip(viewers, live.scores_of_each(viewers), strict=True):
            view = RequestView(snapshot, snapshot.model, viewer, now, snapshot.degraded, context.clock)
            user_id = viewer.profile.user.user_id
            request = ListRequest(user_id=user_id, query=query)
            ranked = live.ranked(_wanted(view, request, snapshot.rules), scores)
            yield user_id, _answer(view, request, ranked, kind=ListKind.RECOMMENDATIONS)


@with_fallback
def popular(context: ServingContext, request: ListRequest, *, window: str) -> Answer:
    """Popular live events, ties by start.

    Parameters
    ----------
    window : one of `trends.WINDOWS`; "" for decayed popularity of all time.
    """
    view = context.view(request)
    model, live = view.recommender, view.model.live(view.now).candidates
    sums = recent(model.popularity, model.before, window) if window else model.popularity
    scores = fallback_scores(sums[live.rows], live.wait_s())
    return _answer(view, request, _built(view, request, live, scores), kind=ListKind.POPULAR, source=POPULAR)


@with_fallback
def trending(context: ServingContext, request: ListRequest, *, window: str) -> Answer:
    """Trending live events: those that exceed the popularity expected from their past, greatest excess first.

    Parameters
    ----------
    window : one of `trends.WINDOWS`, in which the excess is measured.
    """
    view = context.view(request)
    model, live = view.recommender, view.model.live(view.now).candidates
    scores = rising(model.popularity, model.before, window, _to_present(view.now))[live.rows]
    ranked = _built(view, request, live, scores, is_eligible=scores > 0)
    return _answer(view, request, ranked, kind=ListKind.TRENDING, source=TRENDING)


@with_fallback
def similar(context: ServingContext, request: ListRequest, *, event_id: str, caller: Caller) -> Answer:
    """Live events by content similarity to an event, which may be over or newer than the model.

    Raises `NotFound` for an event that the caller may not know of, see `RequestView.with_event`.
    """
    view = context.view(request).with_event(context.documents.events, event_id, caller)
    live, row = view.model.live(view.now).candidates, view.recommender.catalog.events.row(event_id)
    query, wanted = request.query, _wanted(view, request, Rules())

    def allowed(part: Candidates) -> NDArray[np.bool_]:
        is_allowed: NDArray[np.bool_] = wanted.permits(part) & (part.rows != row)
        return is_allowed

    caps = {"series": query.per_series, "organizer": query.per_organizer}
    # With those that were on pages before.
    near = nearest(live, row, allowed, caps=caps, size=POOL + len(cursor.decode(query.cursor)))
    scores = similarity(near, np.array([row]))[0]
    ranked = _built(view, request, near, scores, is_eligible=(near.rows != row) & (scores > 0))
    return _answer(view, request, ranked, kind=ListKind.SIMILAR, source=SIMILAR)


@with_fallback
def rank(context: ServingContext, request: ListRequest, *, event_ids: Sequence[str]) -> Ranking:
    """Ranking of all of `event_ids` for a user, without events that may not be shown; pins and boosts do not apply."""
    treatment = treated(context, context.view(request), request)
    view, request = treatment.view, treatment.request
    catalog = view.recommender.catalog
    rows = distinct(catalog.events.rows(event_ids))
    rows = rows[rows >= 0]
    # Scores compare candidates with each other, so the others would tell about an event that may not be shown.
    candidates = view.recommender.candidates(rows[catalog.are_live(rows, view.now)], view.now)
    request = replace(request, query=replace(request.query, k=len(event_ids), per_series=None))
    scores = view.recommender.score(view.viewer, candidates)
    listed = _built(view, request, candidates, scores)
    answer = _answer(view, request, listed, kind=ListKind.RANK, variant=treatment.label)
    ranked = {item.event_id for item in answer.items}
    left_out = [event_id for event_id in dict.fromkeys(event_ids) if event_id not in ranked]
    return Ranking(
        answer.recommendation_id, answer.model_version, answer.items, left_out, answer.degraded, answer.provenance
    )


def _wanted(
    view: RequestView, request: ListRequest, placements: Rules, exploration: Exploration | None = None
) -> Wanted:
    """Request for a ranked list, with pins, boosts and caps by `placements`."""
    return Wanted(
        viewer=view.viewer,
        query=request.query,
        rules=view.snapshot.rules,
        placements=placements,
        now=view.now,
        exploration=exploration,
    )


def _built(
    view: RequestView,
    request: ListRequest,
    candidates: Candidates,
    scores: NDArray[np.floating],
    *,
    is_eligible: NDArray[np.bool_] | None = None,
) -> RankedList:
    """Ranked list of the best of c candidates without pins, boosts and caps by rules; blocks apply to every list.

    Parameters
    ----------
    scores : float of shape (c,), finite – higher is better.
    is_eligible : bool of shape (c,) – candidates that belong in this list, visible or not; None for all.
    """
    allowed = may_show(candidates.catalog, candidates.rows, view.viewer, view.snapshot.rules, view.now)
    if is_eligible is not None:
        allowed &= is_eligible
    return build_list(candidates, scores, allowed, request.query, now=view.now)


def _answer(
    view: RequestView,
    request: ListRequest,
    ranked: RankedList,
    *,
    kind: ListKind,
    source: str | None = None,
    variant: str = "",
) -> Answer:
    """Answer with the items of a ranked list.

    Parameters
    ----------
    kind : which list it is.
    source : what ranked all of the events; None to explain each.
    variant : label of the variant of an experiment that made the list, "" for none.
    """
    catalog, viewer, query, rules = view.recommender.catalog, view.viewer, request.query, view.snapshot.rules
    # Events may have ended while they were scored.
    present = view.clock()

    def explain(rows: NDArray[np.int64]) -> Sequence[Explanation]:
        return view.model.explain(viewer, rows, present)

    cards = view.recommender.cards
    items = to_items(catalog, cards, ranked, viewer, query, rules=rules, now=present, explain=explain, source=source)
    first_end = moment(catalog.ends_at[ranked.rows].min(initial=NEVER))
    version = view.snapshot.model_version
    provenance = Provenance(
        kind=kind,
        issued_at=int(view.now.timestamp()),
        seed=request.seed,
        segment=segment_of(request, viewer),
        model=0 if isinstance(view.recommender.scorer, MostPopular) else named(version or ""),
        variant=named(variant),
        is_fallback=version is None,
        is_degraded=bool(view.degraded),
        sources=[item.source or source or "" for item in items],
        explored=[(place, item.drawn) for place, item in enumerate(items) if item.drawn],
    )
    token = issue(provenance, view.snapshot.keys, user_id=request.user_id)
    return Answer(token, version, items, ranked.cursor, view.degraded, first_end, provenance)


def _to_present(now: datetime) -> float:
    """Factor from popularity sums at the landmark to sums at `now`."""
    return float(1 / growth(np.array([now.timestamp()]))[0])
