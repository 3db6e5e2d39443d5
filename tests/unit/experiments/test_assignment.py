"""Assignment: the same for ever, as the shares say, and changed by as little as they change."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from shared.entities import Experiment, Variant
from shared.entities.provenance import Segment
from shared.experiments.assignment import assigned, chosen, unit
from tests.examples import DAY, NOW

USERS = [f"user_{number}" for number in range(20_000)]
EXPERIMENT = Experiment(
    experiment_id="colours",
    variants=(Variant(name="red", share=0.5), Variant(name="blue", share=0.3)),
    starts_at=NOW,
    ends_at=NOW + DAY,
)


def test_the_assignment_of_a_user_never_changes() -> None:
    """Golden values: another one would move the users of all experiments that run."""
    shares = {"red": 0.5, "blue": 0.3}
    golden = ["red", "", "red", "red", "blue", "", "red", "red", "red", ""]
    assert [chosen(shares, "colours", user) for user in USERS[:10]] == golden
    assert [chosen(shares, "colours", user) for user in ("", "ü", "x" * 128)] == ["blue", "red", "blue"]
    assert unit("holdout", "alice") == 0.7984652025753045


@pytest.mark.parametrize("shares", [{"a": 0.5, "b": 0.5}, {"a": 0.1, "b": 0.2, "c": 0.7}, {"a": 0.05, "b": 0.05}])
@pytest.mark.parametrize("experiment_id", ["one", "two"])
def test_users_are_split_as_the_shares_say(shares: dict[str, float], experiment_id: str) -> None:
    counts = Counter(chosen(shares, experiment_id, user) for user in USERS)
    expected = {**shares, "": 1 - sum(shares.values())}
    chi_square = sum(
        (counts[name] - share * len(USERS)) ** 2 / (share * len(USERS)) for name, share in expected.items() if share > 0
    )
    # The 99.9 % quantile of chi-square with two degrees of freedom.
    assert chi_square < 13.8


def test_different_experiments_split_users_independently() -> None:
    first, second = ([chosen({"a": 0.5, "b": 0.5}, name, user) == "a" for user in USERS] for name in ("one", "two"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ({"a": 0.5, "b": 0.5}, {"a": 0.6, "b": 0.4}, {("b", "a"): 0.1}),
        ({"a": 0.1, "b": 0.1}, {"a": 0.4, "b": 0.4}, {("", "a"): 0.3, ("", "b"): 0.3}),
        ({"a": 0.5, "b": 0.5}, {"a": 0.4, "b": 0.4, "c": 0.2}, {("a", "c"): 0.1, ("b", "c"): 0.1}),
    ],
)
def test_no_more_users_move_than_must(
    before: dict[str, float], after: dict[str, float], moved: dict[tuple[str, str], float]
) -> None:
    moves = Counter((chosen(before, "e", user), chosen(after, "e", user)) for user in USERS)
    changes = {move: count / len(USERS) for move, count in moves.items() if move[0] != move[1]}
    assert changes.keys() == moved.keys()
    assert all(abs(changes[move] - share) < 0.012 for move, share in moved.items())


def test_an_experiment_has_its_audience_while_it_is_on() -> None:
    user = USERS[0]
    assert assigned([EXPERIMENT], user, Segment.WARM, NOW) == ("colours/red", EXPERIMENT.variants[0])
    for segment in (Segment.NOBODY, Segment.UNPROFILED):
        assert assigned([EXPERIMENT], user, segment, NOW) is None
    assert assigned([replace(EXPERIMENT, audience=("cold",))], user, Segment.WARM, NOW) is None
    assert assigned([EXPERIMENT], user, Segment.WARM, NOW + DAY) is None
    assert assigned([EXPERIMENT], user, Segment.WARM, NOW - DAY) is None


def test_a_user_is_in_one_experiment_the_first_that_takes_them() -> None:
    later = replace(EXPERIMENT, experiment_id="a", starts_at=NOW + DAY / 2)
    hits = (assigned([later, EXPERIMENT], user, Segment.WARM, NOW + DAY / 2) for user in USERS)
    found = Counter(hit[0].partition("/")[0] if hit else "" for hit in hits)
    assert abs(found["colours"] / len(USERS) - 0.8) < 0.01
    assert abs(found["a"] / len(USERS) - 0.2 * 0.8) < 0.01


def test_the_holdout_is_the_same_in_all_experiments_and_sees_popularity() -> None:
    one, two = replace(EXPERIMENT, holdout=0.05), replace(EXPERIMENT, experiment_id="other", holdout=0.1)

    def held_out(*experiments: Experiment) -> set[str]:
        found = {user: assigned(experiments, user, Segment.WARM, NOW) for user in USERS}
        return {user for user, hit in found.items() if hit and hit[0] == "holdout" and hit[1].model == "popularity"}

    assert held_out(one) < held_out(two) == held_out(one, two)
    assert abs(len(held_out(one)) / len(USERS) - 0.05) < 0.006
