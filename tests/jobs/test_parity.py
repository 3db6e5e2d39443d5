"""Parity of stores: recommendations are equal on local stores and on Firestore with Cloud Storage."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs import load, retrain
from jobs.sample import write_sample
from shared.adapters.stores import open_documents, open_objects
from shared.ranking.query import ListQuery, Recommendation
from shared.services.serving.context import ListRequest, ServingContext
from shared.services.serving.lists import recommend
from shared.services.serving.snapshot import Serving
from tests.stores import keys
from tools.emulators.programs import ROOT

# Real data is not part of the project; it is used if the folder exists.
REAL_DATA = Path(os.environ.get("MARQUEE_E2E_DATA", ROOT.parent / "shared" / "data" / "meetup_montana"))
FOLDERS = ["sample", *([str(REAL_DATA)] if REAL_DATA.is_dir() else [])]
COLD_START_USER = ""

Lists = dict[str, list[Recommendation]]


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param != "sample":
        return Path(request.param)
    write_sample(tmp_path / "city", users=99, events=100, interactions=1_500, seed=5, now=datetime.now(UTC))
    return tmp_path / "city"


@pytest.fixture
def google(firestore_host: str, storage_host: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Empty Firestore project and empty bucket on the emulators, as settings of the stores."""
    from google.cloud.storage import Client

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_host)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_host)
    name = f"parity-{os.urandom(6).hex()}"
    client = Client()
    client.create_bucket(name)
    client.close()
    return f"firestore:{name}", f"gs:{name}"


@pytest.mark.emulator
def test_local_and_google_stores_give_equal_recommendations(
    folder: Path, google: tuple[str, str], tmp_path: Path
) -> None:
    local = (f"sqlite:{tmp_path / 'documents.db'}", f"folder:{tmp_path / 'bucket'}")
    local_lists, google_lists = (recommend_batch(folder, tmp_path, *stores) for stores in (local, google))
    assert len(local_lists) == 51
    assert all(len(items) == 10 for items in local_lists.values())
    # Lists are personalized.
    assert sum(items != local_lists[COLD_START_USER] for items in local_lists.values()) > 25
    assert google_lists == local_lists


def recommend_batch(folder: Path, out: Path, store: str, bucket: str) -> Lists:
    """Recommendations by user id, after a load and a training run, at the time of the last interaction."""
    places = ["--store", store, "--objects", bucket]
    assert load.main([str(folder), *places, "--rejected", str(out / "rejected.csv")]) == 0
    assert retrain.main(places) == 0
    documents = open_documents(store, keys)
    done = list(documents.interactions.since(None))
    now = max(interaction.occurred_at for interaction in done)
    active = Counter(
        interaction.user_id for interaction in sorted(done, key=lambda interaction: interaction.interaction_id)
    )
    serving = Serving(documents, open_objects(bucket), refresh_s=30, first_s=60)
    context = ServingContext(serving, documents, lambda: now, deadline_s=10)
    answers = {
        user_id: recommend(context, ListRequest(user_id=user_id, query=ListQuery(k=10)))
        for user_id in [COLD_START_USER, *(user_id for user_id, _ in active.most_common(50))]
    }
    documents.close()
    assert all(answer.degraded == () and answer.model_version for answer in answers.values())
    return {user_id: answer.items for user_id, answer in answers.items()}
