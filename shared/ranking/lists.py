"""Lists of events: which may be in them, in what order, and what is told of them.

Whatever ranks the events, every list is made by `choose` and leaves by `tell`, which looks once more at what may be
shown: no route has a way around it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog, moment
from shared.entities import Placement, Rules
from shared.ranking import cursor, reasons, topk
from shared.ranking.explanation import Reason
from shared.ranking.query import ListQuery, RankedList, Recommendation, Viewer
from shared.ranking.rerank import diverse, within_caps
from shared.ranking.similarity import similarity
from shared.signals.candidates import Candidates

_POOL: Final = 50


def may_show(
    catalog: Catalog, rows: NDArray[np.integer], viewer: Viewer, rules: Rules, now: datetime
) -> NDArray[np.bool_]:
    """Which events may be shown, bool of the shape of `rows`.

    Not those that are over, cancelled, hidden or sold out; that the viewer booked, attended, dismissed or organizes;
    or that the rules block.
    """
    allowed = catalog.are_live(rows, now)
    barred = np.concatenate([viewer.histories.already_consumed(), catalog.events.rows(rules.blocked_events)])
    if len(barred):
        # The last place is where unknown events point to, of which no row is one.
        is_barred = np.zeros(len(catalog) + 1, np.bool_)
        is_barred[barred] = True
        allowed &= ~is_barred[rows]
    closed = catalog.organizers.rows([*viewer.organizer_ids, *rules.blocked_organizers])
    if (closed >= 0).any():
        is_closed = np.zeros(len(catalog.organizers) + 1, np.bool_)
        is_closed[closed] = True
        # The last place is where unknown organizers point to, of the caller's as well as of the events.
        is_closed[-1] = False
        allowed &= ~is_closed[catalog.fields["organizer"].at(rows)]
    return allowed


def choose(
    candidates: Candidates,
    scores: NDArray[np.floating],
    allowed: NDArray[np.bool_],
    query: ListQuery,
    *,
    rules: Rules | None = None,
    now: datetime,
) -> RankedList:
    """The best of c candidates, by scores and `allowed` of shape (c,), as a request wishes and the rules have it."""
    catalog, rows = candidates.catalog, candidates.rows
    rules = rules or Rules()
    allowed = allowed & query.filters.allowed(candidates, now)
    shown = cursor.decode(query.cursor) if query.cursor else np.empty(0, np.uint64)
    earlier = np.empty(0, np.int64)
    fingerprints = candidates.cached_static("fingerprints", lambda: cursor.fingerprints(catalog.events.keys[rows]))
    if len(shown):
        earlier = np.flatnonzero(np.isin(fingerprints, shown))
        allowed[earlier] = False
    scores = _boosted(candidates, scores, rules, now)
    pins = _columns(rows, catalog.events.rows([one.target_id for one in rules.pinned if one.is_on(now)]))
    pins = pins[allowed[pins]][: query.k]
    allowed[pins] = False
    caps = [cap for cap in (query.per_organizer, rules.max_per_organizer) if cap is not None]
    before = np.concatenate([earlier, pins])
    rest = _best(candidates, scores, allowed, query, cap=min(caps, default=None), k=query.k - len(pins), before=before)
    columns = np.concatenate([pins, rest])
    listed = rows[columns].astype(np.int64)
    following = None
    if len(columns) == query.k and len(shown) + len(columns) < cursor.MAX_SHOWN:
        following = cursor.encode([*shown, *fingerprints[columns]])
    return RankedList(listed, scores[columns], len(pins), following)


def tell(
    catalog: Catalog,
    listed: RankedList,
    viewer: Viewer,
    query: ListQuery,
    *,
    rules: Rules,
    now: datetime,
    explain: Callable[[NDArray[np.int64]], Sequence[Reason]],
    source: str | None = None,
) -> list[Recommendation]:
    """The list as it is answered: without what may no longer be shown, each event with why it is there.

    `source` says what ranked all of them where that is known; otherwise `explain` is asked about their rows.
    """
    kept = np.flatnonzero(may_show(catalog, listed.rows, viewer, rules, now))
    rows = listed.rows[kept]
    told: Sequence[Reason] = [(None, ())] * len(rows)
    if query.explain and source is not None:
        told = [(source, _soon(catalog, row, now)) for row in rows]
    elif query.explain:
        told = explain(rows)
    return [
        Recommendation(
            event_id=event_id,
            title=catalog.title(row),
            starts_at=moment(catalog.starts_at[row]),
            score=float(listed.scores[place]),
            source="pinned" if query.explain and place < listed.pinned else why[0],
            reasons=why[1],
        )
        for event_id, row, place, why in zip(catalog.events.ids(rows), rows, kept, told, strict=True)
    ]


def _soon(catalog: Catalog, row: int, now: datetime) -> tuple[str, ...]:
    reason = reasons.starting(moment(catalog.starts_at[row]), now)
    return (reason,) if reason else ()


def _columns(rows: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where `wanted` are in the ascending `rows`, without those that are not."""
    if not len(rows):
        return np.empty(0, np.int64)
    places = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    found: NDArray[np.int64] = places[rows[places] == wanted].astype(np.int64)
    return found


def _boosted(candidates: Candidates, scores: NDArray[np.floating], rules: Rules, now: datetime) -> NDArray[np.floating]:
    events = [one for one in rules.boosted_events if one.is_on(now)]
    organizers = [one for one in rules.boosted_organizers if one.is_on(now)]
    if not len(scores) or not (events or organizers):
        return scores
    catalog = candidates.catalog
    strengths = _strengths(events, catalog.events)[candidates.rows]
    strengths = strengths + _strengths(organizers, catalog.organizers)[candidates.codes("organizer")]
    spread = float(scores.std())
    lifted: NDArray[np.floating] = scores + strengths * (spread if spread > 0 else 1.0)
    return lifted


def _strengths(boosted: Sequence[Placement], names: Vocabulary) -> NDArray[np.float64]:
    """How far each name is moved up, float64 of shape (len(names) + 1,); the last is for those that nobody knows."""
    strengths = np.zeros(len(names) + 1)
    np.add.at(strengths, names.rows([one.target_id for one in boosted]), [one.strength for one in boosted])
    strengths[-1] = 0.0
    return strengths


def _best(
    candidates: Candidates,
    scores: NDArray[np.floating],
    allowed: NDArray[np.bool_],
    query: ListQuery,
    *,
    cap: int | None,
    k: int,
    before: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Columns of the best k, best first; `before` are columns of the same list that come earlier."""
    if k < 1:
        return np.empty(0, np.int64)
    organizers = candidates.codes("organizer")

    def best(size: int) -> NDArray[np.int64]:
        reach = size if cap is None else 4 * size
        while True:
            pool = _top(scores, allowed, reach)
            kept = pool if cap is None else pool[within_caps(organizers[pool], cap, before=organizers[before])]
            if len(kept) >= size or len(pool) < reach:
                return kept[:size]
            reach *= 4

    if not query.diversity:
        return best(k)
    pool = best(max(_POOL, 3 * k))
    alike = similarity(_part(candidates, pool), candidates.rows[np.concatenate([pool, before])]).T
    return pool[diverse(scores[pool], alike, k, diversity=query.diversity)]


def _part(candidates: Candidates, columns: NDArray[np.int64]) -> Candidates:
    return Candidates(candidates.catalog, candidates.rows[columns], candidates.now_s, candidates.popularity[columns])


def _top(scores: NDArray[np.floating], allowed: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    columns, _ = topk.top(scores[None], allowed[None], k)
    found: NDArray[np.int64] = columns[0][columns[0] >= 0]
    return found
