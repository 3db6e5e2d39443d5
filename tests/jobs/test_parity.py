"""The same folder gives the same recommendations on this machine's stores and on Google's."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs import load, retrain
from jobs.sample import write_sample
from shared.adapters.stores import open_documents, open_objects
from shared.ranking.query import ListQuery, Recommendation
from shared.services.serving.context import ServingContext
from shared.services.serving.recommend import recommend
from shared.services.serving.snapshot import Serving
from tests.emulators.programs import ROOT

# Real events are no part of the project; where some lie beside it, they are used as well.
REAL_DATA = Path(os.environ.get("MARQUEE_E2E_DATA", ROOT.parent / "shared" / "data" / "meetup_montana"))
FOLDERS = ["sample", *([str(REAL_DATA)] if REAL_DATA.is_dir() else [])]
STRANGER = ""

Lists = dict[str, list[Recommendation]]


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param != "sample":
        return Path(request.param)
    write_sample(tmp_path / "city", users=99, events=100, interactions=1_500, seed=5, now=datetime.now(UTC))
    return tmp_path / "city"


@pytest.fixture
def google(firestore_host: str, storage_host: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """An empty project and an empty bucket on the emulators."""
    from google.cloud.storage import Client

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_host)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_host)
    name = f"parity-{os.urandom(6).hex()}"
    client = Client()
    client.create_bucket(name)
    client.close()
    return f"firestore:{name}", f"gs:{name}"


@pytest.mark.emulator
def test_both_pairs_of_stores_give_the_same_recommendations(
    folder: Path, google: tuple[str, str], tmp_path: Path
) -> None:
    local = (f"sqlite:{tmp_path / 'documents.db'}", f"folder:{tmp_path / 'bucket'}")
    here, there = (lists(folder, tmp_path, *stores) for stores in (local, google))
    assert len(here) == 51
    assert all(len(items) == 10 for items in here.values())
    # Personal lists, not one for all.
    assert sum(items != here[STRANGER] for items in here.values()) > 25
    assert there == here


def lists(folder: Path, out: Path, store: str, place: str) -> Lists:
    """Load, train and recommend at the time of the folder's last interaction."""
    assert load.main([str(folder), "--store", store, "--rejected", str(out / "rejected.csv")]) == 0
    assert retrain.main(["--store", store, "--objects", place]) == 0
    documents = open_documents(store)
    done = list(documents.interactions.since(None))
    now = max(one.occurred_at for one in done)
    active = Counter(one.user_id for one in sorted(done, key=lambda one: one.interaction_id))
    serving = Serving(documents, open_objects(place), refresh_s=30, first_s=60)
    context = ServingContext(serving, documents, lambda: now, deadline_s=10)
    answers = {
        user_id: recommend(context, user_id=user_id, query=ListQuery(k=10), recommendation_id="")
        for user_id in [STRANGER, *(user_id for user_id, _ in active.most_common(50))]
    }
    documents.close()
    assert all(answer.degraded == () and answer.model_version for answer in answers.values())
    return {user_id: answer.items for user_id, answer in answers.items()}
