"""Stores of a command, and the key that belongs to them."""

import pytest

from jobs.places import named
from shared.errors import SettingsError
from shared.settings import Settings


def test_options_name_stores_in_place_of_the_settings() -> None:
    settings = Settings()
    assert named(settings, documents=None, objects=None) == settings
    changed = named(settings, documents="firestore:p", objects="gs:b")
    assert (changed.documents, changed.objects) == ("firestore:p", "gs:b")
    deployed = Settings(documents="firestore:p", objects="gs:b")
    assert named(deployed, documents=None, objects=None) == deployed


@pytest.mark.parametrize("documents", [None, "firestore:p"])
def test_firestore_is_not_used_with_the_key_of_a_default_folder(documents: str | None) -> None:
    settings = Settings() if documents else Settings(documents="firestore:p")
    with pytest.raises(SettingsError, match=r"^--objects: firestore:p is used with the key in its deployment's bucket"):
        named(settings, documents=documents, objects=None)
