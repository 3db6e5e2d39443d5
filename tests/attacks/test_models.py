"""Models with a valid digest and wrong arrays: none is taken into service, or it serves sound lists all the same."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.catalog.catalog import UNSEEN, Catalog
from shared.errors import ArtifactError
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import popularity
from shared.feedback.profiles import Declared
from shared.feedback.trends import before_windows
from shared.models.blend import Blend
from shared.models.registry import trainable
from shared.ranking.cards import Cards
from shared.ranking.recommender import Recommender
from shared.ranking.soundness import K, self_test, unsound
from shared.signals.registry import SIGNALS
from shared.signals.signal import TrainingData
from shared.signals.users import SEGMENTS
from tests import laws
from tests.examples import NOW
from tests.towers import fitted

Arrays = Mapping[str, NDArray[Any]]


@cache
def _fitted(model: str) -> Recommender:
    """Recommender whose blend weighs every signal, so that every array that a model may store is read."""
    data = laws.city()
    users = {
        user_id: dataclasses.replace(user, preferred_tags=("music", "calm"), friends=("jazz_fan_1", "yoga_fan_2"))
        for user_id, user in data.users.items()
    }
    if model != Blend.name:
        return laws.trained(model, data)
    catalog = Catalog.of(data.events)
    table = InteractionTable.of(data.interactions, catalog)
    declared = Declared.of([users[user_id] for user_id in table.users.ids()])
    past = TrainingData(table, catalog, NOW.timestamp(), declared)
    weights = np.ones((len(SEGMENTS), len(SIGNALS)), np.float32)
    blend = Blend(weights, {signal.name: fitted(signal, past) for signal in SIGNALS})
    sums = popularity(table, len(catalog))
    cards = Cards.of(data.events, catalog.events)
    return Recommender(catalog, blend, sums, before_windows(table, len(catalog), NOW), cards)


@cache
def _arrays(model: str) -> Arrays:
    return _fitted(model).to_arrays()


def _taken(model: str, arrays: Arrays) -> bool:
    """Whether an instance takes a model of these arrays; if it does, all lists must be sound."""
    try:
        recommender = Recommender.from_arrays(model, arrays)
    except ArtifactError:
        return False
    if self_test(recommender, NOW):
        return False
    recommender.scorer.prepare()
    data, live = laws.city(), recommender.live(NOW)
    for user_id in ("jazz_fan_1", "omnivore_0", "stranger"):
        profile = laws.profile(data, user_id)
        items = recommender.recommend(profile, k=K, now=NOW, live=live)
        assert unsound(recommender, profile, items, live.rows, NOW) == "", user_id
    return True


def _filled(value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda array: np.full_like(array, value)


def _last(value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(array: NDArray[Any]) -> NDArray[Any]:
        changed = array.copy()
        changed.flat[-1] = value
        return changed

    return change


def _of_another_precision(array: NDArray[Any]) -> NDArray[Any]:
    # What is damaged already may be too large.
    with np.errstate(over="ignore"):
        return array.astype(np.float32 if array.dtype != np.float32 else np.float64)


DAMAGES: dict[str, tuple[str, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    "shortened": ("biufS", lambda array: array[:-1]),
    "emptied": ("biufS", lambda array: array[:0]),
    "lengthened": ("biufS", lambda array: np.concatenate([array, array[-1:]])),
    "narrowed": ("biufS", lambda array: array[..., :-1] if array.ndim > 1 else array[:, None]),
    "flattened": ("biufS", lambda array: array.ravel() if array.ndim > 1 else array.reshape(1, -1)),
    "a number": ("biufS", lambda array: array.ravel()[:1].reshape(())),
    "of doubles": ("biu", lambda array: array.astype(np.float64)),
    "of bytes": ("biuf", lambda array: array.astype("S")),
    "of another precision": ("f", lambda array: _of_another_precision(array)),
    "of wider integers": ("iu", lambda array: array.astype(np.int64 if array.dtype != np.int64 else np.int32)),
    "of other bytes": ("iuf", lambda array: array.astype(array.dtype.newbyteorder(">"))),
    "of integers": ("fS", lambda array: np.zeros(array.shape, np.int64)),
    "not UTF-8": (
        "S",
        lambda array: np.array([b"\xff" + bytes(entry) for entry in array.ravel()]).reshape(array.shape),
    ),
    "NaN": ("f", _filled(np.nan)),
    "infinite": ("f", _filled(np.inf)),
    "minus infinite": ("f", _filled(-np.inf)),
    "NaN at the end": ("f", _last(np.nan)),
    "infinite at the end": ("f", _last(np.inf)),
    "too large": ("f", lambda array: np.full_like(array, np.finfo(array.dtype).max)),
    "far below zero": ("f", lambda array: np.full_like(array, np.finfo(array.dtype).min)),
    "out of range": ("iu", lambda array: np.full_like(array, np.iinfo(array.dtype).max)),
    "out of range at the end": ("iu", lambda array: _last(np.iinfo(array.dtype).max)(array)),
    "negative": ("i", _filled(-7)),
    "reversed": ("biufS", lambda array: array[::-1].copy()),
}
"""Damages by name: the kinds of dtypes that they apply to, and the change."""

CASES = [
    (model, name, damage)
    for model in trainable()
    for name, array in _arrays(model).items()
    for damage, (kinds, _) in DAMAGES.items()
    if array.size and array.dtype.kind in kinds and (array.itemsize > 1 or damage != "of other bytes")
]


@pytest.mark.parametrize("model", trainable())
def test_a_whole_model_is_taken(model: str) -> None:
    assert _taken(model, _arrays(model))


ANOTHER_MODEL = frozenset({"reversed", "too large", "far below zero"})
"""Damages that may give another model, but no broken one, which nobody can tell from a training's."""
UNKNOWN = frozenset({"NaN", "NaN at the end"})
NEVER = frozenset({"infinite", "minus infinite", "infinite at the end"})
HASHES = frozenset({"out of range", "out of range at the end"})
VALUES = {
    **dict.fromkeys(("catalog.lat", "catalog.lng", "catalog.price", "catalog.cards.price"), UNKNOWN),
    **dict.fromkeys(("catalog.start_shift_s", "catalog.end_shift_s"), UNKNOWN),
    **dict.fromkeys(("catalog.starts_at", "catalog.ends_at", "catalog.created_at"), NEVER),
    **{f"signal.{name}.since": NEVER for name in ("freshness", "unseen", "passed_organizer")},
    "catalog.labels.hashes": HASHES,
    "catalog.meaning.fingerprints": HASHES - {"out of range"},
    **dict.fromkeys(("svd.vectors", "signal.neighbours.vectors"), frozenset({"narrowed"})),
}
"""Values of arrays that a training may store as well: unknown numbers and times, any hash, fewer factors."""
LATER = frozenset({"catalog.visible", "catalog.default_timezone"})
"""Arrays that models of earlier versions lack."""


