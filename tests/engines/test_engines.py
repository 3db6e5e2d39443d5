"""Engines of digests agree to the bit with numpy's, which uses the rules of the direct training."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import digest
from shared.adapters.digesters.arrays import ArrayDigester
from shared.adapters.engines import open_digester
from shared.entities import Interaction, InteractionType, User
from shared.errors import ArtifactError, SettingsError
from shared.ledger.index import INTERACTIONS, USERS
from shared.ports import Digester
from tests.engines import ledgers
from tests.examples import an_interaction

SEEDS = (1, 2)


def _duckdb(folder: Path) -> Digester:
    return open_digester("duckdb", f"folder:{folder}", memory="500MB")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ledgers.interactions, ledgers.users, st.booleans(), st.sampled_from([0x0FFF, 0x8FFF, 0xFFFF]))
def test_duckdb_agrees_on_random_ledgers(done: list[Interaction], users: list[User], is_early: bool, last: int) -> None:  # noqa: FBT001  # a parameter
    with TemporaryDirectory() as folder:
        objects, ledger = ledgers.write(Path(folder), done, users, is_early=is_early)
        digester = _duckdb(Path(folder))
        assert ledgers.reduced(digester, ledger, last) == ledgers.reduced(ArrayDigester(objects), ledger, last)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3.4e38, None])
def test_duckdb_agrees_on_numbers_that_are_no_stars(value: float | None, tmp_path: Path) -> None:
    rating, view = InteractionType.RATING, InteractionType.VIEW
    rows = [("a", rating, 3.0), ("b", rating, value), ("c", view, 3.0)]
    done = [an_interaction("ada", event_id, kind, value=stars) for event_id, kind, stars in rows]
    objects, ledger = ledgers.write(tmp_path, done, [], is_early=False)
    assert ledgers.reduced(_duckdb(tmp_path), ledger, 0xFFFF) == ledgers.reduced(ArrayDigester(objects), ledger, 0xFFFF)


@pytest.mark.parametrize("seed", SEEDS)
def test_duckdb_agrees_on_a_larger_ledger(seed: int, tmp_path: Path) -> None:
    objects, ledger = ledgers.write(tmp_path, *ledgers.drawn(seed))
    assert ledgers.reduced(_duckdb(tmp_path), ledger, 0x8000) == ledgers.reduced(ArrayDigester(objects), ledger, 0x8000)


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("is_early", [False, True])
def test_spark_agrees_in_a_process(is_early: bool, tmp_path: Path) -> None:  # noqa: FBT001  # a parameter
    objects, ledger = ledgers.write(tmp_path, *ledgers.drawn(3), is_early=is_early)
    digester = open_digester("spark", f"folder:{tmp_path}", master="local[2]")
    assert ledgers.reduced(digester, ledger, 0x8000) == ledgers.reduced(ArrayDigester(objects), ledger, 0x8000)


def test_spark_agrees_on_a_cluster_of_two_workers(cluster: str, tmp_path: Path) -> None:
    objects, ledger = ledgers.write(tmp_path, *ledgers.drawn(4))
    digester = open_digester("spark", f"folder:{tmp_path}", master=cluster)
    assert ledgers.reduced(digester, ledger, 0x8000) == ledgers.reduced(ArrayDigester(objects), ledger, 0x8000)


@pytest.mark.usefixtures("spark")
def test_spark_agrees_on_an_empty_ledger(tmp_path: Path) -> None:
    objects, ledger = ledgers.write(tmp_path, [], [])
    digester = open_digester("spark", f"folder:{tmp_path}", master="local[2]")
    assert ledgers.reduced(digester, ledger) == ledgers.reduced(ArrayDigester(objects), ledger)


@pytest.mark.parametrize("feed", [INTERACTIONS, USERS])
def test_duckdb_names_the_ledger_where_a_file_is_damaged(feed: str, tmp_path: Path) -> None:
    _, ledger = ledgers.write(tmp_path, *ledgers.drawn(5))
    for chunk in ledger.feeds[feed].chunks:
        (tmp_path / chunk.name).write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="ledger"), _duckdb(tmp_path).reduce(ledger, ledgers.NOW) as reduction:
        reduction.counts()


def test_a_size_of_memory_that_duckdb_cannot_read_is_refused(tmp_path: Path) -> None:
    _, ledger = ledgers.write(tmp_path, *ledgers.drawn(6, 10))
    digester = open_digester("duckdb", f"folder:{tmp_path}", memory="much")
    with pytest.raises(SettingsError, match="--memory"), digester.reduce(ledger, ledgers.NOW):
        pass


def test_memory_that_does_not_suffice_is_a_matter_of_the_option(tmp_path: Path) -> None:
    _, ledger = ledgers.write(tmp_path, *ledgers.drawn(1))
    digester = open_digester("duckdb", f"folder:{tmp_path}", memory="1MB")
    with (
        pytest.raises(SettingsError, match="--memory: expected more than 1MB"),
        digester.reduce(ledger, ledgers.NOW) as r,
    ):
        r.counts()


@pytest.mark.usefixtures("spark")
def test_models_from_the_digests_of_all_engines_are_one(tmp_path: Path) -> None:
    out = tmp_path / "digest.json"
    given = ["--interactions", "5000", "--train", "each", "--out", str(out)]
    assert digest.main(given) == 0
    [size] = json.loads(out.read_text())["sizes"]
    assert set(size["engines"]) == {"numpy", "duckdb", "spark local[2]", "spark cluster"}
    assert all(found["training"]["model"] for found in size["engines"].values())
