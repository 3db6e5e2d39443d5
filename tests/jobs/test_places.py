"""Stores of a command, and the key that belongs to them."""

import pytest

from jobs.places import named, with_objects
from shared.errors import SettingsError
from shared.settings import Settings


def test_options_name_stores_in_place_of_the_settings() -> None:
    settings = Settings()
    assert named(settings, documents=None, objects=None) == settings
    changed = named(settings, documents="firestore:p", objects="gs:b")
    assert (changed.documents, changed.objects) == ("firestore:p", "gs:b")
    deployed = Settings(documents="firestore:p", objects="gs:b")
    assert named(deployed, documents=None, objects=None) == deployed


def test_a_place_is_proposed_that_is_accepted_there() -> None:
    for environ, place in (({}, "gs:BUCKET"), ({"FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080"}, "folder:APP/marquee")):
        with pytest.raises(SettingsError, match=place):
            named(Settings(), documents="firestore:p", objects=None, environ=environ)


@pytest.mark.parametrize("documents", [None, "firestore:p"])
def test_firestore_is_not_used_with_the_key_of_a_default_folder(documents: str | None) -> None:
    settings = Settings() if documents else Settings(documents="firestore:p")
    with pytest.raises(SettingsError, match=r"^--objects: firestore:p is used with the key in its deployment's bucket"):
        named(settings, documents=documents, objects=None)


@pytest.mark.parametrize("marker", ["K_CONFIGURATION", "CLOUD_RUN_JOB", "GAE_SERVICE"])
def test_a_job_on_google_cloud_refuses_options_that_name_its_own_disk(marker: str) -> None:
    deployed, environ = Settings(documents="firestore:p", objects="gs:b"), {marker: "nightly"}
    assert named(deployed, documents="firestore:q", objects="gs:c", environ=environ).documents == "firestore:q"
    assert with_objects(deployed, None, environ) == deployed
    with pytest.raises(SettingsError, match=r"^--store: 'sqlite:x\.db' is for local use"):
        named(deployed, documents="sqlite:x.db", objects=None, environ=environ)
    with pytest.raises(SettingsError, match=r"^--objects: 'folder:x' is for local use"):
        named(deployed, documents=None, objects="folder:x", environ=environ)
    with pytest.raises(SettingsError, match=r"^--objects: 'folder:x' is for local use"):
        with_objects(deployed, "folder:x", environ)
    assert with_objects(deployed, "folder:x", {}).objects == "folder:x"
