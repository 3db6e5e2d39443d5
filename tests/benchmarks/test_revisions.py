"""Ratios of two revisions."""

from benchmarks.revisions import _paths, _result


def test_ratios_are_those_of_this_revision_to_the_other_whichever_is_measured_first() -> None:
    result = _result(
        1_000, {"memory": {"this": [3.0, 6.0], "0bfb817": [2.0, 4.0]}, "time": {"old": [4.0], "this": [2.0]}}
    )
    assert result["median"] == {"memory": {"0bfb817": 3.0, "this": 4.5}, "time": {"old": 4.0, "this": 2.0}}
    assert result["ratio"]["memory"] == {"low": 1.5, "median": 1.5, "high": 1.5}
    assert result["ratio"]["time"] == {"low": 0.5, "median": 0.5, "high": 0.5}
    assert [list(by) for by in result["median"].values()] == [["0bfb817", "this"], ["old", "this"]]


def test_users_of_first_lists_are_asked_once_and_cached_ones_again() -> None:
    turns = [_paths("user, first list", ["event"], turn, 30) for turn in range(3)]
    assert len({path for turn in turns for path in turn}) == 90
    cached = _paths("user, cached", ["event"], 1, 60)
    assert len(cached) == 60
    assert len(set(cached)) == 20