@pytest.mark.parametrize("model", trainable())
def test_no_damaged_array_reaches_a_request(model: str) -> None:
    arrays = _arrays(model)
    tried = [(name, damage) for of_model, name, damage in CASES if of_model == model]
    taken = [
        (name, damage) for name, damage in tried if _taken(model, {**arrays, name: DAMAGES[damage][1](arrays[name])})
    ]
    allowed = [case for case in taken if case[1] in ANOTHER_MODEL or case[1] in VALUES.get(case[0], ())]
    assert taken == allowed


@pytest.mark.parametrize("model", trainable())
def test_no_model_without_one_of_its_arrays_is_taken(model: str) -> None:
    for name in _arrays(model).keys() - LATER:
        assert not _taken(model, {key: array for key, array in _arrays(model).items() if key != name}), name


@pytest.mark.parametrize("model", trainable())
def test_no_model_whose_events_end_before_they_start_is_taken(model: str) -> None:
    arrays = _arrays(model)
    starts, ends, created = (arrays[f"catalog.{name}"] for name in ("starts_at", "ends_at", "created_at"))
    for changed in (
        {"catalog.starts_at": ends, "catalog.ends_at": starts},
        {"catalog.created_at": ends, "catalog.ends_at": created},
        {"catalog.ends_at": np.zeros_like(ends)},
        {"catalog.ends_at": starts - 1},
        {"catalog.ends_at": np.full_like(ends, UNSEEN)},
    ):
        assert not _taken(model, {**arrays, **changed}), [*changed]


@pytest.mark.attacks
@settings(max_examples=2_000, deadline=None)
@given(st.data())
def test_no_mixture_of_damages_reaches_a_request(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(sorted(trainable())))
    arrays = dict(_arrays(model))
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(sorted(arrays)))
        array = np.atleast_1d(arrays[name])
        if not array.size:
            continue
        kind = data.draw(st.sampled_from(("named", "value", "cut", "other", "swapped")))
        if kind == "named":
            damage = data.draw(st.sampled_from(sorted(DAMAGES)))
            if array.dtype.kind in DAMAGES[damage][0]:
                arrays[name] = DAMAGES[damage][1](array)
        elif kind == "value" and array.dtype.kind in "iuf":
            changed = array.copy()
            limits = np.iinfo(array.dtype) if array.dtype.kind in "iu" else np.finfo(array.dtype)
            values = st.sampled_from([limits.min, limits.max, 0, 1, len(array), *changed.ravel()[:3].tolist()])
            changed.flat[data.draw(st.integers(0, array.size - 1))] = data.draw(values)
            arrays[name] = changed
        elif kind == "cut":
            arrays[name] = array[data.draw(st.integers(0, len(array))) :]
        elif kind == "other":
            arrays[name] = arrays[data.draw(st.sampled_from(sorted(arrays)))]
        else:
            arrays[name] = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(array)
    _taken(model, arrays)
