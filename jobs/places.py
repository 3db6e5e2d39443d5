"""Stores of a command: those of the settings, or those that its options name in their place."""

from dataclasses import replace

from shared.adapters.stores import DOCUMENTS, OBJECTS
from shared.errors import SettingsError
from shared.settings import Settings, check_store

DOCUMENTS_HELP = "sqlite:PATH or firestore:PROJECT (default: $MARQUEE_DOCUMENTS or SQLite)"
OBJECTS_HELP = "folder:PATH or gs:BUCKET, where the deployment's key is (default: $MARQUEE_OBJECTS or a folder)"


def named(settings: Settings, *, documents: str | None, objects: str | None) -> Settings:
    """Settings with the stores of the options `--store` and `--objects`; raises `SettingsError`.

    Firestore needs a named object store: with the key of another deployment, what is counted would count again, and
    who is forgotten would not be found.
    """
    changed = settings
    if documents:
        changed = replace(changed, documents=check_store(documents, DOCUMENTS, "--store"))
    if objects:
        return replace(changed, objects=check_store(objects, OBJECTS, "--objects"))
    if changed.documents.startswith("firestore:") and changed.objects == Settings().objects:
        raise SettingsError(
            f"--objects: {changed.documents} is used with the key in its deployment's bucket; name the bucket as"
            " gs:BUCKET here or in MARQUEE_OBJECTS"
        )
    return changed
