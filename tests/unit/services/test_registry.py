"""Model registry: publishing, pruning, and rollbacks that earlier trainings do not undo."""

from datetime import timedelta
from pathlib import Path

import pytest

from jobs import rollback
from jobs import versions as versions_command
from shared.adapters.objects.folder import FolderObjects
from shared.catalog.calendar import Calendar
from shared.errors import Conflict, InvalidField, NotFound
from shared.ports import Blob
from shared.ranking.recommender import Recommender
from shared.services.registry import KEPT, POINTER, Pointer, activate, prune, publish, versions
from shared.services.serving.snapshot import Serving
from shared.services.training.run import PUBLISHED, YIELDED
from tests import laws
from tests.examples import DAY, NOW, an_event
from tests.known import known
from tests.stores import ContestedObjects, damage, documents
from tests.training import run, train

SECOND = timedelta(seconds=1)


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path)


def _publish(objects: FolderObjects, version: str, *, began: int = 0) -> str:
    manifest, data = laws.artifact("popularity", Recommender.empty(Calendar()), version=version)
    return publish(objects, manifest, data, began=NOW + began * SECOND, uploaded=lambda: None)


def _current(objects: FolderObjects) -> str:
    return Pointer.from_json(known(objects.read(POINTER)).data).version


def test_versions_are_listed_newest_first(objects: FolderObjects, tmp_path: Path) -> None:
    assert versions(objects) == []
    for version in ("v1", "v2", "v3"):
        assert _publish(objects, version) == ""
    damage(tmp_path, "models/v2/manifest.json", lambda _: b"{")
    assert [(entry.version, entry.is_current) for entry in versions(objects)] == [("v3", True), ("v1", False)]


def test_a_rollback_moves_the_pointer_back_and_forth(objects: FolderObjects) -> None:
    for version in ("v1", "v2"):
        _publish(objects, version)
    assert activate(objects, "v1", now=NOW) == Pointer(version="v1", newest="v2", activated_at=NOW)
    assert _current(objects) == "v1"
    activate(objects, "v2", now=NOW)
    assert _current(objects) == "v2"


@pytest.mark.parametrize(
    ("version", "began", "reason"),
    [
        ("v3", -5, "v1 was activated by hand after this training began"),
        ("v3", 0, "v1 was activated by hand after this training began"),
        ("v15", 5, "v2 is newer"),
        ("v3", 5, ""),
    ],
)
def test_a_training_that_began_before_a_rollback_does_not_undo_it(
    objects: FolderObjects, version: str, began: int, reason: str
) -> None:
    for earlier in ("v1", "v2"):
        _publish(objects, earlier, began=-9)
    activate(objects, "v1", now=NOW)
    assert _publish(objects, version, began=began) == reason
    assert _current(objects) == ("v1" if reason else version)


def test_a_held_version_stays_until_a_version_is_activated_without_hold(objects: FolderObjects) -> None:
    _publish(objects, "v1")
    activate(objects, "v1", now=NOW, hold=True)
    assert _publish(objects, "v2", began=5) == "v1 is held by hand"
    activate(objects, "v1", now=NOW + SECOND)
    assert _publish(objects, "v3", began=5) == ""


def test_a_version_that_cannot_serve_is_not_activated(objects: FolderObjects, tmp_path: Path) -> None:
    for version in ("v1", "v2", "v3", "v4"):
        _publish(objects, version)
    damage(tmp_path, "models/v1/model.npz", lambda data: data[:-1])
    damage(tmp_path, "models/v2/manifest.json", lambda data: data.replace(b'"format": 1', b'"format": 2'))
    (tmp_path / "models/v3/model.npz").unlink()
    with pytest.raises(NotFound, match="version: expected a published one, got 'v9'"):
        activate(objects, "v9", now=NOW)
    for version, reason in (("v1", "sha256"), ("v2", "format"), ("v3", "one is missing")):
        with pytest.raises(Conflict, match=f"(?s)version {version} cannot serve: .*{reason}"):
            activate(objects, version, now=NOW)
    for version in ("", "../v4", "a/b"):
        with pytest.raises(InvalidField, match=r"^(version|name): "):
            activate(objects, version, now=NOW)
    assert _current(objects) == "v4"


def test_a_rollback_retries_when_a_training_publishes_concurrently(objects: FolderObjects) -> None:
    for version in ("v1", "v2"):
        _publish(objects, version)
    concurrent = Pointer(version="v3", newest="v3").to_json()
    assert activate(ContestedObjects(objects, POINTER, [concurrent]), "v1", now=NOW).newest == "v3"
    assert _current(objects) == "v1"


