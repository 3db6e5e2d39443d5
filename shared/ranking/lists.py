"""List building: visibility mask, ranked lists (filters, boosts, pins, caps, diversity) and their items.

Whatever scores the events, every list is built by `build_list` and turned into items by `to_items`, which applies the
visibility mask once more. So no route can return an event that may not be shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.entities import Placement, Rules
from shared.ranking import cursor
from shared.ranking.cards import Cards
from shared.ranking.explanation import Explanation
from shared.ranking.exploration import Exploration, Explored, least_known, with_explored
from shared.ranking.query import ListQuery, RankedList, Recommendation, Viewer
from shared.ranking.reasons import starting
from shared.ranking.rerank import Cap, best_within, diverse
from shared.ranking.similarity import similarity
from shared.signals.candidates import Candidates
from shared.signals.static_candidates import StaticCandidates

PINNED: Final = "pinned"
EXPLORED: Final = "explored"
"""Sources of events that a business rule, or chance, has placed."""

_POOL: Final = 50
"""Candidates that are re-ranked for diversity, at least; three times the length of the list where that is more."""


def may_show(
    catalog: Catalog, rows: NDArray[np.integer], viewer: Viewer, rules: Rules, now: datetime
) -> NDArray[np.bool_]:
    """Visibility mask of events, bool of the shape of `rows`: live, not consumed by the viewer, not blocked by rules.

    Left out are events that are over, cancelled, hidden or sold out; that the viewer booked, attended, dismissed or
    organizes; or that the rules block by event or organizer.
    """
    allowed = catalog.are_live(rows, now)
    by_id = catalog.events.rows([*viewer.consumed_ids, *rules.blocked_events])
    excluded = np.concatenate([viewer.histories.already_consumed(), by_id])
    if len(excluded):
        # The extra last element takes unknown events, whose row is -1; no element of `rows` reads it.
        is_excluded = np.zeros(len(catalog) + 1, np.bool_)
        is_excluded[excluded] = True
        allowed &= ~is_excluded[rows]
    excluded_organizers = catalog.organizers.rows([*viewer.organizer_ids, *rules.blocked_organizers])
    if (excluded_organizers >= 0).any():
        is_excluded = np.zeros(len(catalog.organizers) + 1, np.bool_)
        is_excluded[excluded_organizers] = True
        # Unknown organizers have row -1, among the viewer's ids as well as in events, and must not match each other.
        is_excluded[-1] = False
        allowed &= ~is_excluded[catalog.fields["organizer"].at(rows)]
    return allowed


def build_list(
    candidates: Candidates,
    scores: NDArray[np.floating],
    allowed: NDArray[np.bool_],
    query: ListQuery,
    *,
    rules: Rules | None = None,
    now: datetime,
    exploration: Exploration | None = None,
    spread: float | None = None,
) -> RankedList:
    """Ranked list of the best candidates, by score, after filters, business rules, caps and diversity.

    Pinned events come first. Events on pages before, named by the query's cursor, are left out.

    Parameters
    ----------
    scores : float of shape (c,), finite – higher is better.
    allowed : bool of shape (c,) – candidates that may be listed, see `may_show`.
    rules : boosts, pins and the cap by organizer; None for none.
    exploration : share of slots that are given to events with little feedback; None for none.
    spread : standard deviation of scores, in which boosts are measured; None for that of these.
    """
    rules, rows = rules or Rules(), candidates.rows
    allowed = allowed & query.filters.allowed(candidates, now)
    shown = cursor.decode(query.cursor) if query.cursor else np.empty(0, np.uint64)
    fingerprints, earlier = candidates.static.derived(fingerprints_of), shown_before(candidates, query)
    allowed[earlier] = False
    if (strengths := boosts(candidates, rules, now)) is not None:
        scores = scores + strengths * ((float(scores.std()) if spread is None else spread) or 1.0)
    pins = pinned(candidates, rules, now)
    pins = pins[allowed[pins]][: query.k]
    allowed[pins] = False
    per_organizer = [cap for cap in (query.per_organizer, rules.max_per_organizer) if cap is not None]
    # Series first: what its cap leaves out must not count for the organizer.
    caps = {"series": query.per_series, "organizer": min(per_organizer, default=None)}
    before = np.concatenate([earlier, pins])
    codes = candidates.static.codes
    known_caps = [Cap(codes[field], limit, before) for field, limit in caps.items() if limit is not None]
    rest = _best(candidates, scores, allowed, query, caps=known_caps, k=query.k - len(pins), before=before)
    columns, explored = np.concatenate([pins, rest]), tuple[Explored, ...]()
    if exploration is not None and exploration.share > 0 and len(rest):
        pool = least_known(candidates.popularity, fingerprints, allowed, now)
        earlier_caps = [replace(cap, before=earlier) for cap in known_caps]
        columns, explored = with_explored(columns, pool, exploration, pinned=len(pins), caps=earlier_caps)
    listed = rows[columns].astype(np.int64)
    next_cursor = None
    if len(columns) == query.k and len(shown) + len(columns) < cursor.MAX_SHOWN:
        next_cursor = cursor.encode([*shown, *fingerprints[columns]])
    return RankedList(listed, scores[columns], len(pins), next_cursor, explored)


def to_items(
    catalog: Catalog,
    cards: Cards,
    listed: RankedList,
    viewer: Viewer,
    query: ListQuery,
    *,
    rules: Rules,
    now: datetime,
    explain: Callable[[NDArray[np.int64]], Sequence[Explanation]],
    source: str | None = None,
) -> list[Recommendation]:
    """Items of a ranked list with cards and explanations, without events that may not be shown at `now`.

    Parameters
    ----------
    cards : cards of the catalog's events.
    explain : called with event rows, int64 of shape (n,); returns the explanation of each.
    source : what ranked all of the events; None to call `explain`.
    """
    kept = np.flatnonzero(may_show(catalog, listed.rows, viewer, rules, now))
    rows = listed.rows[kept]
    explanations: Sequence[Explanation] = [(None, ())] * len(rows)
    if query.explain and source is not None:
        soon = [starting(days) for days in catalog.days_ahead(rows, now).tolist()]
        explanations = [(source, (reason,) if reason else ()) for reason in soon]
    elif query.explain:
        explanations = explain(rows)
    drawn = {slot.position: slot.probability for slot in listed.explored}
    return [
        Recommendation(
            event_id=event.event_id,
            title=event.title,
            starts_at=event.starts_at,
            score=score,
            source=_source(listed, position, source_of_score) if query.explain else source_of_score,
            reasons=reasons,
            card=event.card,
            drawn=drawn.get(position),
        )
        for event, score, position, (source_of_score, reasons) in zip(
            cards.listed(catalog, rows), listed.scores[kept].tolist(), kept.tolist(), explanations, strict=True
        )
    ]


def _source(listed: RankedList, position: int, explained: str | None) -> str | None:
    """Source of the event at a position: what placed it there, or else what explains its score."""
    if position < listed.pinned:
        return PINNED
    return EXPLORED if any(slot.position == position for slot in listed.explored) else explained


def fingerprints_of(candidates: StaticCandidates) -> NDArray[np.uint64]:
    """Fingerprints of the candidates' ids for cursors, uint64 of shape (c,)."""
    return cursor.fingerprints(candidates.catalog.events.keys[candidates.rows])


