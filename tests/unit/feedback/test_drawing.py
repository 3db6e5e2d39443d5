"""Draw of users by their ids: whole users, the same in every engine."""

from hashlib import md5

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.feedback.drawing import BUCKETS, DIGITS, buckets, last_bucket


@given(st.lists(st.text(max_size=20).filter(lambda text: "\0" not in text), max_size=20))
def test_a_bucket_is_the_first_digits_of_the_hash_of_the_id(ids: list[str]) -> None:
    keys = np.array([text.encode() for text in ids], np.bytes_) if ids else np.empty(0, "S1")
    digits = [md5(text.encode(), usedforsecurity=False).hexdigest()[:DIGITS] for text in ids]
    assert [f"{bucket:0{DIGITS}x}" for bucket in buckets(keys)] == digits


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(0, 60))
def test_the_draw_is_as_large_as_it_may_be(counts: list[int], limit: int) -> None:
    last = last_bucket(np.array(counts), limit)
    drawn, first = sum(counts[: last + 1]), next((place for place, count in enumerate(counts) if count), 0)
    assert drawn <= limit or last == first
    assert last == len(counts) - 1 or drawn + counts[last + 1] > limit


def test_a_tenth_of_the_buckets_has_a_tenth_of_the_users() -> None:
    keys = np.array([f"user_{number}".encode() for number in range(20_000)])
    share = float((buckets(keys) < BUCKETS / 10).mean())
    assert abs(share - 0.1) < 0.01