def test_pruning_keeps_the_newest_ten_and_the_version_in_service(objects: FolderObjects) -> None:
    names = [f"v{number:02}" for number in range(KEPT + 5)]
    for version in names:
        _publish(objects, version)
    activate(objects, "v02", now=NOW)
    objects.write("models/v03-killed/model.npz", b"half", generation=0)
    objects.write("models/v99-at-work/model.npz", b"half", generation=0)
    pruned = prune(objects)
    assert pruned == ["v00", "v01", "v03", "v03-killed", "v04"]
    assert [entry.version for entry in versions(objects)] == [*reversed(names[5:]), "v02"]
    assert "models/v99-at-work/model.npz" in objects.names("models/")
    assert prune(objects) == []


def test_pruning_keeps_the_versions_that_experiments_name(objects: FolderObjects) -> None:
    for number in range(KEPT + 3):
        _publish(objects, f"v{number:02}")
    assert prune(objects, named=lambda: ["v01"]) == ["v00", "v02"]


def test_pruning_without_a_pointer_deletes_nothing(objects: FolderObjects) -> None:
    objects.write("models/v1/model.npz", b"half", generation=0)
    assert prune(objects) == []


def test_the_next_training_may_publish_after_a_rollback_and_serving_follows_each_pointer(
    objects: FolderObjects,
) -> None:
    store = documents()
    store.events.put([an_event("a", starts_at=NOW + 30 * DAY)], now=NOW)
    serving = Serving(store, objects, refresh_s=30)
    first, second = (train(store, objects, now=NOW + n * SECOND).version for n in (0, 1))
    seen = [serving.current(NOW + SECOND).model_version]
    activate(objects, first, now=NOW + 3 * SECOND)
    assert run(store, objects, now=NOW + 2 * SECOND).decision == YIELDED
    seen.append(serving.current(NOW + 60 * SECOND).model_version)
    later = run(store, objects, now=NOW + 90 * SECOND)
    seen.append(serving.current(NOW + 120 * SECOND).model_version)
    assert later.decision == PUBLISHED
    assert seen == [second, first, later.version]


def test_an_instance_never_returns_to_an_earlier_pointer(objects: FolderObjects, tmp_path: Path) -> None:
    _publish(objects, "v1")
    old = objects.read(POINTER)
    _publish(objects, "v2")

    class StaleObjects(FolderObjects):
        """Object store that can answer with an earlier pointer than before."""

        is_stale = False

        def read(self, name: str) -> Blob | None:
            return old if name == POINTER and self.is_stale else super().read(name)

    stale = StaleObjects(tmp_path)
    serving = Serving(documents(), stale, refresh_s=30)
    assert serving.current(NOW).model_version == "v2"
    stale.is_stale = True
    assert serving.current(NOW + 60 * SECOND).model_version == "v2"


def test_the_command_lists_and_rolls_back(
    objects: FolderObjects, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("v1", "v2", "v3"):
        _publish(objects, version)
    options = ["--objects", f"folder:{tmp_path}"]
    assert rollback.main(options) == 0
    listed = capsys.readouterr().out
    assert listed.splitlines()[0].split() == ["version", "model", "trained", "NDCG@10", "MB"]
    assert listed.splitlines()[1].split()[:3] == ["v3", "(serves)", "popularity"]
    assert versions_command.main(options) == 0
    assert capsys.readouterr().out == listed
    assert rollback.main(["previous", "--hold", *options]) == 0
    assert capsys.readouterr().out.startswith("v2 serves and is held")
    assert Pointer.from_json(known(objects.read(POINTER)).data).is_held
    assert rollback.main(["previous", *options]) == 0
    assert _current(objects) == "v1"
    for wrong in ("previous", "v7"):
        assert rollback.main([wrong, *options]) == 2
    assert "error: " in capsys.readouterr().err
    assert _current(objects) == "v1"


def test_versions_are_listed_beside_a_pointer_that_cannot_be_read(objects: FolderObjects) -> None:
    _publish(objects, "v1")
    for data in (b"", b"null", b"[" * 20_000, b'{"version": "../v1"}', b"\xff"):
        objects.write(POINTER, data, generation=known(objects.read(POINTER)).generation)
        assert [(version.version, version.is_current) for version in versions(objects)] == [("v1", False)]
    activate(objects, "v1", now=NOW)
    assert [(version.version, version.is_current) for version in versions(objects)] == [("v1", True)]
