"""Law of all signals: training and serving see the same user for the same interactions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, Interaction, InteractionType, Location, Profile, User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.friends import PastPlans
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import popularity
from shared.feedback.profiles import Declared
from shared.signals.attributes import attribute_entries, attribute_matrix, attribute_positions, attribute_terms
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import Term
from shared.signals.users import UserBatch
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.stores import documents
from tests.towers import fitted

USER_SIGNALS = [signal for signal in SIGNALS if isinstance(signal, UserSignal)]
LIKES = (InteractionType.VIEW, InteractionType.CLICK, InteractionType.SAVE, InteractionType.SHARE)


@dataclass(frozen=True)
class World:
    """Users who interact several times with the same event, in training and as they ask for a list."""

    data: TrainingData
    users: list[User]
    candidates: Candidates
    going: list[tuple[tuple[str, int], ...]]

    def batch(self) -> UserBatch:
        """Users as learning to rank and backtests see them."""
        histories = Histories.of_table(self.users, self.data.table, NOW, newest=MAX_HISTORY)
        by_id = {user.user_id: user for user in self.users}
        going = PastPlans(by_id, self.data.table.before(NOW), self.data.catalog).going(self.users)
        return UserBatch(replace(histories, going=going), self.candidates)

    def request(self, row: int, done: list[Interaction]) -> UserBatch:
        """One user as a request sees them: the stored history, newest first, and what mutual friends share."""
        mine = [interaction for interaction in done if interaction.user_id == self.users[row].user_id]
        newest = sorted(mine, key=lambda interaction: interaction.occurred_at, reverse=True)
        history = tuple(HistoryEntry.of(interaction) for interaction in newest)
        profile = Profile(self.users[row], history, self.going[row])
        return UserBatch(Histories.of_profile(profile, self.data.catalog, NOW), self.candidates)


def _draw(seed: int) -> tuple[World, list[Interaction]]:
    """Bookings with views before and after them, cancellations, dismissals, ratings and follows, in random order."""
    rng = np.random.default_rng(seed)
    events = [
        an_event(
            f"e{n:02}",
            title=f"Evening {'abc'[n % 3]}",
            organizer_id=f"o{n % 6}",
            venue_id=f"v{n % 5}",
            category=f"c{n % 3}",
            tags=(f"t{n % 4}", f"t{(n + 1) % 4}"),
            starts_at=NOW + float(rng.normal()) * 10 * DAY,
            created_at=NOW - 50 * DAY,
            location=Location(40.0 + n % 7, 140.0 + n % 4) if n % 9 else None,
        )
        for n in range(30)
    ]
    catalog = Catalog.of(events)
    done: list[Interaction] = []

    def act(user_id: str, event: int, kind: InteractionType, value: float | None = None) -> None:
        at = NOW - timedelta(seconds=int(rng.integers(60, 40 * 86_400)))
        done.append(an_interaction(user_id, f"e{event:02}", kind, occurred_at=at, value=value))

    for number in range(16):
        user_id = f"u{number:02}"
        for event in rng.choice(30, 5, replace=False):
            act(user_id, int(event), InteractionType.BOOKING)
            for _ in range(rng.integers(4)):
                act(user_id, int(event), LIKES[rng.integers(len(LIKES))])
            if rng.random() < 0.3:
                act(user_id, int(event), InteractionType.CANCEL)
            if rng.random() < 0.3:
                act(user_id, int(event), InteractionType.RATING, float(rng.integers(1, 6)))
        for event in rng.choice(30, 2, replace=False):
            act(user_id, int(event), InteractionType.DISMISS)
        for organizer in rng.choice(6, 2):
            at = NOW - timedelta(seconds=int(rng.integers(60, 40 * 86_400)))
            kind = InteractionType.FOLLOW
            done.append(an_interaction(user_id, "", kind, organizer_id=f"o{organizer}", occurred_at=at))
    names = [f"u{number:02}" for number in range(16)]
    users = [
        User(
            user_id=name,
            preferred_tags=("t1", "t2") if number % 2 else ("t3",),
            city=f"city {number % 3}",
            friends=tuple(str(friend) for friend in rng.choice(names, 9, replace=False)),
        )
        for number, name in enumerate(names)
    ]
    table = InteractionTable.of(done, catalog)
    data = TrainingData(table, catalog, NOW.timestamp(), Declared.of(users))
    rows = np.arange(len(catalog))
    candidates = Candidates(catalog, rows, NOW.timestamp(), popularity(table, len(catalog)))
    return World(data, users, candidates, _going(users, done)), done


def _going(users: list[User], done: list[Interaction]) -> list[tuple[tuple[str, int], ...]]:
    """Friends who go, as a store shares them and gives them with each profile."""
    store = documents()
    store.users.put(users, now=NOW)
    store.users.remember(sorted(done, key=lambda interaction: interaction.occurred_at))
    store.users.share_plans([user.user_id for user in users])
    going = [store.users.profile(user.user_id, timeout_s=1).friends_going for user in users]
    store.close()
    return going


def assert_law(signal: UserSignal, seed: int) -> None:
    """Equal rows of users in training and at serving, and equal scores however a history was read."""
    world, done = _draw(seed)
    params = fitted(signal, world.data)
    batch = world.batch()
    trained, served = signal.training_rows(world.data, params), signal.user_rows(params, batch)
    assert (trained is None) == (served is None)
    if trained is not None and served is not None:
        assert served == pytest.approx(trained.toarray(), rel=1e-5, abs=1e-6)
    scores = signal.score(params, batch)
    for row in range(len(world.users)):
        alone = signal.score(params, world.request(row, done))[0]
        assert alone == pytest.approx(scores[row], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("signal", USER_SIGNALS, ids=lambda signal: signal.name)
def test_training_and_serving_see_the_same_user(signal: UserSignal, seed: int) -> None:
    assert_law(signal, seed)


@pytest.mark.parametrize("signal", USER_SIGNALS, ids=lambda signal: signal.name)
def test_signals_that_learn_from_rows_of_users_say_which(signal: UserSignal) -> None:
    """Parameters that change when interactions are dealt to other users, all else kept, are learned from users."""
    world, done = _draw(5)
    rng = np.random.default_rng(6)
    about_events = [interaction for interaction in done if interaction.event_id]
    names = rng.permutation([interaction.user_id for interaction in about_events])
    dealt = [replace(interaction, user_id=str(name)) for name, interaction in zip(names, about_events, strict=True)]
    table = InteractionTable.of(dealt, world.data.catalog)
    other = TrainingData(table, world.data.catalog, world.data.now_s, world.data.declared)
    same = TrainingData(
        InteractionTable.of(about_events, world.data.catalog), world.data.catalog, world.data.now_s, world.data.declared
    )
    before, after = fitted(signal, same), fitted(signal, other)
    learns_from_users = any(not np.array_equal(before[name], after[name]) for name in before)
    says_which = signal.training_rows(same, before) is not None
    assert says_which or not learns_from_users


class EntrySummingRidge(UserSignal):
    """Ridge from a user's other events to each of them, which serving fed with sums over history entries.

    Training saw a 0/1 matrix of events, so five views of a booked event moved the score of serving alone.
    """

    name = "ridge"

    def fit(self, data: TrainingData) -> SignalParams:
        liked, events = data.liked_matrix, attribute_matrix(data.catalog)
        profiles = (liked @ events).toarray()
        gram = profiles.T @ profiles + np.eye(profiles.shape[1])
        return {"weights": np.linalg.solve(gram, profiles.T @ profiles).astype(np.float32)}

    def training_rows(self, data: TrainingData, _params: SignalParams) -> Any:
        return data.liked_matrix @ attribute_matrix(data.catalog)

    def user_rows(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        events, columns, weights = attribute_entries(batch.candidates.catalog, batch.histories.event_rows[batch.liked])
        rows = np.zeros((len(batch), len(params["weights"])), np.float32)
        np.add.at(rows, (batch.user_of_entry[batch.liked[events]], columns), weights)
        return rows

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        wanted = self.user_rows(params, batch) @ params["weights"]
        kept = np.arange(wanted.shape[1])
        yield from attribute_terms(attribute_positions(batch.candidates, kept), wanted)


def test_the_law_finds_a_signal_that_sums_entries_where_training_has_a_binary_matrix() -> None:
    with pytest.raises(AssertionError):
        assert_law(EntrySummingRidge(), 0)
