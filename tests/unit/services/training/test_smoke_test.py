"""Smoke test: arrays that a published model may hold."""

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import User
from shared.feedback.interactions import InteractionTable
from shared.feedback.profiles import Declared
from shared.models.blend import HAND_SET, Blend
from shared.services.training.smoke_test import not_finite
from shared.signals.registry import SIGNALS
from shared.signals.signal import TrainingData
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.towers import fitted

BARE = [an_event("bare"), an_event("undated", starts_at=None)]


@pytest.mark.parametrize("liked", [False, True])
def test_signals_fitted_to_events_without_times_or_likes_have_publishable_arrays(*, liked: bool) -> None:
    catalog = Catalog.of([*BARE, an_event("known", created_at=NOW - DAY, price=5.0)], mentioned=["only mentioned"])
    done = [an_interaction(f"u{n}", "known") for n in range(3)]
    done += [an_interaction("u0", event.event_id) for event in BARE] if liked else []
    table = InteractionTable.of(done, catalog)
    past = TrainingData(table, catalog, NOW.timestamp(), Declared.of([User(user_id=key) for key in table.users.ids()]))
    blend = Blend(HAND_SET, {signal.name: fitted(signal, past) for signal in SIGNALS})
    assert not_finite(blend.to_arrays() | catalog.to_arrays()) == ""


@pytest.mark.parametrize(
    ("name", "value"), [("svd.vectors", np.nan), ("svd.vectors", np.inf), ("signal.unseen.since", np.nan)]
)
def test_an_array_that_is_not_finite_is_named(name: str, value: float) -> None:
    assert not_finite({"popularity.sums": np.zeros(2), name: np.array([1.0, value])}) == name