def pinned(candidates: Candidates, rules: Rules, now: datetime) -> NDArray[np.int64]:
    """Columns of the candidates that are pinned at `now`, in the order of the rules, int64."""
    ids = [pin.target_id for pin in rules.pinned if pin.is_on(now)]
    return _columns(candidates.rows, candidates.catalog.events.rows(ids))


def shown_before(candidates: Candidates, query: ListQuery) -> NDArray[np.int64]:
    """Columns of the candidates on pages before, which the query's cursor names, int64, ascending."""
    if not query.cursor:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.isin(candidates.static.derived(fingerprints_of), cursor.decode(query.cursor)))


def _columns(rows: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.int64]:
    """Positions of `wanted` in the ascending `rows`, int64, in the order of `wanted`; missing values are left out."""
    if not len(rows):
        return np.empty(0, np.int64)
    positions = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    found: NDArray[np.int64] = positions[rows[positions] == wanted].astype(np.int64)
    return found


def boosts(candidates: Candidates, rules: Rules, now: datetime) -> NDArray[np.float64] | None:
    """Sum of the boosts of each candidate at `now`, float64 of shape (c,); None where there is none."""
    events = [boost for boost in rules.boosted_events if boost.is_on(now)]
    organizers = [boost for boost in rules.boosted_organizers if boost.is_on(now)]
    if not len(candidates) or not (events or organizers):
        return None
    catalog = candidates.catalog
    strengths = _strengths(events, catalog.events)[candidates.rows]
    strengths += _strengths(organizers, catalog.organizers)[candidates.static.codes["organizer"]]
    of_candidates: NDArray[np.float64] = strengths
    return of_candidates


def _strengths(boosts: Sequence[Placement], names: Vocabulary) -> NDArray[np.float64]:
    """Summed boost of each name, float64 of shape (len(names) + 1,); the last element, of unknown names, is 0."""
    strengths = np.zeros(len(names) + 1)
    np.add.at(strengths, names.rows([boost.target_id for boost in boosts]), [boost.strength for boost in boosts])
    strengths[-1] = 0.0
    return strengths


def _best(
    candidates: Candidates,
    scores: NDArray[np.floating],
    allowed: NDArray[np.bool_],
    query: ListQuery,
    *,
    caps: Sequence[Cap],
    k: int,
    before: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Columns of the best k candidates, int64, best first, within the caps and re-ranked for diversity.

    Parameters
    ----------
    before : columns of the pinned events and of events on pages before.
    """
    if k < 1:
        return np.empty(0, np.int64)
    if not query.diversity:
        return best_within(scores, allowed, k, caps)
    pool = best_within(scores, allowed, max(_POOL, 3 * k), caps)
    similarities = similarity(candidates.part(pool), candidates.rows[np.concatenate([pool, before])]).T
    return pool[diverse(scores[pool], similarities, k, diversity=query.diversity)]
